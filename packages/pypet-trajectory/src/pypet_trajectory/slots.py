"""Classes with ``__slots__`` that pickle and copy like ordinary ones.

A tree may hold millions of nodes, hence slots. Python pickles slots since protocol 2 only and
hands out the state as a pair; `HasSlots` gives every protocol one plain dictionary that
subclasses can edit. Invariant: a slot that was never set stays unset in the copy.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

_NOT_STATE = frozenset(("__dict__", "__weakref__"))


def get_all_slots(cls: type) -> set[str]:
    """Return the names of all slots of a class and its bases.

    Private names (``__x``) are returned as they are known from outside (``_Class__x``).

    Examples
    --------
    >>> class Point:
    ...     __slots__ = ('x', 'y')
    >>> sorted(get_all_slots(Point))
    ['x', 'y']
    """
    names = set()
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot.startswith("__") and not slot.endswith("__"):
                slot = f"_{base.__name__.lstrip('_')}{slot}"
            names.add(slot)
    return names


class MetaSlotMachine(type):
    """Metaclass that keeps the names of all slots of a class as ``__all_slots__``."""

    __all_slots__: set[str]
    #: The slots that make up the state of an instance, looked up once for each class.
    __state_slots__: tuple[str, ...]

    def __init__(cls, name: str, bases: tuple[type, ...], dictionary: dict[str, Any]) -> None:
        super().__init__(name, bases, dictionary)
        cls.__all_slots__ = get_all_slots(cls)
        cls.__state_slots__ = tuple(sorted(cls.__all_slots__ - _NOT_STATE))


class VirtualBase(MetaSlotMachine, ABCMeta):
    """Metaclass of classes that others can be registered with instead of inheriting."""


class HasSlots(metaclass=MetaSlotMachine):
    """Base of picklable classes with ``__slots__``.

    Subclasses without ``__slots__`` have a ``__dict__`` as usual, and it is pickled as well.
    """

    __slots__ = ("__weakref__",)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(getattr(self, "__dict__", ()))
        read = object.__getattribute__
        for slot in type(self).__state_slots__:
            try:
                state[slot] = read(self, slot)
            except AttributeError:
                continue  # never set
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        write = object.__setattr__
        for name, value in state.items():
            write(self, name, value)

    def __dir__(self) -> list[str]:
        names = set(dir(type(self))) | type(self).__all_slots__
        return sorted(names.union(getattr(self, "__dict__", ())))
