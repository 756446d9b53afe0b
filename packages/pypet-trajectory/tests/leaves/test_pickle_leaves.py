import pickle

import numpy as np
import pytest

from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.result import Result


class Anything:
    def __init__(self, content):
        self.content = content

    def __eq__(self, other):
        return self.content == other.content

    __hash__ = None


def test_a_parameter_is_stored_as_a_pickle_and_its_protocol():
    stored = PickleParameter("leaf", 3)._store()
    assert stored == {"data": pickle.dumps(3, protocol=2), "__pckl_prtcl__": 2}


def test_explored_objects_are_told_apart_by_identity():
    first, second = Anything(1), Anything(1)
    parameter = PickleParameter("leaf", first, protocol=4)
    parameter._explore([first, second, first])
    stored = parameter._store()
    assert set(stored) == {"data", "__pckl_prtcl__", "xp_00000000", "xp_00000001", "explored_data"}
    assert list(stored["explored_data"]["idx"]) == [0, 1, 0]
    loaded = PickleParameter("leaf")
    loaded._load(stored)
    assert loaded.v_protocol == 4
    assert loaded.f_get_range() == [first, second, first]
    assert loaded[0] is loaded[2]


def test_a_parameter_hands_out_the_very_objects():
    values = [Anything(i) for i in range(3)]
    parameter = PickleParameter("leaf", values[0])
    parameter._explore(values)
    assert parameter[1] is values[1]


def test_none_leaves_a_parameter_empty():
    parameter = PickleParameter("leaf")
    parameter.f_set(None)
    assert parameter.f_is_empty()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_protocol_is_found_in_the_pickle_if_it_was_not_stored(protocol):
    stored = PickleParameter("leaf", [1, Anything(2)], protocol=protocol)._store()
    del stored["__pckl_prtcl__"]
    loaded = PickleParameter("leaf")
    loaded._load(stored)
    assert loaded.v_protocol <= protocol
    assert loaded.f_get() == [1, Anything(2)]


def test_a_dump_may_come_back_as_numpy_bytes_or_byte_array():
    for dump in (np.bytes_(pickle.dumps(3, 2)), np.frombuffer(pickle.dumps(3, 2), np.uint8)):
        loaded = PickleParameter("leaf")
        loaded._load({"data": dump, "__pckl_prtcl__": np.int64(2)})
        assert loaded.f_get() == 3
        assert loaded.v_protocol == 2


def test_a_result_pickles_each_item():
    result = PickleResult("leaf", 1, x=None, protocol=1)
    assert result._store() == {
        "leaf": pickle.dumps(1, 1),
        "x": pickle.dumps(None, 1),
        "__pckl_prtcl__": 1,
    }
    loaded = PickleResult("leaf", before=1)
    assert loaded.v_protocol == 0
    loaded._load(result._store())
    assert loaded.v_protocol == 1
    assert loaded.f_to_dict() == {"before": 1, "leaf": 1, "x": None}


def test_the_name_of_the_protocol_is_taken():
    with pytest.raises(AttributeError, match="__pckl_prtcl__"):
        PickleResult("leaf", __pckl_prtcl__=1)


def test_protocol_is_ordinary_data_for_other_results():
    assert Result("leaf", protocol=3).protocol == 3
