"""Settings of one HDF5 file: compression, pandas format, overview tables, and what each may be.

The same settings exist three times: here, as parameters below ``config.hdf5`` of a trajectory,
and as the one row of ``overview/hdf5_settings``. `Settings` is the only place that knows all their
names, so the other two are derived from it. Unlike in pypet 0.7, settings of one store call never
stay behind for the next: they make new filters and leave the object alone.

Wrong settings would be met when the first array is compressed, with half of a trajectory on disk.
Invariant: whatever comes from a caller passes one of the functions here first, which give back the
value in the type its place in the file has, or say what is possible. What comes from a file passes
:func:`restored`, which never fails: a file of strangers may name a library that is not known here.
"""

from __future__ import annotations

import codecs
import functools
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Final

import numpy as np
import tables

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: Options of a store call that choose filters; all others go to the data.
FILTER_OPTIONS: Final = frozenset(("complib", "complevel", "shuffle", "fletcher32", "filters"))

#: Names of the switches for overview tables, in the order of the columns of ``hdf5_settings``.
OVERVIEW_SWITCHES: Final = (
    "config_overview",
    "parameters_overview",
    "derived_parameters_overview",
    "results_overview",
    "explored_parameters_overview",
    "derived_parameters_summary",
    "results_summary",
)


@dataclass(slots=True)
class Settings:
    """Settings with pypet's defaults."""

    complib: str = "zlib"
    complevel: int = 9
    shuffle: bool = True
    fletcher32: bool = False
    pandas_format: str = "fixed"
    encoding: str = "utf8"
    config_overview: bool = True
    parameters_overview: bool = True
    derived_parameters_overview: bool = False
    results_overview: bool = False
    explored_parameters_overview: bool = True
    derived_parameters_summary: bool = True
    results_summary: bool = True
    purge_duplicate_comments: bool = True
    results_per_run: int = 0
    derived_parameters_per_run: int = 0

    def has_overview(self, table: str) -> bool:
        """Whether the overview table of this name is wanted."""
        return table in OVERVIEW_SWITCHES and bool(getattr(self, table))

    def filters(self, options: Mapping[str, Any] | None = None) -> tables.Filters:
        """PyTables' filters, changed by the options of one store call.

        Raises
        ------
        TypeError, ValueError
            If the compression library or level is not one PyTables knows.
        """
        options = options or {}
        given = options.get("filters")
        if isinstance(given, tables.Filters):
            return given
        if given is not None:
            raise PypetTypeError(f"filters= takes PyTables' Filters, not {given!r}.")
        level = compression_level(options.get("complevel", self.complevel))
        return _filters(
            level,
            compression_library(options.get("complib", self.complib)),
            bool(options.get("shuffle", self.shuffle)) and level > 0,
            bool(options.get("fletcher32", self.fletcher32)),
        )

    def filters_for_rows(self, options: Mapping[str, Any] | None = None) -> tables.Filters:
        """Filters for data whose rows differ in length; HDF5 does not take all of them there.

        What filters see of such data are the places of its rows, not the rows.
        """
        filters = self.filters(options)
        library = filters.complib or "zlib"
        if not filters.fletcher32 and not library.startswith("blosc2"):
            return filters
        library = library.replace("blosc2", "blosc").partition(":")[0]
        return tables.Filters(filters.complevel, library, filters.shuffle, fletcher32=False)

    def checked(self) -> Settings:
        """These settings, each value in the type its place in the file has.

        Raises
        ------
        TypeError, ValueError
            If a setting cannot have its value.
        """
        for name in SETTING_NAMES:
            setattr(self, name, checked(name, getattr(self, name)))
        return self

    def without_contradiction(self) -> Settings:
        """These settings, once they do not contradict each other.

        Raises
        ------
        ValueError
            If duplicate comments are to be purged without the summary tables that know them.
        """
        if self.purge_duplicate_comments and not (
            self.results_summary and self.derived_parameters_summary
        ):
            raise PypetValueError(
                "purge_duplicate_comments needs the summary tables, which know the comments "
                "that are there: switch summary_tables on or purging off."
            )
        return self

    def copy(self) -> Settings:
        """Equal settings that change independently."""
        return replace(self)


#: Names of all settings.
SETTING_NAMES: Final = tuple(field.name for field in fields(Settings))


@functools.lru_cache(maxsize=64)
def _filters(complevel: int, complib: str, shuffle: bool, fletcher32: bool) -> tables.Filters:
    with warnings.catch_warnings():
        # A library that is missing here falls back to zlib; the file tells which it was.
        warnings.simplefilter("ignore", tables.FiltersWarning)
        return tables.Filters(
            complevel=complevel, complib=complib, shuffle=shuffle, fletcher32=fletcher32
        )


_PANDAS_FORMATS: Final[Mapping[str, str]] = {
    "f": "fixed",
    "fixed": "fixed",
    "t": "table",
    "table": "table",
}


def pandas_format(name: Any) -> str:
    """The full name of a pandas format.

    Raises
    ------
    ValueError
        If pandas has no such format.
    """
    try:
        return _PANDAS_FORMATS[name]
    except (KeyError, TypeError):
        raise PypetValueError(
            f"pandas_format must be one of {', '.join(_PANDAS_FORMATS)}, not {name!r}."
        ) from None


def _pandas_word(name: Any) -> str:
    """A name of a pandas format as it was given, for that is what files say."""
    pandas_format(name)
    return str(name)


def compression_library(name: Any) -> str:
    """The name of a compression library, whole again if pypet 0.7 cut it to seven bytes.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If PyTables knows no such library.
    """
    known = tables.filters.all_complibs
    found = text("complib", name)
    if found in known:
        return found
    if len(found) == 7 and found.startswith("blosc"):
        whole = [library for library in known if library.startswith(found)]
        if whole:
            return str(whole[0])
    raise PypetValueError(f"complib must be one of {', '.join(known)}, not {name!r}.")


def compression_level(level: Any) -> int:
    """A compression level.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is not between 0 and 9.
    """
    number = _whole_number("complevel", level)
    if not 0 <= number <= 9:
        raise PypetValueError(f"complevel must be between 0 and 9, not {level!r}.")
    return number


def text_encoding(name: Any) -> str:
    """The name of a text encoding.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If Python knows no such encoding.
    """
    found = text("encoding", name)
    try:
        codecs.lookup(found)
    except (LookupError, ValueError):
        raise PypetValueError(f"encoding: Python knows no text encoding {name!r}.") from None
    return found


def text(setting: str, value: Any) -> str:
    """A text.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, str):
        raise PypetTypeError(f"{setting} must be a text, not {value!r}.")
    return str(value)


def expected_number(setting: str, number: Any) -> int:
    """How many leaves are expected per run, 0 if unknown.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is negative or has more than 31 bits.
    """
    found = _whole_number(setting, number)
    if not 0 <= found < 1 << 31:
        raise PypetValueError(f"{setting} must be 0 (unknown) or a number of leaves, not {number}.")
    return found


def seconds(setting: str, value: Any) -> float:
    """A span of time.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is negative or not a number.
    """
    try:
        found = float(operator.pos(value))
    except (TypeError, ValueError):
        raise PypetTypeError(f"{setting} must be a number of seconds, not {value!r}.") from None
    if not found >= 0:
        raise PypetValueError(f"{setting} must not be negative, but is {value!r}.")
    return found


def switch(setting: str, value: Any) -> bool:
    """A truth value; text is none, for ``'False'`` would be true.

    Raises
    ------
    TypeError
        If it is neither True nor False, nor 1 or 0.
    """
    if not isinstance(value, (bool, np.bool_, int, np.integer)) or value not in (0, 1):
        raise PypetTypeError(f"{setting} must be True or False, not {value!r}.")
    return bool(value)


#: What a setting may be, by its name; those that are missing here are switches.
CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "complib": compression_library,
    "complevel": compression_level,
    "pandas_format": _pandas_word,
    "encoding": text_encoding,
    "results_per_run": partial(expected_number, "results_per_run"),
    "derived_parameters_per_run": partial(expected_number, "derived_parameters_per_run"),
}


def checked(setting: str, value: Any) -> Any:
    """The value of any setting in its own type.

    Raises
    ------
    TypeError, ValueError
        If the setting cannot have this value.
    """
    return CHECKS.get(setting, partial(switch, setting))(value)


def restored(setting: str, value: Any, default: Any, place: str) -> Any:
    """The value that a file gives for a setting, or the default if it cannot be used here."""
    try:
        return checked(setting, value)
    except (PypetTypeError, PypetValueError) as error:
        _logger.warning("%s cannot be used, so it is %r from now on: %s", place, default, error)
        return default


def _whole_number(setting: str, value: Any) -> int:
    try:
        number = int(value) if isinstance(value, (float, np.floating)) else operator.index(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value:
        raise PypetTypeError(f"{setting} must be a whole number, not {value!r}.")
    return number
