"""All loggers hang below ``pypet``, and classes log under the names that pypet 0.7 gave them."""

from __future__ import annotations

import importlib
import json
import logging
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pypet
from pypet_trajectory.logger import HasLogger, logger_name

DISTRIBUTIONS = (
    "pypet",
    "pypet_trajectory",
    "pypet_storage_hdf5",
    "pypet_multiproc",
    "pypet_net",
    "pypet_resume",
    "pypet_vcs",
)


def modules() -> Iterator[str]:
    """Names of all modules that can be imported here."""
    for name in DISTRIBUTIONS:
        package = importlib.import_module(name)
        yield name
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            yield module.name


def imported() -> list[object]:
    """All modules whose optional requirements are installed."""
    found = []
    for name in modules():
        if ".testing" in name or name.endswith("__main__"):
            continue
        try:
            found.append(importlib.import_module(name))
        except ImportError:
            continue
    return found


def test_every_logger_of_a_module_hangs_below_pypet():
    loggers = {
        value.name
        for module in imported()
        for value in vars(module).values()
        if isinstance(value, logging.Logger)
    }
    assert len(loggers) > 10
    assert {name for name in loggers if not re.match(r"pypet(\.|$)", name)} <= {"root"}


def test_no_module_names_a_logger_by_itself():
    """Names come from one rule, except those of whole branches that users know."""
    allowed = {"pypet", "pypet.environment.Environment", "dill", "pypet.retry", "pypet.scoop"}
    for name in modules():
        spec = importlib.util.find_spec(name)
        source = Path(spec.origin).read_text("utf-8")
        assert "getLogger(__name__)" not in source, name
        assert set(re.findall(r"getLogger\(\"([^\"]+)\"\)", source)) <= allowed, name


def known_classes() -> dict[str, str]:
    """Classes of pypet 0.7 that write to a log: name to module."""
    file = Path(__file__).parents[3] / "tests" / "mission" / "pypet-0.7-api.json"
    if not file.exists():
        pytest.skip("The description of pypet 0.7 is not part of this distribution.")
    return {
        name: module
        for module, members in json.loads(file.read_text("utf-8")).items()
        if isinstance(members, dict)
        for name, member in members.items()
        if isinstance(member, dict) and "HasLogger" in member.get("bases", ())
    }


def subclasses(cls: type) -> Iterator[type]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_classes_log_under_the_names_of_pypet_07():
    imported()
    old = known_classes()
    ours = {cls for cls in subclasses(HasLogger) if cls.__module__.startswith("pypet")}
    names = {cls.__name__: logger_name(cls.__module__, cls.__name__) for cls in ours}
    common = names.keys() & old.keys()
    assert len(common) > 25
    assert {name: names[name] for name in common} == {
        name: f"{old[name]}.{name}" for name in common
    }
    assert {name for name in names.values() if not name.startswith("pypet.")} == set()
    assert pypet.Environment.__name__ in common


def test_records_of_all_parts_reach_a_logger_called_pypet(explored, caplog):
    caplog.set_level(1, "pypet")
    env = explored([1, 2], filename="t.hdf5")
    env.trajectory.f_get("x")._logger.info("a parameter speaks")
    env.trajectory._logger.info("the trajectory speaks")
    env.run(lambda traj: traj.f_add_result("z", 1))
    names = {record.name for record in caplog.records}
    assert {"pypet.parameter.Parameter", "pypet.trajectory.Trajectory"} <= names
    assert all(re.match(r"pypet(\.|$)", name) for name in names)
