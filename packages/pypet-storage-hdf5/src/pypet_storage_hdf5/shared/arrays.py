"""Shared arrays: of fixed size (`SharedArray`, `SharedCArray`) and growing ones.

Methods are those of PyTables' arrays. Iteration and ``next`` need an open storage; iterating over a
closed one reads everything first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pypet_storage_hdf5.shared.base import SharedData
from pypet_trajectory.constants import ARRAY, CARRAY, EARRAY, VLARRAY


class SharedArray(SharedData):
    """A contiguous array in the file."""

    FLAG: ClassVar[str | None] = ARRAY

    @property
    def rowsize(self) -> int:
        """Bytes per row."""
        return self._request("rowsize")  # type: ignore[no-any-return]

    @property
    def nrows(self) -> int:
        """Number of rows."""
        return self._request("nrows")  # type: ignore[no-any-return]

    @property
    def atom(self) -> Any:
        """PyTables' description of an element."""
        return self._request("atom")

    def get_enum(self) -> Any:
        """The enumeration, for arrays of enumerated values."""
        return self._call("get_enum")

    def read(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        out: Any = None,
    ) -> Any:
        """Rows as array, or whatever kind of object was stored."""
        return self._call("read", start=start, stop=stop, step=step, out=out)

    def iterrows(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> Any:
        """Iterate over rows; needs an open storage."""
        return self._call_open("iterrows", start=start, stop=stop, step=step)

    def next(self) -> Any:
        """Next row of an iteration; needs an open storage."""
        return self._call_open("next")

    def __getitem__(self, item: Any) -> Any:
        return self._call("__getitem__", item)

    def __setitem__(self, item: Any, value: Any) -> None:
        self._call("__setitem__", item, value)

    def __len__(self) -> int:
        return int(self.nrows)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterrows() if self._is_open() else self.read())


class SharedCArray(SharedArray):
    """A chunked array of fixed shape in the file."""

    FLAG: ClassVar[str | None] = CARRAY


class SharedEArray(SharedArray):
    """An array in the file that grows along one dimension."""

    FLAG: ClassVar[str | None] = EARRAY

    def append(self, sequence: Any) -> None:
        """Append rows."""
        self._call("append", sequence)


class SharedVLArray(SharedEArray):
    """An array in the file whose rows differ in length."""

    FLAG: ClassVar[str | None] = VLARRAY

    def read(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        out: Any = None,
    ) -> Any:
        """Rows as list; `out` means nothing here."""
        del out
        return self._call("read", start=start, stop=stop, step=step)
