"""Which claims of the mission have a passing test, and which have none.

The mission of this project is a list of numbered claims, ``tests/mission/claims.toml``. A test
that shows claim *n* carries ``@pytest.mark.claim(n)``. This tool runs the tests that carry such
marks and lists the claims nobody has shown.

Run it as ``hatch run claims``; ``--collect-only`` counts marks without running the tests, and
``--only 1-31 91-93`` restricts the answer to some claims. It exits with 1 if a claim asked for
has no passing test, so CI can hold a range.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLAIMS_FILE = ROOT / "tests" / "mission" / "claims.toml"


class ClaimRecorder:
    """A pytest plug-in that notes the outcome of every test that carries a claim."""

    def __init__(self, *, run: bool) -> None:
        self._run = run
        self.claims_of_test: dict[str, tuple[int, ...]] = {}
        self.outcomes: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep only tests with a claim."""
        chosen, others = [], []
        for item in items:
            numbers = tuple(n for mark in item.iter_markers("claim") for n in mark.args)
            if numbers:
                self.claims_of_test[item.nodeid] = numbers
                chosen.append(item)
            else:
                others.append(item)
        config.hook.pytest_deselected(items=others)
        items[:] = chosen

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the outcome; a failure in set-up or tear-down counts as failure of the test."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome

    def tests_of_claim(self) -> dict[int, list[str]]:
        """Node ids that show each claim: those that passed, or all that exist if not run."""
        found: dict[int, list[str]] = defaultdict(list)
        for nodeid, numbers in self.claims_of_test.items():
            if not self._run or self.outcomes.get(nodeid) == "passed":
                for number in numbers:
                    found[number].append(nodeid)
        return found


def read_claims() -> dict[int, str]:
    """The claims by number."""
    with CLAIMS_FILE.open("rb") as file:
        return {int(number): text for number, text in tomllib.load(file)["claims"].items()}


def parse_ranges(texts: Iterable[str]) -> set[int]:
    """Numbers named by texts such as ``'1-31'`` or ``'91'``.

    >>> sorted(parse_ranges(["1-3", "7"]))
    [1, 2, 3, 7]
    """
    numbers: set[int] = set()
    for text in texts:
        first, _, last = text.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def main(arguments: list[str] | None = None) -> int:
    """Run the tests with claims and report; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collect-only", action="store_true", help="count marks, run nothing")
    parser.add_argument("--only", nargs="+", metavar="RANGE", help="for instance 1-31 91-93")
    parser.add_argument("paths", nargs="*", default=[str(ROOT / "tests"), str(ROOT / "packages")])
    options = parser.parse_args(arguments)

    claims = read_claims()
    wanted = parse_ranges(options.only) if options.only else set(claims)
    unknown = wanted - set(claims)
    if unknown:
        parser.error(f"there are no claims {sorted(unknown)}; numbers run from 1 to {max(claims)}.")

    recorder = ClaimRecorder(run=not options.collect_only)
    pytest_arguments = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-q"]
    if options.collect_only:
        pytest_arguments += ["--collect-only", "-qq"]
    outcome = pytest.main([*pytest_arguments, *options.paths], plugins=[recorder])
    if outcome not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        print("The tests could not be collected, so nothing can be said of the claims.")
        return int(outcome)

    shown = recorder.tests_of_claim()
    marked = {number for numbers in recorder.claims_of_test.values() for number in numbers}
    missing = sorted(wanted - set(shown))
    for number in missing:
        note = "no test" if number not in marked else "no passing test"
        print(f"claim {number:3d}  {note:15s}  {claims[number]}")
    strangers = sorted(marked - set(claims))
    for number in strangers:
        print(f"claim {number:3d}  does not exist, but a test is marked with it")
    verb = "have a test" if options.collect_only else "have a passing test"
    print(f"{len(wanted) - len(missing)} of {len(wanted)} claims {verb}.")
    return 1 if missing or strangers else 0


if __name__ == "__main__":
    sys.exit(main())
