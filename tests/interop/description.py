"""What is in a trajectory, as plain JSON; runs under pypet 0.7 and under this library alike."""

from __future__ import annotations

import hashlib
import math

import numpy as np


def describe(traj):
    """Everything a user sees of a loaded trajectory, except settings of the service."""
    leaves = {}
    for node in traj.f_iter_nodes(recursive=True):
        name = node.v_full_name
        if not node.v_is_leaf or name.startswith("config"):
            continue
        if node.v_is_parameter:
            content = {
                "value": None if node.f_is_empty() else value(node.f_get()),
                "range": [value(v) for v in node.f_get_range()] if node.f_has_range() else None,
            }
        else:
            content = {key: value(item) for key, item in node.f_to_dict().items()}
        leaves[name] = {
            "class": type(node).__name__,
            "comment": node.v_comment,
            "content": content,
            "annotations": annotations(node),
        }
    return {
        "comment": traj.v_comment,
        "length": len(traj),
        "leaves": leaves,
        "annotations": annotations(traj),
        "explored": sorted(traj.f_get_explored_parameters()),
        "completed": [bool(traj.f_get_run_information(i)["completed"]) for i in range(len(traj))],
        "groups": {
            node.v_full_name: node.v_comment
            for node in traj.f_iter_nodes(recursive=True)
            if not node.v_is_leaf and not node.v_full_name.startswith("config")
        },
    }


def annotations(node):
    """Annotations; pypet 0.7 hands numbers and texts out as numpy scalars."""
    return {name: value(item, python=True) for name, item in node.v_annotations.f_to_dict().items()}


def value(item, python=False):
    """One value with its exact type."""
    if python and isinstance(item, np.generic):
        item = item.item()
    kind = type(item).__name__.rstrip("_")
    if isinstance(item, (bool, np.bool_, type(None))):
        return [kind, None if item is None else bool(item)]
    if isinstance(item, (int, np.integer)):
        return [kind, str(int(item))]
    if isinstance(item, (float, np.floating)):
        return [kind, "nan" if math.isnan(item) else float(item).hex()]
    if isinstance(item, (complex, np.complexfloating)):
        return [kind, repr(complex(item))]
    if isinstance(item, bytes):
        return [kind, item.hex()]
    if isinstance(item, str):
        return [kind, str(item)]
    if isinstance(item, (list, tuple)):
        return [kind, [value(entry) for entry in item]]
    if isinstance(item, dict):
        # pypet 0.7 sorts keys and gives numpy numbers in dictionaries back as Python's.
        return [kind, {key: value(entry, python=True) for key, entry in sorted(item.items())}]
    if isinstance(item, np.ndarray):
        if item.dtype.kind == "U":
            return [kind, "text", list(item.shape), np.asarray(item).ravel().tolist()]
        data = np.ascontiguousarray(np.asarray(item))
        return [kind, item.dtype.str, list(item.shape), hashlib.sha256(data.tobytes()).hexdigest()]
    if hasattr(item, "columns"):
        # The row order of a table is its own, the order of its columns is not.
        return [
            "table",
            {
                str(name): [value(v, python=True) for v in item[name]]
                for name in sorted(map(str, item.columns))
            },
        ]
    if hasattr(item, "index"):
        return ["series", [value(v, python=True) for v in item]]
    if hasattr(item, "toarray"):
        return ["sparse", item.format, value(item.toarray())]
    raise TypeError(f"no description of {type(item)}")
