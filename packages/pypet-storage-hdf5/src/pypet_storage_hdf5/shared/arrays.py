"""Shared arrays, of fixed size (`SharedArray`, `SharedCArray`) and growing ones, and data frames.

Methods are those of PyTables' arrays, and of pandas' `HDFStore`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pypet_storage_hdf5.shared.base import SharedData, SharedRows, fact
from pypet_trajectory.constants import ARRAY, CARRAY, EARRAY, FRAME, VLARRAY


class SharedArray(SharedRows):
    """A contiguous array in the file."""

    FLAG: ClassVar[str | None] = ARRAY

    atom = fact("atom", "PyTables' description of an element.")

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

    def next(self) -> Any:
        """Next row of an iteration; needs an open storage."""
        return self._call_open("next")


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


class SharedPandasFrame(SharedData):
    """A data frame in the file, in pandas' format ``'table'`` unless asked otherwise."""

    FLAG: ClassVar[str | None] = FRAME

    def create_shared_data(self, **kwargs: Any) -> Any:
        """Create the node from ``obj`` or ``data``."""
        kwargs.setdefault("format", "table")
        return super().create_shared_data(**kwargs)

    def put(
        self, data: Any = None, format: str = "table", append: bool = False, **kwargs: Any
    ) -> None:
        """Write a data frame, replacing what is there unless `append`."""
        self._request(
            "pandas_put", kwargs={"data": data, "format": format, "append": append, **kwargs}
        )

    def append(self, data: Any = None, **kwargs: Any) -> None:
        """Append rows of a data frame."""
        self._request("pandas_put", kwargs={"data": data, "append": True, **kwargs})

    def select(
        self,
        where: Any = None,
        start: int | None = None,
        stop: int | None = None,
        columns: Any = None,
        chunksize: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Rows that fulfil pandas' conditions."""
        return self._request(
            "pandas_select",
            kwargs={
                "where": where,
                "start": start,
                "stop": stop,
                "columns": columns,
                "chunksize": chunksize,
                **kwargs,
            },
        )

    def read(self) -> Any:
        """The whole data frame."""
        return self._request("pandas_get")
