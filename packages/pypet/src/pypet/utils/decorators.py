"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.decorators import (
    copydoc,
    not_in_run,
    prefix_naming,
    retry,
    with_open_store,
)
from pypet_trajectory.deprecation import deprecated, kwargs_api_change, kwargs_mutual_exclusive
from pypet_trajectory.trajectory.lifecycle import manual_run

__all__ = [
    "copydoc",
    "deprecated",
    "kwargs_api_change",
    "kwargs_mutual_exclusive",
    "manual_run",
    "not_in_run",
    "prefix_naming",
    "retry",
    "with_open_store",
]
