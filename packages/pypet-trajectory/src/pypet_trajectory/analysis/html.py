"""Nodes in notebooks: a tree that unfolds, escaped and bounded in size.

The text is complete in itself: no scripts, no style sheets, nothing loaded from elsewhere.
Whatever a node contains, the text stays small: of a group with a million children the first are
shown and the rest is counted. Showing a parameter does not lock it.
"""

from __future__ import annotations

import html
import itertools
from typing import TYPE_CHECKING, Any

from pypet_trajectory.annotations import has_annotations
from pypet_trajectory.leaves.base import BaseParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.values.summary import summarise

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory

#: Children shown of one group, and nodes shown in all.
MAX_CHILDREN = 25
MAX_NODES = 300
#: Groups this deep below the one shown are listed, but not unfolded.
MAX_DEPTH = 8
#: Characters shown of a value, and of a comment.
MAX_TEXT = 120

_STYLE = "font-family:monospace;margin-left:1em"
_FAINT = "opacity:0.6"


def node_html(node: Any) -> str:
    """HTML of a trajectory, a group or a leaf, for notebooks.

    Raises
    ------
    Nothing; a value whose text cannot be made is shown as unreadable.
    """
    if node.v_is_leaf:
        return f'<div style="{_STYLE}">{_leaf(node)}</div>'
    return f'<div style="{_STYLE}">{_Budget().group(node, 0, is_open=True)}</div>'


def runs_summary(traj: Trajectory) -> str:
    """How many runs there are and how far they have come, as text."""
    table = traj.v_runs.table
    completed = int((table.column("completed") != 0).sum())
    parts = [f"{len(table)} run{'s' if len(table) != 1 else ''}", f"{completed} completed"]
    if table.failures:
        parts.append(f"{len(table.failures)} failed")
    if traj.v_exploration.parameters:
        names = [
            name.rpartition(".")[2]
            for name in itertools.islice(traj.v_exploration.parameters, MAX_CHILDREN)
        ]
        more = ", …" if len(traj.v_exploration.parameters) > MAX_CHILDREN else ""
        parts.append(f"explored: {', '.join(names)}{more}")
    return "; ".join(parts)


class _Budget:
    """Writes groups until enough nodes are shown."""

    def __init__(self) -> None:
        self._left = MAX_NODES

    def group(self, group: Any, depth: int, is_open: bool = False) -> str:
        """One group, unfolding to its children."""
        children = []
        for name, child in itertools.islice(group.v_children.items(), MAX_CHILDREN):
            if self._left <= 0 or depth >= MAX_DEPTH:
                break
            self._left -= 1
            children.append(f"<li>{self._child(group, name, child, depth)}</li>")
        hidden = len(group.v_children) - len(children)
        if hidden:
            children.append(f'<li style="{_FAINT}">… and {hidden} more</li>')
        body = f'<ul style="list-style:none;margin:0">{"".join(children)}</ul>'
        return (
            f"<details{' open' if is_open else ''}><summary>{_head(group)}</summary>{body}"
            f"</details>"
        )

    def _child(self, group: Any, name: str, child: Any, depth: int) -> str:
        if name in group.v_children.links:
            target = _escaped(child.v_full_name)
            return f'{_escaped(name)} <span style="{_FAINT}">→ {target}</span>'
        return _leaf(child) if child.v_is_leaf else self.group(child, depth + 1)


def _head(group: Any) -> str:
    name = f"<b>{_escaped(group.v_name or '')}</b>"
    count = len(group.v_children)
    about = f"{type(group).__name__}, {count} child{'ren' if count != 1 else ''}"
    if group.v_is_root and group.v_root is group:
        about = f"{type(group).__name__}, {runs_summary(group)}"
    return f'{name} <span style="{_FAINT}">{_escaped(about)}</span>{_notes(group)}'


def _leaf(leaf: Any) -> str:
    try:
        value = _value(leaf)
    except Exception as error:  # a view must not fail because one value cannot be shown
        value = f"unreadable ({type(error).__name__})"
    about = type(leaf).__name__
    if leaf.v_is_parameter and leaf.f_has_range():
        about += f", {leaf.f_get_range_length()} values"
    name = f"<b>{_escaped(leaf.v_name or '')}</b>"
    return (
        f'{name} = {_escaped(value)} <span style="{_FAINT}">{_escaped(about)}</span>{_notes(leaf)}'
    )


def _value(leaf: Any) -> str:
    plain = isinstance(leaf, Parameter) and not leaf.f_is_empty()
    if plain and type(leaf).f_val_to_str is BaseParameter.f_val_to_str:
        return summarise(leaf.v_value, MAX_TEXT)  # which is not as long as the value
    return leaf.f_val_to_str()  # type: ignore[no-any-return]


def _notes(node: Any) -> str:
    """Comment and annotations, if there are any."""
    parts = [node.v_comment] if node.v_comment else []
    if has_annotations(node):
        notes = node.v_annotations.f_to_dict(copy=False)
        first = itertools.islice(sorted(notes), MAX_CHILDREN)
        parts.extend(f"{name}={_text(notes[name])}" for name in first)
    if not parts:
        return ""
    return f' <i style="{_FAINT}">{_escaped("; ".join(parts))}</i>'


def _text(note: Any) -> str:
    return note[: MAX_TEXT + 1] if isinstance(note, str) else summarise(note, MAX_TEXT)


def _escaped(text: object) -> str:
    shown = str(text)
    if len(shown) > MAX_TEXT:
        shown = shown[: MAX_TEXT - 1] + "…"
    # Half of a surrogate pair is legal in Python's text and nowhere else.
    return html.escape(shown).encode("utf-8", "backslashreplace").decode("utf-8")
