"""The journal of a session: what was stored since the last checkpoint, to be stored again.

It holds changes as the writer got them (records of nodes, rows of run tables, requests to shared
data, deletions), not bytes of the file. So a working copy that was torn is thrown away, and the
same changes are made in a new copy by the same writer.

Records are of four kinds, told by their first byte: the head says to which state of the file the
changes are to be applied, then come changes, each group of them ended by a commit, and perhaps the
identity of the file that holds them all. Invariant: what follows the last commit was never
confirmed, and is not applied; neither is anything behind a damaged record.
"""

from __future__ import annotations

import ast
import pickle
import struct
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

from pypet_trajectory.api.journal import Journal
from pypet_trajectory.exceptions import PypetValueError

_HEAD, _CHANGES, _COMMIT, _FINAL = b"H", b"E", b"C", b"F"
_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")
#: Changes that are pickled together at most.
_MAX_WAITING = 64


class Change(Enum):
    """Kinds of changes."""

    #: A `WriteRequest`.
    NODE = "node"
    #: Full name of a node that was removed.
    DELETE = "delete"
    #: Full name of a leaf and names of its items that were removed.
    DELETE_ITEMS = "delete_items"
    #: `TrajectoryMeta`.
    META = "meta"
    #: `RunTable`, which rows were written if not all, and the names of these runs if they are
    #: not the usual ones.
    RUNS = "runs"
    #: `RunRows`.
    ROWS = "rows"
    #: Full name of a leaf, item, request, arguments and keywords of a request to shared data.
    REQUEST = "request"
    #: `Settings` with which what follows was written.
    SETTINGS = "settings"
    #: Nothing; the trajectory was removed.
    REMOVE = "remove"
    #: The new name of the trajectory.
    RENAME = "rename"


class Entry(NamedTuple):
    """One change of one trajectory."""

    trajectory: str
    change: Change
    content: Any


class JournalHead(NamedTuple):
    """What a journal says about the file that it belongs to."""

    #: Identifies the session.
    token: str
    #: How many checkpoints of this session the file had seen.
    number: int
    #: Identity of the file then, ``''`` if there was none.
    base: str
    #: Seconds since the epoch when the journal began, and that the last checkpoint took.
    time: float
    cost: float
    #: Where the head ends in the journal.
    end: int = 0


class JournalState(NamedTuple):
    """What is in a journal."""

    head: JournalHead
    #: End of the last commit; of the head if there is none.
    end: int
    #: Whether there are changes to apply.
    has_changes: bool
    #: Identity of the file that holds all changes, ``''`` if no such file was made.
    final: str


class SessionJournal:
    """The journal of a session that goes on.

    Parameters
    ----------
    path : str
        The journal.
    """

    def __init__(self, path: str) -> None:
        self._journal = Journal(path)
        self._waiting: list[Entry] = []
        #: Whether there is a head, so that changes can be appended.
        self.is_begun = False
        #: End of the last commit.
        self.end = 0
        #: Whether there are changes that a checkpoint would bring to the file.
        self.has_changes = False
        #: Bytes from which on uncommitted changes lie.
        self._is_committed = True

    def begin(self, head: JournalHead) -> None:
        """Drop everything and begin anew.

        Crash story: without a complete head, a journal is empty. A file that is ahead of the head
        in the journal has its changes already.
        """
        self._waiting.clear()
        self._journal.truncate(0)
        self._journal.append(_HEAD + repr(tuple(head[:-1])).encode())
        self.end = self._journal.end
        self.has_changes, self._is_committed, self.is_begun = False, True, True

    def go_on(self, state: JournalState) -> None:
        """Append to what is there up to the last commit, and drop the rest."""
        self._waiting.clear()
        self._journal.resume_at(state.end)
        self.end = state.end
        self.has_changes, self._is_committed, self.is_begun = state.has_changes, True, True

    def note(self, entry: Entry) -> None:
        """Remember a change; it may be pickled with the next ones.

        Raises
        ------
        Exception
            Whatever the values of earlier changes raise when they are pickled.
        """
        self._waiting.append(entry)
        if len(self._waiting) >= _MAX_WAITING:
            self._write()

    def commit(self) -> None:
        """Let all changes so far be applied after a kill.

        Raises
        ------
        OSError
            If they cannot be written; then none since the last commit will be applied.
        """
        self._write()
        if not self._is_committed:
            self._journal.append(_COMMIT)
            self.end = self._journal.end
            self.has_changes = self._is_committed = True

    def roll_back(self) -> None:
        """Drop the changes since the last commit."""
        self._waiting.clear()
        if not self._is_committed:
            self._journal.truncate(self.end)
            self._is_committed = True

    def finish(self, final: str) -> None:
        """Say that a file of this identity has all changes; durable when this returns."""
        self._journal.append(_FINAL + final.encode())
        self._journal.sync()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._journal.end

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        buffers: list[pickle.PickleBuffer] = []
        data = pickle.dumps(waiting, protocol=5, buffer_callback=buffers.append)
        raw = [buffer.raw() for buffer in buffers]
        sizes = b"".join(_SIZE.pack(part.nbytes) for part in raw)
        self._is_committed = False
        self._journal.append_parts([_CHANGES, _COUNT.pack(len(raw)), sizes, *raw, data])


def read_state(path: str) -> JournalState | None:
    """What is in a journal; ``None`` if there is none, or not even its head is complete.

    Unpickles nothing.

    Raises
    ------
    ValueError
        If the file is no journal.
    """
    head: JournalHead | None = None
    end = 0
    has_changes, final = False, ""
    for payload, record_end in Journal(path).prefix():
        kind, rest = payload[:1], payload[1:64]
        if kind == _HEAD:
            head = _parsed_head(payload[1:], record_end)
            end = record_end
        elif kind == _COMMIT:
            end, has_changes, final = record_end, True, ""
        elif kind == _FINAL:
            final = rest.decode("ascii", "replace")
        if head is None:
            return None
    return None if head is None else JournalState(head, end, has_changes, final)


def read_head(path: str) -> JournalHead | None:
    """The head of a journal, ``None`` if there is none."""
    for payload, end in Journal(path).prefix():
        return _parsed_head(payload[1:], end) if payload[:1] == _HEAD else None
    return None


def _parsed_head(text: bytes, end: int) -> JournalHead | None:
    try:
        token, number, base, time, cost = ast.literal_eval(text.decode())
        return JournalHead(str(token), int(number), str(base), float(time), float(cost), end)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def entries(path: str, end: int) -> Iterator[Entry]:
    """The changes in a journal up to `end`, one group in memory at a time; unpickles them."""
    for payload, record_end in Journal(path).prefix():
        if record_end > end:
            return
        if payload[:1] == _CHANGES:
            try:
                found = _unpickled(payload)
            except Exception as error:  # pickles raise whatever they like
                raise PypetValueError(
                    f"The journal {path!r} cannot be read up to its last commit: "
                    f"{type(error).__name__}: {error}. If a class cannot be imported here, make "
                    "it importable; the file beside the journal is whole without it."
                ) from error
            yield from found


def _unpickled(payload: bytes) -> Sequence[Entry]:
    view = memoryview(payload)
    (count,) = _COUNT.unpack_from(view, 1)
    position = 1 + _COUNT.size
    sizes = [_SIZE.unpack_from(view, position + _SIZE.size * number)[0] for number in range(count)]
    position += _SIZE.size * count
    buffers = []
    for size in sizes:
        # A copy: what the writer gets may be changed, as what was stored first could be.
        buffers.append(bytearray(view[position : position + size]))
        position += size
    found: Sequence[Entry] = pickle.loads(view[position:], buffers=buffers)
    return found
