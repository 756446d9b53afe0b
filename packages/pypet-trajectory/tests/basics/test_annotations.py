import copy
import pickle

import pytest

from pypet_trajectory.annotations import Annotations, WithAnnotations
from pypet_trajectory.leaves.parameter import Parameter


class Node(WithAnnotations):
    __slots__ = ()


@pytest.fixture
def notes():
    return Annotations()


def test_attributes_and_items_are_the_same_annotations(notes):
    notes.first = 1
    notes["second"] = 2
    notes[0] = "zero"
    notes[3] = "three"
    assert notes.f_to_dict() == {
        "first": 1,
        "second": 2,
        "annotation": "zero",
        "annotation_3": "three",
    }
    assert (notes["first"], notes.second, notes[0], notes.annotation_3) == (1, 2, "zero", "three")


def test_positional_annotations_are_numbered(notes):
    notes.f_set("a", "b", c="c")
    assert notes.f_to_dict() == {"annotation": "a", "annotation_1": "b", "c": "c"}


def test_several_annotations_come_back_as_a_tuple(notes):
    notes.f_set(1, x=2)
    assert notes.f_get("x", 0) == (2, 1)


def test_the_only_annotation_needs_no_name(notes):
    with pytest.raises(AttributeError, match="no annotations"):
        notes.f_get()
    notes.f_set(x=2)
    assert notes.f_get() == 2
    notes.f_set(y=3)
    with pytest.raises(ValueError, match="x, y"):
        notes.f_get()


@pytest.mark.parametrize(
    "read", [lambda n: n.z, lambda n: n["z"], lambda n: n.f_get("z"), lambda n: n.f_remove("z")]
)
def test_a_missing_annotation_is_an_attribute_error_that_lists_those_there_are(notes, read):
    notes.f_set(x=2)
    with pytest.raises(AttributeError, match=r"`z`.*x"):
        read(notes)


def test_an_error_of_a_node_names_the_node():
    node = Parameter("group.x", 1)
    with pytest.raises(AttributeError, match=r"`group\.x`.*no annotation `y`"):
        node.f_get_annotations("y")
    node.f_set_annotations(*range(20))
    with pytest.raises(ValueError, match=r"`group\.x`.*20 annotations .*\.\.\."):
        node.f_get_annotations()


def test_single_annotations_may_be_set_by_position(notes):
    notes.f_set_single(3, "x")
    assert notes["annotation_3"] == notes[3] == "x"
    assert str(notes)


def test_annotations_can_be_removed_in_three_ways(notes):
    notes.f_set(1, 2, x=3)
    del notes.x
    del notes["annotation_1"]
    notes.f_remove(0)
    assert notes.f_is_empty()


def test_underscored_names_are_annotations_only_if_set_as_such(notes):
    notes.f_set(_x=1)
    assert notes._x == 1
    with pytest.raises(AttributeError):
        notes._y = 1


def test_text_is_sorted_by_name_without_trailing_separator(notes):
    assert str(notes) == ""
    notes.f_set(b=2, a="one")
    assert notes.f_ann_to_str() == str(notes) == "a=one; b=2"


def test_iteration_goes_over_names(notes):
    notes.f_set("v", x=1)
    assert list(notes) == ["annotation", "x"]
    assert "x" in notes
    assert 0 not in notes


def test_the_dictionary_is_a_copy_or_the_live_one(notes):
    notes.f_to_dict(copy=False)["x"] = 1
    notes.f_to_dict()["y"] = 1
    assert list(notes) == ["x"]
    notes.f_empty()
    assert notes.f_is_empty()


def test_a_node_has_no_container_before_it_is_asked_for_one():
    node = Node()
    assert node.f_ann_to_str() == ""
    assert node.__getstate__() == {}
    node.f_set_annotations(1, x=2)
    assert node.f_get_annotations("x") == 2
    assert node.f_ann_to_str() == "annotation=1; x=2"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_annotations_are_pickled_with_their_node(protocol):
    node = Node()
    node.v_annotations.x = [1]
    assert pickle.loads(pickle.dumps(node, protocol)).v_annotations.x == [1]


def test_deep_copies_do_not_share_annotations():
    node = Node()
    node.v_annotations.x = [1]
    duplicate = copy.deepcopy(node)
    duplicate.v_annotations.x.append(2)
    assert node.v_annotations.x == [1]
