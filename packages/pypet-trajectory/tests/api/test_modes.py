from __future__ import annotations

import pytest

from pypet_trajectory.api.modes import chosen_items, merged
from pypet_trajectory.api.records import NodeKind, NodeRecord, WriteRequest


def leaf(**fields):
    return NodeRecord("results.x", NodeKind.LEAF, **{"class_name": "Result", **fields})


def group(**fields):
    return NodeRecord("results.g", NodeKind.GROUP, **fields)


def test_a_leaf_without_items_is_stored_empty():
    assert merged(None, WriteRequest(leaf(), 2)).items == {}


def test_links_leave_alone_what_they_find():
    present = leaf(items={"a": 1})
    link = NodeRecord("results.x", NodeKind.LINK, target="results.y")
    assert merged(present, WriteRequest(link, 3)) is present


def test_a_leaf_and_a_group_cannot_share_a_name():
    with pytest.raises(TypeError, match=r"results\.x"):
        merged(leaf(items={}), WriteRequest(NodeRecord("results.x", NodeKind.GROUP), 3))


def test_adding_changes_nothing_that_is_there():
    present = leaf(items={"a": 1}, comment="old", annotations={"n": 1}, flags={"a": "ARRAY"})
    request = WriteRequest(
        leaf(
            items={"a": 2, "b": 3},
            comment="new",
            annotations={"n": 2, "m": 3},
            flags={"a": "TABLE", "b": "TABLE"},
            class_name="Other",
        ),
        2,
    )
    assert merged(present, request) == leaf(
        items={"a": 1, "b": 3},
        comment="old",
        annotations={"n": 1, "m": 3},
        flags={"a": "ARRAY", "b": "TABLE"},
    )


def test_a_group_takes_over_the_comment_and_class_it_lacks():
    request = WriteRequest(group(comment="c", class_name="Special"), 2)
    assert merged(group(), request) == group(comment="c", class_name="Special")
    assert merged(group(comment="old", class_name="G"), request).comment == "old"


def test_an_empty_comment_never_replaces_one():
    assert merged(leaf(items={}, comment="old"), WriteRequest(leaf(items={}), 3)).comment == "old"


def test_overwritten_annotations_are_those_of_the_request():
    present = leaf(items={}, annotations={"old": 1})
    by_name = WriteRequest(leaf(items={}, annotations={"new": 2}), 2, ("v_annotations",))
    assert merged(present, by_name).annotations == {"new": 2}


def test_overwriting_everything_takes_over_the_new_order():
    present = leaf(items={"a": 1, "b": 2})
    request = WriteRequest(leaf(items={"b": 3, "a": 4}), 3)
    assert list(merged(present, request).items.items()) == [("b", 3), ("a", 4)]


def test_items_are_chosen_by_name():
    assert chosen_items("abc", ["c", "a"], None, "x") == ["a", "c"]
    assert chosen_items("abc", None, ["a"], "x") == ["b", "c"]
    assert chosen_items("abc", None, None, "x") == ["a", "b", "c"]
    with pytest.raises(ValueError, match="both"):
        chosen_items("abc", ["a"], ["b"], "x")
