"""The four branches of a trajectory and what is special about each.

Directly below the root, four names carry meaning: below them hang parameters, configuration,
derived parameters and results. Everything else below the root is an ordinary place. Invariant:
the kind of a place follows from the first component of its full name alone.

The string constants are what pypet 0.7 calls the kinds; its module ``naturalnaming`` shows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from pypet_trajectory.naming.names import ABBREVIATIONS

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode

STORE: Final = "STORE"
LOAD: Final = "LOAD"
REMOVE: Final = "REMOVE"
RESULT: Final = "RESULT"
RESULT_GROUP: Final = "RESULT_GROUP"
PARAMETER: Final = "PARAMETER"
PARAMETER_GROUP: Final = "PARAMETER_GROUP"
DERIVED_PARAMETER: Final = "DERIVED_PARAMETER"
DERIVED_PARAMETER_GROUP: Final = "DERIVED_PARAMETER_GROUP"
CONFIG: Final = "CONFIG"
CONFIG_GROUP: Final = "CONFIG_GROUP"
GROUP: Final = "GROUP"
LEAF: Final = "LEAF"
LINK: Final = "LINK"

SUBTREE_MAPPING: Final = {
    "config": (CONFIG_GROUP, CONFIG),
    "parameters": (PARAMETER_GROUP, PARAMETER),
    "derived_parameters": (DERIVED_PARAMETER_GROUP, DERIVED_PARAMETER),
    "results": (RESULT_GROUP, RESULT),
}
#: What a component of a name consists of, and up to how many nodes of a name pypet 0.7 compared one
#: by one; names are checked in :mod:`pypet_trajectory.naming.names`.
CHECK_REGEXP: Final = re.compile(r"^[A-Za-z0-9_-]+$")
FAST_UPPER_BOUND: Final = 3
#: What a single run must not add.
SENSITIVE_TYPES: Final = {PARAMETER, PARAMETER_GROUP, CONFIG, CONFIG_GROUP}
SHORTCUT_SET: Final = set(ABBREVIATIONS)


class Branch(NamedTuple):
    """One of the places directly below the root."""

    #: Name below the root, ``''`` for the rest.
    name: str
    #: Setting with the class of leaves added here without a class.
    standard_leaf: str
    #: Whether single runs may add here.
    open_to_runs: bool = True
    #: Whether what runs add goes below ``runs.<run name>`` by itself.
    sorted_by_run: bool = False


PARAMETERS: Final = Branch("parameters", "standard_parameter", open_to_runs=False)
CONFIGURATION: Final = Branch("config", "standard_parameter", open_to_runs=False)
DERIVED_PARAMETERS: Final = Branch("derived_parameters", "standard_parameter", sorted_by_run=True)
RESULTS: Final = Branch("results", "standard_result", sorted_by_run=True)
#: Everything that hangs elsewhere.
ELSEWHERE: Final = Branch("", "standard_leaf")

#: The four by name.
BRANCHES: Final = {
    branch.name: branch for branch in (CONFIGURATION, PARAMETERS, DERIVED_PARAMETERS, RESULTS)
}
#: Class of groups by name of the branch, ``''`` for the rest; entered by `group_class`.
GROUP_CLASSES: Final[dict[str, type[NNGroupNode]]] = {}

GroupClass = TypeVar("GroupClass", bound="type[NNGroupNode]")


def branch_of(first_component: str | None) -> Branch:
    """The branch of everything whose full name starts with `first_component`."""
    return BRANCHES.get(first_component or "", ELSEWHERE)


def group_class(branch: Branch) -> Callable[[GroupClass], GroupClass]:
    """Declare a class as the one of groups in `branch` (adding cannot import the classes)."""

    def enter(cls: GroupClass) -> GroupClass:
        GROUP_CLASSES[branch.name] = cls
        return cls

    return enter
