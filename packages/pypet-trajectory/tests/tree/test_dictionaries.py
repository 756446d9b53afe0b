"""Trees as dictionaries and as plain objects."""

from __future__ import annotations

import pytest

from pypet_trajectory.trajectory import Trajectory


@pytest.fixture
def linked(traj: Trajectory) -> Trajectory:
    traj.f_add_result("a.b.c", 1)
    traj.f_add_result("a.b.d", 1, 2)
    traj.f_add_parameter("p", 3)
    traj.res.f_add_link("l", traj.f_get("parameters.p"))
    return traj


def test_keys_are_full_names_also_from_groups_and_through_links(linked: Trajectory):
    leaf = linked.f_get
    assert linked.res.f_to_dict() == {
        "parameters.p": leaf("parameters.p"),
        "results.a.b.c": leaf("results.a.b.c"),
        "results.a.b.d": leaf("results.a.b.d"),
    }


def test_fast_access_gives_values_where_there_is_one(linked: Trajectory):
    assert linked.res.f_to_dict(fast_access=True, with_links=False) == {
        "results.a.b.c": 1,
        "results.a.b.d": linked.f_get("results.a.b.d"),
    }


def test_short_names_must_be_unique(linked: Trajectory):
    assert list(linked.res.f_to_dict(short_names=True, with_links=False)) == ["c", "d"]
    linked.f_add_result("c", 1)
    with pytest.raises(ValueError, match="not unique"):
        linked.res.f_to_dict(short_names=True)


def test_nesting_starts_below_the_group(linked: Trajectory):
    nested = linked.res.f_to_dict(nested=True, fast_access=True, with_links=False)
    assert nested == {"a": {"b": {"c": 1, "d": linked.f_get("d")}}}
    below = linked.res.a.f_to_dict(nested=True, fast_access=True)
    assert below == {"b": {"c": 1, "d": linked.f_get("d")}}


def test_leaves_from_elsewhere_are_nested_under_their_whole_path(linked: Trajectory):
    nested = linked.res.f_to_dict(nested=True, fast_access=True)
    assert nested["parameters"] == {"p": 3}


def test_names_are_not_both_short_and_nested(linked: Trajectory):
    with pytest.raises(ValueError, match="not both"):
        linked.res.f_to_dict(short_names=True, nested=True)


def test_the_dictionary_is_not_the_register(linked: Trajectory):
    linked.res.f_to_dict().clear()
    assert len(linked.f_to_dict()) == 3


def test_debugging_objects_mirror_the_tree(linked: Trajectory):
    linked.f_get("results.a").v_comment = "first"
    linked.f_get("results.a").f_set_annotations(by="me")
    mirror = linked.f_debug()
    assert mirror.results.a.b.c is linked.f_get("c")
    assert mirror.results.l == "Link to `parameters.p`"
    assert mirror.results.a.v_comment == "first"
    assert mirror.results.a.v_annotations.by == "me"
    assert not hasattr(mirror.results, "v_comment")
    mirror.results.new = 3
    assert "new" not in linked.res
