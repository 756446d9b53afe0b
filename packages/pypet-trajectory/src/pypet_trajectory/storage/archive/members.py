"""The members of a `.traj` archive, read without trusting where it comes from.

Every member is read through :class:`MemberReader`, so bounds hold everywhere or nowhere. What a
zip directory says is compared with the file before anything is read: each member has its own
bytes of the file, is stored or deflated, and no larger than its bytes can become. Then as much is
read as was claimed, piece by piece, and the checksum compared. Arrays are in ``.npy`` form, whose
header is compared with the bytes that follow; `numpy.load` takes the memory that a header asks for
first, and refuses headers of more than 10,000 characters, while here all that :func:`write_array`
writes is read: what is in a header is restricted to literals that cannot overburden the parser.

Invariant: whatever the file is, reading a member gives its content or raises a `PypetOSError`
that names file and member, and no memory is taken for more than 1,100 times the bytes that the
member has in the file, the most that deflate can hold. One might expect a limit on sizes as such.
There is none: what was stored must be loaded, and a gigabyte of zeros is a megabyte in the file.
"""

from __future__ import annotations

import ast
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from pypet_trajectory.exceptions import NoSuchServiceError, PypetError, PypetOSError

#: Deflate makes at most 1,032 bytes of one: 258 of each pair of codes, which are a bit each.
_MAX_RATIO = 1100
#: What precedes the name in the header of a member.
_HEADER_SIZE = 30
_IS_ENCRYPTED = 0x1
#: Bytes read at a time.
_PIECE = 1 << 20

#: For each beginning, which tells the version of the form: how many bytes tell the size of the
#: header, and how it is encoded.
_VERSIONS = {
    b"\x93NUMPY\x01\x00": (2, "latin1"),
    b"\x93NUMPY\x02\x00": (4, "latin1"),
    b"\x93NUMPY\x03\x00": (4, "utf-8"),
}
_PREFIX_SIZE = 8
#: Larger headers are neither written nor read. A structure of a thousand fields has a fifth.
_MAX_HEADER = 1 << 16

# The quantifiers give nothing back, so long headers cost no memory.
_TEXT = re.compile(r"'(?:[^'\\]++|\\.)*+'|\"(?:[^\"\\]++|\\.)*+\"")
_LITERALS = re.compile(r"(?:[\[\](){},:\s0-9]++|True|False)*+")

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


# ------------------------------------------------------ arrays in .npy form


def write_array(file: Any, array: np.ndarray[Any, Any]) -> None:
    """Write an array that holds no objects; nothing is written if it is refused.

    Raises
    ------
    NoSuchServiceError
        If its dtype has too many fields for a header.
    """
    if array.dtype.names is not None:
        length = len(repr(np.lib.format.dtype_to_descr(array.dtype)))
        if length > _MAX_HEADER // 2:  # half, as room for the shape and for non-ASCII names
            raise NoSuchServiceError(
                f"An archive cannot hold an array with {len(array.dtype.names)} fields: their "
                f"description takes {length} characters, at most {_MAX_HEADER // 2} are allowed. "
                "Store the fields as arrays of their own."
            )
    np.lib.format.write_array(file, array, allow_pickle=False)


def read_array(read: Callable[[int], bytes], size: int) -> np.ndarray[Any, Any]:
    """Read an array.

    Parameters
    ----------
    read : callable
        Returns as many bytes as it is asked for, or raises.
    size : int
        Number of bytes there are in all.

    Raises
    ------
    Exception
        Whatever it takes if this is no array of exactly this size: most often ``ValueError``.
    """
    prefix = read(_PREFIX_SIZE)
    form = _VERSIONS.get(prefix)
    if form is None:
        raise ValueError(f"it begins with {prefix!r} and is no array in .npy form")
    width, encoding = form
    length = int.from_bytes(read(width), "little")
    remaining = size - _PREFIX_SIZE - width - length
    if length > _MAX_HEADER or remaining < 0:
        raise ValueError(
            f"the header of the array claims {length} bytes; at most {_MAX_HEADER} are allowed, "
            f"and there are {size - _PREFIX_SIZE - width}"
        )
    dtype, is_fortran, shape = _header(read(length).decode(encoding))
    count = math.prod(shape)
    if count * dtype.itemsize != remaining:
        raise ValueError(
            f"its header claims an array of shape {shape} and dtype {dtype}, which is "
            f"{count * dtype.itemsize} bytes, but {remaining} follow"
        )
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, order="F" if is_fortran else "C")
    if remaining:
        target = (array.T if is_fortran else array).reshape(-1).view(np.uint8)
        for start in range(0, remaining, _PIECE):
            end = min(start + _PIECE, remaining)
            target[start:end] = np.frombuffer(read(end - start), dtype=np.uint8)
    return array


def _header(text: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """Type, whether the order is Fortran's, and shape."""
    if _LITERALS.fullmatch(_TEXT.sub("", text)) is None:
        raise ValueError(f"the header of the array is no plain description: {text[:200]!r}")
    content = ast.literal_eval(text)
    if not isinstance(content, dict) or content.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError(f"the header of the array lacks something: {text[:200]!r}")
    shape, is_fortran = content["shape"], content["fortran_order"]
    if (
        not isinstance(shape, tuple)
        or any(type(extent) is not int or extent < 0 for extent in shape)
        or not isinstance(is_fortran, bool)
    ):
        raise ValueError(f"the header of the array has no proper shape: {text[:200]!r}")
    dtype = np.lib.format.descr_to_dtype(content["descr"])
    if dtype.hasobject:
        raise ValueError("it is an array of Python objects, which archives never hold")
    if dtype.subdtype is not None:
        raise ValueError(f"{content['descr']!r} is no type of the elements of an array")
    return dtype, is_fortran, shape
