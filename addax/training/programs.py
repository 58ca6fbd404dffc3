"""Programs of a model: made when they are asked for, and anew when something that they depend on has changed."""

from __future__ import annotations

from ..core import tracing
from ..core.changes import changes
from ..core.ours import is_ours
from .prepare import check_optimizer
from .program import Program, program_key, surroundings
from .steps import StepModel


def program_of(model: StepModel, kind: str) -> Program:
    """Returns the program of a model as it is now."""
    program = model._programs.get(kind)
    if program is not None and program.checked_at == changes.count and program.key[1:] == surroundings(model, kind):
        return program  # its variables are the same, too
    if program is None or program.key != program_key(model, kind):
        if kind == "train" and is_ours(model.train_step):
            check_optimizer(model)
        with tracing.lock:
            program = model._programs.get(kind)
            if program is None or program.key != program_key(model, kind):
                program = model._programs[kind] = Program(model, kind)
    program.checked_at = changes.count
    return program
