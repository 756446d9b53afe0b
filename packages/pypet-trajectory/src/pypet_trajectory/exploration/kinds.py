"""What an exploration is, and the kinds of them.

An `Exploration` describes points of the parameter space without listing them: each kind knows how
many points it has and can compute the values at any given positions, vectorised. A product of a
thousand by a thousand values is therefore two thousand numbers until a caller asks for all of it.
Unlike a mapping, ``len`` counts points and iterating yields points.

Users make explorations with the functions of :mod:`pypet_trajectory.exploration.algebra`.
"""

from __future__ import annotations

import operator
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from pypet_trajectory.exceptions import PypetIndexError, PypetValueError
from pypet_trajectory.exploration.checking import check_values
from pypet_trajectory.imports import import_optional
from pypet_trajectory.values.ranges import CompactRange
from pypet_trajectory.values.summary import text_table

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

Indices: TypeAlias = "npt.NDArray[np.intp]"
Columns: TypeAlias = dict[str, CompactRange]

#: Points computed at a time when iterating and filtering.
_CHUNK: Final = 4096


class Exploration(ABC):
    """Points of the parameter space, in order; the base of all kinds of explorations.

    A kind implements `names`, ``__len__``, `sources` and `columns`.
    """

    # ---------------------------------------------------------------- what each kind implements

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the explored parameters."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of points; counting what a filter keeps evaluates the filter."""

    @abstractmethod
    def sources(self) -> Iterator[tuple[str, CompactRange]]:
        """Iterate over the lists of values that points are made of, without combining them."""

    @abstractmethod
    def columns(self, indices: Indices) -> Columns:
        """Return the values at these positions, all of which exist."""

    # ---------------------------------------------------------------- points

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one point."""
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise PypetIndexError(f"There is no point {index}: the exploration has {len(self)}.")
        columns = self.columns(np.array([position % len(self)], dtype=np.intp))
        return {name: column[0] for name, column in columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over points, as dictionaries of parameter names to values."""
        for indices in _chunks(len(self)):
            columns = self.columns(indices)
            for values in zip(*columns.values(), strict=True):
                yield dict(zip(columns, values, strict=True))

    def to_columns(self) -> Columns:
        """Return all values of each parameter, one for each point, in compact form."""
        return self.columns(np.arange(len(self), dtype=np.intp))

    def to_dict(self) -> dict[str, list[Any]]:
        """Return all values of each parameter, one for each point, as lists."""
        return {name: column.tolist() for name, column in self.to_columns().items()}

    def to_dataframe(self) -> pd.DataFrame:
        """Return all points as a data frame, one row each.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "pandas", "Data frames")
        return pandas.DataFrame(
            {
                name: column.tolist() if column.array is None else column.array
                for name, column in self.to_columns().items()
            }
        )

    def preview(self, n: int = 10) -> str:
        """Return the first `n` points as a table in plain text."""
        shown = max(0, min(n, len(self)))
        columns = self.columns(np.arange(shown, dtype=np.intp))
        table = text_table({name: column.tolist() for name, column in columns.items()})
        rest = len(self) - shown
        return f"{table}\n... and {rest} more points" if rest else table

    def check(self, types: Any) -> Exploration:
        """Check that all values fit their parameters, before anything is spent on runs.

        Looks at the values that points are made of, not at the points, and is therefore quick;
        for the same reason values that a filter keeps away from all points are checked as well.

        Parameters
        ----------
        types
            A trajectory, or parameter names to example values or types. A trajectory's
            parameters apply their own rules; neither they nor the trajectory change.

        Returns
        -------
        Exploration
            This exploration.

        Raises
        ------
        TypeError
            If a value is unsupported or not of its parameter's type.
        ValueError
            If a name stands for something that cannot be explored, or there are no values.
        AttributeError
            If a parameter does not exist.
        """
        for name, values in self.sources():
            check_values(name, values, types)
        return self

    # ---------------------------------------------------------------- combining

    def __mul__(self, other: Exploration) -> Exploration:
        return Product((self, other)) if isinstance(other, Exploration) else NotImplemented

    def __and__(self, other: Exploration) -> Exploration:
        return Zipped((self, other)) if isinstance(other, Exploration) else NotImplemented

    def __add__(self, other: Exploration) -> Exploration:
        return Concatenated((self, other)) if isinstance(other, Exploration) else NotImplemented

    def where(self, predicate: Callable[..., Any], *names: str) -> Exploration:
        """Keep only points for which a predicate is true.

        The predicate is evaluated once for each point, when points are first counted or asked
        for.

        Parameters
        ----------
        predicate
            Called with a point, a dictionary of names to values; with `names`, called with the
            values of these parameters.
        *names
            Parameters whose values the predicate takes.

        Examples
        --------
        >>> from pypet_trajectory.exploration.algebra import axis
        >>> pairs = axis('a', [1, 2]) * axis('b', [1, 2])
        >>> list(pairs.where(lambda a, b: a < b, 'a', 'b'))
        [{'a': 1, 'b': 2}]
        """
        return Filtered(self, predicate, names)

    def repeat(self, times: int, each: bool = False) -> Exploration:
        """Repeat all points, for instance to run each of them several times.

        Parameters
        ----------
        times
            How often.
        each
            Repeat every point on the spot instead of the whole sequence.

        Examples
        --------
        >>> from pypet_trajectory.exploration.algebra import axis
        >>> pair = axis('a', [1, 2])
        >>> pair.repeat(2).to_dict(), pair.repeat(2, each=True).to_dict()
        ({'a': [1, 2, 1, 2]}, {'a': [1, 1, 2, 2]})
        """
        return Repeated(self, times, each)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} exploration of {', '.join(self.names)}>"


class Table(Exploration):
    """Values listed column by column."""

    def __init__(self, columns: Columns) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise PypetValueError(
                f"All parameters need one value for each point, but lengths are {lengths}."
            )
        if not any(lengths.values()):
            raise PypetValueError(
                f"There are no values to explore for {', '.join(columns) or 'any parameter'}."
            )
        self._columns = columns

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def sources(self) -> Iterator[tuple[str, CompactRange]]:
        yield from self._columns.items()

    def columns(self, indices: Indices) -> Columns:
        return {name: column.take(indices) for name, column in self._columns.items()}


class Composed(Exploration):
    """Several explorations as one."""

    def __init__(self, parts: Sequence[Exploration]) -> None:
        if not parts:
            raise PypetValueError("Combining explorations takes at least one of them.")
        # Combining is associative: a chain of operators makes one flat exploration.
        self.parts: tuple[Exploration, ...] = tuple(
            inner
            for part in parts
            for inner in (part.parts if type(part) is type(self) else (part,))
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.names)

    def sources(self) -> Iterator[tuple[str, CompactRange]]:
        for part in self.parts:
            yield from part.sources()

    def _check_disjoint(self) -> None:
        names = self.names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise PypetValueError(
                f"Parameter {', '.join(map(repr, repeated))} is explored by more than one part: "
                "a point needs exactly one value of it."
            )


class Product(Composed):
    """Every point of each part with every point of the others; the first varies slowest."""

    def __init__(self, parts: Sequence[Exploration]) -> None:
        super().__init__(parts)
        self._check_disjoint()

    def __len__(self) -> int:
        length = 1
        for part in self.parts:
            length *= len(part)
        if length > sys.maxsize:
            raise PypetValueError(
                f"The product of {', '.join(self.names)} has {length:.1e} points, more than can "
                "be numbered. Filter the factors before they are multiplied, or draw a sample "
                "with latin_hypercube or sobol."
            )
        return length

    def columns(self, indices: Indices) -> Columns:
        columns: list[Columns] = []
        for part in reversed(self.parts):
            indices, within = np.divmod(indices, max(len(part), 1))
            columns.append(part.columns(within))
        return {name: column for part in reversed(columns) for name, column in part.items()}


class Zipped(Composed):
    """Points of the parts side by side."""

    def __init__(self, parts: Sequence[Exploration]) -> None:
        super().__init__(parts)
        self._check_disjoint()
        lengths = {", ".join(part.names): len(part) for part in self.parts}
        if len(set(lengths.values())) > 1:
            raise PypetValueError(
                f"Explorations side by side need one length, but lengths are {lengths}."
            )

    def __len__(self) -> int:
        return len(self.parts[0])

    def columns(self, indices: Indices) -> Columns:
        return {
            name: column for part in self.parts for name, column in part.columns(indices).items()
        }


class Concatenated(Composed):
    """Points of one part after those of the other."""

    def __init__(self, parts: Sequence[Exploration]) -> None:
        super().__init__(parts)
        for part in self.parts[1:]:
            if set(part.names) != set(self.names):
                raise PypetValueError(
                    f"Explorations in sequence need the same parameters, but one explores "
                    f"{', '.join(self.names)} and another {', '.join(part.names)}."
                )

    @property
    def names(self) -> tuple[str, ...]:
        return self.parts[0].names

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def columns(self, indices: Indices) -> Columns:
        ends = np.cumsum([len(part) for part in self.parts])
        owners = np.searchsorted(ends, indices, side="right")
        found: dict[str, list[CompactRange]] = {name: [] for name in self.names}
        for number in np.unique(owners).tolist():
            part = self.parts[number]
            within = indices[owners == number] - (ends[number] - len(part))
            for name, column in part.columns(within).items():
                found[name].append(column)
        # Values are grouped by part now; `back` gives each its place again.
        order = np.argsort(owners, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return {name: CompactRange().extended(*parts).take(back) for name, parts in found.items()}


class Filtered(Exploration):
    """The points of another exploration for which a predicate is true."""

    def __init__(
        self, whole: Exploration, predicate: Callable[..., Any], names: Sequence[str]
    ) -> None:
        unknown = [name for name in names if name not in whole.names]
        if unknown:
            raise PypetValueError(
                f"The predicate asks for {', '.join(map(repr, unknown))}, which is not explored; "
                f"explored are {', '.join(map(repr, whole.names))}."
            )
        self._whole = whole
        self._predicate = predicate
        self._arguments = tuple(names)

    @property
    def names(self) -> tuple[str, ...]:
        return self._whole.names

    @cached_property
    def _kept(self) -> Indices:
        """Positions of the points that the predicate keeps."""
        kept: list[int] = []
        for indices in _chunks(len(self._whole)):
            columns = self._whole.columns(indices)
            for position, accepted in zip(indices.tolist(), self._accepted(columns), strict=True):
                if accepted:
                    kept.append(position)
        return np.array(kept, dtype=np.intp)

    def _accepted(self, columns: Columns) -> Iterable[Any]:
        if self._arguments:
            return map(self._predicate, *(columns[name] for name in self._arguments))
        rows = zip(*columns.values(), strict=True)
        return (self._predicate(dict(zip(columns, row, strict=True))) for row in rows)

    def __len__(self) -> int:
        return len(self._kept)

    def sources(self) -> Iterator[tuple[str, CompactRange]]:
        return self._whole.sources()

    def columns(self, indices: Indices) -> Columns:
        return self._whole.columns(self._kept[indices])


class Repeated(Exploration):
    """The points of another exploration, several times."""

    def __init__(self, once: Exploration, times: int, each: bool) -> None:
        self._times = operator.index(times)
        if self._times < 1:
            raise PypetValueError(f"Points can be repeated once or more often, not {times} times.")
        self._once = once
        self._each = each

    @property
    def names(self) -> tuple[str, ...]:
        return self._once.names

    def __len__(self) -> int:
        return len(self._once) * self._times

    def sources(self) -> Iterator[tuple[str, CompactRange]]:
        return self._once.sources()

    def columns(self, indices: Indices) -> Columns:
        if self._each:
            return self._once.columns(indices // self._times)
        return self._once.columns(indices % max(len(self._once), 1))


def _chunks(length: int) -> Iterator[Indices]:
    for start in range(0, length, _CHUNK):
        yield np.arange(start, min(start + _CHUNK, length), dtype=np.intp)
