"""Examples in docstrings are tests."""

import doctest
import importlib
import pkgutil

import pytest

import pypet_trajectory

MODULES = [
    module.name
    for module in pkgutil.walk_packages(pypet_trajectory.__path__, "pypet_trajectory.")
    if ".testing" not in module.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if name.endswith((".object_table", ".dataframe", ".xarray")):
        pytest.importorskip("pandas")
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0
