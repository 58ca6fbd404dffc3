"""`model(x)` outside of any program: one compiled call, for models of which it is known that they do nothing else.

Layer by layer, each operation would be dispatched alone. A model of addax's own layers computes the same when it is
called again, so its whole call is compiled, once for each shape of its inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import config, tree
from ..core.buffers import own_copy
from ..core.config import thread
from ..core.engine import is_tracer, jax
from ..core.fingerprint import changes, fingerprint
from ..core.masks import get_mask, set_mask
from ..core.state import StateScope
from ..layers.calling import call_scope
from .program import shared_steps


class CompiledCall:
    """The compiled call of a model as it is now.

    Args:
        model: The model, built.
    """

    def __init__(self, model: Any):
        self.model = model
        self.stamp = changes.count
        self.layers = list(model._flatten_layers())
        self.variables = list(model.variables)
        self.fingerprint = None if model.run_eagerly else fingerprint(self.variables, model)
        self.is_pure = self.fingerprint is not None
        self._adds_losses = True
        if self.is_pure:
            self._steps = shared_steps("call", self.fingerprint)
        # JAX's class of arrays that hold values: checking for it is quicker than asking each array.
        self._array: Any = None

    def is_current(self) -> bool:
        """Whether the model still computes the same."""
        if self.stamp == changes.count:
            return True
        if self.fingerprint is None or fingerprint(self.model.variables, self.model) != self.fingerprint:
            return False
        self.stamp = changes.count
        return True

    def __call__(self, x: Any, training: bool | None) -> Any:
        """The outputs, after which variables and losses are as an ordinary call leaves them."""
        kind = self._array
        values = [v._value if type(v._value) is kind else v.stored_value() for v in self.variables]
        if kind is None and values:
            self._array = type(values[0])
        thread.program = self
        try:
            run = self._steps.compiled("_call", (values, x, training))
            out, written, losses, masks = run(values, x, training)
        finally:
            thread.program = None
        for i, value in written.items():
            self.variables[i].adopt(value)
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

    def _call(self, values: list, x: Any, training: bool | None) -> tuple:
        """What is compiled: the outputs, the new values of variables by number, the losses of layers, the masks."""
        model = self.model
        with StateScope(zip(self.variables, values)) as scope, call_scope(model):
            out = model._call_in_context(thread.call_context, (x,), {} if training is None else {"training": training})
            masks = [get_mask(y) for y in tree.flatten(out)]
        written = {i: scope.values[id(v)] for i, v in enumerate(self.variables) if id(v) in scope.written}
        numbers = {id(layer): i for i, layer in enumerate(self.layers)}
        losses: dict[int, list] = {}
        for layer, loss in scope.losses:
            losses.setdefault(numbers[id(layer)], []).append(loss)
        return out, written, losses, masks if any(m is not None for m in masks) else None


def compiled_call(model: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What `model(*args, **kwargs)` returns, if it can be had from one compiled call; else NotImplemented."""
    if len(args) != 1 or kwargs.keys() - {"training"} or thread.state_scope is not None or not model.built:
        return NotImplemented
    if thread.call_context is not None or thread.probe is not None or not config.get("compile_calls"):
        return NotImplemented
    x = args[0]
    if type(x) is np.ndarray:
        x = x.astype(config.floatx() if x.dtype == np.float64 else x.dtype)  # a copy: JAX may read it later
    elif all(_is_plain(leaf) for leaf in tree.flatten(x)):
        x = own_copy(x)
    else:
        return NotImplemented
    call = model.__dict__.get("_call")
    if call is None or not call.is_current():
        call = model.__dict__["_call"] = CompiledCall(model)
    training = kwargs.get("training")
    if not call.is_pure or not isinstance(training, (bool, type(None))):
        return NotImplemented
    try:
        return call(x, training)
    except Exception:
        return NotImplemented  # an ordinary call says best what is wrong


def _is_plain(x: Any) -> bool:
    """Whether `x` is an array of values, without a mask."""
    if isinstance(x, np.ndarray):
        return x.dtype != np.float64 and x.dtype.kind in "fiub"
    return isinstance(x, jax.Array) and not is_tracer(x) and get_mask(x) is None
