"""`model(x)` outside of any program: one compiled call, for models known to be free of side effects.

Layer by layer, each operation would be dispatched alone. A model of addax's own layers computes the same when it is
called again, so its whole call is compiled, once for each shape of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import config, lending, tree
from ..core.buffers import own_copy
from ..core.changes import changes
from ..core.config import thread
from ..core.engine import is_tracer, jax, refuse_if_forked
from ..core.fingerprint import Description
from ..core.jax_inside import trace_context
from ..core.lending import Loan
from ..core.masks import get_mask, set_mask
from ..core.placement import current
from ..core.state import StateScope
from ..core.warnings import warn
from ..layers.calling import call_scope
from .executables import SharingError, dict_keys, shared, spec_of
from .padding import row_count


def _call(description: Description, training: bool | None, values: list, x: Any) -> tuple:
    """The outputs of a model, the new values of variables by number, the losses of layers, the masks of the outputs."""
    return description.program().trace(values, x, training)


class CompiledCall:
    """The compiled call of a model as it is now.

    Args:
        model: The model, built.
    """

    def __init__(self, model: Any):
        self.model = model
        self.checked_at = changes.count
        self.layers = list(model._flatten_layers())
        self.variables = list(model.variables)
        self.description = self._describe()
        self.is_pure = self.description.is_known and not model.run_eagerly and not model._computes_with_text()
        self._executables = shared.of(self.description)
        self._adds_losses = True
        # Programs by what they are given, and whether they write to variables; None where that isn't known yet.
        self._ready: dict[Any, tuple[Callable, bool | None]] = {}

    def _describe(self) -> Description:
        mesh = None if (spread := current()) is None else spread.key
        found = Description("call", self, self.variables, self.model, more=self.model.run_eagerly, mesh=mesh)
        found.label = f"model '{self.model.name}'"
        return found

    def is_current(self) -> bool:
        """Returns whether the model still computes the same."""
        if self.checked_at == changes.count:
            return True
        count = changes.count
        if not self.description.is_known or self._describe() != self.description:
            return False
        self.checked_at = count
        return True

    def prepare(self, x: Any, training: bool | None) -> Any:
        """Traces and compiles the call for such inputs, where it is not compiled yet; returns its key for `run`."""
        spec = (x.shape, x.dtype) if type(x) is np.ndarray else spec_of(x)
        key = (training, trace_context(), spec)
        if key not in self._ready:
            keys = dict_keys(x)
            description = self.description.of_data(keys) if keys else self.description
            args = ([v.stored_value() for v in self.variables], x)
            found = self._executables.find(description, _call, training, args, row_count(x), donates=False)
            self._ready[key] = found.get(), None
        return key

    def run(self, key: Any, x: Any) -> Any:
        """The outputs, after which variables and losses are as an ordinary call leaves them."""
        refuse_if_forked()
        step, writes = self._ready[key]
        if writes is False:
            out, _, losses, masks = step(lending.read(self, self.variables), x)
        else:
            with lending.lock:  # or another call would begin with the same random numbers
                out, written, losses, masks = step(lending.read(self, self.variables), x)
                for i, value in written.items():
                    if not isinstance(self.variables[i]._value, Loan):
                        self.variables[i].replace_value(value)
            self._ready[key] = step, bool(written)
        if losses or self._adds_losses:
            self.model._clear_losses()
            for i, values in losses.items():
                self.layers[i]._losses.extend(values)
            self._adds_losses = bool(losses)
        if masks:
            for y, mask in zip(tree.flatten(out), masks):
                if mask is not None:
                    set_mask(y, mask)
        return out

    def trace(self, values: list, x: Any, training: bool | None) -> tuple:
        """Returns the result of `_call`, for tracing."""
        model = self.model
        with StateScope(zip(self.variables, values)) as scope, call_scope(model):
            out = model._call_in_context(thread.call_context, (x,), {} if training is None else {"training": training})
            masks = [get_mask(y) for y in tree.flatten(out)]
        written = {i: scope.values[id(v)] for i, v in enumerate(self.variables) if id(v) in scope.written}
        if (spread := current()) is not None:
            out = spread.whole(out)
            written = {i: spread.constrain([self.variables[i]], [value])[0] for i, value in written.items()}
        numbers = {id(layer): i for i, layer in enumerate(self.layers)}
        losses: dict[int, list] = {}
        for layer, loss in scope.added:
            losses.setdefault(numbers[id(layer)], []).append(loss)
        return out, written, losses, masks if any(m is not None for m in masks) else None

    def __deepcopy__(self, memo: dict) -> None:
        return None  # a copy of the model makes its own

    def __reduce__(self) -> Any:
        return type(None), ()


def called(model: Any, ordinary: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Returns `model(*args, **kwargs)`, from one compiled call where it can be had from one.

    Args:
        model: The model.
        ordinary: Its call, layer by layer.
        args, kwargs: The arguments.
    """
    if thread.call_context is not None or thread.state_scope is not None or thread.substitutes:
        return ordinary(*args, **kwargs)  # part of a call, a trace or a program
    call = _compiled_call(model, args, kwargs)
    if call is None:
        return _ordinary(model, ordinary, args, kwargs)
    x = _input(args[0])
    try:
        try:
            key = call.prepare(x, kwargs.get("training"))
        except SharingError:
            raise
        except Exception as error:
            found = _ordinary(model, ordinary, args, kwargs)  # which says what is wrong in the user's terms
            call.is_pure = False
            if not isinstance(error, jax.errors.ConcretizationTypeError):
                warn(
                    f"Model '{model.name}' can't be compiled for calls, so it runs layer by layer, which is slower: "
                    f"{type(error).__name__}: {error}"
                )
            return found
        return call.run(key, x)
    finally:
        lending.done(call)


def _ordinary(model: Any, ordinary: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A call layer by layer; what it reads is left alone by training in other threads."""
    try:
        lending.enter(model)
        return ordinary(*args, **kwargs)
    finally:
        lending.done(model)


def _compiled_call(model: Any, args: tuple, kwargs: dict[str, Any]) -> CompiledCall | None:
    """The compiled call that `model(*args, **kwargs)` may be, if there is one."""
    if len(args) != 1 or not model.built or thread.probe is not None or not config.get("compile_calls"):
        return None
    if kwargs and (len(kwargs) > 1 or not isinstance(kwargs.get("training", ""), (bool, type(None)))):
        return None
    if type(args[0]) is not np.ndarray and not all(_is_plain(leaf) for leaf in tree.flatten(args[0])):
        return None
    call = model.__dict__.get("_call")
    if call is None or not (call.checked_at == changes.count or call.is_current()):
        call = model.__dict__["_call"] = CompiledCall(model)
    return call if call.is_pure else None


def _input(x: Any) -> Any:
    """Input as it may be given to a program: a copy, as JAX may read it later."""
    if type(x) is np.ndarray:
        return x.astype(config.floatx() if x.dtype == np.float64 else x.dtype)
    return own_copy(x)


def _is_plain(x: Any) -> bool:
    """Returns whether `x` is an array of values, without a mask."""
    if isinstance(x, np.ndarray):
        return x.dtype != np.float64 and x.dtype.kind in "fiub"
    return isinstance(x, jax.Array) and not is_tracer(x) and get_mask(x) is None
