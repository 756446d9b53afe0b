"""What is kept of the monitors of brian2: plain items, with units where brian2 has them.

Everything is copied, because a monitor goes on recording. Exact types only: a derived monitor may
record something else. Unlike the others a `StateMonitor` has its times in plain seconds here, as
in files of pypet 0.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from brian2.monitors import PopulationRateMonitor, SpikeMonitor, StateMonitor
from brian2.units import second

from pypet_trajectory.exceptions import PypetAttributeError


def is_monitor(item: Any) -> bool:
    """Whether an item is a monitor that can be taken apart."""
    return type(item) in _READERS


def monitor_items(monitor: Any) -> dict[str, Any]:
    """Return the items of a monitor.

    Raises
    ------
    AttributeError
        If a `SpikeMonitor` counts spikes without recording them.
    """
    return _READERS[type(monitor)](monitor)


def _spikes(monitor: Any) -> dict[str, Any]:
    if not monitor.record:
        raise PypetAttributeError(
            f"SpikeMonitor `{monitor.name}` was made with record=False and has no spikes to keep: "
            "record them, or add `monitor.count[:]` to a Brian2Result."
        )
    items = {
        "source": str(monitor.source),
        "num_spikes": monitor.num_spikes,
        "when": monitor.when,
        "name": monitor.name,
    }
    names = sorted(monitor.record_variables)
    if names:
        items["record_variables"] = names
    if monitor.num_spikes:
        items.update(_copies(monitor, ["t", "i", *(n for n in names if n not in ("t", "i"))]))
    return items


def _states(monitor: Any) -> dict[str, Any]:
    items = {
        "record_variables": list(monitor.record_variables),
        "record": monitor.record,
        "when": monitor.when,
        "source": str(monitor.source),
        "name": monitor.name,
    }
    if len(monitor.t):
        items["t"] = np.array(monitor.t / second)
        items.update(_copies(monitor, monitor.record_variables))
    return items


def _rates(monitor: Any) -> dict[str, Any]:
    items = {"source": str(monitor.source), "name": monitor.name}
    if len(monitor.t):
        items.update(_copies(monitor, ("t", "rate")))
    return items


def _copies(monitor: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(monitor, name)[:].copy() for name in names}


_READERS: Final[dict[type, Callable[[Any], dict[str, Any]]]] = {
    SpikeMonitor: _spikes,
    StateMonitor: _states,
    PopulationRateMonitor: _rates,
}
