"""The table of arguments, and what says the same again: signature, docstring, config entries."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields

import pytest

from pypet import Environment
from pypet.environment.arguments import ROWS, EnvironmentArguments, rules
from pypet.environment.arguments.table import Row
from pypet.environment.parts.config_entries import entries_for

FIELDS = {argument.name: argument for argument in fields(EnvironmentArguments)}
SIGNATURE = {
    name: parameter
    for name, parameter in inspect.signature(Environment).parameters.items()
    if name != "kwargs"
}


def documented() -> list[str]:
    """Names in the section of parameters of the docstring, in their order."""
    section = inspect.getdoc(Environment).partition("Parameters\n---")[2].partition("\nRaises\n")[0]
    names = re.findall(r"^(\w+(?:, \w+)*) : ", section, re.MULTILINE)
    return [name for line in names for name in line.split(", ")]


def disagreements(rows: Mapping[str, Row]) -> set[str]:
    """Arguments that are not in all places, or not alike."""
    names = rows.keys() ^ SIGNATURE.keys() | rows.keys() ^ {*documented()}
    for name in rows.keys() & SIGNATURE.keys():
        if SIGNATURE[name].default != FIELDS[name].default:
            names.add(name)
        # What is converted may be written in other forms, too.
        if rows[name].convert is None and SIGNATURE[name].annotation != FIELDS[name].type:
            names.add(name)
    return names


def test_table_signature_and_docstring_agree():
    assert disagreements(ROWS) == set()
    assert documented() == list(SIGNATURE)


@pytest.mark.parametrize("name", SIGNATURE)
def test_a_missing_row_is_noticed(name):
    assert disagreements({other: row for other, row in ROWS.items() if other != name}) == {name}


def test_every_rule_is_named_by_the_rows_it_concerns():
    named = {id(check) for row in ROWS.values() for check in row.checks}
    defined = [rule for rule in vars(rules).values() if isinstance(rule, rules.Rule)]
    assert [rule for rule in (*rules.CHECKED_FIRST, *defined) if id(rule) not in named] == []


def entries(**arguments) -> list[tuple[str, object, str]]:
    """Entries of an environment with these arguments, unchecked, up to those about itself."""

    class Anything:
        v_name = name = hexsha = "x"
        v_timestamp = timestamp = 0.0

    found = list(entries_for(EnvironmentArguments(**arguments), Anything, Anything))
    return [entry for entry in found if entry[0] != "script" and "versions." not in entry[0]]


def test_entries_have_names_values_and_comments_in_a_fixed_order():
    assert entries(
        multiproc=True, use_scoop=True, wrap_mode="LOCAL", gc_interval=2, niceness=1
    ) == [
        ("multiproc", True, "Whether runs are spread over processes"),
        ("use_pool", False, "Whether a fixed pool of processes computes the runs"),
        ("use_scoop", True, "Whether SCOOP distributes the runs"),
        ("niceness", 1, "Least niceness of the processes"),
        ("ncores", 1, "Number of processes"),
        ("wrap_mode", "LOCAL", "How data of concurrent runs reaches the storage"),
        ("timeout", -1.0, "Seconds after which a lock or a run is given up; -1.0 for never"),
        ("gc_interval", 2, "Runs or messages between garbage collections"),
        ("clean_up_runs", True, "Whether run data leaves memory after a run"),
        ("resumable", False, "Whether files for resuming are written"),
        ("graceful_exit", False, "Whether the first SIGINT lets runs finish"),
        ("trajectory.name", "x", "Name of the trajectory"),
        ("trajectory.timestamp", 0.0, "Creation of the trajectory, epoch seconds"),
        ("timestamp", 0.0, "Creation of the environment, epoch seconds"),
        ("hexsha", "x", "SHA-1 that identifies the environment"),
        ("automatic_storing", True, "Whether runs and trajectory are stored without being asked"),
    ]
    assert entries(multiproc=True, wrap_mode="NETLOCK", memory_cap=(90.0, 0.0), port="tcp://h:1",
                   timeout=5.0)[3:11] == [
        ("cpu_cap", 100.0, "CPU usage in percent above which no run is started"),
        ("memory_cap", (90.0, 0.0),
         "RAM usage in percent above which no run is started; expected MB per process or 0"),
        ("swap_cap", 100.0, "Swap usage in percent above which no run is started"),
        ("immediate_postprocessing", False,
         "Whether post-processing begins while the last runs are computed"),
        ("ncores", 1, "Number of processes"),
        ("wrap_mode", "NETLOCK", "How data of concurrent runs reaches the storage"),
        ("url", "tcp://h:1", "Address of the lock server"),
        ("timeout", 5.0, "Seconds after which a lock or a run is given up; -1.0 for never"),
    ]  # fmt: skip
    ways = {"use_pool": True, "freeze_input": True, "wrap_mode": "QUEUE", "queue_maxsize": 4}
    pool = {name: written for name, *written in entries(multiproc=True, **ways)}
    assert pool["freeze_input"] == [True, "Whether workers reuse one trajectory for all runs"]
    assert pool["queue_maxsize"] == [4, "Messages waiting at most; 0 for no limit"]


def test_every_entry_of_the_table_is_written_in_some_environment():
    ways = [
        {"niceness": 1, "wrap_mode": "NETLOCK"},
        {"use_pool": True, "wrap_mode": "QUEUE", "gc_interval": 1},
    ]
    written = {name for way in ways for name, *_ in entries(multiproc=True, **way)}
    assert written >= {row.entry.name or name for name, row in ROWS.items() if row.entry}


def test_of_several_broken_rules_that_of_pypet_07_is_reported_first():
    broken = {
        "multiproc": True, "use_pool": True, "use_scoop": True, "ncores": -1, "wrap_mode": "FOO",
        "queue_maxsize": -2, "retries": -1, "executor": 5, "storage_service": 5,
    }  # fmt: skip
    reported = []
    for name in ("use_pool", "use_scoop", "ncores", "wrap_mode", "queue_maxsize", "retries",
                 "executor", "storage_service"):  # fmt: skip
        with pytest.raises((ValueError, TypeError)) as caught:
            EnvironmentArguments.checked(broken)
        reported.append(str(caught.value).partition(" ")[0])
        broken[name] = FIELDS[name].default
    assert reported == ["use_pool=True", "use_scoop=True", "ncores", "wrap_mode", "queue_maxsize",
                        "retries", "executor", "storage_service"]  # fmt: skip


def test_kinds_come_first_in_the_order_of_the_signature():
    with pytest.raises(TypeError, match=r"^add_time must be"):
        Environment(lazy_debug=3, add_time=3, cpu_cap="x", resumable=True, automatic_storing=False)
