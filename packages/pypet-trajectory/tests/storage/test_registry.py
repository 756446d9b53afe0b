from __future__ import annotations

import importlib.metadata
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from pypet_trajectory.api.service import StorageService
from pypet_trajectory.storage import registry
from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.storage.memory import InMemoryStorageService, LazyStorageService
from pypet_trajectory.storage.registry import service_for_file, storage_factory
from pypet_trajectory.trajectory import Trajectory


class Picky(StorageService):
    def __init__(self, filename=None, trajectory=None):
        self.filename, self.trajectory = filename, trajectory


def announce(monkeypatch, **values):
    points = [EntryPoint(f".{name}", value, registry.GROUP) for name, value in values.items()]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    monkeypatch.setattr(registry, "_found", {})


@pytest.fixture
def alone(monkeypatch):
    """No other distribution is installed."""
    announce(monkeypatch)


def test_nothing_asked_for_gives_no_service():
    assert storage_factory(None, None, complevel=3) == (None, {"complevel"})


def test_an_instance_is_returned_as_it_is():
    service = LazyStorageService()
    assert storage_factory(service, None, a=1) == (service, {"a"})


def test_a_class_gets_the_arguments_it_names():
    traj = Trajectory("t")
    service, unused = storage_factory(Picky, traj, filename="f", wheels=4)
    assert (service.filename, service.trajectory) == ("f", traj)
    assert unused == {"wheels"}


def test_a_class_that_takes_anything_gets_everything():
    service, unused = storage_factory(LazyStorageService, None, wheels=4)
    assert isinstance(service, LazyStorageService)
    assert unused == set()


@pytest.mark.parametrize(
    "name",
    [
        "InMemoryStorageService",
        "pypet.storageservice.InMemoryStorageService",
        "pypet_trajectory.storage.memory.InMemoryStorageService",
    ],
)
def test_a_built_in_class_is_known_by_its_last_name(alone, name):
    assert isinstance(storage_factory(name)[0], InMemoryStorageService)


def test_other_classes_need_their_dotted_path(alone, monkeypatch):
    monkeypatch.setitem(sys.modules, "lab_services", SimpleNamespace(Picky=Picky))
    assert isinstance(storage_factory("lab_services.Picky")[0], Picky)
    with pytest.raises(ValueError, match="Picky"):
        storage_factory("Picky")


def test_dotted_paths_that_lead_nowhere_are_import_errors(alone):
    with pytest.raises(ImportError):
        storage_factory("no.such.module.Service")
    with pytest.raises(ImportError, match="NoService"):
        storage_factory("pypet_trajectory.storage.memory.NoService")


def test_the_extension_decides_which_service_it_is(alone, tmp_path):
    service, unused = storage_factory(None, filename=tmp_path / "x.TRAJ", complevel=2, foo=1)
    assert isinstance(service, ArchiveStorageService)
    assert unused == {"foo"}


def test_distributions_announce_services_by_extension(monkeypatch):
    announce(monkeypatch, memo="pypet_trajectory.storage.memory:InMemoryStorageService")
    assert service_for_file("x.memo") is InMemoryStorageService


def test_installed_distributions_are_looked_through_once_for_an_extension(monkeypatch):
    announce(monkeypatch, memo="pypet_trajectory.storage.memory:InMemoryStorageService")
    service_for_file("x.memo")
    monkeypatch.setattr(importlib.metadata, "entry_points", None)
    assert service_for_file("y.MEMO") is InMemoryStorageService


@pytest.mark.parametrize("filename", ["x.txt", "./", "x", ".traj.zip"])
def test_an_unknown_extension_is_a_value_error_that_lists_the_known_ones(alone, filename):
    with pytest.raises(ValueError, match=r"\.traj"):
        storage_factory(None, filename=filename)


@pytest.mark.parametrize("extension", registry.HDF5_EXTENSIONS)
def test_hdf5_files_without_the_distribution_say_what_to_install(alone, extension):
    with pytest.raises(ImportError, match=r'pip install "pypet-trajectory\[hdf5\]"'):
        storage_factory(None, filename=f"x{extension}")
    with pytest.raises(ImportError, match=r'pip install "pypet-trajectory\[hdf5\]"'):
        storage_factory("HDF5StorageService", filename=f"x{extension}")


def test_a_broken_plug_in_warns_and_is_left_out(monkeypatch):
    announce(monkeypatch, broken="no_such_module:Service")
    with pytest.warns(RuntimeWarning, match="no_such_module"), pytest.raises(ValueError):
        service_for_file("x.broken")
    assert service_for_file("x.traj") is ArchiveStorageService


def test_a_plug_in_that_is_no_class_warns_and_is_left_out(monkeypatch):
    announce(monkeypatch, odd="math:pi")
    with pytest.warns(RuntimeWarning, match="no class"), pytest.raises(ValueError):
        service_for_file("x.odd")


def test_a_trajectory_finds_its_service_by_filename(tmp_path):
    traj = Trajectory("t", filename=str(tmp_path / "t.traj"))
    assert isinstance(traj.v_storage_service, ArchiveStorageService)
    with pytest.raises(ValueError, match="wheels"):
        Trajectory("t", filename=str(tmp_path / "t.traj"), wheels=4)


def test_the_lazy_service_swallows_everything():
    traj = Trajectory("t", storage_service=LazyStorageService)
    traj.f_add_parameter("x", 1)
    traj.f_store()
    traj.f_load(load_data=2)
    assert traj.v_stored
    assert not traj.v_storage_service.is_open
    assert not traj.v_storage_service.multiproc_safe
