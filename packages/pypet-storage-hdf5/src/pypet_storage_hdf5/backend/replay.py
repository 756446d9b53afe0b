"""Making the changes of a journal again, by the writer that made them first.

Invariant: the working copy is in the state to which the first change was applied, so each change
meets what it met then. Nothing is compared and nothing is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pypet_storage_hdf5.backend.access import access_data
from pypet_storage_hdf5.safety.session_journal import Change, entries
from pypet_trajectory.exceptions import PypetError
from pypet_trajectory.logger import module_logger
from pypet_trajectory.naming.wildcards import make_run_name

if TYPE_CHECKING:
    from pypet_storage_hdf5.backend import HDF5Backend

_logger = module_logger(__name__)


def replay(backend: HDF5Backend, journal: str, end: int) -> None:
    """Make all changes in a journal up to `end`; unpickles them.

    A change that fails, as it failed when it was made first or because its values cannot be loaded
    here, is reported in the log and left out.

    Parameters
    ----------
    backend : HDF5Backend
        Open for writing, without the changes.
    journal : str
        Path of the journal.
    end : int
        Where its last commit ends, bytes.
    """
    settings, own_name_of_run = backend.settings, backend.name_of_run
    count = 0
    selected: str | None = None
    try:
        for trajectory, change, content in entries(journal, end):
            if trajectory != selected and change is not Change.REMOVE:
                backend.select(trajectory, create=True)
                selected = trajectory
            try:
                _MAKE[change](backend, trajectory, content)
            except (PypetError, OSError, RuntimeError, ValueError, TypeError, LookupError) as error:
                _logger.error("A change of %r could not be made again: %s", trajectory, error)
            count += 1
            if change in (Change.REMOVE, Change.RENAME):
                selected = None
        backend.write_summaries()
    finally:
        backend.use_settings(settings)
        backend.name_of_run = own_name_of_run
        backend.deselect()
    _logger.warning(
        "%r was being written when its process died; %d changes since were taken from its journal.",
        backend.file.path,
        count,
    )


def _write_runs(backend: HDF5Backend, _trajectory: str, content: Any) -> None:
    table, rows, names = content
    backend.name_of_run = (lambda idx: names.get(idx) or make_run_name(idx)) if names else None
    backend.write_runs(table, rows)


def _request(backend: HDF5Backend, _trajectory: str, content: Any) -> None:
    access_data(backend, *content)


_MAKE: Mapping[Change, Callable[[HDF5Backend, str, Any], None]] = {
    Change.NODE: lambda backend, _, content: backend.write_node(content),
    Change.DELETE: lambda backend, _, content: backend.delete_node(content),
    Change.DELETE_ITEMS: lambda backend, _, content: backend.delete_items(*content),
    Change.META: lambda backend, _, content: backend.write_meta(content),
    Change.RUNS: _write_runs,
    Change.ROWS: lambda backend, _, content: backend.update_runs(content),
    Change.REQUEST: _request,
    Change.SETTINGS: lambda backend, _, content: backend.use_settings(content),
    Change.REMOVE: lambda backend, name, _: backend.remove_trajectory(name),
    Change.RENAME: lambda backend, name, content: backend.rename_trajectory(name, content),
}
