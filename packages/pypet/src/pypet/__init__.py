"""A toolkit for numerical experiments: explore parameters, run in parallel, keep everything.

All names scripts need are here, and the modules of pypet 0.7 are below. Contrary to what one
may expect, importing this package imports next to nothing: a name is looked up in the
distribution that defines it when it is first used.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pypet.version import __version__ as __version__

if TYPE_CHECKING:
    from pypet.environment import Environment
    from pypet.selftest import test
    from pypet_multiproc.engine.context import MultiprocContext
    from pypet_multiproc.logs import rename_log_file
    from pypet_multiproc.progress.report import progressbar
    from pypet_storage_hdf5.maintenance.compact import compact_hdf5_file
    from pypet_storage_hdf5.service import HDF5StorageService
    from pypet_storage_hdf5.shared import (
        SharedArray,
        SharedCArray,
        SharedEArray,
        SharedPandasFrame,
        SharedResult,
        SharedTable,
        SharedVLArray,
        StorageContextManager,
        make_ordinary_result,
        make_shared_result,
    )
    from pypet_trajectory.exceptions import (
        DataNotInStorageError,
        GitDiffError,
        NoSuchServiceError,
        NotUniqueNodeError,
        ParameterLockedException,
        PresettingError,
        TooManyGroupsError,
        VersionMismatchError,
    )
    from pypet_trajectory.exploration.combinations import cartesian_product, find_unique_points
    from pypet_trajectory.files import racedirs
    from pypet_trajectory.leaves.array_parameter import ArrayParameter
    from pypet_trajectory.leaves.base import BaseParameter, BaseResult
    from pypet_trajectory.leaves.parameter import Parameter
    from pypet_trajectory.leaves.pickled import PickleParameter, PickleResult
    from pypet_trajectory.leaves.result import Result
    from pypet_trajectory.leaves.sparse import SparseParameter, SparseResult
    from pypet_trajectory.logger import HasLogger
    from pypet_trajectory.slots import HasSlots
    from pypet_trajectory.storage.memory import LazyStorageService
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
    from pypet_trajectory.values.object_table import ObjectTable

__all__ = [
    "Trajectory",
    "Environment",
    "MultiprocContext",
    "HDF5StorageService",
    "LazyStorageService",
    "ParameterGroup",
    "DerivedParameterGroup",
    "ConfigGroup",
    "ResultGroup",
    "NNGroupNode",
    "NNLeafNode",
    "BaseParameter",
    "Parameter",
    "ArrayParameter",
    "SparseParameter",
    "PickleParameter",
    "BaseResult",
    "Result",
    "SparseResult",
    "PickleResult",
    "ObjectTable",
    "DataNotInStorageError",
    "NoSuchServiceError",
    "NotUniqueNodeError",
    "ParameterLockedException",
    "PresettingError",
    "TooManyGroupsError",
    "VersionMismatchError",
    "GitDiffError",
    "HasSlots",
    "HasLogger",
    "rename_log_file",
    "cartesian_product",
    "load_trajectory",
    "compact_hdf5_file",
    "KnowsTrajectory",
    "StorageContextManager",
    "SharedArray",
    "SharedCArray",
    "SharedEArray",
    "SharedVLArray",
    "SharedPandasFrame",
    "SharedTable",
    "SharedResult",
    "make_ordinary_result",
    "make_shared_result",
    "progressbar",
    "racedirs",
    "find_unique_points",
    "merge_all_in_folder",
    "manual_run",
    "test",
]

#: Modules that define what stands in `__all__`, each with the names it defines.
_DEFINED_IN = {
    "pypet.environment": ("Environment",),
    "pypet.selftest": ("test",),
    "pypet_multiproc.engine.context": ("MultiprocContext",),
    "pypet_multiproc.logs": ("rename_log_file",),
    "pypet_multiproc.progress.report": ("progressbar",),
    "pypet_storage_hdf5.maintenance.compact": ("compact_hdf5_file",),
    "pypet_storage_hdf5.service": ("HDF5StorageService",),
    "pypet_storage_hdf5.shared": (
        "SharedArray",
        "SharedCArray",
        "SharedEArray",
        "SharedPandasFrame",
        "SharedResult",
        "SharedTable",
        "SharedVLArray",
        "StorageContextManager",
        "make_ordinary_result",
        "make_shared_result",
    ),
    "pypet_trajectory.exceptions": (
        "DataNotInStorageError",
        "GitDiffError",
        "NoSuchServiceError",
        "NotUniqueNodeError",
        "ParameterLockedException",
        "PresettingError",
        "TooManyGroupsError",
        "VersionMismatchError",
    ),
    "pypet_trajectory.exploration.combinations": ("cartesian_product", "find_unique_points"),
    "pypet_trajectory.files": ("racedirs",),
    "pypet_trajectory.leaves.array_parameter": ("ArrayParameter",),
    "pypet_trajectory.leaves.base": ("BaseParameter", "BaseResult"),
    "pypet_trajectory.values.object_table": ("ObjectTable",),
    "pypet_trajectory.leaves.parameter": ("Parameter",),
    "pypet_trajectory.leaves.pickled": ("PickleParameter", "PickleResult"),
    "pypet_trajectory.leaves.result": ("Result",),
    "pypet_trajectory.leaves.sparse": ("SparseParameter", "SparseResult"),
    "pypet_trajectory.trajectory.loading": ("load_trajectory", "merge_all_in_folder"),
    "pypet_trajectory.logger": ("HasLogger",),
    "pypet_trajectory.trajectory.lifecycle": ("manual_run",),
    "pypet_trajectory.slots": ("HasSlots",),
    "pypet_trajectory.storage.memory": ("LazyStorageService",),
    "pypet_trajectory.trajectory": ("Trajectory",),
    "pypet_trajectory.tree.branch_groups": (
        "ConfigGroup",
        "DerivedParameterGroup",
        "ParameterGroup",
        "ResultGroup",
    ),
    "pypet_trajectory.tree.groups": ("NNGroupNode",),
    "pypet_trajectory.tree.nodes": ("KnowsTrajectory", "NNLeafNode"),
}
_MODULE_OF = {name: module for module, names in _DEFINED_IN.items() for name in names}

#: Modules that are attributes of the package without being imported first, as in pypet 0.7.
_SUBMODULES = (
    "annotations",
    "environment",
    "naturalnaming",
    "parameter",
    "pypetconstants",
    "pypetexceptions",
    "pypetlogging",
    "shareddata",
    "slots",
    "storageservice",
    "trajectory",
    "utils",
)

# Dill logs every object it pickles unless told otherwise.
logging.getLogger("dill").setLevel(logging.WARNING)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name]), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return import_module(f"pypet.{name}")
    raise AttributeError(f"module 'pypet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
