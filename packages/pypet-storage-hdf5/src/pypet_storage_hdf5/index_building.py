"""Building the index of an HDF5 group anew, at the end of the file.

Invariant: HDF5's library must not have the file open meanwhile. All blocks are laid out in memory
and are on disk before the group points to them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from pypet_storage_hdf5.file_bytes import WritableBytes
from pypet_storage_hdf5.group_format import (
    CACHED_GROUP,
    CONTINUATION,
    ENTRY,
    HARD_LINK,
    HEADER,
    HEAP,
    NO_FREE_BLOCK,
    NODE_HEAD,
    PAIR,
    SOFT_LINK,
    SYMBOL_TABLE,
    TREE_HEAD,
    UNDEFINED,
    DamagedIndexError,
    messages,
    node_entries,
    root_entry,
    symbol_nodes,
    symbol_table,
)
from pypet_storage_hdf5.group_index import IndexCopy, Target


def restore_header(target: WritableBytes, copy: IndexCopy) -> None:
    """Make the header of a group what it was when its index was copied.

    Crash story: bytes of the header are overwritten in place; doing so again is the same.
    """
    for address, _ in _header_chunks(copy):
        target.write(address, copy.blocks[address])


def _header_chunks(copy: IndexCopy) -> Iterator[tuple[int, int]]:
    size = HEADER.unpack(copy.read(copy.header, HEADER.size))[4]
    yield copy.header, HEADER.size
    yield copy.header + HEADER.size, size
    for _, kind, data in messages(copy, copy.header):
        if kind == CONTINUATION:
            yield PAIR.unpack(data[:16])


def build_index(target: WritableBytes, header: int, wanted: Mapping[str, Target]) -> None:
    """Give a group an index with these children, built at the end of the file.

    Crash story: the new blocks are on disk before the group points to them. Dying in between
    leaves bytes at the end of the file that belong to nobody.

    Raises
    ------
    DamagedIndexError
        If the header of the group has no place for the address of an index.
    """
    message = next(
        (place for place, kind, _ in messages(target, header) if kind == SYMBOL_TABLE), None
    )
    entry = root_entry(target)
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
    target.write(message, PAIR.pack(tree, heap))
    if PAIR.unpack(target.read(entry, 16))[1] == header:
        target.write(entry + 24, PAIR.pack(tree, heap))
    target.sync()


def forget_cached_index(target: WritableBytes, parent: int, header: int) -> None:
    """Remove the note in the index of a parent on where the index of one of its groups lies."""
    for start, node in symbol_nodes(target, symbol_table(target, parent)[0]):
        for number, (place, address, kind, _, _) in enumerate(node_entries(node)):
            if address == header and kind == CACHED_GROUP:
                entry = ENTRY.pack(place, address, HARD_LINK, 0, bytes(16))
                target.write(start + NODE_HEAD.size + number * ENTRY.size, entry)


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
                entries.append(ENTRY.pack(place, UNDEFINED, SOFT_LINK, 0, scratch))
            else:
                # Without what HDF5 notes of groups there: it looks into their headers then.
                entries.append(ENTRY.pack(place, child.address, HARD_LINK, 0, bytes(16)))
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
        heap = self._add(HEAP.pack(b"HEAP", 0, len(names), NO_FREE_BLOCK, data))
        return children[0][0], heap

    def _add(self, block: bytes) -> int:
        address = self.start + len(self.blocks)
        self.blocks.extend(block.ljust(_aligned(len(block)), b"\0"))
        return address

    def _node(self, entries: Sequence[bytes]) -> bytes:
        block = NODE_HEAD.pack(b"SNOD", 1, 0, len(entries)) + b"".join(entries)
        return block.ljust(NODE_HEAD.size + self._per_node * ENTRY.size, b"\0")

    def _tree_level(self, nodes: Sequence[tuple[int, int]], level: int) -> list[tuple[int, int]]:
        """One level of the B-tree above `nodes`: addresses, and places of their last names."""
        size = TREE_HEAD.size + 8 + 16 * self._per_tree_node
        parts = [
            nodes[start : start + self._per_tree_node]
            for start in range(0, max(1, len(nodes)), self._per_tree_node)
        ]
        first = self.start + len(self.blocks)
        addresses = [first + number * size for number in range(len(parts))]
        above = []
        before = 0
        for number, part in enumerate(parts):
            left = addresses[number - 1] if number else UNDEFINED
            right = addresses[number + 1] if number + 1 < len(parts) else UNDEFINED
            values = [before]
            for address, last in part:
                values += [address, last]
                before = last
            head = TREE_HEAD.pack(b"TREE", 0, level, len(part), left, right)
            block = head + struct.pack(f"<{len(values)}Q", *values)
            above.append((self._add(block.ljust(size, b"\0")), before))
        return above
