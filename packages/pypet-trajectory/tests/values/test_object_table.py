import copy
import pickle

import pytest

pytest.importorskip("pandas")

from pypet_trajectory.values.object_table import ObjectTable


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy]
    + [
        lambda table, protocol=protocol: pickle.loads(pickle.dumps(table, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ],
)
def test_a_copy_is_an_object_table_with_cells_of_the_same_types(copied):
    table = ObjectTable({"a": [1, "x", 2.5]}, index=[3, 4, 5])
    again = copied(table)
    assert type(again) is ObjectTable
    assert again["a"].tolist() == [1, "x", 2.5]
    assert again.index.tolist() == [3, 4, 5]
    again.loc[3, "a"] = "changed"
    assert table.loc[3, "a"] == 1


def test_parts_are_plain_data_frames():
    table = ObjectTable({"a": [1, "x"]})
    assert type(table[:1]) is not ObjectTable
