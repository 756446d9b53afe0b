"""Reading large files: every object is opened once, and PyTables makes no node for it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import tables

from pypet_storage_hdf5.backend import HDF5Backend
from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.h5.handles import Handles
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory.api.records import NodeKind, NodeRecord, WriteRequest
from pypet_trajectory.constants import STORE_DATA
from pypet_trajectory.exceptions import DataNotInStorageError

RUNS = 40


@pytest.fixture
def many(new):
    """A trajectory with more groups than are kept open."""
    traj = new()
    traj.f_add_parameter("x", 1, comment="one")
    for number in range(RUNS):
        traj.f_add_result(f"runs.run_{number:08d}.deep.z", number, comment="a number")
    traj.f_store()
    return traj


@pytest.fixture
def backend(many, path):
    """The file of that trajectory, open for writing."""
    backend = HDF5Backend(path, Settings())
    backend.open(writable=True)
    backend.select("traj")
    yield backend
    backend.close()


@pytest.mark.parametrize("load_data", [1, 2])
def test_each_group_is_opened_once_while_a_tree_is_loaded(many, load, monkeypatch, load_data):
    opened = Counter()
    keep = Handles._keep

    def count(self, path, handle):
        opened[path] += 1
        return keep(self, path, handle)

    monkeypatch.setattr(Handles, "_keep", count)
    loaded = load(load_data=load_data)
    assert sum(path.count("run_") for path in opened) >= 3 * RUNS
    assert set(opened.values()) == {1}
    assert len(list(loaded.f_iter_nodes())) == len(list(many.f_iter_nodes()))


def test_ordinary_data_is_read_without_nodes_of_pytables(new, load, monkeypatch):
    traj = new()
    traj.f_add_parameter("x", 1)
    traj.f_add_result("z", 1, table={"a": 1, "b": "two"}, array=np.eye(3), several=[1, "b"])
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_store()

    def refuse(self, path):
        raise AssertionError(f"{path} is read as a node")

    monkeypatch.setattr(OpenFile, "read_node", refuse)
    loaded = load()
    assert loaded.f_get("x").f_get_range() == [1, 2, 3]
    assert loaded.f_get("z").f_to_dict()["table"] == {"a": 1, "b": "two"}
    assert loaded.f_get("z").several == [1, "b"]


def test_what_was_seen_of_a_node_is_forgotten_when_something_is_written(backend):
    turns = backend.children("results.runs")
    name, kind = next(turns)
    assert (name, kind) == (f"run_{RUNS - 1:08d}", NodeKind.GROUP)
    full_name = f"results.runs.{name}"
    request = WriteRequest(
        NodeRecord(full_name, NodeKind.GROUP, annotations={"note": 1}), STORE_DATA
    )
    backend.write_node(request)
    assert backend.read_node(full_name, items=False).annotations == {"note": 1}
    assert [name for name, _ in turns] == [
        f"run_{number:08d}" for number in reversed(range(RUNS - 1))
    ]


def test_a_name_with_a_dot_that_a_foreign_program_gave_is_one_clear_error(many, load, path):
    with tables.open_file(path, "a") as file:
        file.create_group("/traj/results", "a.b")
    with pytest.raises(DataNotInStorageError, match=r"results\.a\.b"):
        load()


@pytest.mark.parametrize(
    "dtype",
    [
        [("a", "<i4"), ("b", "S3")],
        [("a", ">i8"), ("b", "<u2")],
        [("a", "<i4"), ("b", "<i8", (2, 3))],
        [("a", [("c", "<i4"), ("d", "S2")]), ("b", "<i4")],
        np.dtype([("a", "i1"), ("b", "i8")], align=True),
        np.dtype({"names": ["b", "a"], "formats": ["<i4", "<i2"], "offsets": [4, 0]}),
        np.dtype({"names": ["a"], "formats": ["<i4"], "itemsize": 16}),
    ],
)
def test_tables_of_other_programs_are_read_however_their_columns_lie(tmp_path, dtype):
    h5py = pytest.importorskip("h5py")
    path = str(tmp_path / "foreign.hdf5")
    rows = np.frombuffer(np.arange(4 * np.dtype(dtype).itemsize, dtype="u1").tobytes(), dtype)
    with h5py.File(path, "w") as file:
        file.create_dataset("rows", data=rows)
        file.create_dataset("none", data=rows[:0], maxshape=(None,), chunks=(8,))
    file = OpenFile(path, writable=False, title="", settings=Settings())
    try:
        found = file.read_table("/rows")
        assert {name: found[name].tolist() for name in found.dtype.names} == {
            name: rows[name].tolist() for name in rows.dtype.names
        }
        assert len(file.read_table("/none")) == 0
    finally:
        file.close()


def test_tables_with_times_are_left_to_pytables(tmp_path):
    path = str(tmp_path / "times.hdf5")
    with tables.open_file(path, "w") as file:
        table = file.create_table("/", "rows", {"t": tables.Time64Col(), "n": tables.Int8Col()})
        table.append([(1, 1.5), (2, 2.25)])
    file = OpenFile(path, writable=False, title="", settings=Settings())
    try:
        assert file.read_table("/rows").tolist() == [(1, 1.5), (2, 2.25)]
    finally:
        file.close()


@pytest.fixture
def mixed(tmp_path):
    """A file with two arrays and two tables, open."""
    path = str(tmp_path / "mixed.hdf5")
    with tables.open_file(path, "w") as file:
        for name in ("a", "c"):
            file.create_array("/", name, [1, 2])
        for name in ("b", "d"):
            file.create_table("/", name, np.zeros(2, [("x", "i4")]))
        file.create_vlarray("/", "e", tables.ObjectAtom()).append("text")
    file = OpenFile(path, writable=False, title="", settings=Settings())
    yield file
    file.close()


@pytest.mark.parametrize("order", ["abcd", "badc", "acbd", "bdac"])
def test_arrays_and_tables_are_opened_as_what_they_are_in_any_order(mixed, order):
    kinds = []
    for name in order:
        with mixed.handles.open_data(f"/{name}") as dataset:
            kinds.append((name, dataset.read().dtype.names is not None))
    assert kinds == [(name, name in "bd") for name in order]


def test_what_is_opened_as_something_else_is_a_type_error(mixed):
    with pytest.raises(TypeError):
        mixed.handles.open_array("/b")
    for name in ("/a", "/e"):
        with pytest.raises(TypeError, match="is no table"):
            mixed.handles.open_table(name)


def test_a_group_that_is_marked_as_no_leaf_is_a_group(many, load, path):
    with tables.open_file(path, "a") as file:
        file.root.traj.results.runs._v_attrs.SRVC_LEAF = False
    assert load().f_get("results.runs").v_is_group
