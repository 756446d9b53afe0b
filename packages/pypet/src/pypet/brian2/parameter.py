"""Parameters and results that hold quantities of brian2, numbers and arrays with a unit.

In storage a quantity is a number and the text of its unit, in the form of pypet 0.7, so that files
can be read without brian2. Invariant: a quantity that is loaded equals the one stored, but has the
class ``Quantity`` where a ``Unit`` such as ``mV`` was stored. Everything else is kept as by
`Parameter` and `Result`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from brian2.units.fundamentalunits import Quantity, have_same_dimensions

from pypet.brian2.monitors import is_monitor, monitor_items
from pypet.brian2.units import (
    get_unit_fast,
    in_si,
    join_quantity,
    split_quantity,
    unit_from_expression,
)
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    PypetAttributeError,
    PypetTypeError,
    UnsupportedDataError,
)
from pypet_trajectory.leaves.parameter import DATA, EXPLORED_DATA, Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.tree.classes import register_class
from pypet_trajectory.values.column_table import ColumnTable, column_values
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.summary import summarise

__all__ = [
    "Brian2MonitorResult",
    "Brian2Parameter",
    "Brian2Result",
    "get_unit_fast",
    "unit_from_expression",
]

_IDENTIFIER: Final = "__brn2__"
#: Columns of the tables of parameters, and endings of the items of results.
_VALUE: Final = "value"
_UNIT: Final = "unit"
#: Item that keeps the class of a monitor in storage.
_MONITOR_TYPE: Final = "monitor_type"


@register_class
class Brian2Parameter(Parameter):
    """A parameter of a quantity, or of whatever a `Parameter` takes.

    All values of a range have the dimensions of the default value, though not its unit.

    Examples
    --------
    >>> from brian2 import mV, volt
    >>> threshold = Brian2Parameter('neuron.threshold', 10 * mV, comment='Spikes above')
    >>> print(threshold)
    Brian2Parameter neuron.threshold (`Spikes above`): 10. * mvolt
    """

    __slots__ = ()

    IDENTIFIER = _IDENTIFIER

    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes this data; of quantities no containers."""
        return isinstance(data, Quantity) or super().f_supports(data)

    def _values_of_same_type(self, val1: Any, val2: Any) -> bool:
        """Return whether two values may share a range: quantities if of the same dimensions.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        quantities = isinstance(val1, Quantity), isinstance(val2, Quantity)
        if all(quantities):
            return bool(have_same_dimensions(val1, val2))
        return super()._values_of_same_type(val1, val2)

    def _equal_values(self, val1: Any, val2: Any) -> bool:
        """Return whether two values are of one type and equal.

        Raises
        ------
        TypeError
            If the parameter supports neither.
        """
        if isinstance(val1, Quantity) and isinstance(val2, Quantity):
            same = self._values_of_same_type(val1, val2)
            return same and np.array_equal(np.asarray(val1), np.asarray(val2))
        return super()._equal_values(val1, val2)

    def f_checked_range(self, values: Iterable[Any]) -> CompactRange:
        """Return values as a range after checking that they may follow the default value.

        Raises
        ------
        TypeError
            If a value is unsupported or has other dimensions than the default value.
        ValueError
            If there are no values.
        """
        if isinstance(self._default, Quantity):
            values = list(values)
            for position, value in enumerate(values):
                if isinstance(value, Quantity) and not have_same_dimensions(value, self._default):
                    raise PypetTypeError(
                        f"Value {position} to explore for parameter `{self._full_name}` is "
                        f"{summarise(value)}, its default value {summarise(self._default)}: all "
                        "values need the dimensions of the default."
                    )
        return super().f_checked_range(values)

    def _store(self) -> dict[str, Any]:
        """Return the number and the unit of the default value, and the numbers of the range; locks.

        The unit of the range is that of the default value.
        """
        if not isinstance(self._default, Quantity):
            return super()._store()
        self.f_lock()
        value, unit = split_quantity(self._default)
        columns = {_VALUE: CompactRange.from_objects([value]), _UNIT: [unit]}
        stored = {DATA + _IDENTIFIER: ColumnTable(columns)}
        if self.f_has_range():
            values = CompactRange(map(in_si, self._explored_range))
            stored[EXPLORED_DATA + _IDENTIFIER] = ColumnTable({_VALUE: values})
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Take value and range from storage, in this class's form or that of a `Parameter`; lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        DataNotInStorageError
            If there is a range but no value, which has the unit.
        """
        data, explored = DATA + _IDENTIFIER, EXPLORED_DATA + _IDENTIFIER
        if data not in load_dict and explored not in load_dict:
            super()._load(load_dict)
            return
        self._check_unlocked("loaded")
        default, unit = None, ""
        if data in load_dict:
            table = load_dict[data]
            unit = column_values(table[_UNIT])[0]
            default = join_quantity(column_values(table[_VALUE])[0], unit)
        elif isinstance(self._default, Quantity):
            unit = split_quantity(self._default)[1]
        else:
            raise DataNotInStorageError(
                f"The range of parameter `{self._full_name}` cannot be loaded without `{data}`, "
                "which has its unit: load both."
            )
        values = None
        if explored in load_dict:
            numbers = column_values(load_dict[explored][_VALUE])
            values = CompactRange.from_objects(join_quantity(number, unit) for number in numbers)
        self._restore(default, values)


@register_class
class Brian2Result(Result):
    """A result whose items may be quantities, besides whatever a `Result` takes.

    Examples
    --------
    >>> from brian2 import mV
    >>> Brian2Result('results.v', 3 * mV, n=2).f_to_dict()
    {'v': 3. * mvolt, 'n': 2}
    """

    __slots__ = ()

    IDENTIFIER = _IDENTIFIER

    def f_set_single(self, name: str, item: Any) -> None:
        """Set one item.

        Raises
        ------
        TypeError
            If the type of the item is not supported, or the name is no text.
        AttributeError
            If the name contains what marks quantities in storage.
        """
        name = self.f_translate_key(name)
        if isinstance(name, str) and _IDENTIFIER in name:
            raise PypetAttributeError(
                f"Item `{name}` of result `{self._full_name}` has `{_IDENTIFIER}` in its name, "
                "which marks quantities in storage: choose another name."
            )
        super().f_set_single(name, item)

    def _supports(self, item: Any) -> bool:
        """Return whether an item may be set."""
        return isinstance(item, Quantity) or super()._supports(item)

    def _store(self) -> dict[str, Any]:
        """Return the items, of quantities the numbers and the unit as two items.

        Raises
        ------
        TypeError
            If an item contains quantities.
        """
        stored: dict[str, Any] = {}
        for name, item in self._items.items():
            if isinstance(item, Quantity):
                value, unit = split_quantity(item)
                stored[_stored_name(name, _VALUE)] = value
                stored[_stored_name(name, _UNIT)] = unit
            elif _contains_quantities(item):
                raise UnsupportedDataError(
                    f"Item `{name}` of result `{self._full_name}` is a {type(item).__name__} with "
                    "quantities, whose units would get lost: make one quantity of them, as by "
                    "`Quantity([1 * mV, 2 * mV])`, or set them as items of their own."
                )
            else:
                stored[name] = item
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Replace all items by these.

        Raises
        ------
        DataNotInStorageError
            If there is a number without its unit, or a unit without its number.
        """
        items: dict[str, Any] = {}
        for stored_name, item in load_dict.items():
            name, mark, _ = stored_name.partition(_IDENTIFIER)
            if not mark:
                items[name] = item
            elif name not in items:
                items[name] = join_quantity(*self._parts(name, load_dict))
        super()._load(items)

    def _parts(self, name: str, load_dict: dict[str, Any]) -> list[Any]:
        """Number and unit of a quantity."""
        names = [_stored_name(name, _VALUE), _stored_name(name, _UNIT)]
        missing = [stored for stored in names if stored not in load_dict]
        if missing:
            raise DataNotInStorageError(
                f"Item `{name}` of result `{self._full_name}` cannot be loaded without "
                f"`{missing[0]}`: load `{names[0]}` and `{names[1]}` together."
            )
        return [load_dict[stored] for stored in names]


@register_class
class Brian2MonitorResult(Brian2Result):
    """A result that takes a monitor of brian2 apart and keeps what it recorded.

    The monitor is given by position, as ``monitor=`` or by any other name: a ``SpikeMonitor``, a
    ``StateMonitor`` or a ``PopulationRateMonitor``, one only. Its items bear the names that the
    monitor gives them. Other items may be set besides.

    Raises
    ------
    TypeError
        For a second monitor, or one of another class.
    AttributeError
        For a ``SpikeMonitor`` that was made with ``record=False``.
    """

    __slots__ = ("_monitor_type",)

    _monitor_type: str | None

    def __init__(self, full_name: str, *args: Any, **kwargs: Any) -> None:
        self._monitor_type = None
        super().__init__(full_name, *args, **kwargs)

    @property
    def v_monitor_type(self) -> str | None:
        """Name of the class of the monitor; None if there was none."""
        return self._monitor_type

    def f_set_single(self, name: str, item: Any) -> None:
        """Set one item, or those of a monitor.

        Raises
        ------
        TypeError
            If the type of the item is not supported, the name is no text, or there was a monitor.
        AttributeError
            If the name is used in storage.
        """
        if is_monitor(item):
            self._set_monitor(item)
            return
        if name == _MONITOR_TYPE:
            raise PypetAttributeError(
                f"Item `{name}` of result `{self._full_name}` has the name under which storage "
                "keeps the class of the monitor: choose another name."
            )
        super().f_set_single(name, item)

    def _set_monitor(self, monitor: Any) -> None:
        if self._monitor_type is not None:
            raise PypetTypeError(
                f"Result `{self._full_name}` has data of a {self._monitor_type} and cannot take "
                f"{type(monitor).__name__} `{monitor.name}` as well: use a result for each."
            )
        for name, item in monitor_items(monitor).items():
            super().f_set_single(name, item)
        self._monitor_type = type(monitor).__name__

    def f_empty(self) -> None:
        """Remove all items and forget the monitor."""
        super().f_empty()
        self._monitor_type = None

    def _store(self) -> dict[str, Any]:
        """Return what a `Brian2Result` does, and the class of the monitor."""
        stored = super()._store()
        if self._monitor_type is not None:
            stored[_MONITOR_TYPE] = self._monitor_type
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Replace all items by these, and take the class of the monitor if it is among them."""
        items = dict(load_dict)
        kind = items.pop(_MONITOR_TYPE, self._monitor_type)
        super()._load(items)
        self._monitor_type = None if kind is None else str(kind)


def _stored_name(name: str, part: str) -> str:
    return f"{name}{_IDENTIFIER}{part}"


def _contains_quantities(item: Any) -> bool:
    if isinstance(item, dict):
        return any(map(_contains_quantities, item.values()))
    if isinstance(item, (list, tuple)):
        return any(map(_contains_quantities, item))
    return isinstance(item, Quantity)
