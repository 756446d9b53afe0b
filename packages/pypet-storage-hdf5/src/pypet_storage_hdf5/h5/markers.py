"""Names of attributes and the words in them: what marks an HDF5 object as part of a trajectory.

The ``SRVC_`` names and their values are those of pypet 0.7, files of ten years hold them. Names
that start with ``PYPET_`` are additions: pypet 0.7 ignores them, and nothing is lost for it that
it could have read before.
"""

from __future__ import annotations

from typing import Final

# On nodes of the tree
LEAF: Final = "SRVC_LEAF"
CLASS_NAME: Final = "SRVC_INIT_CLASS_NAME"
COMMENT: Final = "SRVC_INIT_COMMENT"
#: Range length of a parameter, in old files only.
LENGTH: Final = "SRVC_INIT_LENGTH"
ANNOTATED: Final = "SRVC_ANNOTATED"
ANNOTATION_PREFIX: Final = "SRVC_AN_"
INIT_PREFIX: Final = "SRVC_INIT_"

# On items of leaves
STORAGE_TYPE: Final = "SRVC_STORE"
SHARED_DATA_TYPE: Final = "SRVC_SHARED_TYPE"
DATA_PREFIX: Final = "SRVC_DATA_"
FORMATTED_COLUMN_PREFIX: Final = "SRVC_COLUMN_%s_"
COLL_TYPE: Final = "COLL_TYPE"
SCALAR_TYPE: Final = "SCALAR_TYPE"
SPLIT_TABLE: Final = "SPLIT_TABLE"
DATATYPE_TABLE: Final = "DATATYPE_TABLE"

# Values of the two type attributes
COLL_LIST: Final = "COLL_LIST"
COLL_TUPLE: Final = "COLL_TUPLE"
COLL_NDARRAY: Final = "COLL_NDARRAY"
COLL_MATRIX: Final = "COLL_MATRIX"
COLL_DICT: Final = "COLL_DICT"
COLL_EMPTY_DICT: Final = "COLL_EMPTY_DICT"
COLL_SCALAR: Final = "COLL_SCALAR"

# Additions to pypet 0.7; these four come after a prefix
ADDED_DATA_PREFIX: Final = "PYPET_DATA_"
ADDED_COLUMN_PREFIX: Final = "PYPET_COLUMN_%s_"
#: How the text of an item or column is to be understood.
ENCODING: Final = "ENCODING"
#: The text is JSON as `exact_json` writes it.
ENCODING_JSON: Final = "json"
#: numpy type of an array that HDF5 or the text encoding would not give back.
DTYPE: Final = "DTYPE"
#: Shape of an array that had to be stored in another one.
SHAPE: Final = "SHAPE"
#: Number of bytes of a scalar that ends in NUL bytes.
SIZE: Final = "SIZE"

# Additions on nodes
#: On the group ``overview``: number of the file format of this library, 1 so far.
FORMAT: Final = "PYPET_FORMAT"
#: Exact type and value of an annotation, beside the one that pypet 0.7 reads.
EXACT_ANNOTATION_PREFIX: Final = "PYPET_AN_"
#: Names of a leaf's items in their order, if it is not the alphabetical one.
ITEM_ORDER: Final = "PYPET_ITEM_ORDER"
#: Pieces of a text too long for one attribute: prefix, name of the attribute, number.
PIECE_PREFIX: Final = "PYPET_PIECE_"
#: Start of the names of nodes and items that are still being written.
UNFINISHED_PREFIX: Final = "__pypet_unfinished__"
#: On the root while a session of many calls goes on: its token, how many checkpoints it has made,
#: and its folder.
SESSION: Final = "PYPET_SESSION"

#: PyTables keeps the indexes of a table beside it, in a group of such a name.
INDEX_PREFIX = "_i_"


def unfinished_path(path: str) -> str:
    """Where an object is written before it gets its path: beside that, hidden from readers."""
    parent, _, name = path.rpartition("/")
    return f"{parent}/{UNFINISHED_PREFIX}{name}"


def is_unfinished(path: str) -> bool:
    """Whether readers ignore what has this HDF5 path or name."""
    return path.rpartition("/")[2].startswith(UNFINISHED_PREFIX)
