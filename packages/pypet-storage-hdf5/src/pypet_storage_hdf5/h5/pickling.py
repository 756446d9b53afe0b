"""Refusing pickles, wherever in a file they sit.

Attributes, object columns, VLArrays and the meta data of pandas may all hold pickles, and the
libraries below unpickle them unasked. A pickle can only do harm by looking up a class or a
function, and Python announces each such look-up as the auditing event ``pickle.find_class``
*before* it happens. Inside :func:`refuse_pickles` that event raises. So one place covers every
path, including those of libraries not written yet; pickles of plain numbers, texts, lists and
dictionaries look nothing up and pass.

Invariant: a refused pickle never runs, and the refusal is reported even if a library in between
swallows the exception (PyTables does).
"""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pypet_trajectory.exceptions import PickleRefusedError


class _Unreported(list[str]):
    """What was refused and is not reported."""


_refused: ContextVar[list[str] | None] = ContextVar("refused", default=None)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        refused = _refused.get()
        if refused is not None:
            refused.append(".".join(str(part) for part in args))
            raise PickleRefusedError(f"Pickle that looks up {refused[-1]!r}")


@functools.cache
def _install_hook() -> None:
    # Audit hooks cannot be removed again, therefore once per process and only if wanted.
    sys.addaudithook(_audit)


@contextmanager
def refuse_pickles(place: str) -> Iterator[None]:
    """Refuse every pickle that looks up a class or function while the block runs.

    Parameters
    ----------
    place : str
        What is being read, for the message.

    Raises
    ------
    PickleRefusedError
        When the block ends, if there was such a pickle.
    """
    _install_hook()
    refused: list[str] = []
    token = _refused.set(refused)
    try:
        yield
    except Exception as error:
        if refused:
            raise _refusal(place, refused) from error
        raise
    finally:
        _refused.reset(token)
    if refused:
        raise _refusal(place, refused)


@contextmanager
def leave_pickles_alone() -> Iterator[None]:
    """Load no pickle that looks something up while the block runs, and say nothing about it.

    For copying: PyTables tries to unpickle every attribute of a node that it opens, and keeps the
    bytes if that fails. The objects are not needed there.
    """
    _install_hook()
    token = _refused.set(_Unreported())
    try:
        yield
    finally:
        _refused.reset(token)


def _refusal(place: str, refused: list[str]) -> PickleRefusedError:
    return PickleRefusedError(
        f"Pickles are refused (allow_pickle=False), but {place} holds one that looks up "
        f"{refused[0]!r}. Load with allow_pickle=True if you trust who wrote the file."
    )


def is_pickle(value: bytes) -> bool:
    """Whether PyTables would take an attribute of these bytes for a pickle."""
    return value.endswith(b".") and value not in (b"0", b"0.") and len(value) > 1


def unpickled(value: bytes) -> Any:
    """What PyTables makes of bytes that look like a pickle: the object, else the bytes."""
    try:
        return pickle.loads(value)
    except PickleRefusedError:
        if isinstance(_refused.get(), _Unreported):
            return value
        raise
    except Exception:  # anything may go wrong while unpickling bytes that are no pickle
        return value
