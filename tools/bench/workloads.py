"""The workloads of the benchmark. This very file runs under pypet 0.7.0 and under this library.

Called as ``python workloads.py NAME FOLDER RUNS``, it prints one JSON object with the measured
values, in seconds or bytes. It therefore uses what both libraries share, and nothing else.
"""

import json
import logging
import os
import resource
import sys
import time
import timeit


def _scalar(traj):
    traj.f_add_result("$set.$.z", traj.x * 2, comment="twice x")


def _mixed(traj):
    import numpy as np

    rng = np.random.default_rng(traj.v_idx)
    traj.f_add_result("$set.$.z", traj.x * 2, comment="twice x")
    traj.f_add_result("$set.$.noise", rng.random(1000), comment="white noise")
    traj.f_add_result("$set.$.several", [1, 2, 3], {"a": 1, "b": 2.5}, comment="list and dict")


def _file(folder):
    return os.path.join(folder, "bench.hdf5")


def _run(folder, runs, job, **settings):
    from pypet import Environment

    env = Environment(
        trajectory="bench",
        filename=_file(folder),
        overwrite_file=True,
        log_folder=os.path.join(folder, "logs"),
        report_progress=False,
        **settings,
    )
    traj = env.trajectory
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(runs))})
    start = time.perf_counter()
    env.run(job)
    seconds = time.perf_counter() - start
    env.disable_logging()
    return {"per_run": seconds / runs}


def serial_scalar(folder, runs):
    """Rows 1 and 10."""
    values = _run(folder, runs, _scalar)
    return {**values, "bytes_per_run": os.path.getsize(_file(folder)) / runs}


def serial_mixed(folder, runs):
    """Row 7."""
    return _run(folder, runs, _mixed)


def _pool(folder, runs, wrap_mode, freeze=False):
    return _run(
        folder,
        runs,
        _scalar,
        multiproc=True,
        use_pool=True,
        ncores=2,
        wrap_mode=wrap_mode,
        freeze_input=freeze,
    )


def pool_queue(folder, runs):
    """Row 2."""
    return _pool(folder, runs, "QUEUE")


def pool_queue_frozen(folder, runs):
    """Row 3."""
    return _pool(folder, runs, "QUEUE", freeze=True)


def pool_lock(folder, runs):
    """Row 4."""
    return _pool(folder, runs, "LOCK")


def pool_local(folder, runs):
    """Row 5."""
    return _pool(folder, runs, "LOCAL")


def pool_pipe(folder, runs):
    """Row 6."""
    return _pool(folder, runs, "PIPE")


def load_data(folder, runs):
    """Rows 8, 9 and 11, on a file written before anything is timed."""
    from pypet import load_trajectory

    _run(folder, runs, _scalar)
    start = time.perf_counter()
    traj = load_trajectory(name="bench", filename=_file(folder), load_data=2)
    loaded = time.perf_counter()
    traj.f_get_from_runs("z", fast_access=True)
    collected = time.perf_counter()
    load_trajectory(name="bench", filename=_file(folder), load_data=1)
    skeleton = time.perf_counter() - collected
    return {
        "load_per_run": (loaded - start) / runs,
        "skeleton_per_run": skeleton / runs,
        "from_runs": collected - loaded,
    }


def natural_naming(folder, runs):
    """Row 12."""
    from pypet import Trajectory

    traj = Trajectory("bench")
    for index in range(20):
        traj.f_add_parameter(f"group_{index}.parameter", index)
    traj.f_add_parameter("x", 1)
    number = 20000
    return {"access": min(timeit.repeat(lambda: traj.x, number=number, repeat=5)) / number}


def explore_store_load(folder, runs):
    """Rows 13 to 16."""
    from pypet import Trajectory, load_trajectory

    traj = Trajectory("bench", filename=_file(folder), overwrite_file=True)
    traj.f_add_parameter("x", 0)
    values = list(range(runs))
    start = time.perf_counter()
    traj.f_explore({"x": values})
    explored = time.perf_counter()
    del values
    traj.f_store()
    stored = time.perf_counter()
    load_trajectory(name="bench", filename=_file(folder), load_data=0)
    loaded = time.perf_counter()
    return {
        "explore_per_run": (explored - start) / runs,
        "store_per_run": (stored - explored) / runs,
        "meta_per_run": (loaded - stored) / runs,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _nothing(traj):
    return None


def one_empty_run(folder, runs):
    """Rows 18 and 19: everything around a run that does nothing, logging included.

    The first experiment of a process also imports and sets up what later ones find there.
    """
    start = time.perf_counter()
    from pypet import Environment

    seconds = []
    for number in range(runs):
        env = Environment(
            trajectory=f"bench_{number}",
            filename=os.path.join(folder, f"bench_{number}.hdf5"),
            log_folder=os.path.join(folder, "logs"),
            report_progress=False,
        )
        env.trajectory.f_add_parameter("x", 0)
        env.trajectory.f_explore({"x": [1]})
        env.run(_nothing)
        env.disable_logging()
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    return {"first": seconds[0], "next": sorted(seconds[1:])[len(seconds) // 2]}


def store_items_large(folder, runs):
    """Row 20: single store calls outside of experiments, each on a file of 100 MB."""
    import numpy as np

    from pypet import Trajectory

    traj = Trajectory("bench", filename=_file(folder), overwrite_file=True)
    for number in range(25):
        values = np.random.default_rng(number).random(625_000)
        traj.f_add_result(f"large.r{number}", values, comment="white noise")
    traj.f_store()
    start = time.perf_counter()
    for number in range(runs):
        traj.f_add_result(f"small.r{number}", number, comment="small")
        traj.f_store_item(f"small.r{number}")
    return {"per_call": (time.perf_counter() - start) / runs}


def import_time(folder, runs):
    """Row 17; the import is the first thing this process does after starting Python."""
    start = time.perf_counter()
    import numpy  # noqa: F401

    numpy_alone = time.perf_counter()
    import pypet  # noqa: F401

    return {"import": time.perf_counter() - start, "numpy": numpy_alone - start}


WORKLOADS = {
    workload.__name__: workload
    for workload in (
        serial_scalar,
        pool_queue,
        pool_queue_frozen,
        pool_lock,
        pool_local,
        pool_pipe,
        serial_mixed,
        load_data,
        natural_naming,
        explore_store_load,
        one_empty_run,
        store_items_large,
        import_time,
    )
}


if __name__ == "__main__":
    logging.raiseExceptions = False
    name, folder, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    print(json.dumps(WORKLOADS[name](folder, runs)))
