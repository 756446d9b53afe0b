"""The experiments of the integration suite, importable by every process that runs them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, load_trajectory


def many_kinds(traj: Trajectory) -> int:
    """A run that adds one of everything: scalars, arrays, containers, groups, links."""
    x = traj.x
    traj.f_add_derived_parameter("$.halved", x / 2, comment="x halved")
    traj.f_add_result("z", x * traj.y, comment="x times y")
    traj.f_add_result("$set.$.curve", np.linspace(0, x, 7), comment="From zero to x")
    several = traj.f_add_result(
        "group.several", [1, 2, x], {"a": x, "b": "text äöü"}, flag=x % 2 == 0
    )
    several.v_annotations.f_set(run=x, note="annotated")
    traj.f_add_result_group("empty", comment="A group without leaves")
    traj.results.f_add_link("$.shortcut", several)
    return x * traj.y


def troubled(traj: Trajectory, deadly: bool = True) -> int:
    """Run 3 raises, run 5 ends its process, run 7 never ends; all others are fine."""
    index = traj.v_idx
    if index == 3:
        raise ValueError("run 3 is bound to fail")
    if index == 5 and deadly:
        os._exit(17)
    while index == 7:
        time.sleep(3600)
    traj.f_add_result("z", index)
    return index


def explored(name: str, file: Path, runs: int, **settings: object) -> Environment:
    """An environment with ``x`` explored over `runs` values, ready to run."""
    env = Environment(
        trajectory=name, filename=str(file), log_config=None, report_progress=False, **settings
    )
    env.trajectory.f_add_parameter("x", 0, comment="Explored")
    env.trajectory.f_add_parameter("y", 6, comment="Constant")
    env.trajectory.f_explore({"x": list(range(1, runs + 1))})
    return env


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return (type(value).__name__, value)


def content(file: Path, name: str) -> dict[str, object]:
    """Everything in a file that does not depend on how or when it was written.

    Configuration and times differ between environments, and of equal comments only the first
    that was stored is kept, so these are left out.
    """
    traj = load_trajectory(name=name, filename=str(file), load_data=2)
    found: dict[str, object] = {
        "runs": [traj.f_is_completed(run) for run in traj.f_get_run_names()]
    }
    for node in traj.f_iter_nodes(with_links=False):
        if node.v_branch == "config":
            continue
        annotations = {key: str(value) for key, value in node.v_annotations.f_to_dict().items()}
        if node.v_is_group:
            links = {link: target.v_full_name for link, target in node.f_get_links().items()}
            found[node.v_full_name] = (type(node).__name__, node.v_comment, annotations, links)
        elif node.v_is_parameter:
            values = node.f_get_range() if node.f_has_range() else [node.f_get()]
            found[node.v_full_name] = (type(node).__name__, [_plain(v) for v in values])
        else:
            found[node.v_full_name] = (
                type(node).__name__,
                annotations,
                _plain(node.f_to_dict()),
            )
    return found
