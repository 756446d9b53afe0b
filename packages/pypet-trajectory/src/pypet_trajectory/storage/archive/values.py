"""Values as JSON, with exact types: the codec of archives.

Whatever JSON knows is written as JSON: ``None``, booleans, 64-bit integers, finite floats, text
and lists. Everything else is an object with a single key, the name of its form::

    {"tuple": [1, 2]}    {"array": "<member>"}    {"dict": [["key", "value"], ...]}

Invariant: decoding what was encoded gives the same value of the same type, or encoding refuses.
Nothing is approximated, and nothing in the JSON is executed: a pickle is written and read only
where the caller allowed it. Arrays never become text, they are members of their own. JSON that no
encoder wrote is refused, and takes no more memory than is in it.
"""

from __future__ import annotations

import base64
import math
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pypet_trajectory.constants import PARAMETERTYPEDICT
from pypet_trajectory.exceptions import (
    NoSuchServiceError,
    PickleRefusedError,
    PypetImportError,
    PypetOSError,
)
from pypet_trajectory.values.column_table import ColumnTable
from pypet_trajectory.values.ranges import CompactRange

#: Longer byte strings become members instead of base64 text.
_LONGEST_INLINE_BYTES = 1024
_INT64 = range(-(2**63), 2**64)
_TYPE_NAMES = {kind: name for name, kind in PARAMETERTYPEDICT.items()}


class ValueEncoder:
    """Turns values into what ``json.dump`` takes.

    Parameters
    ----------
    add_array : callable
        Takes an array without objects in it, keeps it, and returns the name of its member.
    allow_pickle : bool
        Whether values without a form of their own are pickled.
    place : str
        Full name of the node the values belong to, for error messages; the root's is empty.
    """

    def __init__(
        self, add_array: Callable[[np.ndarray[Any, Any]], str], allow_pickle: bool, place: str
    ) -> None:
        self._add_array = add_array
        self._allow_pickle = allow_pickle
        self._place = place or "the root"

    def encode(self, value: Any) -> Any:
        """The value as JSON.

        Raises
        ------
        NoSuchServiceError
            If there is no form for values of this type, and pickles are not allowed.
        """
        form = _ENCODERS.get(type(value))
        if form is not None:
            return form(self, value)
        if isinstance(value, np.generic):
            return self._scalar(value)
        package = type(value).__module__.partition(".")[0]
        if package in ("pandas", "scipy", "pypet_trajectory"):
            # Imported late: where there is such a value its package is there, too.
            from pypet_trajectory.storage.archive.extras import encode_extra

            extra = encode_extra(value, self)
            if extra is not None:
                return extra
        return self._pickled(value)

    def array(self, value: np.ndarray[Any, Any]) -> dict[str, Any]:
        """An array as a member, or its objects one by one."""
        if value.dtype.kind == "O":
            items = [self.encode(item) for item in value.ravel()]
            return {"objects": {"shape": list(value.shape), "items": items}}
        if value.dtype.hasobject or value.dtype.kind not in "biufcSUVmM":
            return self._pickled(value)
        return {"array": self._add_array(value)}

    # ------------------------------------------------------------------ forms

    def _plain(self, value: Any) -> Any:
        return value

    def _integer(self, value: int) -> Any:
        return value if value in _INT64 else {"int": hex(value)}

    def _float(self, value: float) -> Any:
        return value if math.isfinite(value) else {"float": repr(value)}

    def _text(self, value: str) -> Any:
        try:
            value.encode()
        except UnicodeEncodeError:  # lone surrogates, which JSON would join
            return {"surrogates": _as_text(value.encode("utf-8", "surrogatepass"))}
        return value

    def _complex(self, value: complex) -> Any:
        return {"complex": [self._float(value.real), self._float(value.imag)]}

    def _bytes(self, value: bytes) -> Any:
        if len(value) > _LONGEST_INLINE_BYTES:
            return {"blob": self._add_array(np.frombuffer(value, dtype=np.uint8))}
        return {"bytes": _as_text(value)}

    def _list(self, value: list[Any]) -> Any:
        return [self.encode(item) for item in value]

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        return {"tuple": [self.encode(item) for item in value]}

    def _set(self, value: set[Any]) -> Any:
        return {"set": [self.encode(item) for item in value]}

    def _frozenset(self, value: frozenset[Any]) -> Any:
        return {"frozenset": [self.encode(item) for item in value]}

    def _dict(self, value: dict[Any, Any]) -> Any:
        return {"dict": [[self.encode(key), self.encode(item)] for key, item in value.items()]}

    def _numpy_text(self, value: np.str_) -> Any:
        return {"numpy_str": self._text(str(value))}

    def _numpy_bytes(self, value: np.bytes_) -> Any:
        return {"numpy_bytes": _as_text(bytes(value))}

    def _scalar(self, value: np.generic) -> Any:
        if value.dtype.hasobject:
            return self._pickled(value)
        # Through an array, because scalars of structured types have no bytes of their own.
        description = np.lib.format.dtype_to_descr(value.dtype)
        return {
            "scalar": [
                self.encode(description),
                _as_text(np.array(value, dtype=value.dtype).tobytes()),
            ]
        }

    def _matrix(self, value: np.matrix[Any, Any]) -> Any:
        return {"matrix": self.array(np.asarray(value))}

    def _range(self, value: CompactRange) -> Any:
        if value.array is None or value.kind not in _TYPE_NAMES:
            return {"range": [self.encode(item) for item in value]}
        return {"compact_range": [self.array(value.array), _TYPE_NAMES[value.kind]]}

    def _table(self, value: ColumnTable) -> Any:
        return {"table": [[name, self.encode(column)] for name, column in value.items()]}

    def _pickled(self, value: Any) -> dict[str, Any]:
        if not self._allow_pickle:
            kind = type(value)
            dtype = f" of dtype {value.dtype}" if isinstance(value, np.ndarray) else ""
            raise NoSuchServiceError(
                f"An archive has no form for data of type {kind.__module__}.{kind.__qualname__}"
                f"{dtype}, met in {self._place!r}. Store it as basic types, or allow pickles "
                "with allow_pickle=True."
            )
        return {"pickle": _as_text(pickle.dumps(value, protocol=4))}


_ENCODERS: Mapping[type, Callable[[ValueEncoder, Any], Any]] = {
    type(None): ValueEncoder._plain,
    bool: ValueEncoder._plain,
    int: ValueEncoder._integer,
    float: ValueEncoder._float,
    str: ValueEncoder._text,
    complex: ValueEncoder._complex,
    bytes: ValueEncoder._bytes,
    list: ValueEncoder._list,
    tuple: ValueEncoder._tuple,
    set: ValueEncoder._set,
    frozenset: ValueEncoder._frozenset,
    dict: ValueEncoder._dict,
    np.str_: ValueEncoder._numpy_text,
    np.bytes_: ValueEncoder._numpy_bytes,
    np.ndarray: ValueEncoder.array,
    np.matrix: ValueEncoder._matrix,
    CompactRange: ValueEncoder._range,
    ColumnTable: ValueEncoder._table,
}


class ValueDecoder:
    """Turns JSON back into values; the counterpart of :class:`ValueEncoder`.

    Parameters
    ----------
    read_array : callable
        Returns the array of a member.
    allow_pickle : bool
        Whether pickles may be loaded, which executes what they say.
    place : str
        Full name of the node the values belong to, for error messages; the root's is empty.
    """

    def __init__(
        self, read_array: Callable[[str], np.ndarray[Any, Any]], allow_pickle: bool, place: str
    ) -> None:
        self._read_array = read_array
        self._allow_pickle = allow_pickle
        self._place = place or "the root"

    def decode(self, data: Any) -> Any:
        """The value.

        Raises
        ------
        PypetOSError
            If no encoder can have written this, or an array of it cannot be read.
        PickleRefusedError
            If it is a pickle, and pickles are not allowed.
        NoSuchServiceError
            If the form is unknown.
        MissingPackageError
            If it is data of a package that is not installed.
        """
        try:
            return self.value(data)
        except (NoSuchServiceError, PickleRefusedError, PypetImportError, PypetOSError):
            raise
        except RecursionError as error:
            raise PypetOSError(
                f"{self._place!r} holds data that is nested deeper than Python goes here "
                f"({sys.getrecursionlimit()} calls). If you trust the file, call "
                "sys.setrecursionlimit with a larger number."
            ) from error
        except MemoryError as error:
            raise PypetOSError(
                f"{self._place!r} holds data that does not fit into memory: {error}"
            ) from error
        except Exception as error:  # what a constructor raises for arguments no encoder gives it
            raise PypetOSError(
                f"{self._place!r} holds data that cannot be rebuilt, it is damaged: "
                f"{type(error).__name__}: {error}"
            ) from error

    def value(self, data: Any) -> Any:
        """The value of a part of what is decoded; raises whatever is wrong with it."""
        if isinstance(data, list):
            return [self.value(item) for item in data]
        if not isinstance(data, dict):
            return data
        ((form, content),) = data.items()
        decoder = _DECODERS.get(form)
        if decoder is not None:
            return decoder(self, content)
        from pypet_trajectory.storage.archive.extras import decode_extra

        return decode_extra(form, content, self, self._place)

    # ------------------------------------------------------------------ forms

    def _array(self, member: str) -> np.ndarray[Any, Any]:
        return self._read_array(member)

    def _objects(self, content: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        shape, items = content["shape"], content["items"]
        if any(type(extent) is not int or extent < 0 for extent in shape):
            raise ValueError(f"{shape} is no shape")
        if math.prod(shape) != len(items):
            raise ValueError(f"an array of shape {shape} cannot hold {len(items)} objects")
        array = np.empty(len(items), dtype=object)
        for position, item in enumerate(items):
            array[position] = self.value(item)
        return array.reshape(shape)

    def _scalar(self, content: list[Any]) -> np.generic:
        description, data = content
        dtype = np.lib.format.descr_to_dtype(self.value(description))
        found = np.frombuffer(base64.b64decode(data), dtype=dtype)
        if found.shape != (1,):
            raise ValueError(f"a number was expected, not {found.shape} of them")
        scalar: np.generic = found[0]
        return scalar

    def _compact_range(self, content: list[Any]) -> Any:
        array, kind = content
        values = self.value(array)
        compact = CompactRange.from_array(values, PARAMETERTYPEDICT[kind])
        return CompactRange.from_objects(values) if compact is None else compact

    def _pickled(self, content: str) -> Any:
        if not self._allow_pickle:
            raise PickleRefusedError(
                f"{self._place!r} holds a pickle, and loading it would execute what it says. "
                "Use allow_pickle=True if you trust the source of the archive."
            )
        try:
            return pickle.loads(base64.b64decode(content))
        except Exception as error:
            kind = PypetImportError if isinstance(error, ImportError) else PypetOSError
            raise kind(
                f"{self._place!r} holds a pickle that cannot be loaded ({type(error).__name__}: "
                f"{error}). Can all modules it needs be imported, in the versions it was written "
                "with?"
            ) from error


_DECODERS: Mapping[str, Callable[[ValueDecoder, Any], Any]] = {
    "int": lambda _, content: int(content, 16),
    "float": lambda _, content: float(content),
    "surrogates": lambda _, content: base64.b64decode(content).decode("utf-8", "surrogatepass"),
    "complex": lambda decoder, content: complex(*map(decoder.value, content)),
    "bytes": lambda _, content: base64.b64decode(content),
    "blob": lambda decoder, content: decoder._array(content).tobytes(),
    "tuple": lambda decoder, content: tuple(map(decoder.value, content)),
    "set": lambda decoder, content: set(map(decoder.value, content)),
    "frozenset": lambda decoder, content: frozenset(map(decoder.value, content)),
    "dict": lambda decoder, content: {
        decoder.value(key): decoder.value(item) for key, item in content
    },
    "numpy_str": lambda decoder, content: np.str_(decoder.value(content)),
    "numpy_bytes": lambda _, content: np.bytes_(base64.b64decode(content)),
    "scalar": ValueDecoder._scalar,
    "array": ValueDecoder._array,
    "objects": ValueDecoder._objects,
    "matrix": lambda decoder, content: decoder.value(content).view(np.matrix),
    "range": lambda decoder, content: CompactRange.from_objects(map(decoder.value, content)),
    "compact_range": ValueDecoder._compact_range,
    "table": lambda decoder, content: ColumnTable(
        {name: decoder.value(column) for name, column in content}
    ),
    "pickle": ValueDecoder._pickled,
}


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
