"""Sparse matrices as text, the form in which they are stored.

The text is the hexadecimal form of what `scipy.sparse.save_npz` writes. Texts of equal matrices
differ between versions of numpy and zlib, so `parts` gives what makes two matrices the same.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from pypet_trajectory.optional import import_optional


def to_text(matrix: Any) -> str:
    """Return a sparse matrix as hexadecimal text."""
    sparse = import_optional("scipy.sparse", "sparse", "Sparse matrices")

    buffer = io.BytesIO()
    sparse.save_npz(buffer, matrix)
    return buffer.getvalue().hex()


def from_text(text: Any) -> Any:
    """Return the sparse matrix in a hexadecimal text."""
    sparse = import_optional("scipy.sparse", "sparse", "Sparse matrices")

    plain = text.decode("ascii") if isinstance(text, bytes) else str(text)
    return sparse.load_npz(io.BytesIO(bytes.fromhex(plain)))


def parts(matrix: Any) -> tuple[Any, ...]:
    """Return what makes a sparse matrix: its format, shape and arrays, as a hashable tuple."""
    names = ("data", "offsets") if matrix.format == "dia" else ("data", "indices", "indptr")
    arrays = (np.ascontiguousarray(getattr(matrix, name)) for name in names)
    return (
        matrix.format,
        matrix.shape,
        *((array.dtype.str, array.shape, array.tobytes()) for array in arrays),
    )
