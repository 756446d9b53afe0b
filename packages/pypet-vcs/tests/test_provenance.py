"""The record of what an experiment ran on."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sys
from importlib import metadata

import git
import pytest

from pypet_vcs import Provenance, add_provenance, record_provenance
from pypet_vcs import provenance as module

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def no_editable_packages(monkeypatch):
    """What is installed here in editable mode is not part of these tests."""
    monkeypatch.setattr(module, "editable_folders", dict)


def test_a_record_names_interpreter_host_and_command(folder):
    record = record_provenance(folder.path)
    assert record.interpreter == sys.executable
    assert record.host == socket.gethostname()
    assert record.directory == os.getcwd()
    assert sys.orig_argv[-1].split()[-1] in record.command
    assert record.python.endswith(".".join(map(str, sys.version_info[:3])))


def test_a_record_holds_the_versions_of_packages(folder):
    packages = record_provenance(folder.path).packages
    assert packages["gitpython"] == metadata.version("GitPython")
    assert packages["pypet-vcs"] == metadata.version("pypet-vcs")


def test_a_record_holds_the_patch_of_a_dirty_repository(folder):
    folder.write("model.py", "beta = 2\n")
    [state] = record_provenance(folder.path).repositories
    assert state.commit.hexsha == folder.head
    assert "+beta = 2" in state.diff


def test_the_patch_can_be_left_out(folder):
    folder.write("model.py", "beta = 2\n")
    [state] = record_provenance(folder.path, with_diff=False).repositories
    assert (state.changed, state.diff) == (("model.py",), "")


def test_packages_in_editable_mode_bring_their_repositories(folder, tmp_path, monkeypatch):
    sources = folder.path / "src"
    sources.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    folders = {"a": str(sources), "b": str(folder.path), "c": str(outside), "d": "/missing"}
    monkeypatch.setattr(module, "editable_folders", lambda: folders)
    monkeypatch.setattr(module, "_script_folder", lambda: str(outside))
    [state] = record_provenance().repositories
    assert os.path.realpath(state.path) == os.path.realpath(folder.path)


def test_a_repository_that_is_none_is_an_error(tmp_path):
    with pytest.raises(git.InvalidGitRepositoryError):
        record_provenance(tmp_path)


def test_json_gives_the_record_back(folder):
    folder.write("model.py", "größer = 2\n")
    folder.write("new.py", "")
    record = record_provenance(folder.path)
    assert Provenance.from_json(record.to_json()) == record


def test_json_with_unknown_fields_can_be_read(folder):
    record = record_provenance(folder.path)
    values = json.loads(record.to_json())
    values["mood"] = "good"
    values["repositories"][0]["stars"] = 3
    assert Provenance.from_json(json.dumps(values)) == record


def test_differences_name_what_changed(folder):
    old = record_provenance(folder.path)
    folder.write("model.py", "beta = 2\n")
    new = dataclasses.replace(
        record_provenance(folder.path), packages={**old.packages, "numpy": "0.0"}, host="other"
    )
    found = old.differences(new)
    [repository] = [name for name in found if name.startswith("repositories.")]
    assert found.pop(repository) == ((folder.head, ""), (folder.head, new.repositories[0].diff))
    assert found.pop("host") == (old.host, "other")
    assert found.pop("packages.numpy") == (old.packages.get("numpy"), "0.0")
    assert found == {}


def test_a_record_equals_itself(folder):
    record = record_provenance(folder.path)
    assert record.differences(record) == {}


def test_a_trajectory_takes_the_record(folder):
    class Notebook(dict):
        def f_contains(self, name, shortcuts=True):
            return f"{name}.record" in self

        def f_add_config(self, name, value, comment=""):
            assert f"config.{name}" not in self
            self[f"config.{name}"] = value

    folder.write("model.py", "beta = 2\n")
    record = record_provenance(folder.path)
    traj = Notebook()
    add_provenance(traj, record)
    add_provenance(traj, record)
    assert traj["config.provenance.host"] == record.host
    assert traj["config.provenance.dirty"] is True
    assert Provenance.from_json(traj["config.provenance.record"]) == record
