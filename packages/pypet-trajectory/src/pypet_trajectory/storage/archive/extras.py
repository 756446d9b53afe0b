"""Archive forms for data of packages that need not be installed: pandas and scipy.

Tables and sparse matrices are taken apart into arrays, so reading one needs its package and no
pickle. Invariant: this module is imported only when such a value was met, and imports pandas or
scipy only to rebuild one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet_trajectory.exceptions import MissingPackageError, NoSuchServiceError

if TYPE_CHECKING:
    from pypet_trajectory.storage.archive.values import ArchiveDecoder, ArchiveEncoder

_TABLE_FORMS = {"DataFrame": "frame", "ObjectTable": "object_table", "Series": "series"}


def encode_extra(value: Any, encoder: ArchiveEncoder) -> dict[str, Any] | None:
    """The form of a table, series or sparse matrix; ``None`` for anything else."""
    kind = type(value)
    if kind.__module__.startswith("scipy.sparse"):
        return {"sparse": _sparse_parts(value, encoder)}
    form = _TABLE_FORMS.get(kind.__name__)
    if form is None or not hasattr(value, "index"):
        return _pandas_scalar(value)
    content: dict[str, Any] = {"index": _index(value.index, encoder)}
    if form == "series":
        content["values"] = _column(value, encoder)
        content["name"] = encoder.encode(value.name)
    else:
        content["columns"] = _index(value.columns, encoder)
        content["values"] = [
            _column(value.iloc[:, position], encoder) for position in range(value.shape[1])
        ]
    return {form: content}


def decode_extra(form: str, content: Any, decoder: ArchiveDecoder, place: str) -> Any:
    """The value of a form that needs pandas or scipy.

    Raises
    ------
    ImportError
        If the package is not installed.
    NoSuchServiceError
        If the form is unknown.
    """
    rebuild = _REBUILDERS.get(form)
    if rebuild is None:
        raise NoSuchServiceError(
            f"{place!r} holds data of the form {form!r}, which this version cannot read."
        )
    try:
        return rebuild(content, decoder)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{place!r} holds data of the form {form!r}; reading it needs the package "
            f"{error.name!r}, which is not installed."
        ) from error


# -------------------------------------------------------------------- pandas


def _column(series: Any, encoder: ArchiveEncoder) -> Any:
    """Values of a series with all that is needed to get its dtype back."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return {"numpy": encoder.array(series.to_numpy())}
    if hasattr(dtype, "categories"):
        return {
            "categorical": {
                "codes": encoder.array(np.asarray(series.cat.codes)),
                "categories": _index(dtype.categories, encoder),
                "ordered": bool(dtype.ordered),
            }
        }
    if hasattr(dtype, "tz"):
        utc = series.dt.tz_convert("UTC").dt.tz_localize(None)
        return {
            "zoned": {
                "times": encoder.array(utc.to_numpy()),
                "zone": str(dtype.tz),
                "unit": dtype.unit,
            }
        }
    missing = series.isna().to_numpy(dtype=bool)
    values = [
        None if gone else encoder.encode(_python(item))
        for item, gone in zip(series.tolist(), missing, strict=True)
    ]
    return {"nullable": {"values": values, "dtype": str(dtype)}}


def _python(item: Any) -> Any:
    return item.item() if isinstance(item, np.generic) else item


def _index(index: Any, encoder: ArchiveEncoder) -> dict[str, Any]:
    if hasattr(index, "levels"):
        return {
            "multi": {
                "levels": [_index(level, encoder) for level in index.levels],
                "codes": [encoder.array(np.asarray(codes)) for codes in index.codes],
                "names": [encoder.encode(name) for name in index.names],
            }
        }
    if type(index).__name__ == "RangeIndex":
        return {
            "range": {
                "bounds": [index.start, index.stop, index.step],
                "name": encoder.encode(index.name),
            }
        }
    frequency = getattr(index, "freqstr", None)
    return {
        "values": {
            "values": _column(index.to_series(), encoder),
            "name": encoder.encode(index.name),
            "freq": frequency,
        }
    }


def _pandas_scalar(value: Any) -> dict[str, Any] | None:
    name = type(value).__name__
    if name == "Timestamp":
        zone = None if value.tz is None else str(value.tz)
        utc = value if zone is None else value.tz_convert("UTC").tz_localize(None)
        return {"timestamp": [utc.isoformat(), zone, value.unit]}
    if name == "Timedelta":
        return {"timedelta": [int(value.asm8.astype(np.int64)), value.unit]}
    return {"NAType": {"missing": "NA"}, "NaTType": {"missing": "NaT"}}.get(name)


def _rebuilt_column(content: Mapping[str, Any], decoder: ArchiveDecoder) -> Any:
    import pandas as pd

    ((form, data),) = content.items()
    if form == "numpy":
        return decoder.value(data)
    if form == "categorical":
        return pd.Categorical.from_codes(
            decoder.value(data["codes"]),
            categories=_rebuilt_index(data["categories"], decoder),
            ordered=data["ordered"],
        )
    if form == "zoned":
        times = pd.Series(decoder.value(data["times"]))
        return times.dt.tz_localize("UTC").dt.tz_convert(data["zone"]).array
    values = [None if item is None else decoder.value(item) for item in data["values"]]
    return pd.array(values, dtype=data["dtype"])


def _rebuilt_index(content: Mapping[str, Any], decoder: ArchiveDecoder) -> Any:
    import pandas as pd

    ((form, data),) = content.items()
    if form == "multi":
        return pd.MultiIndex(
            levels=[_rebuilt_index(level, decoder) for level in data["levels"]],
            codes=[decoder.value(codes) for codes in data["codes"]],
            names=[decoder.value(name) for name in data["names"]],
        )
    name = decoder.value(data["name"])
    if form == "range":
        return pd.RangeIndex(*data["bounds"], name=name)
    values = _rebuilt_column(data["values"], decoder)
    index = pd.Index(values, name=name, dtype=values.dtype)
    if data["freq"] is not None and hasattr(index, "freq"):
        index.freq = data["freq"]
    return index


def _rebuilt_frame(content: Mapping[str, Any], decoder: ArchiveDecoder) -> Any:
    import pandas as pd

    index = _rebuilt_index(content["index"], decoder)
    columns = _rebuilt_index(content["columns"], decoder)
    data = {
        position: pd.Series(values, index=index, dtype=values.dtype)
        for position, values in enumerate(
            _rebuilt_column(column, decoder) for column in content["values"]
        )
    }
    frame = pd.DataFrame(data, index=index)
    frame.columns = columns
    return frame


def _rebuilt_object_table(content: Mapping[str, Any], decoder: ArchiveDecoder) -> Any:
    from pypet_trajectory.values.object_table import ObjectTable

    return ObjectTable(_rebuilt_frame(content, decoder))


def _rebuilt_series(content: Mapping[str, Any], decoder: ArchiveDecoder) -> Any:
    import pandas as pd

    values = _rebuilt_column(content["values"], decoder)
    return pd.Series(
        values,
        index=_rebuilt_index(content["index"], decoder),
        name=decoder.value(content["name"]),
        dtype=values.dtype,
    )


def _rebuilt_timestamp(content: list[Any], decoder: ArchiveDecoder) -> Any:
    import pandas as pd

    text, zone, unit = content
    stamp = pd.Timestamp(text)
    if zone is not None:
        stamp = stamp.tz_localize("UTC").tz_convert(zone)
    return stamp.as_unit(unit)


def _rebuilt_timedelta(content: list[Any], decoder: ArchiveDecoder) -> Any:
    import pandas as pd

    return pd.Timedelta(content[0], unit=content[1]).as_unit(content[1])


def _rebuilt_missing(content: str, decoder: ArchiveDecoder) -> Any:
    import pandas as pd

    return {"NA": pd.NA, "NaT": pd.NaT}[content]


# --------------------------------------------------------------------- scipy

#: More rows than this, which take a gigabyte while they are empty, no 'lil' matrix may have: the
#: file would not show how large it becomes in memory.
_MAX_ROWS = 1 << 23

#: Which arrays make up a matrix of each format; other formats go through coordinates.
_PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "dia": ("data", "offsets"),
}


def _sparse_parts(matrix: Any, encoder: ArchiveEncoder) -> dict[str, Any]:
    if matrix.format == "lil" and matrix.shape[0] > _MAX_ROWS:
        raise NoSuchServiceError(
            f"An archive holds sparse matrices of the format 'lil' with at most {_MAX_ROWS} rows, "
            f"not {matrix.shape[0]}. Store matrix.tocsr()."
        )
    names = _PARTS.get(matrix.format)
    if names is None:
        coordinates = matrix.tocoo()
        parts = [coordinates.data, *coordinates.coords]
    else:
        parts = [getattr(matrix, name) for name in names]
    return {
        "class": type(matrix).__name__,
        "format": matrix.format,
        "shape": list(matrix.shape),
        "parts": [encoder.array(np.asarray(part)) for part in parts],
    }


def _rebuilt_sparse(content: Mapping[str, Any], decoder: ArchiveDecoder) -> Any:
    from scipy import sparse

    parts = [decoder.value(part) for part in content["parts"]]
    shape = tuple(content["shape"])
    name, kind = content["class"], content["format"]
    if name not in (f"{kind}_matrix", f"{kind}_array") or not hasattr(sparse, name):
        raise NoSuchServiceError(f"There is no sparse matrix class {name!r} in scipy.")
    cls = getattr(sparse, name)
    if kind in _PARTS:
        matrix = cls(tuple(parts), shape=shape)
        if kind != "dia":
            # Without it scipy computes with indices that lead out of the arrays.
            matrix.check_format(full_check=True)
        return matrix
    if kind == "lil" and shape[0] > _MAX_ROWS:
        raise ValueError(f"a matrix of {shape[0]} rows is too large for the format 'lil'")
    coordinates = sparse.coo_array if name.endswith("_array") else sparse.coo_matrix
    return cls(coordinates((parts[0], tuple(parts[1:])), shape=shape))


_REBUILDERS: Mapping[str, Callable[[Any, ArchiveDecoder], Any]] = {
    "frame": _rebuilt_frame,
    "object_table": _rebuilt_object_table,
    "series": _rebuilt_series,
    "timestamp": _rebuilt_timestamp,
    "timedelta": _rebuilt_timedelta,
    "missing": _rebuilt_missing,
    "sparse": _rebuilt_sparse,
}
