"""`ObjectTable`: the pandas table whose cells keep their exact types.

Importing this module imports pandas; nothing in this distribution does so before a user asks for
the class or loads a result that holds one.
"""

from __future__ import annotations

from typing import Any

from pypet_trajectory.imports import import_optional

_DataFrame: Any = import_optional("pandas", "pandas", "Tables of objects").DataFrame


class ObjectTable(_DataFrame):  # type: ignore[misc]
    """A data frame whose columns hold Python objects.

    Unlike in a plain data frame, an ``int`` stays an ``int`` and an array may be a cell. Slices
    are plain data frames.

    Parameters
    ----------
    data, index, columns, copy
        As for a pandas data frame.
    """

    def __init__(
        self, data: Any = None, index: Any = None, columns: Any = None, copy: bool = False
    ) -> None:
        super().__init__(data=data, index=index, columns=columns, dtype=object, copy=copy)

    # Methods return plain data frames, as those of any subclass do in pandas. A copy is meant to
    # be the same again: a copied result would otherwise be stored in another form.

    def __copy__(self) -> ObjectTable:
        return type(self)(self.copy())

    def __deepcopy__(self, memo: Any = None) -> ObjectTable:
        return type(self)(self.copy())
