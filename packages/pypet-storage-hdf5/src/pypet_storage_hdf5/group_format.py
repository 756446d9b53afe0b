"""The blocks that make up the index of an HDF5 group, read from raw bytes.

The header of a group points to a B-tree of symbol nodes, whose entries are the children in order
of their names, and to a heap with these names. Only the old file format is understood, which
PyTables and pypet 0.7 write; it is described in the "HDF5 File Format Specification", version 2,
sections II (superblock), III.A to III.D (B-trees, symbol nodes, their entries, local heaps) and
IV.A (object headers).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from pypet_storage_hdf5.file_bytes import Bytes

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = (1 << 64) - 1
CONTINUATION, SYMBOL_TABLE = 0x10, 0x11
HARD_LINK, CACHED_GROUP, SOFT_LINK = 0, 1, 2
NO_FREE_BLOCK = 1
ENTRY = struct.Struct("<QQII16s")
TREE_HEAD = struct.Struct("<4sBBHQQ")
NODE_HEAD = struct.Struct("<4sBBH")
HEAP = struct.Struct("<4sB3xQQQ")
PAIR = struct.Struct("<QQ")
MESSAGE = struct.Struct("<HHB3x")
HEADER = struct.Struct("<BBHII4x")
#: Sizes that nodes have unless somebody asked HDF5 for others.
_USUAL_TREE_NODE = TREE_HEAD.size + 8 + 16 * 32
_USUAL_NODE = NODE_HEAD.size + 8 * ENTRY.size


class DamagedIndexError(Exception):
    """A block is not what it should be."""


def root_entry(source: Bytes) -> int | None:
    """Where the superblock has the entry of the root group; ``None`` for newer formats."""
    head = source.read(0, 16)
    if (
        len(head) < 16
        or not head.startswith(_SIGNATURE)
        or head[8] > 1
        or head[13:15] != b"\x08\x08"
    ):
        return None
    return 56 if head[8] == 0 else 60


def symbol_table(source: Bytes, header: int) -> tuple[int, int]:
    """Addresses of the B-tree and the heap of a group."""
    found = find_symbol_table(source, header)
    if found is None:
        raise DamagedIndexError("a group has no symbol table")
    return found


def find_symbol_table(source: Bytes, header: int) -> tuple[int, int] | None:
    """As `symbol_table`; ``None`` if the object is no group."""
    found = None
    for _, kind, data in messages(source, header):
        if kind == SYMBOL_TABLE:
            found = PAIR.unpack(data[:16])
    return found


def messages(source: Bytes, header: int) -> Iterator[tuple[int, int, bytes]]:
    """Address of the data, kind and data of each message of an object's header."""
    head = source.read(header, HEADER.size)
    if len(head) < HEADER.size:
        raise DamagedIndexError("a header is missing")
    version, _, _, _, size = HEADER.unpack(head)
    if version != 1:
        raise DamagedIndexError("a header has another format")
    chunks = [(header + HEADER.size, size)]
    while chunks:
        start, size = chunks.pop(0)
        chunk = source.read(start, size)
        if len(chunk) < size:
            raise DamagedIndexError("a part of a header is missing")
        offset = 0
        while offset + MESSAGE.size <= size:
            kind, length, _ = MESSAGE.unpack_from(chunk, offset)
            offset += MESSAGE.size
            data = chunk[offset : offset + length]
            if len(data) < length:
                raise DamagedIndexError("a message is cut")
            if kind == CONTINUATION:
                chunks.append(PAIR.unpack(data[:16]))
            yield start + offset, kind, data
            offset += length


def heap_data(source: Bytes, heap: int) -> bytes:
    """All names of a local heap, each ended by a zero."""
    head = source.read(heap, HEAP.size)
    if len(head) < HEAP.size or not head.startswith(b"HEAP"):
        raise DamagedIndexError("a heap is missing")
    _, _, size, _, address = HEAP.unpack(head)
    data = source.read(address, size)
    if len(data) < size:
        raise DamagedIndexError("the names of a heap are missing")
    return data


def symbol_nodes(source: Bytes, tree: int) -> Iterator[tuple[int, bytes]]:
    """Addresses and symbol nodes below a node of a B-tree, in order."""
    level, addresses, _ = tree_node(source, tree)
    for address in addresses:
        if level:
            yield from symbol_nodes(source, address)
        else:
            yield address, symbol_node(source, address)


def tree_node(source: Bytes, address: int) -> tuple[int, Sequence[int], Sequence[int]]:
    """Level of a node of a B-tree, the addresses below it, and the keys between these."""
    block = source.read(address, _USUAL_TREE_NODE)
    if len(block) < TREE_HEAD.size or not block.startswith(b"TREE") or block[4] != 0:
        raise DamagedIndexError("a node of a B-tree is missing")
    count = 2 * TREE_HEAD.unpack_from(block)[3] + 1
    size = TREE_HEAD.size + 8 * count
    if len(block) < size:
        block = source.read(address, size)
    if len(block) < size:
        raise DamagedIndexError("a node of a B-tree is cut")
    values = struct.unpack_from(f"<{count}Q", block, TREE_HEAD.size)
    return block[5], values[1::2], values[0::2]


def symbol_node(source: Bytes, address: int) -> bytes:
    """A symbol node without the places that are not in use."""
    node = source.read(address, _USUAL_NODE)
    if len(node) < NODE_HEAD.size or not node.startswith(b"SNOD"):
        raise DamagedIndexError("a symbol node is missing")
    size = NODE_HEAD.size + NODE_HEAD.unpack_from(node)[3] * ENTRY.size
    if len(node) < size:
        node = source.read(address, size)
    if len(node) < size:
        raise DamagedIndexError("a symbol node is cut")
    return node[:size]


def node_entries(node: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Place of the name, address, kind, zero and scratch pad of each child in a symbol node."""
    return ENTRY.iter_unpack(node[NODE_HEAD.size :])
