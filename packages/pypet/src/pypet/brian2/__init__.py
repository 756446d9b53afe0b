"""Parameters and results with the units of brian2, and networks that are built, run and analysed.

This is the only place that imports brian2: ``pip install "pypet[brian2]"`` brings it. Modules have
the names they have in pypet 0.7.
"""

from pypet_trajectory.imports import import_optional

import_optional("brian2", "brian2", "The classes of pypet.brian2", distribution="pypet")

from pypet.brian2.network import (  # noqa: E402  says first what is missing
    NetworkAnalyser,
    NetworkComponent,
    NetworkManager,
    NetworkRunner,
)
from pypet.brian2.parameter import (  # noqa: E402
    Brian2MonitorResult,
    Brian2Parameter,
    Brian2Result,
)

__all__ = [
    "Brian2MonitorResult",
    "Brian2Parameter",
    "Brian2Result",
    "NetworkAnalyser",
    "NetworkComponent",
    "NetworkManager",
    "NetworkRunner",
]
