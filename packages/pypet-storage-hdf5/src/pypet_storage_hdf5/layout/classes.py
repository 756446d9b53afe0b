"""Which class a leaf probably has, told by the names of its items.

The class of a leaf is an attribute beside its data, and a damaged file may have lost it. The
classes of pypet store items of different names, so the data says enough to be loaded; only a class
of a user becomes the class of pypet that it is derived from.
"""

from __future__ import annotations

from collections.abc import Collection

_PARAMETER_BRANCHES = ("parameters", "derived_parameters", "config")


def likely_class(branch: str, items: Collection[str]) -> str:
    """The name of the class whose items these probably are."""
    is_parameter = branch in _PARAMETER_BRANCHES
    if any("__spsp__" in name for name in items):
        return "SparseParameter" if is_parameter else "SparseResult"
    if "__pckl_prtcl__" in items:
        return "PickleParameter" if is_parameter else "PickleResult"
    if not is_parameter:
        return "Result"
    return "ArrayParameter" if any("__rr__" in name for name in items) else "Parameter"
