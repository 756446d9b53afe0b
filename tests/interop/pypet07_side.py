"""Runs under pypet 0.7: ``read FILE`` prints what is in the file, ``extend FILE`` adds to it."""

from __future__ import annotations

import json
import sys
import warnings

warnings.simplefilter("ignore")

import logging  # noqa: E402

from description import describe  # noqa: E402

from pypet import ArrayParameter, PickleParameter, SparseParameter, load_trajectory  # noqa: E402

logging.disable(logging.CRITICAL)


def main(what: str, filename: str) -> None:
    """Carry out one request on the trajectory called ``traj``."""
    traj = load_trajectory(
        "traj",
        filename=filename,
        load_all=2,
        force=True,
        dynamic_imports=[ArrayParameter, PickleParameter, SparseParameter],
    )
    if what == "extend":
        traj.f_expand(
            {name.rpartition(".")[2]: [7, 8] for name in sorted(traj.f_get_explored_parameters())}
        )
        traj.f_add_result("added.by_pypet07", 42, text="old", comment="from pypet 0.7")
        traj.f_store()
    print("\n" + json.dumps(describe(traj)))


main(*sys.argv[1:])
