"""What error messages say of nodes: their titles, and names close to one that was not found.

Work is bounded: near nodes are looked at first, and only so many names are compared, because
``hasattr`` and completion tools ask for names that do not exist, and often.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode

#: Names looked at, and names of these compared letter by letter.
MAX_NAMES = 500
MAX_COMPARED = 60
#: Prefixes of the members of nodes, which children and items rarely have.
_MEMBER_PREFIXES = ("f_", "v_")


def near_nodes(group: NNGroupNode, name: str) -> str:
    """Return a sentence with up to three names like `name`, ``''`` if there are none.

    For names with the prefixes ``f_`` and ``v_`` the members of the group are compared,
    otherwise its children and then all names of the tree.
    """
    return near_members(type(group), name, chain(group.v_children, group.v_index.names))


def near_members(cls: type, name: str, others: Iterable[str] = ()) -> str:
    """The same for members of a class, or for `others` if `name` is not like that of a member."""
    if name.startswith(_MEMBER_PREFIXES):
        return _near(name, (member for member in dir(cls) if member.startswith(name[:2])))
    return _near(name, others)


def _near(name: str, known: Iterable[str]) -> str:
    # Names that differ much in length, or in first and last letter, are hardly misspellings.
    likely = dict.fromkeys(
        other
        for other in islice(known, MAX_NAMES)
        if other != name
        and abs(len(other) - len(name)) <= 2
        and (other[:1] == name[:1] or other[-1:] == name[-1:])
    )
    if not likely:
        return ""
    import difflib  # here, because most programs never misspell a name

    near = difflib.get_close_matches(name, islice(likely, MAX_COMPARED), n=3, cutoff=0.7)
    if not near:
        return ""
    return f" Did you mean {' or '.join(f'`{other}`' for other in near)}?"


def title(node: Any) -> str:
    """Class and full name of a node, of a root its name, for error messages."""
    try:
        name = object.__getattribute__(node, "_full_name")
        name = name or object.__getattribute__(node, "_name")
    except AttributeError:  # asked for something before it got its name, by copy or pickle
        name = None
    return f"{type(node).__name__} `{name}`" if name else type(node).__name__
