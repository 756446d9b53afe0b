"""The bytes of an HDF5 file, on disk or in memory, for those who work around HDF5's library."""

from __future__ import annotations

import os
import sys
from typing import Protocol


class Bytes(Protocol):
    """What the blocks are read from."""

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file; fewer than `size` if it ends before."""


class WritableBytes(Bytes, Protocol):
    """What blocks are written to."""

    def write(self, offset: int, data: bytes) -> None:
        """Change bytes of the file, or add some at its end."""

    def size(self) -> int:
        """Where the file ends."""

    def sync(self) -> None:
        """Return when everything written is on the disk."""


class FileBytes:
    """A file on disk, read by a descriptor of its own.

    Parameters
    ----------
    path : str
        The file.
    writable : bool, optional
        Whether :meth:`write` will be called.
    """

    def __init__(self, path: str, *, writable: bool = False) -> None:
        flags = (os.O_RDWR if writable else os.O_RDONLY) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file."""
        if sys.platform != "win32":
            return os.pread(self._descriptor, size, offset)
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        return os.read(self._descriptor, size)

    def write(self, offset: int, data: bytes) -> None:
        """Change bytes of the file, or add some at its end."""
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        while data:
            data = data[os.write(self._descriptor, data) :]

    def size(self) -> int:
        """Where the file ends."""
        return os.fstat(self._descriptor).st_size

    def sync(self) -> None:
        """Return when everything written is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class ImageBytes:
    """A file in memory.

    Parameters
    ----------
    image : bytes
        Its content.
    """

    def __init__(self, image: bytes) -> None:
        self.image = bytearray(image)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file."""
        return bytes(self.image[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        """Change bytes of the file, or add some at its end."""
        missing = offset - len(self.image)
        if missing > 0:
            self.image.extend(bytes(missing))
        self.image[offset : offset + len(data)] = data

    def size(self) -> int:
        """Where the file ends."""
        return len(self.image)

    def sync(self) -> None:
        """Nothing to do in memory."""
