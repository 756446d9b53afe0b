"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

pytest.importorskip("brian2")


@pytest.mark.parametrize("name", ["monitors", "network", "parameter", "units"])
def test_examples_in_docstrings_are_true(name):
    assert doctest.testmod(import_module(f"pypet.brian2.{name}")).failed == 0
