"""Sparse matrices as text, the form in which they are stored.

The text is the hexadecimal form of what `scipy.sparse.save_npz` writes. Texts of equal matrices
differ between versions of numpy and zlib, so `parts` gives what makes two matrices the same.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np

from pypet_trajectory.exceptions import PypetValueError
from pypet_trajectory.imports import import_optional

#: How much deflate can compress, at most.
_MAX_RATIO = 1100


def to_text(matrix: Any) -> str:
    """Return a sparse matrix as hexadecimal text."""
    sparse = import_optional("scipy.sparse", "sparse", "Sparse matrices")

    buffer = io.BytesIO()
    sparse.save_npz(buffer, matrix)
    return buffer.getvalue().hex()


def from_text(text: Any) -> Any:
    """Return the sparse matrix in a hexadecimal text.

    Raises
    ------
    ValueError
        If it is none, an array in it claims to be larger than its bytes allow, or indices in it
        lead out of the matrix.
    """
    sparse = import_optional("scipy.sparse", "sparse", "Sparse matrices")

    plain = text.decode("ascii") if isinstance(text, bytes) else str(text)
    content = io.BytesIO(bytes.fromhex(plain))
    _check_sizes(content)
    content.seek(0)
    matrix = sparse.load_npz(content)
    if hasattr(matrix, "check_format"):
        # Without it scipy computes with indices that lead out of the arrays.
        matrix.check_format(full_check=True)
    return matrix


def _check_sizes(content: io.BytesIO) -> None:
    """See that the arrays take no more memory than their bytes can fill; numpy takes it at once."""
    try:
        with zipfile.ZipFile(content) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    read_header = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read_header(file)
                claimed = math.prod(shape) * dtype.itemsize
                possible = min(member.file_size, _MAX_RATIO * member.compress_size)
                if claimed > possible:
                    raise PypetValueError(
                        f"The text is no sparse matrix: {member.filename!r} in it claims "
                        f"{claimed} bytes where {possible} are possible."
                    )
    except zipfile.BadZipFile as error:
        raise PypetValueError(f"The text is no sparse matrix: {error}.") from error


def parts(matrix: Any) -> tuple[Any, ...]:
    """Return what makes a sparse matrix: its format, shape and arrays, as a hashable tuple."""
    names = ("data", "offsets") if matrix.format == "dia" else ("data", "indices", "indptr")
    arrays = (np.ascontiguousarray(getattr(matrix, name)) for name in names)
    return (
        matrix.format,
        matrix.shape,
        *((array.dtype.str, array.shape, array.tobytes()) for array in arrays),
    )
