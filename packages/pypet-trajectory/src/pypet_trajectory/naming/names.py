"""Names in a trajectory: which are admissible, and what abbreviations stand for.

A dotted name is split into components; each one is first translated (``par`` to ``parameters``,
``r_5`` to ``run_00000005``, ``$`` to the current run) and then checked. Both happen the same way
in adding, looking up, linking and assigning. Invariant: translation never fails and leaves alone
what it does not know, so only adding, where names are checked, refuses a name for its spelling.
"""

from __future__ import annotations

import functools
import keyword
import operator
import re
import warnings
from collections.abc import Sequence
from typing import Any, Final

from pypet_trajectory.constants import HDF5_STRCOL_MAX_NAME_LENGTH
from pypet_trajectory.exceptions import InvalidNameError, PypetAttributeError
from pypet_trajectory.naming.wildcards import RUN_WILDCARD, SET_WILDCARD, WildcardFunctions

#: Short forms of the four branches.
ABBREVIATIONS: Final = {
    "par": "parameters",
    "conf": "config",
    "dpar": "derived_parameters",
    "res": "results",
}
#: Names that cannot be used directly below the root: storages keep tables there.
RESERVED_AT_ROOT: Final = frozenset(("overview",))

_COMPONENT = r"[A-Za-z0-9-][A-Za-z0-9_-]*"
_ADMISSIBLE = re.compile(rf"{_COMPONENT}(?:\.{_COMPONENT})*")
# More digits than this are no run index; int() refuses some thousand digits anyway.
_RUN_FORM = re.compile(r"r(?:un)?_([0-9]{1,100}|A)")
_SET_FORM = re.compile(r"(?:rts|runtoset)_([0-9]{1,100}|A)")


def translate(component: str, wildcards: WildcardFunctions, idx: int) -> str:
    """Return what one component of a name stands for in the run of index `idx`.

    Examples
    --------
    >>> [translate(name, WildcardFunctions(), 7) for name in ('par', '$', 'r_5', 'rts_4042', 'x')]
    ['parameters', 'run_00000007', 'run_00000005', 'run_set_00004', 'x']
    """
    branch = ABBREVIATIONS.get(component)
    if branch is not None:
        return branch
    if component in wildcards.synonyms:
        return wildcards.translate(component, idx)
    if component[:1] == "r" and "_" in component:
        for form, wildcard in ((_RUN_FORM, RUN_WILDCARD), (_SET_FORM, SET_WILDCARD)):
            match = form.fullmatch(component)
            if match is not None:
                number = match[1]
                return wildcards.translate(wildcard, -1 if number == "A" else int(number))
    return component


def split(key: Any, wildcards: WildcardFunctions) -> list[str]:
    """Return the components of a key, untranslated except for run indices.

    Parameters
    ----------
    key
        A dotted name, a run index (negative: the dummy run), or a list or tuple of these.
    wildcards
        Names the runs.

    Raises
    ------
    PypetAttributeError
        If `key` is anything else.
    """
    if isinstance(key, str):
        return key.split(".")
    if isinstance(key, (list, tuple)):
        return [component for part in key for component in split(part, wildcards)] or [""]
    try:
        idx = operator.index(key)
    except TypeError:
        raise PypetAttributeError(
            f"Nodes are found by dotted names, run indices, or lists of these, not by "
            f"{key!r} of type {type(key).__name__}."
        ) from None
    return [wildcards.translate(RUN_WILDCARD, max(idx, -1))]


@functools.lru_cache
def members_of(root_class: type) -> frozenset[str]:
    """Public attributes and methods of a class of root, and Python's keywords.

    Nodes may bear such a name, but natural naming does not reach them by ``group.name``.
    """
    members = (name for name in dir(root_class) if not name.startswith("_"))
    return frozenset(keyword.kwlist).union(members)


def check(
    components: Sequence[str],
    parent: str,
    members: frozenset[str],
    *,
    first: str = "",
    stacklevel: int = 2,
) -> None:
    """Refuse names that are not admissible, and warn about unwise ones.

    Parameters
    ----------
    components
        The new components, translated.
    parent
        Full name of the group they are added to, ``''`` for the root.
    members
        Names that deserve a warning, from `members_of`.
    first
        First component before anything was put in front, if that differs.
    stacklevel
        Where warnings point to, as for :func:`warnings.warn`.

    Raises
    ------
    InvalidNameError
        If a component is empty, starts with an underscore, has other characters than
        ``A-Z a-z 0-9 _ -``, if the last one is too long, or the first one is reserved.
    """
    if _ADMISSIBLE.fullmatch(".".join(components)) is None:
        for reason in filter(None, map(_fault, components)):
            raise _not_admissible(parent, components, reason)
    if len(components[-1]) >= HDF5_STRCOL_MAX_NAME_LENGTH:
        raise _not_admissible(
            parent,
            components,
            f"its last component has {len(components[-1])} characters, at most "
            f"{HDF5_STRCOL_MAX_NAME_LENGTH - 1} are allowed.",
        )
    first = first or components[0]
    if not parent and first in RESERVED_AT_ROOT:
        raise _not_admissible(
            parent,
            components,
            f"`{first}` is reserved directly below the root. Choose another name, or put "
            "the node into a group.",
        )
    if not members.isdisjoint(components):
        for component in components:
            if component in members:
                warnings.warn(
                    f"`{component}` in `{'.'.join(components)}` is a Python keyword or a member of "
                    f"the trajectory: `group.{component}` will not reach the node, use "
                    f"`group['{component}']` or `group.f_get('{component}')`.",
                    category=SyntaxWarning,
                    stacklevel=stacklevel + 1,
                )


def check_trajectory_name(
    name: str, members: frozenset[str] = frozenset(), *, stacklevel: int = 2
) -> None:
    """Refuse names that a trajectory cannot have, and warn about unwise ones.

    Parameters
    ----------
    name
        The new name.
    members
        Names that deserve a warning, from `members_of`.
    stacklevel
        Where a warning points to, as for :func:`warnings.warn`.

    Raises
    ------
    InvalidNameError
        If the name contains a dot, or breaks the rules of `check`. ``overview`` is fine.
    """
    reason = _fault(name)
    if not reason and len(name) >= HDF5_STRCOL_MAX_NAME_LENGTH:
        reason = f"it is longer than {HDF5_STRCOL_MAX_NAME_LENGTH - 1} characters."
    if reason:
        raise InvalidNameError(f"{name!r} is not admissible as a trajectory's name: {reason}")
    if name in members:
        warnings.warn(
            f"`{name}` as a trajectory's name is a Python keyword or a member of a trajectory: "
            "where names become attributes, as in `file.root.name`, it cannot be written.",
            category=SyntaxWarning,
            stacklevel=stacklevel + 1,
        )


def _not_admissible(parent: str, components: Sequence[str], reason: str) -> InvalidNameError:
    full_name = ".".join((parent, *components) if parent else components)
    return InvalidNameError(f"{full_name!r} is not admissible as a name: {reason}")


def _fault(component: str) -> str:
    """What is wrong with the characters of a component, ``''`` if nothing is."""
    if not component:
        return "every part between dots needs at least one character."
    if component.startswith("_"):
        return f"{component!r} starts with an underscore, which is kept for internal use."
    if _ADMISSIBLE.fullmatch(component) is None or "." in component:
        strange = sorted(set(re.sub(r"[A-Za-z0-9_-]", "", component)))
        hint = ""
        if "$" in strange:
            hint = " A wildcard stands alone between dots and must be known to the trajectory."
        return (
            f"{component!r} contains {', '.join(map(repr, strange))}, but only letters without "
            f"accents, digits, `_` and `-` are allowed.{hint}"
        )
    return ""
