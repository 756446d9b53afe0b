"""Modes, messages, names and limits that scripts and files of pypet rely on.

Invariant: the values are part of the file format and of user scripts; they never change.
Importing this module costs numpy only. `VERSIONS_TO_STORE` is therefore not a constant but
computed when it is asked for.
"""

from __future__ import annotations

import functools
import platform
import sys
from typing import Any, Final

import numpy as np

# Versions
#: Version written into ``info.version`` of files: the version of pypet whose tree layout the
#: file follows, so that pypet 0.7.0 opens our files. Not the version of this library.
FILE_VERSION: Final = "0.7.0"
#: What scripts of pypet 0.7 compare with; the same as `FILE_VERSION`.
VERSION: Final = FILE_VERSION
python_version_string: Final = ".".join(str(part) for part in sys.version_info[:3])

# How to load
LOAD_NOTHING: Final = 0
LOAD_SKELETON: Final = 1
LOAD_DATA: Final = 2
OVERWRITE_DATA: Final = 3
#: Older names of `LOAD_SKELETON` and `LOAD_DATA`.
UPDATE_SKELETON: Final = 1
UPDATE_DATA: Final = 2

# How to store; OVERWRITE_DATA serves both directions
STORE_NOTHING: Final = 0
STORE_DATA_SKIPPING: Final = 1
STORE_DATA: Final = 2

# Names of runs and of sets of runs
FORMAT_ZEROS: Final = 8
RUN_NAME: Final = "run_"
RUN_NAME_DUMMY: Final = "run_ALL"
FORMATTED_RUN_NAME: Final = "run_%08d"
SET_FORMAT_ZEROS: Final = 5
SET_NAME: Final = "run_set_"
SET_NAME_DUMMY: Final = "run_set_ALL"
FORMATTED_SET_NAME: Final = "run_set_%05d"
#: Runs per set.
RUNS_PER_SET: Final = 1000

# Widths of string columns in files, in bytes, and rows of overview tables
HDF5_STRCOL_MAX_NAME_LENGTH: Final = 128
HDF5_STRCOL_MAX_LOCATION_LENGTH: Final = 512
HDF5_STRCOL_MAX_VALUE_LENGTH: Final = 64
HDF5_STRCOL_MAX_COMMENT_LENGTH: Final = 512
HDF5_STRCOL_MAX_RANGE_LENGTH: Final = 1024
HDF5_STRCOL_MAX_RUNTIME_LENGTH: Final = 18
HDF5_MAX_OVERVIEW_TABLE_LENGTH: Final = 1000

# Messages to a storage service
LEAF: Final = "LEAF"
TRAJECTORY: Final = "TRAJECTORY"
MERGE: Final = "MERGE"
GROUP: Final = "GROUP"
LIST: Final = "LIST"
SINGLE_RUN: Final = "SINGLE_RUN"
PREPARE_MERGE: Final = "PREPARE_MERGE"
BACKUP: Final = "BACKUP"
DELETE: Final = "DELETE"
DELETE_LINK: Final = "DELETE_LINK"
DELETE_RUNS: Final = "DELETE_RUNS"
TREE: Final = "TREE"
ACCESS_DATA: Final = "ACCESS_DATA"
CLOSE_FILE: Final = "CLOSE_FILE"
OPEN_FILE: Final = "OPEN_FILE"
FLUSH: Final = "FLUSH"

# How results of concurrent runs reach the storage
WRAP_MODE_QUEUE: Final = "QUEUE"
WRAP_MODE_LOCK: Final = "LOCK"
WRAP_MODE_NONE: Final = "NONE"
WRAP_MODE_PIPE: Final = "PIPE"
WRAP_MODE_LOCAL: Final = "LOCAL"
WRAP_MODE_NETLOCK: Final = "NETLOCK"
WRAP_MODE_NETQUEUE: Final = "NETQUEUE"
#: Older names of the same modes.
MULTIPROC_MODE_QUEUE: Final = WRAP_MODE_QUEUE
MULTIPROC_MODE_LOCK: Final = WRAP_MODE_LOCK
MULTIPROC_MODE_NONE: Final = WRAP_MODE_NONE
MULTIPROC_MODE_PIPE: Final = WRAP_MODE_PIPE
MULTIPROC_MODE_LOCAL: Final = WRAP_MODE_LOCAL
MULTIPROC_MODE_NETLOCK: Final = WRAP_MODE_NETLOCK
MULTIPROC_MODE_NETQUEUE: Final = WRAP_MODE_NETQUEUE

# Kinds of stored data items
ARRAY: Final = "ARRAY"
CARRAY: Final = "CARRAY"
EARRAY: Final = "EARRAY"
VLARRAY: Final = "VLARRAY"
TABLE: Final = "TABLE"
DICT: Final = "DICT"
FRAME: Final = "FRAME"
SERIES: Final = "SERIES"
SPLIT_TABLE: Final = "SPLIT_TABLE"
DATATYPE_TABLE: Final = "DATATYPE_TABLE"
SHARED_DATA: Final = "SHARED_DATA_"
NESTED_GROUP: Final = "NESTED_GROUP"

# Wildcards in names of log files
LOG_ENV: Final = "$env"
LOG_TRAJ: Final = "$traj"
LOG_RUN: Final = "$run"
LOG_PROC: Final = "$proc"
LOG_HOST: Final = "$host"
LOG_SET: Final = "$set"
DEFAULT_LOGGING: Final = "DEFAULT"

# Types of values
#: The scalar types a `Parameter` takes, alone or as elements of tuples, lists and arrays.
PARAMETER_SUPPORTED_DATA: Final[tuple[type, ...]] = (
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.bool_,
    np.float32,
    np.float64,
    np.complex64,
    np.complex128,
    np.str_,
    bool,
    int,
    complex,
    float,
    str,
    bytes,
)
#: Short type names as files hold them, to types.
PARAMETERTYPEDICT: Final[dict[str, type]] = {
    "bool": bool,
    "complex": complex,
    "float": float,
    "int": int,
    "bool_": np.bool_,
    "complex128": np.complex128,
    "complex64": np.complex64,
    "float32": np.float32,
    "float64": np.float64,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "int8": np.int8,
    "bytes_": np.bytes_,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "uint8": np.uint8,
    "str": str,
    "bytes": bytes,
}
#: The same types by their old ``repr``, as older files hold them. numpy 2 renamed ``bool_``;
#: both spellings are known whatever numpy runs here.
COMPATPARAMETERTYPEDICT: Final[dict[str, type]] = {
    **{repr(kind).replace("class", "type"): kind for kind in PARAMETERTYPEDICT.values()},
    "<type 'numpy.bool'>": np.bool_,
    "<type 'numpy.bool_'>": np.bool_,
}

#: Names shown in `VERSIONS_TO_STORE` to the distributions they stand for.
_DISTRIBUTIONS: Final = {
    "scipy": "scipy",
    "numpy": "numpy",
    "PyTables": "tables",
    "pandas": "pandas",
    "Sumatra": "Sumatra",
    "dill": "dill",
    "GitPython": "GitPython",
    "psutil": "psutil",
}


@functools.cache
def _installed_version(distribution: str) -> str:
    """Version of an installed distribution without importing it, ``'N/A'`` if there is none."""
    from importlib import metadata  # half as slow as numpy, and rarely needed

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "N/A"


def library_version() -> str:
    """Version of this library, as opposed to `VERSION`: pypet's, else pypet-trajectory's."""
    version = _installed_version("pypet")
    return _installed_version("pypet-trajectory") if version == "N/A" else version


def versions_to_store() -> dict[str, str]:
    """Versions of everything that may influence results, as stored with an environment.

    Distributions are looked up, not imported. The version of the HDF5 library is known only
    once PyTables has been imported.
    """
    tables = sys.modules.get("tables")
    system = (
        platform.system(),
        platform.node(),
        platform.release(),
        platform.version(),
        platform.machine(),
    )
    return {
        "pypet": library_version(),
        "python": python_version_string,
        **{name: _installed_version(dist) for name, dist in _DISTRIBUTIONS.items()},
        "platform": ", ".join(system),
        "HDF5": str(getattr(tables, "hdf5_version", "N/A")),
    }


def __getattr__(name: str) -> Any:
    if name == "VERSIONS_TO_STORE":
        return versions_to_store()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
