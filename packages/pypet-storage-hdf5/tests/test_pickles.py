"""With ``allow_pickle=False`` no pickle runs, wherever in the file it sits."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import tables

from pypet_trajectory.exceptions import PickleRefusedError
from pypet_trajectory.leaves.pickle_result import PickleResult


class Bomb:
    """Creates a folder when it is unpickled."""

    def __init__(self, trace: str) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (self.trace,)


@pytest.fixture
def trace(tmp_path) -> str:
    """Where a bomb leaves its trace if it goes off."""
    return str(tmp_path / "exploded")


def attribute(file, node, name, bomb):
    file.get_node(node)._v_attrs[name] = np.bytes_(pickle.dumps(bomb, 0))


def in_annotation(file, bomb):
    attribute(file, "/traj/results/r", "SRVC_ANNOTATED", True)
    attribute(file, "/traj/results/r", "SRVC_AN_note", bomb)
    file.get_node("/traj/results/r")._v_attrs["SRVC_ANNOTATED"] = True


def in_group_annotation(file, bomb):
    attribute(file, "/traj/results", "SRVC_AN_note", bomb)
    file.get_node("/traj/results")._v_attrs["SRVC_ANNOTATED"] = True


def in_flavor(file, bomb):
    attribute(file, "/traj/results/r/table", "FLAVOR", bomb)


def in_info(file, bomb):
    attribute(file, "/traj/overview/info", "FLAVOR", bomb)


def in_runs(file, bomb):
    attribute(file, "/traj/overview/runs", "FLAVOR", bomb)


def in_vlarray(file, bomb):
    file.remove_node("/traj/results/r/number")
    node = file.create_vlarray("/traj/results/r", "number", atom=tables.ObjectAtom())
    node.append(bomb)
    node._v_attrs.SRVC_STORE = "VLARRAY"


def in_pandas_attribute(file, bomb):
    attribute(file, "/traj/results/r/frame", "encoding", bomb)


def in_object_column(file, bomb):
    name = next(
        node._v_name
        for node in file.get_node("/traj/results/r/frame")
        if isinstance(node, tables.VLArray)
    )
    file.remove_node("/traj/results/r/frame", name)
    node = file.create_vlarray("/traj/results/r/frame", name, atom=tables.ObjectAtom())
    node.append(bomb)


PLACES = [
    in_annotation,
    in_group_annotation,
    in_flavor,
    in_info,
    in_runs,
    in_vlarray,
    in_pandas_attribute,
    in_object_column,
]


@pytest.fixture
def stored(new):
    pd = pytest.importorskip("pandas")
    traj = new()
    traj.f_add_result(
        "r",
        table=pd.DataFrame({"a": [1]}),
        number=3,
        d={"a": 1},
        frame=pd.DataFrame({"s": ["x", "y"], "n": [1, 2]}),
    )
    traj.f_get("r").f_set(table={"k": 1})
    traj.f_store()
    return traj


@pytest.mark.parametrize("plant", PLACES)
def test_a_bomb_never_goes_off(stored, load, path, trace, plant):
    with tables.open_file(path, "a") as file:
        plant(file, Bomb(trace))
    with pytest.raises((PickleRefusedError, OSError, TypeError)) as caught:
        load(allow_pickle=False)
    assert not os.path.exists(trace)
    assert isinstance(caught.value, PickleRefusedError)
    assert "traj" in str(caught.value)
    assert path in str(caught.value)


def test_a_pickle_result_is_refused_by_name(new, load, trace):
    traj = new()
    traj.f_add_result(PickleResult, "p", data=Bomb(trace))
    traj.f_store()
    with pytest.raises(PickleRefusedError, match=r"results\.p"):
        load(allow_pickle=False)
    assert not os.path.exists(trace)


def test_a_file_of_our_own_loads_completely_without_pickles(new, load):
    traj = new()
    traj.f_add_result("r", a=[1, None], d={"x": {"y": (1,)}}, arr=np.arange(3))
    traj.f_get("r").v_annotations.note = {"k": [1, "a"]}
    traj.f_store()
    again = load(allow_pickle=False).f_get("r")
    assert again.d == {"x": {"y": (1,)}}
    assert again.v_annotations.note == {"k": [1, "a"]}
