import copy
import pickle

import numpy as np
import pytest

from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.base import BaseParameter, BaseResult
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult
from pypet_trajectory.values.comparisons import nested_equal

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def pickled(protocol):
    return lambda leaf: pickle.loads(pickle.dumps(leaf, protocol))


DUPLICATES = [*map(pickled, PROTOCOLS), copy.copy, copy.deepcopy]


class WithoutSlots(Parameter):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.v_extra = [1]


PARAMETERS = [Parameter, ArrayParameter, SparseParameter, PickleParameter, WithoutSlots]


@pytest.mark.parametrize("duplicate", DUPLICATES)
@pytest.mark.parametrize("kind", PARAMETERS)
def test_a_parameter_keeps_values_lock_and_comment_but_drops_its_range(kind, duplicate):
    parameter = kind("a.b", 5, comment="c")
    parameter.v_annotations.note = 1
    parameter._explore([7, 8, 9])
    parameter._set_parameter_access(1)
    twin = duplicate(parameter)
    assert type(twin) is kind
    assert (twin.v_full_name, twin.v_comment, twin.v_annotations.note) == ("a.b", "c", 1)
    assert (twin.f_has_range(), twin.v_explored, len(twin), twin.v_locked) == (False, True, 1, True)
    assert (twin.f_get(), twin.f_get_default()) == (8, 5)
    assert parameter.f_get_range() == [7, 8, 9]


@pytest.mark.parametrize("duplicate", DUPLICATES)
@pytest.mark.parametrize("kind", PARAMETERS)
def test_a_full_copy_keeps_the_range(kind, duplicate):
    parameter = kind("a.b", 5)
    parameter._explore([7, 8, 9])
    parameter.v_full_copy = 1
    assert duplicate(parameter).f_get_range() == [7, 8, 9]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_full_copies_share_the_range(duplicate):
    parameter = Parameter("a.b", np.ones(2))
    parameter._explore([np.zeros(2)])
    parameter.v_full_copy = True
    assert duplicate(parameter)._explored_range is parameter._explored_range


@pytest.mark.parametrize("duplicate", DUPLICATES)
@pytest.mark.parametrize("kind", [Result, SparseResult, PickleResult])
def test_a_result_keeps_its_items(kind, duplicate):
    result = kind("a.b", 1, x=np.arange(3), comment="c")
    twin = duplicate(result)
    assert type(twin) is kind
    assert nested_equal(twin.f_to_dict(), result.f_to_dict())
    assert twin.v_comment == "c"


@pytest.mark.parametrize("duplicate", DUPLICATES)
@pytest.mark.parametrize("kind", [BaseParameter, BaseResult])
def test_base_classes_can_be_copied(kind, duplicate):
    assert duplicate(kind("a.b", "c")).v_comment == "c"


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_attributes_of_subclasses_are_copied(duplicate):
    assert duplicate(WithoutSlots("a", 1)).v_extra == [1]


def test_plain_leaves_have_no_dictionary():
    for kind in (Parameter, ArrayParameter, SparseParameter, PickleParameter, Result, PickleResult):
        assert not hasattr(kind("a"), "__dict__")
