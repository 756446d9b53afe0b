"""Copying the index of each old group before it changes, and bringing a lost one back.

The journal of a session knows what the session stored, but not what was in the file before. So
before a group that was there changes for the first time, a copy of its index goes into the
journal (:mod:`~pypet_storage_hdf5.group_index` says why that is enough). Measured without: one of
fifty processes killed while they add to a group of old results took *all* old results with it.

Invariant: a copy is taken from the file as it was after the last flush before the change, so it is
consistent. Groups that the session created itself have none, the journal holds what is in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pypet_storage_hdf5 import markers
from pypet_storage_hdf5.file_bytes import FileBytes, ImageBytes
from pypet_storage_hdf5.group_format import DamagedIndexError
from pypet_storage_hdf5.group_index import (
    IndexCopy,
    Target,
    child_of,
    children,
    claim_whole_file,
    copied_index,
    count_of_names,
    has_header,
    header_address,
)
from pypet_storage_hdf5.index_building import build_index, forget_cached_index, restore_header
from pypet_storage_hdf5.session_journal import Change, Entry
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

_OVERVIEW = "overview"
#: Number of new groups from which on the journal should start anew.
_MAX_NEW = 50_000


class IndexGuard:
    """Takes a copy of a group's index before the group first changes.

    Parameters
    ----------
    path : str
        The file.
    note : callable
        Gets path and copy, and returns when they are safe.
    """

    def __init__(self, path: str, note: Callable[[str, IndexCopy], None]) -> None:
        self._source = FileBytes(path)
        self._note = note
        self._copied: set[str] = set()
        self._created: set[str] = set()

    def before_change(self, group: str) -> None:
        """Something below or about `group` is going to change."""
        if group in self._created or group in self._copied:
            return
        above = group
        while above:
            above = above.rpartition("/")[0]
            if (above or "/") in self._created:
                return
        self._copied.add(group)
        copy = copied_index(self._source, group)
        if copy is not None:
            self._note(group, copy)

    def created(self, group: str) -> None:
        """The session has created this group."""
        self._created.add(group)

    def moved(self, old: str, new: str) -> None:
        """A group or something else has another path."""
        if old in self._created:
            self._created.discard(old)
            self._created.add(new)

    @property
    def is_full(self) -> bool:
        """Whether so much is remembered that the journal should start anew."""
        return len(self._created) > _MAX_NEW

    def start_anew(self) -> None:
        """From now on everything is old; the file must be flushed."""
        self._copied.clear()
        self._created.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()


@dataclass
class OldIndex:
    """What a journal says about the index of one group."""

    copy: IndexCopy
    #: Names that the session removed or replaced itself.
    gone: set[str] = field(default_factory=set)


def old_indexes(journal: Iterable[Entry]) -> dict[str, OldIndex]:
    """The indexes in a journal by the paths of their groups, parents first."""
    found: dict[str, OldIndex] = {}

    def leaves(path: str) -> None:
        parent, _, name = path.rpartition("/")
        if (parent or "/") in found:
            found[parent or "/"].gone.add(name)
        for other in [known for known in found if f"{known}/".startswith(f"{path}/")]:
            del found[other]

    for entry in journal:
        if entry.change is Change.INDEX:
            path, copy = entry.content
            found.setdefault(path, OldIndex(copy))
            continue
        root = f"/{entry.trajectory}"
        if entry.change is Change.DELETE:
            leaves(f"{root}/{entry.content.replace('.', '/')}")
        elif entry.change in (Change.NODE, Change.DELETE_ITEMS):
            if entry.change is Change.NODE:
                full_name, items = entry.content.record.full_name, entry.content.record.items or ()
            else:
                full_name, items = entry.content
            leaf = f"{root}/{full_name.replace('.', '/')}"
            for item in items:
                leaves(f"{leaf}/{item.replace('.', '/')}")
    return dict(sorted(found.items(), key=lambda item: item[0].count("/")))


def is_damaged(source: FileBytes | ImageBytes, path: str, old: OldIndex) -> bool:
    """Whether a group has lost its header or children that nobody removed.

    A child that is not there yet counts as well: HDF5 stops listing a group where it meets one.
    """
    if header_address(source, path) not in (None, old.copy.header):
        return False  # another group has taken its name
    if not old.copy.has_index:
        return not has_header(source, old.copy.header)
    try:
        found = children(source, old.copy.header)
    except DamagedIndexError:
        return True
    if not _is_overview(path) and not found.keys() >= _wanted(old).keys():
        return True
    return not all(
        _is_there(source, child) and _is_found(source, old.copy.header, name)
        for name, child in found.items()
    ) or _is_half_renamed(source, found)


def bring_back(target: FileBytes | ImageBytes, indexes: dict[str, OldIndex]) -> list[str]:
    """Rebuild what is damaged and return the paths of its groups.

    Crash story: first the file is made to say how long it is, which is one write; then group by
    group, each as :func:`build_index` does it. What is whole already is left alone the next time.
    """
    claim_whole_file(target)
    rebuilt = []
    for path, old in indexes.items():
        if not is_damaged(target, path, old):
            continue
        try:
            if not has_header(target, old.copy.header):
                restore_header(target, old.copy)
            if old.copy.has_index:
                known = _known(_wanted(old), _readable_children(target, old.copy.header))
                there = {name: child for name, child in known.items() if _is_there(target, child)}
                build_index(target, old.copy.header, there)
                parent = header_address(target, path.rpartition("/")[0] or "/")
                if parent is not None and path != "/":
                    forget_cached_index(target, parent, old.copy.header)
        except DamagedIndexError as error:
            _logger.error("The group %r cannot be brought back: %s", path, error)
            continue
        rebuilt.append(path)
    return rebuilt


def _wanted(old: OldIndex) -> dict[str, Target]:
    return {
        name: child
        for name, child in children(old.copy, old.copy.header).items()
        if name not in old.gone and not markers.is_unfinished(name)
    }


def _is_there(source: FileBytes | ImageBytes, child: Target) -> bool:
    return child.address is None or has_header(source, child.address)


def _is_found(source: FileBytes | ImageBytes, header: int, name: str) -> bool:
    # A B-tree that is half old may list a name but look for it elsewhere.
    try:
        return child_of(source, header, name) is not None
    except DamagedIndexError:
        return False


def _is_half_renamed(source: FileBytes | ImageBytes, found: Mapping[str, Target]) -> bool:
    """Whether an object has more names in a group than it knows of: removing one removes it."""
    names = Counter(child.address for child in found.values() if child.address is not None)
    return any(
        number > 1 and number > count_of_names(source, address) for address, number in names.items()
    )


def _known(wanted: Mapping[str, Target], found: Mapping[str, Target]) -> dict[str, Target]:
    """What was there and what is there; an object that lost its old name has that one only."""
    addresses = {child.address for child in wanted.values()} - {None}
    return {
        name: child
        for name, child in (*wanted.items(), *found.items())
        if name in wanted or child.address not in addresses
    }


def _readable_children(source: FileBytes | ImageBytes, header: int) -> dict[str, Target]:
    try:
        return children(source, header)
    except DamagedIndexError:
        return {}


def _is_overview(path: str) -> bool:
    # Its tables are replaced now and then without a word in the journal.
    return path.count("/") == 2 and path.endswith(f"/{_OVERVIEW}")
