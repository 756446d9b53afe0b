"""`PickleResult`: a result of anything that can be pickled, each item stored as a pickle."""

from __future__ import annotations

import pickle
from typing import Any

from pypet_trajectory.exceptions import PypetAttributeError
from pypet_trajectory.leaves.pickle_parameter import PickleParameter
from pypet_trajectory.leaves.pickles import guess_protocol, load_pickle
from pypet_trajectory.leaves.result import Result


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
