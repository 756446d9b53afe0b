"""An append-only file of records that survives being killed at any moment.

Each record is framed by a marker, its length and checksums of header and payload::

    marker (4) | length (8) | checksum of length (4) | checksum of payload (4) | payload

Crash story: a record is written by one system call. If the process dies during it, the file ends
in a torn record; that is recognised by length and checksum, ignored by readers, and cut off when
the journal is opened for appending. :meth:`Journal.append` returns when the record is with the
operating system, so it survives the death of the process; :meth:`Journal.sync` returns when it
is on the disk, so it survives power loss too.

Invariant: iteration yields exactly the records that were appended completely, in order. One
might expect a damaged record to end the journal: readers skip to the next marker that is followed
by matching checksums, so damage costs only the records it hit. Only a tail without any complete
record is cut off.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from zlib import crc32

from pypet_trajectory.exceptions import PypetOSError, PypetValueError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: First bytes of every journal; the last of them is the number of the format.
SIGNATURE = b"pypetjournal\x00\x01"

_MARKER = b"\xf1PJ\x0d"
_HEADER = struct.Struct("<4sQII")
_LENGTH = struct.Struct("<Q")


class Journal:
    """A journal file; one process appends, any number may read.

    Parameters
    ----------
    path : str or path-like
        The file. Appending creates it where it is missing; its folder must be there.

    Examples
    --------
    >>> import tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, 'runs.journal')
    ...     with Journal(path) as journal:
    ...         journal.append(b'first')
    ...         journal.append_many([b'second', b''])
    ...     list(Journal(path))
    [b'first', b'second', b'']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._descriptor: int | None = None
        self._end = 0

    # --------------------------------------------------------------- writing

    def append(self, payload: bytes) -> None:
        """Append one record; when this returns it survives the death of the process.

        Raises
        ------
        OSError
            If it cannot be written, for instance on a full disk. The journal is then as before.
        ValueError
            If the file is no journal, or one of a format unknown here.
        """
        self._write(_frame(payload))

    def append_many(self, payloads: Iterable[bytes]) -> None:
        """Append several records with one system call; else as :meth:`append`."""
        frames = b"".join(map(_frame, payloads))
        if frames:
            self._write(frames)

    def sync(self) -> None:
        """Return when everything appended is on the disk."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; it opens again by itself when something is appended."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_descriptor": None, "_end": 0}

    def __repr__(self) -> str:
        return f"<Journal {str(self.path)!r}>"

    # --------------------------------------------------------------- reading

    def __iter__(self) -> Iterator[bytes]:
        """Payloads of all complete records; nothing if there is no file.

        Raises
        ------
        ValueError
            If the file is no journal, or one of a format unknown here.
        """
        if not self.path.exists():
            return
        with _mapped(self.path) as content:
            for start, end in _records(content, self.path):
                yield content[start:end]

    # -------------------------------------------------------------- internal

    def _write(self, frames: bytes) -> None:
        if self._descriptor is None:
            self._open()
        assert self._descriptor is not None
        remaining = memoryview(frames)
        try:
            while remaining:
                remaining = remaining[os.write(self._descriptor, remaining) :]
        except OSError as error:
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            raise PypetOSError(
                f"Cannot append {len(frames)} bytes to the journal {self.path}: {error}. Nothing "
                "was added."
            ) from error
        self._end += len(frames)

    def _open(self) -> None:
        created = not self.path.exists()
        # O_BINARY exists on Windows only, where files are text otherwise.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self.path, flags, 0o666)
        try:
            end = self._valid_end(os.fstat(descriptor).st_size)
            if end == 0:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, SIGNATURE)
                end = len(SIGNATURE)
            else:
                os.ftruncate(descriptor, end)
            os.lseek(descriptor, end, os.SEEK_SET)
        except BaseException:
            os.close(descriptor)
            raise
        if created:
            _sync_folder(self.path.parent)
        self._descriptor, self._end = descriptor, end

    def _valid_end(self, size: int) -> int:
        """Where the last complete record ends; 0 if not even the signature is complete."""
        if size < len(SIGNATURE) and SIGNATURE.startswith(self.path.read_bytes()):
            return 0
        with _mapped(self.path) as content:
            ends = (end for _, end in _records(content, self.path))
            end = max(ends, default=len(SIGNATURE))
        if end < size:
            _logger.warning(
                "The journal %s ends in a torn record; %d bytes are dropped.", self.path, size - end
            )
        return end


def _frame(payload: bytes) -> bytes:
    length = len(payload)
    header = _HEADER.pack(_MARKER, length, crc32(_LENGTH.pack(length)), crc32(payload))
    return header + payload


def _records(content: bytes | mmap.mmap, path: Path) -> Iterator[tuple[int, int]]:
    """Start and end of each complete payload."""
    if content[: len(SIGNATURE)] != SIGNATURE:
        raise PypetValueError(
            f"{path} is no journal, or one of another format: it begins with "
            f"{content[: len(SIGNATURE)]!r} instead of {SIGNATURE!r}."
        )
    position, size = len(SIGNATURE), len(content)
    while position < size:
        end = _record_end(content, position, size)
        if end is not None:
            yield position + _HEADER.size, end
            position = end
            continue
        following = _next_record(content, position + 1, size)
        if following is None:
            return
        _logger.warning(
            "The journal %s is damaged: %d bytes at %d are skipped.",
            path,
            following - position,
            position,
        )
        position = following


def _record_end(content: bytes | mmap.mmap, position: int, size: int) -> int | None:
    """End of the record that begins at `position`, ``None`` if there is no complete one."""
    start = position + _HEADER.size
    if start > size:
        return None
    marker, length, length_check, payload_check = _HEADER.unpack(content[position:start])
    if marker != _MARKER or crc32(_LENGTH.pack(length)) != length_check:
        return None
    end: int = start + length
    if end > size or crc32(content[start:end]) != payload_check:
        return None
    return end


def _next_record(content: bytes | mmap.mmap, position: int, size: int) -> int | None:
    """Where the next complete record begins."""
    while True:
        position = content.find(_MARKER, position)
        if position < 0:
            return None
        if _record_end(content, position, size) is not None:
            return position
        position += 1


@contextmanager
def _mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    """The content of a file as memory map; empty files cannot be mapped and give ``b''``."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable, where folders can be synced (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
