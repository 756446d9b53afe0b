"""The members of a `.traj` archive, read without trusting where it comes from.

Every member is read through :class:`MemberReader`, so bounds hold everywhere or nowhere. What a
zip directory says is compared with the file before anything is read: each member has its own
bytes of the file, is stored or deflated, and no larger than its bytes can become. Then as much is
read as was claimed, piece by piece, and the checksum compared.

Invariant: whatever the file is, reading a member gives its content or raises a `PypetOSError`
that names file and member, and no memory is taken for more than 1,100 times the bytes that the
member has in the file, the most that deflate can hold. One might expect a limit on sizes as such.
There is none: what was stored must be loaded, and a gigabyte of zeros is a megabyte in the file.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from pypet_trajectory.exceptions import PypetError, PypetOSError
from pypet_trajectory.storage.archive.arrays import read_array

#: Deflate makes at most 1,032 bytes of one: 258 of each pair of codes, which are a bit each.
_MAX_RATIO = 1100
#: What precedes the name in the header of a member.
_HEADER_SIZE = 30
_IS_ENCRYPTED = 0x1
#: Bytes read at a time.
_PIECE = 1 << 20

#: Ends the messages about damage.
WHAT_TO_DO = "Take a backup, or load only what lies elsewhere in the archive."


class MemberReader:
    """Reads members of one open zip file.

    Parameters
    ----------
    archive : ZipFile
        Open; members that are written to it later can be read as well.
    path : Path
        The file, for error messages.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path
        self._room = _room(archive)

    def names(self) -> list[str]:
        """Names of all members."""
        return self._archive.namelist()

    def read_json(self, member: str) -> Any:
        """Content of a JSON member.

        Raises
        ------
        PypetOSError
            If the member is missing or damaged.
        """
        with self._opened(member) as content:
            return json.loads(content.all())

    def read_array(self, member: str) -> np.ndarray[Any, Any]:
        """Content of an array member; never executes anything.

        A large array is filled from the file piece by piece, so it is in memory once. Its
        checksum is compared at the end; that of a small one before anything is interpreted.

        Raises
        ------
        PypetOSError
            If the member is missing or damaged, or an array of Python objects.
        """
        with self._opened(member) as content:
            if content.size <= _PIECE:
                return read_array(BytesIO(content.all()).read, content.size)
            array = read_array(content.read, content.size)
            content.finish()
        return array

    def pieces(self, member: str) -> Iterator[bytes]:
        """Content of a member, never much of it at once.

        Raises
        ------
        PypetOSError
            If the member is missing or damaged; pieces may have been given before that.
        """
        with self._opened(member) as content:
            for start in range(0, content.size, _PIECE):
                yield content.read(min(_PIECE, content.size - start))
            content.finish()

    @contextmanager
    def _opened(self, member: str) -> Iterator[_Content]:
        """The content of a member; whatever goes wrong with it is reported as damage."""
        place = f"The member {member!r} of the archive {self._path}"
        try:
            info = self._checked(member)
            with self._archive.open(member) as file:
                yield _Content(file, info.file_size)
        except PypetError:
            raise
        except MemoryError as error:
            raise PypetOSError(
                f"{place} does not fit into memory: {error or 'too little is free'}. Load it on a "
                "machine with more memory, or load only what lies elsewhere in the archive."
            ) from error
        # Not all that zipfile, json and numpy raise for bytes that none of them wrote is
        # documented: among others struct.error, zlib.error, OverflowError, RecursionError,
        # NotImplementedError, UnicodeDecodeError, SyntaxError.
        except Exception as error:
            raise PypetOSError(
                f"{place} is damaged: {error or type(error).__name__}. {WHAT_TO_DO}"
            ) from error

    def _checked(self, member: Any) -> zipfile.ZipInfo:
        """What the directory says about a member, if that can be true."""
        if not isinstance(member, str) or not {"", ".", ".."}.isdisjoint(member.split("/")):
            raise ValueError("members have relative names without '..'")
        try:
            info = self._archive.getinfo(member)
        except KeyError as error:
            raise PypetOSError(
                f"The archive {self._path} is damaged: it has no member {member!r}, which its "
                f"index names. {WHAT_TO_DO}"
            ) from error
        if info.flag_bits & _IS_ENCRYPTED:
            raise ValueError("it is encrypted; decrypt the file with the program that did this")
        size, compressed = info.file_size, info.compress_size
        if member not in self._room:  # written in this session
            return info
        room = self._room[member]
        if room is None:
            raise ValueError("there are two members of this name, and only one can be meant")
        if compressed < 0 or _HEADER_SIZE + len(member) + compressed > room:
            raise ValueError(
                f"the directory claims {compressed} bytes for it, but the next member begins "
                f"{max(room, 0)} bytes behind it"
            )
        if info.compress_type == zipfile.ZIP_STORED:
            is_possible = size == compressed
        elif info.compress_type == zipfile.ZIP_DEFLATED:
            is_possible = 0 <= size <= _MAX_RATIO * compressed
        else:
            raise ValueError(
                f"it is compressed by method {info.compress_type}; only stored (0) and deflated "
                "(8) members are read. Repack the archive with one of these"
            )
        if not is_possible:
            raise ValueError(
                f"the directory claims {size} bytes, which cannot be in {compressed} bytes of the "
                "file"
            )
        return info


class _Content:
    """The bytes of a member, as many as were claimed."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        #: Number of bytes, not compressed.
        self.size = size
        self._position = 0

    def read(self, count: int) -> bytes:
        """Exactly the next `count` bytes."""
        data = self._file.read(count)
        self._position += len(data)
        if len(data) < count:
            raise EOFError(
                f"the directory claims {self.size} bytes, but {self._position} are there"
            )
        return data

    def all(self) -> bytes:
        """All bytes, compared with their checksum."""
        # In pieces: zipfile would decompress everything first and cut it to size then.
        pieces = [self.read(min(_PIECE, self.size - at)) for at in range(0, self.size, _PIECE)]
        self.finish()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def finish(self) -> None:
        """Come to the end, where the checksum is compared."""
        if self._position != self.size:
            raise ValueError(f"{self.size - self._position} bytes too many follow")
        self._file.read(1)


def _room(archive: zipfile.ZipFile) -> dict[str, int | None]:
    """Bytes from the header of each member to the next one; ``None`` if two have this name.

    As nothing is shared, all members together cannot be larger than the file allows.
    """
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    ends = [info.header_offset for info in infos[1:]] + [archive.start_dir]
    room: dict[str, int | None] = {}
    for info, end in zip(infos, ends, strict=False):
        room[info.filename] = None if info.filename in room else end - info.header_offset
    return room
