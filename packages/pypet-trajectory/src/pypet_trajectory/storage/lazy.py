"""A storage service that keeps nothing, for experiments whose data no user needs afterwards.

Invariant: no call ever fails or touches a file. Loading therefore does not raise for data that
was never stored; it leaves the trajectory as it is.
"""

from __future__ import annotations

from typing import Any

from pypet_trajectory.api.service import StorageService


class LazyStorageService(StorageService):
    """Swallows everything.

    Parameters
    ----------
    *args, **kwargs
        Ignored, so that it can stand in for any other service.

    Examples
    --------
    >>> LazyStorageService(filename='nowhere.hdf5').store('FLUSH', None) is None
    True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""
