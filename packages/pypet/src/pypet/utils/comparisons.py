"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.values.comparisons import (
    get_all_attributes,
    nested_equal,
    parameters_equal,
    results_equal,
)

__all__ = ["get_all_attributes", "nested_equal", "parameters_equal", "results_equal"]
