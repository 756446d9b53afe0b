"""`SharedPandasFrame`: a data frame in the file, appended to and queried by pandas."""

from __future__ import annotations

from typing import Any, ClassVar

from pypet_storage_hdf5.shared.base import SharedData
from pypet_trajectory.constants import FRAME


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
