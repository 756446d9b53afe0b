"""Settings of one HDF5 file: compression, pandas format, overview tables.

The same settings exist three times: here, as parameters below ``config.hdf5`` of a trajectory,
and as the one row of ``overview/hdf5_settings``. Invariant: this class is the only place that
knows all their names, so the other two are derived from it. Unlike in pypet 0.7, settings of one
store call never stay behind for the next: they make new filters and leave this object alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import tables

from pypet_trajectory.exceptions import PypetValueError

PANDAS_FORMATS: Final[Mapping[str, str]] = {
    "f": "fixed",
    "fixed": "fixed",
    "t": "table",
    "table": "table",
}

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
        ValueError
            If the compression library or level is not one PyTables knows.
        """
        options = options or {}
        given = options.get("filters")
        if given is not None:
            return given
        level = int(options.get("complevel", self.complevel))
        with warnings.catch_warnings():
            # A library that is missing here falls back to zlib; the file tells which it was.
            warnings.simplefilter("ignore", tables.FiltersWarning)
            return tables.Filters(
                complevel=level,
                complib=usable_complib(options.get("complib", self.complib)),
                shuffle=bool(options.get("shuffle", self.shuffle)) and level > 0,
                fletcher32=bool(options.get("fletcher32", self.fletcher32)),
            )

    def checked(self) -> Settings:
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


def pandas_format(name: str) -> str:
    """The full name of a pandas format.

    Raises
    ------
    ValueError
        If pandas has no such format.
    """
    try:
        return PANDAS_FORMATS[name]
    except (KeyError, TypeError):
        raise PypetValueError(
            f"pandas_format must be one of {', '.join(PANDAS_FORMATS)}, not {name!r}."
        ) from None


def usable_complib(name: str) -> str:
    """The library a name means; names that 0.7 cut to seven bytes become whole again."""
    if name in tables.filters.all_complibs:
        return name
    if len(name) == 7 and name.startswith("blosc"):
        whole = [lib for lib in tables.filters.all_complibs if lib.startswith(name)]
        if whole:
            return str(whole[0])
    return name
