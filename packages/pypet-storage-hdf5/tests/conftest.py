"""Trajectories on HDF5 files of a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pypet_storage_hdf5 import HDF5StorageService
from pypet_trajectory.trajectory import Trajectory


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file that does not exist yet, in a folder with spaces and umlauts."""
    return str(tmp_path / "Meßwerte und mehr" / "data.hdf5")


@pytest.fixture
def new(path: str) -> Callable[..., Trajectory]:
    """Makes a trajectory on the file; keywords go to the storage service."""

    def make(name: str = "traj", comment: str = "", **settings: Any) -> Trajectory:
        traj = Trajectory(name, comment=comment)
        traj.v_storage_service = HDF5StorageService(path, trajectory=traj, **settings)
        return traj

    return make


@pytest.fixture
def load(path: str) -> Callable[..., Trajectory]:
    """Loads a trajectory of the file with all data."""

    def make(name: str = "traj", load_data: int = 2, **keywords: Any) -> Trajectory:
        settings = {
            key: keywords.pop(key) for key in ("allow_pickle", "unknown_classes") if key in keywords
        }
        traj = Trajectory("loading", storage_service=HDF5StorageService(path, **settings))
        traj.f_load(name=name, load_data=load_data, **keywords)
        return traj

    return make
