"""Values as JSON, exactly: the codec of texts in HDF5 files and, extended, of archives.

Whatever JSON knows is written as JSON: ``None``, booleans, integers, finite floats, text and
lists. Everything else is an object with a single key, the name of its form::

    {"tuple": [1, 2]}    {"float": "nan"}    {"dict": [["key", "value"], ...]}

Invariant: decoding what was encoded gives the same value of the same type, or encoding refuses.
Nothing is approximated, and nothing in the JSON is executed, unlike with a pickle. Here arrays are
part of the text; a store that has a better place for them adds forms of its own in a subclass.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np

from pypet_trajectory.exceptions import NoSuchServiceError

#: Takes the encoder or decoder and a value, or the content of a form.
Form: TypeAlias = Callable[[Any, Any], Any]


def dumps(value: Any) -> str:
    """Text of a value, arrays included.

    Raises
    ------
    NoSuchServiceError
        If the value is, or contains, an object that is no basic data.
    """
    return json.dumps(_ENCODER.encode(value), separators=(",", ":"), allow_nan=False)


def loads(text: str) -> Any:
    """The value of a text written by `dumps`.

    Raises
    ------
    NoSuchServiceError
        If it has a form that is not known.
    Exception
        What parsers and constructors raise for a text that `dumps` never writes: most often
        ``ValueError``.
    """
    return _DECODER.value(json.loads(text))


def as_base64(data: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(data).decode("ascii")


# -------------------------------------------------------------------- encoding


class ValueEncoder:
    """Turns values into what ``json.dumps`` takes."""

    def encode(self, value: Any) -> Any:
        """The value as JSON.

        Raises
        ------
        NoSuchServiceError
            If there is no form for values of this type.
        """
        kind = type(value)
        if kind is str and value.isascii():  # the quick way for most of what there is
            return value
        if kind is list:
            encode = self.encode
            return [encode(item) for item in value]
        try:
            form = self.forms[kind]
        except KeyError:
            return self.other(value)
        return value if form is None else form(self, value)

    def other(self, value: Any) -> Any:
        """The form of a value whose type is in no table."""
        kind = type(value)
        if isinstance(value, np.generic) and kind.__module__ == "numpy":
            if isinstance(value, (np.str_, np.bytes_)) and value[-1:] in ("\0", b"\0"):
                return self.numpy_text(value)  # arrays drop NUL characters at the end
            return {"scalar": self._parts(np.asarray(value))}
        raise NoSuchServiceError(
            f"A value of type {kind.__module__}.{kind.__qualname__} cannot be stored: "
            f"{value!r:.80}. Store its parts, or use a PickleResult or PickleParameter."
        )

    def numpy_text(self, value: np.str_ | np.bytes_) -> dict[str, Any]:
        """The form of text or bytes of numpy, also where NUL characters end it."""
        if isinstance(value, np.str_):
            return {"numpy_str": self.encode("".join(value))}  # str() would drop them
        return {"numpy_bytes": as_base64(bytes(value))}

    def _parts(self, array: np.ndarray[Any, Any]) -> dict[str, Any]:
        parts = {"dtype": describe_dtype(array.dtype), "shape": list(array.shape)}
        if array.dtype.hasobject:
            return {**parts, "elements": self.encode(array.ravel().tolist())}
        return {**parts, "data": as_base64(np.ascontiguousarray(array).tobytes())}

    def _float(self, value: float) -> Any:
        return value if math.isfinite(value) else {"float": repr(value)}

    def _text(self, value: str) -> Any:
        try:
            value.encode()
        except UnicodeEncodeError:  # surrogates, which JSON would join
            return {"surrogates": as_base64(value.encode("utf-8", "surrogatepass"))}
        return value

    #: The form of each type; ``None`` where values stay as they are.
    forms: ClassVar[Mapping[type, Form | None]] = {
        type(None): None,
        bool: None,
        int: None,
        float: _float,
        str: _text,
        complex: lambda self, value: {
            "complex": [self._float(value.real), self._float(value.imag)]
        },
        bytes: lambda _, value: {"bytes": as_base64(value)},
        tuple: lambda self, value: {"tuple": [self.encode(item) for item in value]},
        set: lambda self, value: {"set": [self.encode(item) for item in value]},
        frozenset: lambda self, value: {"frozenset": [self.encode(item) for item in value]},
        dict: lambda self, value: {
            "dict": [[self.encode(key), self.encode(item)] for key, item in value.items()]
        },
        np.ndarray: lambda self, value: {"array": self._parts(value)},
        np.matrix: lambda self, value: {"matrix": self._parts(np.asarray(value))},
    }


def describe_dtype(dtype: np.dtype[Any]) -> str:
    """Text from which `parse_dtype` makes an equal numpy type."""
    if dtype.names is None:
        return dtype.str.replace("|O", "O")
    try:
        return json.dumps(np.lib.format.dtype_to_descr(dtype))
    except ValueError:  # fields that overlap, lie in another order, or have titles
        return json.dumps(_layout_of(dtype))


def _layout_of(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Names, types, places and titles of fields."""
    assert dtype.names is not None
    assert dtype.fields is not None
    fields = [dtype.fields[name] for name in dtype.names]
    return {
        "names": dtype.names,
        "formats": [[describe_dtype(field[0].base), field[0].shape] for field in fields],
        "offsets": [field[1] for field in fields],
        "titles": [field[2] if len(field) > 2 else None for field in fields],
        "itemsize": dtype.itemsize,
    }


# -------------------------------------------------------------------- decoding


class ValueDecoder:
    """Turns JSON back into values; the counterpart of :class:`ValueEncoder`."""

    def value(self, data: Any) -> Any:
        """The value, or that of a part; raises whatever is wrong with it."""
        kind = type(data)
        if kind is list:
            value = self.value
            return [value(item) for item in data]
        if kind is not dict:
            return data
        ((form, content),) = data.items()
        try:
            decode = self.forms[form]
        except KeyError:
            return self.other(form, content)
        return decode(self, content)

    def other(self, form: str, content: Any) -> Any:
        """The value of a form that is in no table."""
        raise NoSuchServiceError(f"Data has the form {form!r}, which this version cannot read.")

    def filled(self, shape: Any, items: list[Any], dtype: Any = object) -> np.ndarray[Any, Any]:
        """An array of these items, one by one; no larger than what is there."""
        if any(type(extent) is not int or extent < 0 for extent in shape):
            raise ValueError(f"{shape} is no shape")
        if math.prod(shape) != len(items):
            raise ValueError(f"an array of shape {shape} cannot hold {len(items)} objects")
        array = np.empty(len(items), dtype)
        for position, item in enumerate(items):
            array[position] = self.value(item)
        return array.reshape(shape)

    def _from_parts(self, parts: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        dtype = parse_dtype(parts["dtype"])
        if "elements" in parts:
            return self.filled(parts["shape"], parts["elements"], dtype)
        if dtype.itemsize == 0:
            return np.zeros(parts["shape"], dtype)
        return np.frombuffer(base64.b64decode(parts["data"]), dtype).reshape(parts["shape"]).copy()

    #: How the content of each form is read.
    forms: ClassVar[Mapping[str, Form]] = {
        "float": lambda _, content: float(content),
        "surrogates": lambda _, content: base64.b64decode(content).decode("utf-8", "surrogatepass"),
        "complex": lambda self, content: complex(*map(self.value, content)),
        "bytes": lambda _, content: base64.b64decode(content),
        "tuple": lambda self, content: tuple(map(self.value, content)),
        "set": lambda self, content: set(map(self.value, content)),
        "frozenset": lambda self, content: frozenset(map(self.value, content)),
        "dict": lambda self, content: {self.value(key): self.value(item) for key, item in content},
        "numpy_str": lambda self, content: np.str_(self.value(content)),
        "numpy_bytes": lambda _, content: np.bytes_(base64.b64decode(content)),
        "array": _from_parts,
        "matrix": lambda self, parts: self._from_parts(parts).view(np.matrix),
        "scalar": lambda self, parts: self._from_parts(parts)[()],
    }


def parse_dtype(text: str) -> np.dtype[Any]:
    """The numpy type that `describe_dtype` described."""
    if text.startswith("["):
        return np.lib.format.descr_to_dtype(_field_lists(json.loads(text)))
    return _dtype_of(json.loads(text)) if text.startswith("{") else np.dtype(text)


def _dtype_of(layout: Mapping[str, Any]) -> np.dtype[Any]:
    formats = [(parse_dtype(text), tuple(shape)) for text, shape in layout["formats"]]
    return np.dtype({**layout, "formats": formats})  # type: ignore[call-overload,no-any-return]


def _field_lists(descr: Any) -> Any:
    """JSON has no tuples, but numpy wants a list of tuples of fields, with titles as tuples."""
    if not isinstance(descr, list):
        return descr
    return [
        (_tuple(field[0]), _field_lists(field[1]), *(tuple(shape) for shape in field[2:]))
        for field in descr
    ]


def _tuple(name: Any) -> Any:
    return tuple(name) if isinstance(name, list) else name


_ENCODER = ValueEncoder()
_DECODER = ValueDecoder()
