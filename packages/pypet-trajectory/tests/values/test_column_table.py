import copy
import pickle

import numpy as np
import pytest

from pypet_trajectory.values.column_table import ColumnTable, column_kind, column_values
from pypet_trajectory.values.ranges import CompactRange


@pytest.fixture
def table():
    return ColumnTable({"idx": CompactRange([0, 1]), "item": ["a", np.arange(2)]})


def test_columns_are_what_was_passed_in():
    column = np.arange(3)
    assert ColumnTable({"a": column})["a"] is column


def test_a_table_has_named_columns_and_rows(table):
    assert table.columns == ["idx", "item"]
    assert (len(table), list(table), "idx" in table) == (2, ["idx", "item"], True)
    assert table.row(0) == {"idx": 0, "item": "a"}
    assert [name for name, _ in table.items()] == ["idx", "item"]
    assert len(ColumnTable({})) == 0


def test_columns_need_one_length():
    with pytest.raises(ValueError, match="'b': 2"):
        ColumnTable({"a": [1], "b": [1, 2]})


def test_a_missing_column_is_a_key_error_that_lists_those_there_are(table):
    with pytest.raises(KeyError, match=r"`x`.*idx, item"):
        table["x"]


def test_tables_compare_as_a_whole(table):
    assert table == ColumnTable({"idx": [0, 1], "item": ["a", np.arange(2)]})
    assert table != ColumnTable({"idx": [0, 1], "item": ["a", np.arange(3)]})
    assert table != ColumnTable({"idx": [0, 1]})
    assert table != 3


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_tables_survive_pickling_and_copying(table, protocol):
    assert pickle.loads(pickle.dumps(table, protocol)) == table
    assert copy.deepcopy(table) == table


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (CompactRange([1, 2]), int),
        (np.arange(2), np.int64),
        ([1.0, 2.0], float),
        ([1, 2.0], None),
        (np.array(["a"]), np.str_),
    ],
)
def test_the_kind_of_a_column_is_the_exact_type_of_its_values(column, kind):
    assert column_kind(column) is kind
    assert {type(value) for value in column_values(column)} == ({kind} if kind else {int, float})


def test_a_table_becomes_a_data_frame_with_exact_types(table):
    pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert type(frame).__name__ == "ObjectTable"
    assert [type(value) for value in frame["idx"]] == [int, int]
    assert frame["item"][1].tolist() == [0, 1]


def test_what_a_table_does_not_know_is_looked_up_in_pandas(table):
    pytest.importorskip("pandas")
    assert table.iloc[1]["idx"] == 1
    assert table.shape == (2, 2)
    with pytest.raises(AttributeError):
        _ = table.no_such_thing
    with pytest.raises(AttributeError):
        _ = table._private
