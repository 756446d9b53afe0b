"""How records lie in a journal, and how complete ones are told from damage.

The framing is described in :mod:`~pypet_trajectory.api.journal`, which writes it. The checksum
of a header covers where the record lies. So what looks like a record inside of a payload, or was
moved there from elsewhere in the file, is none; and a header that matches is believed where it
says that its record ends. Invariant: however a file was made, the time to read it is proportional
to its size, and no memory is taken for a payload before the bytes that fill it were seen. One
might expect a memory map here; it would kill the process if the file is cut meanwhile.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias
from zlib import crc32

from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: First bytes of every journal; the last of them is the number of the format.
SIGNATURE = b"pypetjournal\x00\x02"

_MARKER = b"\xf1PJ\x0d"
_HEADER = struct.Struct("<4sQII")
_PLACE = struct.Struct("<QQ")
#: Bytes before each payload.
HEADER_SIZE = _HEADER.size

#: Payloads up to this size are read as a whole, larger ones are checked piece by piece before.
_PIECE = 1 << 20
#: What is searched for a marker first: most damage is short.
_FIRST_SEARCHED = 512

#: Bytes in memory, of which ``len`` tells the number.
Block: TypeAlias = bytes | memoryview


class JournalRecord(NamedTuple):
    """One complete record of a journal."""

    #: What was appended.
    payload: bytes
    #: Where the record ends in the file, in bytes.
    end: int


def header(position: int, parts: Sequence[Block]) -> bytes:
    """What precedes a payload in a record that begins at `position`."""
    length = check = 0
    for part in parts:
        length += len(part)
        check = crc32(part, check)
    return _HEADER.pack(_MARKER, length, crc32(_PLACE.pack(position, length)), check)


def check_signature(file: BinaryIO, path: Path) -> None:
    """Refuse other files; one that ends within the signature is a journal without records."""
    found = file.read(len(SIGNATURE))
    if not SIGNATURE.startswith(found):
        raise PypetValueError(
            f"{path} is no journal, or one of another format: it begins with {found!r} instead of "
            f"{SIGNATURE!r}. Remove it, or give another path."
        )


def records(
    file: BinaryIO, path: Path, *, past_damage: bool, with_payload: bool
) -> Iterator[JournalRecord]:
    """Complete records of an open file: all, or those before the first damage.

    Payloads are compared with their checksums in any case, but are empty unless asked for.
    """
    check_signature(file, path)
    position, size = len(SIGNATURE), os.fstat(file.fileno()).st_size
    places = skipped = 0
    while position < size:
        following: int | None
        found = _header_at(file, position)
        if found is None:
            following = _next_header(file, position + 1) if past_damage else None
        else:
            length, check = found
            following = position + HEADER_SIZE + length
            payload = _payload(file, length, check, with_payload) if following <= size else None
            if payload is not None:
                yield JournalRecord(payload, following)
                position = following
                continue
        if not past_damage or following is None or following >= size:
            break
        if not places:
            _logger.warning(
                "The journal %s is damaged: %d bytes at %d are skipped.",
                path,
                following - position,
                position,
            )
        places += 1
        skipped += following - position
        position = following
    if places > 1:
        _logger.warning(
            "The journal %s is damaged in %d places; %d bytes were skipped.", path, places, skipped
        )


def _header_at(file: BinaryIO, position: int) -> tuple[int, int] | None:
    """Length and checksum of the payload of the record at `position`, ``None`` if none is there."""
    file.seek(position)
    return _header_in(file.read(HEADER_SIZE), 0, position)


def _header_in(content: bytes, offset: int, position: int) -> tuple[int, int] | None:
    """As `_header_at`, for bytes in memory of which `offset` lies at `position` in the file."""
    if len(content) - offset < HEADER_SIZE:
        return None
    marker, length, place_check, check = _HEADER.unpack_from(content, offset)
    if marker != _MARKER or crc32(_PLACE.pack(position, length)) != place_check:
        return None
    return length, check


def _payload(file: BinaryIO, length: int, check: int, wanted: bool) -> bytes | None:
    """The payload that begins here, ``None`` if it is not what was appended."""
    if length <= _PIECE:
        payload = file.read(length)
        return payload if len(payload) == length and crc32(payload) == check else None
    # Checked before memory is taken for it: a sparse file may claim any size.
    start, remaining, found = file.tell(), length, 0
    while remaining:
        piece = file.read(min(_PIECE, remaining))
        if not piece:
            return None
        found = crc32(piece, found)
        remaining -= len(piece)
    if found != check:
        return None
    if not wanted:
        return b""
    file.seek(start)
    payload = file.read(length)
    return payload if len(payload) == length else None


def _next_header(file: BinaryIO, position: int) -> int | None:
    """Where the next record begins, at or behind `position`."""
    wanted = _FIRST_SEARCHED
    while True:
        file.seek(position)
        content = file.read(wanted)
        offset = content.find(_MARKER)
        while offset >= 0:
            if _header_in(content, offset, position + offset) is not None:
                return position + offset
            offset = content.find(_MARKER, offset + 1)
        if len(content) < wanted:
            return None
        # A header that is not whole here begins the next piece. Pieces grow, so that much damage
        # is passed quickly and little of it does not cost the reading of a large piece.
        position += wanted - HEADER_SIZE + 1
        wanted = min(2 * wanted, _PIECE)
