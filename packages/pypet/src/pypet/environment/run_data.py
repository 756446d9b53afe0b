"""Data of runs that is in memory although nobody needs it there.

Run data is dropped only if it is in storage, and only below groups named by runs; what hangs
elsewhere belongs to the user. So dropping loses nothing: it can be loaded again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def drop_all_run_data(trajectory: Any) -> None:
    """Drop data of all runs, so that further runs start lean.

    Post-processing may have loaded much of it.
    """
    _drop(trajectory, lambda idx: True)


def drop_open_run_data(trajectory: Any) -> None:
    """Drop data of runs that have not completed, so that they can be executed again.

    It is there if a half-done trajectory was loaded with its data: a run that was stored and
    whose process died before the run table said so counts as not done.
    """
    _drop(trajectory, lambda idx: not trajectory._run_table.is_completed(idx))


def _drop(trajectory: Any, is_meant: Callable[[int], bool]) -> None:
    for parent in list(trajectory._run_parent_groups.values()):
        for name, child in parent.f_get_children().items():
            if not trajectory._run_names.contains(name):
                continue
            leaves = [child] if child.v_is_leaf else child.f_iter_leaves(with_links=False)
            if is_meant(trajectory._run_index(name)) and all(leaf.v_stored for leaf in leaves):
                parent.f_remove_child(name, recursive=True)
