"""A small trajectory with a bit of everything, and what it means to get it back.

Made for tests of services and of whatever sits between a trajectory and its service.
"""

from __future__ import annotations

from typing import Any

from pypet_trajectory.api.service import StorageService
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.trajectory import Trajectory


def stored_example(service: StorageService, name: str = "example", value: Any = 7) -> Trajectory:
    """A stored trajectory that has a bit of everything."""
    traj = Trajectory(name, comment="an example", storage_service=service)
    traj.v_annotations.room = "B12"
    traj.f_add_parameter_group("cells", comment="what cells are like")
    traj.f_add_parameter("cells.size", 12, comment="in micrometres")
    traj.f_add_parameter("cells.speed", 1.5)
    traj.f_add_config("threads", 4)
    traj.f_add_derived_parameter("area", 3.25)
    result = traj.f_add_result("noted", value=value, comment="a number")
    result.v_annotations.who = "Ada"
    traj.f_add_leaf("free.thing", text="outside of the branches")
    traj.results.f_add_link("shortcut", result)
    traj.f_add_link("start", traj.f_get("parameters.cells.size"))
    traj.f_explore({"cells.speed": [1.5, 2.5, 3.5]})
    traj.f_store()
    return traj


def loaded(service: StorageService, name: str, load_data: int = 2, **options: Any) -> Trajectory:
    """A new trajectory object with what the service has under this name."""
    traj = Trajectory("unnamed", storage_service=service)
    traj.f_load(name=name, load_data=load_data, **options)
    return traj


def assert_trees_same(found: Trajectory, expected: Trajectory) -> None:
    """Both trees have the same nodes, classes, comments, annotations, links and data."""
    assert set(_places(found)) == set(_places(expected))
    for node in expected.f_iter_nodes(with_links=False):
        twin = found.f_get(node.v_full_name, shortcuts=False)
        place = node.v_full_name
        assert type(twin).__name__ == type(node).__name__, place
        assert twin.v_comment == node.v_comment, place
        assert twin.v_annotations.f_to_dict() == node.v_annotations.f_to_dict(), place
        if node.v_is_group:
            links = {name: link.v_full_name for name, link in node.f_get_links().items()}
            assert {name: link.v_full_name for name, link in twin.f_get_links().items()} == links
        elif isinstance(node, Parameter):
            _assert_parameters_same(twin, node)
        else:
            assert_same(twin.f_to_dict(), node.f_to_dict(), place)


def _assert_parameters_same(found: Any, expected: Any) -> None:
    place = expected.v_full_name
    assert found.f_is_empty() is expected.f_is_empty(), place
    if not expected.f_is_empty():
        assert_same(found.f_get(), expected.f_get(), place)
    assert found.f_has_range() is expected.f_has_range(), place
    if expected.f_has_range():
        assert_same(found.f_get_range(), expected.f_get_range(), place)


def _places(traj: Trajectory) -> list[str]:
    """Full names of all nodes and places of all links."""
    places = [node.v_full_name for node in traj.f_iter_nodes(with_links=False)]
    for group in (traj, *(node for node in traj.f_iter_nodes(with_links=False) if node.v_is_group)):
        places.extend(f"{group.v_full_name}.{name}" for name in group.f_get_links())
    return places
