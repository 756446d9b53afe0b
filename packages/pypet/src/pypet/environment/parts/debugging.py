"""Whether the process runs under a debugger."""

from __future__ import annotations

import sys


def is_debug() -> bool:
    """Whether the debugger pydevd (PyCharm, PyDev, VS Code) is loaded."""
    return "pydevd" in sys.modules
