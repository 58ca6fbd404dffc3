"""The command `addax`."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from .core.late import late
from .version import KERAS_API_VERSION, __version__

conversion = late("addax.saving.conversion")
_HOOK = "addax.compat.imports"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments after the command's name; None for those of the process.

    Returns:
        Exit status.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] == ["run"] and argv[1:] and argv[1] not in ("-h", "--help"):
        return _run(argv[1:])  # the arguments after the script belong to the script
    arguments = _parser().parse_args(argv)
    return arguments.command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="addax", description="The Keras API on JAX.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the versions of addax, JAX and Python")
    commands = parser.add_subparsers(metavar="command", required=True)

    run = commands.add_parser(
        "run",
        help="run a Keras script unmodified",
        description="Runs a script in which `keras` and `tensorflow.keras` are addax.",
        usage="addax run [-m module | -c code | script.py] [arguments ...]",
    )
    run.set_defaults(command=lambda _: run.error("what to run is missing: a script, `-m module` or `-c code`"))

    summary = commands.add_parser("summary", help="show the layers of a saved model")
    summary.add_argument(
        "model", help="path of a .keras file or folder, a legacy .h5 file, or a config in JSON or YAML"
    )
    summary.add_argument("--style", choices=("rich", "classic"), help="the table's style")
    summary.add_argument("--expand-nested", action="store_true", help="show the layers of nested models")
    summary.add_argument("--show-trainable", action="store_true", help="show which layers are trainable")
    summary.set_defaults(command=_summary)

    convert = commands.add_parser(
        "convert",
        help="write a model or weights in another format",
        description="Reads A and writes B. The content of A and the name of B tell their formats: models (.keras, "
        ".h5 of any version of Keras), weights (.weights.h5, .weights.json, .safetensors), configs (.json).",
    )
    convert.add_argument("source", metavar="A", help="the file to read")
    convert.add_argument("target", metavar="B", help="the file to write")
    convert.add_argument("--config", help="a file with the model's config, if A has weights alone")
    convert.add_argument("--overwrite", action="store_true", help="replace B if it exists")
    convert.set_defaults(command=_convert)

    demo = commands.add_parser("demo", help="train on handwritten digits, from data to picture")
    demo.add_argument("--out", default="addax-demo.png", help="path of the picture of the training curves")
    demo.add_argument("--epochs", type=int, help="number of epochs, for a shorter or longer run")
    demo.set_defaults(command=_demo)
    return parser


class _Version(argparse.Action):
    """Prints the versions, which take a while to find out, when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(_versions())
        parser.exit()


def _versions() -> str:
    from importlib.metadata import version

    return f"addax {__version__} (Keras API {KERAS_API_VERSION}, jax {version('jax')}, Python {sys.version.split()[0]})"


def _run(words: list[str]) -> int:
    from .compat import install

    install()
    kind, rest = words[0], words[1:]
    if kind in ("-m", "-c") and not rest:
        print(f"addax run: `{kind}` needs {'a module' if kind == '-m' else 'code'}", file=sys.stderr)
        return 2
    try:
        if kind == "-m":
            sys.argv = rest
            sys.path.insert(0, os.getcwd())
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif kind == "-c":
            sys.argv = ["-c", *rest[1:]]
            sys.path.insert(0, "")
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
        elif not os.path.exists(kind):
            print(f"addax run: can't open '{kind}': there is no such file", file=sys.stderr)
            return 2
        else:
            sys.argv = words
            sys.path.insert(0, os.path.dirname(os.path.abspath(kind)))
            runpy.run_path(kind, run_name="__main__")
    except Exception as error:
        traceback.print_exception(type(error), error, _from_script_on(error.__traceback__))
        return 1
    return 0


def _from_script_on(tb: TracebackType | None) -> TracebackType | None:
    """Drops the frames before the script from a traceback, and those of the import hook."""
    whole, kept = tb, list[TracebackType]()
    while tb is not None:
        module = tb.tb_frame.f_globals.get("__name__", "")
        ahead = module in (__name__, "runpy") or "frozen" in tb.tb_frame.f_code.co_filename
        if (kept or not ahead) and module != _HOOK:
            kept.append(tb)
        tb = tb.tb_next
    for outer, inner in zip(kept, [*kept[1:], None]):
        outer.tb_next = inner
    return kept[0] if kept else whole


def _summary(arguments: argparse.Namespace) -> int:
    try:
        model = conversion.described(arguments.model)
    except (OSError, ValueError, TypeError, ImportError) as error:
        return _told("summary", error)
    model.summary(style=arguments.style, expand_nested=arguments.expand_nested, show_trainable=arguments.show_trainable)
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    try:
        conversion.convert(arguments.source, arguments.target, arguments.config, arguments.overwrite)
    except (OSError, ValueError, TypeError, ImportError) as error:
        return _told("convert", error)
    return 0


def _told(command: str, error: Exception) -> int:
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    print(f"addax {command}: {error}{notes}", file=sys.stderr)
    return 1


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import main as demo

    return demo(picture=arguments.out, epochs=arguments.epochs)
