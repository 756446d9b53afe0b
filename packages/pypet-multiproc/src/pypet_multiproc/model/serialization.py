"""Functions and arguments as bytes, and a clear word about what cannot be turned into bytes.

Functions that other processes can import travel by name. All others (lambdas, closures, those of
notebooks and of the main script) travel by value, with cloudpickle. Invariant: what cannot travel
is found in the main process before the first run, and the error names the object and where it
hangs; pypet 0.7 said "can't pickle local object" from inside a thread.
"""

from __future__ import annotations

import functools
import pickle
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pypet_trajectory.exceptions import PypetTypeError

_MAX_DEPTH = 8


class NotPicklableError(PypetTypeError, pickle.PicklingError):
    """An object cannot be sent to another process."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An object as bytes; sending it on costs a copy, not another serialisation."""

    #: The pickled object.
    data: bytes

    def unpack(self) -> Any:
        """A fresh object."""
        return pickle.loads(self.data)


def pack(obj: Any, name: str, *, inherits_main: bool) -> Packed:
    """Serialise an object for other processes.

    Parameters
    ----------
    obj : object
        What to send.
    name : str
        How to call it in an error, for instance ``'the run function'``.
    inherits_main : bool
        Whether the receiver is forked from this process, so that whatever is defined here can be
        named; otherwise what the main script defines travels by value if at all possible.

    Raises
    ------
    NotPicklableError
        If neither way works.
    """
    ways = (_by_name, _by_value) if inherits_main else (_by_value, _by_name)
    errors: list[Exception] = []
    for way in ways:
        try:
            return Packed(way(obj))
        except Exception as exc:
            errors.append(exc)
    raise NotPicklableError(explain(obj, name, errors[0])) from errors[0]


def _by_name(obj: Any) -> bytes:
    return pickle.dumps(obj, protocol=pickle.HIGHEST_PROTOCOL)


def _by_value(obj: Any) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]

    data: bytes = cloudpickle.dumps(obj)
    return data


def dumps(obj: Any) -> bytes:
    """Pickle in the ordinary way, with cloudpickle where that does not work."""
    try:
        return _by_name(obj)
    except Exception as exc:
        try:
            return _by_value(obj)
        except Exception:
            raise exc from None


def explain(obj: Any, name: str, error: Exception) -> str:
    """Message that names the part of an object that cannot be pickled."""
    place, culprit = find_unpicklable(obj, name)
    return (
        f"Cannot send {name} to other processes: {place} is a `{type(culprit).__name__}` that "
        f"cannot be pickled ({error}). Make it inside the run function or give it a "
        "`__reduce__` method; with `use_pool=False` and the start method 'fork', nothing but "
        "return values needs to be picklable."
    )


def find_unpicklable(obj: Any, name: str) -> tuple[str, Any]:
    """Where the innermost part hangs that cannot be pickled, and that part.

    Examples
    --------
    >>> import threading
    >>> place, culprit = find_unpicklable({"a": [1, threading.Lock()]}, "args")
    >>> place
    "args['a'][1]"
    """
    for _ in range(_MAX_DEPTH):
        for place, part in _parts(obj, name):
            if not _can_be_pickled(part):
                name, obj = place, part
                break
        else:
            break
    return name, obj


def _can_be_pickled(obj: Any) -> bool:
    try:
        dumps(obj)
    except Exception:
        return False
    return True


def _parts(obj: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(obj, Mapping):
        return [(f"{name}[{key!r}]", value) for key, value in obj.items()]
    if isinstance(obj, (list, tuple)):
        return [(f"{name}[{position}]", value) for position, value in enumerate(obj)]
    if isinstance(obj, functools.partial):
        return [(f"{name}.func", obj.func), (f"{name}.args", obj.args),
                (f"{name}.keywords", obj.keywords)]  # fmt: skip
    if isinstance(obj, types.MethodType):
        return [(f"{name}.__self__", obj.__self__)]
    if isinstance(obj, types.FunctionType):
        return _parts_of_function(obj, name)
    if hasattr(obj, "f_iter_nodes") and hasattr(obj, "v_full_name"):
        return [(f"`{node.v_full_name}`", node) for node in obj.f_iter_nodes(recursive=True)
                if node.v_is_leaf]  # fmt: skip
    state = getattr(obj, "__dict__", None)
    if isinstance(state, dict):
        return [(f"{name}.{key}", value) for key, value in state.items()]
    return []


def _parts_of_function(function: types.FunctionType, name: str) -> list[tuple[str, Any]]:
    parts: list[tuple[str, Any]] = []
    code = function.__code__
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            parts.append((f"variable `{variable}` of {name}", cell.cell_contents))
        except ValueError:
            continue
    for default in function.__defaults__ or ():
        parts.append((f"a default of {name}", default))
    for variable in code.co_names:
        if variable in function.__globals__:
            parts.append((f"global `{variable}` of {name}", function.__globals__[variable]))
    return parts
