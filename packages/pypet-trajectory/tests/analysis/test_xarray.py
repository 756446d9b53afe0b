"""A trajectory as an xarray data set."""

import sys

import numpy as np
import pytest

from pypet_trajectory import Trajectory

pytest.importorskip("xarray")


def test_a_full_grid_has_one_dimension_per_parameter(traj):
    dataset = traj.f_to_xarray("z")
    assert dict(dataset.sizes) == {"x": 2, "y": 3}
    assert dataset["z"].dims == ("x", "y")
    assert dataset["z"].sel(x=2, y=0.5).item() == 40
    assert dataset["z"].dtype == np.int64


def test_the_order_of_runs_does_not_matter_for_a_grid():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("s", "")
    points = [(2, "b"), (1, "a"), (2, "a"), (1, "b")]
    traj.f_explore({"x": [x for x, _ in points], "s": [s for _, s in points]})
    for idx, (x, s) in enumerate(points):
        traj.f_add_result(f"runs.run_{idx:08d}.z", f"{x}{s}")
    dataset = traj.f_to_xarray("z")
    for x, s in points:
        assert dataset["z"].sel(x=x, s=s).item() == f"{x}{s}"


def test_other_explorations_have_a_run_dimension(traj):
    traj.f_expand({"x": [1], "y": [0.0]})
    dataset = traj.f_to_xarray("z")
    assert dict(dataset.sizes) == {"run": 7}
    assert dataset["x"].dims == ("run",)
    assert dataset["x"].values.tolist() == [1, 1, 1, 2, 2, 2, 1]
    assert dataset["z"].values.tolist()[:6] == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert np.isnan(dataset["z"].values[6])


def test_arrays_of_equal_shape_keep_their_dimensions(traj):
    dataset = traj.f_to_xarray("sub.array")
    array = dataset["sub.array"]
    assert array.dims == ("x", "y", "sub.array_dim_0")
    assert array.sel(x=2, y=1.0).values.tolist() == [5.0, 5.0, 5.0]


def test_arrays_of_different_shapes_become_objects(traj):
    for idx in range(6):
        traj.f_add_result(f"results.runs.run_{idx:08d}.ragged", np.zeros(idx))
    ragged = traj.f_to_xarray("ragged")["ragged"]
    assert ragged.dtype == object
    assert len(ragged.sel(x=2, y=1.0).item()) == 5


def test_holes_become_nan(traj):
    odd = traj.f_to_xarray("odd")["odd"]
    assert np.isnan(odd.sel(x=1, y=0.0).item())
    assert odd.sel(x=1, y=0.5).item() == 1


def test_comments_and_annotations_become_attributes(traj):
    dataset = traj.f_to_xarray("z")
    assert dataset.attrs["trajectory"] == "T"
    assert dataset.attrs["comment"] == "about it"
    assert dataset["x"].attrs == {"comment": "an x", "unit": "ms"}
    assert dataset["z"].attrs == {"comment": "a z", "unit": "mV"}


def test_run_information_and_parameters_become_coordinates(traj):
    dataset = traj.f_to_xarray(parameters="fixed", run_information=True)
    assert dataset["fixed"].dims == ("x", "y")
    assert dataset["name"].sel(x=1, y=0.0).item() == "run_00000000"


def test_an_array_parameter_is_no_dimension():
    traj = Trajectory("T")
    traj.f_add_parameter("w", np.zeros(2))
    traj.f_explore({"w": [np.zeros(2), np.ones(2)]})
    dataset = traj.f_to_xarray()
    assert dict(dataset.sizes) == {"run": 2, "w_dim_0": 2}
    assert dataset["w"].values.tolist() == [[0.0, 0.0], [1.0, 1.0]]


def test_parameters_and_results_come_from_the_store_if_they_are_not_in_memory(traj, service):
    traj.f_store()
    loaded = Trajectory("T", storage_service=service)
    loaded.f_load(load_data=0)
    assert dict(loaded.f_to_xarray("z").sizes) == {"run": 6}
    dataset = loaded.f_to_xarray(["z", "sub.array"], "parameters.fixed", auto_load=True)
    assert dict(dataset.sizes) == {"x": 2, "y": 3, "sub.array_dim_0": 3}
    assert dataset["z"].sel(x=2, y=0.5).item() == 40
    assert dataset["z"].attrs == {"comment": "a z", "unit": "mV"}
    assert dataset["fixed"].sel(x=1, y=0.0).item() == "text"


def test_without_exploration_there_is_one_run():
    traj = Trajectory("T")
    traj.f_add_result("runs.run_00000000.z", 3)
    assert traj.f_to_xarray("z")["z"].values.tolist() == [3]


def test_without_xarray_the_error_says_what_to_install(traj, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"pypet-trajectory\[xarray\]"):
        traj.f_to_xarray()


@pytest.mark.parametrize(
    "values",
    [[-1, 0, 2**63 + 1], [1, None, 2**53 + 1], [2**60 + 1, 0.5, 1], ["a\0", "a", "b"]],
)
def test_nothing_is_rounded_or_cut(values):
    traj = Trajectory("T")
    traj.f_add_parameter("x", "")
    traj.f_explore({"x": ["a", "a\0", "b"]})
    for idx, value in enumerate(values):
        if value is not None:
            traj.f_add_result(f"runs.run_{idx:08d}.z", value)
    data = traj.f_to_xarray("z")
    assert data.x.values.tolist() == ["a", "a\0", "b"]
    found = data.z.values.tolist()
    assert [found[idx] for idx in (0, 2)] == [values[0], values[2]]


def test_a_parameter_called_run_is_not_lost():
    traj = Trajectory("T")
    traj.f_add_parameter("run", 0)
    traj.f_explore({"run": [5, 5, 7]})
    assert traj.f_to_xarray()["parameters.run"].values.tolist() == [5, 5, 7]
    grid = Trajectory("T")
    grid.f_add_parameter("run", 0)
    grid.f_explore({"run": [5, 6]})
    assert grid.f_to_xarray()["run"].values.tolist() == [5, 6]
