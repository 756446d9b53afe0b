import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet_trajectory.mappings import (
    ChainMap,
    HashArray,
    IteratorChain,
    Universe,
    flatten_dictionary,
    nest_dictionary,
)

NAMES = st.text("abc", min_size=1, max_size=3)
NESTED = st.dictionaries(
    NAMES,
    st.recursive(
        st.integers(), lambda inner: st.dictionaries(NAMES, inner, min_size=1), max_leaves=10
    ),
)


@given(NESTED)
def test_flattening_and_nesting_are_inverse(nested):
    assert nest_dictionary(flatten_dictionary(nested, "."), ".") == nested


@pytest.mark.parametrize("flat", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}])
def test_a_name_cannot_be_a_value_and_a_dictionary(flat):
    with pytest.raises(KeyError, match="cannot be nested"):
        nest_dictionary(flat, ".")


def test_an_iterator_chain_may_grow_while_it_is_in_use():
    chain = IteratorChain([1, 2], [])
    assert chain.next() == 1
    chain.add([3], [4])
    assert list(chain) == [2, 3, 4]
    chain.add([5])
    assert list(chain) == [5]


def test_the_first_of_chained_mappings_answers():
    chained = ChainMap({"a": 1}, {"a": 2, "b": 3})
    assert (chained["a"], chained["b"], len(chained), list(chained)) == (1, 3, 3, ["a", "a", "b"])
    assert "c" not in chained
    with pytest.raises(KeyError, match="`c`"):
        _ = chained["c"]


def test_the_universe_contains_itself():
    universe = Universe()
    assert universe in universe


def test_hashed_arrays_differ_in_dtype_and_shape():
    ones = np.ones(4)
    keys = {HashArray(ones), HashArray(ones.copy()), HashArray(ones.reshape(2, 2))}
    assert len(keys) == 2
    assert HashArray(np.zeros(2, np.int64)) != HashArray(np.zeros(2))
