"""``group.name = value`` and ``group['a.name'] = value``.

Assigning a node adds it, or a link if it is in this tree already; assigning anything else sets
the value of a leaf that exists. Invariant: nothing new comes into being from a plain value, so
that a misspelt name is an error and not a new parameter. An assignment that fails changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet_trajectory.exceptions import PypetAttributeError
from pypet_trajectory.naming import names
from pypet_trajectory.tree import adding, links, lookup
from pypet_trajectory.tree.nodes import NNTreeNode, rename
from pypet_trajectory.tree.suggestions import title

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode


def assign(group: NNGroupNode, key: Any, value: Any) -> None:
    """Carry out an assignment to a child of `group`, or to one further below.

    Raises
    ------
    PypetAttributeError
        If there is nothing to assign to, or name and node do not fit, or the name is taken.
    PypetTypeError
        If the leaf is locked or does not take the value.
    """
    path = names.split(key, group.v_index.root.v_runs.wildcards)
    if not isinstance(value, NNTreeNode):
        _set_value(lookup.get(group, key), value)
        return
    if len(path) > 1:
        above = lookup.get(group, path[:-1])
        if above.v_is_leaf:
            raise PypetAttributeError(
                f"{key!r} leads through leaf `{above.v_full_name}`: only groups have children."
            )
        group = above
    if group.v_index.holds(value):
        links.add_link(group, path[-1], value)
    else:
        _add(group, path[-1], value)


def _set_value(node: Any, value: Any) -> None:
    if not node.v_is_leaf:
        raise PypetAttributeError(
            f"`{node.v_full_name}` is a group: only leaves have values. Use one of its adders to "
            f"add something below."
        )
    if not (node.v_is_parameter or node.f_supports_fast_access()):
        raise PypetAttributeError(
            f"`{node.v_full_name}` does not hold exactly one value called `{node.v_name}`, so it "
            f"is not clear what to assign to. Use its f_set with a name."
        )
    node.f_set(value)


def _add(group: NNGroupNode, key: str, node: NNTreeNode) -> None:
    root = group.v_index.root
    name = names.translate(key, root.v_runs.wildcards, root.v_runs.idx)
    old_name = node.v_full_name
    # Both may be written with wildcards, `group['$'] = Result('$', 1)`.
    first = names.translate(old_name.partition(".")[0], root.v_runs.wildcards, root.v_runs.idx)
    if old_name and first != name:
        raise PypetAttributeError(
            f"A {type(node).__name__} called `{old_name}` cannot be assigned to `{name}` below "
            f"{title(group)}: its name must be empty, `{name}`, or begin with `{name}.`."
        )
    rename(node, old_name or name)
    try:
        added = adding.add(group, (node,), {}, leaf=node.v_is_leaf)
    except BaseException:
        rename(node, old_name)
        raise
    if added is not node:  # v_no_clobber kept what was there
        rename(node, old_name)
