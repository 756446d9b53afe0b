"""Small file systems that fill up: real ones where they can be mounted, else limits on files."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


class Disk:
    """A folder with little room.

    Parameters
    ----------
    folder : Path
        Where it is mounted.
    size : int
        Bytes that the file system has.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        self._size = size

    def leave(self, room: int) -> None:
        """Fill the disk but for `room` bytes, those for the superuser not counted."""
        free = self._free()
        with self._ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), self._ballast.stat().st_size, max(free - room, 1))

    def make_space(self) -> None:
        """Give all the room back."""
        self._ballast.unlink(missing_ok=True)

    def _free(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize


class LimitedFiles(Disk):
    """Where nothing can be mounted: files of this process may not get longer than some bytes."""

    def leave(self, room: int) -> None:
        """Let no file get longer than `room` bytes."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    def make_space(self) -> None:
        """Let files get as long as they like."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def _mounted(folder: Path, size: int, *options: str) -> Iterator[Disk]:
    """A mounted file system; where that is not allowed, files of limited length in its place."""
    if not _succeeds("mount", *options, str(folder)):
        with limited(folder, size) as instead:
            yield instead
        return
    try:
        yield Disk(folder, size)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def tmpfs(place: Path, size: int) -> Iterator[Disk]:
    """A file system in memory."""
    folder = place / "tmpfs"
    folder.mkdir()
    with _mounted(folder, size, "-t", "tmpfs", "-o", f"size={size}", "none") as disk:
        yield disk


@contextmanager
def ext4(place: Path, size: int) -> Iterator[Disk]:
    """A file system in a file."""
    image, folder = place / "image", place / "ext4"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
    # Without it, mounting fails.
    _succeeds("mkfs.ext4", "-q", "-m", "0", str(image))
    with _mounted(folder, size, "-o", "loop", str(image)) as disk:
        yield disk


@contextmanager
def limited(place: Path, size: int) -> Iterator[Disk]:
    """A folder in which files may not get longer than a limit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield LimitedFiles(place, size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


KINDS: dict[str, Callable[[Path, int], object]] = {"ext4": ext4, "tmpfs": tmpfs, "limit": limited}
