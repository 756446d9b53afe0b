"""Texts of units are read, and nothing else is."""

from __future__ import annotations

import ast

import numpy as np
import pytest

brian2 = pytest.importorskip("brian2")

from brian2 import Quantity, cm, mV, nS, second, volt  # noqa: E402
from brian2.units import fundamentalunits  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from pypet.brian2 import units  # noqa: E402
from pypet.brian2.parameter import get_unit_fast, unit_from_expression  # noqa: E402
from pypet_trajectory.exceptions import PypetError  # noqa: E402


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1", 1),
        ("volt", volt),
        ("1. * volt", volt),
        ("-volt", -volt),
        ("2 ** 3", 8),
        ("volt ** (1 + 1)", volt**2),
        ("10 * mvolt - mvolt", 9 * mV),
        ("7 % 4", 3),
        ("100000. * nsiemens / (cmetre ** 2)", 100000.0 * nS / cm**2),
        ("1. * metre ** -4 * kilogram ** -1 * second ** 3 * amp ** 2", 100000.0 * nS / cm**2),
        ("second ** -0.5", second**-0.5),
    ],
)
def test_an_expression_of_units_is_read(text, unit):
    found = unit_from_expression(text)
    assert fundamentalunits.have_same_dimensions(found, unit)
    np.testing.assert_allclose(np.asarray(found), np.asarray(unit), rtol=1e-12)


def test_a_parsed_expression_is_read_as_well():
    assert unit_from_expression(ast.parse("2 * volt", mode="eval").body) == 2 * volt


@pytest.mark.parametrize("text", ["mV", "foo", "__builtins__", "Quantity"])
def test_a_name_that_is_no_unit_is_a_key_error(text):
    with pytest.raises(KeyError, match=f"no unit called `{text}`"):
        unit_from_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "volt.dim",
        "volt if 1 else 2",
        "'a'",
        "True",
        "[volt]",
        "(lambda: 1)()",
        "1j",
        "volt < 1",
    ],
)
def test_anything_besides_names_numbers_and_operators_is_refused(text):
    with pytest.raises(RuntimeError, match="must not occur in a unit"):
        unit_from_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "volt(",
        "",
        "+volt",
        "volt // 2",
        "volt @ volt",
        "volt ** second",
        "9 ** 9 ** 9",
        "2 ** 1000",
        "1 * " * 200 + "1",
        "volt\x00",
    ],
)
def test_other_texts_are_syntax_errors(text):
    with pytest.raises(SyntaxError) as caught:
        unit_from_expression(text)
    assert isinstance(caught.value, PypetError)


def test_what_is_no_expression_is_refused():
    with pytest.raises(RuntimeError):
        unit_from_expression(3)


@pytest.mark.parametrize("quantity", [3 * mV, np.array([1.0, 2.0]) * nS / cm**2, mV])
def test_the_unit_of_a_quantity_is_one_of_its_dimensions(quantity):
    unit = get_unit_fast(quantity)
    assert float(unit) == 1.0
    assert fundamentalunits.have_same_dimensions(unit, quantity)


@pytest.mark.parametrize("number", [3.0, Quantity(3.0)])
def test_the_unit_of_a_number_is_one(number):
    assert get_unit_fast(number) == 1
    assert type(get_unit_fast(number)) is int


exponents = st.sampled_from([-4, -2, -1, -0.5, 0, 0.5, 1, 2, 3])


@given(
    st.lists(exponents, min_size=7, max_size=7),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_every_quantity_comes_back_exactly(powers, number):
    dimensions = fundamentalunits.get_or_create_dimension(powers)
    value, text = units.split_quantity(Quantity(number) * Quantity(1.0, dim=dimensions))
    found = units.join_quantity(value, text)
    assert isinstance(found, Quantity)
    assert fundamentalunits.get_dimensions(found) is dimensions
    assert float(np.asarray(found)) == number


def test_words_of_the_user_are_not_written(monkeypatch):
    units.unit_text.cache_clear()
    dimensions = (volt**3).dim
    monkeypatch.setattr(Quantity, "__repr__", lambda self: "1. * my_unit")
    assert units.unit_text(dimensions) == (
        "1. * metre ** 6.0 * kilogram ** 3.0 * second ** -9.0 * amp ** -3.0"
    )
    units.unit_text.cache_clear()


def test_a_factor_in_a_text_counts():
    assert units.join_quantity(2.0, "10 * mvolt") == 20 * mV
