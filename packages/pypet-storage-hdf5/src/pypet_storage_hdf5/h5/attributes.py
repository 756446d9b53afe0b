"""Attributes of nodes: class, comment and annotations, and texts too long for one attribute.

HDF5 limits an attribute to 64 KiB. A longer text is cut for pypet 0.7 and kept whole in numbered
pieces beside it. An annotation is written as pypet 0.7 does, which turns an ``int`` into a numpy
integer and a list into a pickle; its exact value goes beside it as text, so that nothing needs
unpickling.

Crash story: attributes are written one after the other. These functions are called for a new
node before it gets its name; for an old node, each attribute is the old or the new one, and
``SRVC_ANNOTATED`` comes last.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from pypet_storage_hdf5.h5 import markers
from pypet_storage_hdf5.h5.objects import AttributeOwner
from pypet_storage_hdf5.h5.pickling import is_pickle, unpickled
from pypet_trajectory.exceptions import NoSuchServiceError, PypetTypeError
from pypet_trajectory.values import exact_json

#: Bytes that surely fit into one attribute with its header.
MAX_BYTES = 60_000

_PYTHON_SCALARS: Mapping[str, type] = {
    kind.__name__: kind for kind in (bool, int, float, complex, bytes, str)
}


_TOO_LARGE = object()


class NodeAttributes(NamedTuple):
    """What the attributes of a group say about a node of the tree."""

    #: Whether the group is a parameter or result.
    is_leaf: bool
    #: Name of the node's class, ``''`` if not stored.
    class_name: str
    #: Full comment, ``''`` if there is none.
    comment: str
    #: Annotations by name.
    annotations: Mapping[str, Any]


def read_node_attributes(owner: AttributeOwner) -> NodeAttributes:
    """Everything the attributes of one group say."""
    names = owner.attribute_names()
    return NodeAttributes(
        is_leaf=is_leaf(owner, names),
        class_name=read_text(owner, markers.CLASS_NAME, names) or "",
        comment=read_text(owner, markers.COMMENT, names) or "",
        annotations=read_annotations(owner, names),
    )


def is_leaf(owner: AttributeOwner, names: Collection[str] | None = None) -> bool:
    """Whether a group is a parameter or result and complete.

    The mark is written after the class. Beside a class it is taken at its word, for no writer notes
    that something is no leaf, and with a million leaves reading each mark takes ten seconds.
    """
    if names is None:
        names = owner.attribute_names()
    if markers.LEAF not in names:
        return False
    try:
        return markers.CLASS_NAME in names or bool(owner.raw_attribute(markers.LEAF))
    except PypetTypeError:  # a boolean of h5py
        return True


def read_value(owner: AttributeOwner, name: str) -> Any:
    """An attribute as PyTables gives it, unpickled if it is a pickle."""
    value = owner.raw_attribute(name)
    if isinstance(value, np.bytes_) and is_pickle(value):
        return unpickled(value)
    return value


# ------------------------------------------------------------------------ text


def read_text(owner: AttributeOwner, name: str, names: Collection[str]) -> str | None:
    """A text attribute, joined from its pieces if it has any; ``None`` if it is not there."""
    if name not in names:
        return None
    first_piece = _piece(name, 0)
    if first_piece in names:
        count = sum(other.startswith(first_piece[:-5]) for other in names)
        pieces = [owner.raw_attribute(_piece(name, number)) for number in range(count)]
        return b"".join(piece.tobytes() for piece in pieces).decode("utf-8", "surrogatepass")
    value = owner.raw_attribute(name)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, np.ndarray):  # variable-length text, as h5py writes it
        value = value.ravel()[0] if value.size else ""
    return str(value)


def write_text(owner: AttributeOwner, name: str, text: str) -> None:
    """Write a text of any length as an attribute; an older one of that name is replaced."""
    try:
        encoded = text.encode()
        plain = text
    except UnicodeEncodeError:  # half a surrogate pair, which UTF-8 has no code for
        encoded = text.encode("utf-8", "surrogatepass")
        plain = text.encode("utf-8", "replace").decode()
    remove_text(owner, name, main=False)
    if plain is not text or len(encoded) > MAX_BYTES or text.endswith("\0"):
        for number, start in enumerate(range(0, len(encoded), MAX_BYTES)):
            piece = np.frombuffer(encoded[start : start + MAX_BYTES], dtype=np.uint8)
            owner.set_raw_attribute(_piece(name, number), piece)
        plain = cut_text(plain, MAX_BYTES)
    owner.set_raw_attribute(name, np.array(plain))


def remove_text(owner: AttributeOwner, name: str, *, main: bool = True) -> None:
    """Remove a text attribute and its pieces, if they are there."""
    start = _piece(name, 0)[:-5]
    for other in owner.attribute_names():
        if other.startswith(start) or (main and other == name):
            owner.remove_attribute(other)


def cut_text(text: str, size: int) -> str:
    """Text cut to `size` bytes of UTF-8 between two characters, with three dots if cut."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= size:
        return text
    return encoded[: size - 3].decode("utf-8", errors="ignore") + "..."


@functools.lru_cache(maxsize=256)
def _piece(name: str, number: int) -> str:
    return f"{markers.PIECE_PREFIX}{name}_{number:05d}"


# ----------------------------------------------------------------- annotations


def read_annotations(owner: AttributeOwner, names: Collection[str]) -> dict[str, Any]:
    """Annotations of a node, each with its exact type if it is known."""
    if markers.ANNOTATED not in names or not owner.raw_attribute(markers.ANNOTATED):
        return {}
    prefix = markers.ANNOTATION_PREFIX
    found = {}
    for name in names:
        if name.startswith(prefix):
            key = name[len(prefix) :]
            exact = read_text(owner, markers.EXACT_ANNOTATION_PREFIX + key, names)
            if exact is None:
                found[key] = read_value(owner, name)
            elif exact == "str":
                found[key] = read_text(owner, name, names)
            elif exact in _PYTHON_SCALARS:
                found[key] = _PYTHON_SCALARS[exact](owner.raw_attribute(name).item())
            else:
                found[key] = exact_json.loads(exact)
    return found


def write_annotations(
    owner: AttributeOwner, annotations: Mapping[str, Any], *, replace: bool = False
) -> None:
    """Write annotations that are not there yet, or all with `replace`, which removes the others.

    Raises
    ------
    Exception
        What pickling raises, for an annotation that is neither basic data nor can be pickled.
    """
    prefixes = (
        markers.ANNOTATION_PREFIX,
        markers.EXACT_ANNOTATION_PREFIX,
        markers.PIECE_PREFIX + markers.ANNOTATION_PREFIX,
        markers.PIECE_PREFIX + markers.EXACT_ANNOTATION_PREFIX,
    )
    names = owner.attribute_names() if replace or annotations else []
    if replace and markers.ANNOTATED in names:
        for name in names:
            if name.startswith(prefixes):
                owner.remove_attribute(name)
        names = []
    for key, value in annotations.items():
        if markers.ANNOTATION_PREFIX + key not in names:
            _write_annotation(owner, key, value)
    if annotations:
        owner.set_raw_attribute(markers.ANNOTATED, np.array(True))
    elif replace and markers.ANNOTATED in owner.attribute_names():
        owner.remove_attribute(markers.ANNOTATED)


def _write_annotation(owner: AttributeOwner, key: str, value: Any) -> None:
    name, exact = markers.ANNOTATION_PREFIX + key, markers.EXACT_ANNOTATION_PREFIX + key
    if type(value) is str:
        write_text(owner, exact, "str")
        write_text(owner, name, value)
        return
    stored, twin = _stored_form(value)
    if twin is not None:
        write_text(owner, exact, twin)
    if stored is _TOO_LARGE:  # too large for one attribute, so pypet 0.7 could not have it either
        write_text(owner, name, f"<{type(value).__name__}>")
    else:
        owner.set_raw_attribute(name, stored)


def _stored_form(value: Any) -> tuple[Any, str | None]:
    """What PyTables would write, and the exact value as text where that is not enough."""
    kind = type(value)
    array = (
        value
        if isinstance(value, np.ndarray)
        else np.asarray(value)
        if isinstance(value, np.generic) or kind.__name__ in _PYTHON_SCALARS
        else None
    )
    if array is not None and array.dtype.kind in "biufcS" and array.nbytes <= MAX_BYTES:
        natively = kind.__name__ if kind in _PYTHON_SCALARS.values() else None
        if kind is bytes and (not value or value.endswith(b"\0") or is_pickle(value)):
            natively = exact_json.dumps(value)
        elif kind is np.matrix or array.dtype.byteorder == ">" or not array.size:
            natively = exact_json.dumps(value)
            # PyTables writes the bytes of the other byte order as if they were in its own.
            array = np.asarray(array, array.dtype.newbyteorder("="))
        return array, natively
    try:
        twin = exact_json.dumps(value)
    except NoSuchServiceError:
        twin = None
    if array is not None and array.dtype.kind == "U" and array.shape == ():
        return np.array(cut_text(str(value), MAX_BYTES)), twin
    if twin is not None and len(twin) > MAX_BYTES:
        return _TOO_LARGE, twin
    return value, twin
