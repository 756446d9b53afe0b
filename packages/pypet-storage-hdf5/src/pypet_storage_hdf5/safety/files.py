"""Copies, replacements and removals that leave other files alone.

Invariant: what is created here was not there before and is not reached through a link; what
replaces a file is complete and on the disk.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress

from pypet_trajectory.exceptions import StorageFailedError

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
_BLOCK = 1 << 30
#: Errors that mean: this pair of files cannot be copied by the kernel.
_UNSUPPORTED = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF)


def create(path: str) -> int:
    """Create a file that is not there and open it for reading and writing.

    Raises
    ------
    FileExistsError
        If there is something of that name, be it a dangling link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY | _CLOSE_ON_EXEC
    return os.open(path, flags, 0o666)


def clone(source: str, target: str, descriptor: int) -> None:
    """Copy a file to a name that is free, with its permissions, sharing blocks where possible.

    Parameters
    ----------
    source : str
        For messages and permissions.
    target : str
        The new file.
    descriptor : int
        Of the source, open for reading.

    Raises
    ------
    StorageFailedError
        If there is no room for the copy, or it cannot be made for another reason. Nothing is left.
    """
    try:
        copy = create(target)
        try:
            _copy_content(descriptor, copy)
        finally:
            os.close(copy)
        shutil.copymode(source, target)
        _copy_owner(source, target)
    except OSError as error:
        remove(target)
        raise StorageFailedError(
            error.errno,
            f"A working copy of {source!r} cannot be made beside it: {error.strerror}. It needs "
            f"{os.fstat(descriptor).st_size} bytes. The file is as it was. Make space, or move the "
            "file to a disk that has twice as much",
            target,
        ) from error


def _copy_content(source: int, target: int) -> None:
    size = os.fstat(source).st_size
    copied = 0
    try:
        # Shares the blocks on file systems that can.
        while copied < size:
            count = os.copy_file_range(source, target, min(size - copied, _BLOCK), copied, copied)
            if not count:
                break
            copied += count
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _UNSUPPORTED:
            raise
    os.lseek(source, copied, os.SEEK_SET)
    os.lseek(target, copied, os.SEEK_SET)
    while block := os.read(source, 1 << 20):
        view = memoryview(block)
        while view:
            view = view[os.write(target, view) :]


def _copy_owner(source: str, target: str) -> None:
    """Keep owner and group where that is allowed."""
    status = os.stat(source)
    chown = getattr(os, "chown", None)
    if chown is None or (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid()):
        return
    with suppress(PermissionError):
        chown(target, status.st_uid, status.st_gid)
        shutil.copymode(source, target)  # changing the owner clears some permissions


def remove(path: str) -> None:
    """Remove a file of ours, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def identity(path: str) -> str:
    """What tells a file from its earlier and later states; ``''`` if there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def free_name(path: str, addition: str) -> str:
    """A name beside a file that is free: with `addition` before the extension, and a number."""
    root, extension = os.path.splitext(path)
    number = 1
    while os.path.lexists(
        name := f"{root}{addition}{'' if number == 1 else f'_{number}'}{extension}"
    ):
        number += 1
    return name
