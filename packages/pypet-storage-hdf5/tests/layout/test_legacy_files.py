"""Files of pypet 0.7.0 load with the values that pypet 0.7.0 itself reads from them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet_storage_hdf5 import HDF5StorageService
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.tree.branch_groups import ParameterGroup

DATA = Path(__file__).parent.parent / "data"
CASES = [
    (path.stem, name)
    for path in sorted(DATA.glob("*.json"))
    for name in json.loads(path.read_text())["trajectories"]
]


class LabGroup(ParameterGroup):
    """A group class of a user."""


class UnitParameter(Parameter):
    """A parameter class of a user."""


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(request, tmp_path_factory):
    """Expectation and loaded trajectory; the file is read-only, so reading cannot write."""
    stem, name = request.param
    if stem in ("results_types", "shared_data"):
        pytest.importorskip("pandas", reason="the file holds pandas data")
    if stem == "classes_and_flags":
        pytest.importorskip("scipy", reason="the file holds sparse matrices")
    path = tmp_path_factory.mktemp("legacy") / f"{stem}.hdf5"
    original = (DATA / f"{stem}.hdf5").read_bytes()
    path.write_bytes(original)
    path.chmod(0o444)
    expected = json.loads((DATA / f"{stem}.json").read_text())["trajectories"][name]
    service = HDF5StorageService(str(path))
    traj = Trajectory("loading", storage_service=service)
    traj.f_load(name=name, load_data=3, dynamic_imports=[LabGroup, UnitParameter])
    yield expected, traj, service
    assert path.read_bytes() == original


def test_meta_data_is_that_of_the_file(case):
    expected, traj, _ = case
    assert (traj.v_comment, traj.v_time, traj.v_timestamp, traj.v_version, traj.v_python) == tuple(
        expected[key] for key in ("comment", "time", "timestamp", "version", "python")
    )
    assert len(traj) == expected["length"]
    assert sorted(traj.f_get_explored_parameters()) == sorted(expected["explored"])
    assert annotations(traj) == expected["annotations"]


def test_run_information_is_that_of_the_file(case):
    expected, traj, _ = case
    assert [traj.f_get_run_information(idx) for idx in range(len(traj))] == expected["runs"]


def test_settings_are_those_of_the_file(case):
    expected, _, service = case
    assert {key: getattr(service, key) for key in expected["service"]} == expected["service"]


def test_groups_are_those_of_the_file(case):
    expected, traj, _ = case
    groups = {
        node.v_full_name: {
            "class": type(node).__name__,
            "comment": node.v_comment,
            "annotations": annotations(node),
        }
        for node in traj.f_iter_nodes(recursive=True, with_links=False)
        if not node.v_is_leaf and not of_the_service_only(node, expected)
    }
    assert groups == expected["groups"]


def test_nodes_and_items_come_in_the_order_of_pypet_07(case):
    _, traj, _ = case
    for group in traj.f_iter_nodes(recursive=True, with_links=False):
        if group.v_is_leaf:
            if isinstance(group, Result):
                assert list(group.f_to_dict()) == sorted(group.f_to_dict())
            continue
        if not group.v_full_name.startswith("config"):  # some of it was there before
            names = [name for name in group.f_get_children() if name not in group.f_get_links()]
            assert names == sorted(names, reverse=True)
    assert list(traj.f_get_groups()) == sorted(traj.f_get_groups())


def test_links_are_those_of_the_file(case):
    expected, traj, _ = case
    links = {}
    for group in [traj, *traj.f_iter_nodes(recursive=True, with_links=False)]:
        if not group.v_is_leaf:
            for name, target in group.f_get_links(copy=True).items():
                links[f"{group.v_full_name}.{name}".lstrip(".")] = target.v_full_name
    assert links == expected["links"]


def test_leaves_are_those_of_the_file(case):
    expected, traj, _ = case
    leaves = {
        node.v_full_name: node
        for node in traj.f_iter_nodes(recursive=True, with_links=False)
        if node.v_is_leaf and not of_the_service_only(node, expected)
    }
    assert sorted(leaves) == sorted(expected["leaves"])
    for full_name, leaf in leaves.items():
        want = expected["leaves"][full_name]
        assert (type(leaf).__name__, leaf.v_comment, annotations(leaf), leaf.v_is_parameter) == (
            want["class"],
            want["comment"],
            want["annotations"],
            want["is_parameter"],
        ), full_name
        if leaf.v_is_parameter:
            value = None if leaf.f_is_empty() else described(leaf.f_get())
            assert matches(value, want["value"]), full_name
            explored = leaf.f_has_range() and not leaf.f_is_empty()
            values = [described(entry) for entry in leaf.f_get_range()] if explored else None
            assert (values is None) == (want["range"] is None), full_name
            if "protocol" in want:
                assert leaf.v_protocol == want["protocol"], full_name
            for found, entry in zip(values or [], want["range"] or [], strict=True):
                assert matches(found, entry), full_name
        else:
            items = leaf.f_to_dict()
            assert sorted(items) == sorted(want["items"]), full_name
            for name, entry in want["items"].items():
                assert matches(described(items[name]), entry), (full_name, name)


def of_the_service_only(node: Any, expected: dict[str, Any]) -> bool:
    """Whether a node of ``config.hdf5`` is in RAM only because the service put it there."""
    name = node.v_full_name
    return name.startswith("config") and (
        name not in expected["leaves"] and name not in expected["groups"]
    )


def annotations(node: Any) -> dict[str, Any]:
    return {name: described(value) for name, value in node.v_annotations.f_to_dict().items()}


def matches(found: Any, want: Any) -> bool:
    """Equal, where an element of a dictionary may have the stored type instead of Python's."""
    if isinstance(found, dict) and isinstance(want, dict):
        if found.get("t") == "npscalar" and want.get("t") in ("int", "float", "bool", "complex"):
            return str(float(found["v"])) == str(float(want["v"]))
        return sorted(found) == sorted(want) and all(
            matches(found[key], want[key]) for key in found
        )
    if isinstance(found, list) and isinstance(want, list):
        return len(found) == len(want) and all(map(matches, found, want))
    return found == want


def described(value: Any) -> Any:
    """A value in the schema of the JSON files."""
    kind = type(value)
    if value is None:
        return {"t": "none"}
    if kind is bool:
        return {"t": "bool", "v": value}
    if kind is int:
        return {"t": "int", "v": str(value)}
    if kind is float:
        return {"t": "float", "v": repr(value), "hex": value.hex()}
    if kind is complex:
        return {
            "t": "complex",
            "v": repr(value),
            "re_hex": value.real.hex(),
            "im_hex": value.imag.hex(),
        }
    if kind is str:
        return {"t": "str", "v": value}
    if kind is bytes:
        return {"t": "bytes", "hex": value.hex()}
    if isinstance(value, np.generic):
        text = value.hex() if isinstance(value, bytes) else repr(value.item())
        return {
            "t": "npscalar",
            "dtype": value.dtype.str,
            "v": text,
            "sha256": digest(np.asarray(value)),
        }
    if isinstance(value, np.ndarray):
        dtype = value.dtype
        found = {
            "t": "matrix" if kind is np.matrix else "ndarray",
            "dtype": dtype.str if dtype.names is None else str(dtype.descr),
            "shape": list(value.shape),
            "sha256": digest(value),
        }
        if value.size <= 20:
            found["v"] = plain(np.asarray(value).tolist())
        return found
    if kind in (list, tuple):
        return {"t": kind.__name__, "v": [described(entry) for entry in value]}
    if kind is set:
        return {"t": "set", "v": sorted(map(repr, value))}
    if hasattr(value, "tocsr"):
        return {
            "t": "sparse",
            "format": value.format,
            "dtype": value.dtype.str,
            "shape": list(value.shape),
            "nnz": int(value.nnz),
            "sha256": digest(value.toarray()),
        }
    if kind is dict:
        return {"t": "dict", "v": {key: described(entry) for key, entry in value.items()}}
    return described_object(value)


def described_object(value: Any) -> Any:
    """Tables, pandas data and shared data."""
    import pandas as pd

    name = type(value).__name__
    if isinstance(value, pd.Timestamp):
        return {"t": "timestamp", "v": value.isoformat()}
    if name == "ObjectTable":
        return {
            "t": name,
            "columns": list(value.columns),
            "nrows": len(value),
            "v": {
                column: [described(entry) for entry in value[column]] for column in value.columns
            },
        }
    if isinstance(value, pd.DataFrame):
        return {
            "t": "DataFrame",
            "columns": [described(column) for column in value.columns],
            "index": [described(entry) for entry in value.index],
            "dtypes": {str(column): dtype_text(dtype) for column, dtype in value.dtypes.items()},
            "v": {
                str(column): [described(entry) for entry in value[column]]
                for column in value.columns
            },
        }
    if isinstance(value, pd.Series):
        return {
            "t": "Series",
            "name": described(value.name),
            "index": [described(entry) for entry in value.index],
            "dtype": dtype_text(value.dtype),
            "v": [described(entry) for entry in value],
        }
    return {"t": "shared", "class": name, "flag": value.FLAG, "v": described(value.read())}


def dtype_text(dtype: Any) -> str:
    import pandas as pd

    text = isinstance(dtype, pd.StringDtype) or str(dtype) == "object"
    return "string" if text else str(dtype)


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return value


def digest(array: np.ndarray[Any, Any]) -> str:
    array = np.asarray(array)
    if array.dtype.kind == "U":
        return hashlib.sha256("\0".join(array.ravel().tolist()).encode()).hexdigest()
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return hashlib.sha256(little.tobytes()).hexdigest()
