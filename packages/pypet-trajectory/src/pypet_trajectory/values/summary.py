"""Bounded text of values and of tables of values, for overviews and log messages.

The work is bounded like the text: of a list with a million entries only the first few are looked
at. Invariant: a text that fits is the plain ``repr``; one that does not is cut and ends in ``...``.
No value can make a summary fail, however its ``repr`` behaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from pypet_trajectory.constants import HDF5_STRCOL_MAX_VALUE_LENGTH
from pypet_trajectory.values.types import is_pandas

#: Types whose ``repr`` is short.
_ATOMS: Final = frozenset((bool, float, complex, type(None)))
_BRACKETS: Final[dict[type, tuple[str, str]]] = {list: ("[", "]"), tuple: ("(", ")")}
#: Larger arrays are summarised by their first elements.
_ARRAY_LIMIT: Final = 32


def cut(text: str, limit: int = HDF5_STRCOL_MAX_VALUE_LENGTH) -> str:
    """Shorten a text to `limit` characters, the last three being dots."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def summarise(value: Any, limit: int = HDF5_STRCOL_MAX_VALUE_LENGTH) -> str:
    """Return the ``repr`` of a value in at most `limit` characters.

    Examples
    --------
    >>> summarise([1, 2.0, 'a'])
    "[1, 2.0, 'a']"
    >>> summarise(list(range(1000)), limit=12)
    '[0, 1, 2,...'
    """
    return cut(_bounded_repr(value, limit), limit)


def summarise_items(items: Mapping[str, Any], limit: int = HDF5_STRCOL_MAX_VALUE_LENGTH) -> str:
    """Return ``name=repr`` of all items, separated by commas, in at most `limit` characters.

    Examples
    --------
    >>> summarise_items({'a': 1, 'b': 'x'})
    "a=1, b='x'"
    """
    pairs = ((f"{name}=", value) for name, value in items.items())
    return cut(_joined(pairs, limit), limit)


def safe_repr(value: Any) -> str:
    """Return the ``repr`` of a value, or say that it has none."""
    try:
        return repr(value)
    except Exception as exc:  # any error of a foreign repr: summaries only inform
        return f"<{type(value).__name__} without text: {type(exc).__name__}>"


def _bounded_repr(value: Any, limit: int) -> str:
    """Return the ``repr`` of a value, or more than `limit` characters of its beginning."""
    if limit < 1:  # nothing fits any more; ends the descent into lists that contain themselves
        return "..."
    kind = type(value)
    if kind in _ATOMS:
        return repr(value)
    if kind is str or kind is bytes:
        return repr(value[: limit + 1])
    if kind in _BRACKETS:
        opening, closing = _BRACKETS[kind]
        text = opening + _joined((("", item) for item in value), limit - 1)
        return f"{text},)" if kind is tuple and len(value) == 1 else text + closing
    if kind is dict:
        pairs = ((f"{summarise(key, limit)}: ", item) for key, item in value.items())
        return f"{{{_joined(pairs, limit - 1)}}}"
    if isinstance(value, np.ndarray) and value.size > _ARRAY_LIMIT:
        beginning = np.asarray(value).ravel()[:_ARRAY_LIMIT].tolist()
        return f"{'matrix' if kind is np.matrix else 'array'}({_bounded_repr(beginning, limit)}"
    if is_pandas(value):
        return f"{kind.__name__} of shape {value.shape}"
    return safe_repr(value)


def _joined(items: Iterable[tuple[str, Any]], limit: int) -> str:
    """Join labelled values until the text is too long."""
    texts: list[str] = []
    length = 0
    for label, value in items:
        text = label + _bounded_repr(value, limit - length)
        texts.append(text)
        length += len(text) + 2
        if length > limit + 2:
            break
    return ", ".join(texts)


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
