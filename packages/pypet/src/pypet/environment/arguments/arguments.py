"""What an environment is given, checked before anything is created.

:class:`EnvironmentArguments` holds every argument of ``Environment(...)`` under its own name
and with the values that follow from others filled in. Checking has no side effects: a caller
that misuses the constructor finds no folder, no log file, no commit and no half-made trajectory.
First each argument must be of its own kind, then all of them must fit together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pypet.environment.arguments.packages import optional_package
from pypet.environment.arguments.rules import RULES
from pypet.environment.arguments.types import cap_and_estimate, check_types
from pypet_trajectory import constants


@dataclass(frozen=True)
class EnvironmentArguments:
    """Arguments of an environment, one field each; see :class:`Environment` for meanings."""

    trajectory: Any
    add_time: bool
    comment: str
    dynamic_imports: Any
    wildcard_functions: Any
    automatic_storing: bool
    log_config: Any
    log_stdout: Any
    report_progress: Any
    multiproc: bool
    ncores: int
    use_scoop: bool
    use_pool: bool
    freeze_input: bool
    timeout: float | None
    cpu_cap: float
    memory_cap: Any
    swap_cap: float
    niceness: int | None
    wrap_mode: str
    queue_maxsize: int
    port: Any
    gc_interval: int | None
    clean_up_runs: bool
    immediate_postproc: bool
    resumable: bool
    resume_folder: str | None
    delete_resume: bool
    storage_service: Any
    git_repository: str | None
    git_message: str
    git_fail: bool
    sumatra_project: str | None
    sumatra_reason: str
    sumatra_label: str | None
    do_single_runs: bool
    graceful_exit: bool
    lazy_debug: bool
    on_run_error: str | None
    retries: int
    run_timeout: float | None
    start_method: str | None
    executor: Any
    limit_threads: bool

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> EnvironmentArguments:
        """Check arguments and fill in what follows from them.

        Parameters
        ----------
        given : mapping
            Argument names to values; names that are no fields are ignored.

        Raises
        ------
        EnvironmentArgumentError, EnvironmentArgumentTypeError
            At the first rule that is broken; both also are the built-in error of their name.
        """
        values = {field.name: given[field.name] for field in fields(cls)}
        check_types(values)
        if values["wrap_mode"] is None:
            values["wrap_mode"] = constants.WRAP_MODE_NONE
        values["memory_cap"] = cap_and_estimate(values["memory_cap"])
        arguments = cls(**values)
        for rule in RULES:
            rule(arguments)
        return arguments._resolved()

    def _resolved(self) -> EnvironmentArguments:
        """With counts and folders in place of the values that stand for "you choose"."""
        ncores = self.ncores
        if ncores == 0:
            ncores = optional_package("psutil").cpu_count()
        queue_maxsize = 2 * ncores if self.queue_maxsize == -1 else self.queue_maxsize
        resume_folder = self.resume_folder
        if self.resumable and resume_folder is None:
            resume_folder = os.path.join(os.getcwd(), "resume")
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values.update(ncores=ncores, queue_maxsize=queue_maxsize, resume_folder=resume_folder)
        return EnvironmentArguments(**values)


#: Names of the arguments, as callers write them.
ARGUMENT_NAMES = frozenset(field.name for field in fields(EnvironmentArguments))
