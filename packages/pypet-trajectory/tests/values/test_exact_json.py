"""Values as JSON text: exact, or refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.values import exact_json


@pytest.mark.parametrize(
    "value",
    [
        [None, True, 2**200, -0.0, float("inf"), float("nan"), complex(1, float("nan"))],
        {"b": (1, ()), None: {3, frozenset({"x"})}, 1: {"tuple": [b"\xff"]}},
        ["\ud800", "\ud83d\ude00", "😀", "a\0"],
        [np.int8(1), np.float16(0.5), np.str_("ä\0"), np.bytes_(b"a\0"), np.str_("\ud800")],
        [np.zeros((0, 3)), np.arange(3, dtype=">i4"), np.array([1, "a", (2,)], object)],
        [np.array([[1, 2]]).view(np.matrix), np.array([(1, "ä")], [("a", "i4"), ("b", "U2")])],
    ],
)
def test_values_keep_type_and_order(value):
    assert_same(exact_json.loads(exact_json.dumps(value)), value)


def test_the_text_can_be_read_by_people():
    text = exact_json.dumps({"a": (1, 2.5, None, float("inf"))})
    assert text == '{"dict":[["a",{"tuple":[1,2.5,null,{"float":"inf"}]}]]}'


def test_other_objects_are_refused():
    with pytest.raises(NoSuchServiceError, match=r"builtins\.object cannot be stored"):
        exact_json.dumps([object()])


def test_forms_that_are_not_known_are_named():
    with pytest.raises(NoSuchServiceError, match="'unheard_of'"):
        exact_json.loads('{"unheard_of": 1}')


@pytest.mark.parametrize("shape", [[10**12], [-1], [2], [True]])
def test_no_more_memory_is_taken_than_there_are_objects(shape):
    parts = {"dtype": "O", "shape": shape, "elements": [None] * 3}
    with pytest.raises(ValueError, match="shape"):
        exact_json.loads(json.dumps({"array": parts}))
