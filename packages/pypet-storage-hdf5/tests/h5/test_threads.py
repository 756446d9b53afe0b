"""Threads of one process that store and load at once, each its own file."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

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
