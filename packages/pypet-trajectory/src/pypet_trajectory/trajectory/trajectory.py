"""`Trajectory`: the root of a tree of parameters and results, and the face of this library.

Methods here say *what*; the modules they call say *how*. A trajectory has the index of its tree,
its runs and its exploration, each an object of its own, and remembers where it is kept and when it
began. Invariant: whatever a method refuses leaves the trajectory as it was. Although a trajectory
is a group like any other, it alone knows runs, storage and time.
"""

from __future__ import annotations

import platform
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from pypet_trajectory.constants import (
    LOAD_DATA,
    LOAD_SKELETON,
    STORE_DATA,
    VERSION,
)
from pypet_trajectory.decorators import not_in_run
from pypet_trajectory.deprecation import kwargs_api_change, kwargs_mutual_exclusive
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.naming.names import check_trajectory_name, members_of
from pypet_trajectory.naming.wildcards import RUN_WILDCARD, WildcardFunctions
from pypet_trajectory.runs import information
from pypet_trajectory.runs.state import Exploration, Runs
from pypet_trajectory.runs.table import RunTable, format_time
from pypet_trajectory.trajectory import (
    copying,
    exploring,
    lifecycle,
    old_names,
    persistence,
    selection,
    settings,
)
from pypet_trajectory.tree import requests
from pypet_trajectory.tree.branch_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)
from pypet_trajectory.tree.groups import NNGroupNode
from pypet_trajectory.tree.index import TreeIndex
from pypet_trajectory.tree.root import Origin, TreeSettings

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@DerivedParameterGroup.register
@ResultGroup.register
@ParameterGroup.register
@ConfigGroup.register
class Trajectory(NNGroupNode):
    """A tree of parameters and results, with one or many runs.

    Parameters
    ----------
    name : str
        What the trajectory is called; no dots.
    add_time : bool
        Whether to append the time of creation to the name.
    comment : str
        What it is about.
    dynamic_imports : class, str or list of them, optional
        Leaf and group classes of your own, or dotted paths to them, so that they are found
        again when a stored trajectory is loaded.
    wildcard_functions : mapping, optional
        Tuple of synonyms to a function from run index to name, see
        :class:`~pypet_trajectory.naming.wildcards.WildcardFunctions`.
    storage_service : StorageService, type or str, optional
        Where the trajectory is kept.
    **kwargs
        Arguments for the storage service, such as `filename`, whose extension decides which
        service it is if none is given.

    Raises
    ------
    ValueError
        If the name is not admissible, no service handles the file's extension, or a keyword is
        left that no service knows.
    TypeError
        If a dynamic import is neither a class nor a dotted path.

    Examples
    --------
    >>> traj = Trajectory("neuron", comment="how fast does it fire?")
    >>> traj.f_add_parameter("cell.tau", 20.0, comment="time constant in ms")
    <Parameter parameters.cell.tau (`time constant in ms`): 20.0>
    >>> traj.tau
    20.0
    >>> traj.f_explore({"cell.tau": [10.0, 20.0, 30.0]})
    >>> len(traj)
    3
    """

    _name: str  # nodes may be nameless, a trajectory is not

    @kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
    def __init__(
        self,
        name: str = "my_trajectory",
        add_time: bool = False,
        comment: str = "",
        dynamic_imports: Any = None,
        wildcard_functions: Mapping[Any, Callable[[int], str]] | None = None,
        storage_service: Any = None,
        **kwargs: Any,
    ) -> None:
        timestamp = time.time()
        formatted = format_time(timestamp)
        name = f"{name}_{formatted}" if add_time else name
        check_trajectory_name(name, members_of(type(self)), stacklevel=3)
        super().__init__("", None, comment)
        self._name = name
        self._origin = Origin(timestamp, formatted, VERSION, platform.python_version())
        self._storage_service: Any = None
        self._full_copy = False
        self._exploration = Exploration()
        #: Table and names of the runs, and at which one the trajectory is.
        self._runs = Runs(RunTable(1), WildcardFunctions(wildcard_functions))
        imports = ["pypet.parameter.PickleParameter"]
        TreeIndex(self, TreeSettings(Parameter, Result, Result, imports))
        if dynamic_imports is not None:
            self.v_index.settings.dynamic_imports.extend(settings.checked_imports(dynamic_imports))
        self._storage_service = persistence.make_service(self, storage_service, kwargs)

    def _private(self, name: str) -> Any:
        try:
            return old_names.of_trajectory(self, name)
        except KeyError:
            return super()._private(name)

    def __len__(self) -> int:
        return len(self._runs.table)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        during = " (during single run)" if self._runs.inside else ""
        comment = f"`{self._comment}`, " if self._comment else ""
        return (
            f"{type(self).__name__}{during} {self._name} ({comment}len:{len(self)}): "
            f"{self._children_text()}"
        )

    def __dir__(self) -> list[str]:
        names = list(super().__dir__())
        if self._runs.inside:
            cls = type(self)
            names = [
                name for name in names if not getattr(getattr(cls, name, None), "not_in_run", False)
            ]
        return names

    # ------------------------------------------------------------------- what it is

    @property
    def v_name(self) -> str:
        """Name of the trajectory."""
        return self._name

    @property
    def v_comment(self) -> str:
        """What the trajectory is about; cannot be set during a run."""
        return self._comment

    @v_comment.setter
    @not_in_run
    def v_comment(self, comment: object) -> None:
        self._comment = str(comment)

    @property
    def v_origin(self) -> Origin:
        """When and with what it was created, and which environment last handled it."""
        return self._origin

    @property
    def v_timestamp(self) -> float:
        """Time of creation, seconds since the epoch."""
        return self._origin.timestamp

    @property
    def v_time(self) -> str:
        """Time of creation, local, ``%Y_%m_%d_%Hh%Mm%Ss``."""
        return self._origin.time

    @property
    def v_version(self) -> str:
        """Version of pypet that created the trajectory."""
        return self._origin.version

    @property
    def v_python(self) -> str:
        """Version of Python that created the trajectory."""
        return self._origin.python

    @property
    def v_environment_name(self) -> str | None:
        """Name of the environment that last handled the trajectory, ``None`` without one."""
        return self._origin.environment_name

    @property
    def v_environment_hexsha(self) -> str | None:
        """SHA-1 of the environment, ``None`` without one."""
        return self._origin.environment_hexsha

    @property
    def v_is_run(self) -> bool:
        """Whether a single run is being executed."""
        return self._runs.inside

    @property
    def v_crun_(self) -> str:
        """Name of the current run, or the name that stands for no particular run."""
        return self.f_wildcard() if self._runs.name is None else self._runs.name

    # -------------------------------------------------------------------- settings

    @property
    def v_storage_service(self) -> Any:
        """Where the trajectory is kept; ``None`` for nowhere."""
        return self._storage_service

    @v_storage_service.setter
    def v_storage_service(self, service: Any) -> None:
        self._storage_service = service

    v_fast_access = settings.switch(
        "fast_access", "Whether ``traj.x`` is a value rather than the leaf that holds it."
    )
    v_shortcuts = settings.switch("shortcuts", "Whether natural naming may skip groups.")
    v_max_depth = settings.setting(
        "max_depth", "How deep natural naming searches; ``None`` for no limit."
    )
    v_with_links = settings.switch("with_links", "Whether natural naming follows links.")
    v_auto_load = settings.switch(
        "auto_load", "Whether natural naming loads what is not in memory."
    )
    v_iter_recursive = settings.switch(
        "iter_recursive", "Whether iterating over a group goes below its children."
    )
    v_no_clobber = settings.switch(
        "no_clobber", "Whether adding what exists returns it instead of failing."
    )
    v_auto_run_prepend = settings.switch(
        "auto_run_prepend",
        "Whether results and derived parameters added in a run go below ``runs.<name of run>``.",
    )
    v_standard_parameter = settings.setting(
        "standard_parameter", "Class of parameters if none is given on adding."
    )
    v_standard_result = settings.setting(
        "standard_result", "Class of results if none is given on adding."
    )
    v_standard_leaf = settings.setting(
        "standard_leaf", "Class of leaves outside of the four branches if none is given."
    )

    @property
    def v_full_copy(self) -> bool:
        """Whether copies and pickles carry explored ranges and the whole run table."""
        return self._full_copy

    @v_full_copy.setter
    @not_in_run
    def v_full_copy(self, full_copy: object) -> None:
        self._full_copy = bool(full_copy)
        for parameter in self._exploration.parameters.values():
            if parameter is not None:
                parameter.v_full_copy = self._full_copy

    # ------------------------------------------------------------------- wildcards

    def f_add_wildcard_functions(self, func_dict: Mapping[Any, Callable[[int], str]]) -> None:
        """Add wildcards: tuples of synonyms to functions from run index to name.

        Raises
        ------
        ValueError
            If a synonym is in use already.
        """
        self._runs.wildcards.add(func_dict)
        self.v_index.answers.clear()  # what was a plain name may be a wildcard now

    def f_wildcard(self, wildcard: str = RUN_WILDCARD, run_idx: int | None = None) -> str:
        """What a wildcard stands for.

        Parameters
        ----------
        wildcard : str
            Any of :meth:`f_get_wildcards`.
        run_idx : int, optional
            For which run, -1 for no particular one; the current run by default.

        Raises
        ------
        KeyError
            If there is no such wildcard.
        """
        return self._runs.wildcards.translate(
            wildcard, self._runs.idx if run_idx is None else run_idx
        )

    def f_is_wildcard(self, wildcard: str) -> bool:
        """Whether `wildcard` is one."""
        return wildcard in self._runs.wildcards

    def f_get_wildcards(self) -> list[str]:
        """All wildcards with their synonyms."""
        return self._runs.wildcards.names

    # -------------------------------------------------------------- the current run

    @property
    def v_idx(self) -> int:
        """Index of the current run, -1 for none; setting it is :meth:`f_set_crun`."""
        return self._runs.idx

    @v_idx.setter
    @not_in_run
    def v_idx(self, idx: int | str | None) -> None:
        lifecycle.set_run(self, idx)

    @property
    def v_runs(self) -> Runs:
        """The runs: their table and names, and at which one the trajectory is."""
        return self._runs

    @property
    def v_exploration(self) -> Exploration:
        """Which parameters are explored."""
        return self._exploration

    @property
    def v_crun(self) -> str | None:
        """Name of the current run, ``None`` for none; setting it is :meth:`f_set_crun`."""
        return self._runs.name

    @v_crun.setter
    @not_in_run
    def v_crun(self, run: str | int | None) -> None:
        lifecycle.set_run(self, run)

    def f_set_properties(self, **kwargs: Any) -> None:
        """Set several properties at once, named with or without ``v_``.

        Raises
        ------
        AttributeError
            If there is no such property, or it is read-only.
        """
        settings.set_properties(self, kwargs)

    # ---------------------------------------------------------------------- adding

    f_add_parameter = not_in_run(ParameterGroup.f_add_parameter)
    f_apar = f_add_parameter
    f_add_parameter_group = not_in_run(ParameterGroup.f_add_parameter_group)
    f_add_config = not_in_run(ConfigGroup.f_add_config)
    f_aconf = f_add_config
    f_add_config_group = not_in_run(ConfigGroup.f_add_config_group)
    f_add_derived_parameter = DerivedParameterGroup.f_add_derived_parameter
    f_adpar = f_add_derived_parameter
    f_add_derived_parameter_group = DerivedParameterGroup.f_add_derived_parameter_group
    f_add_result = ResultGroup.f_add_result
    f_ares = f_add_result
    f_add_result_group = ResultGroup.f_add_result_group

    @not_in_run
    def f_add_to_dynamic_imports(self, dynamic_imports: Any) -> None:
        """Announce leaf and group classes, so that they are found again on loading.

        Parameters
        ----------
        dynamic_imports : class, str or list of them
            Classes, or dotted paths to them.

        Raises
        ------
        TypeError
            If something is neither a class nor a string.
        """
        self.v_index.settings.dynamic_imports.extend(settings.checked_imports(dynamic_imports))

    @not_in_run
    def f_preset_parameter(self, param_name: str, *args: Any, **kwargs: Any) -> None:
        """Decide on the value of a parameter before it is added.

        Parameters
        ----------
        param_name : str
            Full name; ``parameters.`` may be left out.
        *args, **kwargs
            For the parameter's ``f_set``, called right after it is added.

        Raises
        ------
        ValueError
            If the parameter exists already.
        """
        settings.preset(self, "parameters", param_name, args, kwargs)

    @not_in_run
    def f_preset_config(self, config_name: str, *args: Any, **kwargs: Any) -> None:
        """Decide on the value of a config parameter before it is added.

        Works as :meth:`f_preset_parameter`, for names below ``config``.
        """
        settings.preset(self, "config", config_name, args, kwargs)

    # ------------------------------------------------------------------- exploring

    @not_in_run
    def f_explore(self, build_dict: Any) -> None:
        """Give parameters ranges; the trajectory gets one run for each position in them.

        Parameters
        ----------
        build_dict : mapping or exploration
            Names of parameters to iterables of values, all of the same length; or an
            exploration from :mod:`pypet_trajectory.exploration.algebra`.

        Raises
        ------
        TypeError
            If runs have completed (use :meth:`f_expand`), a parameter has a range already or is
            empty, or a value has another type than the parameter.
        ValueError
            If lengths differ, there are no values, or a name stands for no parameter.
        AttributeError
            If a name is not found.

        Notes
        -----
        If it fails, nothing has changed.

        Examples
        --------
        >>> traj = Trajectory("squares")
        >>> _ = traj.f_add_parameter("x", 0)
        >>> traj.f_explore({"x": range(3)})
        >>> traj.f_get("x").f_get_range()
        [0, 1, 2]
        """
        exploring.explore(self, build_dict)

    @not_in_run
    def f_expand(
        self, build_dict: Any, fail_safe: bool = True, skip_existing: bool = False
    ) -> None:
        """Append values to the ranges of all explored parameters.

        Parameters
        ----------
        build_dict : mapping or exploration
            As for :meth:`f_explore`; exactly the parameters explored so far, unless none is.
        fail_safe : bool
            Whether everything is as before if it fails.
        skip_existing : bool
            Whether to leave out points that are among the runs already.

        Raises
        ------
        TypeError, ValueError, AttributeError
            As for :meth:`f_explore`; a ``TypeError`` also if other parameters are given than
            were explored, or their ranges are not in memory.
        """
        exploring.expand(self, build_dict, fail_safe, skip_existing)

    @not_in_run
    def f_shrink(self, force: bool = False) -> None:
        """Remove all ranges; one run is left.

        Parameters
        ----------
        force : bool
            Whether to do so although the trajectory is stored.

        Raises
        ------
        TypeError
            If the trajectory is stored and `force` is false.
        """
        exploring.shrink(self, force)

    def f_find_idx(
        self, name_list: str | Iterable[str], predicate: Callable[..., Any]
    ) -> Iterator[int]:
        """Iterate over indices of runs whose parameters satisfy a predicate.

        Parameters
        ----------
        name_list : str or iterable of str
            Names of parameters.
        predicate : callable
            Gets the values of one run, in this order.

        Examples
        --------
        >>> traj = Trajectory("plane")
        >>> _ = traj.f_add_parameter("x", 0), traj.f_add_parameter("y", 0)
        >>> traj.f_explore({"x": [0, 1, 2], "y": [2, 1, 0]})
        >>> list(traj.f_find_idx(["x", "y"], lambda x, y: x >= y))
        [1, 2]
        """
        return selection.find_idx(self, name_list, predicate)

    # ------------------------------------------------------------------------ runs

    @not_in_run
    def f_set_crun(self, name_or_idx: str | int | None) -> None:
        """Go to a run: explored parameters show its values, ``$`` stands for its name.

        Parameters
        ----------
        name_or_idx : str or int or None
            Exact name or index; ``None`` or -1 to leave all runs.

        Raises
        ------
        KeyError
            If there is no such run.
        """
        lifecycle.set_run(self, name_or_idx)

    @not_in_run
    def f_restore_default(self) -> None:
        """Leave the current run; explored parameters show their defaults."""
        lifecycle.restore_default(self)

    def f_idx_to_run(self, name_or_idx: int | str) -> str | int:
        """Name of the run of an index, or index of the run of a name.

        Raises
        ------
        KeyError
            If there is no such run.
        """
        return information.SingleRunIds(self._runs.names)[name_or_idx]  # type: ignore[no-any-return]

    @not_in_run
    def f_iter_runs(
        self, start: int = 0, stop: int | None = None, step: int = 1, yields: str = "name"
    ) -> Iterator[Any]:
        """Go to one run after the other.

        Parameters
        ----------
        start, stop, step : int
            Which runs, as for :class:`range`.
        yields : {'name', 'idx', 'self', 'copy'}
            What to hand out: name of the run, its index, this trajectory, or a copy of it.

        Raises
        ------
        ValueError
            On the first step, if `stop` lies beyond the last run or `yields` is unknown.

        Notes
        -----
        The run context is left when the iteration is exhausted; breaking off keeps it.
        """
        return lifecycle.iter_runs(self, start, stop, step, yields)

    def f_get_run_names(self, sort: bool = True) -> list[str]:
        """Names of all runs, by index.

        `sort` has no effect any more; names always come in order.
        """
        return list(self._runs.names)

    def f_get_run_information(
        self, name_or_idx: str | int | None = None, copy: bool = True
    ) -> Mapping[str, Any]:
        """What is known about one run, or about all of them by name.

        Parameters
        ----------
        name_or_idx : str or int, optional
            Which run; all by default.
        copy : bool
            Whether to make a dictionary of all runs; if not, a view makes each row on demand.

        Returns
        -------
        mapping
            What is known about the run, by name; for a run that failed there is also
            ``'failure'``, a :class:`~pypet_trajectory.api.records.RunFailure` with status,
            exception, traceback and number of attempts. Or such a mapping for each run, by its
            name.

        Raises
        ------
        KeyError
            If there is no such run, or nothing is known about it.
        """
        return information.run_information(self._runs.table, self._runs.names, name_or_idx, copy)

    @not_in_run
    def f_is_completed(self, name_or_id: str | int | None = None) -> bool | int:
        """Whether a run, or every run, has finished.

        Raises
        ------
        KeyError
            If there is no such run.
        """
        return information.is_completed(self._runs.table, self._runs.names, name_or_id)

    @not_in_run
    @kwargs_api_change("where")
    @kwargs_api_change("backwards_search")
    def f_get_from_runs(
        self,
        name: str,
        include_default_run: bool = True,
        use_indices: bool = False,
        fast_access: bool = False,
        with_links: bool = True,
        shortcuts: bool = True,
        max_depth: int | None = None,
        auto_load: bool = False,
    ) -> OrderedDict[Any, Any]:
        """One item from every run, in order of runs.

        Parameters
        ----------
        name : str
            What to look for below the groups of the runs.
        include_default_run : bool
            Whether to look below ``run_ALL`` where a run has nothing.
        use_indices : bool
            Whether keys are indices rather than names.
        fast_access : bool
            Whether to return values rather than leaves.
        with_links, shortcuts, max_depth, auto_load
            As for ``f_get``; `max_depth` counts from the group above the runs. With `auto_load`
            runs that are only in the store are loaded as well.

        Returns
        -------
        OrderedDict
            Only of runs where something was found.

        Examples
        --------
        >>> traj = Trajectory("squares")
        >>> _ = traj.f_add_parameter("x", 0)
        >>> traj.f_explore({"x": [2, 3]})
        >>> for _ in traj.f_iter_runs():
        ...     _ = traj.f_add_result("runs.$.y", traj.x**2)
        >>> dict(traj.f_get_from_runs("y", use_indices=True, fast_access=True))
        {0: 4, 1: 9}
        """
        return selection.get_from_runs(
            self,
            name,
            include_default_run=include_default_run,
            use_indices=use_indices,
            fast_access=fast_access,
            with_links=with_links,
            shortcuts=shortcuts,
            max_depth=max_depth,
            auto_load=auto_load,
        )

    def f_start_run(
        self, run_name_or_idx: str | int | None = None, turn_into_run: bool = True
    ) -> Trajectory:
        """Start a run by hand; see also :func:`~pypet_trajectory.manual_run`.

        Parameters
        ----------
        run_name_or_idx : str or int, optional
            Which run; the current one by default.
        turn_into_run : bool
            Whether to enter run mode, in which what is added belongs to the run.

        Raises
        ------
        ValueError
            If it is not clear which run.
        """
        return lifecycle.start_run(self, run_name_or_idx, turn_into_run)

    def f_finalize_run(self, store_meta_data: bool = True, clean_up: bool = True) -> Trajectory:
        """Finish the run that was started; call :meth:`f_store` before if data shall be kept.

        Parameters
        ----------
        store_meta_data : bool
            Whether to store the run table.
        clean_up : bool
            Whether to remove from memory what was added during the run.
        """
        return lifecycle.end_run(self, store_meta_data, clean_up)

    # --------------------------------------------------------- locking and removing

    @not_in_run
    def f_is_empty(self) -> bool:
        """Whether there are no leaves besides config."""
        index = self.v_index
        return len(index.leaves) == len(index.branches["config"])

    @not_in_run
    def f_lock_parameters(self) -> None:
        """Lock all parameters that hold a value."""
        lifecycle.lock_filled(self.v_index.branches["parameters"])

    @not_in_run
    def f_lock_derived_parameters(self) -> None:
        """Lock all derived parameters that hold a value."""
        lifecycle.lock_filled(self.v_index.branches["derived_parameters"])

    @kwargs_api_change("remove_empty_groups")
    def f_remove_item(self, item: Any, recursive: bool = False) -> None:
        """Remove one node from memory; see :meth:`f_remove_items`."""
        self.f_remove_items([item], recursive=recursive)

    @kwargs_api_change("remove_empty_groups")
    def f_remove_items(self, iterator: Iterable[Any], recursive: bool = False) -> None:
        """Remove nodes from memory, not from the store.

        Parameters
        ----------
        iterator : iterable
            Names, nodes, or tuples ``(message, item)``.
        recursive : bool
            Whether groups may be removed together with what is below them.

        Raises
        ------
        TypeError
            If a group has children and `recursive` is false.
        AttributeError
            If a name is not found.
        """
        requests.remove_items(self, iterator, recursive)

    # --------------------------------------------------------------------- storing

    @kwargs_api_change("new_name")
    @kwargs_api_change("new_filename")
    @kwargs_mutual_exclusive("only_init", "recursive", lambda recursive: not recursive)
    def f_store(
        self,
        only_init: bool = False,
        store_data: int = STORE_DATA,
        max_depth: int | None = None,
    ) -> None:
        """Store the trajectory; during a run, store what the run added.

        Parameters
        ----------
        only_init : bool
            Whether to store only what is known about the trajectory and its runs.
        store_data : int
            ``STORE_DATA`` (2) adds what the store lacks, ``STORE_DATA_SKIPPING`` (1) leaves out
            everything stored before, ``OVERWRITE_DATA`` (3) replaces, ``STORE_NOTHING`` (0).
        max_depth : int, optional
            How deep to go, counted from the root.

        Raises
        ------
        AttributeError
            If there is no storage service.
        RuntimeError
            If the store has another trajectory of this name.

        Notes
        -----
        Parameters are locked by storing them. The old keyword ``recursive=x`` means
        ``only_init=not x``.
        """
        persistence.store(self, only_init, store_data, max_depth)

    def f_store_item(self, item: Any, *args: Any, **kwargs: Any) -> None:
        """Store one node; see :meth:`f_store_items`."""
        self.f_store_items([item], *args, **kwargs)

    def f_store_items(self, iterator: Iterable[Any], *args: Any, **kwargs: Any) -> None:
        """Store single nodes.

        Parameters
        ----------
        iterator : iterable
            Names, nodes, or tuples ``(message, item[, args[, kwargs]])``.
        *args, **kwargs
            For the storage service: `store_data`, `overwrite`, `recursive`, `with_links`,
            `max_depth`, compression; besides, ``non_empties=True`` leaves out empty leaves.

        Raises
        ------
        TypeError
            If the trajectory was never stored.
        ValueError
            If there is nothing to store.
        """
        requests.store_items(self, iterator, args, kwargs)

    def f_load_item(self, item: Any, *args: Any, **kwargs: Any) -> None:
        """Load one node; see :meth:`f_load_items`."""
        self.f_load_items([item], *args, **kwargs)

    def f_load_items(self, iterator: Iterable[Any], *args: Any, **kwargs: Any) -> None:
        """Load data of nodes that are in memory already.

        Parameters
        ----------
        iterator : iterable
            Names, nodes, or tuples ``(message, item[, args[, kwargs]])``.
        *args, **kwargs
            For the storage service: `load_data`, `load_only`, `load_except`, `recursive`,
            `with_links`; besides, ``only_empties=True`` leaves out leaves that hold data.

        Raises
        ------
        TypeError
            If the trajectory was never stored.
        DataNotInStorageError
            If an item is not in the store.
        """
        requests.load_items(self, iterator, args, kwargs)

    @kwargs_api_change("remove_empty_groups")
    def f_delete_item(self, item: Any, *args: Any, **kwargs: Any) -> None:
        """Delete one node from the store; see :meth:`f_delete_items`."""
        self.f_delete_items([item], *args, **kwargs)

    @kwargs_api_change("remove_empty_groups")
    def f_delete_items(self, iterator: Iterable[Any], *args: Any, **kwargs: Any) -> None:
        """Delete nodes from the store; they stay in memory.

        Parameters
        ----------
        iterator : iterable
            Names, nodes, or tuples ``(message, item[, args[, kwargs]])``.
        *args, **kwargs
            For the storage service: `recursive` allows deleting groups with what is below,
            `delete_only` names the parts of a leaf to delete, `remove_from_item` removes these
            from the leaf in memory, too. ``remove_from_trajectory=True`` removes the nodes
            from memory.

        Raises
        ------
        TypeError
            If a group is not empty and `recursive` is false.
        """
        requests.delete_items(self, iterator, args, kwargs)

    @kwargs_api_change("remove_empty_groups")
    def f_delete_link(self, link: Any, remove_from_trajectory: bool = False) -> None:
        """Delete one link from the store; see :meth:`f_delete_links`."""
        self.f_delete_links([link], remove_from_trajectory)

    @kwargs_api_change("remove_empty_groups")
    def f_delete_links(
        self, iterator_of_links: Iterable[Any], remove_from_trajectory: bool = False
    ) -> None:
        """Delete links from the store, but not what they point to.

        Parameters
        ----------
        iterator_of_links : iterable
            Full names of links, or tuples of a group and the name of a link in it.
        remove_from_trajectory : bool
            Whether to remove the links from memory, too.
        """
        requests.delete_links(self, iterator_of_links, remove_from_trajectory)

    # --------------------------------------------------------------------- loading

    @not_in_run
    @kwargs_api_change("load_all", "load_data")
    @kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
    def f_load(  # type: ignore[override]
        self,
        name: str | None = None,
        index: int | None = None,
        as_new: bool = False,
        load_parameters: int = LOAD_DATA,
        load_derived_parameters: int = LOAD_SKELETON,
        load_results: int = LOAD_SKELETON,
        load_other_data: int = LOAD_SKELETON,
        recursive: bool = True,
        load_data: int | None = None,
        max_depth: int | None = None,
        force: bool = False,
        dynamic_imports: Any = None,
        with_run_information: bool = True,
        with_meta_data: bool = True,
        storage_service: Any = None,
        **kwargs: Any,
    ) -> None:
        """Load a trajectory from the store into this one.

        Parameters
        ----------
        name : str, optional
            Which trajectory; by default the one of this name.
        index : int, optional
            Which trajectory, counted in alphabetical order; -1 is the last.
        as_new : bool
            Whether to take over parameters and the number of runs only, as the start of a new
            experiment.
        load_parameters, load_derived_parameters, load_results, load_other_data : int
            ``LOAD_NOTHING`` (0), ``LOAD_SKELETON`` (1: nodes without data), ``LOAD_DATA`` (2:
            data of empty leaves) or ``OVERWRITE_DATA`` (3: data of all leaves but locked
            parameters), for parameters with config, for the other branches and for the rest.
        recursive : bool
            Whether to go below the first level.
        load_data : int, optional
            Stands for all four of the above.
        max_depth : int, optional
            How deep to go, counted from the root.
        force : bool
            Whether to load a trajectory of an unknown format.
        dynamic_imports : class, str or list of them, optional
            Announced for good, as by :meth:`f_add_to_dynamic_imports`.
        with_run_information : bool
            Whether to load the run table; otherwise only the number of runs is known.
        with_meta_data : bool
            Whether to load name, times, run table and names of explored parameters.
        storage_service, **kwargs
            A storage service and arguments for it, to load from and to keep.

        Raises
        ------
        ValueError
            If it is not clear which trajectory, it is not there, or a mode is unknown.
        """
        persistence.load(
            self,
            name=name,
            index=index,
            as_new=as_new,
            modes={
                "load_parameters": load_parameters,
                "load_derived_parameters": load_derived_parameters,
                "load_results": load_results,
                "load_other_data": load_other_data,
            },
            load_data=load_data,
            recursive=recursive,
            max_depth=max_depth,
            force=force,
            dynamic_imports=dynamic_imports,
            with_run_information=with_run_information,
            with_meta_data=with_meta_data,
            storage_service=storage_service,
            service_arguments=kwargs,
        )

    @not_in_run
    def f_load_skeleton(self) -> None:
        """Load all nodes without data; the run table in memory is kept."""
        self.f_load(self.v_name, load_data=LOAD_SKELETON, with_run_information=False)

    @not_in_run
    def f_backup(self, **kwargs: Any) -> None:
        """Copy the stored trajectory into a file of its own.

        Parameters
        ----------
        **kwargs
            For the storage service: `backup_filename`, by default ``backup_<name>`` beside the
            trajectory's file.

        Raises
        ------
        ValueError
            If the trajectory was never stored, or the backup exists.
        """
        persistence.backup(self, kwargs)

    @not_in_run
    def f_migrate(
        self,
        new_name: str | None = None,
        in_store: bool = False,
        new_storage_service: Any = None,
        **kwargs: Any,
    ) -> None:
        """Give the trajectory another name or another place; nothing is copied.

        Parameters
        ----------
        new_name : str, optional
            The new name.
        in_store : bool
            Whether a trajectory of this name is in the store already.
        new_storage_service, **kwargs
            The new place: a service, and arguments such as `filename`.

        Raises
        ------
        ValueError
            If the name is not admissible or a keyword is unknown; nothing has changed then.
        """
        persistence.migrate(self, new_name, in_store, new_storage_service, kwargs)

    # --------------------------------------------------------------------- merging

    @not_in_run
    @kwargs_api_change("backup_filename", "backup")
    @kwargs_api_change("move_nodes", "move_data")
    @kwargs_api_change("ignore_trajectory_derived_parameters")
    @kwargs_api_change("ignore_trajectory_results")
    def f_merge(
        self,
        other_trajectory: Trajectory,
        trial_parameter: str | None = None,
        remove_duplicates: bool = False,
        ignore_data: Iterable[str] = (),
        backup: bool = True,
        move_data: bool = False,
        delete_other_trajectory: bool = False,
        keep_info: bool = True,
        keep_other_trajectory_info: bool = True,
        merge_config: bool = True,
        consecutive_merge: bool = False,
        slow_merge: bool = False,
    ) -> None:
        """Append the runs of another trajectory to those of this one.

        Parameters
        ----------
        other_trajectory : Trajectory
            With the same parameters.
        trial_parameter : str, optional
            A parameter that counts trials 0, 1, 2, ... in both; the other's go on counting.
        remove_duplicates : bool
            Whether to leave out runs whose parameter values this trajectory has already.
        ignore_data : iterable of str
            Full names of what is not to be merged.
        backup : bool
            Whether to back up both before.
        move_data : bool
            Whether to move data rather than copy it.
        delete_other_trajectory : bool
            Whether to delete the other from its store afterwards.
        keep_info, keep_other_trajectory_info : bool
            Whether to note the merge, and the other's name and times, below ``config.merge``.
        merge_config : bool
            Whether to take over what environments, git and earlier merges noted in the other.
        consecutive_merge : bool
            Whether further merges follow, so that storing can wait; call :meth:`f_store` then.
        slow_merge : bool
            Whether to bring data through memory, where the storage cannot copy.

        Raises
        ------
        TypeError
            If parameters, their types, or wildcards do not match, or the other is no trajectory.
        ValueError
            If this trajectory was never stored, or nothing is left to merge.

        Notes
        -----
        Results are merged in the store and not loaded; use :meth:`f_load_skeleton` or
        :meth:`f_load` afterwards.
        """
        from pypet_trajectory import merging

        merging.merge(
            self,
            other_trajectory,
            merging.MergeOptions(
                trial_parameter=trial_parameter,
                remove_duplicates=remove_duplicates,
                ignore_data=frozenset(ignore_data),
                backup=backup,
                move_data=move_data,
                delete_other_trajectory=delete_other_trajectory,
                keep_info=keep_info,
                keep_other_trajectory_info=keep_other_trajectory_info,
                merge_config=merge_config,
                consecutive_merge=consecutive_merge,
                slow_merge=slow_merge,
            ),
        )

    @not_in_run
    def f_merge_many(
        self,
        other_trajectories: Iterable[Trajectory],
        ignore_data: Iterable[str] = (),
        move_data: bool = False,
        delete_other_trajectory: bool = False,
        keep_info: bool = True,
        keep_other_trajectory_info: bool = True,
        merge_config: bool = True,
        backup: bool = True,
    ) -> None:
        """Append the runs of several trajectories; see :meth:`f_merge`.

        Only this trajectory is backed up, and it is stored once, at the end.
        """
        from pypet_trajectory import merging

        merging.merge_many(
            self,
            other_trajectories,
            merging.MergeOptions(
                ignore_data=frozenset(ignore_data),
                backup=backup,
                move_data=move_data,
                delete_other_trajectory=delete_other_trajectory,
                keep_info=keep_info,
                keep_other_trajectory_info=keep_other_trajectory_info,
                merge_config=merge_config,
            ),
        )

    # ------------------------------------------------------------ leaves by full name

    def f_get_parameters(self, fast_access: bool = False, copy: bool = True) -> dict[str, Any]:
        """All parameters by full name, or their values with `fast_access`.

        Raises
        ------
        ValueError
            If `fast_access` is asked for the live dictionary (``copy=False``).
        """
        return _leaf_dict(self.v_index.branches["parameters"], fast_access, copy)

    def f_get_config(self, fast_access: bool = False, copy: bool = True) -> dict[str, Any]:
        """All config parameters by full name; see :meth:`f_get_parameters`."""
        return _leaf_dict(self.v_index.branches["config"], fast_access, copy)

    def f_get_derived_parameters(
        self, fast_access: bool = False, copy: bool = True
    ) -> dict[str, Any]:
        """All derived parameters by full name; see :meth:`f_get_parameters`."""
        return _leaf_dict(self.v_index.branches["derived_parameters"], fast_access, copy)

    def f_get_results(self, fast_access: bool = False, copy: bool = True) -> dict[str, Any]:
        """All results by full name; see :meth:`f_get_parameters`."""
        return _leaf_dict(self.v_index.branches["results"], fast_access, copy)

    def f_get_explored_parameters(
        self, fast_access: bool = False, copy: bool = True
    ) -> dict[str, Any]:
        """Explored parameters by full name, ``None`` for those not in memory."""
        return _leaf_dict(self._exploration.parameters, fast_access, copy)

    def f_to_dict(  # type: ignore[override]
        self,
        fast_access: bool = False,
        short_names: bool = False,
        nested: bool = False,
        copy: bool = True,
        with_links: bool = True,
    ) -> dict[str, Any]:
        """Leaves by name.

        Parameters
        ----------
        fast_access : bool
            Whether leaves that hold one value are replaced by it.
        short_names : bool
            Whether keys are the last components of full names only.
        nested : bool
            Whether groups become dictionaries in dictionaries.
        copy : bool
            Whether to make a new dictionary; if not, nothing else may be asked for.
        with_links : bool
            Has no effect at the root.

        Raises
        ------
        ValueError
            If two leaves share a short name, or options contradict each other.
        """
        if copy:
            return super().f_to_dict(fast_access, short_names, nested, with_links)
        if fast_access or short_names or nested:
            raise PypetValueError(
                "`copy=False` asks for the live dictionary of leaves by full name; it cannot be "
                "combined with `fast_access`, `short_names` or `nested`."
            )
        return self.v_index.leaves

    # -------------------------------------------------------------------- analysis

    def f_to_dataframe(
        self,
        results: str | Iterable[str] = (),
        parameters: str | Iterable[str] = (),
        run_information: bool = True,
        include_default_run: bool = True,
        auto_load: bool = False,
    ) -> pd.DataFrame:
        """One row per run: explored parameters, run information, results.

        Parameters
        ----------
        results : str or iterable of str
            Names as for :meth:`f_get_from_runs`. Items of results that hold several become
            columns of their own, and so do leaves below groups.
        parameters : str or iterable of str
            Further parameters.
        run_information : bool
            Whether to tell name, status, times (seconds since the epoch) and run time (seconds).
        include_default_run : bool
            As for :meth:`f_get_from_runs`.
        auto_load : bool
            Whether to read from the store what is not in memory: explored values, and results
            of runs, as paths below the groups of the runs. Results are read one by one and do
            not stay in memory, so a trajectory of many runs needs no skeleton for this.

        Returns
        -------
        pandas.DataFrame
            Indexed by run; NA where a run has no value.

        Raises
        ------
        MissingPackageError
            If pandas is not installed; also an ``ImportError``.
        """
        from pypet_trajectory.analysis.dataframe import to_dataframe

        return to_dataframe(
            self, results, parameters, run_information, include_default_run, auto_load
        )

    def f_to_xarray(
        self,
        results: str | Iterable[str] = (),
        parameters: str | Iterable[str] = (),
        run_information: bool = False,
        include_default_run: bool = True,
        auto_load: bool = False,
    ) -> xr.Dataset:
        """Results of all runs as an xarray data set; arguments as for :meth:`f_to_dataframe`.

        Dimensions are the explored parameters if these form a full grid, else ``run``. Arrays of
        equal shape keep their dimensions; comments and annotations become attributes.

        Raises
        ------
        MissingPackageError
            If xarray is not installed; also an ``ImportError``.
        """
        from pypet_trajectory.analysis.xarray import to_xarray

        return to_xarray(self, results, parameters, run_information, include_default_run, auto_load)

    # --------------------------------------------------------------------- copying

    def f_copy(self, copy_leaves: bool | str = True, with_links: bool = True) -> Trajectory:
        """A copy of the trajectory in memory, with the same storage service.

        Parameters
        ----------
        copy_leaves : bool or 'explored'
            Whether leaves are copied; if not, both trajectories hold the same leaves. With
            ``'explored'`` only explored parameters are copied.
        with_links : bool
            Whether links are copied.

        Notes
        -----
        Copied parameters have lost their ranges unless ``v_full_copy`` holds.
        """
        return copying.copy_trajectory(self, copy_leaves, with_links)

    def __copy__(self) -> Any:
        return copying.copy_trajectory(self)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if not self._full_copy:
            state["_runs"] = self._runs.only_current()
        return state


def _leaf_dict(register: MutableMapping[str, Any], fast_access: bool, copy: bool) -> dict[str, Any]:
    """A register of leaves as the user wants it: live, copied, or as values."""
    if not fast_access:
        return dict(register) if copy else register  # type: ignore[return-value]
    if not copy:
        raise PypetValueError(
            "`fast_access=True` makes a new dictionary of values; it cannot be combined with "
            "`copy=False`, which asks for the live one."
        )
    return {
        full_name: None if leaf is None else leaf.f_get() for full_name, leaf in register.items()
    }
