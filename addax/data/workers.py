"""Workers that load the batches of a `PyDataset`: threads, or processes where the program can be imported by them."""

from __future__ import annotations

import ast
import concurrent.futures
import operator
import sys
from collections.abc import Callable
from typing import Any

from ..core.warnings import warn


def make_pool(
    dataset: Any, workers: int, processes: bool, initializer: Callable[[Any], None]
) -> concurrent.futures.Executor:
    """Returns an executor of `workers` workers.

    Args:
        dataset: The dataset; each process gets a copy.
        workers: Number of workers.
        processes: Whether they are processes, where that is possible.
        initializer: Function that a process calls with its copy, once.
    """
    why = why_no_processes(dataset) if processes else ""
    if why:
        warn(f"`use_multiprocessing=True` of {type(dataset).__name__}: {why} Threads load the batches instead.")
    if why or not processes:
        return concurrent.futures.ThreadPoolExecutor(workers)
    import multiprocessing

    # Forking a process that runs JAX's threads can deadlock. Each worker gets the dataset once.
    return concurrent.futures.ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer, (dataset,)
    )


def why_no_processes(dataset: Any) -> str:
    """Returns why new processes can't load batches of `dataset`; empty where they can.

    They import the program's file before anything else, so that it must not train as it is imported.
    """
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    cls = type(dataset)
    if not _is_found(cls) or (file is None and cls.__module__ == "__main__"):
        return (
            "worker processes must import its class, which is defined inside a function, or in a session without a "
            "file (a notebook, or `python -c`). Define it in a module, and import it from there to use processes."
        )
    if file is None or _has_guard(file):
        return ""
    return (
        f"worker processes import {file} again, which would train in each of them. Put what the program does, other "
        'than imports, classes and functions, under `if __name__ == "__main__":` to use processes.'
    )


def _is_found(cls: type) -> bool:
    """Returns whether a class is what its module has under its name, so that it can be pickled."""
    try:
        return operator.attrgetter(cls.__qualname__)(sys.modules[cls.__module__]) is cls
    except (KeyError, AttributeError):
        return False


def _has_guard(file: str) -> bool:
    """Returns whether a program asks for `__name__` anywhere; taken for granted where its source can't be read."""
    try:
        with open(file, "rb") as source:
            nodes = ast.walk(ast.parse(source.read()))
    except (OSError, SyntaxError, ValueError):
        return True
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in nodes)


def ended(dataset: Any) -> RuntimeError:
    """Returns the error for worker processes that ended before they had loaded a batch."""
    return RuntimeError(
        f"The worker processes of {type(dataset).__name__} ended as they started; what they printed is above. They "
        "import the program again: keep what it does, other than imports, classes and functions, under "
        '`if __name__ == "__main__":`. Or pass `use_multiprocessing=False`, so that threads load the batches.'
    )


__all__ = ["ended", "make_pool", "why_no_processes"]
