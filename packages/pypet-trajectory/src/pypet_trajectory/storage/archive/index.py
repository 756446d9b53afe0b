"""What the index of a `.traj` archive says, checked before it is believed.

The index is JSON, and JSON that is whole may still say anything. So what is taken from it is taken
here: with its type, and only if the tree it describes can be one. Invariant: what comes out is
what a writer may have put in; anything else is a `PypetOSError` that names the archive and the
place in it. The fields of a node are checked when the node is read and not before, for an archive
may have very many.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pypet_trajectory.api.records import NodeKind, NodeRecord, RunFailure, TrajectoryMeta
from pypet_trajectory.exceptions import PypetOSError, VersionMismatchError
from pypet_trajectory.storage.archive.members import WHAT_TO_DO, MemberReader

#: Number of the format written here; archives of a larger number are refused.
FORMAT = 1

_KINDS = {kind.value: kind for kind in NodeKind}
_NAME = re.compile(r"index\.([0-9]{1,18})\.json")
_REQUIRED: Any = object()

_NUMBER = (int, float)
#: Fields of the meta data with their types; all of them must be there.
_META = {
    "name": str,
    "comment": str,
    "timestamp": _NUMBER,
    "time": str,
    "version": str,
    "python": str,
    "length": int,
    "explored": list,
}
#: The same for a failure.
_FAILURE = {"status": str, "exception": str, "message": str, "traceback": str}
#: Fields that may be missing there.
_MORE_OF_FAILURE = {
    "attempts": int,
    "host": str,
    "timestamp": _NUMBER,
}


def latest_index(members: MemberReader, path: Path) -> dict[str, Any]:
    """The index that counts: of several that with the largest number.

    Raises
    ------
    PypetOSError
        If there is none, or it is damaged.
    VersionMismatchError
        If it has another format.
    """
    found = [match for match in map(_NAME.fullmatch, members.names()) if match is not None]
    if not found:
        raise PypetOSError(
            f"{path} is a zip file, but no archive of trajectories: it has no index."
        )
    latest = max(found, key=lambda match: int(match[1]))
    index = members.read_json(latest[0])
    if not isinstance(index, dict) or not isinstance(index.get("trajectories"), dict):
        raise PypetOSError(
            f"{path} is a zip file, but no archive of trajectories: its index lists none."
        )
    if index.get("format") != FORMAT:
        raise VersionMismatchError(
            f"The archive {path} has the format {index.get('format')!r}, this version "
            f"of pypet knows format {FORMAT}. Read it with a newer version."
        )
    for name, tree in index["trajectories"].items():
        _check_tree(tree, f"the trajectory {name!r} in the archive {path}")
    index["generation"] = int(latest[1])
    index["members"] = max(0, taken(index, "members", int, f"the archive {path}", 0))
    return index


def _check_tree(tree: Any, place: str) -> None:
    """Refuse what has not the outline of a trajectory."""
    if not isinstance(tree, dict):
        damaged(place, "it", "an object", tree)
    if tree.get("meta") is not None:
        taken(tree, "meta", dict, place)
    runs = taken(tree, "runs", dict, place)
    if taken(runs, "length", int, place) < 0:
        damaged(place, "the number of runs", "at least 0", runs["length"])
    texts(runs, "members", place)
    nodes = taken(tree, "nodes", dict, place)
    for full_name, entry in nodes.items():
        kind = entry.get("kind") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or kind not in _KINDS:
            damaged(place, f"the node {full_name!r}", f"one of {', '.join(_KINDS)}", entry)
    if nodes.get("", {}).get("kind") != NodeKind.GROUP.value:
        damaged(place, "the root", "a group", nodes.get(""))


def children_of(nodes: Mapping[str, Mapping[str, Any]], place: str) -> dict[str, dict[str, None]]:
    """Full name of each group to the short names of its children, in order.

    Raises
    ------
    PypetOSError
        If a node hangs in no group.
    """
    group = NodeKind.GROUP.value
    children: dict[str, dict[str, None]] = {
        name: {} for name, entry in nodes.items() if entry["kind"] == group
    }
    for full_name in nodes:
        if full_name:
            parent, _, name = full_name.rpartition(".")
            siblings = children.get(parent)
            if siblings is None or not name:
                damaged(place, f"the parent of {full_name!r}", "a group", parent)
            siblings[name] = None
    return children


def kind_of(entry: Mapping[str, Any]) -> NodeKind:
    """Kind of a node."""
    return _KINDS[entry["kind"]]


def record_of(
    entry: Mapping[str, Any],
    full_name: str,
    place: str,
    annotations: Mapping[str, Any],
    items: Mapping[str, Any] | None,
) -> NodeRecord:
    """The record of a node, but for what the caller had to read from members.

    Raises
    ------
    PypetOSError
        If a field has not the type that it must have.
    """
    flags = taken(entry, "flags", dict, place, {})
    for name, flag in flags.items():
        if not isinstance(flag, str):
            damaged(place, f"the flag {name!r}", "text", flag)
    value = entry.get("value")
    if value is not None and not isinstance(value, str):
        damaged(place, "'value'", "text", value)
    kind = kind_of(entry)
    target = taken(entry, "target", str, place, "")
    if kind is NodeKind.LINK and not target:
        damaged(place, "the target of a link", "the name of a node", target)
    return NodeRecord(
        full_name,
        kind,
        taken(entry, "class", str, place, ""),
        taken(entry, "comment", str, place, ""),
        annotations,
        items,
        flags,
        taken(entry, "parameter", bool, place, False),
        value,
        taken(entry, "range", int, place, 0),
        target,
    )


def meta_of(content: Mapping[str, Any], place: str) -> TrajectoryMeta:
    """Meta data of a trajectory.

    Raises
    ------
    PypetOSError
        If a field is missing or has a wrong type, or the name leads to another folder.
    """
    fields = _fields(content, _META, {}, place)
    if not {"/", "\\", "\0"}.isdisjoint(fields["name"]):  # files are called like trajectories
        damaged(place, "its name", "without slashes", fields["name"])
    explored = tuple(texts(fields, "explored", place))
    return TrajectoryMeta(**{**fields, "explored": explored})


def failures_of(stored: Mapping[str, Any], length: int, place: str) -> dict[int, RunFailure]:
    """Why runs did not complete, by index.

    Raises
    ------
    PypetOSError
        If there is no such run, or a field is missing or has a wrong type.
    """
    failures = {}
    for text, content in taken(stored, "failures", dict, place, {}).items():
        if not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text) < length):
            damaged(place, "the failure of a run", f"that of one of {length} runs", text)
        if not isinstance(content, dict):
            damaged(place, f"the failure of run {text}", "an object", content)
        failures[int(text)] = RunFailure(**_fields(content, _FAILURE, _MORE_OF_FAILURE, place))
    return failures


def _fields(
    content: Mapping[str, Any], kinds: Mapping[str, Any], more: Mapping[str, Any], place: str
) -> dict[str, Any]:
    """All fields of `kinds` and those of `more` that are there."""
    strange = content.keys() - kinds.keys() - more.keys()
    if strange:
        damaged(place, "a field", f"one of {', '.join((*kinds, *more))}", min(strange))
    kinds = {**kinds, **{name: kind for name, kind in more.items() if name in content}}
    return {name: taken(content, name, kind, place) for name, kind in kinds.items()}


def texts(content: Mapping[str, Any], key: str, place: str) -> list[str]:
    """A list of names, empty if there is none.

    Raises
    ------
    PypetOSError
        If it is something else.
    """
    names: list[str] = taken(content, key, list, place, [])
    for name in names:
        if not isinstance(name, str):
            damaged(place, f"{key!r}", "a list of names", name)
    return names


def taken(
    content: Mapping[str, Any],
    key: str,
    kind: type | tuple[type, ...],
    place: str,
    default: Any = _REQUIRED,
) -> Any:
    """A value of a certain type, or the default if it is missing.

    Raises
    ------
    PypetOSError
        If it has another type, or is missing without default.
    """
    value = content.get(key, default)
    # A boolean is an int in Python, but not in an archive.
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if value is _REQUIRED:
        damaged(place, f"{key!r}", "there", None)
    wanted = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
    damaged(place, f"{key!r}", f"of type {wanted}", value)


def damaged(place: str, what: str, rule: str, found: Any) -> NoReturn:
    """Report what cannot have been written.

    Raises
    ------
    PypetOSError
        Always.
    """
    raise PypetOSError(
        f"Cannot read {place}, it is damaged: {what} must be {rule}, not {reprlib.repr(found)}. "
        f"{WHAT_TO_DO}"
    )
