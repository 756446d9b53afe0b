"""A process that loads damaged files one after the other, with little memory.

``python -m tests.faults.fuzzing SAMPLE FOLDER FIRST LAST`` tells each seed before it is tried; so
if this process crashes, the one that started it knows with which file.
"""

from __future__ import annotations

import logging
import os
import random
import resource
import sys
import traceback
import warnings
from pathlib import Path

from pypet import load_trajectory
from pypet_storage_hdf5 import HDF5StorageService, check_hdf5_file
from pypet_trajectory.exceptions import PypetError
from pypet_trajectory.testing.damage import mutated

#: Bytes that loading a damaged file may take beside what the process has.
MEMORY = 1 << 30


def _used() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def try_to_load(path: Path) -> str:
    """Load all trajectories of a file and check it; what was raised besides documented errors."""
    try:
        service = HDF5StorageService(str(path), allow_pickle=False)
        for name in service.trajectory_names():
            service = HDF5StorageService(str(path), allow_pickle=False, unknown_classes="generic")
            load_trajectory(name, load_data=2, storage_service=service)
    except PypetError:
        pass
    except BaseException:
        return traceback.format_exc()
    try:
        check_hdf5_file(path)
    except PypetError:
        pass
    except BaseException:
        return traceback.format_exc()
    return ""


def main() -> None:
    """Try seeds from the first to before the last."""
    sample, folder, first, last = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    content = sample.read_bytes()
    path = folder / f"damaged{sample.suffix}"
    path.write_bytes(content)
    try_to_load(path)  # imports what it needs
    limit = _used() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for seed in range(first, last):
        path.write_bytes(mutated(content, random.Random(seed)))
        print(f"seed {seed}", flush=True)
        problem = try_to_load(path)
        if problem:
            print("\n".join(f"problem {line}" for line in problem.splitlines()), flush=True)


if __name__ == "__main__":
    main()
