"""The `.traj` container: a zip of JSON and ``.npy`` members that changes atomically.

Any zip tool opens an archive and ``numpy.load`` reads its arrays. One member, ``index.<n>.json``,
says what belongs to which trajectory and node; everything else is only ever referred to by it.
Of several such members the one with the largest number counts.

Crash story: a session that writes works on a temporary file beside the archive, which starts as a
copy of it; new members are appended there, old ones never touched. :meth:`ArchiveFile.commit`
writes the next index, syncs, and renames the temporary file over the archive. If the process
dies at any moment, the archive is what it was after the last commit. What remains is at most a
file ``.<name>.<random>.tmp``, which may be deleted.

Invariant: members are never changed, so replaced data stays in the file, unreferenced, until it
outweighs the rest; then a commit copies what is referred to and leaves the rest behind. One
might expect a commit to cost what was written. It costs a copy of the file: keep the store open
over many small writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pypet_trajectory.exceptions import DataNotInStorageError, PypetOSError, PypetRuntimeError
from pypet_trajectory.files import publish, sync
from pypet_trajectory.storage.archive.index import FORMAT, damaged, latest_index
from pypet_trajectory.storage.archive.members import MemberReader, write_array

#: Unreferenced bytes below this never cause the archive to be rewritten.
_TOLERATED_WASTE = 1 << 16


class ArchiveFile:
    """One archive during one session, from opening to closing.

    Parameters
    ----------
    path : path-like
        The archive.
    writable : bool
        Whether members may be added. Then the file need not exist yet.
    complevel : int
        Deflate level of new members, 0 (stored) to 9.

    Raises
    ------
    FileNotFoundError
        If there is nothing to read.
    PypetOSError
        If the file is no archive, or damaged in any way.
    VersionMismatchError
        If the archive has a newer format.
    """

    def __init__(self, path: str | os.PathLike[str], *, writable: bool, complevel: int) -> None:
        self.path = Path(path)
        self.writable = writable
        self._complevel = complevel
        self._zip: zipfile.ZipFile | None = None
        #: Reads the members of that file.
        self._members: MemberReader | None = None
        self._temporary: Path | None = None
        self._found = _identity(self.path)
        #: The content of the index: ``{'trajectories': {name: {...}}, ...}``.
        self.index: dict[str, Any] = {"format": FORMAT, "generation": 0, "trajectories": {}}
        self.changed = False
        if self._found is not None:
            try:
                self.index = latest_index(self._use(_opened(self.path, "r")), self.path)
            except BaseException:
                self._discard()
                raise
        elif not writable:
            raise FileNotFoundError(f"There is no archive {str(self.path)!r}.")
        #: Members read so far to the place that they belong to.
        self._owners: dict[str, str] = {}
        #: Number that makes names of members unique; goes up with each member written.
        self._next_member: int = self.index.setdefault("members", 0)

    # --------------------------------------------------------------- reading

    def read_json(self, member: str) -> Any:
        """Content of a JSON member; raises as :meth:`MemberReader.read_json` does."""
        return self._reader(member).read_json(member)

    def read_array(self, member: str) -> np.ndarray[Any, Any]:
        """Content of an array member; raises as :meth:`MemberReader.read_array` does."""
        return self._reader(member).read_array(member)

    def reader_for(self, place: str) -> PlaceReader:
        """Reads the members of one node or run table, which is called `place` in messages."""
        return PlaceReader(self, self._owners, place)

    def _reader(self, member: str) -> MemberReader:
        if self._members is None:
            raise DataNotInStorageError(f"The archive {self.path} has no member {member!r}.")
        return self._members

    def _use(self, archive: zipfile.ZipFile) -> MemberReader:
        """Read from this file from now on, and write to it where that is allowed."""
        self._zip, self._members = archive, None
        self._members = MemberReader(archive, self.path)
        return self._members

    # --------------------------------------------------------------- writing

    def add_json(self, stem: str, content: Any) -> str:
        """Add a JSON member and return its name, `stem` made unique."""
        data = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        return self._add(stem, "json", lambda file: file.write(data))

    def add_array(self, stem: str, array: np.ndarray[Any, Any]) -> str:
        """Add an array as ``.npy`` member and return its name, `stem` made unique."""

        return self._add(stem, "npy", lambda file: write_array(file, array))

    def _add(self, stem: str, extension: str, write: Callable[[Any], Any]) -> str:
        target = self._writable_zip()
        name = ""
        # An index may be wrong about the numbers that are taken.
        while not name or name in target.NameToInfo:
            name = f"{stem}.{self._next_member}.{extension}"
            self._next_member += 1
        try:
            with target.open(name, "w", force_zip64=True) as file:
                write(file)
        except OSError as error:
            raise PypetOSError(
                f"Cannot write {name!r} into the archive {self.path}: {error}"
            ) from error
        self.changed = True
        return name

    def _writable_zip(self) -> zipfile.ZipFile:
        """The temporary file, begun as a copy of the archive at the first write."""
        if self._temporary is None:
            if not self.writable:
                raise PypetRuntimeError(f"The archive {self.path} is open for reading only.")
            temporary = self._temporary_path()
            try:
                if self._found is not None:
                    shutil.copyfile(self.path, temporary)
                fresh = _opened(temporary, "a", self._complevel)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            if self._zip is not None:
                self._zip.close()
            self._use(fresh)
            self._temporary = temporary
        assert self._zip is not None
        return self._zip

    def _temporary_path(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            prefix=f".{self.path.name}.", suffix=".tmp", dir=self.path.parent
        )
        os.close(descriptor)
        return Path(name)

    # ------------------------------------------------------------ committing

    def commit(self, live: Iterable[str]) -> None:
        """Make all changes visible at once and durable.

        Parameters
        ----------
        live : iterable of str
            Names of all members the index refers to.

        Raises
        ------
        OSError
            If writing fails; the archive is then what it was.
        RuntimeError
            If another process changed the archive since it was opened.
        """
        if not self.changed:
            return
        if _identity(self.path) != self._found:
            raise PypetRuntimeError(
                f"The archive {self.path} was changed by another process while this session was "
                "writing to it, so these changes are not kept. Let one process write at a time."
            )
        try:
            self._drop_waste(set(live))
            target = self._writable_zip()
            self.index["generation"] += 1
            self.index["members"] = self._next_member
            data = json.dumps(self.index, ensure_ascii=False, allow_nan=False).encode()
            target.writestr(f"index.{self.index['generation']}.json", data)
            target.close()
            assert self._temporary is not None
            sync(self._temporary)
            _take_over_mode(self.path, self._temporary)
            publish(self._temporary, self.path)
        except OSError as error:
            self._discard()
            raise PypetOSError(
                f"Cannot write the archive {self.path}: {error}. It is what it was before."
            ) from error
        self._temporary = None
        self._found = _identity(self.path)
        self._use(_opened(self.path, "r"))
        self.changed = False

    def close(self) -> None:
        """Close the file; changes not committed are lost."""
        self._discard()

    def _discard(self) -> None:
        if self._zip is not None:
            # Closing writes the directory of a file that is thrown away; a full disk may refuse.
            with contextlib.suppress(OSError):
                self._zip.close()
            self._zip = self._members = None
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None
        self.changed = False

    def _drop_waste(self, live: set[str]) -> None:
        """Rewrite the temporary file without unreferenced members if these outweigh the rest."""
        source = self._writable_zip()
        assert self._members is not None
        sizes = {info.filename: info.compress_size for info in source.infolist()}
        used = sum(size for name, size in sizes.items() if name in live)
        if sum(sizes.values()) - used <= max(used, _TOLERATED_WASTE):
            return
        temporary = self._temporary_path()
        try:
            with _opened(temporary, "a", self._complevel) as target:
                for name in sizes:
                    if name in live:
                        with target.open(name, "w", force_zip64=True) as new:
                            for piece in self._members.pieces(name):
                                new.write(piece)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._discard()
        self._use(_opened(temporary, "a", self._complevel))
        self._temporary, self.changed = temporary, True


class PlaceReader:
    """Reads members for one node or run table, and none that was read for another.

    An index of a few bytes could name one large array a million times, and each of them would be
    loaded. Writers never do that: every array that is stored gets a member of its own. Invariant:
    in one session a member is read for one place only, and once each time that this is read, so all
    data of an archive together is no larger than what its members hold.
    """

    def __init__(self, file: ArchiveFile, owners: dict[str, str], place: str) -> None:
        self._file = file
        self._owners = owners
        self._place = place
        self._read: set[str] = set()

    def json(self, member: Any) -> Any:
        """Content of a JSON member; the index may claim anything to be its name.

        Raises
        ------
        PypetOSError
            If it is damaged, was read for another place, or before for this one.
        """
        return self._file.read_json(self._taken(member))

    def array(self, member: Any) -> np.ndarray[Any, Any]:
        """Content of an array member; as :meth:`json`."""
        return self._file.read_array(self._taken(member))

    def _taken(self, member: Any) -> str:
        if not isinstance(member, str):
            damaged(self._place, "a member", "named", member)
        owner = self._owners.setdefault(member, self._place)
        if owner != self._place or member in self._read:
            damaged(self._place, "a member", f"used once, but {owner} has it, too", member)
        self._read.add(member)
        return member


def _opened(path: Path, mode: Literal["r", "a"], complevel: int = 0) -> zipfile.ZipFile:
    compression = zipfile.ZIP_DEFLATED if complevel else zipfile.ZIP_STORED
    try:
        return zipfile.ZipFile(path, mode, compression, compresslevel=complevel or None)
    except OSError as error:
        raise PypetOSError(f"The archive {path} cannot be opened: {error}") from error
    # What zipfile raises for bytes that no zip writer wrote is not documented: besides BadZipFile
    # among others NotImplementedError, struct.error, OverflowError and UnicodeDecodeError.
    except Exception as error:
        raise PypetOSError(
            f"{path} is no archive of trajectories, or it is damaged: {error}"
        ) from error


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file at `path` is replaced; ``None`` if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _take_over_mode(path: Path, temporary: Path) -> None:
    """Permissions of the archive so far, or those a new file would have."""
    if path.exists():
        shutil.copymode(path, temporary)
        return
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)
