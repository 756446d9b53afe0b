"""From the name of a class to the class."""

from __future__ import annotations

import collections

import pytest

from pypet_trajectory.leaves.result import Result
from pypet_trajectory.tree.classes import BUILT_IN, create_class, load_class, register_class


class Mine(Result):
    pass


class Other(Result):
    pass


Other.__name__ = "Mine"


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_classes_are_known_by_name(name: str):
    assert create_class(name, ()).__name__ == name


def test_dynamic_imports_are_classes_or_dotted_paths():
    assert create_class("Mine", [Mine]) is Mine
    assert create_class("OrderedDict", ["collections.OrderedDict"]) is collections.OrderedDict


@pytest.mark.claim(10)
def test_the_first_class_of_a_name_is_used():
    assert create_class("Mine", [Other, Mine]) is Other


def test_built_in_classes_come_first():
    assert create_class("Result", ["nowhere.Result"]) is Result


def test_an_unknown_class_is_an_import_error_that_says_what_to_do():
    with pytest.raises(ImportError, match="dynamic_imports"):
        create_class("Nothing", [Mine])


@pytest.mark.parametrize("path", ["nowhere.Nothing", "collections.Nothing"])
def test_a_path_that_leads_nowhere_is_an_import_error(path: str):
    with pytest.raises(ImportError, match="Nothing"):
        load_class(path)
    with pytest.raises(ImportError):
        create_class("Nothing", [path])


def test_a_path_needs_a_module():
    with pytest.raises(ValueError, match="module"):
        load_class("Nothing")


def test_packages_above_register_their_classes():
    @register_class
    class Registered(Result):
        pass

    assert create_class("Registered", ()) is Registered
