"""A disk that fills up while data is stored: a limit on the size of files stands for it."""

from __future__ import annotations

import errno
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import HDF5StorageService, StorageContextManager
from pypet_storage_hdf5.safety import write_errors
from pypet_trajectory import Trajectory, load_trajectory
from pypet_trajectory.exceptions import PypetOSError, StorageFailedError

resource = pytest.importorskip("resource")


@contextmanager
def files_of_at_most(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Experiment:
    """A trajectory with old results, and as many new ones as the disk takes."""

    def __init__(self, path):
        self.path = path
        self.traj = Trajectory("t", storage_service=HDF5StorageService(str(path)), add_time=False)
        for number in range(5):
            self.traj.f_add_result(f"old{number}", np.arange(100.0))
        self.traj.f_store()
        self.confirmed = []

    def fill(self, room, held=False, in_thread=False):
        """Store until `room` bytes more are taken, and return what is raised then.

        With `held` the file is open all the time; with `in_thread` another thread than the one
        that opened it stores.
        """
        around = StorageContextManager(self.traj) if held else nullcontext()
        try:
            with (
                files_of_at_most(self.path.stat().st_size + room),
                around,
                ThreadPoolExecutor(1) as pool,
            ):
                for number in range(room):
                    if in_thread:
                        pool.submit(self.store, number).result()
                    else:
                        self.store(number)
        except PypetOSError as error:
            return error
        return None

    def store(self, number):
        self.traj.f_add_result(f"new{number}", np.random.default_rng(number).random(100))
        self.traj.f_store_item(f"new{number}")
        self.confirmed.append(number)

    def assert_complete(self):
        loaded = load_trajectory("t", filename=str(self.path), load_data=2)
        for number in range(5):
            assert np.array_equal(loaded.f_get(f"old{number}").f_get(0), np.arange(100.0))
        for number in self.confirmed:
            expected = np.random.default_rng(number).random(100)
            assert np.array_equal(loaded.f_get(f"new{number}").f_get(0), expected)


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path / "f.hdf5")


def test_the_error_says_what_is_the_matter_and_where(experiment):
    error = experiment.fill(20_000)
    assert isinstance(error, StorageFailedError)
    assert error.errno == errno.EFBIG
    assert "Make space" in str(error)


@pytest.mark.parametrize("room", range(1_000, 60_000, 7_919))
@pytest.mark.parametrize(("held", "in_thread"), [(False, False), (True, False), (True, True)])
def test_nothing_that_was_confirmed_is_lost_and_storing_goes_on_when_there_is_space(
    experiment, room, held, in_thread
):
    assert experiment.fill(room, held, in_thread) is not None
    experiment.assert_complete()
    experiment.store(1_000_000)
    experiment.assert_complete()


def test_without_hdf5s_own_reports_a_file_that_is_too_short_is_noticed(experiment, monkeypatch):
    monkeypatch.setattr(write_errors, "CAN_LISTEN", False)
    monkeypatch.setattr(write_errors, "refused", lambda since, path: None)
    assert experiment.fill(20_000) is not None
    experiment.assert_complete()


def write_more_than_fits(path):
    with files_of_at_most(8_000), tables.open_file(path, "w") as file:
        file.create_carray("/", "data", obj=np.random.default_rng(0).random(1_000)).close()
        file.flush()


@pytest.fixture
def heard():
    yield write_errors.listen()
    write_errors.stop()


@pytest.mark.parametrize("name", ["f.hdf5", "müller's (new) – 実験.hdf5"])
def test_a_refused_write_is_heard_where_pytables_says_nothing(tmp_path, heard, name):
    path = str(tmp_path / name)
    write_more_than_fits(path)
    assert write_errors.refused(heard, path).errno == errno.EFBIG
    assert write_errors.refused(write_errors.so_far(), path) is None


def test_storing_and_loading_report_nothing(experiment, heard):
    # Each report takes time, and memory until the file is closed.
    experiment.store(0)
    experiment.assert_complete()
    assert write_errors.so_far() == heard


def test_what_fails_for_other_reasons_is_no_refused_write(tmp_path, heard):
    path = tmp_path / "f.hdf5"
    path.write_bytes(b"no HDF5")
    with pytest.raises(tables.HDF5ExtError):
        tables.open_file(str(path))
    assert write_errors.so_far() > heard
    assert write_errors.refused(heard, str(path)) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork here.")
def test_a_forked_process_does_not_report_to_its_parent(tmp_path, heard):
    path = str(tmp_path / "f.hdf5")
    child = multiprocessing.get_context("fork").Process(target=write_more_than_fits, args=(path,))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert write_errors.refused(heard, path) is None
