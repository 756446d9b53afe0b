"""Settings of one HDF5 file: compression, pandas format, overview tables.

The same settings exist three times: here, as parameters below ``config.hdf5`` of a trajectory,
and as the one row of ``overview/hdf5_settings``. Invariant: this class is the only place that
knows all their names, so the other two are derived from it. Unlike in pypet 0.7, settings of one
store call never stay behind for the next: they make new filters and leave this object alone.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import tables

from pypet_storage_hdf5 import setting_values
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError

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
        level = setting_values.compression_level(options.get("complevel", self.complevel))
        return _filters(
            level,
            setting_values.compression_library(options.get("complib", self.complib)),
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
            setattr(self, name, setting_values.checked(name, getattr(self, name)))
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
