"""Resuming: what a checkpoint of a training has in it, when one is written, and how a training goes on from it."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, NamedTuple

import numpy as np

from ..callbacks import BackupAndRestore, CallbackList
from ..checkpoints import Checkpoints, together
from ..checkpoints.encoding import decode, encode
from ..checkpoints.folder import Folder, Saved
from ..checkpoints.snapshot import copies
from ..core import tree
from ..core.engine import jax
from ..core.interrupts import Termination
from ..core.placement import any_of, by_main, is_main, is_shared, put_parts
from ..core.streams import as_json, from_json, set_streams, streams
from ..core.variable import Variable
from ..core.warnings import warn
from ..version import __version__
from .arguments import FitArguments
from .sameness import UnderWay, differences, facts_of, forgotten
from .stateful import optimizers_of
from .steps import StepModel


class Snapshot(NamedTuple):
    """A training at one moment.

    Attributes:
        content: All but the arrays, made of what JSON has.
        names: Names of the arrays.
        arrays: The arrays, whose buffers the next step may take over: `copies` keeps them.
    """

    content: dict[str, Any]
    names: list[str]
    arrays: list[Any]


def checkpoints_for(given: FitArguments, callbacks: Any) -> Checkpoints | None:
    """Returns the checkpoints that a `fit` asks for by `resume` or by a `BackupAndRestore`; None for none.

    Raises:
        ValueError: It asks for two.
    """
    found = [c.checkpoints() for c in callbacks.callbacks if isinstance(c, BackupAndRestore)]
    if given.resume is not None:
        found.append(given.resume)
    if len(found) > 1:
        raise ValueError(
            "`fit` was given two folders of checkpoints: pass either `resume` or one `BackupAndRestore`. Received: "
            f"{', '.join(repr(c.folder) for c in found)}"
        )
    return found[0] if found else None


def streams_at_start(given: FitArguments) -> dict[str, Any] | None:
    """Returns the random streams with which a training begins; None if it writes no checkpoints.

    A run that goes on is given those of the first run before it reads of its data. What data draw when their first
    batch is read, to find out its shape, is so the same in each run, whether the script sets a seed or not.

    Args:
        given: The arguments of `fit`.
    """
    callbacks = given.callbacks.callbacks if isinstance(given.callbacks, CallbackList) else given.callbacks
    asked = [c.checkpoints() for c in tree.flatten(callbacks) if isinstance(c, BackupAndRestore)]
    checkpoints = given.resume if given.resume is not None else asked[0] if asked else None
    if checkpoints is None:
        return None
    content = Folder(checkpoints.folder, checkpoints.keep).peek()
    if content is not None and content.get("began") is not None:
        set_streams(from_json(content["began"]))
    return streams()


def variables_of(model: StepModel) -> list[Variable]:
    """Returns all variables that training may change: of the model, its metrics and its optimizers."""
    groups = [model.variables, model.metrics_variables, *(o.variables for o in optimizers_of(model))]
    return list({id(v): v for group in groups for v in group}.values())


class SafePoints:
    """The points of a training between two dispatches, where it could be saved. Here nothing is; see `Saver`."""

    def begin(self, saved: Saved | None) -> None:
        """Training begins.

        Args:
            saved: The checkpoint that it goes on from; None to begin anew.
        """

    def stepped(self, logs: Any) -> None:
        """A dispatch has ended.

        Args:
            logs: Its logs, on the device.
        """

    def stops(self, logs: Any) -> bool:
        """Returns whether a training whose time is over can stop after this dispatch; else it is asked after the next.

        Args:
            logs: The logs of the dispatch, on the device.
        """
        return True

    def steps_ended(self, logs: Any) -> None:
        """The steps of an epoch have ended; its validation and the callbacks follow.

        Args:
            logs: The logs of the last dispatch.
        """

    def validated(self) -> None:
        """A dispatch of a validation has ended."""

    def epoch_ended(self) -> None:
        """An epoch has ended, and another one follows."""

    def values(self) -> list[Any]:
        """Returns the values of all variables, to compare with those after the training has ended."""
        return []

    def ended(self, before: list[Any]) -> None:
        """The training has ended.

        Args:
            before: What `values` returned after its last epoch.
        """


class Saver(SafePoints):
    """Writes the checkpoints of a training, and takes the training up from the last one.

    Args:
        training: The training, before its first step.
        checkpoints: Where they go, and how often.
    """

    def __init__(self, training: UnderWay, checkpoints: Checkpoints):
        self.training = training
        self.checkpoints = checkpoints
        self.folder = Folder(checkpoints.folder, checkpoints.keep)
        self.facts = facts_of(training)
        self.variables = variables_of(training.model)
        self.termination = Termination()
        for runner in (training.runner, training.validation):
            if runner is not None:
                runner.source.tracked = True
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._has_one = False  # whether there is a checkpoint on the disk
        self._stopped = False  # whether the time of the training is over
        self._last = time.monotonic()
        self._steps = self._steps_then = 0  # steps so far, and when the last checkpoint was written
        self._in_epoch = 0  # steps of the epoch that are among them
        self._before_validation: Snapshot | None = None
        self._forgotten = forgotten(training.callbacks)

    def __enter__(self) -> Saver:
        by_main(self.folder.open)
        self.termination.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._wait()
        finally:
            if is_main():
                self.folder.close()
            self.termination.__exit__(*exc)

    # Going on

    def read(self) -> Saved | None:
        """Returns the last checkpoint; None where there is none.

        Raises:
            ValueError: It is of a training with another model, other data or other arguments.
        """
        saved = self.folder.read()
        if saved is None:
            return None
        found = differences(saved.content["facts"], self.facts) or self._of_variables(saved)
        epochs = self.training.given.epochs
        if epochs < saved.content["epochs"] and (saved.content["ended"] or epochs <= saved.content["epoch"]):
            found.append(f"epochs was {saved.content['epochs']} and is now {epochs} (more can be asked for, not fewer)")
        if saved.content["changed_at_end"] and epochs > saved.content["epochs"] and not saved.content["stopped"]:
            found.append(
                f"epochs was {saved.content['epochs']} and is now {epochs}, and the weights were replaced when the "
                "training ended (by averages, or by those of the best epoch)"
            )
        if found:
            raise ValueError(
                f"The training in '{self.folder.path}' can't go on: it was another one. {'; '.join(found)}. Start it "
                "as it was, pass another folder, or remove this one to begin anew."
            )
        _compare_versions(saved.content["versions"])
        self._has_one = True
        return saved

    def _of_variables(self, saved: Saved) -> list[str]:
        """Returns in what the variables differ from those that were saved."""
        then = saved.arrays[: saved.content["variables"]]
        if len(then) != len(self.variables):
            return [f"the model and its optimizer had {len(then)} variables and have {len(self.variables)}"]
        return [
            f"{name} had shape {value.shape} and dtype {value.dtype.name}, and {v.path} has {v.shape} and {v._dtype}"
            for name, value, v in zip(saved.names, then, self.variables)
            if value.shape != v.shape or value.dtype.name != v._dtype
        ][:1]

    def has_ended(self, saved: Saved) -> bool:
        """Returns whether the training had ended, so that nothing is left to do."""
        content = saved.content
        return content["ended"] and (content["stopped"] or self.training.given.epochs <= content["epochs"])

    def restore(self, saved: Saved) -> None:
        """Makes the training what it was when `saved` was written."""
        count = saved.content["variables"]
        state = decode(saved.content["training"], saved.arrays[count:])
        if not saved.content["ended"] and (state["data"]["step"] or state["logs"] is not None):
            # What this changes in callbacks that have no state is as it would be; all else is restored below.
            self.training.callbacks.on_epoch_begin(state["epoch"])
        for variable, value in zip(self.variables, saved.arrays):
            if isinstance(value, np.memmap):
                variable.replace_value(put_parts(value, variable.placement))
            else:
                variable.assign(value)
        self.training.restore(state)
        set_streams(state["data"]["streams"])
        self._in_epoch = state["data"]["step"]
        if saved.content["forgotten"]:
            names = "; ".join(f"{c}: {', '.join(a)}" for c, a in saved.content["forgotten"].items())
            warn(
                "Callbacks had attributes that changed in training and are in no checkpoint, so they begin anew. "
                f"Define `state()` and `restore(state)` in these classes to keep them. {names}."
            )

    # Safe points

    def begin(self, saved: Saved | None) -> None:
        if saved is None:
            self._save(self._snapshot())  # so that a folder that can't be written to is known early
        else:
            self.restore(saved)

    def stepped(self, logs: Any) -> None:
        runner = self.training.runner
        self._steps += runner.step - self._in_epoch
        self._in_epoch = runner.step
        if not self._is_wanted():
            return
        if runner.is_exact:
            runner.limited.marking = False
            self._save(self._snapshot(logs))
        else:  # a batch was read ahead: after one of the next dispatches
            runner.limited.marking = True

    def stops(self, logs: Any) -> bool:
        # The training goes on from here in the next process: what follows in this one is of its end.
        runner = self.training.runner
        self._stopped, runner.limited.marking = runner.is_exact, not runner.is_exact
        if self._stopped:
            self._save(self._snapshot(logs))
        return self._stopped

    def steps_ended(self, logs: Any) -> None:
        self._in_epoch = 0
        if self._stopped:
            return
        if not self._has_one:  # else what callbacks write now would be written again
            self._wait()
        validates = self.training.validation is not None
        wanted = self._is_wanted()
        if validates or wanted:
            snapshot = self._snapshot(logs)
            if wanted:
                self._save(snapshot)
            self._before_validation = snapshot if validates else None

    def validated(self) -> None:
        # Nothing takes over the buffers of the weights meanwhile.
        if self._is_terminated() and self._before_validation is not None:
            self._save(self._before_validation)

    def epoch_ended(self) -> None:
        self._before_validation = None
        if self._is_wanted() or self.checkpoints.every_epoch:
            self._save(self._snapshot())

    def values(self) -> list[Any]:
        self._before_validation = None
        return self.training.runner.program.latest(self.variables)

    def ended(self, before: list[Any]) -> None:
        self._wait()
        if self._stopped:
            return
        if self.checkpoints.delete_at_end:
            by_main(self.folder.remove)
            return
        now = self.training.runner.program.latest(self.variables)
        changed = any(a is not b for a, b in zip(before, now))
        snapshot = self._snapshot()
        content = {**snapshot.content, "ended": True, "changed_at_end": changed}
        self._start(snapshot._replace(content=content))
        self._wait()

    # Writing

    def _is_wanted(self) -> bool:
        """Returns whether a checkpoint is to be written now; processes that train together agree on it."""
        return self._is_terminated() or any_of(self._is_due())

    def _is_terminated(self) -> bool:
        """Returns whether this process, or one that trains with it, is to end."""
        self.termination.requested = any_of(self.termination.requested)
        return self.termination.requested

    def _is_due(self) -> bool:
        every = self.checkpoints
        if every.every_steps is not None and self._steps - self._steps_then >= every.every_steps:
            return True
        if every.every_seconds is None or (self._thread is not None and self._thread.is_alive()):
            return False
        return time.monotonic() - self._last >= every.every_seconds

    def _snapshot(self, logs: Any = None) -> Snapshot:
        training, arrays = self.training, []  # type: ignore[var-annotated]
        state = training.state() if logs is None else {**training.state(), "logs": dict(logs)}
        content = {
            "epoch": training.epoch,
            "epochs": training.given.epochs,
            "stopped": bool(training.model.stop_training),
            "ended": False,
            "changed_at_end": False,
            "versions": _versions(),
            "began": as_json(training.began),
            "facts": self.facts,
            "forgotten": self._forgotten(),
            "variables": len(self.variables),
            "training": _encoded(state, arrays, training),
        }
        values = training.runner.program.latest(self.variables)
        names = [v.path for v in self.variables] + ["a state"] * len(arrays)
        return Snapshot(content, names, [*values, *arrays])

    def _save(self, snapshot: Snapshot) -> None:
        """Copies a snapshot and has it written; after SIGTERM waits for it and ends the process."""
        self._wait()
        if self.termination.requested:
            self._start(snapshot)
            self._wait()
            self.termination.follow()
        self._start(snapshot._replace(arrays=copies(snapshot.arrays)))
        self._last, self._steps_then = time.monotonic(), self._steps

    def _start(self, snapshot: Snapshot) -> None:
        if is_shared():  # what processes do together they do in one order
            self._write(snapshot)
            return
        self._thread = threading.Thread(target=self._write, args=(snapshot,), name="addax-checkpoints")
        self._thread.start()

    def _write(self, snapshot: Snapshot) -> None:
        try:
            write = together.write if is_shared() else Folder.write
            write(self.folder, snapshot.content, list(zip(snapshot.names, snapshot.arrays)))
            self._has_one = True
        except OSError as error:
            self._error = error

    def _wait(self) -> None:
        """Waits until what is being written is written.

        Raises:
            OSError: It could not be written, and there is no other checkpoint.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is None:
            return
        text = f"A checkpoint could not be written to '{self.folder.path}': {error}"
        if not self._has_one and not self.termination.requested:
            raise OSError(f"{text}. There is none yet to go back to.") from error
        if self.termination.requested:
            print(text, file=sys.stderr)
        else:
            warn(f"{text}. Training goes on, and the last one that was written is kept.")


def _encoded(state: dict[str, Any], arrays: list[Any], training: UnderWay) -> Any:
    """Encodes the state of a training; errors name the callback whose state can't be written."""
    text = {k: encode(v, arrays, k) for k, v in state.items() if k != "callbacks"}
    found = [[kind, encode(s, arrays, f"{kind}.state()")] for kind, s in state["callbacks"]["callbacks"]]
    return {**text, "callbacks": {"callbacks": found}}


def _versions() -> dict[str, str]:
    device = jax.devices()[0]
    found = {"addax": __version__, "jax": jax.__version__, "numpy": np.__version__}
    return {**found, "device": f"{device.platform}: {device.device_kind}"}


def _compare_versions(then: dict[str, str]) -> None:
    now = _versions()
    found = [f"{name} was {then.get(name)} and is {now[name]}" for name in now if then.get(name) != now[name]]
    if found:
        warn(f"Training goes on, but perhaps not bit for bit as it would have: {'; '.join(found)}.")


__all__ = ["SafePoints", "Saver", "checkpoints_for", "variables_of"]
