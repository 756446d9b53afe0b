"""Records in Sumatra projects."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from pypet_trajectory.exceptions import MissingPackageError, PypetRuntimeError
from pypet_trajectory.trajectory import Trajectory
from pypet_vcs import SumatraRecord, begin_record
from pypet_vcs.sumatra import compose_reason, parameter_values

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def traj():
    traj = Trajectory("sir", comment="Flu at school")
    traj.f_add_parameter("model.beta", 1.0, comment="per day")
    traj.f_add_parameter("model.gamma", 0.5, comment="per day")
    traj.f_explore({"beta": [1.0, 2.0]})
    return traj


@pytest.mark.claim(200, 201)
def test_the_reason_begins_with_the_users_and_tells_what_is_explored(traj):
    assert compose_reason("Why not", traj) == (
        "Why not -- Trajectory sir (Flu at school), explored: parameters.model.beta"
    )


def test_a_reason_is_optional():
    assert compose_reason("", Trajectory("sir")) == "Trajectory sir"


@pytest.mark.claim(203, 204)
def test_explored_parameters_are_recorded_with_their_range(traj):
    assert parameter_values(traj) == {
        "parameters.model.beta": [1.0, 2.0],
        "parameters.model.gamma": 0.5,
    }


@pytest.mark.parametrize("label", ["a.b", "a b", ""])
def test_a_label_that_cannot_become_a_name_is_refused(label):
    with pytest.raises(ValueError, match="letters, digits"):
        begin_record(".", None, label=label)


def test_without_sumatra_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sumatra.projects", None)
    monkeypatch.setitem(sys.modules, "sumatra.programs", None)
    with pytest.raises(MissingPackageError, match=r"pypet-vcs\[sumatra\]"):
        begin_record(".", None)


def test_a_record_can_be_finished_once_only(traj):
    record = SumatraRecord(None, None, traj, "")
    with pytest.raises(PypetRuntimeError, match="once only"):
        record.finish()


SCRIPT = """
    import json, sys
    from pypet_trajectory.trajectory import Trajectory
    from pypet_vcs import begin_record

    label, fails = json.loads(sys.argv[1])
    traj = Trajectory("sir")
    record = begin_record(".", traj, reason="Why not", label=label)
    traj.f_add_parameter("x", 1, comment="added after the beginning")
    if fails:
        sys.exit("crash")
    name = record.finish()
    print(json.dumps([name, traj.config.sumatra.f_to_dict(fast_access=True)]))
"""
LIST = """
    import json
    from sumatra.projects import load_project

    project = load_project(".")
    records = project.record_store.list(project.name)
    print(json.dumps([
        {"label": r.label, "reason": r.reason, "duration": r.duration,
         "parameters": r.parameters, "main_file": r.main_file, "version": r.version}
        for r in records
    ]))
"""


@pytest.fixture
def project(folder):
    """A Sumatra project in a repository with a script."""
    pytest.importorskip("sumatra")
    folder.write("script.py", textwrap.dedent(SCRIPT))
    folder.git("add", ".")
    folder.git("commit", "--quiet", "--message=Script")
    (folder.path / ".git" / "info").mkdir(exist_ok=True)
    folder.write(".git/info/exclude", ".smt\nData\n")
    command = "from sumatra.commands import init; init(['--datapath=Data', 'school'])"
    subprocess.run([sys.executable, "-c", command], cwd=folder.path, check=True, timeout=60)
    return folder


def python(folder, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder.path, capture_output=True, text=True, timeout=100
    )
    return done, done.stdout.splitlines()[-1:] or [done.stderr]


def records(folder):
    _, [text] = python(folder, "-c", textwrap.dedent(LIST))
    return json.loads(text)


@pytest.mark.claim(199, 202)
def test_a_run_that_succeeds_adds_one_record(project):
    _, [text] = python(project, "script.py", json.dumps(["first", False]))
    label, config = json.loads(text)
    assert label == "first"
    assert config == {
        "config.sumatra.record_first.label": "first",
        "config.sumatra.record_first.reason": "Why not -- Trajectory sir",
    }
    [record] = records(project)
    assert record["duration"] >= 0
    del record["duration"]
    assert record == {
        "label": "first",
        "reason": "Why not -- Trajectory sir",
        "parameters": {"parameters.x": 1},
        "main_file": "script.py",
        "version": project.head,
    }


@pytest.mark.claim(206)
def test_a_run_that_crashes_adds_no_record(project):
    done, _ = python(project, "script.py", json.dumps(["first", True]))
    assert "crash" in done.stderr
    assert records(project) == []


@pytest.mark.claim(202)
def test_without_a_label_the_record_is_named_by_its_time(project):
    python(project, "script.py", json.dumps([None, False]))
    [record] = records(project)
    assert record["label"][:2] == "20"
