"""Which public names of pypet 0.7 our `pypet` lacks, or spells differently.

The names, signatures and properties of pypet 0.7.0 are data, a JSON file; this tool imports our
modules and compares. Scripts decide what counts: a parameter that we add with a default, or a
new method, breaks none and is no difference, while a parameter that is renamed or moved is one.
Deviations on purpose are listed with their reasons in ``tools/api_deviations.toml``; an entry
that no longer excuses anything is reported as well.

Run it as ``python tools/api_parity.py [API.json] [--module pypet.environment ...]`` from any
folder. It exits with 1 if something is missing that nobody explained.
"""

from __future__ import annotations

import argparse
import fnmatch
import inspect
import json
import re
import sys
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEVIATIONS_FILE = ROOT / "tools" / "api_deviations.toml"
#: Where the description of the old interface is looked for if no path is given.
API_FILES = (
    ROOT.parent / "shared" / "spec" / "pypet-0.7-api.json",
    ROOT / "tests" / "mission" / "pypet-0.7-api.json",
)
#: How a class without a constructor of its own is described; says nothing about calls.
_NO_CONSTRUCTOR = "(self, *args, **kwargs)"
#: Values that are compared; other reprs hold addresses or versions.
_COMPARABLE = re.compile(r"^('.*'|-?\d+(\.\d+)?|True|None|False|\(.*\)|\[.*\])$", re.DOTALL)


@dataclass(frozen=True)
class Difference:
    """One thing that a script of pypet 0.7 would stumble over."""

    #: The module, as scripts import it.
    module: str
    #: Dotted name, ``module.Class.member``.
    name: str
    #: What is different.
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a signature as text."""

    name: str
    default: str | None

    @property
    def is_variadic(self) -> bool:
        """Whether it is ``*args`` or ``**kwargs``."""
        return self.name.startswith("*")


# --------------------------------------------------------------------------- signatures


def parse_signature(text: str) -> list[Parameter]:
    """Parameters of a signature given as text, without ``self`` and ``cls``.

    >>> [p.name for p in parse_signature("(self, a, b=(1, 2), *args, **kwargs)")]
    ['a', 'b', '*args', '**kwargs']
    """
    parameters = []
    for piece in _split_at_commas(text.strip()[1:-1]):
        name, has_default, default = piece.partition("=")
        if name.strip() not in ("self", "cls", "*", "/"):
            parameters.append(Parameter(name.strip(), default if has_default else None))
    return parameters


def _split_at_commas(text: str) -> Iterator[str]:
    """Split at commas outside of brackets and quotes."""
    depth, quote, piece = 0, "", ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{<":
            depth += 1
        elif character in ")]}>":
            depth -= 1
        if character == "," and depth == 0 and not quote:
            yield piece.strip()
            piece = ""
        else:
            piece += character
    if piece.strip():
        yield piece.strip()


def parameters_of(callable_: Any) -> list[Parameter] | None:
    """Parameters of a live callable, ``None`` if it has no signature."""
    try:
        signature = inspect.signature(callable_)
    except (TypeError, ValueError):
        return None
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        star = ""
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            star = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
        default = None if parameter.default is parameter.empty else repr(parameter.default)
        parameters.append(Parameter(star + parameter.name, default))
    return parameters


def compare_signatures(old: list[Parameter], new: list[Parameter]) -> Iterator[str]:
    """Say how calls that fit `old` may fail with `new`."""
    takes_any_keyword = any(p.name.startswith("**") for p in new)
    named_new = [p for p in new if not p.is_variadic]
    named_old = [p for p in old if not p.is_variadic]
    positions = {p.name: position for position, p in enumerate(named_new)}
    for position, parameter in enumerate(named_old):
        if parameter.name not in positions:
            if not takes_any_keyword:
                yield f"parameter {parameter.name!r} is missing"
            continue
        if positions[parameter.name] != position:
            yield f"parameter {parameter.name!r} is at position {positions[parameter.name]}"
        ours = named_new[positions[parameter.name]].default
        if not _same_default(parameter.default, ours):
            yield f"default of {parameter.name!r} is {ours}, was {parameter.default}"
    took_positions = any(re.match(r"\*\w", p.name) for p in old)
    for parameter in () if took_positions else named_new:
        if parameter.default is None and parameter.name not in {p.name for p in named_old}:
            yield f"parameter {parameter.name!r} is new and has no default"
    for star in ("*", "**"):
        had = any(re.match(rf"\{star[0]}{{{len(star)}}}\w", p.name) for p in old)
        has = any(re.match(rf"\{star[0]}{{{len(star)}}}\w", p.name) for p in new)
        if had and not has:
            yield f"takes no {star}arguments any more"


def _same_default(old: str | None, new: str | None) -> bool:
    if old is None or new is None:
        return old is None
    return old == new or _plain(old) == _plain(new)


def _plain(default: str) -> str:
    """A default without what differs between modules and versions: paths, addresses, casing."""
    match = re.match(r"^<(?:class|function|object)? ?'?([\w.]+)", default)
    return match[1].rpartition(".")[2] if match else default


# ------------------------------------------------------------------------------ objects


def compare_module(name: str, description: Mapping[str, Any]) -> Iterator[Difference]:
    """Differences between one of our modules and what it was."""
    for dotted_name, text in _compare_names(name, description):
        yield Difference(name, dotted_name, text)


def _compare_names(name: str, description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        module = import_module(name)
    except ImportError as error:
        yield name, f"cannot be imported ({error})"
        return
    for item, facts in description.items():
        if item == "reexports":
            for exported in facts:
                if not _has(module, exported):
                    yield f"{name}.{exported}", "is missing"
        elif not _has(module, item):
            yield f"{name}.{item}", "is missing"
        else:
            yield from _compare_item(f"{name}.{item}", getattr(module, item), facts)


def _has(owner: Any, name: str) -> bool:
    """Like ``hasattr``, but a missing optional package counts as missing, not as a crash."""
    try:
        getattr(owner, name)
    except (AttributeError, ImportError):
        return False
    return True


def _compare_item(name: str, ours: Any, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "constant" in facts:
        if _COMPARABLE.match(facts["constant"]) and repr(ours) != facts["constant"]:
            yield name, f"is {ours!r}, was {facts['constant']}"
    elif "function" in facts:
        yield from _compare_callable(name, ours, facts["function"])
    elif "class" in facts:
        yield from _compare_class(name, ours, facts)


def _compare_callable(name: str, ours: Any, old: str | None) -> Iterator[tuple[str, str]]:
    if not callable(ours):
        yield name, f"is no function but {type(ours).__name__}"
        return
    new = parameters_of(ours)
    if old is None or new is None:
        return
    for text in compare_signatures(parse_signature(old), new):
        yield name, text


def _compare_class(name: str, ours: Any, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not inspect.isclass(ours):
        yield name, f"is no class but {type(ours).__name__}"
        return
    import pypet.naturalnaming as nodes

    bases = {base.__name__ for base in ours.__mro__}
    for base in facts.get("bases", ()):
        registered_with = getattr(nodes, base, ())  # `isinstance` says yes without inheritance
        if base not in bases and not issubclass(ours, registered_with):
            yield name, f"does not derive from {base}"
    if facts["class"] != _NO_CONSTRUCTOR:
        yield from _compare_callable(name, ours, facts["class"])
    for member, member_facts in facts.get("members", {}).items():
        full_name = f"{name}.{member}"
        if not hasattr(ours, member):
            yield full_name, "is missing"
            continue
        yield from _compare_member(
            full_name, inspect.getattr_static(ours, member), getattr(ours, member), member_facts
        )


def _compare_member(
    name: str, raw: Any, ours: Any, facts: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if "method" in facts:
        yield from _compare_callable(name, ours, facts["method"])
    elif "property" in facts:
        if callable(raw):
            yield name, "is a method, was a property"
        elif facts["property"] == "settable" and isinstance(raw, property) and raw.fset is None:
            yield name, "cannot be set any more"
    elif "value" in facts and _COMPARABLE.match(facts["value"]) and repr(ours) != facts["value"]:
        yield name, f"is {ours!r}, was {facts['value']}"


# --------------------------------------------------------------------------- deviations


@dataclass(frozen=True)
class Deviation:
    """A difference on purpose."""

    #: Shell pattern for names.
    name: str
    #: Why it is one.
    reason: str
    #: Shell pattern for what is different.
    difference: str = "*"

    def excuses(self, difference: Difference) -> bool:
        """Whether this is why something is different."""
        return fnmatch.fnmatchcase(difference.name, self.name) and fnmatch.fnmatchcase(
            difference.text, self.difference
        )


def read_deviations(path: Path = DEVIATIONS_FILE) -> list[Deviation]:
    """Everything that differs on purpose."""
    if not path.is_file():
        return []
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("deviation", [])
    return [Deviation(**entry) for entry in entries]


def reason_for(difference: Difference, deviations: list[Deviation]) -> Deviation | None:
    """What excuses a difference, ``None`` if nobody explained it."""
    return next((each for each in deviations if each.excuses(difference)), None)


def differences(api: Mapping[str, Any], modules: list[str]) -> list[Difference]:
    """All differences in the given modules, or in all."""
    found: list[Difference] = []
    for name, description in api.items():
        if not modules or any(fnmatch.fnmatch(name, pattern) for pattern in modules):
            found.extend(compare_module(name, description))
    return found


def find_api(path: Path | None) -> Path | None:
    """The description to compare with, ``None`` if there is none."""
    candidates = (path,) if path is not None else API_FILES
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def main(arguments: list[str] | None = None) -> int:
    """Command line entry; see the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("api", nargs="?", type=Path, help="JSON file that describes pypet 0.7")
    parser.add_argument("--module", action="append", default=[], help="compare these only")
    options = parser.parse_args(arguments)
    path = find_api(options.api)
    if path is None:
        print("No description of pypet 0.7 found, nothing to compare. Pass its path.")
        return 0
    warnings.simplefilter("ignore")
    found = differences(json.loads(path.read_text(encoding="utf-8")), options.module)
    deviations = read_deviations()
    used: set[Deviation] = set()
    unexplained: dict[str, list[Difference]] = {}
    for difference in found:
        deviation = reason_for(difference, deviations)
        if deviation is not None:
            used.add(deviation)
            continue
        unexplained.setdefault(difference.module, []).append(difference)
    for module, items in unexplained.items():
        print(f"{module}: {len(items)}")
        for item in items:
            print(f"    {item}")
    explained = len(found) - sum(map(len, unexplained.values()))
    print(f"{len(found)} differences, {explained} of them on purpose.")
    if not options.module:
        for deviation in deviations:
            if deviation not in used:
                print(f"Deviation {deviation.name!r} excuses nothing any more.")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
