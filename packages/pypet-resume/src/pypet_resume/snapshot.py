"""The experiment as it stood before its first run: one ``.ecnt`` file, written whole or not at all.

A snapshot holds what is needed to go on in another process: trajectory, run function, their
arguments and the post-processing. On disk it is one line of magic, a SHA-256 digest and a dill
pickle. Invariant: at any moment the file at the final path is absent, the old snapshot or the
new one, complete. Unlike a pickle on its own, a file that was cut or altered is recognised
before anything in it is unpickled.

The digest finds damage, not malice: a snapshot is a pickle, and resuming executes it. Resume
only from folders that no other user can write to.
"""

from __future__ import annotations

import hashlib
import os
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, Self

from pypet_trajectory.exceptions import PypetOSError, PypetRuntimeError, PypetTypeError
from pypet_trajectory.files import publish
from pypet_trajectory.logger import module_logger

#: Begins every snapshot; the digit is the number of the format.
MAGIC = b"pypet snapshot 1\n"
_DIGEST_SIZE = hashlib.sha256().digest_size

_logger = module_logger(__name__)


class NoSnapshotError(PypetOSError, FileNotFoundError):
    """There is no snapshot to resume from."""


class DamagedSnapshotError(PypetRuntimeError):
    """A snapshot file is cut, altered, or none at all."""


@dataclass(slots=True)
class ExperimentSnapshot:
    """What an experiment consists of, apart from the runs already done."""

    #: The trajectory, with its storage service.
    trajectory: Any
    #: The function that is called for every run.
    runfunc: Callable[..., Any]
    #: Its arguments besides the trajectory.
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: The post-processing function, if any, and its arguments.
    postproc: Callable[..., Any] | None = None
    postproc_args: tuple[Any, ...] = ()
    postproc_kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: Value of ``trajectory.v_full_copy`` to go on with.
    full_copy: bool = False
    #: Seconds since the epoch when the experiment began.
    start_timestamp: float = 0.0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the snapshot; what was at `path` is replaced in one step.

        Raises
        ------
        PypetTypeError
            If something in the snapshot cannot be pickled; names the field.
        OSError
            If the file cannot be written; a snapshot that was there before is still there.

        Notes
        -----
        If the process dies on the way, ``<path>.tmp`` may be left over; the next save uses the
        same name. Once this returns, the snapshot survives a power failure.
        """
        # Plain dictionaries of fields, so that a snapshot does not depend on this class.
        content = {each.name: getattr(self, each.name) for each in fields(self)}
        payload = _pickled(content)

        def write(file: BinaryIO) -> None:
            file.write(MAGIC)
            file.write(hashlib.sha256(payload).digest())
            file.write(payload)

        write_atomically(path, write)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a snapshot; functions of the running script are taken from it, live.

        Raises
        ------
        NoSnapshotError
            If there is no file.
        DamagedSnapshotError
            If the file is not what :meth:`save` wrote.
        PypetRuntimeError
            If the file is whole, but something in it cannot be rebuilt here, for instance
            because a module is missing.
        """
        payload = _verified_payload(Path(path))
        content = _unpickled(payload, Path(path))
        known = {each.name for each in fields(cls)}
        return cls(**{name: live(value) for name, value in content.items() if name in known})


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], None]) -> None:
    """Let `write` fill a file that appears at `path` only when it is complete and durable.

    Crash story: until the rename the old file is untouched; after it the new one is complete,
    since its data was synchronised before. Synchronising the folder makes the rename durable.

    Raises
    ------
    OSError
        If the file cannot be written or renamed; `path` is as it was.
    """
    target = Path(path)
    temporary = target.with_name(target.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        publish(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def live(value: Any) -> Any:
    """Replace functions rebuilt from a pickle by those of the same name in the running script.

    dill rebuilds a function of the main script by value; such a copy cannot be pickled again by
    reference, which worker processes need. Looks at functions, and into tuples, lists and
    dictionaries.
    """
    if isinstance(value, types.FunctionType):
        return _live_function(value)
    if type(value) in (tuple, list):
        return type(value)(live(each) for each in value)
    if type(value) is dict:
        return {key: live(each) for key, each in value.items()}
    return value


def _live_function(function: types.FunctionType) -> types.FunctionType:
    if function.__module__ != "__main__":
        return function
    found: Any = sys.modules.get("__main__")
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    if not isinstance(found, types.FunctionType) or found is function:
        return function
    if found.__code__.co_code != function.__code__.co_code:
        _logger.warning(
            "The function `%s` differs from the one the experiment was started with; the runs "
            "that are left use the new one.",
            function.__qualname__,
        )
    return found


def _pickled(content: Mapping[str, Any]) -> bytes:
    import dill

    try:
        return bytes(dill.dumps(content, protocol=dill.HIGHEST_PROTOCOL))
    except Exception as error:
        culprit = _unpicklable_field(content)
        raise PypetTypeError(
            "A snapshot for resuming must be picklable, but "
            f"{culprit} is not ({type(error).__name__}: {error}). Open files, locks and "
            "connections inside the run function, or set resumable=False."
        ) from error


def _unpicklable_field(content: Mapping[str, Any]) -> str:
    """The first field that cannot be pickled by itself, in words."""
    import dill

    for name, value in content.items():
        try:
            dill.dumps(value, protocol=dill.HIGHEST_PROTOCOL)
        except Exception:
            return f"`{name}` (a {type(value).__name__})"
    return "the combination of its fields"


def _verified_payload(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NoSnapshotError(
            f"Resuming needs the snapshot '{path}', and there is none. Was the experiment "
            "started with resumable=True, and are resume folder and trajectory name the same?"
        ) from None
    header = len(MAGIC) + _DIGEST_SIZE
    if not data.startswith(MAGIC) or len(data) < header:
        raise DamagedSnapshotError(
            f"'{path}' ({len(data)} bytes) does not begin as a snapshot of this version does. "
            "Snapshots of pypet 0.7 cannot be resumed; finish them with pypet 0.7."
        )
    digest, payload = data[len(MAGIC) : header], data[header:]
    if hashlib.sha256(payload).digest() != digest:
        raise DamagedSnapshotError(
            f"The checksum of '{path}' ({len(data)} bytes) does not match: the file was cut or "
            "altered. The results in the storage file are not affected: load the trajectory and "
            "run what is left in a new environment."
        )
    return payload


def _unpickled(payload: bytes, path: Path) -> dict[str, Any]:
    import dill

    try:
        content: dict[str, Any] = dill.loads(payload)
    except Exception as error:
        raise PypetRuntimeError(
            f"The snapshot '{path}' is whole, but cannot be rebuilt here "
            f"({type(error).__name__}: {error}). Are all modules of the experiment importable, "
            "in the versions it was started with?"
        ) from error
    return content
