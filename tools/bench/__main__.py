"""Run every workload under pypet 0.7.0 and under this library in turn, and print the table.

``hatch run bench`` measures all rows; ``--only pool_queue`` some; ``--json FILE`` keeps the
numbers. pypet 0.7.0 needs Python 3.12 and an environment of its own: name its interpreter with
``--reference`` or the variable ``PYPET07_PYTHON``; without one, this library is measured alone.

Times drift from machine to machine, so what counts is the ratio of two medians taken in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

WORKLOADS_FILE = Path(__file__).with_name("workloads.py")


@dataclass(frozen=True)
class Row:
    """One line of the table: a value of a workload, with the share of 0.7.0 it may take."""

    number: str
    title: str
    workload: str
    value: str
    runs: int
    #: Largest ratio to pypet 0.7.0 that meets the goal.
    goal: float
    unit: str = "ms"


_STORE = "explore_store_load"

ROWS = (
    Row("1", "serial, one scalar a run, per run", "serial_scalar", "per_run", 1000, 1 / 10),
    Row("2", "pool of 2, QUEUE, per run", "pool_queue", "per_run", 1000, 1 / 12),
    Row("3", "pool of 2, QUEUE, frozen, per run", "pool_queue_frozen", "per_run", 1000, 1 / 10),
    Row("4", "pool of 2, LOCK, per run", "pool_lock", "per_run", 1000, 1 / 8),
    Row("5", "pool of 2, LOCAL, per run", "pool_local", "per_run", 1000, 1 / 15),
    Row("6", "pool of 2, PIPE, per run", "pool_pipe", "per_run", 1000, 1 / 8),
    Row("7", "serial, scalar, array, list, dict, per run", "serial_mixed", "per_run", 1000, 1 / 6),
    Row("8", "loading all data after 1, per run", "load_data", "load_per_run", 1000, 1 / 4),
    Row("9", "loading the skeleton after 1, per run", "load_data", "skeleton_per_run", 1000, 1 / 4),
    Row("10", "file size after 1, per run", "serial_scalar", "bytes_per_run", 1000, 1.0, "kB"),
    Row("11", "f_get_from_runs('z')", "load_data", "from_runs", 1000, 1 / 4),
    Row("12", "traj.x", "natural_naming", "access", 1, 1 / 4, "µs"),
    Row(
        "13a", "f_explore, 100,000 runs, per run", _STORE, "explore_per_run", 100_000, 1 / 20, "µs"
    ),
    Row("13b", "f_explore, 10^6 runs, per run", _STORE, "explore_per_run", 1_000_000, 1 / 20, "µs"),
    Row(
        "14", "first f_store, 300,000 runs, per run", _STORE, "store_per_run", 300_000, 1 / 15, "µs"
    ),
    Row("15", "loading its meta data, per run", _STORE, "meta_per_run", 300_000, 1 / 20, "µs"),
    Row("16", "peak memory of 13 to 15", _STORE, "peak_bytes", 300_000, 1 / 4, "MB"),
    Row("17", "import pypet", "import_time", "import", 1, 1 / 4),
    Row("18", "environment and one empty run", "one_empty_run", "next", 20, 1 / 3),
    Row("19", "import, environment and one empty run", "one_empty_run", "first", 20, 1.0),
    Row("20", "f_store_item, file of 100 MB, per call", "store_items_large", "per_call", 300, 1.0),
)

_SCALES = {"ms": 1e3, "µs": 1e6, "kB": 1e-3, "MB": 1e-6}


def measure(python: str, workload: str, runs: int) -> dict[str, float]:
    """Run one workload in a process of its own; its log is shown only if it fails."""
    with tempfile.TemporaryDirectory(prefix="pypet-bench-") as folder:
        answer = subprocess.run(
            [python, "-W", "ignore", str(WORKLOADS_FILE), workload, folder, str(runs)],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
    if answer.returncode:
        raise RuntimeError(f"{workload} failed under {python}:\n{answer.stderr[-3000:]}")
    result: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return result


def medians(samples: list[dict[str, float]]) -> dict[str, float]:
    """Median of each value over the repetitions."""
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def show(value: float | None, unit: str) -> str:
    """A value in the unit of its row."""
    return "–" if value is None else f"{value * _SCALES[unit]:.3g} {unit}"


def main() -> None:
    """Measure, print the table, and write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="WORKLOAD")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, taken in turn")
    parser.add_argument("--reference", default=os.environ.get("PYPET07_PYTHON"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    rows = [row for row in ROWS if not options.only or row.workload in options.only]
    measured: dict[tuple[str, int], tuple[dict[str, float], dict[str, float]]] = {}
    for workload, runs in dict.fromkeys((row.workload, row.runs) for row in rows):
        ours, theirs = [], []
        for _ in range(options.repeat):
            ours.append(measure(sys.executable, workload, runs))
            if options.reference:
                theirs.append(measure(options.reference, workload, runs))
        measured[workload, runs] = medians(ours), medians(theirs) if theirs else {}
        print(f"measured {workload} with {runs} runs", file=sys.stderr)

    print("| # | workload | pypet 0.7.0 | here | ratio | goal | met |")
    print("|---|---|---|---|---|---|---|")
    table = []
    for row in rows:
        ours_values, their_values = measured[row.workload, row.runs]
        ours_value, their_value = ours_values[row.value], their_values.get(row.value)
        ratio = ours_value / their_value if their_value else None
        met = "" if ratio is None else "yes" if ratio <= row.goal else "**no**"
        print(
            f"| {row.number} | {row.title} | {show(their_value, row.unit)} "
            f"| {show(ours_value, row.unit)} | {'–' if ratio is None else f'1/{1 / ratio:.1f}'} "
            f"| 1/{1 / row.goal:.0f} | {met} |"
        )
        table.append({**asdict(row), "reference": their_value, "here": ours_value, "ratio": ratio})
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), "utf-8")


if __name__ == "__main__":
    main()
