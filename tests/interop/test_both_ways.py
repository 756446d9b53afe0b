"""What this library writes, pypet 0.7.0 reads and extends, and we read again."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet_storage_hdf5 import HDF5StorageService, SharedArray, SharedResult
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult
from pypet_trajectory.trajectory import Trajectory, lifecycle

pytestmark = pytest.mark.timeout(300)

_spec = importlib.util.spec_from_file_location(
    "description", Path(__file__).parent / "description.py"
)
assert _spec is not None
assert _spec.loader is not None
description = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(description)


def stored(traj: Trajectory) -> dict[str, Any]:
    """Store the trajectory, and say what is in it."""
    traj.f_store()
    return description.describe(traj)


def load(path: str) -> Trajectory:
    traj = Trajectory("loading", storage_service=HDF5StorageService(path))
    traj.f_load(name="traj", load_data=2)
    return traj


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "data.hdf5")


@pytest.fixture
def traj(path: str) -> Trajectory:
    return Trajectory("traj", filename=path, comment="größer")


def test_every_scalar_and_sequence(traj, path, pypet07):
    traj.f_add_result(
        "scalars",
        i=3,
        neg=-5,
        big=2**40,
        f=0.5,
        nan=float("nan"),
        c=1 + 2j,
        t=True,
        s="é文",
        empty="",
        by=b"raw\xff",
        i8=np.int8(3),
        u64=np.uint64(2**63),
        f4=np.float32(1.5),
        c8=np.complex64(1j),
    )
    traj.f_add_result(
        "sequences",
        li=[1, 2, 3],
        lf=(0.5, 1.5),
        ls=["a", "ü"],
        lb=[b"x", b"yz"],
        lt=(True, False),
        ln=[np.float32(1)] * 2,
        empty_list=[],
        empty_tuple=(),
        empty_dict={},
        big=[2**40],
    )
    expected = stored(traj)
    assert pypet07("read", path) == expected


def test_every_array(traj, path, pypet07):
    traj.f_add_result(
        "arrays",
        f8=np.random.default_rng(1).random((3, 4, 2)),
        i2=np.arange(5, dtype="i2"),
        u1=np.arange(4, dtype="u1"),
        b=np.array([True, False]),
        c=np.array([1j]),
        s=np.array([b"ab", b"c"]),
        u=np.array(["ab", "öö"]),
        empty=np.zeros((0,)),
        f2=np.array([1.5], "f2"),
        fortran=np.asfortranarray(np.eye(3)),
    )
    expected = stored(traj)
    assert pypet07("read", path) == expected


def test_every_dictionary_and_table(traj, path, pypet07):
    pd = pytest.importorskip("pandas")
    from pypet_trajectory.values.object_table import ObjectTable

    traj.f_add_result(
        "dicts",
        plain={"b": 1, "a": 2.5, "s": "ü", "arr": np.arange(3), "t": (1, 2)},
        big={"a": 2**40},
        wide={f"key_{n:03d}": n for n in range(600)},
        table=ObjectTable(
            {"n": [1, 2, 2**40], "s": ["a", "ö", "c"], "p": [(1, 2), (3, 4), (5, 6)]}
        ),
    )
    traj.f_add_result(
        "frames",
        frame=pd.DataFrame({"a": [1, 2], "x": [0.5, 1.5], "s": ["x", "ü"]}),
        series=pd.Series([1.5, 2.5], name="named"),
    )
    expected = stored(traj)
    assert pypet07("read", path) == expected


def test_every_parameter_class_with_and_without_range(traj, path, pypet07):
    sparse = pytest.importorskip("scipy.sparse")
    for name, item in {
        "i": 3,
        "big": 2**40,
        "f": 2.5,
        "s": "wörd",
        "t": (1, 2),
        "ts": ("a", "ü"),
        "b": True,
        "arr": np.arange(4),
        "by": b"raw",
        "f4": np.float32(2),
    }.items():
        traj.f_add_parameter(f"plain.{name}", item, comment=f"plain {name}")
    traj.f_add_parameter(ArrayParameter, "arrays.a", np.eye(2))
    traj.f_add_parameter(ArrayParameter, "arrays.scalar", 7)
    traj.f_add_parameter(SparseParameter, "sparse", sparse.csr_matrix(np.eye(3)))
    traj.f_add_parameter(PickleParameter, "pickled", {"a": 1})
    traj.f_add_parameter("nothing", comment="no value yet")
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("word", "a")
    traj.f_add_parameter("words", np.array(["a", "b"]))
    traj.f_add_parameter("single", (1,))
    traj.f_add_parameter(ArrayParameter, "z", np.zeros(2))
    traj.f_explore(
        {
            "x": [1, 2, 2**40],
            "word": ["a", "bb", "ö"],
            "words": [np.array(["a", "b"]), np.array(["aaa", "ö"]), np.array(["", "b"])],
            "single": [(1,), (2,), (3,)],
            "z": [np.zeros(2), np.ones(2), np.zeros(2)],
        }
    )
    expected = stored(traj)
    assert pypet07("read", path) == expected


def test_special_results(traj, path, pypet07):
    sparse = pytest.importorskip("scipy.sparse")
    traj.f_add_result(SparseResult, "sparse", m=sparse.csc_matrix(np.eye(3)), x=1)
    traj.f_add_result(PickleResult, "pickled", a={"k": [1]}, b="text")
    traj.f_add_result("nested", **{"outer.inner.arr": np.arange(3), "outer.x": 1})
    expected = stored(traj)
    assert pypet07("read", path) == expected


def test_comments_annotations_groups_and_links(traj, path, pypet07):
    group = traj.f_add_result_group("group", comment="ä group")
    group.v_annotations.note = "é"
    result = traj.f_add_result("group.r", 1, comment="c" * 700)
    result.v_annotations.n = 3
    result.v_annotations.ratio = 0.5
    result.v_annotations.tags = ["a", 1]
    result.v_annotations.deep = {"k": [1]}
    result.v_annotations.arr = np.arange(3)
    result.v_annotations.nothing = None
    result.v_annotations.empty = np.zeros((0, 3))
    traj.f_get("results").f_add_link("shortcut", result)
    traj.v_annotations.author = "me"
    expected = stored(traj)
    assert pypet07("read", path) == expected


def test_an_annotation_of_the_other_byte_order_has_its_numbers(traj, path, pypet07):
    traj.v_annotations.swapped = np.arange(3, dtype=">i4")
    traj.f_store()
    native = np.arange(3, dtype="<i4")
    assert pypet07("read", path)["annotations"]["swapped"] == description.value(native)
    assert load(path).v_annotations.swapped.dtype == ">i4"


def test_what_pypet07_cannot_hold_does_no_harm(traj, path, pypet07):
    traj.f_add_result(
        "new",
        mixed=[1, "a", None],
        nested=[[1], [2, 3]],
        none_in_dict={"a": None},
        huge=10**40,
        scalar=np.array(3.5),
        dates=np.array(["2020-01-01"], "M8[D]"),
        structured=np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
        keys={1: 2},
    )
    traj.f_add_result("plain", 5, comment="still there")
    expected = stored(traj)
    found = pypet07("read", path)
    assert found["leaves"]["results.plain"] == expected["leaves"]["results.plain"]
    assert set(found["leaves"]) == set(expected["leaves"])
    assert set(found["leaves"]["results.new"]["content"]) == set(
        expected["leaves"]["results.new"]["content"]
    )


def test_shared_data(traj, path, pypet07, tmp_path):
    result = traj.f_add_result(SharedResult, "shared", a=SharedArray(), plain=3)
    traj.f_store()
    result.create_shared_data("a", obj=np.arange(3))
    result.a[0] = 5
    assert load(path).f_get("shared").a.read().tolist() == [5, 1, 2]


def test_pypet07_extends_our_file_and_we_read_it_again(traj, path, pypet07):
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_store()
    for idx in range(3):
        lifecycle.start_run(traj, idx)
        traj.f_add_result("runs.$.z", traj.x * 2, comment="z of a run")
        traj.f_store()
        lifecycle.finalize_run(traj)
    traj.f_store()
    extended = pypet07("extend", path)
    again = load(path)
    assert description.describe(again) == extended
    assert again.f_get("x").f_get_range() == [1, 2, 3, 7, 8]
    assert [bool(again.f_get_run_information(i)["completed"]) for i in range(5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert again.f_get("by_pypet07").v_comment == "from pypet 0.7"
    again.f_add_result("added.later", 1)
    again.f_store()
    assert pypet07("read", path)["leaves"]["results.added.later"]["content"] == {
        "later": ["int", "1"]
    }


def test_loaded_nodes_have_the_order_of_pypet07(traj, path, pypet07):
    for name in ("b", "a.y", "a.x", "a.z", "Q", "q10", "q9"):
        traj.f_add_parameter(name, 1)
        traj.f_add_result(name, 1)
    traj.f_explore({"parameters.a.x": [1, 2, 3]})
    for idx in range(3):
        traj.v_idx = idx
        traj.f_add_result("runs.$.z", idx)
    traj.v_idx = -1
    traj.f_store()
    order = list(pypet07("read", path)["leaves"])
    assert list(description.describe(load(path))["leaves"]) == order
    assert order.index("results.runs.run_00000002.z") < order.index("results.runs.run_00000000.z")
