"""The command `addax`."""

from __future__ import annotations

import argparse
import gc
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from .core.late import late
from .version import KERAS_API_VERSION, __version__

compat = late("addax.compat")
conversion = late("addax.saving.conversion")
first_fit = late("addax.first_fit")
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
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and argv[0] != "plan":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    try:
        return arguments.command(arguments)
    except BrokenPipeError:  # of `addax summary model.keras | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at its end
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if os.environ.get("ADDAX_TRACEBACK"):
            raise
        return _told(argv[0], error)


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

    plan = commands.add_parser(
        "plan",
        help="show what a script's training would take on other devices",
        description="Runs a script to its first `fit`, and shows memory, traffic and time of a step instead of "
        "training. Arguments that are none of these are the script's.",
    )
    plan.add_argument("script", help="the script")
    plan.add_argument("--devices", help="number and kind, such as 64xH100; the devices that are here if left out")
    plan.add_argument("--memory", type=_gigabytes, help="memory of a device in GB; what its kind has if left out")
    plan.add_argument("--compile", action="store_true", help="compile the step and count its transfers")
    plan.set_defaults(command=_plan)

    demo = commands.add_parser("demo", help="train on handwritten digits, from data to picture")
    demo.add_argument("--out", default="addax-demo.png", help="path of the picture of the training curves")
    demo.add_argument("--epochs", type=_positive, help="number of epochs, for a shorter or longer run")
    demo.set_defaults(command=_demo)
    return parser


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a positive number. Received: {text!r}")
    return number


def _gigabytes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number of gigabytes. Received: {text!r}")
    return number * 1e9


class _Version(argparse.Action):
    """Prints the versions, which take a while to find out, when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(_versions())
        parser.exit()


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        jax = version("jax")
    except PackageNotFoundError:
        jax = "missing"
    return f"addax {__version__} (Keras API {KERAS_API_VERSION}, jax {jax}, Python {sys.version.split()[0]})"


def _run(words: list[str], command: str = "run") -> int:
    compat.install()
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
            print(f"addax {command}: can't open '{kind}': there is no such file", file=sys.stderr)
            return 2
        else:
            sys.argv = words
            sys.path.insert(0, os.path.dirname(os.path.abspath(kind)))
            runpy.run_path(kind, run_name="__main__")
    except (Exception, KeyboardInterrupt) as error:
        frames = _from_script_on(error.__traceback__)
        if isinstance(error, ImportError) and frames is None:  # of the module that was to run
            print(f"addax {command}: {error}", file=sys.stderr)
            return 2
        traceback.print_exception(type(error), error, frames)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _from_script_on(tb: TracebackType | None) -> TracebackType | None:
    """Drops the frames before the script and those of the import hook; None where the script was not reached."""
    kept = list[TracebackType]()
    while tb is not None:
        module = tb.tb_frame.f_globals.get("__name__", "")
        ahead = module in (__name__, "runpy") or "frozen" in tb.tb_frame.f_code.co_filename
        if (kept or not ahead) and module != _HOOK:
            kept.append(tb)
        tb = tb.tb_next
    for outer, inner in zip(kept, [*kept[1:], None]):
        outer.tb_next = inner
    return kept[0] if kept else None


def _plan(arguments: argparse.Namespace) -> int:
    first_fit.check_devices(arguments.devices, arguments.compile)
    try:
        with first_fit.stopped_at_fit(arguments.devices, arguments.memory, arguments.compile):
            status = _run([arguments.script, *arguments.rest], "plan")
    except first_fit.Reached as reached:
        if reached.error is not None:
            raise reached.error from None
        print(reached.plan)
        return 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    if status == 0:
        raise ValueError(f"'{arguments.script}' ended before it trained a model: it calls no `fit`.")
    return status


def _summary(arguments: argparse.Namespace) -> int:
    gc.disable()  # the process ends before it would bring anything
    model = conversion.described(arguments.model)
    model.summary(style=arguments.style, expand_nested=arguments.expand_nested, show_trainable=arguments.show_trainable)
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    conversion.convert(arguments.source, arguments.target, arguments.config, arguments.overwrite)
    return 0


def _told(command: str, error: Exception) -> int:
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, (OSError, ValueError, TypeError, ImportError)):
        print(f"addax {command}: {error}{notes}", file=sys.stderr)
    else:  # nothing that a user's file should lead to
        told = f"{type(error).__name__}: {error}{notes}"
        print(f"addax {command}: {told}\nSet ADDAX_TRACEBACK=1 to see where it was raised.", file=sys.stderr)
    return 1


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import main as demo

    return demo(picture=arguments.out, epochs=arguments.epochs)
