"""pypet's storage messages over any `TreeBackend`: which message calls what.

How a tree becomes records is in :mod:`~pypet_trajectory.storage.storing`, how records become a
tree in :mod:`~pypet_trajectory.storage.loading`, how the store is opened and closed around each
message in :mod:`~pypet_trajectory.storage.session`. Invariant: every message meets an open back
end with its trajectory selected, and a node counts as stored only after its record was written.

A service for another kind of file is a :class:`TreeBackend` plus a subclass of
:class:`TreeStorageService` that overrides some of four hooks:
:meth:`~pypet_trajectory.storage.session.SessionService._take_session_keywords`,
:meth:`~TreeStorageService._before_trajectory_store`,
:meth:`~TreeStorageService._after_meta_load` and
:meth:`~TreeStorageService._other_message`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pypet_trajectory import constants
from pypet_trajectory.api.records import RunDelta, RunLeaf, RunRows, WriteRequest
from pypet_trajectory.exceptions import (
    NoSuchServiceError,
    PypetRuntimeError,
    PypetValueError,
)
from pypet_trajectory.logger import module_logger
from pypet_trajectory.storage import deleting
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.storage.copying import copy_to_backend
from pypet_trajectory.storage.deleting import remove_leftovers
from pypet_trajectory.storage.loading import TreeLoader
from pypet_trajectory.storage.run_leaves import run_leaves, run_parents
from pypet_trajectory.storage.session import SessionService
from pypet_trajectory.storage.storing import REQUESTS, below, meta_of, record_of, unpacked

_logger = module_logger(__name__)

#: Messages that may meet a store without the trajectory; they create it.
_CREATING = frozenset((constants.TRAJECTORY, constants.PREPARE_MERGE))


class TreeStorageService(SessionService):
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

    #: Method for each message of :meth:`load`.
    _LOAD: ClassVar[Mapping[str, str]] = {
        constants.TRAJECTORY: "_load_trajectory",
        constants.LEAF: "_load_leaf",
        constants.GROUP: "_load_group",
        constants.TREE: "_load_child",
        constants.LIST: "_load_list",
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
        super().__init__(backend)
        self._allow_pickle = bool(allow_pickle)
        self._unknown_classes = unknown_classes

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
                return self._dispatch(self._STORE, msg, stuff_to_store, args, kwargs)

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
                self._dispatch(self._LOAD, msg, stuff_to_load, args, kwargs)

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

    def run_parents(self, traj: Any) -> Mapping[str, Collection[int]]:
        """Full names of the stored groups that hold groups of runs, and of which runs."""
        with self._session(traj.v_name, None, writable=False):
            return run_parents(self._backend, traj)

    def run_leaves(self, traj: Any, name: str, runs: Collection[int]) -> Iterator[RunLeaf]:
        """Leaves called `name` of these runs, in no tree; see `SupportsRunLeaves`."""
        with self._session(traj.v_name, None, writable=False):
            loader = self._loader()
            yield from run_leaves(
                self._backend,
                traj,
                name,
                runs,
                lambda record: loader.nodes.loose_leaf(traj, record),
            )

    # ----------------------------------------------------------------- hooks

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

    # ------------------------------------------------------------- dispatching

    def _dispatch(
        self, methods: Mapping[str, str], msg: str, stuff: Any, args: Any, kwargs: Any
    ) -> Any:
        if msg in methods:
            return getattr(self, methods[msg])(msg, stuff, *args, **kwargs)
        if methods is self._STORE:
            return self._other_message(msg, stuff, *args, **kwargs)
        raise NoSuchServiceError(
            f"{type(self).__name__} cannot load a {msg!r}, only {', '.join(methods)}."
        )

    def _store_list(self, _msg: str, entries: Iterable[Any], *args: Any, **kwargs: Any) -> None:
        for msg, item, own_args, own_kwargs in unpacked(entries, args, kwargs):
            with _entry_noted("storing", msg, item):
                self._dispatch(self._STORE, msg, item, own_args, own_kwargs)

    def _load_list(self, _msg: str, entries: Iterable[Any], *args: Any, **kwargs: Any) -> None:
        for msg, item, own_args, own_kwargs in unpacked(entries, args, kwargs):
            with _entry_noted("loading", msg, item):
                self._dispatch(self._LOAD, msg, item, own_args, own_kwargs)

    # --------------------------------------------------------------- storing

    def _store_nodes(self, msg: str, stuff: Any, *args: Any, **kwargs: Any) -> None:
        for node, request in REQUESTS[msg](stuff, *args, **kwargs):
            self._backend.write_node(request)
            if node is not None:
                self._mark_stored(node)

    def _store_run(self, msg: str, traj: Any, *args: Any, **kwargs: Any) -> None:
        outgoing = list(REQUESTS[msg](traj, *args, **kwargs))
        requests = tuple(request for _, request in outgoing)
        self._backend.write_delta(RunDelta(traj.v_name, traj.v_idx, requests))
        for node, _ in outgoing:
            if node is not None:
                self._mark_stored(node)

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
            if store_data not in (0, 1, 2, 3):
                raise PypetValueError(
                    f"Cannot store {traj.v_name!r}: store_data must be 0 (nothing), 1 (what is not "
                    f"stored yet), 2 (new data) or 3 (overwrite), not {store_data!r}."
                )
            self._before_trajectory_store(traj)
            self._store_meta(traj)
            mode = constants.OVERWRITE_DATA if store_data == 3 else constants.STORE_DATA
            self._backend.write_node(WriteRequest(record_of(traj), mode))
        except BaseException:
            if self._created:  # else the next attempt would meet a trajectory of its name
                self._backend.remove_trajectory(traj.v_name)
            raise
        self._mark_stored(traj)
        if only_init or store_data == constants.STORE_NOTHING:
            return
        for node, request in below(traj, store_data, max_depth=max_depth):
            self._backend.write_node(request)
            if node is not None:
                self._mark_stored(node)

    def _store_meta(self, traj: Any) -> None:
        table = traj.v_runs.table
        self._backend.write_meta(meta_of(traj))
        changed = set(table.changed)
        self._backend.write_runs(table, None if self._created else changed)
        table.mark_stored()
        self._undo.append(lambda: table.changed.update(changed))

    # -------------------------------------------------------------- deleting

    def _delete(self, _msg: str, node: Any, *args: Any, **kwargs: Any) -> None:
        deleting.delete(self._backend, node, *args, **kwargs)

    def _delete_link(self, _msg: str, full_name: str) -> None:
        deleting.delete_link(self._backend, full_name)

    def _delete_runs(
        self, _msg: str, run_names: Collection[str], prepared: Collection[str] = ()
    ) -> None:
        remove_leftovers(self._backend, run_names, prepared)

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
            self._mark_stored(parameter)

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
            is_own = other_filename is None or self._is_own(other_filename)
            with self._backend.transaction():
                self._backend.copy_from(other, rename_dict, move=move_nodes and is_own)
                if delete_trajectory and is_own:
                    other.remove_trajectory(other_trajectory_name)
            if is_own:
                return
            self._backend.flush()  # the copies are safe before the originals go
            if delete_trajectory:
                other.remove_trajectory(other_trajectory_name)
            elif move_nodes:
                for full_name in rename_dict:
                    other.delete_node(full_name)

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

    # --------------------------------------------------------------- loading

    def _load_trajectory(self, _msg: str, traj: Any, *args: Any, **kwargs: Any) -> None:
        kwargs["after_meta"] = lambda: self._after_meta_load(traj)
        self._loader().load_trajectory(traj, *args, **kwargs)

    def _load_leaf(self, _msg: str, leaf: Any, *args: Any, **kwargs: Any) -> None:
        self._loader().load_leaf(leaf, *args, **kwargs)

    def _load_group(self, _msg: str, group: Any, *args: Any, **kwargs: Any) -> None:
        self._loader().load_group(group, *args, **kwargs)

    def _load_child(self, _msg: str, group: Any, *args: Any, **kwargs: Any) -> None:
        self._loader().load_child(group, *args, **kwargs)

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
