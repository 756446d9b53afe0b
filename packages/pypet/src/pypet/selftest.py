"""A check of an installation: the same small experiment, executed in every way of one machine.

:func:`check_installation` answers whether pypet works *here*, with this operating system, file
system and versions of other packages. The test suites of the distributions, which show that the
code is right, are in the repository.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

#: Ways to execute runs, as arguments of an environment.
WAYS: dict[str, dict[str, Any]] = {
    "one process": {},
    "process per run": {"multiproc": True, "ncores": 2},
    "pool": {"multiproc": True, "ncores": 2, "use_pool": True},
    "frozen pool": {"multiproc": True, "ncores": 2, "use_pool": True, "freeze_input": True},
}
WRAP_MODES = ("LOCK", "QUEUE", "LOCAL")
_POINTS = [1, 2, 3, 4]


def square(traj: Any) -> int:
    """The run function: stores and returns the square of the explored parameter."""
    value = int(traj.x) ** 2
    traj.f_add_result("$.square", value, comment="Square of x")
    return value


def check_installation(
    folder: str | None = None,
    remove: bool = True,
    predicate: Callable[[str, str, tuple[str, ...]], bool] | None = None,
    verbose: bool = True,
) -> bool:
    """Execute a small experiment in every way and compare what comes back and what is stored.

    Parameters
    ----------
    folder : str, optional
        Where files are made; a temporary folder by default.
    remove : bool
        Whether to remove what was made: the temporary folder, or the folders made in `folder`.
    predicate : callable, optional
        Says which ways to try. Gets ``'selftest'``, the name of a way and its words, which stand
        for class, method and tags of a test in pypet 0.7.
    verbose : bool
        Whether to print one line for each way.

    Returns
    -------
    bool
        Whether everything worked.
    """
    if folder is None:
        folder = tempfile.mkdtemp(prefix="pypet_test_")
        try:
            return check_installation(folder, remove, predicate, verbose)
        finally:
            if remove:
                shutil.rmtree(folder)
    works = True
    ways = itertools.product(WAYS.items(), WRAP_MODES)
    for number, ((way, arguments), wrap_mode) in enumerate(ways):
        if not arguments and wrap_mode != WRAP_MODES[0]:
            continue
        name = f"{way}, {wrap_mode}" if arguments else way
        if predicate is not None:
            words = (*way.split(), *([wrap_mode] if arguments else ()))
            if not predicate("selftest", name, words):
                continue
        place = os.path.join(folder, f"{number}")
        problem = _problem_with(place, arguments, wrap_mode)
        if remove:
            shutil.rmtree(place, ignore_errors=True)
        works = works and not problem
        if verbose:
            print(f"{name:26} {problem or 'works'}")
    return works


#: The name it has in the package.
test = check_installation


def _problem_with(folder: str, arguments: dict[str, Any], wrap_mode: str) -> str:
    """What goes wrong in one way of execution, the empty text if nothing does."""
    from pypet import Environment, load_trajectory

    filename = os.path.join(folder, "selftest.hdf5")
    expected = [value**2 for value in _POINTS]
    try:
        env = Environment(
            "selftest",
            filename=filename,
            overwrite_file=True,
            log_config=None,
            report_progress=False,
            wrap_mode=wrap_mode,
            **arguments,
        )
        env.trajectory.f_add_parameter("x", 0)
        env.trajectory.f_explore({"x": _POINTS})
        returned = [result for _, result in env.run(square)]
        if returned != expected:
            return f"runs returned {returned} instead of {expected}"
        loaded = load_trajectory("selftest", filename=filename, load_data=2)
        squares = loaded.f_get_from_runs("square", fast_access=True)
        stored = [int(value) for value in squares.values()]
        if stored != expected:
            return f"the file holds {stored} instead of {expected}"
    except Exception as error:
        # Whatever it is, the answer is that this way does not work here, and why.
        return f"{type(error).__name__}: {error}"
    return ""
