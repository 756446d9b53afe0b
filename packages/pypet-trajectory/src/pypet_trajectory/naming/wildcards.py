"""Wildcards: functions from a run index to a name, written ``$`` or ``crun`` in a path.

``traj.f_add_result('$.z')`` lands in the group of whatever run is active. `WildcardFunctions`
knows which names are wildcards and what they stand for; index -1 always stands for "no
particular run" and gives the dummy name (``run_ALL``). Invariant: every synonym belongs to one
function only. Unlike the wildcards of a shell, these never match several names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pypet_trajectory.constants import (
    FORMATTED_RUN_NAME,
    FORMATTED_SET_NAME,
    RUN_NAME_DUMMY,
    RUNS_PER_SET,
    SET_NAME_DUMMY,
)
from pypet_trajectory.exceptions import PypetKeyError, PypetTypeError, PypetValueError

WildcardFunction = Callable[[int], str]
Synonyms = tuple[str, ...]

#: Translations kept at most; they are a convenience, not a table of all runs.
CACHE_SIZE = 4096


def make_run_name(idx: int) -> str:
    """Return the name of the run of index `idx`.

    Examples
    --------
    >>> make_run_name(42), make_run_name(-1)
    ('run_00000042', 'run_ALL')
    """
    return FORMATTED_RUN_NAME % idx if idx >= 0 else RUN_NAME_DUMMY


def make_set_name(idx: int) -> str:
    """Return the name of the set that the run of index `idx` belongs to.

    Examples
    --------
    >>> make_set_name(42), make_set_name(4042), make_set_name(-1)
    ('run_set_00000', 'run_set_00004', 'run_set_ALL')
    """
    return FORMATTED_SET_NAME % (idx // RUNS_PER_SET) if idx >= 0 else SET_NAME_DUMMY


#: What ``$`` and ``$set`` are called; giving these very tuples replaces the defaults.
RUN_SYNONYMS: Synonyms = ("$", "crun")
SET_SYNONYMS: Synonyms = ("$set", "crunset")
#: The synonyms that the tree itself uses.
RUN_WILDCARD = "$"
SET_WILDCARD = "$set"


class WildcardFunctions:
    """The wildcards of one trajectory.

    Parameters
    ----------
    functions
        Tuple of synonyms, or a single name, to function. Added to the two defaults, or
        replacing one of them where the tuple is exactly ``('$', 'crun')`` or
        ``('$set', 'crunset')``.

    Raises
    ------
    PypetValueError
        If a synonym is used twice.

    Examples
    --------
    >>> wildcards = WildcardFunctions({('$half', 'half'): lambda idx: f'half_{idx // 2}'})
    >>> wildcards.translate('$half', 5), wildcards.translate('crun', 5)
    ('half_2', 'run_00000005')
    """

    __slots__ = ("_cache", "_functions", "synonyms")

    #: Every name that is a wildcard, to the tuple of names it shares its function with.
    synonyms: dict[str, Synonyms]

    def __init__(self, functions: Mapping[str | Synonyms, WildcardFunction] | None = None) -> None:
        self._functions: dict[Synonyms, WildcardFunction] = {
            RUN_SYNONYMS: make_run_name,
            SET_SYNONYMS: make_set_name,
        }
        self.synonyms = {name: synonyms for synonyms in self._functions for name in synonyms}
        self._cache: dict[tuple[Synonyms, int], str] = {}
        for synonyms, function in _checked({} if functions is None else functions).items():
            if synonyms in self._functions:
                self._functions[synonyms] = function
            else:
                self.add({synonyms: function})

    def add(self, functions: Mapping[str | Synonyms, WildcardFunction]) -> None:
        """Add wildcards.

        Raises
        ------
        PypetValueError
            If one of the names is a wildcard already; nothing is added then.
        PypetTypeError
            If these are no functions by name or by tuple of names; nothing is added then.
        """
        new: dict[Synonyms, WildcardFunction] = {}
        taken = dict(self.synonyms)
        for synonyms, function in _checked(functions).items():
            for name in synonyms:
                if name in taken:
                    raise PypetValueError(
                        f"Every wildcard needs a name of its own, but `{name}` of {synonyms} "
                        f"already belongs to {taken[name]}: choose another name."
                    )
                taken[name] = synonyms
            new[synonyms] = function
        self._functions.update(new)
        self.synonyms = taken

    def translate(self, wildcard: str, idx: int) -> str:
        """Return what `wildcard` stands for in the run of index `idx`.

        Raises
        ------
        PypetKeyError
            If `wildcard` is none.
        """
        synonyms = self.synonyms.get(wildcard)
        if synonyms is None:
            raise PypetKeyError(
                f"`{wildcard}` is no wildcard of this trajectory. Its wildcards are "
                f"{', '.join(f'`{name}`' for name in self.synonyms)}."
            )
        key = (synonyms, idx)
        name = self._cache.get(key)
        if name is None:
            name = self._functions[synonyms](idx)
            if len(self._cache) >= CACHE_SIZE:
                self._cache.clear()
            self._cache[key] = name
        return name

    @property
    def run_function(self) -> WildcardFunction:
        """The function behind ``$``, which names the runs."""
        return self._functions[self.synonyms[RUN_WILDCARD]]

    @property
    def functions(self) -> dict[Synonyms, WildcardFunction]:
        """Synonyms to function; a copy."""
        return dict(self._functions)

    @property
    def names(self) -> list[str]:
        """All synonyms, those of ``$`` first."""
        return list(self.synonyms)

    def copy(self) -> WildcardFunctions:
        """The same, to which functions can be added without adding them here."""
        twin = WildcardFunctions.__new__(WildcardFunctions)
        twin.__setstate__(self.functions)
        return twin

    def __contains__(self, name: object) -> bool:
        return name in self.synonyms

    def __iter__(self) -> Iterator[str]:
        return iter(self.synonyms)

    def __getstate__(self) -> dict[Synonyms, WildcardFunction]:
        # Translations are recomputed where they are needed; they only cost bytes on the way.
        return self._functions

    def __setstate__(self, functions: dict[Synonyms, WildcardFunction]) -> None:
        self._functions = functions
        self.synonyms = {name: synonyms for synonyms in functions for name in synonyms}
        self._cache = {}


def _checked(functions: Any) -> dict[Synonyms, WildcardFunction]:
    """Functions by tuples of names, whether or not a tuple was written for a single name."""
    if not isinstance(functions, Mapping):
        raise PypetTypeError(
            f"Wildcard functions come in a dictionary, such as {{('$half', 'half'): function}},"
            f" not as {functions!r}."
        )
    checked = {}
    for key, function in functions.items():
        synonyms = (key,) if isinstance(key, str) else key
        is_named = isinstance(synonyms, tuple) and synonyms
        if not is_named or not all(isinstance(name, str) and name for name in synonyms):
            raise PypetTypeError(
                f"A wildcard is called by a text or by a tuple of several, not by {key!r}."
            )
        if not callable(function):
            raise PypetTypeError(
                f"The wildcard {', '.join(synonyms)} needs a function from run index to name, "
                f"not {function!r}."
            )
        checked[synonyms] = function
    return checked
