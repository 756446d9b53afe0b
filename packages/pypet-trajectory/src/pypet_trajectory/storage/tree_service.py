"""pypet's storage messages over any `TreeBackend`: which message calls what.

The service opens the back end, selects the trajectory and dispatches. How a tree becomes records
is in :mod:`~pypet_trajectory.storage.storing`, how records become a tree in
:mod:`~pypet_trajectory.storage.loading`. Invariant: whatever a call opened it closes, also if it
fails, unless ``OPEN_FILE`` asked to keep the back end open until ``CLOSE_FILE``.

A service for another kind of file is a :class:`TreeBackend` plus a subclass of
:class:`TreeStorageService` that overrides some of four hooks:
:meth:`~TreeStorageService._take_session_keywords`,
:meth:`~TreeStorageService._before_trajectory_store`,
:meth:`~TreeStorageService._after_meta_load` and
:meth:`~TreeStorageService._other_message`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from pypet_trajectory import constants
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    NoSuchServiceError,
    PypetRuntimeError,
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.logger import module_logger
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.storage.copying import copy_to_backend
from pypet_trajectory.storage.delta import REQUESTS, unpacked
from pypet_trajectory.storage.leftovers import remove_leftovers
from pypet_trajectory.storage.loading import TreeLoader
from pypet_trajectory.storage.records import NodeKind, RunDelta, RunRows, WriteRequest
from pypet_trajectory.storage.run_leaves import RunLeaf, run_leaves, run_parents
from pypet_trajectory.storage.service import StorageService
from pypet_trajectory.storage.storing import below, meta_of, record_of

_logger = module_logger(__name__)

#: Messages that may meet a store without the trajectory; they create it.
_CREATING = frozenset((constants.TRAJECTORY, constants.PREPARE_MERGE))


class TreeStorageService(StorageService):
    """A storage service over a back end that keeps trees of records.

    Parameters
    ----------
    backend : TreeBackend
        Where the records are kept.
    allow_pickle : bool, optional
        Whether leaves that unpickle their data may be loaded.
    unknown_classes : {'raise', 'generic'}, optional
        What to do with a stored leaf or group whose class cannot be found: stop with an
        ``ImportError``, or load it as a `Result` or plain group that keeps its data.

    Notes
    -----
    Every ``store`` and ``load`` call takes the keywords ``trajectory_name``,
    ``trajectory_index``, ``filename`` and ``file_title`` besides those of its message.
    """

    #: Method for each message of :meth:`store`.
    _STORE: ClassVar[Mapping[str, str]] = {
        constants.TRAJECTORY: "_store_trajectory",
        constants.SINGLE_RUN: "_store_run",
        constants.LEAF: "_store_nodes",
        constants.GROUP: "_store_nodes",
        constants.TREE: "_store_nodes",
        constants.LIST: "_store_list",
        constants.DELETE: "_delete",
        constants.DELETE_LINK: "_delete_link",
        constants.DELETE_RUNS: "_delete_runs",
        constants.PREPARE_MERGE: "_prepare_merge",
        constants.MERGE: "_merge",
        constants.BACKUP: "_backup",
        constants.OPEN_FILE: "_keep_open",
        constants.FLUSH: "_flush",
    }

    def __init__(
        self,
        backend: TreeBackend,
        *,
        allow_pickle: bool = True,
        unknown_classes: str = "raise",
    ) -> None:
        if unknown_classes not in ("raise", "generic"):
            raise PypetValueError(
                f"unknown_classes must be 'raise' or 'generic', not {unknown_classes!r}."
            )
        self._backend = backend
        self._allow_pickle = bool(allow_pickle)
        self._unknown_classes = unknown_classes
        self._selected: str | None = None
        self._created = False
        self._held_open = False

    @property
    def backend(self) -> TreeBackend:
        """The back end; closed unless a call is under way or ``OPEN_FILE`` holds."""
        return self._backend

    @property
    def is_open(self) -> bool:
        """Whether the back end is open, because ``OPEN_FILE`` holds or a call is under way."""
        return self._backend.is_open

    @property
    def allow_pickle(self) -> bool:
        """Whether leaves that unpickle their data may be loaded."""
        return self._allow_pickle

    # -------------------------------------------------------- public entries

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store `stuff_to_store` as `msg` says.

        Raises
        ------
        NoSuchServiceError
            If the message is unknown, or there is no way to store a value.
        ValueError
            If it is not said which trajectory is meant, it is not in the store, or another one
            is held open.
        RuntimeError
            If a new trajectory meets a stored one of its name.
        DataNotInStorageError
            If something to be deleted is not there.
        """
        with _errors_logged("Storing", msg, stuff_to_store):
            name, _ = self._take_session(kwargs)
            if msg == constants.CLOSE_FILE:
                return self._close(name)
            if name is None and not self._held_open:
                raise PypetValueError(
                    f"{self!r} cannot store a {msg!r}: it is closed and no trajectory_name says "
                    "which trajectory is meant."
                )
            with self._session(name, None, writable=True, create=msg in _CREATING):
                return self._dispatch_store(msg, stuff_to_store, args, kwargs)

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load `stuff_to_load` as `msg` says.

        Raises
        ------
        NoSuchServiceError
            If the message is unknown.
        ValueError
            If it is not said which trajectory is meant (by name or by index, not both), or it
            is not in the store.
        DataNotInStorageError
            If a node is not in the store.
        VersionMismatchError
            If the trajectory is kept in a format this library does not know.
        ImportError
            If the class of a node cannot be found.
        """
        with _errors_logged("Loading", msg, stuff_to_load):
            name, index = self._take_session(kwargs)
            if name is not None and index is not None:
                raise PypetValueError(
                    f"Give the name of a trajectory or its index, not both: {name!r}, {index}."
                )
            if name is None and index is None and not self._held_open:
                raise PypetValueError(
                    f"{self!r} cannot load a {msg!r}: give the name or the index of a trajectory."
                )
            with self._session(name, index, writable=False):
                self._dispatch_load(msg, stuff_to_load, args, kwargs)

    def store_delta(self, delta: RunDelta) -> None:
        """Write everything in `delta`; a failed request removes only what it added itself."""
        with (
            _errors_logged("Storing", f"run {delta.run_index}", delta.trajectory_name),
            self._session(delta.trajectory_name, None, writable=True),
        ):
            self._backend.write_delta(delta)

    def store_run_rows(self, rows: RunRows) -> None:
        """Rewrite the rows of runs whose state changed."""
        with (
            _errors_logged("Storing", "run table", rows.trajectory_name),
            self._session(rows.trajectory_name, None, writable=True),
        ):
            self._backend.update_runs(rows)

    def trajectory_names(self) -> list[str]:
        """Names of the trajectories in the store, sorted; empty if there is no store yet."""
        if self._backend.is_open:
            return self._backend.trajectory_names()
        try:
            self._backend.open(writable=False)
        except FileNotFoundError:
            return []
        try:
            return self._backend.trajectory_names()
        finally:
            self._backend.close()

    @contextmanager
    def opened(self, name: str | None, *, writable: bool) -> Iterator[TreeBackend]:
        """The open back end with a trajectory selected, or none if `name` is ``None``.

        Raises
        ------
        ValueError
            If there is no such store or trajectory.
        """
        with self._session(name, None, writable=writable):
            yield self._backend

    def run_parents(self, traj: Any) -> Collection[str]:
        """Full names of the stored groups that hold groups of runs."""
        with self._session(traj.v_name, None, writable=False):
            return run_parents(self._backend, traj)

    def run_leaves(self, traj: Any, name: str, runs: Collection[int]) -> Iterator[RunLeaf]:
        """Leaves called `name` of these runs, in no tree; see `SupportsRunLeaves`."""
        with self._session(traj.v_name, None, writable=False):
            loader = self._loader()
            yield from run_leaves(
                self._backend, traj, name, runs, lambda record: loader.loose_leaf(traj, record)
            )

    # ----------------------------------------------------------------- hooks

    def _take_session_keywords(self, kwargs: dict[str, Any]) -> None:
        """Remove keywords about the file from the arguments of a call, and heed them."""
        kwargs.pop("filename", None)
        kwargs.pop("file_title", None)

    def _before_trajectory_store(self, traj: Any) -> None:
        """Called before a whole trajectory is stored, with its place selected but unwritten."""

    def _after_meta_load(self, traj: Any) -> None:
        """Called when meta data was loaded, before any node below the root."""

    def _other_message(self, msg: str, stuff: Any, *args: Any, **kwargs: Any) -> Any:
        """Called for messages of :meth:`store` that do not concern trees.

        Raises
        ------
        NoSuchServiceError
            Always here; services that know more messages return what the caller shall get.
        """
        raise NoSuchServiceError(
            f"{type(self).__name__} does not understand the message {msg!r}; it knows "
            f"{', '.join(self._STORE)} and {constants.CLOSE_FILE}."
        )

    # --------------------------------------------------------------- session

    def _take_session(self, kwargs: dict[str, Any]) -> tuple[str | None, int | None]:
        self._take_session_keywords(kwargs)
        return kwargs.pop("trajectory_name", None), kwargs.pop("trajectory_index", None)

    @contextmanager
    def _session(
        self, name: str | None, index: int | None, *, writable: bool, create: bool = False
    ) -> Iterator[None]:
        if self._backend.is_open:
            self._check_same(name if index is None else self._name_at(index))
            yield
            return
        try:
            self._backend.open(writable=writable)
        except FileNotFoundError as error:
            raise PypetValueError(
                f"{self!r} has nothing to load {name if name is not None else index!r} from: "
                f"{error}"
            ) from error
        try:
            if name is not None or index is not None:
                self._select(name if index is None else self._name_at(index), create)
            yield
        finally:
            if not self._held_open:
                self._forget()

    def _select(self, name: str | None, create: bool) -> None:
        assert name is not None
        self._created = False
        try:
            self._backend.select(name)
        except KeyError:
            if not create:
                raise PypetValueError(
                    f"There is no trajectory {name!r} in {self!r}, only "
                    f"{self._backend.trajectory_names()}. Store the whole trajectory with "
                    "f_store() before parts of it."
                ) from None
            self._backend.select(name, create=True)
            self._created = True
        self._selected = name

    def _name_at(self, index: int) -> str:
        names = self._backend.trajectory_names()
        if not -len(names) <= index < len(names):
            raise PypetValueError(
                f"{self!r} has {len(names)} trajectories, there is none with index {index}."
            )
        return names[index]

    def _check_same(self, name: str | None) -> None:
        if name is not None and name != self._selected:
            raise PypetValueError(
                f"{self!r} is held open for the trajectory {self._selected!r} and cannot serve "
                f"{name!r} meanwhile. Close the store first."
            )

    def _forget(self) -> None:
        self._held_open = False
        self._selected = None
        try:
            self._backend.close()
        finally:
            self._created = False

    def _close(self, name: str | None) -> None:
        if not self._backend.is_open:
            if name is None:
                raise PypetValueError(f"{self!r} cannot be closed: it is not open.")
            return
        self._check_same(name)
        self._forget()

    def _keep_open(self, _msg: str, _nothing: Any) -> None:
        self._held_open = True

    def _flush(self, _msg: str, _nothing: Any) -> None:
        self._backend.flush()

    # --------------------------------------------------------------- storing

    def _dispatch_store(
        self, msg: str, stuff: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        method = self._STORE.get(msg)
        if method is None:
            return self._other_message(msg, stuff, *args, **kwargs)
        return getattr(self, method)(msg, stuff, *args, **kwargs)

    def _store_list(self, _msg: str, entries: Iterable[Any], *args: Any, **kwargs: Any) -> None:
        for msg, item, own_args, own_kwargs in unpacked(entries, args, kwargs):
            with _entry_noted("storing", msg, item):
                self._dispatch_store(msg, item, own_args, own_kwargs)

    def _store_nodes(self, msg: str, stuff: Any, *args: Any, **kwargs: Any) -> None:
        for node, request in REQUESTS[msg](stuff, *args, **kwargs):
            self._backend.write_node(request)
            if node is not None:
                node._stored = True

    def _store_run(self, msg: str, traj: Any, *args: Any, **kwargs: Any) -> None:
        outgoing = list(REQUESTS[msg](traj, *args, **kwargs))
        requests = tuple(request for _, request in outgoing)
        self._backend.write_delta(RunDelta(traj.v_name, traj.v_idx, requests))
        for node, _ in outgoing:
            if node is not None:
                node._stored = True

    def _store_trajectory(
        self,
        _msg: str,
        traj: Any,
        only_init: bool = False,
        store_data: int = constants.STORE_DATA,
        max_depth: int | None = None,
    ) -> None:
        if not traj.v_stored and not self._created:
            raise PypetRuntimeError(
                f"Cannot store the new trajectory {traj.v_name!r}: {self!r} has a trajectory of "
                "that name already. Load that one, or rename yours with f_migrate(new_name=...)."
            )
        try:
            self._before_trajectory_store(traj)
            self._store_meta(traj)
            mode = constants.OVERWRITE_DATA if store_data == 3 else constants.STORE_DATA
            self._backend.write_node(WriteRequest(record_of(traj), mode))
        except BaseException:
            if self._created:  # else the next attempt would meet a trajectory of its name
                self._backend.remove_trajectory(traj.v_name)
            raise
        traj._stored = True
        if only_init or store_data not in (1, 2, 3):
            return
        for node, request in below(traj, store_data, max_depth=max_depth):
            self._backend.write_node(request)
            if node is not None:
                node._stored = True

    def _store_meta(self, traj: Any) -> None:
        table = traj._run_table
        self._backend.write_meta(meta_of(traj))
        self._backend.write_runs(table, None if self._created else set(table.changed))
        table.mark_stored()

    # -------------------------------------------------------------- deleting

    def _delete(
        self,
        _msg: str,
        node: Any,
        delete_only: str | Iterable[str] | None = None,
        remove_from_item: bool = False,
        recursive: bool = False,
    ) -> None:
        full_name = node.v_full_name
        if not full_name:
            raise PypetValueError("The root of a trajectory cannot be deleted from its store.")
        kind = self._kind_of(full_name)
        if delete_only is not None:
            self._delete_items(node, kind, delete_only, remove_from_item)
        else:
            if kind is NodeKind.GROUP and not recursive and self._has_children(full_name):
                raise PypetTypeError(
                    f"The group {full_name!r} has children in the store; delete it with "
                    "recursive=True."
                )
            self._backend.delete_node(full_name)
            if node.v_is_group:
                for child in node.f_iter_nodes(recursive=True, with_links=False):
                    child._stored = False
        node._stored = False

    def _delete_items(
        self, node: Any, kind: NodeKind, delete_only: str | Iterable[str], remove_from_item: bool
    ) -> None:
        if kind is not NodeKind.LEAF:
            raise PypetValueError(
                f"delete_only works for leaves, but {node.v_full_name!r} is a {kind.value}."
            )
        names: Collection[str]
        names = [delete_only] if isinstance(delete_only, str) else list(delete_only)
        self._backend.delete_items(node.v_full_name, names)
        if remove_from_item:
            for name in names:
                if name in node:
                    node.f_remove(name)

    def _delete_link(self, _msg: str, full_name: str) -> None:
        kind = self._kind_of(full_name)
        if kind is not NodeKind.LINK:
            raise PypetValueError(f"{full_name!r} is no link in the store but a {kind.value}.")
        self._backend.delete_node(full_name)

    def _delete_runs(
        self, _msg: str, run_names: Collection[str], prepared: Collection[str] = ()
    ) -> None:
        remove_leftovers(self._backend, run_names, prepared)

    def _kind_of(self, full_name: str) -> NodeKind:
        kind = self._backend.kind_of(full_name)
        if kind is None:
            raise DataNotInStorageError(f"{full_name!r} is not in {self!r}.")
        return kind

    def _has_children(self, full_name: str) -> bool:
        return any(True for _ in self._backend.children(full_name))

    # ------------------------------------------------------ merging, copying

    def _prepare_merge(
        self, msg: str, traj: Any, changed_parameters: Iterable[str], old_length: int
    ) -> None:
        del old_length  # rows beyond it are missing in the store and appended anyway
        if self._created:
            self._store_trajectory(msg, traj)
            return
        self._before_trajectory_store(traj)
        self._store_meta(traj)
        for name in changed_parameters:
            parameter = traj.f_get(name)
            request = WriteRequest(record_of(parameter), constants.OVERWRITE_DATA)
            self._backend.write_node(request)
            parameter._stored = True

    def _merge(
        self,
        _msg: str,
        _nothing: Any,
        other_trajectory_name: str,
        rename_dict: Mapping[str, str],
        move_nodes: bool = False,
        delete_trajectory: bool = False,
        other_filename: str | None = None,
    ) -> None:
        with self._other_backend(other_filename, writable=move_nodes or delete_trajectory) as other:
            try:
                other.select(other_trajectory_name)
            except KeyError:
                raise PypetValueError(
                    f"Cannot merge {other_trajectory_name!r} into {self._selected!r}: it is not "
                    f"in the store, only {other.trajectory_names()}."
                ) from None
            self._backend.copy_from(other, rename_dict, move=move_nodes)
            if delete_trajectory:
                self._backend.flush()  # the copies are safe before the originals go
                other.remove_trajectory(other_trajectory_name)

    def _backup(self, _msg: str, traj: Any, backup_filename: str | None = None) -> None:
        name = traj.v_name
        if backup_filename is None:
            backup_filename = self._default_backup_location(name)
        with self._other_backend(backup_filename, writable=True) as target:
            copy_to_backend(self._backend, target, name)
        _logger.info("Backed up %r to %s.", name, backup_filename)

    def _default_backup_location(self, name: str) -> str:
        """Beside the file, named ``backup_<trajectory>`` with the file's extension."""
        filename = getattr(self, "filename", None) or ""
        folder, base = os.path.split(filename)
        return os.path.join(folder, f"backup_{name}{os.path.splitext(base)[1]}")

    @contextmanager
    def _other_backend(self, location: str | None, *, writable: bool) -> Iterator[TreeBackend]:
        """A second selection in this store (`location` is ``None`` or its own) or another one."""
        filename = getattr(self, "filename", None)
        if location is None or (
            filename is not None and os.path.abspath(location) == os.path.abspath(filename)
        ):
            yield self._backend.view()
            return
        other = self._backend.at(location)
        try:
            other.open(writable=writable)
        except FileNotFoundError as error:
            raise PypetValueError(f"There is no store at {location}: {error}") from error
        try:
            yield other
        finally:
            other.close()

    # --------------------------------------------------------------- loading

    def _dispatch_load(
        self, msg: str, stuff: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        if msg == constants.LIST:
            for entry_msg, item, own_args, own_kwargs in unpacked(stuff, args, kwargs):
                with _entry_noted("loading", entry_msg, item):
                    self._dispatch_load(entry_msg, item, own_args, own_kwargs)
            return
        loader = self._loader()
        if msg == constants.TRAJECTORY:
            loader.load_trajectory(
                stuff, *args, **{**kwargs, "after_meta": lambda: self._after_meta_load(stuff)}
            )
        elif msg == constants.LEAF:
            loader.load_leaf(stuff, *args, **kwargs)
        elif msg == constants.GROUP:
            loader.load_group(stuff, *args, **kwargs)
        elif msg == constants.TREE:
            loader.load_child(stuff, *args, **kwargs)
        else:
            raise NoSuchServiceError(
                f"{type(self).__name__} cannot load a {msg!r}, only TRAJECTORY, LEAF, GROUP, "
                "TREE and LIST."
            )

    def _loader(self) -> TreeLoader:
        return TreeLoader(
            self._backend,
            allow_pickle=self._allow_pickle,
            generic_classes=self._unknown_classes == "generic",
        )


@contextmanager
def _errors_logged(doing: str, msg: str, stuff: Any) -> Iterator[None]:
    """One error line naming the object before an exception goes on."""
    try:
        yield
    except Exception as error:
        details = "; ".join((str(error), *getattr(error, "__notes__", ())))
        _logger.error("%s %s failed: %s", doing, _described(msg, stuff), details)
        raise


@contextmanager
def _entry_noted(doing: str, msg: str, stuff: Any) -> Iterator[None]:
    """Tells an exception which entry of a list it concerns."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while {doing} {_described(msg, stuff)}")
        raise


def _described(msg: str, stuff: Any) -> str:
    name = getattr(stuff, "v_full_name", None) or getattr(stuff, "v_name", None)
    return f"{msg} {name!r}" if name is not None else f"{msg} {str(stuff)[:64]}"
