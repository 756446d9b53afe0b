"""Creating folders while others may be creating them, too, and whether that can succeed."""

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
