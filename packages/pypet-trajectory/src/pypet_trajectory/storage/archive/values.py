"""Values of archives: exact JSON, with every array in a member of its own.

The forms of :mod:`~pypet_trajectory.values.exact_json`, except that arrays never become text:
``{"array": "<member>"}``. Invariant: JSON that no encoder wrote is refused, and takes no more
memory than is in it; a pickle is written and read only where the caller allowed it.
"""

from __future__ import annotations

import base64
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from pypet_trajectory.constants import PARAMETERTYPEDICT
from pypet_trajectory.exceptions import (
    NoSuchServiceError,
    PickleRefusedError,
    PypetImportError,
    PypetOSError,
)
from pypet_trajectory.values.column_table import ColumnTable
from pypet_trajectory.values.exact_json import Form, ValueDecoder, ValueEncoder, as_base64
from pypet_trajectory.values.ranges import CompactRange

#: Longer byte strings become members instead of base64 text.
_LONGEST_INLINE_BYTES = 1024
_INT64 = range(-(2**63), 2**64)
_TYPE_NAMES = {kind: name for name, kind in PARAMETERTYPEDICT.items()}


class ArchiveEncoder(ValueEncoder):
    """Turns values into what ``json.dump`` takes.

    Parameters
    ----------
    add_array : callable
        Takes an array without objects in it, keeps it, and returns the name of its member.
    allow_pickle : bool
        Whether values without a form of their own are pickled; :meth:`encode` refuses them else.
    place : str
        Full name of the node the values belong to, for error messages; the root's is empty.
    """

    def __init__(
        self, add_array: Callable[[np.ndarray[Any, Any]], str], allow_pickle: bool, place: str
    ) -> None:
        self._add_array = add_array
        self._allow_pickle = allow_pickle
        self._place = place or "the root"

    def other(self, value: Any) -> Any:
        """A numpy scalar, data of an optional package, or a pickle."""
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

    def _bytes(self, value: bytes) -> Any:
        if len(value) > _LONGEST_INLINE_BYTES:
            return {"blob": self._add_array(np.frombuffer(value, dtype=np.uint8))}
        return {"bytes": as_base64(value)}

    def _scalar(self, value: np.generic) -> Any:
        if value.dtype.hasobject:
            return self._pickled(value)
        # Through an array, because scalars of structured types have no bytes of their own.
        description = np.lib.format.dtype_to_descr(value.dtype)
        data = np.array(value, dtype=value.dtype).tobytes()
        return {"scalar": [self.encode(description), as_base64(data)]}

    def _range(self, value: CompactRange) -> Any:
        if value.array is None or value.kind not in _TYPE_NAMES:
            return {"range": [self.encode(item) for item in value]}
        return {"compact_range": [self.array(value.array), _TYPE_NAMES[value.kind]]}

    def _pickled(self, value: Any) -> dict[str, Any]:
        if not self._allow_pickle:
            kind = type(value)
            dtype = f" of dtype {value.dtype}" if isinstance(value, np.ndarray) else ""
            raise NoSuchServiceError(
                f"An archive has no form for data of type {kind.__module__}.{kind.__qualname__}"
                f"{dtype}, met in {self._place!r}. Store it as basic types, or allow pickles "
                "with allow_pickle=True."
            )
        return {"pickle": as_base64(pickle.dumps(value, protocol=4))}

    forms: ClassVar[Mapping[type, Form | None]] = {
        **ValueEncoder.forms,
        int: lambda _, value: value if value in _INT64 else {"int": hex(value)},
        bytes: _bytes,
        np.str_: ValueEncoder.numpy_text,
        np.bytes_: ValueEncoder.numpy_text,
        np.ndarray: array,
        np.matrix: lambda self, value: {"matrix": self.array(np.asarray(value))},
        CompactRange: _range,
        ColumnTable: lambda self, value: {
            "table": [[name, self.encode(column)] for name, column in value.items()]
        },
    }


class ArchiveDecoder(ValueDecoder):
    """Turns JSON back into values; the counterpart of :class:`ArchiveEncoder`.

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

    def other(self, form: str, content: Any) -> Any:
        """Data of an optional package; raises also if the form is unknown."""
        from pypet_trajectory.storage.archive.extras import decode_extra

        return decode_extra(form, content, self, self._place)

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

    forms: ClassVar[Mapping[str, Form]] = {
        **ValueDecoder.forms,
        "int": lambda _, content: int(content, 16),
        "blob": lambda self, member: self._read_array(member).tobytes(),
        "scalar": _scalar,
        "array": lambda self, member: self._read_array(member),
        "objects": lambda self, content: self.filled(content["shape"], content["items"]),
        "matrix": lambda self, content: self.value(content).view(np.matrix),
        "range": lambda self, content: CompactRange.from_objects(map(self.value, content)),
        "compact_range": _compact_range,
        "table": lambda self, content: ColumnTable(
            {name: self.value(column) for name, column in content}
        ),
        "pickle": _pickled,
    }
