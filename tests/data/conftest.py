"""These programs run for microseconds: less work for the compiler."""

from tests.xla import quick_compiles  # noqa: F401
