"""What is asked of the HDF5 library itself, because PyTables does not offer it, or crashes over it.

The library is the one that PyTables is linked to, found through PyTables' extension. Where it
cannot be reached, `LIBRARY` is ``None`` and PyTables' own functions are used.

Invariant: names come from here before PyTables sees them. PyTables takes names for UTF-8, and ends
the process with a segmentation fault when it lists one that is not.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Any

from tables import hdf5extension

from pypet_trajectory.exceptions import PypetOSError

Identifier = ctypes.c_int64


def _library() -> Any:
    try:
        # Symbols of the libraries that the extension is linked to are found through it.
        # The lock of the interpreter is kept, as by PyTables: HDF5 calls back for each name.
        library = ctypes.PyDLL(hdf5extension.__file__)
        library.H5Eset_auto2.restype = library.H5Ewalk2.restype = ctypes.c_int
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


_VisitAttribute = ctypes.PYFUNCTYPE(
    ctypes.c_int, Identifier, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p
)
_VisitLink = ctypes.PYFUNCTYPE(ctypes.c_int, Identifier, ctypes.c_char_p, ctypes.c_void_p)
_names: list[bytes] = []
_add = _names.append
_BY_NAME, _NATIVE = 0, 2
#: Python may go on in another thread while HDF5 calls back, which must not list names then.
_listing = threading.RLock()


def _renew_lock() -> None:
    """In a forked process: no other thread lists names."""
    global _listing
    _listing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def _note_attribute(_where: int, name: bytes, _info: Any, _data: Any) -> int:
    _add(name)
    return 0


def _note_link(_where: int, name: bytes, _data: Any) -> int:
    _add(name)
    return 0


#: Kept, for HDF5 is given nothing but their addresses.
_attribute_visitor, _link_visitor = _VisitAttribute(_note_attribute), _VisitLink(_note_link)

if LIBRARY is not None:
    _iterate_attributes = LIBRARY.H5Aiterate2
    _iterate_attributes.argtypes = [
        Identifier,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_void_p,
        _VisitAttribute,
        ctypes.c_void_p,
    ]
    _iterate_links = LIBRARY.H5Giterate
    _iterate_links.argtypes = [
        Identifier,
        ctypes.c_char_p,
        ctypes.c_void_p,
        _VisitLink,
        ctypes.c_void_p,
    ]


def attribute_names(identifier: int) -> list[str]:
    """Names of the attributes of an open object, in HDF5's order.

    Raises
    ------
    DamagedNameError
        If one of them is no UTF-8, or they cannot be listed.
    """
    with _listing:
        _names.clear()
        status = _iterate_attributes(identifier, _BY_NAME, _NATIVE, None, _attribute_visitor, None)
        if status >= 0:
            try:
                return [name.decode() for name in _names]
            except UnicodeDecodeError as error:
                raise _damaged(error) from error
    raise DamagedNameError("The file is damaged: attributes in it cannot be listed.")


def check_links(identifier: int) -> None:
    """See that all names in an open group are UTF-8, if the library can be reached.

    Raises
    ------
    DamagedNameError
        If one of them is not, or they cannot be listed.
    """
    if LIBRARY is None:
        return
    with _listing:
        _names.clear()
        if _iterate_links(identifier, b".", None, _link_visitor, None) < 0:
            raise DamagedNameError("The file is damaged: a group in it cannot be listed.")
        try:
            for name in _names:
                name.decode()
        except UnicodeDecodeError as error:
            raise _damaged(error) from error


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


def _damaged(error: UnicodeDecodeError) -> DamagedNameError:
    return DamagedNameError(
        f"The file is damaged: a name in it is no UTF-8 text, but {error.object!r}."
    )


def stored_bytes(identifier: int) -> int | None:
    """Bytes that the data of an open dataset takes in the file; ``None`` if that is not known."""
    return None if LIBRARY is None else int(LIBRARY.H5Dget_storage_size(identifier))
