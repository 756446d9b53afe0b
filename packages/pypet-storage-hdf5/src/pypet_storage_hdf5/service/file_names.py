"""Which file a service keeps, from what the user says and the trajectory's name."""

from __future__ import annotations

import os

DEFAULT_NAME = "Experiments"


def resolved_filename(filename: str | os.PathLike[str] | None, name: str | None) -> str:
    """The path of the file.

    Parameters
    ----------
    filename : str or path, optional
        A file, or a folder (one that exists, or a path with a separator at its end). A bare name
        lies in the current folder, which an empty one means; a relative path with folders stays
        relative.
    name : str, optional
        Name of the trajectory, which gives the file its name where `filename` does not.

    Examples
    --------
    >>> resolved_filename('./data/', 'fitting')
    './data/fitting.hdf5'
    >>> resolved_filename('./data/all.h5', 'fitting')
    './data/all.h5'
    """
    if filename is None:
        folder = os.path.join(os.getcwd(), "hdf5") if name else os.getcwd()
        return os.path.join(folder, f"{name or DEFAULT_NAME}.hdf5")
    path = os.fsdecode(filename) or os.getcwd()
    head, tail = os.path.split(path)
    if os.path.isdir(path) or not tail:
        return os.path.join(path, f"{name or DEFAULT_NAME}.hdf5")
    return os.path.join(os.getcwd(), tail) if not head else path
