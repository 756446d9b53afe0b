"""The names, paths and signatures of pypet 0.7 are there, and importing them costs little."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import pypet

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", pypet.__all__)
def test_every_public_name_can_be_imported(name):
    if name == "ObjectTable":
        pytest.importorskip("pandas", reason="ObjectTable is a pandas class")
    assert getattr(pypet, name) is not None
    assert name in dir(pypet)


def test_public_names_are_defined_once():
    assert sorted(pypet._MODULE_OF) == sorted(pypet.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="flight"):
        _ = pypet.flight


@pytest.mark.parametrize("module", pypet._SUBMODULES)
def test_old_modules_are_attributes(module):
    assert getattr(pypet, module) is import_module(f"pypet.{module}")


@pytest.mark.claim(70)
def test_wrap_modes_are_constants_under_both_names():
    from pypet import pypetconstants

    for mode in ("QUEUE", "LOCK", "NONE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE"):
        assert getattr(pypetconstants, f"MULTIPROC_MODE_{mode}") == mode
        assert getattr(pypetconstants, f"WRAP_MODE_{mode}") == mode


def test_versions_are_constants():
    from pypet import pypetconstants

    assert platform.python_version().startswith(pypetconstants.python_version_string)
    assert pypetconstants.VERSIONS_TO_STORE["python"] == pypetconstants.python_version_string


def test_importing_pypet_imports_nothing_heavy():
    program = (
        "import sys, pypet\n"
        "heavy = {'tables', 'pandas', 'scipy', 'zmq', 'git', 'dill', 'psutil', 'multiprocessing',"
        " 'tqdm'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_optional_packages_are_globals_that_can_be_replaced(monkeypatch):
    from pypet import environment

    assert environment.psutil is import_module("psutil")
    monkeypatch.setattr(environment, "psutil", None)
    assert environment.psutil is None


@pytest.mark.skipif(
    not (ROOT / "tools" / "api_parity.py").is_file(), reason="needs the whole repository"
)
def test_nothing_of_the_interface_of_pypet_0_7_is_missing(monkeypatch):
    pytest.importorskip("pandas", reason="ObjectTable is a pandas class")
    monkeypatch.syspath_prepend(str(ROOT))
    parity = import_module("tools.api_parity")
    api = json.loads((ROOT / "tests" / "mission" / "pypet-0.7-api.json").read_text())
    deviations = parity.read_deviations()
    has_brian2 = find_spec("brian2") is not None
    modules = [name for name in api if has_brian2 or not name.startswith("pypet.brian2")]
    unexplained = [
        str(difference)
        for difference in parity.differences(api, modules)
        if not parity.reason_for(difference, deviations)
    ]
    assert unexplained == []


@pytest.mark.parametrize("name", ["default.ini", "debug.ini", "test.ini", "env_config_test.ini"])
def test_ini_files_lie_where_scripts_look_for_them(name):
    from pypet_multiproc.logs import shipped_config

    copy = Path(pypet.__file__).parent / "logging" / name
    assert copy.read_text() == Path(shipped_config(name)).read_text()
