"""Results of runs in order of their indices."""

from __future__ import annotations

from typing import Any


def result_sort(result_list: list[tuple[int, Any]], start_index: int = 0) -> list[tuple[int, Any]]:
    """Sort (run index, result) pairs in place, from position `start_index` on.

    Results are never compared with one another, only run indices are, which are unique.

    Parameters
    ----------
    result_list : list of (int, object)
        What to sort; the same list is returned.
    start_index : int
        Entries before this position stay where they are.

    Examples
    --------
    >>> result_sort([(3, 'd'), (2, 'c'), (1, 'b')], start_index=1)
    [(3, 'd'), (1, 'b'), (2, 'c')]
    """
    result_list[start_index:] = sorted(result_list[start_index:], key=_run_index)
    return result_list


def _run_index(result: tuple[int, Any]) -> int:
    return result[0]
