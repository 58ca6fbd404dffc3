"""Ensembles: several models of one description, trained together where that is faster."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..callbacks import History
from ..callbacks.monitor import MonitorCallback
from ..callbacks.output import print_msg
from ..core import tree
from ..core.errors import describe, did_you_mean
from ..core.types import Data, Tree
from ..data.adapt import adapt, is_array_data, standardize_arrays
from ..training import loop
from ..training.arguments import FitArguments, integer
from .history import EnsembleHistory
from .lanes import IN_TURN, WAYS
from .members import Member, callbacks_of
from .together import Together
from .ways import chosen, groups_of, why_apart


class Prediction(NamedTuple):
    """Predictions of an ensemble.

    Attributes:
        mean: Mean over the members, in the structure of the model's outputs.
        spread: Standard deviation over the members.
    """

    mean: Tree
    spread: Tree


class Ensemble:
    """Several models that are trained on the same data; made by `keras.ensemble` and `keras.sweep`.

    `ensemble[i]` is a model like any other: predict with it, save it, train it further. It is the one that
    `keras.utils.set_random_seed(seed); model = build(); model.fit(...)` gives, to rounding; bit for bit with
    `way="map"` and arrays.

    Args:
        members: The members.
        way: "vmap", "map", "devices", "one after another", or "auto" to choose by the program.

    Attributes:
        members: The members.
        way: The way that the last `fit` took; before it, the one that was asked for.
        why: Why it took that way, in words.
        history: The `EnsembleHistory` of the last `fit`; None before.
    """

    def __init__(self, members: Sequence[Member], way: str = "auto"):
        if way not in ("auto", *WAYS):
            names = ", ".join(map(repr, WAYS))
            raise ValueError(f"`way` must be 'auto' or one of {names}. Received: way={way!r}")
        if not members:
            raise ValueError("An ensemble needs at least one member. Received: no seed or no value to try.")
        shared = Counter(id(m.model) for m in members).most_common(1)[0]
        if shared[1] > 1:
            raise ValueError(
                "`build` returned the same model for several members. It must make a new one each time it is called."
            )
        self.members = list(members)
        self.way = self._asked = way
        self.why = ""
        self.history: EnsembleHistory | None = None

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int | slice) -> Any:
        """Returns the model of a member, or an ensemble of a slice of them."""
        if isinstance(index, slice):
            return Ensemble(self.members[index], self._asked)
        return self.members[index].model

    def __iter__(self) -> Iterator[Any]:
        return (member.model for member in self.members)

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self)} members, way={self.way!r}>"

    @property
    def labels(self) -> list[dict[str, Any]]:
        """For each member what tells it from the others: its seed and its arguments."""
        return [{**member.arguments, "seed": member.seed} for member in self.members]

    def fit(
        self,
        x: Data = None,
        y: Tree = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool | str = True,
        class_weight: dict | None = None,
        sample_weight: Tree = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> EnsembleHistory:
        """Trains all members.

        Each member has its own order of the rows, that of its seed. Batches of an iterable are the same for all members
        that share a program.

        Args:
            x, y, batch_size, epochs, validation_split, validation_data, shuffle, class_weight, sample_weight,
                initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq: As in
                `Model.fit`.
            verbose: 0 silent; else a line says which way is taken and why, and one follows for each epoch, or for each
                member where they are trained one after another. "auto" is 1.
            callbacks: Callbacks, of which each member gets a copy: its logs, its model, its `stop_training`. In paths
                to write to, "{member}" stands for its number. Or a function of that number that returns a list.

        Returns:
            The logs of all members.

        Raises:
            ValueError: The data don't fit the models; callbacks would write to one file; or the members can't be
                trained in the way that was asked for. Nothing has been trained then.
        """
        given = FitArguments.checked(
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=None,
            validation_split=validation_split,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            debug_nans=False,
        )
        run = _Run(self.members, given, callbacks, self._asked)
        run.prepare(x, y, sample_weight, validation_data)
        self.way, self.why = run.way, run.why
        run.train()
        self.history = EnsembleHistory([m.history or History() for m in self.members], self.labels)
        return self.history

    def evaluate(
        self, x: Data = None, y: Tree = None, batch_size: int | None = None, sample_weight: Tree = None
    ) -> dict[str, np.ndarray]:
        """Computes loss and metrics of each member.

        Args:
            x, y, batch_size, sample_weight: As in `Model.evaluate`; of iterables those that can be read several times.

        Returns:
            Dict from log name to an array with a value for each member.
        """
        options = {"batch_size": batch_size, "sample_weight": sample_weight, "verbose": 0, "return_dict": True}
        found = [model.evaluate(x, y, **options) for model in self]
        return {name: np.array([logs[name] for logs in found]) for name in found[0]}

    def predict(self, x: Data, batch_size: int | None = None, members: bool = False) -> Any:
        """Computes the members' outputs.

        Args:
            x, batch_size: As in `Model.predict`.
            members: Whether to return the outputs of each member, with an axis of members first.

        Returns:
            A `Prediction` with mean and standard deviation over the members, or the outputs of all of them.
        """
        found = [model.predict(x, batch_size=batch_size, verbose=0) for model in self]
        every = tree.map_structure(lambda *outputs: np.stack(outputs), *found)
        if members:
            return every
        # Sums of outputs in 16 bits would lose digits.
        mean, spread = (
            tree.map_structure(lambda a, of=of: of(a, axis=0, dtype=np.float64).astype(a.dtype), every)
            for of in (np.mean, np.std)
        )
        return Prediction(mean, spread)

    def best(self, monitor: str = "val_loss", mode: str = "auto") -> Any:
        """Returns the model whose logs are best, in the epoch whose weights it has.

        That is the last one, or the one whose weights `EarlyStopping` restored.

        Args:
            monitor: Name of the quantity in the logs.
            mode: "min", "max", or "auto": the direction that the metric of that name declares.

        Raises:
            ValueError: Nothing was trained yet, or the quantity was not logged.
        """
        if self.history is None:
            raise ValueError("There is no best member yet: call `fit` first.")
        monitors = MonitorCallback(monitor, mode)
        best: float | None = None
        chosen = None
        for member in self.members:
            value = _final(member, monitor)
            monitors.set_model(member.model)
            if not np.isnan(value) and monitors.is_improvement(value, best):
                best, chosen = value, member.model
        if chosen is None:
            raise ValueError(f"No member has a finite '{monitor}'.")
        return chosen


def _final(member: Member, monitor: str) -> float:
    """Returns a logged quantity in the epoch whose weights a member has."""
    history = member.history
    values = {} if history is None else history.history
    if history is None or monitor not in values:
        raise ValueError(f"`monitor='{monitor}'` was not logged. {did_you_mean(monitor, values)}")
    for callback in member.callbacks:
        epoch = getattr(callback, "best_epoch", None)
        restored = getattr(callback, "restore_best_weights", False) and epoch in history.epoch
        if restored and epoch is not None and len(values[monitor]) == len(history.epoch):
            return values[monitor][history.epoch.index(epoch)]
    return values[monitor][-1]


class _Run:
    """A `fit` of an ensemble.

    Args:
        members: The members.
        given: The arguments of `fit`.
        callbacks: What `fit` was given.
        asked: The way that was asked for.

    Attributes:
        way: The way taken; a list of them with the numbers of members where groups differ.
        why: Why.
    """

    def __init__(self, members: Sequence[Member], given: FitArguments, callbacks: Any, asked: str):
        self.members = list(members)
        self.given = given
        self.asked = asked
        self.own = [callbacks_of(callbacks, k) for k in range(len(members))]
        self.trainings: list[loop.Training] = []
        self.plan: list[tuple[list[int], str, str]] = []
        self.way = self.why = ""

    def prepare(self, x: Data, y: Tree, sample_weight: Tree, validation_data: Data) -> None:
        """Checks the data, builds the models for them, and chooses the ways."""
        x, y, sample_weight, read_once = self._data(x, y, sample_weight)
        for member, own in zip(self.members, self.own):
            given = dataclasses.replace(self.given, verbose=0, callbacks=own)
            with member.alone():
                loop.feeding.check_has_optimizer(member.model)
                training = loop.prepared(member.model, x, y, sample_weight, validation_data, given)
            self.trainings.append(training)
        for group in groups_of(self.trainings):
            self.plan.append((group, *self._way_of([self.trainings[k] for k in group])))
        if read_once and (len(self.plan) > 1 or self.plan[0][1] == IN_TURN) and len(self.members) > 1:
            why = self.plan[0][2] if len(self.plan) == 1 else "they are of several architectures"
            raise ValueError(
                "The data are a generator, which is read once, and the members can't share its batches, as they are "
                f"trained one after another: {why}. Pass an object that can be iterated over again."
            )
        ways = Counter[str]()
        for group, way, _ in self.plan:
            ways[way] += len(group)
        self.way = ", ".join(f"{way} ({n})" if len(ways) > 1 else way for way, n in ways.items())
        self.why = "; ".join(dict.fromkeys(why for _, _, why in self.plan if why))

    def _data(self, x: Data, y: Tree, sample_weight: Tree) -> tuple[Data, Tree, Tree, bool]:
        """Returns the data as all members are given them, and whether they can be read only once."""
        model = self.members[0].model
        if is_array_data(x):  # converted once for all
            names = model._data_names() if model.built else None
            if names is not None and model._preparation() is None:
                return *standardize_arrays(x, y, sample_weight, False, names), False
            return x, y, sample_weight, False
        source = adapt(x, y, sample_weight, batch_size=self.given.batch_size)
        return (source, None, None, True) if source.one_pass else (x, y, sample_weight, False)

    def _way_of(self, trainings: list[loop.Training]) -> tuple[str, str]:
        """Returns the way for a group, and why."""
        if len(trainings) == 1:
            alone = len(self.members) == 1
            return IN_TURN, "there is one member" if alone else "no other member has the same architecture"
        if self.asked == IN_TURN:
            return IN_TURN, "as asked"
        if self.asked == "auto":
            return chosen(trainings)
        if why := why_apart(trainings):
            raise ValueError(f"Members can't be trained in one program, as way='{self.asked}' asks for: {why}.")
        return self.asked, "as asked"

    def train(self) -> None:
        """Trains the groups."""
        if self.given.verbose:
            count = len(self.members)
            print_msg(f"{count} member{'s' * (count > 1)}, {self.way}: {self.why}.")
        for member, training, own in zip(self.members, self.trainings, self.own):
            member.history, member.callbacks = training.callbacks.history, own
        for group, way, _ in self.plan:
            if way == IN_TURN:
                for k in group:
                    self._alone(k)
            else:
                members, trainings = [self.members[k] for k in group], [self.trainings[k] for k in group]
                Together(members, trainings, way, self._report).run()

    def _alone(self, k: int) -> None:
        member, training = self.members[k], self.trainings[k]
        with member.alone(), loop.exclusively(member.model):
            training.run()
        if self.given.verbose:
            print_msg(f"Member {k + 1}/{len(self.members)}: {_shown([training._logs])}")

    def _report(self, epoch: int, logs: list[dict[str, Any]]) -> None:
        if self.given.verbose:
            left = f" ({len(logs)} members)" if len(logs) < len(self.members) else ""
            print_msg(f"Epoch {epoch + 1}/{self.given.epochs}: {_shown(logs)}{left}")


def _shown(logs: list[dict[str, Any]]) -> str:
    """Returns means and standard deviations of logs as text."""
    parts = []
    for name in logs[0]:
        values = np.array([own[name] for own in logs])
        if values.ndim == 1:
            spread = f" ± {values.std():.2g}" if len(logs) > 1 else ""
            parts.append(f"{name}: {values.mean():.4g}{spread}")
    return " - ".join(parts)


def _seeds(name: str, seeds: Any) -> list[int]:
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        return list(range(integer(name, seeds)))
    try:
        return [integer(name, seed, least=0) for seed in seeds]
    except TypeError:
        raise ValueError(f"`{name}` must be an integer or a list of seeds. Received: {describe(seeds)}") from None


def ensemble(build: Callable[[], Any], seeds: int | Iterable[int] = 8, way: str = "auto") -> Ensemble:
    """Makes several models that differ in their random numbers: weights, dropout, orders of rows.

    Args:
        build: Returns a compiled model. It is called once for each member, under its seed.
        seeds: Number of members, whose seeds are then 0, 1, ..., or the seeds.
        way: How members of one architecture are trained. "vmap": together, each operation doing the work of several
            of them. "map": each by the program of a single `fit`, bit for bit as alone. Both use the cores of a CPU for
            different members. "devices": spread over several devices. "one after another": a `fit` each, with one
            compiled program. "auto" takes "devices" where there are several; "vmap" where a step is so small that
            starting its operations takes a good part of it; "map" where it is small enough for one of several cores of
            a CPU; else, and for convolutions on a CPU, "one after another".

    Returns:
        The `Ensemble`, not trained.

    Raises:
        ValueError: `build` returned no compiled model, or an argument is of the wrong kind.

    >>> def build():
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    ...     model.compile("sgd", "mse")
    ...     return model
    >>> ensemble = keras.ensemble(build, seeds=3)
    >>> history = ensemble.fit(np.ones((64, 2)), np.ones((64, 1)), epochs=2, verbose=0)
    >>> mean, spread = ensemble.predict(np.ones((4, 2)))
    >>> len(history), mean.shape, ensemble.way
    (3, (4, 1), 'vmap')
    """
    return Ensemble([Member(build, seed, {}) for seed in _seeds("seeds", seeds)], way)


def sweep(build: Callable[..., Any], *, seed: int | Iterable[int] = (0,), way: str = "auto", **values: Any) -> Ensemble:
    """Makes a model for each combination of arguments of `build`.

    Members that differ in the values of variables alone (learning rate, seed) share a program; others, with other
    sizes or rates of dropout, are trained one group after the other.

    Args:
        build: Returns a compiled model for its keyword arguments.
        seed: Seeds: each combination is made under each of them. `build` gets the seed where it has a parameter of that
            name.
        way: As in `ensemble`.
        **values: For each argument of `build` a list of values to try, or one value.

    Returns:
        The `Ensemble`, not trained. Its `labels` say what each member was made with.

    Raises:
        ValueError: `build` returned no compiled model, or an argument is of the wrong kind.

    >>> def build(learning_rate):
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    ...     model.compile(keras.optimizers.SGD(learning_rate), "mse")
    ...     return model
    >>> trials = keras.sweep(build, learning_rate=[0.01, 0.1], seed=range(2))
    >>> trials.labels[2]
    {'learning_rate': 0.1, 'seed': 0}
    """
    lists = [list(v) if isinstance(v, (list, tuple, range, np.ndarray)) else [v] for v in values.values()]
    seeds = _seeds("seed", [seed] if isinstance(seed, (int, np.integer)) else seed)
    takes_seed = "seed" in inspect.signature(build).parameters
    members = []
    for combination in itertools.product(*lists):
        arguments = dict(zip(values, combination))
        for number in seeds:
            # A seed that `build` asks for is an argument of it, and no label of its own.
            make = (lambda number=number, **own: build(seed=number, **own)) if takes_seed else build
            members.append(Member(make, number, arguments))
    return Ensemble(members, way)


__all__ = ["Ensemble", "Prediction", "ensemble", "sweep"]
