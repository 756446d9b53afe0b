"""`PickleParameter` and `PickleResult`: anything that can be pickled.

Explored values are told apart by identity, not by equality, since nothing is known about them;
ranges therefore keep the very objects. Opening a pickle can run any code. Whether a source is
trusted is decided before a leaf is loaded, by the caller that loads it; the leaf itself opens what
it gets.
"""

from __future__ import annotations

import pickle
from typing import Any, Final

from pypet_trajectory.exceptions import PypetAttributeError
from pypet_trajectory.leaves.distinct import DistinctForm
from pypet_trajectory.leaves.parameter import DATA, Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.types import exact_scalars


def _item_name(number: int) -> str:
    """Name of a distinct explored object."""
    return f"xp_{number:08d}"


_FORM: Final = DistinctForm("", _item_name, id)


class PickleParameter(Parameter):
    """A parameter of anything that can be pickled.

    Parameters
    ----------
    full_name
        Names from the root down, joined by dots.
    data
        The value; None leaves the parameter empty.
    comment
        Any text.
    protocol
        The pickle protocol to store with.
    """

    __slots__ = ("_protocol",)

    PROTOCOL = "__pckl_prtcl__"

    _protocol: int

    def __init__(
        self, full_name: str, data: Any = None, comment: str = "", protocol: int = 2
    ) -> None:
        super().__init__(full_name, data, comment)
        self._protocol = protocol

    @property
    def v_protocol(self) -> int:
        """The pickle protocol to store with."""
        return self._protocol

    @v_protocol.setter
    def v_protocol(self, protocol: int) -> None:
        self._protocol = protocol

    @exact_scalars
    def f_supports(self, data: Any) -> bool:
        """Return True: whether data can be pickled shows when it is stored."""
        return True

    def _make_range(self, values: list[Any]) -> CompactRange:
        return CompactRange.from_objects(values)

    def _store(self) -> dict[str, Any]:
        """Return pickles of the value and of each distinct explored object; locks."""
        stored = self._store_distinct(
            _FORM, lambda value: pickle.dumps(value, protocol=self._protocol)
        )
        if DATA in stored:
            stored[self.PROTOCOL] = self._protocol
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Open the pickles from storage, take over their protocol, and lock.

        Raises
        ------
        ParameterLockedException
            If the parameter is locked.
        """
        self._load_distinct(_FORM, load_dict, load_pickle)
        if self._data is None:
            self._warn_without_data()
        if self.PROTOCOL in load_dict:
            self._protocol = int(load_dict[self.PROTOCOL])
        elif DATA in load_dict:
            self._protocol = guess_protocol(load_dict[DATA])


def load_pickle(dump: Any) -> Any:
    """Return the object in a dump, which may come as bytes, numpy bytes or a byte array."""
    return pickle.loads(bytes(dump))


def guess_protocol(dump: Any) -> int:
    """Return the pickle protocol that a dump needs at least."""
    import pickletools  # only dumps of old files do not tell

    return max(opcode.proto for opcode, _, _ in pickletools.genops(bytes(dump)))


class PickleResult(Result):
    """A result whose items may be anything that can be pickled.

    Parameters
    ----------
    full_name, *args, comment, **kwargs
        As for `Result`.
    protocol
        The pickle protocol to store with, 0 by default.
    """

    __slots__ = ("_protocol",)

    PROTOCOL = PickleParameter.PROTOCOL

    _protocol: int

    def __init__(self, full_name: str, *args: Any, **kwargs: Any) -> None:
        self._protocol = kwargs.pop("protocol", 0)
        super().__init__(full_name, *args, **kwargs)

    @property
    def v_protocol(self) -> int:
        """The pickle protocol to store with."""
        return self._protocol

    @v_protocol.setter
    def v_protocol(self, protocol: int) -> None:
        self._protocol = protocol

    def f_set_single(self, name: str, item: Any) -> None:
        """Set one item of any type.

        Raises
        ------
        AttributeError
            If the name is the one under which the protocol is stored, ``__pckl_prtcl__``.
        """
        if name == self.PROTOCOL:
            raise PypetAttributeError(
                f"Result `{self._full_name}` stores its pickle protocol as `{name}`: give the "
                "item another name."
            )
        super().f_set_single(name, item)

    def _supports(self, item: Any) -> bool:
        return True

    def _store(self) -> dict[str, Any]:
        """Return pickles of all items, and the protocol."""
        stored: dict[str, Any] = {
            name: pickle.dumps(item, protocol=self._protocol) for name, item in self._items.items()
        }
        stored[self.PROTOCOL] = self._protocol
        return stored

    def _load(self, load_dict: dict[str, Any]) -> None:
        """Open the pickles, add them to the items that are there, and take over their protocol."""
        dumps = {name: dump for name, dump in load_dict.items() if name != self.PROTOCOL}
        if self.PROTOCOL in load_dict:
            self._protocol = int(load_dict[self.PROTOCOL])
        elif dumps:
            self._protocol = max(map(guess_protocol, dumps.values()))
        for name, dump in dumps.items():
            self._items[name] = load_pickle(dump)
