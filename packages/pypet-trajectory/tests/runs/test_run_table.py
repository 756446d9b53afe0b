"""The run table keeps columns, hands out rows, and copies cheaply."""

import pickle
import sys

import numpy as np
import pytest

from pypet_trajectory.api.records import RunFailure
from pypet_trajectory.runs.table import FRESH, RunTable


def test_a_fresh_row_holds_the_placeholders():
    assert RunTable(2).row(1) == {"idx": 1, **FRESH}


def test_a_fresh_table_of_a_million_runs_allocates_no_column():
    table = RunTable(1_000_000)
    assert not table._columns
    assert table.column("timestamp").strides == (0,)
    assert table.column("time")[999_999] == FRESH["time"]


def test_set_changes_one_row_and_marks_it_changed():
    table = RunTable(3)
    table.set(1, completed=1, parameter_summary="x: 1")
    assert table.row(1)["completed"] == 1
    assert table.row(1)["parameter_summary"] == "x: 1"
    assert table.row(0) == {"idx": 0, **FRESH}
    assert table.changed == {1}
    table.mark_stored()
    assert not table.changed


def test_time_and_runtime_follow_from_the_time_stamps():
    table = RunTable(2)
    table.set(0, timestamp=1000.0, finish_timestamp=1003.5)
    assert table.row(0)["runtime"] == "0:00:03.500000"
    assert table.row(0)["time"].startswith("1970_01_01_")
    assert list(table.column("runtime")) == ["0:00:03.500000", FRESH["runtime"]]


def test_texts_that_follow_from_the_time_stamps_are_not_kept():
    table = RunTable(2)
    table.set(0, timestamp=1000.0, finish_timestamp=1003.5)
    table.set(1, **{k: v for k, v in table.row(0).items() if k != "idx"})
    assert "runtime" not in table._columns
    assert table.row(1)["runtime"] == "0:00:03.500000"


def test_explicit_texts_win_over_the_time_stamps():
    table = RunTable(1)
    table.set(0, timestamp=1000.0, finish_timestamp=1003.5, runtime="long", time="once")
    assert (table.row(0)["runtime"], table.row(0)["time"]) == ("long", "once")


def test_open_indices_are_those_not_completed():
    table = RunTable(4)
    assert list(table.open_indices()) == [0, 1, 2, 3]
    table.set(2, completed=1)
    assert list(table.open_indices()) == [0, 1, 3]


def test_extending_keeps_old_rows_and_appends_fresh_ones():
    table = RunTable(2)
    table.set(1, completed=1)
    table.extend(2)
    assert list(table.column("completed")) == [0, 1, 0, 0]
    assert len(table) == 4


@pytest.mark.parametrize("idx", [-1, 2])
def test_a_row_that_is_not_there_raises_index_error(idx):
    with pytest.raises(IndexError, match="2 rows"):
        RunTable(2).row(idx)


def test_unknown_fields_raise_key_error():
    with pytest.raises(KeyError, match="colour"):
        RunTable(1).set(0, colour="red")


def test_a_copy_shares_nothing_that_shows():
    table = RunTable(1000)
    table.set(0, completed=1)
    twin = table.copy()
    for idx in range(1, 600):
        twin.set(idx, completed=1)
    table.set(999, completed=1)
    assert table.column("completed").sum() == 2
    assert twin.column("completed").sum() == 600
    assert twin.row(999)["completed"] == 0


def test_extending_a_copy_keeps_its_changes():
    table = RunTable(2)
    table.set(0, completed=1)
    twin = table.copy()
    twin.set(1, completed=1, parameter_summary="x: 2")
    twin.extend(1)
    assert list(twin.column("completed")) == [1, 1, 0]
    assert list(twin.column("parameter_summary"))[1] == "x: 2"
    assert len(table) == 2


def test_columns_read_from_a_file_may_be_bytes():
    table = RunTable(2)
    table.set_column("time", np.array([b"then", "später".encode()]))
    assert list(table.column("time")) == ["then", "später"]
    table.set(0, time="a much longer text than before")
    assert list(table.column("time")) == ["a much longer text than before", "später"]


def test_a_column_of_wrong_length_is_refused():
    with pytest.raises(ValueError, match="2 rows"):
        RunTable(2).set_column("completed", [1, 0, 1])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_table_comes_back_equal(protocol):
    table = RunTable(3, names=["a", "b", "c"])
    table.set(1, completed=1, timestamp=5.0)
    table.failures[2] = RunFailure("failed", "ValueError", "no", "")
    twin = pickle.loads(pickle.dumps(table, protocol))
    assert [twin.row(i) for i in range(3)] == [table.row(i) for i in range(3)]
    assert (twin.names, twin.failures, twin.changed) == (table.names, table.failures, {1})


def test_a_pickled_fresh_table_is_small_for_any_number_of_runs():
    assert len(pickle.dumps(RunTable(10_000_000))) < 400
    assert sys.getsizeof(RunTable(10_000_000)) < 400


def test_reset_forgets_everything():
    table = RunTable(2, names=["a", "b"])
    table.set(0, completed=1)
    table.reset(3)
    assert (len(table), table.names, table.changed) == (3, None, set())
    assert table.row(0) == {"idx": 0, **FRESH}


def test_rows_of_another_table_can_be_appended():
    table, other = RunTable(2), RunTable(3)
    other.set(1, completed=1, timestamp=7.0, short_environment_hexsha="abcdefg")
    other.failures[2] = RunFailure("failed", "ValueError", "no", "")
    table.append_rows(other, [2, 1])
    assert list(table.column("completed")) == [0, 0, 0, 1]
    assert table.row(3)["short_environment_hexsha"] == "abcdefg"
    assert table.failures == {2: other.failures[2]}
    assert table.changed == {2, 3}
    assert len(other) == 3
