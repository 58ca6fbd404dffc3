"""`python -m addax` is the command `addax`."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
