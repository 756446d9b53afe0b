import itertools
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.exploration.combinations import cartesian_product, find_unique_points
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter

VALUES = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.lists(st.integers(), max_size=4)
)


def explored(name, values, kind=Parameter):
    parameter = kind(name, values[0])
    parameter._explore(values)
    return parameter


@given(VALUES)
def test_all_combinations_are_there_and_the_first_name_varies_slowest(values):
    product = cartesian_product(values)
    assert list(product) == list(values)
    if values:
        rows = list(zip(*product.values(), strict=True))
        assert rows == list(itertools.product(*values.values()))


@pytest.mark.parametrize(
    ("combined", "expected"),
    [
        (("b", "a"), {"a": [1, 2, 1, 2], "b": [3, 3, 4, 4]}),
        ((("a", "b"),), {"a": [1, 2], "b": [3, 4]}),
        (("a",), {"a": [1, 2], "b": []}),
        (["a", ("b",)], {"a": [1, 1, 2, 2], "b": [3, 4, 3, 4]}),
    ],
)
def test_combined_names_decide_who_varies_with_whom_and_how_slowly(combined, expected):
    assert cartesian_product({"a": [1, 2], "b": [3, 4]}, combined) == expected


def test_of_values_that_vary_together_the_shortest_wins():
    product = cartesian_product({"a": [1, 2, 3], "b": "xy"}, (("a", "b"),))
    assert product == {"a": [1, 2], "b": ["x", "y"]}


def test_generators_are_consumed_once():
    assert cartesian_product({"a": (i for i in range(2)), "b": "xy"})["a"] == [0, 0, 1, 1]


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError, match="'c'"):
        cartesian_product({"a": [1]}, ("a", "c"))


def test_nothing_combined_is_nothing():
    assert cartesian_product({}) == {}


def test_unique_points_come_with_their_runs_in_order_of_first_occurrence():
    first, second = explored("a", [2, 1, 2, 2]), explored("b", ["x", "y", "x", "z"])
    assert find_unique_points([first, second]) == [
        ((2, "x"), [0, 2]),
        ((1, "y"), [1]),
        ((2, "z"), [3]),
    ]
    assert find_unique_points([]) == []


def test_points_with_arrays_are_found_without_comparing_pairs(caplog):
    arrays = explored("a", [np.arange(2), np.arange(3), np.arange(2)], kind=ArrayParameter)
    assert [runs for _, runs in find_unique_points([arrays])] == [[0, 2], [1]]
    assert not caplog.records


class Odd:
    def __init__(self, number):
        self.number = number


def test_points_without_canonical_form_are_compared_by_the_parameters_rule(caplog):
    odd = explored("group.odd", [Odd(1), Odd(2), Odd(1)], kind=PickleParameter)
    plain = explored("plain", [1, 1, 1])
    with caplog.at_level(logging.WARNING):
        points = find_unique_points([odd, plain])
    assert [runs for _, runs in points] == [[0, 2], [1]]
    assert "`group.odd`" in caplog.text


def test_a_parameter_without_range_is_a_type_error():
    with pytest.raises(TypeError, match=r"`group\.par`"):
        find_unique_points([Parameter("group.par", 1)])
