"""The environment of an experiment, and the globals of pypet 0.7's module of this name.

:class:`Environment` puts an experiment together from the distributions below. The optional
packages ``dill``, ``psutil``, ``scoop``, ``git``, ``zmq`` and the function ``load_project`` are
globals of this module, each ``None`` if it is not installed; unlike in pypet 0.7 they are
imported when first read.
"""

from typing import Any

from pypet.environment.arguments.packages import SOURCES, import_optional
from pypet.environment.environment import Environment

__all__ = ["Environment", "MultiprocContext"]


def __getattr__(name: str) -> Any:
    value: Any
    if name == "MultiprocContext":
        from pypet_multiproc.engine.context import MultiprocContext

        value = MultiprocContext
    elif name in SOURCES:
        value = import_optional(name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *SOURCES})
