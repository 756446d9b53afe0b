"""What is missing from a file, and what others have put into it, is loaded around or named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tables
from tables.exceptions import DataTypeWarning

from pypet_storage_hdf5 import HDF5StorageService, check_hdf5_file, repair_hdf5_file
from pypet_storage_hdf5.codecs.columns import decode_column
from pypet_storage_hdf5.h5 import markers
from pypet_trajectory.trajectory import Trajectory

Change = Callable[[Any], None]


@pytest.fixture
def changed(new, path):
    """Changes a stored trajectory by PyTables' means."""
    traj = new()
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_add_result("g.r", a=1, b="x")
    traj.f_store()

    def change(how: Change) -> str:
        with tables.open_file(path, "a") as file:
            how(file)
        return path

    return change


def remove(name: str) -> Change:
    return lambda file: file.remove_node(f"/traj/{name}", recursive=True)


def attribute(node: str, name: str, value: Any) -> Change:
    return lambda file: file.get_node(f"/traj/{node}")._v_attrs.__setitem__(name, value)


def no_attribute(node: str, name: str) -> Change:
    return lambda file: file.get_node(f"/traj/{node}")._v_attrs.__delitem__(name)


def array(where: str) -> Change:
    return lambda file: file.create_array(where, "foreign", [1, 2])


def repaired(path: str) -> Trajectory:
    traj = Trajectory("q", storage_service=HDF5StorageService(repair_hdf5_file(path).filename))
    traj.f_load(name="traj", load_data=2)
    return traj


HARMLESS = {
    "no explorations": (remove("overview/explorations"), set()),
    "no settings": (remove("overview/hdf5_settings"), set()),
    "no config": (remove("config"), set()),
    "no table for the eye": (remove("overview/results_summary"), set()),
    "a dataset in the root": (array("/"), {("/foreign", "unmarked")}),
    "a dataset in a group": (array("/traj/results/g"), {("/traj/results/g/foreign", "unmarked")}),
    "a dataset in a leaf": (
        array("/traj/results/g/r"),
        {("/traj/results/g/r/foreign", "unmarked")},
    ),
    "a group in a leaf": (
        lambda file: file.create_group("/traj/results/g/r", "foreign"),
        {("/traj/results/g/r/foreign", "unmarked")},
    ),
    "a group in the root": (
        lambda file: file.create_group("/", "foreign"),
        {("/foreign/overview", "missing")},
    ),
    "a link to nothing": (
        lambda file: file.create_soft_link("/traj/results", "l", "/traj/nothing"),
        {("/traj/results/l", "dangling")},
    ),
    "a link to another file": (
        lambda file: file.create_external_link("/traj/results", "l", "other.hdf5:/x"),
        {("/traj/results/l", "dangling")},
    ),
    "a leaf without class": (
        no_attribute("results/g/r", "SRVC_INIT_CLASS_NAME"),
        {("/traj/results/g/r", "half-written")},
    ),
    "a parameter without class": (
        no_attribute("parameters/x", "SRVC_INIT_CLASS_NAME"),
        {("/traj/parameters/x", "half-written")},
    ),
    "a parameter without value": (remove("parameters/x/data"), set()),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_loads_and_is_reported(changed, load, case):
    change, problems = HARMLESS[case]
    path = changed(change)
    assert {(problem.path, problem.kind) for problem in check_hdf5_file(path)} == problems
    for traj in (load(), repaired(path)):
        assert len(traj) == 3
        assert traj.f_get("x").f_get_range() == [1, 2, 3]
        assert traj.f_get("g.r").f_to_dict() == {"a": 1, "b": "x"}


UNREADABLE = {
    "an unknown kind of data": (attribute("results/g/r/a", "SRVC_STORE", "CRYSTAL"), "CRYSTAL"),
    "an unknown type": (attribute("results/g/r/a", "SRVC_DATA_SCALAR_TYPE", "quux"), "quux"),
    "an unknown collection": (attribute("results/g/r/a", "SRVC_DATA_COLL_TYPE", "HEAP"), "HEAP"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_is_refused_by_name_and_repaired_without_what_nobody_can_read(changed, load, path, case):
    change, word = UNREADABLE[case]
    changed(change)
    with pytest.raises(TypeError, match=word) as caught:
        load()
    assert all(word in "".join(caught.value.__notes__) for word in ("'results.g.r'", "'a'", path))
    assert load(load_results=1, load_data=None, load_parameters=2).f_get("x").f_get() == 1
    report = repair_hdf5_file(path, path + ".repaired")
    assert [problem.path for problem in report.lost] == ["/traj/results/g/r/a"]
    traj = Trajectory("q", storage_service=HDF5StorageService(report.filename))
    traj.f_load(name="traj", load_data=2)
    assert traj.f_get("g.r").f_to_dict() == {"b": "x"}


@pytest.mark.parametrize(
    "missing", ["overview/info", "overview/runs", "overview"], ids=["info", "runs", "overview"]
)
def test_a_missing_table_is_named_and_repaired(changed, load, path, missing):
    changed(remove(missing))
    with pytest.raises(OSError, match="overview/") as caught:
        load()
    assert path in str(caught.value)
    assert len(repaired(path)) == 3


def test_a_missing_explored_parameter_is_reported(changed):
    path = changed(remove("parameters/x/explored_data"))
    (problem,) = check_hdf5_file(path)
    assert (problem.path, problem.kind) == ("/traj/parameters/x", "missing")
    path = changed(remove("parameters/x"))
    (problem,) = check_hdf5_file(path)
    assert (problem.path, problem.kind) == ("/traj/parameters/x", "missing")


def test_old_files_say_by_an_attribute_which_parameters_are_explored(changed, load):
    def as_in_old_files(file: Any) -> None:
        file.remove_node("/traj/overview/explorations")
        file.get_node("/traj/parameters/x")._v_attrs.SRVC_INIT_LENGTH = 3

    changed(as_in_old_files)
    assert list(load().f_get_explored_parameters()) == ["parameters.x"]


def test_a_comment_cut_within_a_character_does_no_harm(new, load, path):
    new(comment="ö" * 300).f_store()
    with tables.open_file(path, "a") as file:
        table = file.root.traj.overview.info
        row = table.read()
        row["comment"] = ("ö" * 300).encode()[:509] + b"..."
        table.modify_rows(0, 1, 1, row)
    assert load().v_comment == "ö" * 300


def test_a_group_that_holds_only_the_beginning_of_an_item_becomes_the_leaf(changed, load):
    def killed_within_the_first_item(file: Any) -> None:
        file.create_array("/traj/results/late", "z", [0, 0], createparents=True)

    changed(killed_within_the_first_item)
    traj = load()
    traj.f_remove_item("results.late")
    traj.f_add_result("late", z=[1, 2])
    traj.f_store()
    assert load().f_get("results.late").f_to_dict() == {"z": [1, 2]}


def test_leaves_that_h5py_has_written_are_loaded(changed, load):
    h5py = pytest.importorskip("h5py")
    path = changed(lambda file: None)
    with h5py.File(path, "a") as file:
        for mark in (True, 1):
            leaf = file.create_group(f"/traj/results/h5py_{mark}")
            leaf.attrs["SRVC_LEAF"] = mark
            leaf.attrs["SRVC_INIT_CLASS_NAME"] = "Result"
            leaf.attrs["SRVC_INIT_COMMENT"] = "größer"
            item = leaf.create_dataset("x", data=[1, 2, 3])
            item.attrs["SRVC_STORE"] = "ARRAY"
            item.attrs["SRVC_DATA_COLL_TYPE"] = "COLL_LIST"
            item.attrs["SRVC_DATA_SCALAR_TYPE"] = "int"
            item = leaf.create_dataset("c", data=np.arange(9), chunks=(4,), compression="gzip")
            item.attrs["SRVC_STORE"] = "CARRAY"
    traj = load()
    for mark in (True, 1):
        found = traj.f_get(f"results.h5py_{mark}")
        assert found.v_comment == "größer"
        assert found.x == [1, 2, 3]
        assert found.c.tolist() == list(range(9))


def test_an_annotation_nobody_can_read_is_named(changed, load, path):
    h5py = pytest.importorskip("h5py")
    changed(attribute("results/g/r", "SRVC_ANNOTATED", True))
    with h5py.File(path, "a") as file:
        file["/traj/results/g/r"].attrs["SRVC_AN_flag"] = True
    with (
        pytest.warns(DataTypeWarning, match="SRVC_AN_flag"),
        pytest.raises(TypeError, match="SRVC_AN_flag") as caught,
    ):
        load()
    assert "/traj/results/g/r" in "".join(caught.value.__notes__)


SINGLES = {
    "tuple": (np.array([5]), "COLL_TUPLE", "int", [(5,)]),
    "list": (np.array([0.5, 1.5]), "COLL_LIST", "float", [[0.5], [1.5]]),
    "text": (np.array([b"abc", b""]), "COLL_TUPLE", "str", [("abc",), ("",)]),
}


@pytest.mark.parametrize("case", SINGLES)
def test_a_sequence_of_one_that_pypet07_wrote_as_scalar_is_a_sequence_again(case):
    data, collection, scalar, values = SINGLES[case]
    marks = {markers.COLL_TYPE: collection, markers.SCALAR_TYPE: scalar}
    assert decode_column(data, marks, "utf8") == values
