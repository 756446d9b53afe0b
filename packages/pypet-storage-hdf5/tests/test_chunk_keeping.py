"""A kill during an append costs no row of shared data that was confirmed before."""

import shutil

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import (
    SharedEArray,
    SharedResult,
    SharedTable,
    StorageContextManager,
)
from pypet_storage_hdf5.session_journal import Change, entries, journal_path
from pypet_trajectory.storage.journal import Journal

pytestmark = pytest.mark.skipif(
    not hasattr(tables.EArray, "chunk_info"), reason="PyTables before 3.10 tells no chunk's place"
)


def rows(start, stop):
    """Rows of the table."""
    return [(number, float(number)) for number in range(start, stop)]


#: What is appended and how it is read, by kind of data: along the first and the second dimension,
#: and rows of a table.
KINDS = {
    "array": lambda start, stop: np.arange(2 * start, 2 * stop).reshape(-1, 2),
    "columns": lambda start, stop: np.arange(2 * start, 2 * stop).reshape(-1, 2).T,
    "table": rows,
}


@pytest.fixture
def killed(new, path, tmp_path):
    """Appends in turns and kills: the file as it is then, with the last chunk torn."""

    def make(kind, appends, *, damaged=True):
        traj = new(complevel=5, complib="zlib")
        data = SharedTable() if kind == "table" else SharedEArray()
        result = traj.f_add_result(SharedResult, "shared", data=data)
        traj.f_store()
        if kind == "table":
            columns = {"a": tables.Int64Col(), "b": tables.FloatCol()}
            result.data.create_shared_data(description=columns, chunkshape=(8,))
        else:
            shape, chunk = ((0, 2), (8, 2)) if kind == "array" else ((2, 0), (2, 8))
            atom = tables.Int64Atom()
            result.data.create_shared_data(shape=shape, atom=atom, chunkshape=chunk)
        killed_path = str(tmp_path / "killed.hdf5")
        with StorageContextManager(traj):
            for start, stop in appends:
                result.data.append(KINDS[kind](start, stop))
            shutil.copyfile(path, killed_path)
            shutil.copyfile(journal_path(path), journal_path(killed_path))
        if damaged:
            tear_last_chunk(killed_path, "/traj/results/shared/data", appends[-2][1])
        return killed_path

    return make


def tear_last_chunk(path, where, last_row):
    """Overwrite the chunk that the last append changed."""
    with tables.open_file(path) as file:
        node = file.get_node(where)
        place = [0] * len(node.shape)
        place[node.maindim] = (last_row - 1) // 8 * 8
        chunk = node.chunk_info(tuple(place))
    with open(path, "r+b") as stream:
        stream.seek(chunk.offset)
        stream.write(b"\xff" * chunk.size)


def read(load, path):
    with_data = load(filename=path).f_get("shared").data.read()
    return with_data if isinstance(with_data, np.ndarray) else np.asarray(with_data)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_confirmed_before_an_append_come_back(load, killed, kind):
    path = killed(kind, [(0, 5), (5, 6), (6, 12), (12, 13), (13, 15), (15, 18)])
    found = read(load, path)
    wanted = KINDS[kind](0, 15)
    assert found.tolist() == (wanted if kind == "table" else wanted.tolist())
    # For good, once somebody writes.
    traj = load(filename=path)
    traj.f_add_result("other", 1)
    traj.f_store()
    assert list(load(filename=path).f_get("shared").f_to_dict()) == ["data"]
    with tables.open_file(path) as file:
        node = file.get_node("/traj/results/shared/data")
        assert (node.nrows, node.chunkshape[node.maindim]) == (15, 8)
        assert node.filters.complevel == 5


def test_data_that_lost_more_than_was_kept_stays_as_it_is(load, killed, caplog):
    path = killed("array", [(0, 9), (9, 10), (10, 20), (20, 21)], damaged=False)
    tear_last_chunk(path, "/traj/results/shared/data", 1)
    tear_last_chunk(path, "/traj/results/shared/data", 20)
    traj = load(filename=path)
    traj.f_add_result("other", 1)
    traj.f_store()
    assert "data' cannot be restored" in caplog.text
    with tables.open_file(path) as file:
        assert file.get_node("/traj/results/shared/data").nrows == 21


def test_what_can_be_read_is_left_alone(load, killed):
    path = killed("array", [(0, 5), (5, 6), (6, 12)], damaged=False)
    assert read(load, path).tolist() == KINDS["array"](0, 12).tolist()


def test_each_row_is_kept_once(killed):
    path = killed("array", [(number, number + 1) for number in range(21)], damaged=False)
    token = next(iter(Journal(journal_path(path)))).decode()
    kept = [each.content for each in entries(path, token) if each.change is Change.OLD_CHUNK]
    # Full chunks are not changed any more, so their last row needs no copy.
    numbers = [part.start + offset for part in kept for offset in range(len(part.rows))]
    assert numbers == [number for number in range(20) if number % 8 != 7]


def test_rows_of_data_that_was_deleted_do_not_come_back(new, load, path, tmp_path):
    traj = new(complevel=5)
    result = traj.f_add_result(SharedResult, "shared", data=SharedEArray())
    traj.f_store()
    killed_path = str(tmp_path / "killed.hdf5")
    with StorageContextManager(traj):
        result.data.create_shared_data(shape=(0,), atom=tables.Int64Atom(), chunkshape=(8,))
        result.data.append(np.arange(3))
        result.data.append(np.arange(3))
        traj.f_delete_item(result)
        shutil.copyfile(path, killed_path)
        shutil.copyfile(journal_path(path), journal_path(killed_path))
    assert "shared" not in load(filename=killed_path)
