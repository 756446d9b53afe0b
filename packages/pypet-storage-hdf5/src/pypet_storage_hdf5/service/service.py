"""`HDF5StorageService`: settings, file name, and messages beyond the tree.

What concerns trees is inherited, what concerns the file is in `HDF5Backend`. Invariant: a loaded
trajectory keeps the settings of its file. A service brings its own defaults into new
trajectories only, as parameters below ``config.hdf5``, and from then on these decide.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pypet_storage_hdf5.backend import HDF5Backend
from pypet_storage_hdf5.backend.access import only_reads
from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.file import damage_reported
from pypet_storage_hdf5.safety.folder import find
from pypet_storage_hdf5.safety.write_errors import hear
from pypet_storage_hdf5.service.config_entries import (
    add_config_parameters,
    assign,
    settings_from_config,
    update_config_parameters,
)
from pypet_storage_hdf5.service.files import (
    DEFAULT_NAME,
    copy_trajectory_group,
    remove_file,
    resolved_filename,
)
from pypet_storage_hdf5.service.files import backup_filename as default_backup_filename
from pypet_storage_hdf5.settings import OVERVIEW_SWITCHES, Settings, checked, seconds, switch, text
from pypet_trajectory import constants
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.naming.wildcards import make_run_name
from pypet_trajectory.storage.tree_service import TreeStorageService


def _setting(name: str, text: str, convert: Callable[[Any], Any] | None = None) -> Any:
    """A setting of the service's file; without `convert` it must be what the setting may be."""

    def set_value(self: HDF5StorageService, value: Any) -> None:
        setattr(self.settings, name, convert(value) if convert else checked(name, value))

    return property(lambda self: getattr(self.settings, name), set_value, doc=text)


class HDF5StorageService(TreeStorageService):
    """Keeps trajectories in an HDF5 file.

    Parameters
    ----------
    filename : str, optional
        The file; a folder or a path ending in a separator means a file named after the
        trajectory in it. By default ``hdf5/<trajectory>.hdf5`` in the current folder.
    file_title : str, optional
        Title of the file if it is created; by default the name of the trajectory.
    overwrite_file : bool, optional
        Whether to remove an existing file, which happens at once.
    encoding : str, optional
        Encoding of text in files of others; our own text is UTF-8.
    complevel, complib, shuffle, fletcher32 : optional
        Compression of arrays and tables, as PyTables' ``Filters`` take them.
    pandas_format : str, optional
        ``'fixed'`` or ``'f'``, ``'table'`` or ``'t'``.
    purge_duplicate_comments : bool, optional
        Whether a comment that several results share is stored with the first one only.
    summary_tables, small_overview_tables, large_overview_tables : bool, optional
        Which overview tables the file gets.
    results_per_run, derived_parameters_per_run : int, optional
        Expected numbers, which PyTables uses to choose chunks of the large overview tables.
    display_time : float, optional
        Seconds between two messages on progress.
    trajectory : Trajectory, optional
        A new trajectory gets the settings as config parameters and uses this service.
    allow_pickle : bool, optional
        Whether pickles in the file may be loaded; refuse them for files of strangers.
    unknown_classes : {'raise', 'generic'}, optional
        What to do with stored nodes whose class cannot be found.

    Raises
    ------
    TypeError
        If a setting has a wrong type.
    ValueError
        If there is no such compression, encoding or pandas format, a number is out of range, or
        duplicate comments shall be purged without summary tables. Nothing is on disk then.
    """

    ADD_ROW: ClassVar = "ADD"
    REMOVE_ROW: ClassVar = "REMOVE"
    MODIFY_ROW: ClassVar = "MODIFY"
    COLL_TYPE: ClassVar = markers.COLL_TYPE
    COLL_LIST: ClassVar = markers.COLL_LIST
    COLL_TUPLE: ClassVar = markers.COLL_TUPLE
    COLL_NDARRAY: ClassVar = markers.COLL_NDARRAY
    COLL_MATRIX: ClassVar = markers.COLL_MATRIX
    COLL_DICT: ClassVar = markers.COLL_DICT
    COLL_EMPTY_DICT: ClassVar = markers.COLL_EMPTY_DICT
    COLL_SCALAR: ClassVar = markers.COLL_SCALAR
    SCALAR_TYPE: ClassVar = markers.SCALAR_TYPE
    STORAGE_TYPE: ClassVar = markers.STORAGE_TYPE
    SHARED_DATA_TYPE: ClassVar = markers.SHARED_DATA_TYPE
    FORMATTED_COLUMN_PREFIX: ClassVar = markers.FORMATTED_COLUMN_PREFIX
    DATA_PREFIX: ClassVar = markers.DATA_PREFIX
    ANNOTATION_PREFIX: ClassVar = markers.ANNOTATION_PREFIX
    ANNOTATED: ClassVar = markers.ANNOTATED
    INIT_PREFIX: ClassVar = markers.INIT_PREFIX
    CLASS_NAME: ClassVar = markers.CLASS_NAME
    COMMENT: ClassVar = markers.COMMENT
    LENGTH: ClassVar = markers.LENGTH
    LEAF: ClassVar = markers.LEAF
    CONFIG: ClassVar = "config"
    PARAMETERS: ClassVar = "parameters"
    DERIVED_PARAMETERS: ClassVar = "derived_parameters"
    RESULTS: ClassVar = "results"
    EXPLORED_PARAMETERS: ClassVar = "explored_parameters"
    ARRAY: ClassVar = constants.ARRAY
    CARRAY: ClassVar = constants.CARRAY
    EARRAY: ClassVar = constants.EARRAY
    VLARRAY: ClassVar = constants.VLARRAY
    TABLE: ClassVar = constants.TABLE
    DICT: ClassVar = constants.DICT
    FRAME: ClassVar = constants.FRAME
    SERIES: ClassVar = constants.SERIES
    SPLIT_TABLE: ClassVar = markers.SPLIT_TABLE
    DATATYPE_TABLE: ClassVar = markers.DATATYPE_TABLE
    SHARED_DATA: ClassVar = constants.SHARED_DATA
    NESTED_GROUP: ClassVar = constants.NESTED_GROUP
    #: Setting to name of its table switch, as in pypet 0.7.
    NAME_TABLE_MAPPING: ClassVar[Mapping[str, str]] = {
        f"_overview_{name.removesuffix('_overview')}": name for name in OVERVIEW_SWITCHES
    }
    PR_ATTR_NAME_MAPPING: ClassVar[Mapping[str, str]] = {
        "_derived_parameters_per_run": "derived_parameters_per_run",
        "_results_per_run": "results_per_run",
        "_purge_duplicate_comments": "purge_duplicate_comments",
    }
    ATTR_LIST: ClassVar = [
        "complevel",
        "complib",
        "shuffle",
        "fletcher32",
        "pandas_format",
        "encoding",
    ]

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        file_title: str | None = None,
        overwrite_file: bool = False,
        encoding: str = "utf8",
        complevel: int = 9,
        complib: str = "zlib",
        shuffle: bool = True,
        fletcher32: bool = False,
        pandas_format: str = "fixed",
        purge_duplicate_comments: bool = True,
        summary_tables: bool = True,
        small_overview_tables: bool = True,
        large_overview_tables: bool = False,
        results_per_run: int = 0,
        derived_parameters_per_run: int = 0,
        display_time: float = 20,
        trajectory: Any = None,
        *,
        allow_pickle: bool = True,
        unknown_classes: str = "raise",
    ) -> None:
        small = switch("small_overview_tables", small_overview_tables)
        large = switch("large_overview_tables", large_overview_tables)
        summary = switch("summary_tables", summary_tables)
        settings = Settings(
            complib=complib,
            complevel=complevel,
            shuffle=shuffle,
            fletcher32=fletcher32,
            pandas_format=pandas_format,
            encoding=encoding,
            config_overview=small,
            parameters_overview=small,
            explored_parameters_overview=small,
            derived_parameters_overview=large,
            results_overview=large,
            derived_parameters_summary=summary,
            results_summary=summary,
            purge_duplicate_comments=purge_duplicate_comments,
            results_per_run=results_per_run,
            derived_parameters_per_run=derived_parameters_per_run,
        )
        settings.checked().without_contradiction()
        overwrite_file = switch("overwrite_file", overwrite_file)
        title = None if file_title is None else text("file_title", file_title)
        name = None if trajectory is None else trajectory.v_name
        self._filename = resolved_filename(filename, name)
        # What runs do to the working directory must not lead to another file.
        location = os.path.abspath(self._filename)
        backend = HDF5Backend(
            location,
            settings,
            title or name or DEFAULT_NAME,
            allow_pickle=allow_pickle,
            display_time=seconds("display_time", display_time),
        )
        super().__init__(backend, allow_pickle=allow_pickle, unknown_classes=unknown_classes)
        self._backend: HDF5Backend = backend
        self._transactions = 0
        if overwrite_file:
            remove_file(location)
        if trajectory is not None and not trajectory.v_stored:
            add_config_parameters(trajectory, settings)
            trajectory.v_storage_service = self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (filename:`{self.filename}`)>"

    def __getstate__(self) -> dict[str, Any]:
        # An open file stays with the process that opened it.
        return {
            **self.__dict__,
            "_selected": None,
            "_created": False,
            "_held_open": False,
            "_undo": [],
            "_transactions": 0,
        }

    # -------------------------------------------------------------- settings

    @property
    def filename(self) -> str:
        """The file, as it was given; a relative path is one from where it was given."""
        return self._filename

    @filename.setter
    def filename(self, filename: str | os.PathLike[str]) -> None:
        if self.is_open:
            raise PypetValueError(f"{self!r} is open; close it before it can keep another file.")
        self._filename = os.fspath(filename)
        self._backend.location = os.path.abspath(self._filename)

    @property
    def settings(self) -> Settings:
        """All settings that are kept in the file."""
        return self._backend.settings

    @property
    def display_time(self) -> float:
        """Seconds between two messages on progress."""
        return self._backend.progress.interval

    @display_time.setter
    def display_time(self, display_time: float) -> None:
        self._backend.progress.interval = seconds("display_time", display_time)

    encoding = _setting("encoding", "Encoding of text in files of others.")
    complib = _setting("complib", "Compression library.")
    complevel = _setting("complevel", "Compression level, 0 to 9.")
    shuffle = _setting("shuffle", "Whether bytes are shuffled before compression.", bool)
    fletcher32 = _setting("fletcher32", "Whether chunks carry a checksum.", bool)
    pandas_format = _setting("pandas_format", "Format of pandas data.")

    # -------------------------------------------------------------- messages

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store as inherited; a file that is held open is flushed after each call.

        Raises
        ------
        TypeError, ValueError
            If ``config.hdf5`` of a trajectory says something impossible; the file is not touched.
        RuntimeError
            If it contradicts itself, likewise.
        NoSuchServiceError
            If the message is unknown, likewise.
        """
        if msg in (constants.TRAJECTORY, constants.PREPARE_MERGE):
            settings_from_config(stuff_to_store, self.settings)
        elif msg not in (*self._STORE, constants.CLOSE_FILE, constants.ACCESS_DATA):
            return self._other_message(msg, stuff_to_store, *args, **kwargs)
        elif msg != constants.CLOSE_FILE and not self.is_open:
            self._require_file(kwargs.get("filename", self._backend.location))
        if msg == constants.ACCESS_DATA:
            return self._access_data(stuff_to_store, *args, **kwargs)
        answer = super().store(msg, stuff_to_store, *args, **kwargs)
        self._settle()
        return answer

    @damage_reported
    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load as inherited.

        Raises
        ------
        HDF5FileError
            If the file is damaged.
        """
        return super().load(msg, stuff_to_load, *args, **kwargs)

    @damage_reported
    def run_parents(self, traj: Any) -> Mapping[str, Collection[int]]:
        """Full names of the stored groups that hold groups of runs, and of which runs."""
        return super().run_parents(traj)

    @property
    def location(self) -> str:
        """Absolute path of the file."""
        return self._backend.location

    @contextmanager
    def _session(
        self, name: str | None, index: int | None, *, writable: bool, create: bool = False
    ) -> Iterator[None]:
        hear()  # the file may have been opened in another thread
        with super()._session(name, index, writable=writable, create=create):
            yield

    def _settle(self) -> None:
        """Let what was stored in a file that stays open count, and show it if that is due."""
        if self._held_open and self._backend.is_open:
            with self._confirming():
                self._backend.flush()
            self._backend.connection.checkpoint_if_due()

    def _require_file(self, filename: str) -> None:
        # Opening for writing would create it, although nothing can be stored in it then.
        if not os.path.exists(filename) and find(os.path.realpath(filename)) is None:
            raise PypetValueError(
                f"There is no file {os.path.abspath(filename)!r}. Store the whole trajectory with "
                "f_store() before parts of it."
            )

    def _access_data(
        self,
        full_name: str,
        item: str,
        request: str,
        args: Any = None,
        kwargs: Any = None,
        **session: Any,
    ) -> Any:
        name, _ = self._take_session(session)
        if name is None and not self._held_open:
            raise PypetValueError(
                f"{self!r} is closed and no trajectory_name says whose {full_name!r} is meant."
            )
        with self._session(name, None, writable=not only_reads(request)):
            answer = self._backend.access(full_name, item, request, args, kwargs)
        self._settle()
        return answer

    def _keep_open(self, msg: str, nothing: Any) -> None:
        super()._keep_open(msg, nothing)
        self._backend.connection.keep_open()
        self._backend.progress.stop()

    def _flush(self, _msg: str, _nothing: Any) -> None:
        # A caller that works on tables of the open file may have rows waiting in PyTables' buffers.
        with self._confirming():
            self._backend.connection.commit(buffers=True)

    def hold(self) -> None:
        """Begin a session of many calls, see `SupportsHolding`."""
        self._backend.connection.hold()

    def checkpoint(self) -> None:
        """Show everything that was stored so far, see `SupportsHolding`."""
        self._backend.connection.checkpoint()

    def release(self) -> None:
        """End the session, see `SupportsHolding`."""
        self._backend.connection.release()

    @contextmanager
    def transaction(self, name: str) -> Iterator[None]:
        """Let all calls in this block, to any trajectory of the file, happen or not as a whole.

        Parameters
        ----------
        name : str
            The trajectory that is concerned; of no importance here.
        """
        if self._backend.is_open:
            with self._undone_on_failure(), self._backend.transaction():
                yield
            return
        # Other services on the file, and this one, borrow what this one has open.
        owner = self._backend.again()
        owner.open(writable=True)
        with self._undone_on_failure():
            try:
                with owner.transaction():
                    yield
            except BaseException:
                owner.abandon()
                raise
            owner.close()

    @contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        """Let what trajectories were told of as stored be taken back if the block fails."""
        self._transactions += 1
        try:
            yield
        except BaseException:
            self._take_back()
            raise
        finally:
            self._transactions -= 1
        if not self._transactions:
            self._undo.clear()

    @contextmanager
    def _confirming(self) -> Iterator[None]:
        if self._transactions:  # it counts at the end
            yield
            return
        with super()._confirming():
            yield

    def _backup(self, _msg: str, traj: Any, backup_filename: str | None = None) -> None:
        name = traj.v_name
        location = backup_filename or default_backup_filename(self._backend.location, name)
        with self._other_backend(location, writable=True) as target:
            assert isinstance(target, HDF5Backend)
            copy_trajectory_group(self._backend, target, name)

    # ----------------------------------------------------------------- hooks

    def _take_session_keywords(self, kwargs: dict[str, Any]) -> None:
        filename = kwargs.pop("filename", None)
        title = kwargs.pop("file_title", None)
        if filename is not None and os.path.abspath(filename) != self._backend.location:
            self.filename = filename
        if title is not None:
            self._backend.title = title

    def _before_trajectory_store(self, traj: Any) -> None:
        name_of_run = traj.v_runs.wildcards.run_function
        self._backend.name_of_run = None if name_of_run is make_run_name else name_of_run

    def _after_meta_load(self, traj: Any) -> None:
        stored = self._backend.read_stored_settings()
        if stored is not None:
            assign(self.settings, stored)
            update_config_parameters(traj, stored)
