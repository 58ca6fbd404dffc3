"""The version of addax, and that of the Keras API it follows."""

__version__ = "0.1.0"
KERAS_API_VERSION = "3.15.1"


def version() -> str:
    """The version of addax.

    >>> version() == __version__
    True
    """
    return __version__
