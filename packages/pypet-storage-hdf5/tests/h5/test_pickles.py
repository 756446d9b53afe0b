"""With ``allow_pickle=False`` no pickle runs, wherever in the file it sits."""

from __future__ import annotations

import contextlib
import os
import pickle

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import check_hdf5_file, compact_hdf5_file, repair_hdf5_file
from pypet_trajectory.exceptions import PickleRefusedError
from pypet_trajectory.leaves.pickled import PickleResult


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


def in_root(file, bomb):
    attribute(file, "/", "anything", bomb)


def in_title_of_the_root(file, bomb):
    attribute(file, "/", "TITLE", bomb)


def in_comment(file, bomb):
    attribute(file, "/traj/results/r", "SRVC_INIT_COMMENT", bomb)


def in_storage_kind(file, bomb):
    attribute(file, "/traj/results/r/number", "SRVC_STORE", bomb)


def in_annotation_of_the_trajectory(file, bomb):
    attribute(file, "/traj", "SRVC_AN_note", bomb)
    file.get_node("/traj")._v_attrs["SRVC_ANNOTATED"] = True


EVERYWHERE = [
    *PLACES,
    in_root,
    in_title_of_the_root,
    in_comment,
    in_storage_kind,
    in_annotation_of_the_trajectory,
]


@pytest.mark.parametrize("plant", EVERYWHERE)
@pytest.mark.filterwarnings("ignore::tables.exceptions.FlavorWarning")
def test_no_bomb_goes_off_in_loading_checking_repairing_or_compacting(
    stored, load, path, trace, plant
):
    with tables.open_file(path, "a") as file:
        plant(file, Bomb(trace))
    for use in (
        lambda: load(allow_pickle=False),
        lambda: load(allow_pickle=False, load_data=1),
        lambda: check_hdf5_file(path),
        lambda: repair_hdf5_file(path),
        lambda: compact_hdf5_file(path),
    ):
        # Whether the file can be used at all does not matter here.
        with contextlib.suppress(TypeError, ValueError, OSError, RuntimeError, ImportError):
            use()
        assert not os.path.exists(trace)
        assert path not in tables.file._open_files.filenames


def test_pickles_that_belong_to_a_file_survive_repairing_and_compacting(new, load, path):
    pd = pytest.importorskip("pandas")
    traj = new()
    traj.f_add_result(PickleResult, "p", data={1, 2})
    frame = pd.DataFrame({"s": ["x", "ü", None], "n": [1, 2, 3]})
    result = traj.f_add_result("frame", frame=frame)
    result.v_annotations.words = np.array(["a", "b"])
    traj.f_store()
    with tables.open_file(path, "a") as file:
        # As pypet 0.7 keeps an array of texts.
        file.root.traj.results._v_attrs["SRVC_AN_words"] = np.array(["a", "b"])
        file.root.traj.results._v_attrs["SRVC_ANNOTATED"] = True
    report = repair_hdf5_file(path)
    assert report.lost == ()
    os.replace(report.filename, path)
    assert compact_hdf5_file(path, keep_backup=False) == 0
    again = load()
    assert again.f_get("p").data == {1, 2}
    assert again.f_get("frame").frame.equals(load().f_get("frame").frame)
    assert again.f_get("frame").frame["s"].tolist()[:2] == ["x", "ü"]
    assert again.f_get("frame").v_annotations.words.tolist() == ["a", "b"]
    assert again.f_get("results").v_annotations.words.tolist() == ["a", "b"]
