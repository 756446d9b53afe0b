"""Shared data is worked on where it lies in the file."""

from __future__ import annotations

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import (
    SharedArray,
    SharedCArray,
    SharedEArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    SharedVLArray,
    StorageContextManager,
    make_ordinary_result,
    make_shared_result,
)


@pytest.fixture
def result(new):
    traj = new()
    shared = traj.f_add_result(
        SharedResult,
        "shared",
        array=SharedArray(),
        carray=SharedCArray(),
        earray=SharedEArray(),
        vlarray=SharedVLArray(),
        table=SharedTable(),
        frame=SharedPandasFrame(),
    )
    traj.f_store()
    return shared


def test_arrays_are_created_read_and_changed_in_a_closed_file(result):
    result.create_shared_data("array", obj=np.arange(4))
    result.array[1] = 9
    assert result.array[:].tolist() == [0, 9, 2, 3]
    assert (len(result.array), result.array.nrows) == (4, 4)
    assert [int(value) for value in result.array] == [0, 9, 2, 3]


def test_arrays_can_be_created_without_data(result):
    result.carray.create_shared_data(shape=(2, 3), atom=tables.FloatAtom())
    result.carray[0, 1] = 2.5
    assert result.carray.read().tolist() == [[0, 2.5, 0], [0, 0, 0]]


def test_growing_arrays_grow(result):
    result.earray.create_shared_data(obj=np.array([[1, 2]]))
    result.earray.append(np.array([[3, 4]]))
    assert result.earray.read().tolist() == [[1, 2], [3, 4]]
    result.vlarray.create_shared_data(obj=[1, 2, 3])
    result.vlarray.append([4])
    assert [row.tolist() for row in result.vlarray.read()] == [[1, 2, 3], [4]]
    assert [row.tolist() for row in result.vlarray] == [[1, 2, 3], [4]]


@pytest.fixture
def table(result):
    result.table.create_shared_data(first_row={"n": 1, "v": 0.5, "s": "ab"})
    result.table.append([(2, 1.5, b"c"), (3, 2.5, b"d")])
    return result.table


def test_tables_are_read_by_row_column_and_condition(table):
    assert table.col("n").tolist() == [1, 2, 3]
    assert table.read_where("n > 1", field="n").tolist() == [2, 3]
    assert table.get_where_list("n == 3").tolist() == [2]
    assert table.read_coordinates([0, 2], field="n").tolist() == [1, 3]
    assert (table.nrows, table.colnames) == (3, ["n", "v", "s"])


def test_tables_are_changed(table):
    table.modify_column(0, 1, 1, column=[7], colname="n")
    table.modify_columns(1, 2, 1, columns=[[8], [9.5]], names=["n", "v"])
    table.modify_rows(2, 3, 1, rows=[(10, 0.0, b"z")])
    assert table.col("n").tolist() == [7, 8, 10]
    table.remove_row(0)
    table.remove_rows(0, 1)
    assert table.col("n").tolist() == [10]


def test_tables_can_be_indexed(table):
    table.create_index("n")
    assert table.colindexed["n"]
    assert table.read_where("n == 2", field="n").tolist() == [2]
    table.reindex("n")
    table.remove_index("n")
    assert not table.colindexed["n"]


def test_rows_columns_and_iterators_need_an_open_storage(table):
    for request in (
        lambda: table.row,
        lambda: table.cols,
        table.iterrows,
        lambda: table.where("n > 1"),
    ):
        with pytest.raises(TypeError, match="StorageContextManager"):
            request()
    with StorageContextManager(table.traj) as context:
        row = table.row
        row["n"] = 4
        row.append()
        context.flush_store()
        assert [entry["n"] for entry in table.where("n > 2")] == [3, 4]
    assert table.nrows == 4


def test_data_frames_are_put_appended_and_queried(result):
    pd = pytest.importorskip("pandas")
    result.frame.create_shared_data(data=pd.DataFrame({"a": [1, 2]}))
    result.frame.append(pd.DataFrame({"a": [3]}, index=[2]))
    assert result.frame.read()["a"].tolist() == [1, 2, 3]
    assert result.frame.select(where="index > 0")["a"].tolist() == [2, 3]
    result.frame.put(pd.DataFrame({"a": [9]}))
    assert result.frame.read()["a"].tolist() == [9]


def test_shared_data_is_there_after_loading(result, load):
    result.create_shared_data("array", obj=np.arange(3))
    again = load().f_get("shared")
    assert type(again.array) is SharedArray
    assert again.array.read().tolist() == [0, 1, 2]
    assert again.v_traj is again.array.traj


def test_creating_twice_is_a_value_error(result):
    result.create_shared_data("array", obj=np.arange(3))
    with pytest.raises(ValueError, match="already"):
        result.create_shared_data("array", obj=np.arange(3))


@pytest.mark.parametrize("shared", [SharedArray(), SharedArray(name="lonely")])
def test_shared_data_without_its_result_is_a_type_error(shared):
    with pytest.raises(TypeError):
        shared.read()


def test_ordinary_data_becomes_shared_and_ordinary_again(new):
    traj = new()
    result = traj.f_add_result(SharedResult, "r", a=np.arange(3), b=[1, 2])
    traj.f_store()
    make_shared_result(result, "a", traj)
    make_shared_result(result, "b", traj)
    assert (type(result.a), type(result.b)) == (SharedCArray, SharedArray)
    result.a[0] = 7
    assert result.b.read() == [1, 2]
    make_ordinary_result(result, "a", traj)
    assert result.a.tolist() == [7, 1, 2]


def test_a_structured_array_becomes_a_shared_table_and_an_array_again(new):
    traj = new()
    array = np.array([(1, 0.5), (2, 1.5)], [("n", "i4"), ("v", "f8")])
    result = traj.f_add_result(SharedResult, "r", a=array)
    traj.f_store()
    make_shared_result(result, "a", traj)
    assert type(result.a) is SharedTable
    result.a.append([(3, 2.5)])
    make_ordinary_result(result, "a", traj)
    assert (result.a.dtype, result.a["n"].tolist()) == (array.dtype, [1, 2, 3])


def test_an_unstored_result_keeps_its_data_when_made_shared(new):
    traj = new()
    traj.f_store()
    result = traj.f_add_result(SharedResult, "r", a=np.arange(3))
    make_shared_result(result, "a", traj)
    assert result.a.read().tolist() == [0, 1, 2]


def test_opening_twice_and_closing_what_is_closed_are_runtime_errors(new):
    traj = new()
    traj.f_store()
    context = StorageContextManager(traj)
    with pytest.raises(RuntimeError):
        context.f_close_store()
    with context, pytest.raises(RuntimeError):
        StorageContextManager(traj).open_store()


def test_items_may_be_named_by_position(new):
    traj = new()
    result = traj.f_add_result(SharedResult, "r", [1, 2, 3], np.arange(4))
    traj.f_store()
    for position, (name, cls) in enumerate([("r", SharedArray), ("r_1", SharedCArray)]):
        before = result.f_get(position)
        assert make_shared_result(result, position, traj) is result
        assert isinstance(result.f_get(name), cls)
        assert list(result.f_get(position).read()) == list(before)
        make_ordinary_result(result, position, traj)
        assert list(result.f_get(position)) == list(before)


def test_shared_data_is_created_by_position(new):
    traj = new()
    result = traj.f_add_result(SharedResult, "r", SharedArray())
    traj.f_store()
    result.create_shared_data(0, obj=np.arange(3))
    assert list(result.f_get(0).read()) == [0, 1, 2]
