"""Files and names that are still there after a power cut.

Invariant: what a function here has returned from is on the disk, as far as the operating system
says so.
"""

from __future__ import annotations

import os

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
