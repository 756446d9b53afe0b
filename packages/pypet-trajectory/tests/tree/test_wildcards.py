"""Wildcards: functions from run index to name."""

from __future__ import annotations

import pickle

import pytest

from pypet_trajectory.naming.wildcards import WildcardFunctions, make_run_name, make_set_name


def half(idx: int) -> str:
    return f"half_{idx // 2}" if idx >= 0 else "half_ALL"


def test_the_defaults_are_run_and_run_set():
    wildcards = WildcardFunctions()
    assert wildcards.names == ["$", "crun", "$set", "crunset"]
    assert wildcards.translate("$", 3) == make_run_name(3) == "run_00000003"
    assert wildcards.translate("crunset", 1000) == make_set_name(1000) == "run_set_00001"


@pytest.mark.claim(12)
def test_index_minus_one_stands_for_the_dummy():
    wildcards = WildcardFunctions({("$half", "half"): half})
    assert wildcards.translate("$", -1) == "run_ALL"
    assert wildcards.translate("$set", -1) == "run_set_ALL"
    assert wildcards.translate("half", -1) == "half_ALL"


def test_synonyms_share_one_function():
    wildcards = WildcardFunctions({("$half", "half"): half})
    assert wildcards.translate("$half", 5) == wildcards.translate("half", 5) == "half_2"


def test_a_single_name_is_a_wildcard_of_its_own():
    assert WildcardFunctions({"$half": half}).translate("$half", 5) == "half_2"


def test_giving_the_default_tuple_replaces_the_function():
    wildcards = WildcardFunctions({("$", "crun"): lambda idx: f"r{idx}"})
    assert wildcards.translate("crun", 4) == "r4"
    assert wildcards.run_function(4) == "r4"


def test_a_synonym_belongs_to_one_function_only():
    with pytest.raises(ValueError, match=r"crun"):
        WildcardFunctions({("crun", "mine"): half})


def test_a_refused_addition_changes_nothing():
    wildcards = WildcardFunctions()
    with pytest.raises(ValueError):
        wildcards.add({"$half": half, "$set": half})
    assert "$half" not in wildcards


@pytest.mark.parametrize(
    "functions", [3, "half", [half], {3: half}, {("$half", 3): half}, {"$half": "half"}]
)
def test_wildcards_are_functions_by_name(functions: object):
    wildcards = WildcardFunctions()
    names = wildcards.names
    with pytest.raises(TypeError):
        wildcards.add(functions)
    assert wildcards.names == names


def test_an_unknown_wildcard_is_a_key_error_that_names_the_known_ones():
    with pytest.raises(KeyError, match=r"crunset"):
        WildcardFunctions().translate("$nothing", 1)


def test_translations_are_made_once_per_index():
    calls = []

    def count(idx: int) -> str:
        calls.append(idx)
        return f"c{idx}"

    wildcards = WildcardFunctions({("$c", "c"): count})
    assert [wildcards.translate(name, 3) for name in ("$c", "c", "$c")] == ["c3"] * 3
    assert calls == [3]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_wildcards_pickle_without_their_translations(protocol: int):
    wildcards = WildcardFunctions({("$half", "half"): half})
    size = len(pickle.dumps(wildcards, protocol))
    for idx in range(1000):
        wildcards.translate("$", idx)
    dump = pickle.dumps(wildcards, protocol)
    assert len(dump) == size
    assert pickle.loads(dump).translate("half", 9) == "half_4"
