"""Threads of one process that store and load at once, each its own file."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import numpy as np
import pytest

from pypet_storage_hdf5.h5.file import OpenFile
from pypet_storage_hdf5.overview.tables import create_table
from pypet_storage_hdf5.settings import Settings
from pypet_trajectory import Trajectory, load_trajectory

THREADS = 4


@pytest.fixture
def hasty_threads():
    """Threads that give up the interpreter's lock as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


# HDF5 holds a lock of its own, and threads that are stuck in it cannot be joined.
@pytest.mark.timeout(120, method="thread")
def test_threads_do_not_wait_for_each_other_for_ever(tmp_path, hasty_threads):
    barrier = Barrier(THREADS)

    def store_and_load(number):
        filename = str(tmp_path / f"{number}.hdf5")
        barrier.wait(60)
        traj = Trajectory("t", filename=filename, add_time=False)
        traj.f_store()
        for index in range(10):
            traj.f_add_result(f"r{index}", np.arange(100) * number, comment="c", pair=[index, 2])
            traj.f_store_item(f"r{index}")
        for index in range(10):
            loaded = load_trajectory("t", filename=filename, load_data=2)
            assert loaded.f_get(f"r{index}").f_get("pair") == [index, 2]
        return loaded.f_get("r9").f_get(0)

    with ThreadPoolExecutor(THREADS) as pool:
        for number, found in enumerate(pool.map(store_and_load, range(THREADS))):
            assert np.array_equal(found, np.arange(100) * number)


class Cycle:
    """Found by the garbage collector alone, which then lets other threads run."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        for _ in range(30):
            pass


@pytest.fixture
def busy_collector():
    before = gc.get_threshold()
    gc.set_threshold(5)
    yield
    gc.set_threshold(*before)


@pytest.mark.timeout(120, method="thread")
def test_tables_of_several_threads_are_described_one_at_a_time(
    tmp_path, hasty_threads, busy_collector
):
    """CPython 3.11.7 counts the depth of expressions for all threads together (gh-106905)."""
    barrier = Barrier(THREADS)

    def create_and_open(number, depth):
        if depth:  # the depths that are mixed up must differ
            return create_and_open(number, depth - 1)
        path = str(tmp_path / f"{number}.hdf5")
        with closing(OpenFile(path, writable=True, title="", settings=Settings())) as file:
            file.tables.create_group("/", "tables")
            barrier.wait(60)
            for index in range(300):
                Cycle()
                create_table(file, f"/tables/t{index}", np.dtype([("a", "S10"), ("b", "i8")]))
                Cycle()
                file.handles.node(f"/tables/t{index}").close()
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(create_and_open, range(THREADS), range(0, 3 * THREADS, 3)))
