"""`Config`: named values as attributes."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class Config:
    """A container of named values, as attributes and as items, which can be frozen.

    Args:
        **kwargs: Names and values.

    >>> config = keras.utils.Config(learning_rate=0.1)
    >>> config.momentum = 0.9
    >>> config["learning_rate"], config.as_dict()
    (0.1, {'learning_rate': 0.1, 'momentum': 0.9})
    >>> config.freeze(); config.momentum = 0.8
    Traceback (most recent call last):
    ValueError: Cannot mutate attribute(s) because the config is frozen.
    """

    _values: dict[str, Any]
    _frozen: bool

    def __init__(self, **kwargs: Any):
        self.__dict__.update(_values=kwargs, _frozen=False)

    def __getattr__(self, name: str) -> Any:
        # `copy` and `pickle` ask before there are values.
        values = self.__dict__.get("_values", {})
        if name not in values:
            raise AttributeError(f"Unknown attribute: '{name}'.")
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(type(self), name):
            raise AttributeError(
                f"`{name}` is a method of Config, so an attribute can't be named so. Use `config[{name!r}]`."
            )
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.__getattr__(name)
        del self[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._check_mutable()
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        self._check_mutable()
        del self._values[name]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._values})

    def __repr__(self) -> str:
        return f"<Config {self._values}>"

    def _check_mutable(self) -> None:
        if self._frozen:
            raise ValueError("Cannot mutate attribute(s) because the config is frozen.")

    @property
    def frozen(self) -> bool:
        """True once the config can't be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Makes every later change an error."""
        self.__dict__["_frozen"] = True

    def unfreeze(self) -> None:
        """Allows changes again."""
        self.__dict__["_frozen"] = False

    def get(self, keyname: str, value: Any = None) -> Any:
        """Returns a value, or a default.

        Args:
            keyname: Its name.
            value: What is returned if there is none.
        """
        return self._values.get(keyname, value)

    def pop(self, *args: Any) -> Any:
        """Removes a value and returns it.

        Args:
            *args: Its name, and what is returned if there is none.
        """
        self._check_mutable()
        return self._values.pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Sets several values, as `dict.update` does.

        Args:
            *args: A dictionary or a `Config`.
            **kwargs: Names and values.
        """
        self._check_mutable()
        self._values.update(*args, **kwargs)

    def keys(self) -> KeysView[str]:
        """Returns the names."""
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        """Returns the values."""
        return self._values.values()

    def items(self) -> ItemsView[str, Any]:
        """Returns pairs of name and value."""
        return self._values.items()

    def as_dict(self) -> dict[str, Any]:
        """Returns the values as a new dictionary."""
        return dict(self._values)

    def to_json(self) -> str:
        """Returns the values, and those of configs among them, as JSON."""
        return json.dumps(self._values, default=_plain)


def _plain(value: object) -> dict[str, Any]:
    if isinstance(value, Config):
        return value.as_dict()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
