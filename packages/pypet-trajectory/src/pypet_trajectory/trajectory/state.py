"""`TrajectoryState`: what a trajectory remembers, and what others ask it for.

Settings, the run table, the current run, where and when: everything that is pickled. The tree
and the storage services read and set what stands here;
:class:`~pypet_trajectory.trajectory.Trajectory` adds what users do with it. Invariant: run table
and run names always belong together. Unlike in pypet 0.7 the registers of nodes are not kept
here but in the index of the tree; their old names are in
:mod:`~pypet_trajectory.trajectory.old_names`.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from pypet_trajectory.constants import VERSION
from pypet_trajectory.decorators import not_in_run
from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.naming.names import check_trajectory_name, members_of
from pypet_trajectory.naming.wildcards import RUN_WILDCARD, WildcardFunctions
from pypet_trajectory.runs.exploration import Exploration
from pypet_trajectory.runs.state import Runs
from pypet_trajectory.runs.table import RunTable, format_time
from pypet_trajectory.trajectory import copying, lifecycle, persistence, settings
from pypet_trajectory.tree.branch_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)
from pypet_trajectory.tree.classes import create_class
from pypet_trajectory.tree.index import TreeIndex

if TYPE_CHECKING:
    pass


class TrajectoryState(DerivedParameterGroup, ResultGroup, ParameterGroup, ConfigGroup):
    """The root of a tree, with its state; see `Trajectory` for the arguments."""

    _name: str  # pypet's nodes may be nameless, a trajectory is not
    #: Table and names of the runs, and at which one the trajectory is.
    _runs: Runs

    def __init__(
        self,
        name: str,
        add_time: bool,
        comment: str,
        dynamic_imports: Any,
        wildcard_functions: Mapping[Any, Callable[[int], str]] | None,
        storage_service: Any,
        service_arguments: dict[str, Any],
    ) -> None:
        timestamp = time.time()
        formatted = format_time(timestamp)
        name = f"{name}_{formatted}" if add_time else name
        check_trajectory_name(name, members_of(type(self)), stacklevel=4)
        super().__init__("", None, comment)
        self._name = name
        self._timestamp = timestamp
        self._time = formatted
        self._version = VERSION
        self._python = platform.python_version()
        self._environment_name: str | None = None
        self._environment_hexsha: str | None = None
        self._storage_service: Any = None
        self._dynamic_imports: list[Any] = ["pypet.parameter.PickleParameter"]
        for attribute, default in settings.DEFAULTS.items():
            setattr(self, attribute, default)
        self._standard_parameter: type = Parameter
        self._standard_result: type = Result
        self._standard_leaf: type = Result
        self._full_copy = False
        self._exploration = Exploration()
        self._changed_default_parameters: MutableMapping[str, Any] = {}
        self._runs = Runs(RunTable(1), WildcardFunctions(wildcard_functions))
        self._nn_interface = TreeIndex(self)  # type: ignore[arg-type]  # has all of TreeRoot
        if dynamic_imports is not None:
            self._dynamic_imports.extend(settings.checked_imports(dynamic_imports))
        self._storage_service = persistence.make_service(self, storage_service, service_arguments)

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
                name
                for name in names
                if not getattr(getattr(cls, name, None), "_not_in_run", False)
            ]
        return names

    # ------------------------------------------------------------------- what it is

    @property
    def v_comment(self) -> str:
        """What the trajectory is about; cannot be set during a run."""
        return self._comment

    @v_comment.setter
    @not_in_run
    def v_comment(self, comment: object) -> None:
        self._comment = str(comment)

    @property
    def v_timestamp(self) -> float:
        """Time of creation, seconds since the epoch."""
        return self._timestamp

    @property
    def v_time(self) -> str:
        """Time of creation, local, ``%Y_%m_%d_%Hh%Mm%Ss``."""
        return self._time

    @property
    def v_version(self) -> str:
        """Version of pypet that created the trajectory."""
        return self._version

    @property
    def v_python(self) -> str:
        """Version of Python that created the trajectory."""
        return self._python

    @property
    def v_environment_name(self) -> str | None:
        """Name of the environment that last handled the trajectory, ``None`` without one."""
        return self._environment_name

    @property
    def v_environment_hexsha(self) -> str | None:
        """SHA-1 of the environment, ``None`` without one."""
        return self._environment_hexsha

    @property
    def v_is_run(self) -> bool:
        """Whether a single run is being executed."""
        return self._runs.inside

    @property
    def v_crun_(self) -> str:
        """Name of the current run, or the name that stands for no particular run."""
        return self.f_wildcard() if self._runs.name is None else self._runs.name

    # -------------------------------------------------------------------- settings

    v_storage_service = settings.setting(
        "_storage_service", "Where the trajectory is kept; ``None`` for nowhere."
    )
    v_fast_access = settings.switch(
        "_fast_access", "Whether ``traj.x`` is a value rather than the leaf that holds it."
    )
    v_shortcuts = settings.switch("_shortcuts", "Whether natural naming may skip groups.")
    v_max_depth = settings.setting(
        "_max_depth", "How deep natural naming searches; ``None`` for no limit."
    )
    v_with_links = settings.switch("_with_links", "Whether natural naming follows links.")
    v_auto_load = settings.switch(
        "_auto_load", "Whether natural naming loads what is not in memory."
    )
    v_iter_recursive = settings.switch(
        "_iter_recursive", "Whether iterating over a group goes below its children."
    )
    v_no_clobber = settings.switch(
        "_no_clobber", "Whether adding what exists returns it instead of failing."
    )
    v_auto_run_prepend = settings.switch(
        "_auto_run_prepend",
        "Whether results and derived parameters added in a run go below ``runs.<name of run>``.",
    )
    v_standard_parameter = settings.setting(
        "_standard_parameter", "Class of parameters if none is given on adding."
    )
    v_standard_result = settings.setting(
        "_standard_result", "Class of results if none is given on adding."
    )
    v_standard_leaf = settings.setting(
        "_standard_leaf", "Class of leaves outside of the four branches if none is given."
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

    # ----------------------------------------------------------- pickling and copying

    def __copy__(self) -> Any:
        return copying.copy_trajectory(self)

    def _copy_from(
        self,
        node: Any,
        copy_leaves: bool | str = True,
        overwrite: bool = False,
        with_links: bool = True,
    ) -> None:
        """Insert a node of another tree, and all below it, at the same place here."""
        copying.copy_from(self, node, copy_leaves, overwrite, with_links)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if not self._full_copy:
            state["_runs"] = self._runs.only_current()
        return state

    # ----------------------------------------- what the tree and storage services rely on

    def _create_class(self, class_name: str) -> Any:
        return create_class(class_name, self._dynamic_imports)

    def _remove_exploration(self) -> None:
        """Return to a single run, since the last explored parameter is gone."""
        self._runs.leave()
        self._runs.reset(1)


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
