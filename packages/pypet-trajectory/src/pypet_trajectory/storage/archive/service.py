"""Trajectories in one `.traj` file: light, portable, readable without pypet.

The service gives the file its name and says whether pickles are allowed; what is in the file is
up to :mod:`~pypet_trajectory.storage.archive.backend`. Unlike an HDF5 file an archive is not made
for being appended to by every run of a long experiment: each session that writes ends with a copy
of the file.

Invariant: whatever the file is, loading gives a tree or raises a `PypetError` of those documented,
and the memory it takes is bounded by what the file holds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pypet_trajectory.api.records import NodeRecord, RunLeaf
from pypet_trajectory.exceptions import PypetError, PypetOSError, PypetValueError
from pypet_trajectory.storage.archive.backend import ArchiveBackend
from pypet_trajectory.storage.loading import TreeLoader
from pypet_trajectory.storage.restoring import NodeRestorer
from pypet_trajectory.storage.tree_service import TreeStorageService


class ArchiveStorageService(TreeStorageService):
    """Keeps trajectories in a `.traj` archive.

    Parameters
    ----------
    filename : str or path-like, optional
        The archive. A folder, or a path ending in a slash, means a file there that is called
        like the trajectory. Without it: such a file in the current folder.
    trajectory : Trajectory, optional
        Gives the name where `filename` does not; ``Experiments.traj`` if missing.
    overwrite_file : bool, optional
        Remove an existing archive at once.
    allow_pickle : bool, optional
        Whether data without a form of its own may be stored and loaded, and leaves of the
        pickle classes, which are always stored, loaded. Loading a pickle executes what it says.
    complevel : int, optional
        Deflate level of new members, 0 (not compressed) to 9.
    unknown_classes : {'raise', 'generic'}, optional
        What to do with nodes whose class cannot be found.

    Raises
    ------
    ValueError
        If `complevel` is out of range.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from pypet_trajectory.trajectory import Trajectory
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, 'neurons.traj')
    >>> traj = Trajectory('neurons', storage_service=ArchiveStorageService(path))
    >>> _ = traj.f_add_result('rates', np.array([3.5, 4.0]))
    >>> traj.f_store()
    >>> again = Trajectory(storage_service=ArchiveStorageService(path))
    >>> again.f_load(name='neurons', load_data=2)
    >>> again.rates
    array([3.5, 4. ])
    >>> folder.cleanup()
    """

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        trajectory: Any = None,
        overwrite_file: bool = False,
        allow_pickle: bool = False,
        complevel: int = 4,
        unknown_classes: str = "raise",
    ) -> None:
        if complevel not in range(10):
            raise PypetValueError(f"complevel must be 0 to 9, not {complevel!r}.")
        path = _archive_path(filename, trajectory)
        backend = ArchiveBackend(path, allow_pickle=bool(allow_pickle), complevel=complevel)
        super().__init__(backend, allow_pickle=allow_pickle, unknown_classes=unknown_classes)
        if overwrite_file:
            Path(path).unlink(missing_ok=True)

    @property
    def backend(self) -> ArchiveBackend:
        """The reader and writer of the archive."""
        backend = super().backend
        assert isinstance(backend, ArchiveBackend)
        return backend

    @property
    def filename(self) -> str:
        """Path of the archive; can be set while the archive is closed."""
        return self.backend.filename

    @filename.setter
    def filename(self, filename: str | os.PathLike[str]) -> None:
        path = os.fspath(filename)
        if self.is_open and path != self.filename:
            raise PypetValueError(
                f"The archive {self.filename!r} is open; close it before using {path!r}."
            )
        self.backend.filename = path

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load `stuff_to_load` as `msg` says; safe with files of strangers.

        Raises
        ------
        PypetOSError
            If the file is damaged, or was made to do harm.
        PypetError
            As for :meth:`TreeStorageService.load`.
        """
        with self._limits_told():
            return super().load(msg, stuff_to_load, *args, **kwargs)

    def run_leaves(self, traj: Any, name: str, runs: Collection[int]) -> Iterator[RunLeaf]:
        """Leaves called `name` of these runs; raises as :meth:`load`."""
        with self._limits_told():
            yield from super().run_leaves(traj, name, runs)

    @contextmanager
    def _limits_told(self) -> Iterator[None]:
        try:
            yield
        except RecursionError as error:
            raise PypetOSError(
                f"The archive {self.filename!r} is nested deeper than Python goes here "
                f"({sys.getrecursionlimit()} calls). If you trust it, call sys.setrecursionlimit "
                "with a larger number."
            ) from error
        except MemoryError as error:
            raise PypetOSError(
                f"What the archive {self.filename!r} holds does not fit into memory. Load parts of "
                "it, or load it on a machine with more memory."
            ) from error

    def _loader(self) -> TreeLoader:
        loader = super()._loader()
        loader.nodes = _ArchiveRestorer(
            self.filename,
            allow_pickle=self.allow_pickle,
            generic_classes=self._unknown_classes == "generic",
        )
        return loader

    def __repr__(self) -> str:
        return f"<ArchiveStorageService (filename:`{self.filename}`)>"

    def _take_session_keywords(self, kwargs: dict[str, Any]) -> None:
        """``filename`` given once stays; archives have no title."""
        filename = kwargs.pop("filename", None)
        kwargs.pop("file_title", None)
        if filename is not None:
            self.filename = filename


class _ArchiveRestorer(NodeRestorer):
    """Tells damage from a fault of the leaf that gets the data."""

    def __init__(self, filename: str, *, allow_pickle: bool, generic_classes: bool) -> None:
        super().__init__(allow_pickle=allow_pickle, generic_classes=generic_classes)
        self._filename = filename

    def give_items(self, leaf: Any, record: NodeRecord) -> None:
        """As for all stores; what a leaf makes of data that it never stored is damage."""
        try:
            super().give_items(leaf, record)
        except PypetError as error:
            error.add_note(f"It concerns {record.full_name!r} in the archive {self._filename!r}.")
            raise
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            raise PypetOSError(
                f"{record.full_name!r} in the archive {self._filename!r} does not hold what a "
                f"{type(leaf).__name__} can load ({type(error).__name__}: {error}). If the class "
                "is your own, look there; else the file is damaged: take a backup, or load the "
                "other nodes."
            ) from error


def _archive_path(filename: str | os.PathLike[str] | None, trajectory: Any) -> str:
    name = "Experiments" if trajectory is None else trajectory.v_name
    if filename is None:
        return os.path.join(os.getcwd(), f"{name}.traj")
    path = os.fspath(filename)
    if path.endswith(("/", os.sep)) or os.path.isdir(path):
        return os.path.join(path, f"{name}.traj")
    return path if os.path.dirname(path) else os.path.abspath(path)
