"""From the name of a class, as storages keep it, to the class.

Only names are stored, no modules, so that files survive when code moves. Built-in classes come
first, then what the trajectory lists as dynamic imports, in order; the first of a name wins.
Packages above this one enter their node classes with `register_class`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Final, TypeVar

from pypet_trajectory.exceptions import PypetImportError, PypetValueError

NodeClass = TypeVar("NodeClass", bound=type)

#: Built-in classes and the modules that define them, imported when asked for.
BUILT_IN: Final = {
    "NNGroupNode": "pypet_trajectory.tree.groups",
    "ConfigGroup": "pypet_trajectory.tree.branch_groups",
    "DerivedParameterGroup": "pypet_trajectory.tree.branch_groups",
    "ParameterGroup": "pypet_trajectory.tree.branch_groups",
    "ResultGroup": "pypet_trajectory.tree.branch_groups",
    "NNLeafNode": "pypet_trajectory.tree.nodes",
    "BaseParameter": "pypet_trajectory.leaves.base",
    "BaseResult": "pypet_trajectory.leaves.base",
    "Parameter": "pypet_trajectory.leaves.parameter",
    "ArrayParameter": "pypet_trajectory.leaves.array_parameter",
    "SparseParameter": "pypet_trajectory.leaves.sparse",
    "PickleParameter": "pypet_trajectory.leaves.pickled",
    "Result": "pypet_trajectory.leaves.result",
    "SparseResult": "pypet_trajectory.leaves.sparse",
    "PickleResult": "pypet_trajectory.leaves.pickled",
}
_REGISTERED: dict[str, type] = {}


def register_class(cls: NodeClass) -> NodeClass:
    """Make a node class known by its name to all trajectories; usable as a decorator."""
    _REGISTERED[cls.__name__] = cls
    return cls


def load_class(full_class_string: str) -> type:
    """Import a class by its dotted path.

    Raises
    ------
    PypetValueError
        If the path has no module.
    PypetImportError
        If there is no such module, or it has no such class.

    Examples
    --------
    >>> load_class('collections.OrderedDict')
    <class 'collections.OrderedDict'>
    """
    module, _, name = full_class_string.rpartition(".")
    if not module:
        raise PypetValueError(
            f"{full_class_string!r} is not the dotted path of a class: the module is missing."
        )
    try:
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise PypetImportError(
            f"Class {full_class_string!r} cannot be imported: {error}"
        ) from error


def create_class(class_name: str, dynamic_imports: Iterable[str | type]) -> type:
    """Return the node class of this name.

    Parameters
    ----------
    class_name
        Name without module.
    dynamic_imports
        Classes, or dotted paths of classes, that are known besides the built-in ones.

    Raises
    ------
    PypetImportError
        If none of them has this name.
    """
    if class_name in BUILT_IN:
        return load_class(f"{BUILT_IN[class_name]}.{class_name}")
    if class_name in _REGISTERED:
        return _REGISTERED[class_name]
    for item in dynamic_imports:
        if isinstance(item, str):
            if item.rpartition(".")[2] == class_name:
                return load_class(item)
        elif item.__name__ == class_name:
            return item
    raise PypetImportError(
        f"No class called `{class_name}` is known. If it is one of your own, pass it to the "
        "trajectory as `dynamic_imports`, or to `f_add_to_dynamic_imports`, before loading."
    )
