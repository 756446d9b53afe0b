"""`SharedTable`: a table in the file, with the methods and properties of PyTables' tables.

Everything that hands out something alive (rows, columns, iterators) needs an open storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pypet_storage_hdf5.shared.base import SharedRows, fact
from pypet_trajectory.constants import TABLE


def _live(name: str, text: str) -> Any:
    """A property of the node that is of use only while the storage is open."""

    def get(self: SharedTable) -> Any:
        self._require_open(name)
        return self._request(name)

    return property(get, doc=text)


class SharedTable(SharedRows):
    """A table in the file."""

    FLAG: ClassVar[str | None] = TABLE

    coldescrs = fact("coldescrs", "Descriptions of the columns by name.")
    coldtypes = fact("coldtypes", "numpy types of the columns by name.")
    colindexed = fact("colindexed", "Whether there is an index, by name of the column.")
    colnames = fact("colnames", "Names of the columns.")
    colpathnames = fact("colpathnames", "Paths of all columns, nested ones as ``a/b``.")
    coltypes = fact("coltypes", "PyTables types of the columns by name.")
    description = fact("description", "Description of a row.")
    indexed = fact("indexed", "Whether any column has an index.")
    extdim = fact("extdim", "The dimension that grows, always 0.")
    indexedcolpathnames = fact("indexedcolpathnames", "Paths of columns with an index.")
    colindexes = _live("colindexes", "Indexes by name of the column; needs an open storage.")
    cols = _live("cols", "The columns; needs an open storage.")
    row = _live("row", "The row for filling and iterating; needs an open storage.")

    @property
    def autoindex(self) -> bool:
        """Whether indexes are updated when rows are added."""
        return self._request("autoindex")  # type: ignore[no-any-return]

    @autoindex.setter
    def autoindex(self, value: bool) -> None:
        self._call("__setattr__", "autoindex", value)

    # --------------------------------------------------------------- reading

    def col(self, name: str) -> Any:
        """One column as array."""
        return self._call("col", name)

    def read(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        field: str | None = None,
        out: Any = None,
    ) -> Any:
        """Rows as structured array, or one field of them."""
        return self._call("read", start=start, stop=stop, step=step, field=field, out=out)

    def read_coordinates(self, coords: Any, field: str | None = None) -> Any:
        """Rows of these numbers."""
        return self._call("read_coordinates", coords, field=field)

    def read_sorted(
        self,
        sortby: Any,
        checkCSI: bool = False,
        field: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Rows sorted by an indexed column."""
        return self._call(
            "read_sorted", sortby, checkCSI=checkCSI, field=field, start=start, stop=stop, step=step
        )

    def read_where(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        field: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Rows that fulfil a condition."""
        return self._call(
            "read_where",
            condition,
            condvars=condvars,
            field=field,
            start=start,
            stop=stop,
            step=step,
        )

    def get_where_list(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        sort: bool = False,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Numbers of the rows that fulfil a condition."""
        return self._call(
            "get_where_list",
            condition,
            condvars=condvars,
            sort=sort,
            start=start,
            stop=stop,
            step=step,
        )

    def will_query_use_indexing(
        self, condition: str, condvars: Mapping[str, Any] | None = None
    ) -> Any:
        """Which indexes a query with this condition uses."""
        return self._call("will_query_use_indexing", condition, condvars=condvars)

    def get_enum(self, colname: str) -> Any:
        """The enumeration of a column."""
        return self._call("get_enum", colname)

    def itersequence(self, sequence: Any) -> Any:
        """Iterate over rows of these numbers; needs an open storage."""
        return self._call_open("itersequence", sequence)

    def itersorted(
        self,
        sortby: Any,
        checkCSI: bool = False,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Iterate over rows sorted by an indexed column; needs an open storage."""
        return self._call_open(
            "itersorted", sortby, checkCSI=checkCSI, start=start, stop=stop, step=step
        )

    def where(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Iterate over rows that fulfil a condition; needs an open storage."""
        return self._call_open(
            "where", condition, condvars=condvars, start=start, stop=stop, step=step
        )

    # --------------------------------------------------------------- writing

    def append(self, rows: Any) -> None:
        """Append rows."""
        self._call("append", rows)

    def append_where(
        self,
        dstTable: Any,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Append rows that fulfil a condition to another table; needs an open storage."""
        if isinstance(dstTable, SharedTable):
            dstTable = dstTable.get_data_node()
        return self._call_open(
            "append_where",
            dstTable,
            condition,
            condvars=condvars,
            start=start,
            stop=stop,
            step=step,
        )

    def modify_column(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        column: Any = None,
        colname: str | None = None,
    ) -> Any:
        """Replace values of one column."""
        return self._call(
            "modify_column", start=start, stop=stop, step=step, column=column, colname=colname
        )

    def modify_columns(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        column: Any = None,
        colname: Any = None,
        *,
        columns: Any = None,
        names: Any = None,
    ) -> Any:
        """Replace values of several columns; `columns`, `names` are PyTables' own words."""
        return self._call(
            "modify_columns",
            start=start,
            stop=stop,
            step=step,
            columns=column if columns is None else columns,
            names=colname if names is None else names,
        )

    def modify_coordinates(self, coords: Any, rows: Any) -> Any:
        """Replace rows of these numbers."""
        return self._call("modify_coordinates", coords, rows)

    def modify_rows(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        rows: Any = None,
    ) -> Any:
        """Replace a range of rows."""
        return self._call("modify_rows", start=start, stop=stop, step=step, rows=rows)

    def remove_rows(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> None:
        """Remove a range of rows."""
        self._call("remove_rows", start=start, stop=stop, step=step)

    def remove_row(self, n: int) -> None:
        """Remove one row."""
        self._call("remove_row", n)

    def flush(self) -> None:
        """Write rows that wait; needs an open storage."""
        self._call_open("flush")

    # -------------------------------------------------------------- indexing

    def flush_rows_to_index(self, _lastrow: bool = True) -> Any:
        """Add rows that wait to the indexes; needs an open storage."""
        return self._call_open("flush_rows_to_index", _lastrow=_lastrow)

    def create_index(
        self,
        colname: str,
        optlevel: int = 6,
        kind: str = "medium",
        filters: Any = None,
        tmp_dir: str | None = None,
        _blocksizes: Any = None,
        _testmode: bool = False,
        _verbose: bool = False,
    ) -> Any:
        """Create an index for a column."""
        return self._call(
            "create_index",
            _col_func=True,
            colname=colname,
            optlevel=optlevel,
            kind=kind,
            filters=filters,
            tmp_dir=tmp_dir,
            _blocksizes=_blocksizes,
            _testmode=_testmode,
            _verbose=_verbose,
        )

    def create_csindex(
        self,
        colname: str,
        filters: Any = None,
        tmp_dir: str | None = None,
        _blocksizes: Any = None,
        _testmode: bool = False,
        _verbose: bool = False,
    ) -> Any:
        """Create a completely sorted index for a column."""
        return self._call(
            "create_csindex",
            _col_func=True,
            colname=colname,
            filters=filters,
            tmp_dir=tmp_dir,
            _blocksizes=_blocksizes,
            _testmode=_testmode,
            _verbose=_verbose,
        )

    def reindex(self, colname: str | None = None) -> Any:
        """Compute the index of a column anew, or all indexes."""
        return self._column_or_table("reindex", colname)

    def reindex_dirty(self, colname: str | None = None) -> Any:
        """Compute indexes anew that are out of date."""
        return self._column_or_table("reindex_dirty", colname)

    def remove_index(self, colname: str) -> Any:
        """Remove the index of a column."""
        return self._column_or_table("remove_index", colname)

    def _column_or_table(self, request: str, colname: str | None) -> Any:
        if colname is None:
            return self._call(request)
        return self._call(request, _col_func=True, colname=colname)
