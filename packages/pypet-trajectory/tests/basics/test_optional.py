"""Packages that not everybody has: found, missing, broken."""

from __future__ import annotations

import sys

import pytest

from pypet_trajectory.exceptions import MissingPackageError
from pypet_trajectory.imports import import_optional


def test_a_package_that_is_there_is_imported():
    assert import_optional("json.decoder", "json", "Tests") is sys.modules["json.decoder"]


def test_a_missing_package_is_an_import_error_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "absent", None)
    with pytest.raises(
        ImportError, match=r"Tests need absent.*pypet-trajectory\[extra\]"
    ) as caught:
        import_optional("absent.part", "extra", "Tests")
    assert isinstance(caught.value, MissingPackageError)


def test_another_distribution_may_have_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "absent", None)
    with pytest.raises(ImportError, match=r'pip install "pypet\[extra\]"'):
        import_optional("absent", "extra", "Tests", distribution="pypet")


def test_a_package_that_is_broken_fails_with_its_own_error(monkeypatch, tmp_path):
    (tmp_path / "broken_package.py").write_text("import what_it_needs_is_missing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs"):
        import_optional("broken_package", "extra", "Tests")
