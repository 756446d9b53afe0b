"""brian2 is imported where it is needed, and its absence is said clearly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pypet_trajectory.exceptions import MissingPackageError


def test_pypet_does_not_import_brian2():
    code = (
        "import sys, pypet, pypet.parameter, pypet.environment; sys.exit('brian2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["pypet.brian2", "pypet.brian2.parameter"])
def test_without_brian2_the_error_says_how_to_get_it(module, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("pypet.brian2")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "brian2", None)
    with pytest.raises(MissingPackageError, match=r'pip install "pypet\[brian2\]"'):
        __import__(module)
