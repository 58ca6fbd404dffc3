"""Classes and functions of `keras.distribution`: what they hold, say and refuse, beside Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import addax

THEIRS, OURS = keras.distribution, addax.distribution


def mesh(d: Any, names: tuple[str, ...] = ("batch", "model")) -> Any:
    return d.DeviceMesh((1,) * len(names), list(names), devices=["cpu:0"])


def rules(d: Any) -> Any:
    found = d.LayoutMap(mesh(d))
    found["dense"] = ("model",)
    found["a.*"] = (None, "model")
    found["b.*"] = d.TensorLayout(("batch", None))
    return found


SAME = {
    "mesh": lambda d: repr(mesh(d)),
    "mesh's devices": lambda d: mesh(d).devices.tolist(),
    "mesh of axes in a tuple": lambda d: d.DeviceMesh((1,), ("a",), ["cpu:0"]).axis_names,
    "layout": lambda d: repr(d.TensorLayout(["batch", None], mesh(d))),
    "layout's axes": lambda d: d.TensorLayout(["batch", None], mesh(d)).axes,
    "sharding": lambda d: str(d.TensorLayout((None, "model"), mesh(d)).backend_layout),
    "devices": lambda d: d.list_devices(),
    "devices of a kind": lambda d: d.list_devices("CPU"),
    "number of devices": lambda d: (d.get_device_count(), d.get_device_count("cpu")),
    "data parallel": lambda d: repr(d.DataParallel(devices=["cpu:0"])),
    "data parallel over a mesh": lambda d: d.DataParallel(mesh(d, ("rows",))).batch_dim_name,
    "layout of data": lambda d: repr(d.DataParallel(devices=["cpu:0"]).get_data_layout((16, 4))),
    "numbers": lambda d: [
        getattr(d.DataParallel(devices=["cpu:0"]), name)
        for name in ("num_model_replicas", "num_processes", "data_shard_id", "auto_shard_dataset", "batch_dim_name")
    ],
    "rule of a path": lambda d: [repr(rules(d)[p]) for p in ("dense", "dense/kernel", "x/dense", "abc", "bd", "xa")],
    "rules": lambda d: (list(rules(d)), len(rules(d)), rules(d).device_mesh.shape),
    "model parallel": lambda d: repr(d.ModelParallel(layout_map=rules(d), batch_dim_name="model")),
    "layout of data of model parallel": lambda d: d.ModelParallel(layout_map=rules(d)).get_data_layout((2, 3, 4)).axes,
    "layout of an output": lambda d: d.ModelParallel(layout_map=rules(d)).get_tensor_layout("a/output").axes,
    "distributed": lambda d: str(
        d.distribute_tensor(np.ones((4, 2)), d.TensorLayout((None, "model"), mesh(d))).sharding
    ),
    "no distribution": lambda d: d.distribution(),
}

REFUSED = {
    "mesh without a shape": lambda d: d.DeviceMesh(None, ["a"]),
    "mesh without names": lambda d: d.DeviceMesh((1,), None),
    "mesh with too few names": lambda d: d.DeviceMesh((1, 1), ["a"]),
    "mesh of too many devices": lambda d: d.DeviceMesh((2, 4), ["a", "b"], devices=["cpu:0"] * 3),
    "layout with another axis": lambda d: d.TensorLayout(("x",), mesh(d, ("a",))),
    "layout with another mesh": lambda d: setattr(d.TensorLayout(("a",), mesh(d, ("a",))), "device_mesh", mesh(d)),
    "sharding without a mesh": lambda d: d.TensorLayout(("a",)).backend_layout,
    "data parallel over text": lambda d: d.DataParallel(device_mesh="x"),
    "model parallel with other rules": lambda d: d.ModelParallel(layout_map=3),
    "a rule twice": lambda d: rules(d).__setitem__("dense", (None,)),
    "a rule that isn't a layout": lambda d: rules(d).__setitem__("x", 3),
    "number of addresses": lambda d: d.initialize("10.0.0.1:1234,10.0.0.2:1234", 3, 0),
    "devices of no kind": lambda d: d.list_devices("xpu"),
}


@pytest.mark.parametrize("case", SAME)
def test_same_as_keras(case: str) -> None:
    assert SAME[case](OURS) == SAME[case](THEIRS)


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_words_of_keras(case: str) -> None:
    errors = []
    for library in (THEIRS, OURS):
        with pytest.raises((ValueError, RuntimeError)) as info:
            REFUSED[case](library)
        errors.append((info.type, str(info.value)))
    assert errors[0] == errors[1]


def test_a_path_that_several_rules_match_is_refused_as_by_keras() -> None:
    texts = []
    for library in (THEIRS, OURS):
        found = rules(library)
        found["ab.*"] = ("model", None)
        with pytest.raises(ValueError) as info:
            _ = found["abc"]
        texts.append(str(info.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda: OURS.set_distribution(3), "takes a distribution such as"),
        (lambda: OURS.ModelParallel(layout_map=rules(OURS), batch_dim_name="rows"), "must be an axis of the mesh"),
        (lambda: OURS.ModelParallel(layout_map=rules(OURS), mesh=1), "has no argument 'mesh'"),
        (lambda: OURS.ModelParallel(layout_map=OURS.LayoutMap(None)), "needs a mesh"),
        (lambda: OURS.DeviceMesh((1, 1), ["a", "a"], ["cpu:0"]), "must differ"),
        (lambda: OURS.TensorLayout(("a", "a")), "can spread one axis"),
        (lambda: rules(OURS).__setitem__(3, ("model",)), "are paths or regular expressions"),
        (lambda: rules(OURS).__setitem__("(", ("model",)), "is not a regular expression"),
        (lambda: OURS.DataParallel(devices=["cpu:99"]).device_mesh.backend_mesh, "There is no device 'cpu:99'"),
    ],
)
def test_refused_by_addax_alone(what: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        what()


def test_a_scope_sets_a_distribution_and_sets_back_the_one_before() -> None:
    outer, inner = (OURS.DataParallel(devices=["cpu:0"]) for _ in range(2))
    with outer.scope():
        with inner.scope():
            assert OURS.distribution() is inner
        assert OURS.distribution() is outer
        variable = addax.Variable(np.zeros((2, 3), "float32"))
        assert variable.value.sharding.mesh.axis_names == ("batch",)
    assert OURS.distribution() is None


def test_a_data_parallel_mesh_of_two_axes_warns() -> None:
    with pytest.warns(UserWarning, match="first axis of the mesh, 'batch'"):
        OURS.DataParallel(mesh(OURS))


def test_a_rule_that_matches_nothing_names_the_nearest_paths() -> None:
    found = OURS.LayoutMap(mesh(OURS))
    found["dense.*kernel"] = (None, "model")
    model = addax.Sequential([addax.Input((2,)), addax.layers.Dense(1, name="dense")], name="net")
    model.compile("sgd", "mse")
    with (
        OURS.ModelParallel(layout_map=found).scope(),
        pytest.raises(ValueError, match=r"'dense\.\*kernel' .* matches no variable.*Nearest paths: net/dense/kernel"),
    ):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)


def test_clearing_the_session_ends_a_distribution_as_in_keras() -> None:
    for library in (keras, addax):
        library.distribution.set_distribution(library.distribution.DataParallel(devices=["cpu:0"]))
        library.utils.clear_session()
        assert library.distribution.distribution() is None


@pytest.mark.parametrize("devices", ["8xFoo", "H100", "0xH100"])
def test_a_plan_for_devices_that_are_not_known_is_refused(devices: str) -> None:
    model = addax.Sequential([addax.Input((4,)), addax.layers.Dense(2)])
    with pytest.raises(ValueError, match="The kinds that are known are A100"):
        OURS.plan(model, 8, devices=devices)


def test_only_a_built_model_is_explained() -> None:
    with pytest.raises(ValueError, match="isn't built"):
        OURS.explain(addax.Sequential([addax.layers.Dense(2)]))


def test_a_plan_spreads_what_does_not_fit() -> None:
    model = addax.Sequential([addax.Input((512,)), addax.layers.Dense(512), addax.layers.Dense(512)])
    model.compile("adam", "mse")
    state = 4 * 2 * 513 * 512
    found = {memory: OURS.plan(model, 64, devices="8xH100", memory=memory) for memory in (1e9, 6 * state, 3 * state)}
    whole, optimizer, full = (plan.lines for plan in found.values())
    assert [line.device for line in whole[:3]] == pytest.approx([state, 2 * state, state], rel=1e-4)
    kernels, biases = 4 * 2 * 512 * 512, 4 * 2 * 512
    assert optimizer[1].device == pytest.approx(2 * kernels / 8 + 2 * biases, rel=1e-3)
    assert optimizer[0].device == whole[0].device
    assert full[0].device == pytest.approx(kernels / 8 + biases, rel=1e-3)
    assert [plan.traffic.inside for plan in found.values()] == pytest.approx(
        [2 * state * 7 / 8, 2 * state * 7 / 8, (2 * kernels + state) * 7 / 8]
    )
    assert not any(v.initialized for v in model.trainable_variables)  # nothing was made


def test_the_output_of_a_layer_has_the_layout_of_its_rule() -> None:
    layout = OURS.LayoutMap(mesh(OURS))
    layout["up/output"] = ("batch", "model")
    with OURS.ModelParallel(layout_map=layout).scope():
        x = addax.Input((8,))
        model = addax.Model(x, addax.layers.Dense(4, name="up")(x))
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 8)), np.ones((4, 4)), verbose=0)  # no rule is left over
        found = model.get_layer("up")(np.ones((4, 8), "float32"))
    assert tuple(found.sharding.spec) == ("batch", "model")
