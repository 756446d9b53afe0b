from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np

from pypet_trajectory.api.service import StorageService
from pypet_trajectory.storage.memory import InMemoryStorageService
from pypet_trajectory.testing.examples import loaded, stored_example
from pypet_trajectory.testing.storage import StorageServiceConformance
from pypet_trajectory.trajectory import Trajectory


class TestInMemoryStorageServiceConforms(StorageServiceConformance):
    keeps_any_object = True

    def new_store(self) -> Callable[[], StorageService]:
        first = InMemoryStorageService()
        return lambda: InMemoryStorageService(share_with=first)


def test_the_store_shares_no_arrays_with_trees():
    service = InMemoryStorageService()
    traj = Trajectory("t", storage_service=service)
    array = np.arange(3)
    traj.f_add_result("x", array)
    traj.f_store()
    array[0] = 99
    first = loaded(service, "t").x
    first[1] = 99
    assert loaded(service, "t").x.tolist() == [0, 1, 2]


def test_a_pickled_service_takes_its_trajectories_along():
    service = InMemoryStorageService()
    stored_example(service)
    twin = pickle.loads(pickle.dumps(service))
    assert loaded(twin, "example").noted.value == 7


def test_backups_are_stores_of_their_own():
    service = InMemoryStorageService()
    traj = stored_example(service)
    traj.f_backup(backup_filename="safe")
    assert list(service.backend.places) == ["safe"]
    assert service.trajectory_names() == ["example"]
