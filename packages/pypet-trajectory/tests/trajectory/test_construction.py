"""How trajectories come into being, and what they say about themselves."""

import platform
import re

import pytest

from pypet_trajectory import InMemoryStorageService, LazyStorageService, Result, Trajectory


def test_a_new_trajectory_has_one_run_and_is_at_none():
    traj = Trajectory("T")
    assert (len(traj), traj.v_idx, traj.v_crun, traj.v_crun_) == (1, -1, None, "run_ALL")
    assert bool(traj)
    assert traj.f_is_empty()


def test_the_root_knows_its_place():
    traj = Trajectory("T", comment="hello")
    assert (traj.v_name, traj.v_full_name, traj.v_location) == ("T", "", "")
    assert (traj.v_depth, traj.v_branch, traj.v_run_branch) == (0, None, "trajectory")
    assert traj.v_is_root
    assert traj.v_root is traj
    assert traj.v_comment == "hello"


def test_the_time_can_be_appended_to_the_name():
    traj = Trajectory("T", add_time=True)
    assert re.fullmatch(r"T_\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds", traj.v_name)
    assert traj.v_name.endswith(traj.v_time)


def test_versions_and_times_are_known():
    traj = Trajectory("T")
    assert traj.v_python == platform.python_version()
    assert traj.v_timestamp > 1e9
    assert (traj.v_environment_name, traj.v_environment_hexsha) == (None, None)


@pytest.mark.parametrize("name", ["a.b", "", "ä", "_x", "a b"])
def test_names_that_are_not_admissible_are_refused(name):
    with pytest.raises(ValueError, match="admissible"):
        Trajectory(name)


def test_a_trajectory_may_be_named_overview():
    assert Trajectory("overview").v_name == "overview"


def test_a_string_shows_name_length_comment_and_children():
    traj = Trajectory("T", comment="hi")
    assert str(traj) == "Trajectory T (`hi`, len:1): "
    assert repr(Trajectory("T")) == "<Trajectory T (len:1): >"


def test_keywords_that_nobody_knows_are_refused():
    with pytest.raises(ValueError, match="`foo`"):
        Trajectory("T", foo=1)


def test_a_service_may_be_an_instance_a_class_or_a_name():
    service = InMemoryStorageService()
    assert Trajectory("T", storage_service=service).v_storage_service is service
    for given in (LazyStorageService, "LazyStorageService"):
        assert isinstance(
            Trajectory("T", storage_service=given).v_storage_service, LazyStorageService
        )
    assert Trajectory("T").v_storage_service is None


def test_a_file_of_unknown_extension_is_refused():
    with pytest.raises(ValueError, match=r"\.bla"):
        Trajectory("T", filename="x.bla")


@pytest.mark.parametrize("imports", [Result, "a.B", [Result, "a.B"], (Result,)])
def test_dynamic_imports_may_be_classes_and_dotted_paths(imports):
    listed = Trajectory("T", dynamic_imports=imports)._dynamic_imports
    assert listed[0] == "pypet.parameter.PickleParameter"
    assert len(listed) >= 2


@pytest.mark.parametrize("imports", [3, [3]])
def test_other_dynamic_imports_are_refused(imports):
    with pytest.raises(TypeError, match="3"):
        Trajectory("T", dynamic_imports=imports)


def test_the_old_keyword_for_dynamic_imports_still_works():
    with pytest.warns(DeprecationWarning, match="dynamic_imports"):
        traj = Trajectory("T", dynamically_imported_classes=["a.B"])
    assert "a.B" in traj._dynamic_imports
