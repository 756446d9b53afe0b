"""What is asked of the HDF5 library itself, because PyTables does not offer it, or crashes over it.

The library is the one that PyTables is linked to, found through PyTables' extension. Where it
cannot be reached, `LIBRARY` is ``None`` and PyTables' own functions are used.

Invariant: names come from here before PyTables sees them. PyTables takes names for UTF-8, and ends
the process with a segmentation fault when it lists one that is not.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from typing import Any

from tables import hdf5extension

from pypet_trajectory.exceptions import PypetOSError

Identifier = ctypes.c_int64


def _library() -> Any:
    try:
        # Symbols of the libraries that the extension is linked to are found through it.
        # The lock of the interpreter is kept, as by PyTables.
        library = ctypes.PyDLL(hdf5extension.__file__)
        library.H5Aiterate2.restype = library.H5Giterate.restype = ctypes.c_int
        library.H5Fopen.restype = Identifier
        library.H5Fopen.argtypes = [ctypes.c_char_p, ctypes.c_uint, Identifier]
        library.H5Fclose.argtypes = [Identifier]
        library.H5Dget_storage_size.restype = ctypes.c_uint64
        library.H5Dget_storage_size.argtypes = [Identifier]
    except (OSError, AttributeError):
        return None
    return library


#: The HDF5 library, ``None`` if it cannot be reached.
LIBRARY = _library()


class DamagedNameError(PypetOSError):
    """A name in the file is no UTF-8, so the file is damaged."""


#: The first two arguments of HDF5's visitors of attributes and of links, which are the same. What
#: `list.insert` returns, ``None``, is a null pointer, so 0: HDF5 goes on to the next name.
_Visit = ctypes.PYFUNCTYPE(ctypes.c_void_p, Identifier, ctypes.c_char_p)
_BY_NAME, _NATIVE = 0, 2
#: Whether the garbage collector may run finalizers, which are Python code, in between.
_COLLECTS_IN_BETWEEN = sys.version_info < (3, 12)


class _Names(threading.local):
    """The names that HDF5 lists in this thread, each as bytes.

    Invariant: no Python code runs while HDF5 calls back. HDF5 holds its own lock then; a thread
    that gave up the interpreter's lock meanwhile would never get it back from one that waits for
    HDF5. So the visitor is a C function: `list.insert` gets the name and, as index, an HDF5
    identifier, far beyond the end of the list.
    """

    def __init__(self) -> None:
        found: list[bytes] = []
        #: The names, and what is called for each; kept, for HDF5 is given nothing but its address.
        self.listing = found, _Visit(found.insert)


_names = _Names()


def _listed(iterate: Any, *arguments: Any) -> list[str] | None:
    """The names that a function of HDF5 lists; ``None`` if it fails.

    Raises
    ------
    DamagedNameError
        If one of them is no UTF-8.
    """
    names, visit = _names.listing
    names.clear()
    pauses = _COLLECTS_IN_BETWEEN and gc.isenabled()
    if pauses:
        gc.disable()
    status = iterate(*arguments, visit, None)
    if pauses:
        gc.enable()
    if status < 0:
        return None
    if not names:
        return []
    try:
        # Decoded at once; no name holds the separator.
        return b"\0".join(names).decode().split("\0")
    except UnicodeDecodeError as error:
        raise DamagedNameError(
            f"The file is damaged: a name in it is no UTF-8 text, but {error.object!r}."
        ) from error


if LIBRARY is not None:
    _iterate_attributes = LIBRARY.H5Aiterate2
    _iterate_attributes.argtypes = [
        Identifier,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_void_p,
        _Visit,
        ctypes.c_void_p,
    ]
    _iterate_links = LIBRARY.H5Giterate
    _iterate_links.argtypes = [
        Identifier,
        ctypes.c_char_p,
        ctypes.c_void_p,
        _Visit,
        ctypes.c_void_p,
    ]


def attribute_names(identifier: int) -> list[str]:
    """Names of the attributes of an open object, in HDF5's order.

    Raises
    ------
    DamagedNameError
        If one of them is no UTF-8, or they cannot be listed.
    """
    names = _listed(_iterate_attributes, identifier, _BY_NAME, _NATIVE, None)
    if names is None:
        raise DamagedNameError("The file is damaged: attributes in it cannot be listed.")
    return names


def check_links(identifier: int) -> None:
    """See that all names in an open group are UTF-8, if the library can be reached.

    Raises
    ------
    DamagedNameError
        If one of them is not, or they cannot be listed.
    """
    if LIBRARY is None:
        return
    if _listed(_iterate_links, identifier, b".", None) is None:
        raise DamagedNameError("The file is damaged: a group in it cannot be listed.")


def check_root(path: str) -> None:
    """See that the names at the root of a file, which PyTables reads when it opens it, are UTF-8.

    A file that HDF5 does not open is left to PyTables, which says why.

    Raises
    ------
    DamagedNameError
        If one of them is not.
    """
    if LIBRARY is None:
        return
    identifier = LIBRARY.H5Fopen(os.fsencode(path), 0, 0)
    if identifier < 0:
        return
    try:
        attribute_names(identifier)
        check_links(identifier)
    finally:
        LIBRARY.H5Fclose(identifier)


def stored_bytes(identifier: int) -> int | None:
    """Bytes that the data of an open dataset takes in the file; ``None`` if that is not known."""
    return None if LIBRARY is None else int(LIBRARY.H5Dget_storage_size(identifier))
