"""The trajectory of a numerical experiment: a tree of parameters and results.

Everything meant for users is importable from here. What not every script needs is imported when
it is asked for: storage services, ways to describe an exploration, `ObjectTable`, which is a
pandas class, and the samplers, which need scipy. The rest needs numpy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypet_trajectory.annotations import Annotations
from pypet_trajectory.exceptions import (
    DataNotInStorageError,
    GitDiffError,
    NoSuchServiceError,
    NotUniqueNodeError,
    ParameterLockedException,
    PresettingError,
    PypetError,
    TooManyGroupsError,
    VersionMismatchError,
)
from pypet_trajectory.exploration.kinds import Exploration
from pypet_trajectory.imports import names_from
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.base import BaseParameter, BaseResult
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult
from pypet_trajectory.logger import HasLogger
from pypet_trajectory.naming.wildcards import make_run_name, make_set_name
from pypet_trajectory.slots import HasSlots
from pypet_trajectory.trajectory import Trajectory
from pypet_trajectory.trajectory.lifecycle import manual_run
from pypet_trajectory.trajectory.loading import load_trajectory, merge_all_in_folder
from pypet_trajectory.tree.branch_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)
from pypet_trajectory.tree.groups import NNGroupNode
from pypet_trajectory.tree.nodes import KnowsTrajectory, NNLeafNode
from pypet_trajectory.values.column_table import ColumnTable

if TYPE_CHECKING:
    from pypet_trajectory.api.service import StorageService
    from pypet_trajectory.exploration.algebra import (
        axis,
        concatenated,
        from_dataframe,
        product,
        table,
        zipped,
    )
    from pypet_trajectory.exploration.combinations import cartesian_product, find_unique_points
    from pypet_trajectory.exploration.sampling import latin_hypercube, sobol
    from pypet_trajectory.storage.archive.service import ArchiveStorageService
    from pypet_trajectory.storage.memory import InMemoryStorageService, LazyStorageService
    from pypet_trajectory.values.object_table import ObjectTable

__version__ = "0.1.0"

__all__ = (
    "Annotations",
    "ArchiveStorageService",
    "ArrayParameter",
    "BaseParameter",
    "BaseResult",
    "ColumnTable",
    "ConfigGroup",
    "DataNotInStorageError",
    "DerivedParameterGroup",
    "Exploration",
    "GitDiffError",
    "HasLogger",
    "HasSlots",
    "InMemoryStorageService",
    "KnowsTrajectory",
    "LazyStorageService",
    "NNGroupNode",
    "NNLeafNode",
    "NoSuchServiceError",
    "NotUniqueNodeError",
    "ObjectTable",
    "Parameter",
    "ParameterGroup",
    "ParameterLockedException",
    "PickleParameter",
    "PickleResult",
    "PresettingError",
    "PypetError",
    "Result",
    "ResultGroup",
    "SparseParameter",
    "SparseResult",
    "StorageService",
    "TooManyGroupsError",
    "Trajectory",
    "VersionMismatchError",
    "axis",
    "cartesian_product",
    "concatenated",
    "find_unique_points",
    "from_dataframe",
    "latin_hypercube",
    "load_trajectory",
    "make_run_name",
    "make_set_name",
    "manual_run",
    "merge_all_in_folder",
    "product",
    "sobol",
    "table",
    "zipped",
)


__getattr__ = names_from(
    __name__,
    {
        "ArchiveStorageService": "pypet_trajectory.storage.archive.service",
        "InMemoryStorageService": "pypet_trajectory.storage.memory",
        "LazyStorageService": "pypet_trajectory.storage.memory",
        "ObjectTable": "pypet_trajectory.values.object_table",
        "StorageService": "pypet_trajectory.api.service",
        "axis": "pypet_trajectory.exploration.algebra",
        "cartesian_product": "pypet_trajectory.exploration.combinations",
        "concatenated": "pypet_trajectory.exploration.algebra",
        "find_unique_points": "pypet_trajectory.exploration.combinations",
        "from_dataframe": "pypet_trajectory.exploration.algebra",
        "latin_hypercube": "pypet_trajectory.exploration.sampling",
        "product": "pypet_trajectory.exploration.algebra",
        "sobol": "pypet_trajectory.exploration.sampling",
        "table": "pypet_trajectory.exploration.algebra",
        "zipped": "pypet_trajectory.exploration.algebra",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
