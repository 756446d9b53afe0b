"""Settings as parameters below ``config.hdf5`` of a trajectory, and back.

Invariant: for a trajectory that is stored, its ``config.hdf5`` decides; a user who wants
other settings changes the parameter. A trajectory that is loaded gets the values of its file, not
the defaults of the service that loads it.
"""

from __future__ import annotations

from typing import Any

from pypet_storage_hdf5.settings import OVERVIEW_SWITCHES, SETTING_NAMES, Settings, checked
from pypet_trajectory.exceptions import PypetRuntimeError, PypetTypeError, PypetValueError

_COMMENTS = {
    "config_overview": "Whether the file has a table of all config parameters",
    "parameters_overview": "Whether the file has a table of all parameters",
    "derived_parameters_overview": "Whether the file has a table of all derived parameters",
    "results_overview": "Whether the file has a table of all results",
    "explored_parameters_overview": "Whether the file has a table of explored parameters",
    "derived_parameters_summary": "Whether the file has a table of derived parameters by comment",
    "results_summary": "Whether the file has a table of results by comment",
    "purge_duplicate_comments": "Whether a comment that many leaves share is stored only once",
    "results_per_run": "Expected number of results per run",
    "derived_parameters_per_run": "Expected number of derived parameters per run",
    "complevel": "Compression level, 0 (none) to 9 (smallest)",
    "complib": "Compression library",
    "encoding": "Encoding of text",
    "pandas_format": "Format of pandas data, 'fixed' or 'table'",
    "fletcher32": "Whether chunks of data carry a checksum",
    "shuffle": "Whether bytes are shuffled before compression",
}


def _entry(setting: str) -> str:
    return f"hdf5.overview.{setting}" if setting in OVERVIEW_SWITCHES else f"hdf5.{setting}"


def add_config_parameters(traj: Any, settings: Settings) -> None:
    """Add the settings that are missing below ``config.hdf5``."""
    for name in SETTING_NAMES:
        if _parameter(traj, name) is None:
            traj.f_add_config(_entry(name), getattr(settings, name), comment=_COMMENTS[name])
    group = traj.f_get("config.hdf5", shortcuts=False)
    if not group.v_comment:
        group.v_comment = "Settings of the HDF5 file"


def settings_from_config(traj: Any, settings: Settings) -> None:
    """Overwrite `settings` by what ``config.hdf5`` says.

    Raises
    ------
    TypeError, ValueError
        If a setting cannot have the value of its parameter.
    RuntimeError
        If the trajectory's settings contradict each other.
    """
    wanted = settings.copy()
    for name in SETTING_NAMES:
        parameter = _parameter(traj, name)
        if parameter is not None and not parameter.f_is_empty():
            try:
                setattr(wanted, name, checked(name, parameter.f_get()))
            except (PypetTypeError, PypetValueError) as error:
                raise type(error)(
                    f"{parameter.v_full_name!r} of {traj.v_name!r}: {error}"
                ) from None
    try:
        wanted.without_contradiction()
    except PypetValueError as error:
        raise PypetRuntimeError(f"config.hdf5 of {traj.v_name!r}: {error}") from error
    assign(settings, wanted)


def update_config_parameters(traj: Any, settings: Settings) -> None:
    """Make ``config.hdf5`` say what the file it is loaded from says."""
    for name in SETTING_NAMES:
        parameter = _parameter(traj, name)
        value = getattr(settings, name)
        if parameter is None or parameter.f_is_empty() or parameter.f_get() == value:
            continue
        was_locked = parameter.v_locked
        parameter.f_unlock()
        parameter.f_set(value)
        if was_locked:
            parameter.f_lock()


def assign(settings: Settings, other: Settings) -> None:
    """Give `settings` the values of `other`, in place."""
    for name in SETTING_NAMES:
        setattr(settings, name, getattr(other, name))


def _parameter(traj: Any, setting: str) -> Any:
    return traj.v_index.leaves.get(f"config.{_entry(setting)}")
