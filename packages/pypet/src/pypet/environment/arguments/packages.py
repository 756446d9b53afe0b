"""Packages that an environment can do without: imported when asked for, ``None`` if missing.

Invariant: nothing here is imported before a caller reads it. The objects are visible as
globals of :mod:`pypet.environment` (``pypet.environment.dill`` and so on), and everything in
this package reads them from there; a caller that sets one of them to ``None`` sees pypet behave as
if that package were not installed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

#: Global name to where the object comes from, ``module`` or ``module:attribute``.
SOURCES = {
    "dill": "dill",
    "psutil": "psutil",
    "scoop": "scoop",
    "git": "git",
    "zmq": "zmq",
    "load_project": "sumatra.projects:load_project",
}

#: Global name to what `pip` installs, where that is called otherwise.
DISTRIBUTIONS = {"git": "GitPython", "zmq": "pyzmq", "load_project": "Sumatra"}


def import_optional(name: str) -> Any:
    """The package or function called `name` in :data:`SOURCES`, ``None`` if it is missing.

    GitPython counts as missing too where no git executable can be found.
    """
    module_name, _, attribute = SOURCES[name].partition(":")
    try:
        module = import_module(module_name)
    except ImportError:
        return None
    return getattr(module, attribute) if attribute else module


def optional_package(name: str) -> Any:
    """What ``pypet.environment.<name>`` is at this moment."""
    return getattr(sys.modules["pypet.environment"], name)
