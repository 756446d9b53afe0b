"""The index of an HDF5 group as raw bytes: copied before it changes, and read.

A group knows its children by an index of many small blocks
(:mod:`~pypet_storage_hdf5.group_format`). HDF5 rewrites them in place and in order of their
addresses, so an old block may point to a new one that is not there yet when the process is killed,
and then the group has lost *all* its children although every one of them lies undamaged in the
file. A copy of the blocks from before the change says where they lie, and from that a new index is
built (:mod:`~pypet_storage_hdf5.index_building`).

Invariant: nothing here is known to HDF5's library. Groups in another than the old file format
give ``None`` when they are copied.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from pypet_storage_hdf5.file_bytes import Bytes, FileBytes, ImageBytes, WritableBytes
from pypet_storage_hdf5.group_format import (
    CONTINUATION,
    HEADER,
    HEAP,
    MESSAGE,
    PAIR,
    SOFT_LINK,
    SYMBOL_TABLE,
    DamagedIndexError,
    find_symbol_table,
    heap_data,
    messages,
    node_entries,
    root_entry,
    symbol_node,
    symbol_nodes,
    symbol_table,
    tree_node,
)

#: Size of a part of a header with the place of an index and the head of some unused space.
_LEAST_PART = 2 * MESSAGE.size + 16


class Target(NamedTuple):
    """What a child of a group is: where its object lies, or where a soft link points to."""

    #: Address of the object, `None` for a soft link.
    address: int | None
    #: Where a soft link points to.
    link: str = ""


@dataclass
class IndexCopy:
    """The blocks of one group's index, and of the header of the group."""

    #: Address of the group's header, which never changes.
    header: int
    #: Blocks by address.
    blocks: dict[int, bytes] = field(default_factory=dict)
    #: False for a dataset, of which only the header is kept.
    has_index: bool = True

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of one of the blocks; nothing if it is none of them."""
        block = self.blocks.get(offset, b"")
        return block[:size]


def has_unclaimed_end(source: FileBytes | ImageBytes) -> bool:
    """Whether the file is longer than it says: HDF5 notes its length last of all.

    Objects behind the end that is noted cannot be opened.
    """
    start = root_entry(source)
    return start is not None and _noted_end(source, start) < source.size()


def root_needs_end(source: Bytes) -> bool:
    """Whether the header of the root lies in part behind the end that the file notes."""
    start = root_entry(source)
    return start is not None and sum(_last_part_of_root(source, start)) > _noted_end(source, start)


def _last_part_of_root(source: Bytes, start: int) -> tuple[int, int]:
    """Address and size of the last part of the root's header."""
    last = (0, 0)
    try:
        for _, kind, data in messages(source, PAIR.unpack(source.read(start, 16))[1]):
            if kind == CONTINUATION:
                last = max(last, PAIR.unpack(data[:16]))
    except DamagedIndexError:
        pass  # that part is not there yet
    return last


def claim_whole_file(target: WritableBytes) -> None:
    """Make the file say that it is as long as it is; bytes are only added to it.

    A header of the root that was about to grow gets the part that is not there yet: HDF5 moves
    the place of the index there, which it notes beside the address of the root as well.
    """
    start = root_entry(target)
    if start is not None:
        address, size = _last_part_of_root(target, start)
        if address + size > target.size() and size >= _LEAST_PART:
            place = MESSAGE.pack(SYMBOL_TABLE, 16, 0) + target.read(start + 24, 16)
            unused = MESSAGE.pack(0, size - _LEAST_PART, 0)
            target.write(address, (place + unused).ljust(size, b"\0"))
        target.write(start - 16, struct.pack("<Q", max(_noted_end(target, start), target.size())))


def _noted_end(source: Bytes, start: int) -> int:
    (end,) = struct.unpack("<Q", source.read(start - 16, 8))
    return int(end)


def header_address(source: Bytes, path: str) -> int | None:
    """Address of the header of the group at `path`; ``None`` if there is none in the old format."""
    start = root_entry(source)
    if start is None:
        return None
    address = PAIR.unpack(source.read(start, 16))[1]
    try:
        for name in path.strip("/").split("/") if path != "/" else ():
            target = child_of(source, address, name)
            if target is None or target.address is None:
                return None
            address = target.address
    except DamagedIndexError:
        return None
    return int(address)


def copied_index(source: Bytes, path: str) -> IndexCopy | None:
    """A copy of the index of the group at `path`, or of the header only if it is a dataset.

    ``None`` if there is nothing in the old format.
    """
    header = header_address(source, path)
    if header is None:
        return None
    recorder = _Recorder(source, IndexCopy(header))
    try:
        table = find_symbol_table(recorder, header)
        if table is None:
            recorder.copy.has_index = False
        else:
            heap_data(recorder, table[1])
            for _ in symbol_nodes(recorder, table[0]):
                pass  # reading is recording
    except DamagedIndexError:
        return None
    return recorder.copy


def has_header(source: Bytes, address: int) -> bool:
    """Whether an object in the old format lies at this address, with all parts of its header."""
    try:
        return len(list(messages(source, address))) > 0
    except DamagedIndexError:
        return False


def count_of_names(source: Bytes, address: int) -> int:
    """How many names an object has, according to its header."""
    return int(HEADER.unpack(source.read(address, HEADER.size))[3])


def children(source: Bytes, header: int) -> dict[str, Target]:
    """The children of a group by their names.

    Raises
    ------
    DamagedIndexError
        If a block of the index is missing or is something else.
    """
    tree, heap = symbol_table(source, header)
    names = heap_data(source, heap)
    found = {}
    before = ""
    for _, node in symbol_nodes(source, tree):
        for place, address, kind, _, scratch in node_entries(node):
            name = _text(names, place)
            if not name or name in found:
                raise DamagedIndexError(f"an entry after {before!r} has no name of its own")
            before = name
            if kind == SOFT_LINK:
                (value,) = struct.unpack_from("<I", scratch)
                found[name] = Target(None, _text(names, value))
            else:
                found[name] = Target(address)
    return found


class _Recorder:
    """Reads from a file and keeps every block that was read."""

    def __init__(self, source: Bytes, copy: IndexCopy) -> None:
        self._source = source
        self.copy = copy

    def read(self, offset: int, size: int) -> bytes:
        block = self._source.read(offset, size)
        if len(block) > len(self.copy.blocks.get(offset, b"")):
            self.copy.blocks[offset] = block
        return block


def child_of(source: Bytes, header: int, child: str) -> Target | None:
    """One child of a group, found without reading the whole index; ``None`` if it is not there.

    Raises
    ------
    DamagedIndexError
        If a block of the index is missing or is something else.
    """
    name = child.encode("utf-8", "surrogateescape")
    tree, heap = symbol_table(source, header)
    head = source.read(heap, HEAP.size)
    if len(head) < HEAP.size or not head.startswith(b"HEAP"):
        raise DamagedIndexError("a heap is missing")
    names = HEAP.unpack(head)[4]

    def name_at(place: int) -> bytes:
        return source.read(names + place, len(name) + 1).partition(b"\0")[0]

    level = 1
    while level:
        level, addresses, keys = tree_node(source, tree)
        low, high = 0, len(addresses)
        while low < high:  # the first child whose last name is not before ours
            middle = (low + high) // 2
            if name_at(keys[middle + 1]) < name:
                low = middle + 1
            else:
                high = middle
        if low == len(addresses):
            return None
        tree = addresses[low]
    for place, address, kind, _, _ in node_entries(symbol_node(source, tree)):
        if source.read(names + place, len(name) + 1) == name + b"\0":
            return Target(None if kind == SOFT_LINK else address)
    return None


def _text(names: bytes, place: int) -> str:
    end = names.find(b"\0", place)
    if end < 0 or place >= len(names):
        raise DamagedIndexError("a name is missing")
    return names[place:end].decode("utf-8", "surrogateescape")
