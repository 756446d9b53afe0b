"""Files that end too early: because a process was killed, or because a copy is incomplete.

HDF5 notes in its superblock how long the file is, and extends the file to that length as the very
last step of a flush. A process killed just before leaves a file that lacks a few bytes which
nobody has written to, and HDF5 refuses it. Nothing is lost then: with zeros at its end the file
is what it would have become. A file that was cut otherwise lacks data, and zeros would be taken
for data.

Both look the same from outside. So whoever writes leaves a mark on the root group until the file
is closed: only a marked file is completed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tables

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Offset of the end-of-file address by version of the superblock; all with 8 byte addresses.
_END_ADDRESS_OFFSETS = {0: 40, 1: 44, 2: 28, 3: 28}

#: Attribute of the root group while somebody writes.
WRITING = "PYPET_WRITING"


def missing_bytes(path: str | os.PathLike[str]) -> int:
    """How many bytes the file lacks according to its own superblock; 0 if that cannot be told."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        head = stream.read(64)
    if len(head) < 64 or not head.startswith(_SIGNATURE):
        return 0
    offset = _END_ADDRESS_OFFSETS.get(head[8])
    if offset is None:
        return 0
    end = int.from_bytes(head[offset : offset + 8], "little")
    return max(0, end - size)


def open_completed(path: str, missing: int) -> Any:
    """Open a file for reading as it would be with `missing` zeros at its end, in memory.

    Returns
    -------
    tables.File or None
        ``None`` if the file does not open then either, or nobody was writing to it.
    """
    image = Path(path).read_bytes() + bytes(missing)
    try:
        file = open_image(path, image, mode="r")
    except tables.HDF5ExtError:
        return None
    if WRITING in file.root._v_attrs:
        return file
    file.close()
    return None


def open_image(path: str, image: bytes, mode: str) -> Any:
    """Open the content of a file in memory; nothing is written to disk."""
    # HDF5 wants a name that no file has, although it creates none.
    return tables.open_file(
        f"{path} (in memory)",
        mode=mode,
        driver="H5FD_CORE",
        driver_core_image=image,
        driver_core_backing_store=0,
    )


def complete(path: str, missing: int) -> bool:
    """Extend a file on disk by zeros, if somebody was writing to it when it was cut.

    Crash story: extending a file by zeros is one system call.
    """
    file = open_completed(path, missing)
    if file is None:
        return False
    file.close()
    os.truncate(path, os.path.getsize(path) + missing)
    return True
