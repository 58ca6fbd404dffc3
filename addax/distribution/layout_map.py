"""Rules that say how variables are laid out, by their paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, MutableMapping, Sequence

from ..core.naming import entry_of
from .mesh import DeviceMesh, TensorLayout


class LayoutMap(MutableMapping):
    """Mapping from paths to layouts, whose keys are paths or regular expressions that match whole paths.

    A layout is a `TensorLayout`, or a tuple of names of axes. A path is looked up as it is, then by the expressions; it
    may match one of them.

    Args:
        device_mesh: The mesh of the layouts that are given as tuples.

    >>> mesh = keras.distribution.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
    >>> rules = keras.distribution.LayoutMap(mesh)
    >>> rules[".*kernel"] = (None, "model")
    >>> rules["dense/kernel"].axes, rules["dense/bias"]
    ((None, 'model'), None)
    """

    def __init__(self, device_mesh: DeviceMesh):
        self._rules: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh:
        """The mesh of layouts that are given as tuples."""
        return self._device_mesh

    def __getitem__(self, key: str) -> TensorLayout | None:  # type: ignore[override]
        """Returns the layout of a path; None where no rule matches.

        Raises:
            ValueError: Several rules match.
        """
        return entry_of(self._rules, key, "layout", "LayoutMap", "tensor/variable path")

    def __setitem__(self, key: str, layout: TensorLayout | Sequence[str | None]) -> None:
        if not isinstance(key, str):
            raise ValueError(f"The keys of a `LayoutMap` are paths or regular expressions. Received: key={key!r}")
        if key in self._rules:
            raise ValueError(
                f"{key} already exist in the LayoutMap with value {self._rules[key]}. Please make sure to not use "
                "duplicated keys."
            )
        try:
            re.compile(key)
        except re.error as error:
            raise ValueError(f"'{key}' is not a regular expression: {error}.") from None
        if isinstance(layout, (tuple, list)):
            layout = TensorLayout(layout, self._device_mesh)
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"{layout} should be a TensorLayout type, got {type(layout)}")
        if layout.device_mesh is None and self._device_mesh is not None:
            layout.device_mesh = self._device_mesh
        self._rules[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._rules[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def matching(self, path: str) -> list[str]:
        """Returns the keys that match a path as a whole.

        Args:
            path: Path of a variable.
        """
        return [key for key in self._rules if key == path or re.fullmatch(key, path)]

    def check_used(self, paths: Iterable[str]) -> None:
        """Raises ValueError if a rule matches no path; those for outputs of layers are left out.

        Args:
            paths: All paths there are.
        """
        paths = list(paths)
        for key in self._rules:
            if not key.endswith("output") and not any(key == path or re.fullmatch(key, path) for path in paths):
                near = [p for p in paths if re.search(key, p)] or difflib.get_close_matches(key, paths, 3, 0.3)
                raise ValueError(
                    f"The rule '{key}' of the LayoutMap matches no variable, so it would leave all of them whole. "
                    f"Rules match whole paths: '.*{key}' matches those that end so. Nearest paths: "
                    f"{', '.join(near[:3]) or 'none'}."
                )


__all__ = ["LayoutMap"]
