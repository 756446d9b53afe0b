"""Runs under pypet 0.7: loads each file whose path it reads, and says how many runs are completed.

``loop FILE`` loads one file again and again until there is something to read.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
import warnings

warnings.simplefilter("ignore")

import tables  # noqa: E402

from pypet import load_trajectory  # noqa: E402

logging.disable(logging.CRITICAL)


def completed_runs(filename: str) -> dict[str, int]:
    """Load every trajectory of the file with all data; how many runs of each are completed."""
    with tables.open_file(filename) as file:
        names = [group._v_name for group in file.root]
    found = {}
    for name in names:
        traj = load_trajectory(name, filename=filename, load_all=2, force=True)
        runs = traj.f_get_run_information(copy=False).values()
        found[name] = sum(run["completed"] for run in runs)
    return found


def main() -> None:
    """Answer each line with one of JSON."""
    print("ready", flush=True)
    if sys.argv[1:2] == ["loop"]:
        count, last = 0, 0
        while not select.select([sys.stdin], [], [], 0)[0]:
            if os.path.exists(sys.argv[2]):
                now = sum(completed_runs(sys.argv[2]).values())
                assert now >= last, (now, last)
                count, last = count + 1, now
        print(count, last, 0, flush=True)
        return
    for line in sys.stdin:
        try:
            answer: object = completed_runs(line.rstrip("\n"))
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)


main()
