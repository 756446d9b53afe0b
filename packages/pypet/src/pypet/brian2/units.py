"""Quantities as numbers in SI units and the text of a unit, and back.

Files hold what pypet 0.7 writes: the number that a quantity is in SI base units, and that unit as
brian2 writes it (``1. * volt``). Invariant: a text is parsed and never evaluated; only names of
brian2's units, numbers and a few operators have a meaning.
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from brian2.units import allunits
from brian2.units.fundamentalunits import DIMENSIONLESS, Quantity, Unit, get_dimensions

from pypet_trajectory.exceptions import PypetError, PypetKeyError, PypetRuntimeError

#: Units with the names that brian2 gives them in texts.
_UNITS: Final[dict[str, Any]] = {
    name: unit for name, unit in vars(allunits).items() if isinstance(unit, Unit)
}
#: Names of the base units and their symbols, which are those of the dimensions.
_BASE_UNITS: Final = {
    "metre": "m",
    "kilogram": "kg",
    "second": "s",
    "amp": "A",
    "kelvin": "K",
    "mole": "mol",
    "candle": "cd",
}
#: A text longer than that is no unit.
_MAX_LENGTH: Final = 500
#: An exponent beyond that is no unit's.
_MAX_EXPONENT: Final = 100
#: brian2 writes factors with 8 digits, where it chooses another unit than that of SI.
_TOLERANCE: Final = 1e-6


class UnitSyntaxError(PypetError, SyntaxError):
    """A text that should be a unit cannot be read as one."""


# ---------------------------------------------------------------- units


def get_unit_fast(x: Any) -> Any:
    """Return the SI unit of a quantity: 1 of the same dimensions, the number 1 if it has none.

    Examples
    --------
    >>> from brian2 import mV
    >>> get_unit_fast(3 * mV)
    1. * volt
    """
    dimensions = get_dimensions(x)
    return 1 if dimensions is DIMENSIONLESS else Quantity(1.0, dim=dimensions)


def split_quantity(quantity: Any) -> tuple[Any, str]:
    """Return the number, or array of numbers, in SI units and the text of the unit."""
    return in_si(quantity), unit_text(get_dimensions(quantity))


def in_si(quantity: Any) -> Any:
    """Return a quantity as a float (or complex), or an array, in SI units."""
    numbers = np.asarray(quantity)
    if numbers.ndim:
        return numbers
    return complex(numbers) if numbers.dtype.kind == "c" else float(numbers)


def join_quantity(value: Any, text: str) -> Any:
    """Return the quantity of a number, or an array of numbers, and the text of its unit.

    Raises
    ------
    KeyError, RuntimeError, SyntaxError
        As `unit_from_expression`.
    """
    dimensions, factor = _unit_of_text(str(text))
    # Asked for no dimensions, brian2 would return a plain number.
    quantity = Quantity(value) if dimensions is DIMENSIONLESS else Quantity(value, dim=dimensions)
    return quantity if factor == 1 else quantity * factor


@functools.lru_cache(256)
def _unit_of_text(text: str) -> tuple[Any, float]:
    """Dimensions of a unit, and how many SI units it is."""
    unit = unit_from_expression(text)
    factor = float(np.asarray(unit))
    # A text such as `100000. * nsiemens / (cmetre ** 2)` means 1, and its product is not quite 1.
    return get_dimensions(unit), 1.0 if abs(factor - 1) < _TOLERANCE else factor


@functools.lru_cache(256)
def unit_text(dimensions: Any) -> str:
    """Return the text of the SI unit of these dimensions, in the words of brian2 if they do."""
    if dimensions is DIMENSIONLESS:
        return "1"
    text = repr(Quantity(1.0, dim=dimensions))
    try:
        if _unit_of_text(text) == (dimensions, 1.0):
            return text
    except (ArithmeticError, PypetError, TypeError, ValueError):
        pass  # units of users have names that readers need not know
    exponents = (
        (name, float(dimensions.get_dimension(symbol))) for name, symbol in _BASE_UNITS.items()
    )
    powers = (f"{name} ** {exponent!r}" for name, exponent in exponents if exponent)
    return " * ".join(["1.", *powers])


# ---------------------------------------------------------------- reading texts


def unit_from_expression(expr: Any) -> Any:
    """Return the unit, or number, that an expression stands for.

    Parameters
    ----------
    expr : str or ast.AST
        Names of brian2's units and numbers, combined with ``+ - * / % **`` and unary minus.

    Raises
    ------
    KeyError
        If there is no unit of a name.
    RuntimeError
        If there is anything besides names, numbers and operators.
    SyntaxError
        If the text is no expression, or has another operator.

    Examples
    --------
    >>> unit_from_expression("1. * volt")
    1. * volt
    >>> unit_from_expression("2 ** 3")
    8.0
    """
    if isinstance(expr, str):
        return _value_of(_parsed(expr))
    return _value_of(expr)


def _parsed(text: str) -> ast.expr:
    if len(text) > _MAX_LENGTH:
        raise UnitSyntaxError(
            f"The text of a unit has at most {_MAX_LENGTH} characters, this one has {len(text)}: "
            f"{text[:40]!r}..."
        )
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise UnitSyntaxError(f"{text!r} is no unit: {error}.") from None


def _value_of(node: Any) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in _UNITS:
            raise PypetKeyError(f"brian2 has no unit called `{node.id}`.")
        return _UNITS[node.id]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.UnaryOp):
        _check_operator(node.op, ast.USub)
        return -_value_of(node.operand)
    if isinstance(node, ast.BinOp):
        _check_operator(node.op, *_OPERATORS)
        return _OPERATORS[type(node.op)](_value_of(node.left), _value_of(node.right))
    what = ast.unparse(node) if isinstance(node, ast.AST) else repr(node)
    raise PypetRuntimeError(
        f"`{what[:80]}` must not occur in a unit, which has names of units, numbers and operators "
        "only."
    )


def _check_operator(found: Any, *known: type) -> None:
    if type(found) not in known:
        raise UnitSyntaxError(
            f"The operator {type(found).__name__} must not occur in a unit, only + - * / % ** may."
        )


def _power(base: Any, exponent: Any) -> Any:
    """Numbers as floats, whose powers cannot grow without bound."""
    if type(exponent) not in (int, float) or abs(exponent) > _MAX_EXPONENT:
        raise UnitSyntaxError(
            f"An exponent in a unit is a number of at most {_MAX_EXPONENT}, not {exponent!r}."
        )
    return (float(base) if isinstance(base, int) else base) ** exponent


_OPERATORS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
