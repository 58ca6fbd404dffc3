"""EnsembleHistory: the logs of all members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..callbacks import History


class EnsembleHistory:
    """The logs of the members of an ensemble, as its `fit` returns them. `history[i]` is the `History` of member `i`.

    Args:
        members: The histories.
        labels: For each member what tells it from the others: its seed, and its arguments of a sweep.
    """

    def __init__(self, members: Sequence[History], labels: Sequence[dict[str, Any]]):
        self.members = list(members)
        self.labels = list(labels)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int) -> History:
        return self.members[index]

    def __iter__(self) -> Iterator[History]:
        return iter(self.members)

    def rows(self) -> list[dict[str, Any]]:
        """Returns a dict for each member and epoch: `member`, its labels, `epoch` (from 0) and the logs."""
        found = []
        for number, (member, label) in enumerate(zip(self.members, self.labels)):
            for i, epoch in enumerate(member.epoch):
                # Validation may run every few epochs: its values belong to the last of each group of them.
                logs = {name: _at(values, i, len(member.epoch)) for name, values in member.history.items()}
                found.append({"member": number, **label, "epoch": epoch, **logs})
        return found

    def frame(self) -> Any:
        """Returns the logs as a table with a row for each member and epoch.

        Returns:
            A pandas `DataFrame`; where pandas isn't installed, a dict from column to list. Values that an epoch lacks
            are None.

        >>> member = keras.callbacks.History()
        >>> member.on_epoch_end(0, {"loss": 0.5}); member.on_epoch_end(1, {"loss": 0.25})
        >>> list(EnsembleHistory([member], [{"seed": 7}]).frame())
        ['member', 'seed', 'epoch', 'loss']
        """
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [row.get(name) for row in rows] for name in names}
        try:
            import pandas
        except ImportError:
            return columns
        return pandas.DataFrame(columns)


def _at(values: list[Any], i: int, epochs: int) -> Any:
    stride = max(epochs // len(values), 1)
    own, rest = divmod(i + 1, stride)
    return values[own - 1] if not rest and own <= len(values) else None


__all__ = ["EnsembleHistory"]
