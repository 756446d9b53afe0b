"""A tree as dictionaries, or as plain objects for a debugger to show.

Invariant: keys are real full names, also from a sub-group and through links, unless short or
nested ones are asked for. Nothing returned here is tied to the tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet_trajectory.annotations import has_annotations
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.tree import iteration

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode


def leaves_below(group: NNGroupNode, with_links: bool = True) -> Mapping[str, Any]:
    """Full name to leaf, for all leaves below a group; the live register for the root."""
    index = group.v_index
    if group is index.root:
        return index.leaves
    return {
        leaf.v_full_name: leaf for leaf in iteration.iterate_leaves(group, with_links=with_links)
    }


def to_dict(
    leaves: Mapping[str, Any],
    fast_access: bool = False,
    short_names: bool = False,
    nested: bool = False,
    below: str = "",
) -> dict[str, Any]:
    """Turn a register of leaves into a dictionary of its own.

    Parameters
    ----------
    leaves
        Full name to leaf.
    fast_access
        Whether leaves that support it are replaced by their values.
    short_names
        Whether keys are the last components only.
    nested
        Whether groups become dictionaries in dictionaries.
    below
        Full name of the group at which nesting begins. Leaves elsewhere, which a link brought
        in, are nested under their whole path.

    Raises
    ------
    PypetValueError
        If two leaves share a short name, or names are to be both short and nested.
    """
    if short_names and nested:
        raise PypetValueError(
            "Keys are either short names or nested, not both: leave out `short_names` or `nested`."
        )
    result: dict[str, Any] = {}
    for full_name, leaf in leaves.items():
        value = leaf.f_get() if fast_access and leaf.f_supports_fast_access() else leaf
        if short_names:
            name = leaf.v_name
            if name in result:
                raise PypetValueError(
                    f"Short names are not unique here: `{full_name}` is the second leaf called "
                    f"`{name}`. Leave out `short_names`."
                )
            result[name] = value
        elif nested:
            prefix = f"{below}." if below else ""
            *above, name = full_name.removeprefix(prefix).split(".")
            place = result
            for component in above:
                place = place.setdefault(component, {})
            place[name] = value
        else:
            result[full_name] = value
    return result


class Bunch:
    """A node as a plain object whose attributes are what hangs below."""


def debug(start: NNGroupNode) -> Bunch:
    """Return plain objects that mirror a group and everything below.

    Leaves are the real ones, groups become further such objects, links become a text.
    Annotations and comment appear where there are any.
    """
    top = Bunch()
    todo: list[tuple[NNGroupNode, Bunch]] = [(start, top)]
    while todo:
        group, bunch = todo.pop()
        if has_annotations(group):
            bunch.v_annotations = group.v_annotations  # type: ignore[attr-defined]
        if group.v_comment:
            bunch.v_comment = group.v_comment  # type: ignore[attr-defined]
        for name, target in group.v_children.links.items():
            setattr(bunch, name, f"Link to `{target.v_full_name}`")
        for name, leaf in group.v_children.leaves.items():
            setattr(bunch, name, leaf)
        for name, child in group.v_children.groups.items():
            below = Bunch()
            setattr(bunch, name, below)
            todo.append((child, below))
    return top
