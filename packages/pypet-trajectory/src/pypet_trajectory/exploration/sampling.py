"""Space-filling samples as explorations: Latin hypercube and Sobol points.

Points are computed with scipy when a caller asks for them. Invariant: an exploration always gives
the same points. If no seed is given, one is drawn when the exploration is made and kept, unlike a
random generator that would give other points at every use.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.exploration.kinds import Columns, Exploration, Indices
from pypet_trajectory.imports import import_optional
from pypet_trajectory.values.ranges import CompactRange

Bounds: TypeAlias = Mapping[str, tuple[float, float]]
#: Number of dimensions, number of points and seed to points in the unit cube, shape (n, d).
_UnitSampler: TypeAlias = Callable[[int, int, int], npt.NDArray[np.float64]]


def latin_hypercube(
    bounds: Bounds, n: int, *, seed: int | None = None, log: Collection[str] = ()
) -> Exploration:
    """Explore `n` points such that each n-th part of each parameter's interval is hit once.

    Parameters
    ----------
    bounds
        Parameter names to lower and upper bound. Two integers give integers, the upper bound
        included; otherwise values are floats.
    n
        Number of points.
    seed
        Makes the points reproducible; None draws one, found in the attribute ``seed``.
    log
        Names of parameters to space evenly in the logarithm.

    Raises
    ------
    ValueError
        If bounds are no interval, or not positive where the logarithm is needed, or the seed is
        no integer from 0 on.
    ImportError
        If scipy is not installed.
    """
    return SampledExploration(_latin_hypercube, bounds, n, seed, log)


def sobol(
    bounds: Bounds, n: int, *, seed: int | None = None, log: Collection[str] = ()
) -> Exploration:
    """Explore the first `n` points of a scrambled Sobol sequence.

    Numbers of points that are no power of 2 lose the balance of the sequence; scipy warns then.

    Parameters
    ----------
    bounds, n, seed, log
        As for `latin_hypercube`.

    Raises
    ------
    ValueError
        If bounds are no interval, or not positive where the logarithm is needed, or the seed is
        no integer from 0 on.
    ImportError
        If scipy is not installed.
    """
    return SampledExploration(_sobol, bounds, n, seed, log)


class SampledExploration(Exploration):
    """Points that a sampler of the unit cube gives, scaled to bounds.

    Made by `latin_hypercube` and `sobol`.
    """

    def __init__(
        self,
        sampler: _UnitSampler,
        bounds: Bounds,
        n: int,
        seed: int | None,
        log: Collection[str],
    ) -> None:
        n = operator.index(n)
        if n < 1 or not bounds:
            raise PypetValueError(
                f"A sample needs at least one point and one parameter, not {n} points of "
                f"{len(bounds)} parameters."
            )
        if seed is not None and (not isinstance(seed, int | np.integer) or seed < 0):
            raise PypetValueError(f"A seed is an integer from 0 on, not {seed!r}.")
        unknown = set(log) - set(bounds)
        if unknown:
            raise PypetValueError(f"There are no bounds for {', '.join(sorted(unknown))}.")
        for name, interval in bounds.items():
            _check_interval(name, interval, name in log)
        import_optional("scipy", "sampling", "Space-filling samples")
        self._sampler = sampler
        self._bounds = dict(bounds)
        self._n = n
        self._log = frozenset(log)
        #: The seed the points follow from.
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the explored parameters."""
        return tuple(self._bounds)

    def __len__(self) -> int:
        return self._n

    @cached_property
    def _columns(self) -> Columns:
        points = self._sampler(len(self._bounds), self._n, self.seed)
        return {
            name: _scaled(points[:, dimension], interval, name in self._log)
            for dimension, (name, interval) in enumerate(self._bounds.items())
        }

    def sources(self) -> Iterator[tuple[str, CompactRange]]:
        """Iterate over names and sampled values."""
        yield from self._columns.items()

    def columns(self, indices: Indices) -> Columns:
        return {name: column.take(indices) for name, column in self._columns.items()}


def _check_interval(name: str, interval: tuple[float, float], log: bool) -> None:
    are_bounds = isinstance(interval, tuple | list) and len(interval) == 2
    if not are_bounds or not all(
        type(bound) in (int, float) and math.isfinite(bound) for bound in interval
    ):
        raise PypetTypeError(
            f"The bounds of `{name}` must be two finite Python numbers, not {interval!r}."
        )
    low, high = interval
    if low >= high:
        raise PypetValueError(f"The bounds of `{name}` must ascend, and {low} >= {high}.")
    if log and low <= 0:
        raise PypetValueError(
            f"`{name}` cannot be spaced in the logarithm: its lower bound {low} is not positive."
        )


def _scaled(
    unit: npt.NDArray[np.float64], interval: tuple[float, float], log: bool
) -> CompactRange:
    """Scale points in [0, 1) to an interval; integers of an interval are equally likely."""
    low, high = interval
    integers = type(low) is int and type(high) is int
    upper = high + 1 if integers else high
    if log:
        values = np.exp(np.log(low) + unit * (np.log(upper) - np.log(low)))
    else:
        values = low + unit * (upper - low)
    if integers:
        return CompactRange(np.clip(np.floor(values), low, high).astype(np.int64).tolist())
    return CompactRange(np.clip(values, low, high).tolist())


def _latin_hypercube(dimensions: int, n: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc

    sampler: Any = qmc.LatinHypercube(d=dimensions, seed=np.random.default_rng(seed))
    return np.asarray(sampler.random(n))


def _sobol(dimensions: int, n: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc

    sampler: Any = qmc.Sobol(d=dimensions, seed=np.random.default_rng(seed))
    return np.asarray(sampler.random(n))
