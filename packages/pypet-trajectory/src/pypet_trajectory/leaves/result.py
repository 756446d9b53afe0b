"""`Result`: named items of data, reached as attributes or items.

Invariant: only the outermost type of an item is checked; what a list or dictionary contains shows
when it is stored. Unlike a parameter a result is never locked, and changing one that was stored
changes nothing in the storage until it is stored again with overwriting.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from pypet_trajectory.exceptions import (
    MissingPackageError,
    PypetAttributeError,
    PypetTypeError,
    PypetValueError,
    UnsupportedDataError,
)
from pypet_trajectory.leaves.base import BaseResult
from pypet_trajectory.tree import suggestions
from pypet_trajectory.tree.nodes import is_writable
from pypet_trajectory.values.column_table import ColumnTable
from pypet_trajectory.values.summary import summarise_items
from pypet_trajectory.values.types import ARRAYS, SCALARS, is_pandas

#: Names of items in error messages.
MAX_ITEMS_SHOWN: Final = 8
_MISSING: Final = object()


class Result(BaseResult):
    """A result of any number of items.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    *args
        Items without a name: the first is named like the result, the others ``<name>_1``,
        ``<name>_2`` ...
    comment
        Any text.
    **kwargs
        Items by name.

    Raises
    ------
    TypeError
        If the type of an item is not supported.
    AttributeError
        If items without a name are given to a result without a name.

    Examples
    --------
    >>> z = Result('results.z', 42, unit='mV')
    >>> z.z, z['unit'], z.f_get('z', 'unit')
    (42, 'mV', [42, 'mV'])
    >>> print(z)
    Result results.z: z=42, unit='mV'
    """

    __slots__ = ("_items",)

    #: Types of items, beside tables of pandas.
    SUPPORTED_DATA: ClassVar[set[type]] = {*SCALARS, *ARRAYS, list, tuple, dict, ColumnTable}

    _items: dict[str, Any]

    def __init__(self, full_name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(full_name, kwargs.pop("comment", ""))
        self._items = {}
        self.f_set(*args, **kwargs)

    @property
    def _data(self) -> dict[str, Any]:
        """The live dictionary of items."""
        return self._items

    @_data.setter
    def _data(self, items: dict[str, Any]) -> None:
        self._items = items

    # ---------------------------------------------------------------- setting

    def f_translate_key(self, key: Any) -> Any:
        """Return the name of an item given by position; names are returned as they are.

        Raises
        ------
        AttributeError
            If a position is given and the result has no name.
        """
        if isinstance(key, str) or not hasattr(key, "__index__"):
            return key
        if self._name is None:
            raise PypetAttributeError(
                "A result without a name has no items by position: name the items or the result."
            )
        position = operator.index(key)
        return self._name if position == 0 else f"{self._name}_{position}"

    def f_set(self, *args: Any, **kwargs: Any) -> None:
        """Set items, overwriting those of the same name.

        Raises
        ------
        TypeError
            If the type of an item is not supported.
        AttributeError
            If items without a name are given to a result without a name.
        """
        if args and self._name is None:
            raise PypetAttributeError(
                "A result without a name takes no items by position: name the items or the result."
            )
        for position, item in enumerate(args):
            self.f_set_single(self.f_translate_key(position), item)
        for name, item in kwargs.items():
            self.f_set_single(name, item)

    def f_set_single(self, name: str, item: Any) -> None:
        """Set one item.

        Raises
        ------
        TypeError
            If the type of the item is not supported, or the name is no text.
        """
        name = self.f_translate_key(name)
        if not isinstance(name, str):
            raise PypetTypeError(
                f"Items have names, which are text or positions, but {name!r} of {type(name)} was "
                f"given for an item of result `{self._full_name}`."
            )
        if not self._supports(item):
            from pypet_trajectory.leaves.alternatives import way_out

            raise UnsupportedDataError(
                f"Item `{name}` of result `{self._full_name}` ({type(self).__name__}) is of "
                f"{type(item)}, which is not supported. {way_out(item, parameter=False)}"
            )
        if self._stored:
            self._logger.debug(
                "Result `%s` was stored before: item `%s` changes in memory only.",
                self._full_name,
                name,
            )
        self._items[name] = item

    def _supports(self, item: Any) -> bool:
        """Return whether an item may be set."""
        return type(item) in self.SUPPORTED_DATA or is_pandas(item)

    # ---------------------------------------------------------------- getting

    def f_get(self, *args: Any) -> Any:
        """Return one item, or several as a list; without arguments the only item.

        If there is only one item, ``'data'`` stands for it whatever its name is.

        Raises
        ------
        AttributeError
            If there is no such item, or none at all.
        ValueError
            If no name is given and there are several items.
        """
        if args:
            items = [self._get_single(key) for key in args]
            return items if len(items) > 1 else items[0]
        if not self._items:
            raise PypetAttributeError(f"Result `{self._full_name}` is empty: there is no item.")
        if len(self._items) > 1:
            raise PypetValueError(
                f"Result `{self._full_name}` has {self._items_text()}: pass f_get the names of "
                "those you want."
            )
        return next(iter(self._items.values()))

    def _get_single(self, key: Any) -> Any:
        name = self.f_translate_key(key)
        item = self._items.get(name, _MISSING) if isinstance(name, str) else _MISSING
        if item is not _MISSING:
            return item
        if name == "data" and len(self._items) == 1:
            return next(iter(self._items.values()))
        raise self._no_item(name)

    def _no_item(self, name: Any) -> PypetAttributeError:
        return PypetAttributeError(
            f"Result `{self._full_name}` has no item `{name}`, only {self._items_text()}."
            f"{suggestions.near_members(type(self), str(name), self._items)}"
        )

    def _items_text(self) -> str:
        """Number and names of the items, for error messages."""
        names = ", ".join(itertools.islice(self._items, MAX_ITEMS_SHOWN))
        more = ", ..." if len(self._items) > MAX_ITEMS_SHOWN else ""
        return f"{len(self._items)} items ({names}{more})"

    def f_remove(self, *args: Any) -> None:
        """Remove items.

        Raises
        ------
        AttributeError
            If an item does not exist.
        """
        for key in args:
            name = self.f_translate_key(key)
            if not isinstance(name, str) or name not in self._items:
                raise self._no_item(name)
            del self._items[name]

    def f_to_dict(self, copy: bool = True) -> dict[str, Any]:
        """Return all items: a shallow copy, or the live dictionary if not `copy`."""
        return dict(self._items) if copy else self._items

    def f_is_empty(self) -> bool:
        """Return whether there is no item."""
        return not self._items

    def f_empty(self) -> None:
        """Remove all items."""
        self._items = {}

    def f_supports_fast_access(self) -> bool:
        """Return whether natural naming may return the item: if the only one bears our name."""
        return len(self._items) == 1 and self._name in self._items

    def f_val_to_str(self) -> str:
        """Return all items as text of at most 64 characters."""
        return summarise_items(self._items)

    def __str__(self) -> str:
        comment = f" (`{self._comment}`)" if self._comment else ""
        items = f": {self.f_val_to_str()}" if self._items else ""
        return f"{type(self).__name__} {self._full_name}{comment}{items}"

    # ---------------------------------------------------------------- attribute and item access

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_items":
            raise self._no_attribute(name)
        return self._get_single(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        attribute = getattr(type(self), name, _MISSING)
        if attribute is _MISSING:
            self.f_set_single(name, value)
        elif is_writable(attribute):
            object.__setattr__(self, name, value)
        else:
            raise PypetAttributeError(
                f"`{name}` is part of the class {type(self).__name__} and cannot be set: use "
                f"f_set({name}=...) if result `{self._full_name}` shall have an item of this name."
            )

    def __delattr__(self, name: str) -> None:
        if name.startswith("_"):
            object.__delattr__(self, name)
        else:
            self.f_remove(name)

    def __getitem__(self, key: Any) -> Any:
        return self._get_single(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        name = self.f_translate_key(key)
        if isinstance(name, str):
            setattr(self, name, value)
        else:
            self.f_set_single(name, value)  # which says what is wrong with it

    def __delitem__(self, key: Any) -> None:
        self.f_remove(key)

    def __contains__(self, key: Any) -> bool:
        if self._name is None and not isinstance(key, str):
            return False
        name = self.f_translate_key(key)
        return isinstance(name, str) and name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __bool__(self) -> bool:
        return True

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._items]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._items)

    # ---------------------------------------------------------------- storing

    def _store(self) -> dict[str, Any]:
        """Return a shallow copy of the items."""
        return dict(self._items)

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Replace all items by these."""
        self._items = {name: as_item(item) for name, item in load_dict.items()}


def as_item(stored: Any) -> Any:
    """Turn a table as storages give it into the table that users see, if pandas is there."""
    if isinstance(stored, ColumnTable):
        try:
            return stored.to_pandas()
        except MissingPackageError:
            return stored
    return stored
