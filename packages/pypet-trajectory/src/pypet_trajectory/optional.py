"""Packages that are imported where they are used, and what to say if they are missing.

Invariant: a missing package is a `MissingPackageError` that names the purpose and the command
that installs it. A package that is there but fails to import fails with its own error.
"""

from __future__ import annotations

import importlib
from typing import Any

from pypet_trajectory.exceptions import MissingPackageError


def import_optional(module: str, extra: str, purpose: str) -> Any:
    """Import and return a module of a package that not every user has.

    Parameters
    ----------
    module
        Its dotted name.
    extra
        The extra of this distribution that brings the package.
    purpose
        What needs it, in the plural; the first words of the error.

    Raises
    ------
    MissingPackageError
        If the package is not installed; also an ``ImportError``.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingPackageError(
            f"{purpose} need {package}, which is not installed: "
            f'pip install "pypet-trajectory[{extra}]".'
        ) from error
