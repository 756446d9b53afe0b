"""Post-processing: calling the user's function and reading the expansion it returns.

The function may enlarge the trajectory, itself or by returning a dictionary, and may change
the arguments of later calls. Whether new runs follow is decided by the length of the
trajectory alone; everything else here is bookkeeping. Unlike run functions, what it returns is
never kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pypet.environment.parts.pipelines import Plan

#: Plan fields that elements 1 to 4 of a returned tuple replace.
_REPLACED = ("args", "kwargs", "postproc_args", "postproc_kwargs")


def call_postprocessing(
    plan: Plan, trajectory: Any, results: list[tuple[int, Any]], logger: Any
) -> Plan:
    """Call the post-processing function and expand the trajectory if it says so.

    Parameters
    ----------
    plan : Plan
        Its post-processing function is called with the trajectory and `results`.
    trajectory : Trajectory
        May come back longer than it was.
    results : list of (int, object)
        Run indices with what the runs returned; the very list that ``run`` returns.
    logger : logging.Logger
        Told if what the function returned is not understood.

    Returns
    -------
    Plan
        With the arguments that the function wants for later calls; ``None`` leaves them alone.

    Raises
    ------
    PypetTypeError
        If new arguments are no tuple or no dictionary.
    """
    if plan.postproc is None:
        return plan
    returned = plan.postproc(trajectory, results, *plan.postproc_args, **plan.postproc_kwargs)
    if returned is None:
        return plan
    expansion, arguments = returned, tuple[Any, ...]()
    if isinstance(returned, tuple) and returned:
        expansion, arguments = returned[0] or {}, returned[1:]
    if not isinstance(expansion, Mapping):
        logger.error(
            "Post-processing may return None, a dictionary that expands the trajectory, or a "
            "tuple of such a dictionary, args, kwargs, postproc_args and postproc_kwargs, "
            "but %r returned %r, which is ignored.",
            plan.postproc,
            returned,
        )
        return plan
    # Fewer are allowed, and what comes after the fifth element was always ignored.
    given = zip(_REPLACED, arguments, strict=False)
    plan = replace(plan, **{name: value for name, value in given if value is not None})
    if expansion:
        trajectory.f_expand(expansion)
    return plan
