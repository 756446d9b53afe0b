"""Custom classes come back from a store by their names."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.trajectory import Trajectory


class Volts(Parameter):
    """A parameter class of a user."""


class Spikes(Result):
    """A result class of a user."""


@pytest.fixture
def service(tmp_path, monkeypatch):
    """A store with a trajectory of both classes, which can be imported from ``lab``."""
    monkeypatch.setitem(sys.modules, "lab", SimpleNamespace(Volts=Volts, Spikes=Spikes))
    service = ArchiveStorageService(tmp_path / "t.traj")
    traj = Trajectory("t", storage_service=service)
    traj.f_add_parameter(Volts, "u", 1.5)
    traj.f_add_result(Spikes, "spikes", [1, 2])
    traj.f_store()
    return service


@pytest.mark.claim(7)
def test_a_class_given_as_dynamic_import_is_loaded(service):
    traj = Trajectory("new", storage_service=service, dynamic_imports=Volts)
    traj.f_load(name="t", load_parameters=2, load_results=0)
    assert type(traj.f_get("u")) is Volts
    assert traj.u == 1.5


@pytest.mark.claim(8)
def test_a_dotted_path_given_as_dynamic_import_is_loaded(service):
    traj = Trajectory("new", storage_service=service)
    traj.f_load(name="t", load_parameters=2, load_results=0, dynamic_imports="lab.Volts")
    assert type(traj.f_get("u")) is Volts


@pytest.mark.claim(9)
def test_classes_and_paths_can_be_mixed(service):
    traj = Trajectory("new", storage_service=service, dynamic_imports=[Spikes, "lab.Volts"])
    traj.f_load(name="t", load_data=2)
    assert type(traj.f_get("u")) is Volts
    assert type(traj.f_get("spikes")) is Spikes
    assert traj.spikes == [1, 2]
