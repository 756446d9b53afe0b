"""The folder beside a file in which sessions work: who may write now, and whose session lives.

``exp.hdf5.session/`` holds ``lock``, ``alive``, the journal and the working copy. One process at a
time has the lock, shared by readers of the working copy. Every process that takes part in a session
of many calls shares ``alive`` as long as it lives, and so do the processes it forks; the kernel
takes it from those that are killed. So it is known of each folder whether its session goes on.

Invariant: a folder or file of that name that is not ours stays as it is; another name is taken
then. Unlike a process id in a file, a lock of the kernel cannot be left behind. Where there are no
such locks (Windows), no session counts as alive, and each opening starts from the journal.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import time
from collections import Counter
from contextlib import suppress

from pypet_storage_hdf5.safety.files import create, remove
from pypet_storage_hdf5.safety.turns import holders as holders_of_file
from pypet_trajectory.exceptions import PypetRuntimeError
from pypet_trajectory.logger import module_logger

if sys.platform != "win32":
    import fcntl
else:  # the lock of the folder is all there is
    fcntl = None
    import msvcrt

_logger = module_logger(__name__)

_SUFFIX = ".session"
_SIGNATURE = b"pypet session "
#: Between two attempts to get the lock, seconds; and after how many the log says who has it.
_PAUSE, _SAYS_SO_AFTER = 0.002, 2.0
#: A working copy between two openings; the number is the end of the journal it agrees with.
_REST = "rest-"


class FolderLockedError(PypetRuntimeError):
    """Another process, or another part of this one, works in the folder; says which."""


class SessionFolder:
    """The folder of one file, locked by this object until `unlock`.

    Made by `locked`.

    Parameters
    ----------
    path : str
        The folder.
    descriptor : int
        The open lock file, which is locked.
    token : str
        Identifies the session.
    """

    def __init__(self, path: str, descriptor: int, token: str) -> None:
        self.path = path
        self.token = token
        self._descriptor = descriptor
        self._key = path, os.getpid()
        _held[self._key] += 1

    @property
    def journal(self) -> str:
        """What was written since the last checkpoint."""
        return os.path.join(self.path, "journal")

    @property
    def working(self) -> str:
        """The working copy while it is being written."""
        return os.path.join(self.path, "writing.hdf5")

    def rest(self, end: int) -> str:
        """The working copy between two openings, which agrees with the journal up to `end`."""
        return os.path.join(self.path, f"{_REST}{end}.hdf5")

    def found_rest(self) -> tuple[str, int] | None:
        """The working copy that an earlier opening left complete, and the end of its journal."""
        for name in os.listdir(self.path):
            end = name.removeprefix(_REST).removesuffix(".hdf5")
            if name.startswith(_REST) and end.isdigit():
                return os.path.join(self.path, name), int(end)
        return None

    def discard_working(self) -> None:
        """Remove working copies, whatever state they are in."""
        remove(self.working)
        rest = self.found_rest()
        if rest is not None:
            remove(rest[0])

    # ------------------------------------------------------------- who lives

    @property
    def is_there(self) -> bool:
        """Whether the folder was not dissolved."""
        return self._descriptor >= 0

    def is_alive(self) -> bool:
        """Whether a process that takes part in the session lives."""
        return is_alive(self.path)

    def join(self) -> None:
        """Take part in the session as long as this process lives, or until `leave`."""
        if is_member(self.path):
            return
        leave(self.path)  # of a session that is over
        alive = _alive_file(self.path)
        try:
            descriptor = create(alive)
        except FileExistsError:
            descriptor = os.open(alive, os.O_RDWR)
        if fcntl:
            # A look at whether the session lives takes the lock for a moment.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH)
        _members[self.path] = descriptor

    # ---------------------------------------------------------------- ending

    def dissolve(self) -> None:
        """Remove everything that is ours here, and the folder; the lock goes with it."""
        leave(self.path)
        self.discard_working()
        for path in (self.journal, _alive_file(self.path), _lock_file(self.path)):
            remove(path)
        with suppress(OSError):  # there is something of other people in it
            os.rmdir(self.path)
        self.unlock()

    def unlock(self) -> None:
        """Let others work in the folder."""
        if self._descriptor >= 0:
            if self._key[1] == os.getpid():  # a forked process shares the descriptor, not the lock
                _unlock(self._descriptor)
                _held[self._key] -= 1
            os.close(self._descriptor)
            self._descriptor = -1


#: How often folders are locked by processes: a forked one has what its parent knew, but no lock.
_held: Counter[tuple[str, int]] = Counter()
#: Open `alive` files of sessions that this process takes part in; forked processes do as well.
_members: dict[str, int] = {}


def find(filename: str) -> str | None:
    """The session folder of a file, ``None`` if there is none.

    Parameters
    ----------
    filename : str
        The real path of the file.
    """
    path, is_ours = _place(filename)
    return path if is_ours else None


def locked(
    filename: str, *, patience: float, shared: bool = False, make: bool = True
) -> SessionFolder | None:
    """The session folder of a file, locked; ``None`` if there is none and none is to be made.

    Parameters
    ----------
    filename : str
        The real path of the file; its folder is there.
    patience : float
        Seconds to wait for the lock.
    shared : bool, optional
        Whether others may have the same kind of lock meanwhile.
    make : bool, optional
        Whether to make the folder if it is not there.

    Raises
    ------
    FolderLockedError
        If the lock is not free in time, or this process has it already.
    """
    start = time.monotonic()
    has_said_so = False
    while True:
        path, is_ours = _place(filename)
        if not is_ours:
            if not make:
                return None
            with suppress(FileExistsError):
                os.mkdir(path)
        folder = _locked(path, shared)
        if folder is not None:
            return folder
        waited = time.monotonic() - start
        if waited > patience or _held[path, os.getpid()]:
            raise FolderLockedError(holders(path) or "another process")
        if waited > _SAYS_SO_AFTER and not has_said_so:
            has_said_so = True
            _logger.warning(
                "Waiting for %r, which %s writes.", filename, holders(path) or "another"
            )
        time.sleep(_PAUSE)


def _place(filename: str) -> tuple[str, bool]:
    """The folder of ours, or the first name that is free; and which of the two."""
    number = 1
    while True:
        path = f"{filename}{_SUFFIX}{'' if number == 1 else f'-{number}'}"
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return path, False
        if stat.S_ISDIR(status.st_mode) and _is_ours(path):
            return path, True
        number += 1


def _is_ours(path: str) -> bool:
    try:
        with open(_lock_file(path), "rb") as file:
            content = file.read(len(_SIGNATURE))
    except FileNotFoundError:
        # A process may be about to put the lock there, or was killed before it could.
        with suppress(FileNotFoundError):
            return not os.listdir(path)
        return True
    except OSError:
        return False
    return content in (b"", _SIGNATURE)


def _lock_file(path: str) -> str:
    return os.path.join(path, "lock")


def _alive_file(path: str) -> str:
    return os.path.join(path, "alive")


def _locked(path: str, shared: bool) -> SessionFolder | None:
    try:
        try:
            descriptor = create(_lock_file(path))
        except FileExistsError:
            descriptor = os.open(_lock_file(path), os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None  # its last user has just removed it
    if _try_lock(descriptor, shared):
        # The lock counts if the path still leads to it.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.lstat(_lock_file(path))):
                return SessionFolder(path, descriptor, _token(descriptor))
    os.close(descriptor)
    return None


def _token(descriptor: int) -> str:
    """What the lock file says about the session, written by the first one that has it."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    content = os.read(descriptor, 256).removeprefix(_SIGNATURE).decode("ascii", "replace").strip()
    if not content:
        content = secrets.token_hex(16)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, _SIGNATURE + content.encode() + b"\n")
    return content


def is_alive(path: str) -> bool:
    """Whether a process that takes part in the session of a folder lives."""
    if is_member(path):
        return True
    if fcntl is None:
        return False
    try:
        descriptor = os.open(_alive_file(path), os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, shared=False)
    finally:
        os.close(descriptor)


def is_member(path: str) -> bool:
    """Whether this process takes part in the session of a folder that is still there."""
    descriptor = _members.get(path)
    if descriptor is None:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(_alive_file(path)))
    except FileNotFoundError:
        return False


def leave(path: str) -> None:
    """Take part in the session of a folder no more."""
    descriptor = _members.pop(path, None)
    if descriptor is not None:
        os.close(descriptor)


def holders(path: str) -> str:
    """Which processes have the lock of a folder, as far as Linux tells."""
    return holders_of_file(_lock_file(path))


if sys.platform != "win32":

    def _try_lock(descriptor: int, shared: bool) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            # Some network file systems have no locks; there HDF5 has none either.
            return error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
        return True

    def _unlock(descriptor: int) -> None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)

else:

    def _try_lock(descriptor: int, shared: bool) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        with suppress(OSError):
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
