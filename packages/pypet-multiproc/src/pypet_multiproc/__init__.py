"""Runs of a numerical experiment, in parallel on one machine.

>>> from pypet_trajectory import Trajectory
>>> traj = Trajectory("squares")
>>> _ = traj.f_add_parameter("x", 1)
>>> traj.f_explore({"x": [1, 2, 3]})
>>> engine = RunEngine(EngineSettings(automatic_storing=False))
>>> outcomes = engine.run(Experiment(traj, lambda traj: traj.x**2), map(RunTask, range(3)))
>>> [outcome.result for outcome in outcomes]
[1, 4, 9]
"""

from pypet_multiproc.engine import RunEngine
from pypet_multiproc.engine.context import MultiprocContext
from pypet_multiproc.logs.manager import LoggingManager
from pypet_multiproc.model.experiment import Experiment, RunOutcome, RunTask
from pypet_multiproc.model.failures import (
    ResultNotPicklableError,
    RunError,
    RunLostError,
    RunTimeoutError,
    StoringFailedError,
    WorkerStartError,
    WriterDiedError,
)
from pypet_multiproc.model.serialization import NotPicklableError
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.processes.interrupt import sigint_handling
from pypet_multiproc.progress.report import progressbar
from pypet_multiproc.wrapping.base import WrapMode, WrapSettings

__all__ = [
    "EngineSettings",
    "Experiment",
    "LoggingManager",
    "MultiprocContext",
    "NotPicklableError",
    "ResultNotPicklableError",
    "RunEngine",
    "RunError",
    "RunLostError",
    "RunOutcome",
    "RunTask",
    "RunTimeoutError",
    "StoringFailedError",
    "WorkerStartError",
    "WrapMode",
    "WrapSettings",
    "WriterDiedError",
    "progressbar",
    "sigint_handling",
]
