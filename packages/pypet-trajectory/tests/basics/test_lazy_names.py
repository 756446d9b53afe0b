"""Names that are imported when they are asked for."""

import subprocess
import sys

import pytest

import pypet_trajectory
import pypet_trajectory.storage
from pypet_trajectory.imports import names_from

#: What a script that makes a trajectory and adds parameters has no use for.
NOT_NEEDED = (
    "pypet_trajectory.values.identity",
    "pypet_trajectory.merging",
    "pypet_trajectory.storage.memory",
    "pypet_trajectory.api.records",
    "numpy.typing",
)


@pytest.mark.parametrize("package", [pypet_trajectory, pypet_trajectory.storage])
def test_every_name_of_a_package_can_be_had_and_is_listed(package):
    if "ObjectTable" in package.__all__:
        pytest.importorskip("pandas")
    assert all(getattr(package, name) is not None for name in package.__all__)
    assert set(package.__all__) <= set(dir(package))


def test_a_name_that_was_asked_for_is_an_ordinary_attribute_from_then_on(monkeypatch):
    monkeypatch.setattr(pypet_trajectory, "copysign", None, raising=False)
    names_from("pypet_trajectory", {"copysign": "math"})("copysign")
    assert vars(pypet_trajectory)["copysign"](1.0, -2.0) == -1.0


def test_a_name_nobody_knows_is_an_attribute_error_that_names_the_package():
    with pytest.raises(AttributeError, match=r"'pypet_trajectory\.storage'.*'Nothing'"):
        pypet_trajectory.storage.Nothing  # noqa: B018


@pytest.mark.timeout(60)
def test_importing_the_library_leaves_out_what_not_every_script_needs():
    script = (
        "import sys, pypet_trajectory\n"
        "traj = pypet_trajectory.Trajectory('t')\n"
        "traj.f_add_parameter('x', 1)\n"
        f"print([name for name in {NOT_NEEDED!r} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
