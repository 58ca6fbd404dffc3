"""One trace at a time: models' own code runs while it is traced, and may keep what it computes on its layers."""

from __future__ import annotations

import threading

lock = threading.RLock()  # held by the thread that traces a model; never while a program compiles or runs
