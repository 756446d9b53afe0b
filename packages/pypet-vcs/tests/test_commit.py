"""Committing before a run, and what is noted of it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import git
import pytest

from pypet_trajectory.exceptions import GitDiffError
from pypet_trajectory.trajectory import Trajectory
from pypet_vcs import add_commit_variables, commit_changes, compose_message, make_git_commit

pytestmark = pytest.mark.timeout(60)


class Notebook:
    """Takes config entries as a trajectory does."""

    v_name = "sir"
    v_comment = "Grid of beta"

    def __init__(self):
        self.entries = {}

    def f_contains(self, name, shortcuts=True):
        assert not shortcuts
        return any(entry.startswith(name + ".") for entry in self.entries)

    def f_add_config(self, name, value, comment=""):
        assert comment
        self.entries[f"config.{name}"] = value


@pytest.fixture
def environment():
    return SimpleNamespace(trajectory=Notebook(), time="2026_01_31_12h00m00s")


@pytest.mark.claim(190)
def test_changes_of_tracked_files_are_committed(folder, environment):
    before = folder.head
    folder.write("model.py", "beta = 2\n")
    assert make_git_commit(environment, folder.path, "Faster", False) == (True, folder.head)
    assert folder.head != before
    assert folder.git("status", "--porcelain") == ""


@pytest.mark.claim(95, 192)
def test_the_message_begins_with_the_users_and_names_the_trajectory(folder, environment):
    folder.write("model.py", "beta = 2\n")
    make_git_commit(environment, folder.path, "Faster", False)
    assert folder.git("log", "-1", "--format=%B") == (
        "Faster -- Trajectory: `sir`, Time: `2026_01_31_12h00m00s`, Comment: `Grid of beta`"
    )


@pytest.mark.claim(191)
def test_a_message_is_optional():
    assert compose_message("", "sir", "now") == "Trajectory: `sir`, Time: `now`"


@pytest.mark.claim(196)
def test_a_clean_tree_is_described_by_its_head(folder, environment):
    assert make_git_commit(environment, folder.path, "Unused", False) == (False, folder.head)
    entries = environment.trajectory.entries
    [hexsha] = [value for name, value in entries.items() if name.endswith(".hexsha")]
    assert hexsha == folder.head


@pytest.mark.claim(195)
def test_a_clean_tree_is_not_committed(folder):
    before = folder.head
    outcome = commit_changes(folder.path, "Unused")
    assert not outcome.is_new
    assert outcome.commit.message == "First\n"
    assert folder.head == before


@pytest.mark.claim(194)
def test_untracked_files_stay_untracked(folder):
    folder.write("new.py", "")
    folder.write("model.py", "beta = 2\n")
    commit_changes(folder.path, "Faster")
    assert folder.git("status", "--porcelain") == "?? new.py"


@pytest.mark.claim(197)
def test_a_deleted_file_is_part_of_the_commit(folder):
    (folder.path / "notes.txt").unlink()
    commit_changes(folder.path, "Shorter")
    assert folder.git("ls-files") == "model.py"


def test_what_is_only_staged_is_committed(folder):
    folder.write("new.py", "")
    folder.git("add", "new.py")
    assert commit_changes(folder.path, "More").is_new
    assert folder.git("ls-files") == "model.py\nnew.py\nnotes.txt"


@pytest.mark.claim(96, 198)
@pytest.mark.parametrize("staged", [False, True])
def test_git_fail_refuses_changes_and_leaves_the_repository_alone(folder, environment, staged):
    before = folder.head
    folder.write("model.py", "beta = 2\n")
    if staged:
        folder.git("add", "model.py")
    status = folder.git("status", "--porcelain")
    with pytest.raises(GitDiffError, match=r"model\.py") as caught:
        make_git_commit(environment, folder.path, "Faster", True)
    assert isinstance(caught.value, RuntimeError)
    assert str(folder.path) in str(caught.value)
    assert folder.head == before
    assert folder.git("status", "--porcelain") == status
    assert environment.trajectory.entries == {}


def test_git_fail_passes_a_clean_tree_with_untracked_files(folder, environment):
    folder.write("new.py", "")
    assert make_git_commit(environment, folder.path, "", True) == (False, folder.head)


def test_an_error_lists_ten_files_at_most(folder):
    for number in range(12):
        folder.write(f"file{number:02}.py", "")
    folder.git("add", ".")
    with pytest.raises(GitDiffError, match=r"12 file.*file09\.py and 2 more"):
        commit_changes(folder.path, "", fail_if_dirty=True)


def test_the_first_commit_can_be_made(empty):
    empty.write("model.py", "beta = 1\n")
    empty.git("add", ".")
    outcome = commit_changes(empty.path, "First")
    assert outcome.is_new
    assert outcome.commit.hexsha == empty.head


def test_a_repository_with_nothing_in_it_identifies_no_code(empty):
    empty.write("model.py", "")
    with pytest.raises(GitDiffError, match="neither a commit nor a tracked file"):
        commit_changes(empty.path, "First")


def test_conflicts_are_not_committed(folder):
    folder.git("checkout", "--quiet", "-b", "other")
    folder.write("model.py", "beta = 2\n")
    folder.git("commit", "--quiet", "--all", "--message=Two")
    folder.git("checkout", "--quiet", "main")
    folder.write("model.py", "beta = 3\n")
    folder.git("commit", "--quiet", "--all", "--message=Three")
    with pytest.raises(Exception, match="merge"):
        folder.git("merge", "other")
    before = folder.head
    with pytest.raises(GitDiffError, match=r"in conflict: model\.py"):
        commit_changes(folder.path, "Four")
    assert folder.head == before


def test_hooks_do_not_stop_a_commit(folder):
    hook = folder.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    folder.write("model.py", "beta = 2\n")
    assert commit_changes(folder.path, "Faster").is_new


def test_a_commit_needs_no_user_name(folder):
    folder.git("config", "--unset", "user.name")
    folder.git("config", "--unset", "user.email")
    folder.git("config", "user.useConfigOnly", "true")
    folder.write("model.py", "beta = 2\n")
    assert commit_changes(folder.path, "Faster").is_new
    assert folder.git("log", "-1", "--format=%an") != ""


def test_the_configured_author_is_used(folder):
    folder.write("model.py", "beta = 2\n")
    commit_changes(folder.path, "Faster")
    assert folder.git("log", "-1", "--format=%an %ae %cn") == "Ada ada@example.org Ada"


@pytest.mark.claim(94)
def test_a_relative_path_will_do(folder, environment, monkeypatch):
    monkeypatch.chdir(folder.path.parent)
    assert make_git_commit(environment, folder.path.name, "", False) == (False, folder.head)


@pytest.mark.claim(193)
def test_the_commit_is_noted_in_config(folder, environment):
    make_git_commit(environment, folder.path, "", False)
    date = int(folder.git("log", "-1", "--format=%ct"))
    moment = time.strftime("%Y_%m_%d_%Hh%Mm%Ss", time.localtime(date))
    group = f"config.git.commit_{folder.head[:7]}_{moment}"
    assert environment.trajectory.entries == {
        f"{group}.hexsha": folder.head,
        f"{group}.name_rev": f"{folder.head} main",
        f"{group}.committed_date": date,
        f"{group}.message": "First\n",
    }


@pytest.mark.claim(193)
def test_a_trajectory_takes_the_commit(folder):
    traj = Trajectory("sir", comment="Grid of beta")
    environment = SimpleNamespace(trajectory=traj, time="2026_01_31_12h00m00s")
    for _ in range(2):
        make_git_commit(environment, folder.path, "", False)
    assert "config.git.hexsha" in traj
    assert traj.config.git.hexsha == folder.head


def test_a_commit_is_noted_once(folder):
    traj = Notebook()
    commit = git.Repo(folder.path).head.commit
    add_commit_variables(traj, commit)
    traj.f_add_config = None
    add_commit_variables(traj, commit)
    assert len(traj.entries) == 4
