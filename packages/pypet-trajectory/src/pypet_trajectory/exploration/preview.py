"""Rows and columns of values as a table in plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pypet_trajectory.values.summary import summarise

#: Widest text of one value.
_WIDTH: Final = 24


def text_table(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return columns side by side, numbered from 0, each as wide as its widest value.

    Examples
    --------
    >>> print(text_table({'tau': [10.0, 20.0], 'kind': ['exc', 'inh']}))
       tau   kind
    0  10.0  'exc'
    1  20.0  'inh'
    """
    length = len(next(iter(columns.values()), ()))
    blocks = [["", *map(str, range(length))]]
    for name, values in columns.items():
        blocks.append([name, *(summarise(value, _WIDTH) for value in values)])
    widths = [max(map(len, block)) for block in blocks]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*blocks, strict=True)
    )
    return "\n".join(lines)
