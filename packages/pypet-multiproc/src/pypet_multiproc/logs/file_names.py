"""Names of log files: wildcards in them and the folders they need.

``$env``, ``$traj``, ``$run``, ``$set``, ``$proc`` and ``$host`` stand for names that differ
between processes. Only wildcards that occur are looked up, so a name without ``$run`` can be
completed without a trajectory.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from pypet_trajectory import constants
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.files import racedirs

#: A string in a handler's arguments that contains one of these is a file name.
FILENAME_INDICATORS = frozenset(
    {
        constants.LOG_ENV,
        constants.LOG_TRAJ,
        constants.LOG_RUN,
        constants.LOG_SET,
        constants.LOG_PROC,
        constants.LOG_HOST,
        ".log",
        ".txt",
    }
)


def is_file_name(text: str) -> bool:
    """Whether a string in a handler's arguments names a file."""
    return any(indicator in text for indicator in FILENAME_INDICATORS)


def get_strings(args: str) -> list[str]:
    """All string literals in an expression such as ``"('a.log', 'w')"``, in their order.

    Raises
    ------
    SyntaxError
        If `args` is no Python expression.
    """
    literals = [
        node
        for node in ast.walk(ast.parse(args.strip(), mode="eval"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    literals.sort(key=lambda node: (node.lineno, node.col_offset))
    return [str(node.value) for node in literals]


def rename_log_file(
    filename: str,
    trajectory: Any = None,
    env_name: str | None = None,
    traj_name: str | None = None,
    set_name: str | None = None,
    run_name: str | None = None,
    process_name: str | None = None,
    host_name: str | None = None,
) -> str:
    """Replace the wildcards in the name of a log file.

    Parameters
    ----------
    filename : str
        A name with any of ``$env, $traj, $run, $set, $proc, $host``.
    trajectory : Trajectory, optional
        Gives the names that are not passed.
    env_name, traj_name, set_name, run_name : str, optional
        Names of the environment, the trajectory, the set of runs and the run.
    process_name : str, optional
        By default name and id of this process.
    host_name : str, optional
        By default the full name of this host with ``-`` for ``.``.

    Raises
    ------
    ValueError
        If a wildcard occurs for which there is neither a name nor a trajectory.
    """

    def from_trajectory(get: Callable[[Any], Any], wildcard: str) -> str:
        name = None if trajectory is None else get(trajectory)
        if name is None:
            raise PypetValueError(
                f"The log file `{filename}` contains `{wildcard}`, but there is no trajectory "
                "that tells its name. Pass a trajectory or the name itself."
            )
        return str(name)

    lookups: tuple[tuple[str, str | None, Callable[[], str]], ...] = (
        (
            constants.LOG_ENV,
            env_name,
            lambda: from_trajectory(lambda traj: traj.v_environment_name, constants.LOG_ENV),
        ),
        (
            constants.LOG_TRAJ,
            traj_name,
            lambda: from_trajectory(lambda traj: traj.v_name, constants.LOG_TRAJ),
        ),
        (
            constants.LOG_RUN,
            run_name,
            lambda: from_trajectory(lambda traj: traj.f_wildcard("$"), constants.LOG_RUN),
        ),
        (
            constants.LOG_SET,
            set_name,
            lambda: from_trajectory(lambda traj: traj.f_wildcard("$set"), constants.LOG_SET),
        ),
        (constants.LOG_PROC, process_name, current_process_name),
        (constants.LOG_HOST, host_name, current_host_name),
    )
    for wildcard, name, look_up in lookups:
        if wildcard in filename:
            filename = filename.replace(wildcard, look_up() if name is None else name)
    return filename


def current_process_name() -> str:
    """Name and id of this process."""
    return f"{multiprocessing.current_process().name}-{os.getpid()}"


def current_host_name() -> str:
    """Full name of this host, with ``-`` for ``.``."""
    return socket.getfqdn().replace(".", "-")


def try_make_dirs(filename: str) -> None:
    """Create the folder of a file; a failure is reported on stderr only."""
    folder = os.path.dirname(filename)
    if not folder:
        return
    try:
        racedirs(folder)
    except Exception as exc:
        sys.stderr.write(f"Could not create the folder `{folder}` for log files: {exc}\n")
