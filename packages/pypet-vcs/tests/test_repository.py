"""Reading the state of a repository."""

from __future__ import annotations

import subprocess
import sys

import git
import pytest

from pypet_trajectory.exceptions import PypetError
from pypet_vcs import read_state

pytestmark = pytest.mark.timeout(60)


def test_a_clean_repository_is_its_commit(folder):
    state = read_state(folder.path)
    assert not state.is_dirty
    assert (state.commit.hexsha, state.commit.message) == (folder.head, "First\n")
    assert state.commit.name_rev == f"{folder.head} main"
    assert state.branch == "main"
    assert (state.changed, state.untracked, state.diff) == ((), (), "")


def test_an_edited_file_makes_it_dirty(folder):
    folder.write("model.py", "beta = 2\n")
    state = read_state(folder.path)
    assert state.is_dirty
    assert (state.changed, state.staged) == (("model.py",), ())
    assert "+beta = 2" in state.diff


@pytest.mark.claim(96)
def test_a_staged_change_makes_it_dirty(folder):
    folder.write("model.py", "beta = 2\n")
    folder.git("add", "model.py")
    state = read_state(folder.path)
    assert state.is_dirty
    assert state.staged == ("model.py",)


def test_a_change_staged_and_taken_back_in_the_tree_still_counts(folder):
    folder.write("model.py", "beta = 2\n")
    folder.git("add", "model.py")
    folder.write("model.py", "beta = 1\n")
    assert read_state(folder.path).staged == ("model.py",)


def test_a_deleted_file_makes_it_dirty(folder):
    (folder.path / "notes.txt").unlink()
    assert read_state(folder.path).changed == ("notes.txt",)


def test_an_untracked_file_is_listed_but_does_not_make_it_dirty(folder):
    folder.write("data/new file.csv", "1")
    folder.write("ä.txt", "1")
    state = read_state(folder.path)
    assert not state.is_dirty
    assert state.untracked == ("data/", "ä.txt")


def test_a_touched_file_does_not_make_it_dirty(folder):
    folder.write("model.py", "beta = 1\n")
    assert not read_state(folder.path).is_dirty


def test_a_detached_head_has_no_branch(folder):
    folder.git("checkout", "--quiet", "--detach")
    assert read_state(folder.path).branch is None


def test_a_repository_without_commits_has_none(empty):
    empty.write("model.py", "beta = 1\n")
    empty.git("add", ".")
    state = read_state(empty.path)
    assert state.commit is None
    assert state.branch == "main"
    assert state.changed == ("model.py",)
    assert "+beta = 1" in state.diff


def test_conflicts_are_told_apart(folder):
    folder.git("checkout", "--quiet", "-b", "other")
    folder.write("model.py", "beta = 2\n")
    folder.git("commit", "--quiet", "--all", "--message=Two")
    folder.git("checkout", "--quiet", "main")
    folder.write("model.py", "beta = 3\n")
    folder.git("commit", "--quiet", "--all", "--message=Three")
    with pytest.raises(subprocess.CalledProcessError):
        folder.git("merge", "other")
    state = read_state(folder.path)
    assert state.is_dirty
    assert state.unmerged == ("model.py",)


@pytest.mark.parametrize(
    "content",
    [b"beta = 2", "größer\n".encode(), "größer\n".encode("latin-1"), bytes(range(256)) * 4, b""],
    ids=["no newline at end", "utf-8", "latin-1", "binary", "empty"],
)
def test_commit_and_diff_give_the_code_back(folder, tmp_path, content):
    folder.write("model.py", content)
    folder.write("notes.txt", "one\r\n two\n")
    folder.write("added.py", "x = 1\n")
    folder.git("add", "added.py")
    # Settings that would make a patch nobody can apply.
    folder.git("config", "diff.noprefix", "true")
    folder.git("config", "color.ui", "always")
    state = read_state(folder.path)

    patch = tmp_path / "changes.patch"
    patch.write_bytes(state.diff.encode())
    folder.git("reset", "--quiet", "--hard", state.commit.hexsha)
    folder.git("apply", "--whitespace=nowarn", str(patch))

    assert (folder.path / "model.py").read_bytes() == content
    assert (folder.path / "notes.txt").read_bytes() == b"one\r\n two\n"
    assert (folder.path / "added.py").read_bytes() == b"x = 1\n"


def test_reading_changes_nothing(folder):
    folder.write("model.py", "beta = 1\n")  # touched: git would like to refresh its index
    before = {
        path: path.read_bytes() for path in (folder.path / ".git").rglob("*") if path.is_file()
    }
    read_state(folder.path)
    after = {
        path: path.read_bytes() for path in (folder.path / ".git").rglob("*") if path.is_file()
    }
    assert after == before


def test_reading_works_while_somebody_holds_the_index_lock(folder):
    (folder.path / ".git" / "index.lock").touch()
    folder.write("model.py", "beta = 2\n")
    assert read_state(folder.path).changed == ("model.py",)


def test_changes_inside_a_submodule_are_told_apart(folder, tmp_path):
    library = tmp_path / "library"
    folder.git("clone", "--quiet", str(folder.path), str(library))
    folder.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib"
    )
    folder.git("commit", "--quiet", "--message=Library")
    folder.write("lib/model.py", "beta = 2\n")
    state = read_state(folder.path)
    assert state.is_dirty
    assert (state.changed, state.dirty_submodules) == ((), ("lib",))


def test_a_folder_inside_a_repository_is_not_the_repository(folder):
    (folder.path / "sub").mkdir()
    with pytest.raises(
        git.InvalidGitRepositoryError, match=r"sub is no git repo.* no \.git"
    ) as caught:
        read_state(folder.path / "sub")
    assert isinstance(caught.value, PypetError)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(
        git.NoSuchPathError, match=r"missing is no git repo.* no such folder"
    ) as caught:
        read_state(tmp_path / "missing")
    assert isinstance(caught.value, PypetError)
    assert isinstance(caught.value, ValueError)


def test_importing_the_package_does_not_import_git():
    code = "import sys, pypet_vcs; sys.exit('git' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=50).returncode == 0
