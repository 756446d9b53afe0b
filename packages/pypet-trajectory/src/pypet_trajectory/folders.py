"""Creating folders while others may be creating them, too."""

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
