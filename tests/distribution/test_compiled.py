"""Transfers read off compiled programs. Those of several devices: `several_devices.py`."""

from __future__ import annotations

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.distribution.compiled import Transfer, read_transfers
from addax.distribution.planning import Plan, plan

CPU = """HloModule jit_f, entry_computation_layout={()->f32[]}

%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %c = f32[] add(%a, %b)
}

%inner (p: (s32[], f32[4,2])) -> (s32[], f32[4,2]) {
  %ar = (f32[4,2]{1,0}, bf16[3]{0}, pred[]) all-reduce(%x, %y, %z), channel_id=1, to_apply=%add
  %ag = f32[16,2]{1,0} all-gather(%x), channel_id=2, metadata={op_name="jit(f)/transpose(jvp(call0.))/call2./sort"}
}

%cond.1 (p: (s32[], f32[4,2])) -> pred[] {
  ROOT %lt = pred[] compare(%i, %n), direction=LT
}

%outer (p: (s32[], f32[4,2])) -> (s32[], f32[4,2]) {
  %w.1 = (s32[], f32[4,2]{1,0}) while(%t), condition=%cond.1, body=%inner, backend_config={"known_trip_count":{"n":"3"}}
}

%never (p: f32[]) -> f32[] {
  ROOT %dead = f32[] all-reduce(%p), channel_id=9, to_apply=%add
}

ENTRY %main (a: f32[8]) -> f32[] {
  %w.2 = (s32[], f32[4,2]{1,0}) while(%s), condition=%cond.1, body=%outer, backend_config={"known_trip_count":{"n":"2"}}
  %perm = u8[10]{0} collective-permute(%q), channel_id=4, metadata={op_name="jit(f)/jvp(call0.)/call1./roll"}
  %start = (f32[2,2]{1,0}, f32[4,2]{1,0}) all-gather-start(%r), channel_id=5
  %rs = f32[5]{0} reduce-scatter(%r), channel_id=6
  ROOT %use = f32[] fusion(%perm), kind=kLoop, calls=%fused
}
"""

TPU = """HloModule jit_f, is_scheduled=true

%fused.1 (p: bf16[64,2]) -> (bf16[64,2], bf16[512,2]) {
  %ag.1 = bf16[512,2]{1,0:T(8,128)} all-gather(%p), channel_id=2, frontend_attributes={chain_id="0"}
}

%fused.2 (p: bf16[64,2]) -> bf16[512,2] {
  %ag.2 = bf16[512,2]{1,0:T(8,128)} all-gather(%p), channel_id=2, frontend_attributes={chain_id="0"}
}

%all-reduce-scatter.3 (input_0: f32[256,512], input_1: f32[8]) -> (f32[32,512], f32[1]) {
  %all-reduce.14 = (f32[256,512]{1,0:T(8,128)}, f32[8]{0}) all-reduce(%input_0, %input_1), channel_id=1, to_apply=%add
}

ENTRY %main.2_spmd (a: f32[8]) -> f32[] {
  %start = (bf16[64,2]{1,0}, bf16[512,2]{1,0}) fusion(%a), kind=kCustom, calls=%fused.1
  %done = bf16[512,2]{1,0} fusion(%start), kind=kCustom, calls=%fused.2
  %sum = (f32[32,512]{1,0}, f32[1]{0}) fusion(%x), kind=kCustom, calls=%all-reduce-scatter.3
}
"""


def test_transfers_are_counted_as_often_as_they_run() -> None:
    assert read_transfers(CPU, ["net", "net/roll", "net/mix"]) == [
        Transfer("all-reduce", 6, 6 * (32 + 6 + 1)),
        Transfer("all-gather", 6, 6 * 128, "net/mix"),
        Transfer("collective-permute", 1, 10, "net/roll"),
        Transfer("all-gather", 1, 32),
        Transfer("reduce-scatter", 1, 20),
    ]


def test_transfers_within_fusions_of_tpus_count_once() -> None:
    assert read_transfers(TPU) == [
        Transfer("all-gather", 1, 2048),
        Transfer("reduce-scatter", 1, 4 * (32 * 512 + 1)),
    ]


def small() -> keras.Model:
    inputs = keras.Input((5,))
    h = layers.Dropout(0.1)(layers.Dense(3, name="hidden")(inputs))
    outputs = {"label": layers.Dense(4, "softmax")(h), "value": layers.Dense(1)(h)}
    model = keras.Model(inputs, outputs)
    losses = {"label": "sparse_categorical_crossentropy", "value": "mse"}
    model.compile("adam", losses, metrics={"label": "accuracy"})
    return model


def test_one_device_moves_nothing_and_the_model_stays_as_it_is() -> None:
    model = small()
    found = keras.distribution.explain(model, compile=True).compiled
    assert found is not None
    assert (found.platform, found.transfers, found.in_layers, found.memory) == ("cpu", [], [], None)
    assert str(found) == "as compiled for CPUs, a step has no transfers"
    weights = [*model.trainable_variables, *model.optimizer.variables]
    assert all(v._value is None for v in weights if len(v.shape) > 1)
    assert not model._compile_metrics.built and not model._compile_loss.built
    x = np.ones((8, 5), "float32")
    # Labels of another shape than those that were guessed.
    history = model.fit(x, {"label": np.ones((8, 1), int), "value": np.ones(8)}, verbose=0).history
    assert {"loss", "label_accuracy"} <= set(history)


def test_why_nothing_can_be_compiled() -> None:
    with pytest.raises(
        ValueError, match=r"for 64 devices, and this process has 1\. Set .*device_count=64 before Python"
    ):
        plan(small(), 64, devices="64xH100", compile=True)
    model = keras.Sequential([keras.Input((None, 3)), layers.Dense(2)])
    with pytest.raises(ValueError, match="must be compiled and the shapes of its inputs known"):
        keras.distribution.explain(model, compile=True)
    eager = small()
    eager.compile("sgd", {"label": "mse"}, run_eagerly=True)
    with pytest.raises(ValueError, match="run eagerly"):
        keras.distribution.explain(eager, compile=True)


def test_parts_and_blocks_are_in_a_plan() -> None:
    def block() -> keras.Model:
        return keras.Sequential([layers.Dense(256, "gelu"), layers.Dense(64)])

    def planned(remat: str | None, **options: int) -> Plan:
        model = keras.Sequential([keras.Input((64,)), block(), block()])
        model.compile("sgd", "mse", remat=remat)
        return plan(model, 4096, devices="8xH100", **options)

    whole, parts, again = planned(None), planned(None, micro_batches=4), planned("block")
    name, _, kept, why = parts.lines[-1]
    assert (name, why) == ("activations, estimate", "512 rows a device, in 4 parts")
    assert kept == pytest.approx(whole.lines[-1].device / 4, rel=1e-4)
    assert again.lines[-1].why == "512 rows a device, 2 blocks computed again"
    assert again.lines[-1].device < whole.lines[-1].device / 2
    assert whole.computing is not None and parts.computing == pytest.approx(whole.computing)
    assert again.computing == pytest.approx(whole.computing * 4 / 3)
