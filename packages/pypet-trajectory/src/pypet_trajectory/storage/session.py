"""A storage service between open and close: which store is open, for which trajectory.

Each call opens the back end, selects a trajectory and closes again, unless the back end is held
open; then it belongs to one trajectory until it is closed. Invariant: whatever a call opened it
closes, also if it fails. What is read and written meanwhile is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pypet_trajectory.api.service import StorageService
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.storage.backend import TreeBackend
from pypet_trajectory.tree.nodes import mark_stored


class SessionService(StorageService):
    """A service over a back end, which is opened for one call or for many.

    Parameters
    ----------
    backend : TreeBackend
        Where the records are kept.
    """

    def __init__(self, backend: TreeBackend) -> None:
        self._backend = backend
        self._selected: str | None = None
        #: Whether the trajectory came into being when it was selected.
        self._created = False
        self._held_open = False
        #: Takes back what trajectories were told of as stored and may still fail to be.
        self._undo: list[Callable[[], None]] = []

    @property
    def backend(self) -> TreeBackend:
        """The back end; closed unless a call is under way or ``OPEN_FILE`` holds."""
        return self._backend

    @property
    def is_open(self) -> bool:
        """Whether the back end is open, because ``OPEN_FILE`` holds or a call is under way."""
        return self._backend.is_open

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

    def _take_session_keywords(self, kwargs: dict[str, Any]) -> None:
        """Remove keywords about the file from the arguments of a call, and heed them."""
        kwargs.pop("filename", None)
        kwargs.pop("file_title", None)

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
                self._select(name if index is None else self._name_at(index), writable, create)
            yield
        finally:
            if not self._held_open:
                self._forget()

    def _select(self, name: str | None, writable: bool, create: bool) -> None:
        assert name is not None
        self._created = False
        try:
            self._backend.select(name)
        except KeyError:
            if not create:
                remedy = " Store the whole trajectory with f_store() before parts of it."
                raise PypetValueError(
                    f"There is no trajectory {name!r} in {self!r}, only "
                    f"{self._backend.trajectory_names()}.{remedy if writable else ''}"
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
            with self._confirming():
                self._backend.close()
        finally:
            self._created = False

    @contextmanager
    def _confirming(self) -> Iterator[None]:
        """After this block what was stored counts; if it fails, nodes learn that they are not."""
        try:
            yield
        except BaseException:
            self._take_back()
            raise
        self._undo.clear()

    def _take_back(self) -> None:
        undo, self._undo = self._undo, []
        for take_back in reversed(undo):
            take_back()

    def _mark_stored(self, node: Any) -> None:
        """Let a node know that it is stored, until that turns out to have failed."""
        if not node.v_stored:
            mark_stored(node)
            self._undo.append(partial(mark_stored, node, stored=False))

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

    @contextmanager
    def _other_backend(self, location: str | None, *, writable: bool) -> Iterator[TreeBackend]:
        """A second selection in this store (`location` is ``None`` or its own) or another one."""
        if location is None or self._is_own(location):
            yield self._backend.view()
            return
        other = self._backend.at(location)
        try:
            other.open(writable=writable)
        except FileNotFoundError as error:
            raise PypetValueError(f"There is no store at {location}: {error}") from error
        try:
            yield other
        except BaseException:
            other.abandon()
            raise
        other.close()

    def _is_own(self, location: str) -> bool:
        """Whether this store is at `location`."""
        filename = getattr(self, "filename", None)
        return filename is not None and os.path.realpath(location) == os.path.realpath(filename)
