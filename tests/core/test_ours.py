"""Whose code something is."""

import functools
import types

import numpy as np

import addax
from addax import activations, layers
from addax.core.fingerprint import fingerprint
from addax.core.ours import is_our_module, is_ours, is_patched


class Mine(layers.Dense):
    def call(self, inputs):
        return super().call(inputs)


def test_what_is_addaxs_own():
    for x in (layers.Dense, layers.Dense(2), layers.Dense(2).call, activations.relu, addax.ops.relu):
        assert is_ours(x), x
    for x in (Mine, Mine(2), Mine(2).call, Mine.build, lambda x: x, np.tanh, np.mean, len, None, 3, "addax"):
        assert is_ours(x) is (x is Mine.build), x  # `build` is inherited


def test_a_borrowed_module_name_does_not_count():
    @functools.wraps(activations.relu)
    def wrapper(x):
        return activations.relu(x) + 1

    assert wrapper.__module__.startswith("addax.")
    assert not is_ours(wrapper)

    assert is_ours(addax.core.state.current_scope) and is_ours(addax.core.naming.name_scope)  # a context manager

    @addax.core.op.op
    def own(x: "addax.core.op.TensorLike"):
        return x

    assert not is_ours(own)
    assert not is_our_module("addax_contrib.layers")


def test_a_wrapper_of_the_users_shares_no_compiled_steps():
    @functools.wraps(activations.relu)
    def wrapper(x):
        return activations.relu(x) + 1

    assert fingerprint(layers.Dense(3, activation=activations.relu)) is not None
    assert fingerprint(layers.Dense(3, activation=wrapper)) is None


def test_patched_classes():
    cls = types.new_class("Copy", (layers.Dense,))
    cls.__module__ = "addax.layers.copy"
    assert not is_patched(cls)
    cls.call = lambda self, inputs: inputs
    assert is_patched(cls)
