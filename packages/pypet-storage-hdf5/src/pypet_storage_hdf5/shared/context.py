"""`StorageContextManager`: keeping the file open over many accesses."""

from __future__ import annotations

from typing import Any

from pypet_trajectory.constants import CLOSE_FILE, FLUSH, OPEN_FILE
from pypet_trajectory.exceptions import PypetRuntimeError


class StorageContextManager:
    """Keeps the storage of a trajectory open.

    Parameters
    ----------
    trajectory : Trajectory
        The trajectory; it must be stored.

    Raises
    ------
    RuntimeError
        On entering, if the storage is open already.

    Examples
    --------
    ::

        with StorageContextManager(traj):
            for _ in range(1000):
                traj.results.table.append([(1, 2.0)])
    """

    def __init__(self, trajectory: Any) -> None:
        self._traj = trajectory

    def __enter__(self) -> StorageContextManager:
        self.open_store()
        return self

    def __exit__(self, *error: object) -> None:
        self.close_store()

    def open_store(self) -> None:
        """Open the storage.

        Raises
        ------
        RuntimeError
            If it is open.
        """
        service = self._traj.v_storage_service
        if service.is_open:
            raise PypetRuntimeError(f"The storage {service!r} is open already.")
        service.store(OPEN_FILE, None, trajectory_name=self._traj.v_name)

    def close_store(self) -> None:
        """Close the storage.

        Raises
        ------
        RuntimeError
            If it is not open.
        """
        self._require_open()
        self._traj.v_storage_service.store(CLOSE_FILE, None)

    def flush_store(self) -> None:
        """Write everything that waits.

        Raises
        ------
        RuntimeError
            If the storage is not open.
        """
        self._require_open()
        self._traj.v_storage_service.store(FLUSH, None)

    f_open_store = open_store
    f_close_store = close_store
    f_flush_store = flush_store

    def _require_open(self) -> None:
        service = self._traj.v_storage_service
        if not service.is_open:
            raise PypetRuntimeError(f"The storage {service!r} is not open; use open_store().")
