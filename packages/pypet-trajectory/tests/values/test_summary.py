import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.values.summary import summarise, summarise_items

VALUES = st.recursive(
    st.one_of(st.integers(), st.floats(), st.text(), st.binary(), st.none(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner), st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=20,
)


@given(VALUES, st.integers(10, 80))
def test_a_text_that_fits_is_the_repr_and_others_are_cut(value, limit):
    text = summarise(value, limit)
    assert len(text) <= limit
    if len(repr(value)) <= limit:
        assert text == repr(value)
    else:
        assert text.endswith("...")


class Counting(list):
    looked_at = 0

    def __repr__(self):
        type(self).looked_at += 1
        return "x" * 10


def test_the_work_is_bounded_like_the_text():
    summarise([Counting() for _ in range(1000)])
    assert Counting.looked_at < 10


class Broken:
    def __repr__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize("value", [Broken(), [Broken()], {"a": Broken()}, [10**5000]])
def test_no_value_makes_a_summary_fail(value):
    assert len(summarise(value)) <= 64


def test_a_list_that_contains_itself_has_a_text():
    endless = []
    endless.append(endless)
    assert len(summarise(endless)) <= 64


@pytest.mark.parametrize(
    ("value", "beginning"),
    [
        (np.arange(10**6), "array([0, 1, 2, "),
        (np.zeros((100, 100)), "array([0.0, 0.0, "),
        (np.zeros((100, 100)).view(np.matrix), "matrix([0.0, "),
        (np.array([1, 2]), "array([1, 2])"),
        ((1,), "(1,)"),
        ((), "()"),
    ],
)
def test_arrays_and_containers_show_their_beginning(value, beginning):
    assert summarise(value).startswith(beginning)


def test_frames_show_their_shape():
    pd = pytest.importorskip("pandas")
    assert summarise(pd.DataFrame({"a": [1, 2]})) == "DataFrame of shape (2, 1)"


def test_items_are_shown_with_their_names():
    assert summarise_items({}) == ""
    assert summarise_items({"a": 1, "{}": [2]}) == "a=1, {}=[2]"
    assert len(summarise_items({f"name{i}": i for i in range(1000)})) == 64
