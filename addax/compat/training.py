"""Converts the arguments of `compile` in older files: optimizer, losses and metrics."""

from __future__ import annotations

from typing import Any

from ..core import registry
from ..core.naming import to_snake_case
from ..core.serialization import OWN_COMPILE_ARGUMENTS
from ..core.signature import init_parameters
from ..core.types import Config, Tree
from ..core.warnings import warn
from .configs import present_model

OPTIMIZERS, SCHEDULES, LOSSES, METRICS = (
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.losses",
    "keras.metrics",
)
_RENAMED = {"lr": "learning_rate", "ema_overwrite_freq": "ema_overwrite_frequency"}
# Arguments that optimizers no longer have, and that change nothing.
_OPTIMIZER_DROPPED = (
    "decay",
    "initial_decay",
    "is_legacy_optimizer",
    "jit_compile",
    "schedule_decay",
    "gradient_transformers",
    "gradient_aggregator",
)
_REDUCTIONS = {"auto": "sum_over_batch_size", "sum_over_batch": "sum_over_batch_size"}
_KEPT = (
    *("loss_weights", "run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss"),
    *OWN_COMPILE_ARGUMENTS,
)


def present_compile(config: Config) -> Config:
    """Returns the arguments of `compile` in the current form.

    Args:
        config: `training_config` of an `.h5` file, or `compile_config` of a `.keras` file.
    """
    found: Config = {k: config[k] for k in _KEPT if config.get(k) is not None}
    optimizer = config.get("optimizer_config", config.get("optimizer"))
    found["optimizer"] = present_optimizer(optimizer) if isinstance(optimizer, dict) else optimizer
    found["loss"] = _objects(config.get("loss"), LOSSES)
    for key in ("metrics", "weighted_metrics"):
        found[key] = _unwrapped(_objects(config.get(key), METRICS))
    return found


def present_archive(config: Config, version: str) -> Config:
    """Returns the config in a `.keras` file of TensorFlow's Keras 2.12 to 2.15 in the current form.

    Args:
        config: The config.
        version: The version of Keras that wrote it.
    """
    compiled = config.get("compile_config")
    config = present_model({k: v for k, v in config.items() if k != "compile_config"}, version)
    return (
        {**config, "compile_config": present_compile(compiled)} if isinstance(compiled, dict) and compiled else config
    )


def present_optimizer(config: Config) -> Config:
    """Returns the config of an optimizer in the current form.

    Args:
        config: Class and config, as an older file holds them.
    """
    name, own = _bare(config), config.get("config")
    if not isinstance(own, dict):
        return config
    if registry.get_registered_object(str(config["class_name"])) is not None:
        return config
    own = {_RENAMED.get(k, k): v for k, v in own.items()}
    cls = registry.resolve(OPTIMIZERS, name)
    if cls is None:
        return config
    if name == "LossScaleOptimizer" and isinstance(own.get("inner_optimizer"), dict):
        own["inner_optimizer"] = present_optimizer(own["inner_optimizer"])
        kept = ("name", "inner_optimizer", "initial_scale", "dynamic_growth_steps")
        return _placed(OPTIMIZERS, name, {k: v for k, v in own.items() if k in kept})
    rate = _rate(own)
    own = {k: _number(v) for k, v in own.items() if k not in _OPTIMIZER_DROPPED}
    if rate is not None:
        own["learning_rate"] = rate
    if own.get("epsilon", 0) is None:  # the default of the backend
        del own["epsilon"]
    if own.get("weight_decay") is False:
        own["weight_decay"] = None
    taken = init_parameters(cls)
    return _placed(OPTIMIZERS, name, {k: v for k, v in own.items() if k in taken or v not in (None, False, 0)})


def _rate(config: Config) -> Any:
    """Returns the learning rate: a number, or the config of a schedule."""
    rate = _number(config.get("learning_rate"))
    if isinstance(rate, dict) and "class_name" in rate:
        return _placed(SCHEDULES, _bare(rate), rate.get("config", {}))
    decay = _number(config.get("decay") or config.get("initial_decay"))
    if not decay or not isinstance(rate, (int, float)):
        return rate
    # Keras 2 divided the rate by `1 + decay * iterations`.
    arguments = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay, "staircase": False}
    return _placed(SCHEDULES, "InverseTimeDecay", arguments)


def _objects(value: Tree, module: str) -> Any:
    """Converts losses or metrics: a single one, a list, or a dict by output."""
    if isinstance(value, dict) and "class_name" in value:
        return _object(value, module)
    if isinstance(value, dict):
        return {k: _objects(v, module) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_objects(v, module) for v in value]
    return value


def _object(config: Config, module: str) -> Any:
    own = config.get("config")
    if not isinstance(own, dict) or registry.get_registered_object(str(config["class_name"])) is not None:
        return config
    name = _bare(config)
    own = {k: _REDUCTIONS.get(v, v) if k == "reduction" else v for k, v in own.items()}
    if name in ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper", "LossFunctionWrapper"):
        return _wrapped(config, own, module)
    cls = registry.resolve(module, name)
    if cls is None:
        return config
    taken = init_parameters(cls)
    dropped = [k for k, v in own.items() if k not in taken and k != "fn" and v not in (None, False, {}, "auto")]
    if dropped:
        warn(f"{name} '{own.get('name')}' of the file has arguments that it no longer takes; ignored: {dropped}.")
    return _placed(module, name, {k: v for k, v in own.items() if k in taken and v is not None})


def _wrapped(config: Config, own: Config, module: str) -> Any:
    """Converts a function wrapped as a loss or metric to its name, or to a wrapper if the metric has its own name."""
    fn = own.get("fn")
    if not isinstance(fn, str) or module == LOSSES:
        return fn if isinstance(fn, str) else config
    function = {"module": "builtins", "class_name": "function", "config": fn, "registered_name": "function"}
    return _placed(module, "MeanMetricWrapper", {**own, "fn": function})


def _placed(module: str, name: str, config: Config) -> Config:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def _bare(config: Config) -> str:
    """Returns the class name without the package that Keras 2 registered some under (`Custom>Adam`, `Keras>Adam`)."""
    name = str(config["class_name"])
    bare = name.rpartition(">")[2]
    known = {to_snake_case(n): n for n in ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl")}
    return {"rmsprop": "RMSprop", **known}.get(bare, bare)


def _number(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "ndarray":
        return value["value"]
    return value


def _unwrapped(metrics: Any) -> Any:
    """Returns the metrics of one output without the outer list that Keras 2 wrote."""
    nested = isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list)
    return metrics[0] if nested else metrics
