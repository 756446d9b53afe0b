"""The code of an experiment is committed before it runs, and the commit is written down."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pypet import Environment, GitDiffError, load_trajectory

pytestmark = pytest.mark.timeout(60)


def git(*arguments: str, folder: Path) -> str:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of one file."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.org")
    path = folder / "code"
    path.mkdir()
    git("init", "-q", folder=path)
    (path / "job.py").write_text("x = 1\n")
    git("add", "job.py", folder=path)
    git("commit", "-q", "-m", "First", folder=path)
    return path


@pytest.mark.claim(122)
@pytest.mark.claim(195)
@pytest.mark.claim(196)
def test_on_a_clean_tree_the_last_commit_is_noted(repository, make_env):
    head = git("rev-parse", "HEAD", folder=repository)
    env = make_env(git_repository=str(repository))
    assert git("rev-parse", "HEAD", folder=repository) == head
    assert env.hexsha == head
    assert env.trajectory.f_get("config.git.hexsha").f_get() == head


@pytest.mark.claim(94)
@pytest.mark.claim(95)
@pytest.mark.claim(122)
@pytest.mark.claim(190)
@pytest.mark.claim(192)
@pytest.mark.claim(193)
@pytest.mark.parametrize("relative", [True, False])
def test_changes_are_committed_before_the_experiment(repository, make_env, relative):
    (repository / "job.py").write_text("x = 2\n")
    path = os.path.relpath(repository) if relative else str(repository)
    env = make_env("flights", git_repository=path, git_message="Faster")
    message = git("log", "-1", "--format=%B", folder=repository)
    assert message.startswith("Faster")
    assert "flights" in message
    assert env.hexsha == git("rev-parse", "HEAD", folder=repository)
    (group,) = env.trajectory.f_get("config.git").f_get_children().values()
    assert set(group.f_get_children()) == {"hexsha", "name_rev", "committed_date", "message"}


@pytest.mark.claim(96)
@pytest.mark.claim(198)
def test_changes_can_be_an_error_instead(repository, make_env, folder):
    (repository / "job.py").write_text("x = 2\n")
    git("add", "job.py", folder=repository)
    head = git("rev-parse", "HEAD", folder=repository)
    with pytest.raises(GitDiffError, match=r"job\.py"):
        make_env(git_repository=str(repository), git_fail=True, log_folder="logs")
    assert git("rev-parse", "HEAD", folder=repository) == head
    assert os.listdir(folder) == ["code"]


def test_two_environments_on_one_commit_have_different_names(repository, make_env):
    first = make_env(git_repository=str(repository))
    second = make_env(first.trajectory, git_repository=str(repository))
    assert first.hexsha == second.hexsha
    assert first.name != second.name


def test_nothing_is_committed_for_wrong_arguments(repository, make_env):
    (repository / "job.py").write_text("x = 2\n")
    head = git("rev-parse", "HEAD", folder=repository)
    with pytest.raises(ValueError, match="misspelled"):
        make_env(git_repository=str(repository), misspelled=True)
    assert git("rev-parse", "HEAD", folder=repository) == head


class FakeRecord:
    """Stands for a Sumatra record and notes what happens to it."""

    events: list[str] = []

    def __init__(self, project, traj, *, reason, label):
        self.traj = traj
        self.events.append(f"begun {project} {reason} {label}")

    def finish(self):
        self.events.append(f"finished {self.traj.f_is_completed()}")
        self.traj.f_add_config("sumatra.record_first.label", "first")


@pytest.fixture
def lab_book(monkeypatch, folder):
    from pypet import environment
    from pypet_vcs import sumatra

    monkeypatch.setattr(environment, "load_project", object())
    monkeypatch.setattr(sumatra, "begin_record", FakeRecord)
    FakeRecord.events = []
    (folder / "book" / ".smt").mkdir(parents=True)
    return {"sumatra_project": "book", "sumatra_reason": "why", "sumatra_label": "first"}


@pytest.mark.claim(205)
@pytest.mark.claim(207)
def test_experiments_that_succeed_are_recorded(lab_book, explored):
    env = explored([1, 2], filename="t.hdf5", **lab_book)
    assert FakeRecord.events == []
    env.run(lambda traj: FakeRecord.events.append("run"))
    assert FakeRecord.events == ["begun book why first", "run", "run", "finished True"]
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    assert traj.f_get("config.sumatra.label").f_get() == "first"


@pytest.mark.claim(206)
def test_experiments_that_crash_are_not_recorded(lab_book, explored):
    with pytest.raises(ZeroDivisionError):
        explored([1], **lab_book).run(lambda traj: 1 / 0)
    assert FakeRecord.events == ["begun book why first"]


def test_a_project_that_is_not_there_is_refused_before_anything_is_created(lab_book, folder):
    with pytest.raises(OSError, match=r"no Sumatra project in .*elsewhere or above"):
        Environment("t", filename="t.hdf5", sumatra_project="elsewhere")
    assert os.listdir(folder) == ["book"]
