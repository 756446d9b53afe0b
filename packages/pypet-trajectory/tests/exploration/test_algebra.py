import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.exploration.algebra import (
    as_build_dict,
    axis,
    concatenated,
    from_dataframe,
    product,
    table,
    zipped,
)
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.values.column_table import ColumnTable


class Tree:
    """The one thing a type check asks of a trajectory."""

    def __init__(self, *leaves):
        self._leaves = {leaf.v_name: leaf for leaf in leaves}

    def f_get(self, name):
        try:
            return self._leaves[name]
        except KeyError:
            raise AttributeError(name) from None


A = axis("a", [1, 2])
B = axis("b", ["x", "y", "z"])


# ---------------------------------------------------------------- a model: lists of points

SOURCES = st.sampled_from("ab").flatmap(
    lambda name: st.lists(st.integers(0, 3), min_size=1, max_size=3).map(
        lambda values: (axis(name, values), [{name: value} for value in values])
    )
)


def combined(pair):
    """Combine two explorations and their models by whatever operation applies."""
    (first, first_points), (second, second_points) = pair
    if set(first.names) == set(second.names):
        return first + second, first_points + second_points
    if not set(first.names) & set(second.names):
        crossed = [{**p, **q} for p, q in itertools.product(first_points, second_points)]
        return first * second, crossed
    return first, first_points


def modified(pair):
    (exploration, points), (operation, number) = pair
    name = exploration.names[0]
    if operation == "repeat":
        return exploration.repeat(number), points * number
    if operation == "each":
        return exploration.repeat(number, each=True), [p for p in points for _ in range(number)]
    if operation == "zip":
        if "extra" in exploration.names or not points:
            return exploration, points
        other = axis("extra", range(len(points)))
        return exploration & other, [{**p, "extra": i} for i, p in enumerate(points)]
    kept = [p for p in points if p[name] != number]
    return exploration.where(lambda value: value != number, name), kept


EXPLORATIONS = st.recursive(
    SOURCES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(combined),
        st.tuples(
            inner,
            st.tuples(st.sampled_from(["repeat", "each", "zip", "where"]), st.integers(1, 3)),
        ).map(modified),
    ),
    max_leaves=5,
)


@given(EXPLORATIONS)
def test_every_combination_gives_the_points_of_the_list_it_stands_for(pair):
    exploration, points = pair
    assert len(exploration) == len(points)
    assert list(exploration) == points
    assert [exploration[i] for i in range(len(points))] == points
    columns = exploration.to_dict()
    assert set(columns) == set(exploration.names)
    assert columns == {name: [p[name] for p in points] for name in exploration.names}


# ---------------------------------------------------------------- single operations


def test_the_first_factor_of_a_product_varies_slowest():
    assert product(A, B).to_dict() == (A * B).to_dict()
    assert (A * B).to_dict() == {"a": [1, 1, 1, 2, 2, 2], "b": ["x", "y", "z"] * 2}


def test_points_side_by_side_need_one_length():
    assert (A & axis("c", [3.0, 4.0]))[1] == {"a": 2, "c": 4.0}
    with pytest.raises(ValueError, match=r"'a': 2, 'b': 3"):
        zipped(A, B)


def test_a_parameter_is_explored_by_one_part_only():
    for combine in (product, zipped):
        with pytest.raises(ValueError, match="'a'"):
            combine(A, A)


def test_explorations_in_sequence_need_the_same_parameters():
    assert concatenated(A, axis("a", [9])).to_dict() == {"a": [1, 2, 9]}
    swapped = table({"b": ["q"], "a": [5]})
    assert (A * B + swapped).to_dict()["a"][-1] == 5
    with pytest.raises(ValueError, match="a and another b"):
        concatenated(A, B)


def test_a_filter_looks_at_points_or_at_named_values():
    grid = A * B
    assert len(grid.where(lambda point: point["a"] == 1 and point["b"] != "z")) == 2
    assert len(grid.where(lambda b, a: (b, a) == ("x", 1), "b", "a")) == 1
    with pytest.raises(ValueError, match="'c'"):
        grid.where(lambda c: c, "c")


def test_a_filter_is_evaluated_once_and_only_when_asked():
    calls = []
    kept = (A * B).where(lambda point: calls.append(point) or True)
    assert not calls
    assert len(kept) == 6
    kept.to_dict()
    assert len(calls) == 6


def test_points_are_counted_from_either_end():
    assert (A * B)[-1] == {"a": 2, "b": "z"}
    for index in (6, -7):
        with pytest.raises(IndexError, match="6"):
            (A * B)[index]


@pytest.mark.parametrize("times", [0, -1])
def test_points_are_repeated_at_least_once(times):
    with pytest.raises(ValueError, match="repeated"):
        A.repeat(times)


def test_an_exploration_needs_values_of_one_length():
    with pytest.raises(ValueError, match="no values"):
        axis("a", [])
    with pytest.raises(ValueError, match="no values"):
        table({})
    with pytest.raises(ValueError, match="'b': 1"):
        table({"a": [1, 2], "b": [1]})
    with pytest.raises(ValueError, match="at least one"):
        product()


def test_other_operands_are_refused():
    for operate in (lambda: A * 2, lambda: A + 1, lambda: A & {"b": [1, 2]}):
        with pytest.raises(TypeError):
            operate()


def test_arrays_are_taken_as_python_values_and_lists_as_they_are():
    assert type(axis("a", np.linspace(0, 1, 3))[0]["a"]) is float
    assert type(axis("a", list(np.linspace(0, 1, 3)))[0]["a"]) is np.float64


def test_a_large_product_is_not_listed():
    tracemalloc.start()
    grid = axis("a", range(1000)) * axis("b", range(1000)) * axis("c", range(1000))
    assert len(grid) == 10**9
    assert grid[123_456_789] == {"a": 123, "b": 456, "c": 789}
    assert "999999997" in grid.preview(3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_product_of_more_points_than_can_be_numbered_says_what_to_do_instead():
    huge = product(*(axis(f"x{number}", range(1000)) for number in range(7)))
    with pytest.raises(ValueError, match=r"1.0e\+21 points"):
        len(huge)
    with pytest.raises(ValueError, match="latin_hypercube"):
        huge.preview()


@pytest.mark.parametrize("value", [3, 2.5, None])
def test_a_single_value_is_no_axis(value):
    with pytest.raises(TypeError, match="`x` takes an iterable"):
        axis("x", value)


def test_explorations_can_be_pickled():
    twin = pickle.loads(pickle.dumps((A * B).repeat(2)))
    assert twin.to_dict() == (A * B).repeat(2).to_dict()


# ---------------------------------------------------------------- views


def test_a_preview_shows_the_first_points():
    assert (A * B).preview(2).splitlines() == [
        "   a  b",
        "0  1  'x'",
        "1  1  'y'",
        "... and 4 more points",
    ]
    assert "more" not in (A * B).preview()
    assert (A * B).preview(-1).endswith("... and 6 more points")


def test_an_exploration_says_what_it_is():
    assert repr(A * B) == "<Product exploration of a, b>"


def test_data_frames_go_in_and_out():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]})
    assert from_dataframe(frame).to_dict() == {"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]}
    assert from_dataframe(frame).to_dataframe().equals(frame)
    assert as_build_dict(frame) == {"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]}
    with pytest.raises(TypeError, match="Series"):
        as_build_dict(frame["a"])
    with pytest.raises(ValueError, match="several of a"):
        from_dataframe(frame[["a", "b", "a"]])


def test_explorations_and_mappings_become_build_dictionaries():
    plain = {"a": iter([1])}
    assert as_build_dict(plain) is plain
    assert as_build_dict(A * B) == (A * B).to_dict()
    assert as_build_dict(ColumnTable({"a": [1, 2]})) == {"a": [1, 2]}
    with pytest.raises(TypeError, match="list"):
        as_build_dict([1, 2])


# ---------------------------------------------------------------- checking types


def test_a_check_against_a_trajectory_uses_its_parameters_rules_and_changes_nothing():
    tree = Tree(Parameter("a", 7), Parameter("b", "text"), Result("r"))
    grid = A * B
    assert grid.check(tree) is grid
    assert not tree.f_get("a").v_locked
    assert not tree.f_get("a").f_has_range()
    with pytest.raises(TypeError, match="`b`"):
        (A * axis("b", ["x", 1])).check(tree)
    with pytest.raises(AttributeError):
        axis("c", [1]).check(tree)
    with pytest.raises(ValueError, match="`r`"):
        axis("r", [1]).check(tree)


def test_a_check_against_types_or_examples():
    assert (A * B).check({"a": int, "b": "example"}) is not None
    with pytest.raises(TypeError, match=r"`a`.*int"):
        A.check({"a": float})
    with pytest.raises(TypeError, match=r"`a`.*2\.0"):
        axis("a", [1, 2.0]).check({"a": int})
    with pytest.raises(TypeError, match="`a`"):
        A.check({})


def test_a_check_lists_no_points():
    grid = axis("a", range(1000)) * axis("b", range(1000)) * axis("c", range(1000))
    grid.check({"a": int, "b": int, "c": int})
