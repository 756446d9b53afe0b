"""FRAME and SERIES: pandas data, in the layout of pandas' own ``HDFStore``.

The bytes are pandas' affair, so pandas writes and reads them; it is imported here when such data
is met. Unlike pypet 0.7, which kept its whole file as ``HDFStore``, the file is ours and is only
lent.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet_storage_hdf5.codecs.base import Codec, data_options, finish
from pypet_storage_hdf5.settings import pandas_format
from pypet_trajectory.constants import FRAME, SERIES
from pypet_trajectory.exceptions import MissingPackageError, NoSuchServiceError

if TYPE_CHECKING:
    from pypet_storage_hdf5.h5.file import OpenFile

_OPTIONS = (
    "format",
    "index",
    "append",
    "complib",
    "complevel",
    "min_itemsize",
    "nan_rep",
    "data_columns",
    "encoding",
    "errors",
    "track_times",
    "dropna",
)


class PandasCodec(Codec):
    """Data frames and series."""

    kinds = (FRAME, SERIES)

    def write(
        self, file: OpenFile, path: str, value: Any, kind: str, options: Mapping[str, Any]
    ) -> None:
        import pandas as pd

        if not isinstance(value, (pd.DataFrame, pd.Series)):
            raise NoSuchServiceError(
                f"{path!r} is to be stored as pandas data, but is a {type(value).__name__}."
            )
        put_pandas(file, path, value, data_options(options, _OPTIONS, kind, path), options)
        finish(file.handles.group(path), kind)

    def read(self, file: OpenFile, path: str, kind: str) -> Any:
        file.handles.check_names(path, below=True)
        with file.refusing_pickles(path):
            value = borrowed_store(file).get(path)
        if isinstance(getattr(value, "name", None), np.str_):
            value.name = str(value.name)  # what an HDF5 attribute makes of a series' name
        return value


def put_pandas(
    file: OpenFile,
    path: str,
    value: Any,
    keywords: Mapping[str, Any],
    filter_options: Mapping[str, Any] | None = None,
) -> None:
    """Write pandas data with the keywords of ``HDFStore.put``."""
    filters = file.filters(filter_options)
    settings = {
        "format": file.settings.pandas_format,
        "encoding": file.settings.encoding,
        **keywords,
    }
    settings["format"] = pandas_format(settings["format"])
    if settings["format"] == "table" and filters.complevel:
        settings |= {"complib": filters.complib, "complevel": filters.complevel}
    store = borrowed_store(file, filters, file.settings.filters_for_rows(filter_options))
    with warnings.catch_warnings():
        # Object columns are pickled by pandas; saying so for each store call does not help.
        warnings.simplefilter("ignore")
        store.put(path, _with_object_texts(value), **settings)
    file.handles.forget(path)


class _LentFile:
    """PyTables' file as pandas sees it: pickled columns get filters that HDF5 takes for them."""

    def __init__(self, file: Any, filters_for_rows: Any) -> None:
        self._file = file
        self._filters_for_rows = filters_for_rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def create_vlarray(self, *args: Any, **kwargs: Any) -> Any:
        return self._file.create_vlarray(*args, **{**kwargs, "filters": self._filters_for_rows})


def borrowed_store(file: OpenFile, filters: Any = None, filters_for_rows: Any = None) -> Any:
    """A pandas ``HDFStore`` over the open file, which it neither opens nor closes.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "The file holds pandas data, which needs pandas: "
            'pip install "pypet-storage-hdf5[pandas]".'
        ) from error

    pytables = importlib.import_module("pandas.io.pytables")

    class BorrowedStore(pd.HDFStore):  # type: ignore[misc]
        """Works on a file that its caller has opened."""

        def open(self, mode: str = "a", **kwargs: Any) -> None:
            # pandas imports PyTables when it opens a file.
            pytables._tables()  # noqa: SLF001
            self._handle: Any = _LentFile(file.tables, filters_for_rows)
            self._filters = filters

        def close(self) -> None:
            self._handle = None

    return BorrowedStore(file.path, mode="a" if file.writable else "r")


def _with_object_texts(value: Any) -> Any:
    """pandas' text columns as objects, which all versions of pandas store."""
    import pandas as pd

    if isinstance(value, pd.Series):
        return value.astype(object) if isinstance(value.dtype, pd.StringDtype) else value
    texts = [name for name, dtype in value.dtypes.items() if isinstance(dtype, pd.StringDtype)]
    return value.astype(dict.fromkeys(texts, object)) if texts else value
