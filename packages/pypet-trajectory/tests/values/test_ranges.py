import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.values.ranges import NO_RANGE, CompactRange

NUMBERS = st.one_of(
    st.lists(st.integers()),
    st.lists(st.floats(allow_nan=False)),
    st.lists(st.booleans()),
    st.lists(st.complex_numbers(allow_nan=False)),
    st.lists(st.integers(0, 255).map(np.uint8)),
    st.lists(st.floats(width=32, allow_nan=False).map(np.float32)),
)
MIXED = st.lists(st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False), st.text()))


def exact(values):
    return [(type(value), value) for value in values]


@given(st.one_of(NUMBERS, MIXED))
def test_what_comes_out_is_what_went_in(values):
    compact = CompactRange(iter(values))
    assert exact(compact) == exact(values)
    assert exact(compact.tolist()) == exact(values)
    assert exact(compact[i] for i in range(len(compact))) == exact(values)
    assert exact(reversed(compact)) == exact(reversed(values))
    assert compact == values == compact


@given(st.one_of(NUMBERS, MIXED), st.one_of(NUMBERS, MIXED))
def test_extending_gives_a_new_range_and_leaves_the_old_one(first, second):
    before = CompactRange(first)
    after = before.extended(CompactRange(second))
    assert exact(after) == exact([*first, *second])
    assert exact(before) == exact(first)


@given(st.one_of(NUMBERS, MIXED), st.data())
def test_slices_and_selections_are_those_of_a_list(values, data):
    compact = CompactRange(values)
    part = data.draw(st.slices(len(values)))
    assert exact(compact[part]) == exact(values[part])
    indices = data.draw(st.lists(st.integers(0, len(values) - 1))) if values else []
    taken = compact.take(np.array(indices, dtype=np.intp))
    assert exact(taken) == exact(values[i] for i in indices)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("values", [[1, 2], [1.5, float("inf")], ["a", 1], [], [np.int8(1)]])
def test_every_pickle_protocol_keeps_values_and_form(values, protocol):
    compact = CompactRange(values)
    restored = pickle.loads(pickle.dumps(compact, protocol))
    assert exact(restored) == exact(values)
    assert (restored.array is None) == (compact.array is None)
    if restored.array is not None:
        assert not restored.array.flags.writeable


def test_numbers_take_eight_bytes_each():
    assert CompactRange(range(1000)).array.nbytes == 8000
    assert CompactRange([1.5] * 1000).array.nbytes == 8000


def test_copies_share():
    compact = CompactRange([1, 2])
    assert copy.copy(compact) is compact
    assert copy.deepcopy(compact) is compact
    assert CompactRange(compact).array is compact.array
    assert np.shares_memory(compact[1:].array, compact.array)


def test_a_range_cannot_be_changed():
    compact = CompactRange([1, 2])
    with pytest.raises(TypeError):
        compact[0] = 3
    with pytest.raises(ValueError, match="read-only"):
        compact.array[0] = 3


def test_integers_beyond_64_bits_and_mixed_types_stay_objects():
    for values in ([2**64], [1, 2.0], [True, 1], ["a"]):
        assert CompactRange(values).array is None


def test_the_kind_is_the_common_type():
    assert CompactRange([1, 2]).kind is int
    assert CompactRange([2**100]).kind is int
    assert CompactRange([np.float32(1)]).kind is np.float32
    assert CompactRange([1, 2.0]).kind is None
    assert NO_RANGE.kind is None


def test_objects_can_be_kept_as_they_are():
    values = [1000, 2000]
    kept = CompactRange.from_objects(values)
    assert kept.array is None
    assert all(a is b for a, b in zip(kept, values, strict=True))


def test_a_range_is_an_array_to_numpy():
    assert np.asarray(CompactRange([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert np.array(CompactRange([1, 2]), dtype=float).dtype == float


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.arange(3), float),
        (np.arange(3.0), int),
        (np.arange(3), bool),
        (np.ones(3, np.float32), float),
        (np.ones((2, 2)), float),
        (np.array([b"a"]), bytes),
        (np.array([None]), int),
    ],
)
def test_an_array_is_not_taken_for_another_type(array, kind):
    assert CompactRange.from_array(array, kind) is None


def test_short_and_long_ranges_have_short_texts():
    assert repr(CompactRange([1, 2])) == "CompactRange([1, 2])"
    assert repr(CompactRange(range(100))) == "CompactRange([0, 1, 2, ...], 100 values)"
