"""Pages of the API for the documentation's site, made from the docstrings when it is built: a hook of mkdocs.

Each public object has one page, named by its shortest public name; its other names are listed there, and each module
has a page that lists all of its names. Nothing of it is committed.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEEPEST = 4  # modules within modules
_SECTIONS = ("Args", "Attributes", "Returns", "Raises", "Yields", "Call arguments", "Input shape", "Output shape")
_SECTION = re.compile(rf"^({'|'.join(_SECTIONS)}):$")
_ITEM = re.compile(r"^(\*{0,2}\w[\w., *`]*?)(?: \(([^)]*)\))?: (.*)$")


class Entry:
    """A public object.

    Args:
        value: The object.
        names: Its public names, "keras.layers.Dense" and others, the shortest first.
    """

    def __init__(self, value: Any, names: list[str]):
        self.value = value
        self.names = names
        self.file = f"api/{names[0].removeprefix('keras.').replace('.', '/')}.md"

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        paragraph = " ".join((inspect.getdoc(self.value) or "").partition("\n\n")[0].split())
        return re.split(r"(?<=[.]) (?=[A-Z])", paragraph)[0]


class Api:
    """The public names of addax.

    Attributes:
        entries: One for each object, in the order of their names.
        modules: The names in each module, and the entry of each.
    """

    def __init__(self) -> None:
        sys.path.insert(0, str(ROOT))
        found: dict[int, tuple[Any, list[str]]] = {}
        self.module_docs: dict[str, str] = {}
        for path, value in self._walk(importlib.import_module("addax"), "keras", 0):
            found.setdefault(id(value), (value, []))[1].append(path)
        self.entries = [Entry(value, sorted(names, key=lambda n: (n.count("."), n))) for value, names in found.values()]
        self.entries.sort(key=lambda entry: entry.names[0])
        taken: set[str] = set()
        for entry in self.entries:  # `Huber` comes before `huber`, which file systems without case take for the same
            if entry.file.lower() in taken:
                entry.file = f"{entry.file.removesuffix('.md')}_function.md"
            taken.add(entry.file.lower())
        self.by_name = {name: entry for entry in self.entries for name in entry.names}
        self.modules: dict[str, dict[str, Entry]] = {name: {} for name in sorted(self.module_docs)}
        for name in sorted(self.by_name):
            module, _, short = name.rpartition(".")
            self.modules[module][short] = self.by_name[name]

    def _walk(self, module: ModuleType, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        self.module_docs[path] = (module.__doc__ or "").strip()
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not isinstance(value, ModuleType):
                yield f"{path}.{name}", value
            elif depth < DEEPEST:
                yield from self._walk(value, f"{path}.{name}", depth + 1)

    def pages(self) -> dict[str, str]:
        """The Markdown of each page, by its path below `docs/`."""
        found = {entry.file: self._page(entry) for entry in self.entries}
        for module in self.modules:
            found[_index(module)] = self._module_page(module)
        return found

    def _page(self, entry: Entry) -> str:
        up = "../" * entry.file.count("/")
        module = entry.names[0].rpartition(".")[0]
        parts = [f"# {entry.names[0].rpartition('.')[2]}", f"[`{module}`]({up}{_index(module)})"]
        parts.append(_signature(entry.names[0], entry.value))
        parts.append(self._linked(markdown(inspect.getdoc(entry.value) or ""), entry, up))
        if inspect.isclass(entry.value):
            parts += [self._linked(text, entry, up) for text in _methods(entry.value)]
        if entry.names[1:]:
            parts.append("Also: " + ", ".join(f"`{name}`" for name in entry.names[1:]) + ".")
        return "\n\n".join(parts) + "\n"

    def _module_page(self, module: str) -> str:
        file = _index(module)
        up = "../" * file.count("/")
        parts = [f"# {module}", markdown(self.module_docs[module])]
        below = [name for name in self.modules if name.rpartition(".")[0] == module]
        if below:
            parts.append("Modules: " + ", ".join(f"[`{name}`]({up}{_index(name)})" for name in below) + ".")
        rows = [
            f"| [`{name}`]({up}{entry.file}) | {_cell(entry.summary)} |" for name, entry in self.modules[module].items()
        ]
        if rows:
            parts.append("\n".join(["| name | |", "|---|---|", *rows]))
        return "\n\n".join(parts) + "\n"

    def _linked(self, text: str, entry: Entry, up: str) -> str:
        """Makes links of public names in backticks."""

        def link(found: re.Match) -> str:
            target = self.by_name.get(found[1].replace("addax.", "keras.", 1))
            return found[0] if target is None or target is entry else f"[`{found[1]}`]({up}{target.file})"

        pieces = re.split(r"(^```.*?^```$)", text, flags=re.S | re.M)
        return "".join(p if p.startswith("```") else re.sub(r"`((?:keras|addax)\.[\w.]+)`", link, p) for p in pieces)


def _index(module: str) -> str:
    below = module.removeprefix("keras").replace(".", "/")
    return f"api{below}/index.md"


def _signature(name: str, value: Any) -> str:
    if not callable(value):
        return f"```python\n{name} = {value!r}\n```"
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return f"```python\n{name}(...)\n```"
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    shown = [re.sub(r" at 0x[0-9a-f]+", "", str(p)) for p in plain if p.name != "self"]
    line = f"{name}({', '.join(shown)})"
    if len(line) > 90 and shown:
        line = f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + ")"
    return f"```python\n{line}\n```"


def _methods(cls: type) -> Iterator[str]:
    """The public methods and properties that a class itself has, with docstrings."""
    found = [(name, value) for name, value in vars(cls).items() if not name.startswith("_")]
    shown = []
    for name, value in sorted(found):
        function = getattr(value, "__func__", getattr(value, "fget", value))
        if callable(function) and (doc := inspect.getdoc(function)) and not inspect.isclass(function):
            shown.append((name, value, doc))
    if shown:
        yield "## Methods"
    for name, value, doc in shown:
        yield f"### {name}"
        if not isinstance(value, property):
            yield _signature(name, getattr(value, "__func__", value))
        yield markdown(doc)


def markdown(doc: str) -> str:
    """Returns a docstring as Markdown.

    Args:
        doc: The docstring: prose, sections such as `Args:`, and examples.
    """
    lines, out = doc.splitlines(), list[str]()
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith(">>>"):
            stop = next((i for i in range(number, len(lines)) if not lines[i].strip()), len(lines))
            out += ["", "```pycon", *lines[number:stop], "```", ""]
            number = stop
        elif _SECTION.match(line):
            stop = number + 1
            while stop < len(lines) and (not lines[stop].strip() or lines[stop].startswith(" ")):
                stop += 1
            body = textwrap.dedent("\n".join(lines[number + 1 : stop])).strip().splitlines()
            out += ["", f"**{line[:-1]}**", "", *_items(body), ""]
            number = stop
        else:
            out.append(_prose(line))
            number += 1
    return "\n".join(out).strip()


def _items(body: list[str]) -> list[str]:
    """The lines of a section: a list of what is described there, or prose."""
    out = []
    for line in body:
        found = _ITEM.match(line)
        if found and not line.startswith(" "):
            kind = f" ({found[2]})" if found[2] else ""
            out.append(f"- `{found[1].strip('`')}`{kind}: {_prose(found[3])}")
        else:
            out.append(_prose(line))
    return out


def _prose(line: str) -> str:
    """Escapes what isn't meant as markup: HTML, and brackets that would be links."""
    pieces = re.split(r"(`[^`]*`)", line)
    return "".join(p if p.startswith("`") else re.sub(r"<(?!https?:)", "&lt;", p) for p in pieces)


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages to the site's files; called by mkdocs."""
    from mkdocs.structure.files import File, InclusionLevel

    for path, text in Api().pages().items():
        # All in the menu of each page would make the site hundreds of megabytes large.
        level = InclusionLevel.INCLUDED if path == "api/index.md" else InclusionLevel.NOT_IN_NAV
        files.append(File.generated(config, path, content=text, inclusion=level))
    return files
