"""An append-only file of records that survives being killed at any moment.

Each record is framed by a marker, its length and checksums of header and payload::

    marker (4) | length (8) | checksum of place and length (4) | checksum of payload (4) | payload

Crash story: a record is written by one system call, a very large one by several. If the process
dies meanwhile, the file ends in a torn record; that is recognised by length and checksum, ignored
by readers, and cut off when the journal is opened for appending. :meth:`Journal.append` returns
when the record is with the operating system, so it survives the death of the process;
:meth:`Journal.sync` returns when it is on the disk, so it survives power loss too.

Invariant: iteration yields exactly the records that were appended completely, in order. One
might expect a damaged record to end the journal: readers skip to the next marker that is followed
by matching checksums, so damage costs only the records it hit. Only a tail without any complete
record is cut off. Where a record means nothing without those before it, read the
:meth:`~Journal.prefix` instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import PickleBuffer
from types import TracebackType
from typing import Any

from pypet_trajectory.api.journal_format import (
    HEADER_SIZE,
    SIGNATURE,
    Block,
    JournalRecord,
    check_signature,
    header,
    records,
)
from pypet_trajectory.exceptions import PypetOSError, PypetTypeError, PypetValueError
from pypet_trajectory.files import sync_folder
from pypet_trajectory.logger import module_logger

__all__ = ["SIGNATURE", "Journal", "JournalRecord"]

_logger = module_logger(__name__)

#: Up to this size parts are joined: the copy costs less than passing them one by one.
_JOINED = 64 << 10
#: Bytes for one system call; some systems refuse more than 2 GiB.
_MAX_WRITE = 1 << 30


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
        #: Whether the file has to be cut at the end before anything is appended: that failed.
        self._is_uncut = False

    # --------------------------------------------------------------- writing

    @property
    def end(self) -> int:
        """Where the last record ends, in bytes; 0 before anything was appended or cut here.

        What another process appends is not known here.
        """
        return self._end

    def append(self, payload: bytes) -> None:
        """Append one record; when this returns it survives the death of the process.

        Raises
        ------
        OSError
            If it cannot be written, for instance on a full disk. The journal is then as before.
        ValueError
            If the file is no journal, or one of a format unknown here.
        """
        self._write(((_block(payload),),))

    def append_many(self, payloads: Iterable[bytes]) -> None:
        """Append several records with one system call; else as :meth:`append`."""
        self._write([(_block(payload),) for payload in payloads])

    def append_parts(self, parts: Sequence[Any]) -> None:
        """Append one record whose payload is all parts, one after the other.

        They are not joined in memory, which a payload of hundreds of megabytes would need twice.

        Parameters
        ----------
        parts : sequence of bytes-like
            Bytes, arrays, or whatever else gives its memory away as one contiguous block. It
            must not change meanwhile.

        Raises
        ------
        OSError
            If they cannot be written, for instance on a full disk. The journal is then as before.
        TypeError
            If a part is no contiguous block of memory; the journal is as before.
        ValueError
            If the file is no journal, or one of a format unknown here.
        """
        self._write(([_block(part) for part in parts],))

    def truncate(self, end: int) -> None:
        """Drop all records behind `end`; what is appended next follows there.

        Crash story: all of them are gone or none is. :meth:`sync` makes it durable.

        Parameters
        ----------
        end : int
            What :attr:`end` was after a record, or the `end` of one that was read; 0 drops all
            records. That a record ends there is not checked.

        Raises
        ------
        OSError
            If the file cannot be opened or cut.
        ValueError
            If the journal ends before, or the file is none.
        """
        if self._descriptor is not None or self._is_uncut:
            end = _checked(end, self._end, self.path)
        if self._descriptor is None:
            self._open_at(end)
        else:
            self._cut(end)

    def resume_at(self, end: int) -> Journal:
        """Open for appending behind `end`, where the caller knows that the last record ends.

        Opening otherwise reads the whole file to find that place. Here only the beginning of
        the file and its size are checked; what is behind `end` is cut off.

        Crash story: as :meth:`truncate`.

        Parameters
        ----------
        end : int
            As for :meth:`truncate`. If it is 0 the file need not be there.

        Returns
        -------
        Journal
            This one.

        Raises
        ------
        OSError
            If the file cannot be opened or cut.
        ValueError
            If the file ends before, or is no journal.
        """
        self.close()
        self._open_at(end)
        return self

    def sync(self) -> None:
        """Return when everything appended is on the disk.

        Raises
        ------
        OSError
            If the disk does not take it. How much of it is there then is not known.
        """
        if self._descriptor is not None:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise PypetOSError(
                    f"The journal {self.path} cannot be synced: {error}. What was appended since "
                    "the last sync may be lost if the power fails."
                ) from error

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
        return {"path": self.path, "_descriptor": None, "_end": 0, "_is_uncut": False}

    def __repr__(self) -> str:
        return f"<Journal {str(self.path)!r}>"

    # --------------------------------------------------------------- reading

    def __iter__(self) -> Iterator[bytes]:
        """Payloads of all complete records; nothing if there is no file.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file is no journal, or one of a format unknown here.
        """
        for payload, _ in self._read(past_damage=True):
            yield payload

    def prefix(self) -> Iterator[JournalRecord]:
        """Complete records from the beginning to the first byte that is damaged or torn.

        Unlike iteration this never leaves a record out: the n-th one is the n-th that was
        appended. The end of the last one is where :meth:`truncate` may cut.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file is no journal, or one of a format unknown here.

        Examples
        --------
        >>> import tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal = Journal(os.path.join(folder, 'runs.journal'))
        ...     with journal:
        ...         journal.append_many([b'first', b'second'])
        ...     list(journal.prefix())
        [JournalRecord(payload=b'first', end=39), JournalRecord(payload=b'second', end=65)]
        """
        return self._read(past_damage=False)

    # -------------------------------------------------------------- internal

    def _read(self, *, past_damage: bool) -> Iterator[JournalRecord]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise PypetOSError(f"The journal {self.path} cannot be read: {error}.") from error
        with file:
            yield from records(file, self.path, past_damage=past_damage, with_payload=True)

    def _write(self, payloads: Sequence[Sequence[Block]]) -> None:
        """Append payloads, each given as parts; all or none of them."""
        if not payloads:
            return
        if self._descriptor is None:
            self._open()
        elif self._is_uncut:
            self._cut(self._end)
        assert self._descriptor is not None
        buffers: list[Block] = []
        position = self._end
        for parts in payloads:
            buffers.append(header(position, parts))
            buffers.extend(parts)
            position += HEADER_SIZE + sum(map(len, parts))
        if position - self._end <= _JOINED:
            buffers = [b"".join(buffers)]
        try:
            _write_all(self._descriptor, buffers)
        except BaseException as error:
            # Also if the user interrupted it: what is appended next must not follow a torn record.
            self._cut(self._end)
            if not isinstance(error, OSError):
                raise
            raise PypetOSError(
                f"Cannot append {position - self._end} bytes to the journal {self.path}: {error}. "
                "Nothing was added."
            ) from error
        self._end = position

    def _cut(self, end: int) -> None:
        assert self._descriptor is not None
        self._end, self._is_uncut = end, True
        try:
            os.ftruncate(self._descriptor, end)
            os.lseek(self._descriptor, end, os.SEEK_SET)
        except OSError as error:
            raise PypetOSError(
                f"The journal {self.path} cannot be cut to {end} bytes: {error}. What is behind "
                "does not count; it is cut off before something is appended here again."
            ) from error
        self._is_uncut = False

    def _open(self) -> None:
        """Open behind the last complete record, or where cutting the file failed before."""
        if self._is_uncut:
            self._open_at(self._end)
            return
        with self._opening() as descriptor:
            with open(descriptor, "rb", closefd=False) as file:
                found = records(file, self.path, past_damage=True, with_payload=False)
                end = max((record.end for record in found), default=len(SIGNATURE))
                torn = os.fstat(descriptor).st_size - end
            if torn > 0:
                _logger.warning(
                    "The journal %s ends in a torn record; %d bytes are dropped.", self.path, torn
                )
            self._begin(descriptor, end)

    def _open_at(self, end: int) -> None:
        """Open behind `end`; 0 stands for a journal without records, which is created."""
        if end and not self.path.exists():
            _checked(end, 0, self.path)
        with self._opening() as descriptor:
            with open(descriptor, "rb", closefd=False) as file:
                check_signature(file, self.path)
            self._begin(descriptor, _checked(end, os.fstat(descriptor).st_size, self.path))

    @contextmanager
    def _opening(self) -> Iterator[int]:
        """A descriptor for reading and writing, kept if nothing goes wrong with it."""
        created = not self.path.exists()
        # O_BINARY exists on Windows only, where files are text otherwise.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = None
        try:
            descriptor = os.open(self.path, flags, 0o666)
            yield descriptor
            if created:
                sync_folder(self.path.parent)
        except BaseException as error:
            if descriptor is not None:
                os.close(descriptor)
            if isinstance(error, OSError) and not isinstance(error, PypetOSError):
                raise PypetOSError(
                    f"The journal {self.path} cannot be opened for appending: {error}. Nothing was "
                    "added."
                ) from error
            raise
        self._descriptor, self._is_uncut = descriptor, False

    def _begin(self, descriptor: int, end: int) -> None:
        """Cut an open file at `end`, and begin it if it has no whole signature."""
        if os.fstat(descriptor).st_size < len(SIGNATURE):
            os.lseek(descriptor, 0, os.SEEK_SET)
            _write_all(descriptor, [SIGNATURE])
        os.ftruncate(descriptor, end)
        os.lseek(descriptor, end, os.SEEK_SET)
        self._end = end


def _checked(end: int, size: int, path: Path) -> int:
    """A place where a journal of `size` bytes can be cut; 0 is the end of the signature."""
    if end == 0:
        return len(SIGNATURE)
    if not len(SIGNATURE) <= end <= size:
        raise PypetValueError(
            f"The journal {path} cannot be cut to {end} bytes: it has {size}, of which the first "
            f"{len(SIGNATURE)} are no record. Pass the end of a record that is in it."
        )
    return end


# -------------------------------------------------------------------- writing


def _block(part: Any) -> Block:
    """The memory of a part as bytes."""
    if isinstance(part, bytes):
        return part
    if isinstance(part, memoryview) and part.format == "B" and part.ndim == 1 and part.contiguous:
        # No view of this view: CPython before 3.12.7 crashes if an error keeps both in a cycle.
        return part
    try:
        with memoryview(part) as view:
            if "O" in "".join(view.format.split(":")[::2]):  # between colons are names of fields
                raise ValueError("its memory holds addresses of Python objects")
        return PickleBuffer(part).raw()
    except (TypeError, ValueError, BufferError) as error:
        raise PypetTypeError(
            "The parts of a record must be contiguous blocks of memory, not "
            f"{type(part).__name__}: {error}. Nothing was added."
        ) from error


def _write_all(descriptor: int, buffers: Sequence[Block]) -> None:
    """Write everything, with as few system calls as the system allows."""
    if len(buffers) == 1:
        written = os.write(descriptor, buffers[0])
        if written == len(buffers[0]):
            return  # as nearly always
        buffers = [memoryview(buffers[0])[written:]]
    waiting = [memoryview(buffer) for buffer in buffers if len(buffer)]
    waiting.reverse()  # lists give their last elements away cheaply
    while waiting:
        batch: list[memoryview] = []
        room = _MAX_WRITE
        for part in reversed(waiting[-_BUFFERS_PER_WRITE:]):
            batch.append(part[:room])
            room -= len(batch[-1])
            if not room:
                break
        if len(batch) == 1:
            written = os.write(descriptor, batch[0])
        else:
            written = os.writev(descriptor, batch)
        while written:
            part = waiting.pop()
            if written < len(part):
                waiting.append(part[written:])
                break
            written -= len(part)


def _buffers_per_write() -> int:
    """How many buffers one system call takes."""
    if not hasattr(os, "writev"):  # Windows
        return 1
    try:
        limit = os.sysconf("SC_IOV_MAX")
    except (OSError, ValueError):
        limit = -1
    return limit if limit > 0 else 16  # the least that POSIX allows


_BUFFERS_PER_WRITE = _buffers_per_write()
