"""The index of an HDF5 group as raw bytes: copied before it changes, read, and built anew.

A group knows its children by an index of many small blocks: a B-tree of symbol nodes and a heap
with the names. HDF5 rewrites them in place and in order of their addresses, so an old block may
point to a new one that is not there yet when the process is killed, and then the group has lost
*all* its children although every one of them lies undamaged in the file. A copy of the blocks from
before the change says where they lie, and from that a new index is built at the end of the file.

Invariant: nothing here is known to HDF5's library, which must not have the file open while an
index is built. Only the blocks of the old file format are understood, which PyTables and pypet 0.7
write; other groups give ``None`` when they are copied.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = (1 << 64) - 1
_CONTINUATION, _SYMBOL_TABLE = 0x10, 0x11
_HARD_LINK, _CACHED_GROUP, _SOFT_LINK = 0, 1, 2
_NO_FREE_BLOCK = 1
_ENTRY = struct.Struct("<QQII16s")
_TREE_HEAD = struct.Struct("<4sBBHQQ")
_NODE_HEAD = struct.Struct("<4sBBH")
_HEAP = struct.Struct("<4sB3xQQQ")
_PAIR = struct.Struct("<QQ")
_MESSAGE = struct.Struct("<HHB3x")
_HEADER = struct.Struct("<BBHII4x")
#: Sizes that nodes have unless somebody asked HDF5 for others.
_USUAL_TREE_NODE = _TREE_HEAD.size + 8 + 16 * 32
_USUAL_NODE = _NODE_HEAD.size + 8 * _ENTRY.size


class Bytes(Protocol):
    """What the blocks are read from."""

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file; fewer than `size` if it ends before."""


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


class DamagedIndexError(Exception):
    """A block is not what it should be."""


# --------------------------------------------------------------------- reading


def has_unclaimed_end(source: FileBytes | ImageBytes) -> bool:
    """Whether the file is longer than it says: HDF5 notes its length last of all.

    Objects behind the end that is noted cannot be opened.
    """
    start = _superblock(source)
    return start is not None and _noted_end(source, start) < source.size()


def claim_whole_file(target: _Writable) -> None:
    """Make the file say that it is as long as it is; bytes are only added to it."""
    start = _superblock(target)
    if start is not None:
        target.write(start - 16, struct.pack("<Q", max(_noted_end(target, start), target.size())))


def _noted_end(source: Bytes, start: int) -> int:
    (end,) = struct.unpack("<Q", source.read(start - 16, 8))
    return int(end)


def header_address(source: Bytes, path: str) -> int | None:
    """Address of the header of the group at `path`; ``None`` if there is none in the old format."""
    start = _superblock(source)
    if start is None:
        return None
    address = _PAIR.unpack(source.read(start, 16))[1]
    try:
        for name in path.strip("/").split("/") if path != "/" else ():
            target = _lookup(source, address, name.encode())
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
        table = _find_symbol_table(recorder, header)
        if table is None:
            recorder.copy.has_index = False
        else:
            _heap_data(recorder, table[1])
            for _ in _nodes(recorder, table[0]):
                pass  # reading is recording
    except DamagedIndexError:
        return None
    return recorder.copy


def has_header(source: Bytes, address: int) -> bool:
    """Whether an object in the old format lies at this address, with all parts of its header."""
    try:
        return len(list(_messages(source, address))) > 0
    except DamagedIndexError:
        return False


def children(source: Bytes, header: int) -> dict[str, Target]:
    """The children of a group by their names.

    Raises
    ------
    DamagedIndexError
        If a block of the index is missing or is something else.
    """
    tree, heap = _symbol_table(source, header)
    names = _heap_data(source, heap)
    found = {}
    before = ""
    for _, node in _nodes(source, tree):
        for place, address, kind, _, scratch in _entries(node):
            name = _text(names, place)
            if not name or name in found:
                raise DamagedIndexError(f"an entry after {before!r} has no name of its own")
            before = name
            if kind == _SOFT_LINK:
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


def _superblock(source: Bytes) -> int | None:
    """Where the entry of the root group lies; ``None`` for other formats than the old ones."""
    head = source.read(0, 16)
    if (
        len(head) < 16
        or not head.startswith(_SIGNATURE)
        or head[8] > 1
        or head[13:15] != b"\x08\x08"
    ):
        return None
    return 56 if head[8] == 0 else 60


def _symbol_table(source: Bytes, header: int) -> tuple[int, int]:
    """Addresses of the B-tree and the heap of a group."""
    found = _find_symbol_table(source, header)
    if found is None:
        raise DamagedIndexError("a group has no symbol table")
    return found


def _find_symbol_table(source: Bytes, header: int) -> tuple[int, int] | None:
    found = None
    for _, kind, data in _messages(source, header):
        if kind == _SYMBOL_TABLE:
            found = _PAIR.unpack(data[:16])
    return found


def _messages(source: Bytes, header: int) -> Iterator[tuple[int, int, bytes]]:
    """Address of the data, kind and data of each message of an object's header."""
    head = source.read(header, _HEADER.size)
    if len(head) < _HEADER.size:
        raise DamagedIndexError("a header is missing")
    version, _, _, _, size = _HEADER.unpack(head)
    if version != 1:
        raise DamagedIndexError("a header has another format")
    chunks = [(header + _HEADER.size, size)]
    while chunks:
        start, size = chunks.pop(0)
        chunk = source.read(start, size)
        if len(chunk) < size:
            raise DamagedIndexError("a part of a header is missing")
        offset = 0
        while offset + _MESSAGE.size <= size:
            kind, length, _ = _MESSAGE.unpack_from(chunk, offset)
            offset += _MESSAGE.size
            data = chunk[offset : offset + length]
            if len(data) < length:
                raise DamagedIndexError("a message is cut")
            if kind == _CONTINUATION:
                chunks.append(_PAIR.unpack(data[:16]))
            yield start + offset, kind, data
            offset += length


def _heap_data(source: Bytes, heap: int) -> bytes:
    head = source.read(heap, _HEAP.size)
    if len(head) < _HEAP.size or not head.startswith(b"HEAP"):
        raise DamagedIndexError("a heap is missing")
    _, _, size, _, address = _HEAP.unpack(head)
    data = source.read(address, size)
    if len(data) < size:
        raise DamagedIndexError("the names of a heap are missing")
    return data


def _nodes(source: Bytes, tree: int) -> Iterator[tuple[int, bytes]]:
    """Addresses and symbol nodes below a node of a B-tree, in order."""
    level, addresses, _ = _tree_node(source, tree)
    for address in addresses:
        if level:
            yield from _nodes(source, address)
        else:
            yield address, _symbol_node(source, address)


def _tree_node(source: Bytes, address: int) -> tuple[int, Sequence[int], Sequence[int]]:
    """Level of a node of a B-tree, the addresses below it, and the keys between these."""
    block = source.read(address, _USUAL_TREE_NODE)
    if len(block) < _TREE_HEAD.size or not block.startswith(b"TREE") or block[4] != 0:
        raise DamagedIndexError("a node of a B-tree is missing")
    count = 2 * _TREE_HEAD.unpack_from(block)[3] + 1
    size = _TREE_HEAD.size + 8 * count
    if len(block) < size:
        block = source.read(address, size)
    if len(block) < size:
        raise DamagedIndexError("a node of a B-tree is cut")
    values = struct.unpack_from(f"<{count}Q", block, _TREE_HEAD.size)
    return block[5], values[1::2], values[0::2]


def _symbol_node(source: Bytes, address: int) -> bytes:
    node = source.read(address, _USUAL_NODE)
    if len(node) < _NODE_HEAD.size or not node.startswith(b"SNOD"):
        raise DamagedIndexError("a symbol node is missing")
    size = _NODE_HEAD.size + _NODE_HEAD.unpack_from(node)[3] * _ENTRY.size
    if len(node) < size:
        node = source.read(address, size)
    if len(node) < size:
        raise DamagedIndexError("a symbol node is cut")
    return node[:size]


def _entries(node: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    return _ENTRY.iter_unpack(node[_NODE_HEAD.size :])


def _lookup(source: Bytes, header: int, name: bytes) -> Target | None:
    """One child of a group, found without reading the whole index."""
    tree, heap = _symbol_table(source, header)
    head = source.read(heap, _HEAP.size)
    if len(head) < _HEAP.size or not head.startswith(b"HEAP"):
        raise DamagedIndexError("a heap is missing")
    names = _HEAP.unpack(head)[4]

    def name_at(place: int) -> bytes:
        return source.read(names + place, len(name) + 1).partition(b"\0")[0]

    level = 1
    while level:
        level, addresses, keys = _tree_node(source, tree)
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
    for place, address, kind, _, _ in _entries(_symbol_node(source, tree)):
        if source.read(names + place, len(name) + 1) == name + b"\0":
            return Target(None if kind == _SOFT_LINK else address)
    return None


def _text(names: bytes, place: int) -> str:
    end = names.find(b"\0", place)
    if end < 0 or place >= len(names):
        raise DamagedIndexError("a name is missing")
    return names[place:end].decode("utf-8", "surrogateescape")


# -------------------------------------------------------------------- building


class _Writable(Bytes, Protocol):
    def write(self, offset: int, data: bytes) -> None: ...

    def size(self) -> int: ...

    def sync(self) -> None: ...


def restore_header(target: _Writable, copy: IndexCopy) -> None:
    """Make the header of a group what it was when its index was copied.

    Crash story: bytes of the header are overwritten in place; doing so again is the same.
    """
    for address, _ in _header_chunks(copy):
        target.write(address, copy.blocks[address])


def _header_chunks(copy: IndexCopy) -> Iterator[tuple[int, int]]:
    size = _HEADER.unpack(copy.read(copy.header, _HEADER.size))[4]
    yield copy.header, _HEADER.size
    yield copy.header + _HEADER.size, size
    for _, kind, data in _messages(copy, copy.header):
        if kind == _CONTINUATION:
            yield _PAIR.unpack(data[:16])


def build_index(target: _Writable, header: int, wanted: Mapping[str, Target]) -> None:
    """Give a group an index with these children, built at the end of the file.

    Crash story: the new blocks are on disk before the group points to them. Dying in between
    leaves bytes at the end of the file that belong to nobody.

    Raises
    ------
    DamagedIndexError
        If the header of the group has no place for the address of an index.
    """
    message = next(
        (place for place, kind, _ in _messages(target, header) if kind == _SYMBOL_TABLE), None
    )
    entry = _superblock(target)
    if message is None or entry is None:
        raise DamagedIndexError("a group has no symbol table")
    leaf_k, internal_k = struct.unpack("<HH", target.read(16, 4))
    builder = _Builder(_aligned(target.size()), leaf_k, internal_k)
    tree, heap = builder.index(wanted)
    target.write(builder.start, bytes(builder.blocks))
    # The file ends where the superblock says, see `truncation`.
    end = builder.start + len(builder.blocks)
    target.sync()
    target.write(entry - 16, struct.pack("<Q", end))
    target.write(message, _PAIR.pack(tree, heap))
    if _PAIR.unpack(target.read(entry, 16))[1] == header:
        target.write(entry + 24, _PAIR.pack(tree, heap))
    target.sync()


def forget_cached_index(target: _Writable, parent: int, header: int) -> None:
    """Remove the note in the index of a parent on where the index of one of its groups lies."""
    for start, node in _nodes(target, _symbol_table(target, parent)[0]):
        for number, (place, address, kind, _, _) in enumerate(_entries(node)):
            if address == header and kind == _CACHED_GROUP:
                entry = _ENTRY.pack(place, address, _HARD_LINK, 0, bytes(16))
                target.write(start + _NODE_HEAD.size + number * _ENTRY.size, entry)


def _aligned(size: int) -> int:
    return -(-size // 8) * 8


class _Builder:
    """Lays out the blocks of an index one after the other."""

    def __init__(self, start: int, leaf_k: int, internal_k: int) -> None:
        self.start = start
        self.blocks = bytearray()
        self._per_node = 2 * leaf_k
        self._per_tree_node = 2 * internal_k

    def index(self, wanted: Mapping[str, Target]) -> tuple[int, int]:
        """Addresses of the B-tree and the heap of an index."""
        names = bytearray(8)  # the empty name comes first

        def stored(text: str) -> int:
            place = len(names)
            encoded = text.encode("utf-8", "surrogateescape") + b"\0"
            names.extend(encoded.ljust(_aligned(len(encoded)), b"\0"))
            return place

        entries = []
        for name, child in sorted(
            wanted.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape")
        ):
            place = stored(name)
            if child.address is None:
                scratch = struct.pack("<I12x", stored(child.link))
                entries.append(_ENTRY.pack(place, _UNDEFINED, _SOFT_LINK, 0, scratch))
            else:
                # Without what HDF5 notes of groups there: it looks into their headers then.
                entries.append(_ENTRY.pack(place, child.address, _HARD_LINK, 0, bytes(16)))
        level, children = 0, []
        for start in range(0, len(entries), self._per_node):
            part = entries[start : start + self._per_node]
            last = struct.unpack_from("<Q", part[-1])[0]
            children.append((self._add(self._node(part)), last))
        while True:
            children = self._tree_level(children, level)
            level += 1
            if len(children) == 1:
                break
        data = self._add(bytes(names))
        heap = self._add(_HEAP.pack(b"HEAP", 0, len(names), _NO_FREE_BLOCK, data))
        return children[0][0], heap

    def _add(self, block: bytes) -> int:
        address = self.start + len(self.blocks)
        self.blocks.extend(block.ljust(_aligned(len(block)), b"\0"))
        return address

    def _node(self, entries: Sequence[bytes]) -> bytes:
        block = _NODE_HEAD.pack(b"SNOD", 1, 0, len(entries)) + b"".join(entries)
        return block.ljust(_NODE_HEAD.size + self._per_node * _ENTRY.size, b"\0")

    def _tree_level(self, nodes: Sequence[tuple[int, int]], level: int) -> list[tuple[int, int]]:
        """One level of the B-tree above `nodes`: addresses, and places of their last names."""
        size = _TREE_HEAD.size + 8 + 16 * self._per_tree_node
        parts = [
            nodes[start : start + self._per_tree_node]
            for start in range(0, max(1, len(nodes)), self._per_tree_node)
        ]
        first = self.start + len(self.blocks)
        addresses = [first + number * size for number in range(len(parts))]
        above = []
        before = 0
        for number, part in enumerate(parts):
            left = addresses[number - 1] if number else _UNDEFINED
            right = addresses[number + 1] if number + 1 < len(parts) else _UNDEFINED
            values = [before]
            for address, last in part:
                values += [address, last]
                before = last
            head = _TREE_HEAD.pack(b"TREE", 0, level, len(part), left, right)
            block = head + struct.pack(f"<{len(values)}Q", *values)
            above.append((self._add(block.ljust(size, b"\0")), before))
        return above
