"""Turning whatever ended a run into data that any process can read.

A :class:`~pypet_trajectory.api.records.RunFailure` is plain text and always travels. The
exception object itself travels as well if it survives pickling; a caller who catches
``MyError`` around the engine then gets a ``MyError``, whose cause shows the traceback of the
process it came from.
"""

from __future__ import annotations

import pickle
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

from pypet_multiproc.model.serialization import dumps
from pypet_trajectory.api.records import RunFailure
from pypet_trajectory.exceptions import PypetRuntimeError, StorageFailedError

FAILED = "failed"
LOST = "lost"
TIMED_OUT = "timed_out"


class RunError(PypetRuntimeError):
    """A run failed with an exception that could not be brought to this process."""


class RunLostError(PypetRuntimeError):
    """The process of a run ended before the run did."""


class RunTimeoutError(PypetRuntimeError, TimeoutError):
    """A run took longer than ``run_timeout``."""


class StoringFailedError(PypetRuntimeError):
    """A run completed, but storing its data did not."""


class WriterDiedError(PypetRuntimeError):
    """The process that writes the data of all runs has ended."""


class WorkerStartError(PypetRuntimeError):
    """Worker processes end before they can run anything."""


class ResultNotPicklableError(PypetRuntimeError, pickle.PicklingError):
    """What a run returned cannot be sent to the main process."""


class RemoteTraceback(Exception):
    """Shows the traceback of another process as the cause of an exception."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)

    def __str__(self) -> str:
        return f"\n\n{self.text.rstrip()}"


def describe(exception: BaseException, status: str = FAILED, attempts: int = 1) -> RunFailure:
    """The failure record of an exception that is being handled."""
    return RunFailure(
        status=status,
        exception=type(exception).__name__,
        message=_text(exception),
        traceback="".join(traceback.format_exception(exception)),
        attempts=attempts,
        host=socket.gethostname(),
        timestamp=time.time(),
    )


def _text(exception: BaseException) -> str:
    """What an exception says; one that fails to do so must not hide that a run failed."""
    try:
        return str(exception)
    except Exception as exc:
        return f"(its text cannot be shown because of a {type(exc).__name__})"


def lost(cause: str, explanation: str, attempts: int = 1, status: str = LOST) -> RunFailure:
    """The failure record of a run whose process is gone.

    Parameters
    ----------
    cause : str
        Short name of what happened, for instance ``'exit code -9'``.
    explanation : str
        One sentence for the user.
    attempts : int
        How often the run was tried.
    status : str
        ``'lost'`` or ``'timed_out'``.
    """
    return RunFailure(
        status=status,
        exception=cause,
        message=explanation,
        traceback="",
        attempts=attempts,
        host=socket.gethostname(),
        timestamp=time.time(),
    )


def reason(failure: RunFailure) -> str:
    """What happened, in one line of a log: the exception, and its message if it has one."""
    return f"{failure.exception}: {failure.message}" if failure.message else failure.exception


def portable(exception: BaseException) -> BaseException | None:
    """The exception if it comes out of pickling as what it was, else ``None``.

    Exceptions with unusual constructors pickle well and fail to unpickle, so both directions
    are tried here, where a failure does no harm. Exceptions that are not errors (``SystemExit``)
    stay where they are: a run that exits must not make the main process exit.
    """
    if not isinstance(exception, Exception):
        return None
    try:
        copy = pickle.loads(dumps(exception))
    except Exception:
        return None
    return exception if type(copy) is type(exception) else None


def exception_of(failure: RunFailure, idx: int, exception: BaseException | None) -> BaseException:
    """What to raise in the main process for a run that failed."""
    if exception is None:
        kind = {LOST: RunLostError, TIMED_OUT: RunTimeoutError}.get(failure.status, RunError)
        exception = kind(f"Run {idx}: {reason(failure)}")
    return with_remote_traceback(exception, failure)


def with_remote_traceback(exception: BaseException, failure: RunFailure | None) -> BaseException:
    """The exception, whose cause shows the traceback of `failure` if it was not raised here."""
    if failure is not None and failure.traceback and exception.__traceback__ is None:
        exception.__cause__ = RemoteTraceback(failure.traceback)
    return exception


def storage_failure(exception: BaseException | None) -> StorageFailedError | None:
    """The failed storage that an exception tells of: it is that error or was raised from it.

    What was merely being handled does not count: an experiment may be run again where the error
    of the run before is caught.
    """
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen:
        if isinstance(exception, StorageFailedError):
            return exception
        seen.add(id(exception))
        exception = exception.__cause__
    return None


class CleanUp(AbstractContextManager[None]):
    """Calls a function at the end of a ``with`` block; its error never hides one of the block.

    It is raised if the block ended without an error, and otherwise becomes a note of that one. A
    storage that has failed goes on failing, which is not said again.

    Parameters
    ----------
    action : callable
        What to call, however the block ends.

    Examples
    --------
    >>> try:
    ...     with CleanUp(lambda: [].pop()):
    ...         raise LookupError("first")
    ... except LookupError as error:
    ...     print(error, error.__notes__)
    first ['Meanwhile also: IndexError: pop from empty list']
    """

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, value: BaseException | None, trace: object) -> None:
        try:
            self._action()
        except Exception as error:
            # A generator that is closed while an error is on its way knows that as the context.
            first = value.__context__ if isinstance(value, GeneratorExit) else value
            if first is None:
                raise
            if not _is_known(error, first):
                first.add_note(f"Meanwhile also: {type(error).__name__}: {_text(error)}")


def _is_known(error: BaseException, first: BaseException) -> bool:
    """Whether an error says nothing new after another one."""
    if isinstance(error, StorageFailedError) and storage_failure(first) is not None:
        return True
    return error is first or (type(error) is type(first) and _text(error) == _text(first))


def explain_exit(exitcode: int | None) -> str:
    """What an exit code of a process says, with the usual reasons."""
    if exitcode is None:
        return "ended without an exit code"
    if exitcode == -9:
        return "was killed (SIGKILL); often the system ran out of memory"
    if exitcode == -11:
        return "crashed in compiled code (SIGSEGV)"
    if exitcode < 0:
        return f"was ended by signal {-exitcode}"
    return f"ended by itself with exit code {exitcode} (os._exit or a crash at exit)"
