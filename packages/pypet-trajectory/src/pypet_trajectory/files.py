"""Folders that others may create as well, and files that are still there after a power cut.

Invariant: what `sync`, `sync_folder` and `publish` have returned from is on the disk, as far as the
operating system says so.
"""

from __future__ import annotations

import os


def racedirs(path: str | os.PathLike[str]) -> None:
    """Create a folder and its parents; an existing folder is fine.

    Raises
    ------
    OSError
        If a file is in the way or the folder cannot be created.
    """
    os.makedirs(path, exist_ok=True)


def obstacle(folder: str | os.PathLike[str]) -> str | None:
    """What keeps a folder from being created or written to, ``None`` if nothing does.

    Nothing is created to find that out, so others may still be faster.

    Examples
    --------
    >>> import os
    >>> obstacle(os.devnull + '/results') == os.path.abspath(os.devnull)
    True
    """
    path = os.path.abspath(folder)
    if "\0" in path:
        return path
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return None if os.path.isdir(path) and os.access(path, os.W_OK) else path


Path = str | os.PathLike[str]


def sync(path: Path) -> None:
    """Return when the content of a file is on the disk."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder are on the disk."""
    if os.name == "nt":
        return  # Windows opens no folders; NTFS journals renames by itself.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(complete: Path, path: Path) -> None:
    """Let a synced file take the place of another in one step, and be there after a power cut."""
    os.replace(complete, path)
    sync_folder(os.path.dirname(path) or ".")
