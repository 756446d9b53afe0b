"""What to do about data that a leaf does not take: for error messages.

This module knows all leaf classes, which do not know one another. So they import it when they
refuse something, and not before. Unlike a table of types it asks the classes themselves, and so
never names one that would refuse as well.
"""

from __future__ import annotations

from typing import Any, Final

from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult
from pypet_trajectory.values.types import SCALARS

#: From the plainest to the one that takes everything.
_PARAMETERS: Final = (Parameter, ArrayParameter, SparseParameter, PickleParameter)
_RESULTS: Final = (Result, SparseResult, PickleResult)


def way_out(data: Any, *, parameter: bool) -> str:
    """Say what may be passed instead of `data`, or which class takes it.

    Parameters
    ----------
    data
        What was refused.
    parameter
        Whether a parameter refused it rather than a result.

    Examples
    --------
    >>> way_out((1, 'a'), parameter=True)
    'An ArrayParameter takes it.'
    >>> way_out({1, 2}, parameter=False)
    'A PickleResult takes it, if it can be pickled.'
    """
    if data is None:
        return "None means that there is no value: leave it out."
    plain = next((base.__name__ for base in type(data).__mro__[1:] if base in SCALARS), None)
    if plain is not None:
        return f"Only {plain} itself is supported, no type derived from it: pass `{plain}(...)`."
    if parameter:
        taker = next(cls for cls in _PARAMETERS if cls("").f_supports(data)).__name__
    else:
        taker = next(cls for cls in _RESULTS if cls("")._supports(data)).__name__
    article = "An" if taker.startswith("A") else "A"
    condition = ", if it can be pickled" if taker.startswith("Pickle") else ""
    return f"{article} {taker} takes it{condition}."
