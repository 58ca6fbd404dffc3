"""Figures of the code: python tools/figures.py [--check] [--details] [--write]

Prints what CONTRIBUTING.md shows. With --check it fails where a figure is past its goal, with --details it says what is
counted, and with --write it puts the table into CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import io
import keyword
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "addax"
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- figures: python tools/figures.py --write -->", "<!-- end of figures -->"

# What an engineer reads in an evening to know how the heart works.
EVENING = (
    *("core/owner", "core/graph", "core/op", "core/state", "layers/layer", "models/model"),
    *("training/steps", "training/program", "training/plans", "training/runner", "training/loop", "training/trainer"),
)
LONGEST_RUN = 6  # lines that two places share to count as similar
TOO_MANY = 8  # places of one passage from which on it is an idiom, not a copy


@dataclass
class Module:
    """A file of the package.

    Attributes:
        name: Its name in imports.
        path: Where it is.
        tree: Its syntax tree.
    """

    name: str
    path: Path
    tree: ast.Module


def modules() -> list[Module]:
    """The files of the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_text())))
    return found


# Imports


def imports_of(module: Module, known: set[str]) -> Iterator[tuple[str, int, bool]]:
    """Each import of the package's own modules: its name, its line, and whether it is inside a function.

    Names given to `import_module` and the like count: they are the strings that begin with the package's name.
    """
    package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    inside = {id(n) for f in functions(module.tree) for n in ast.walk(f) if n is not f}
    typed = {
        id(n)
        for i in ast.walk(module.tree)
        if isinstance(i, ast.If) and isinstance(i.test, ast.Name) and i.test.id == "TYPE_CHECKING"
        for n in ast.walk(i)
    }
    for node in ast.walk(module.tree):
        targets: list[str] = []
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, *([node.module] if node.module else [])])
            targets = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
        elif isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and any(
            "import" in n.id.lower() for n in ast.walk(node.func) if isinstance(n, ast.Name)
        ):
            values = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            targets = [v for v in values if v in known]
        for target in targets:
            if target in known and target != module.name:
                yield target, node.lineno, id(node) in inside and id(node) not in typed


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


# Functions


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions, those inside others too."""
    return (n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))


_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


def branch_points(function: ast.AST) -> int:
    """Places where a function, with what is inside it, can go two ways; each operand of `and` and `or` is one."""
    count = 0
    for node in ast.walk(function):
        if isinstance(node, _BRANCHES):
            count += 1
        elif isinstance(node, ast.BoolOp):
            count += len(node.values)
        elif isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
    return count


def annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """The annotations of a function's parameters, `*args` and `**kwargs` left out."""
    a = function.args
    for parameter in (*a.posonlyargs, *a.args, *a.kwonlyargs):
        if parameter.annotation is not None:
            yield parameter.annotation


# Similar passages


def shapes(module: Module) -> list[tuple[int, str]]:
    """The shape of each line of code: names, numbers and strings are alike.

    Imports, docstrings and signatures are left out: what a constructor takes is written where it is taken.
    """
    skipped: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            skipped.update(range(node.lineno, node.body[0].lineno))
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if text or isinstance(node, (ast.Import, ast.ImportFrom)):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: dict[int, list[str]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(module.path.read_text()).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            continue
        text = token.string
        if token.type == tokenize.NAME and not keyword.iskeyword(text):
            text = "n"
        elif token.type in (tokenize.NUMBER, tokenize.STRING):
            text = "v"
        lines[token.start[0]].append(text)
    thin = set("()[]{},:n")
    return [
        (number, " ".join(parts))
        for number, parts in sorted(lines.items())
        if number not in skipped and not set(parts) <= thin - {"n"}
    ]


def similar(files: list[Module]) -> list[tuple[str, str, int]]:
    """Pairs of places that share `LONGEST_RUN` lines of the same shape or more: both places, and how many lines."""
    of = {m.name: shapes(m) for m in files}
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, lines in of.items():
        for i in range(len(lines) - LONGEST_RUN + 1):
            places[tuple(s for _, s in lines[i : i + LONGEST_RUN])].append((name, i))
    matched: dict[tuple[str, str, int], set[int]] = defaultdict(set)  # files and offset -> beginnings
    for found in places.values():
        if 1 < len(found) < TOO_MANY:
            for k, (a, i) in enumerate(found):
                for b, j in found[k + 1 :]:
                    if a != b or abs(i - j) >= LONGEST_RUN:
                        matched[a, b, j - i].add(i)
    pairs = []
    for (a, b, offset), starts in matched.items():
        for i in sorted(starts):
            if i - 1 not in starts:
                end = i
                while end + 1 in starts:
                    end += 1
                first, second = of[a][i][0], of[b][i + offset][0]
                pairs.append((f"{a}:{first}", f"{b}:{second}", end - i + LONGEST_RUN))
    return sorted(pairs, key=lambda p: -p[2])


def _files(pair: tuple[str, str, int]) -> tuple[str, str]:
    return pair[0].partition(":")[0], pair[1].partition(":")[0]


@dataclass
class Figure:
    """A figure, its goal, and what it counts."""

    what: str
    value: float
    goal: float
    details: list[str]

    @property
    def shown(self) -> str:
        return f"{self.value:.0%}" if isinstance(self.value, float) else f"{self.value:,}"

    @property
    def at_most(self) -> str:
        return f"{self.goal:.0%}" if isinstance(self.value, float) else f"{self.goal:,}"


def figures() -> list[Figure]:
    """All figures."""
    files = modules()
    known = {m.name for m in files}
    edges: dict[str, set[str]] = defaultdict(set)
    local = []
    for m in files:
        for target, line, inside in imports_of(m, known):
            edges[m.name].add(target)
            if inside:
                local.append(f"{m.name}:{line} {target}")
    found = cycles(edges)
    knots, long, any_, all_ = [], [], 0, 0
    for m in files:
        for f in functions(m.tree):
            if (points := branch_points(f)) > 20:
                knots.append(f"{m.name}.{f.name}: {points}")
            if (length := (f.end_lineno or 0) - f.lineno + 1) > 100:
                long.append(f"{m.name}.{f.name}: {length}")
            for annotation in annotations(f):
                all_ += 1
                any_ += isinstance(annotation, ast.Name) and annotation.id == "Any"
    read = {p: len((PACKAGE / f"{p}.py").read_text().splitlines()) for p in EVENING if (PACKAGE / f"{p}.py").exists()}
    pairs = similar(files)
    alike = {_files(p) for p in pairs}
    return [
        Figure("import cycles of every kind", len(found), 0, [", ".join(c) for c in found]),
        Figure("functions of more than 20 branch points", len(knots), 0, knots),
        Figure("functions of more than 100 lines", len(long), 0, long),
        Figure("own imports inside functions", len(local), 4, local),
        Figure("lines of the evening's read", sum(read.values()), 3300, [f"{k}: {v}" for k, v in read.items()]),
        Figure("pairs of files with similar passages", len(alike), 90, [f"{a} ~ {b} ({n})" for a, b, n in pairs]),
        Figure("parameters annotated `Any`", any_ / all_, 0.08, [f"{any_} of {all_}"]),
    ]


def table(found: list[Figure]) -> str:
    """The figures as CONTRIBUTING.md shows them."""
    rows = [f"| {figure.what} | {figure.shown} | {figure.at_most} |" for figure in found]
    return "\n".join(["| figure | now | at most |", "|---|---:|---:|", *rows])


def with_table(page: str, found: list[Figure]) -> str:
    """`page` with the table of the figures between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE.name} needs a line {BEGIN} and, after it, a line {END}.")
    return f"{before}{BEGIN}\n\n{table(found)}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    missed = False
    found = figures()
    if "--write" in arguments:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    for figure in found:
        past = figure.value > figure.goal
        missed |= past
        print(f"{figure.what:42} {figure.shown:>7}  (at most {figure.at_most}){'  PAST IT' if past else ''}")
        if "--details" in arguments or (past and "--check" in arguments):
            for line in figure.details:
                print(f"    {line}")
    return 1 if missed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
