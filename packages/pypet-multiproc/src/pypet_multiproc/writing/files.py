"""Keeping a service's file open over many store calls.

Not every storage service has a file to keep open. Such a service says so with
:class:`~pypet_trajectory.exceptions.NoSuchServiceError`, and then every call opens and closes
whatever it needs.
"""

from __future__ import annotations

from pypet_trajectory import constants
from pypet_trajectory.exceptions import NoSuchServiceError
from pypet_trajectory.storage.service import StorageService


def open_file(service: StorageService, trajectory_name: str) -> bool:
    """Open the file until :func:`close_file`; returns whether this call opened it."""
    if service.is_open:
        return False
    try:
        service.store(constants.OPEN_FILE, None, trajectory_name=trajectory_name)
    except NoSuchServiceError:
        return False
    return True


def flush_file(service: StorageService) -> None:
    """Make what was stored visible to others."""
    if service.is_open:
        try:
            service.store(constants.FLUSH, None)
        except NoSuchServiceError:
            return


def close_file(service: StorageService) -> None:
    """Close the file, if it is open."""
    if service.is_open:
        service.store(constants.CLOSE_FILE, None)
