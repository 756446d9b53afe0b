import sys

import numpy as np
import pytest

from pypet_trajectory.exploration.algebra import axis
from pypet_trajectory.exploration.sampling import latin_hypercube, sobol

BOUNDS = {"x": (0.0, 2.0), "k": (1, 4), "scale": (1e-3, 1e3)}
SAMPLERS = [latin_hypercube, sobol]


@pytest.fixture(autouse=True)
def _scipy_is_there():
    pytest.importorskip("scipy")


@pytest.mark.parametrize("sample", SAMPLERS)
def test_values_lie_within_bounds_and_have_their_type(sample):
    columns = sample(BOUNDS, 64, seed=1, log=["scale"]).to_dict()
    assert list(columns) == list(BOUNDS)
    for name, (low, high) in BOUNDS.items():
        assert all(low <= value <= high for value in columns[name])
        assert {type(value) for value in columns[name]} == {type(low)}
    assert set(columns["k"]) == {1, 2, 3, 4}


@pytest.mark.parametrize("sample", SAMPLERS)
def test_the_logarithm_spaces_orders_of_magnitude_evenly(sample):
    values = np.array(sample(BOUNDS, 64, seed=1, log={"scale"}).to_dict()["scale"])
    assert 28 <= np.sum(values < 1) <= 36


def test_a_latin_hypercube_hits_each_part_of_an_interval_once():
    values = latin_hypercube({"x": (0.0, 1.0), "y": (0.0, 1.0)}, 10, seed=2).to_dict()["x"]
    assert sorted(int(value * 10) for value in values) == list(range(10))


@pytest.mark.parametrize("sample", SAMPLERS)
def test_a_sample_is_the_same_at_every_use(sample):
    made = sample(BOUNDS, 8)
    assert made.to_dict() == made.to_dict()
    assert sample(BOUNDS, 8, seed=made.seed).to_dict() == made.to_dict()
    assert sample(BOUNDS, 8).to_dict() != made.to_dict()


def test_samples_combine_with_other_explorations():
    grid = latin_hypercube(BOUNDS, 4, seed=1) * axis("seed", range(3))
    assert len(grid) == 12
    assert grid.names == ("x", "k", "scale", "seed")
    assert grid.check({"x": float, "k": int, "scale": float, "seed": int}) is grid


@pytest.mark.parametrize(
    ("bounds", "options", "error"),
    [
        ({"x": (1.0, 1.0)}, {}, ValueError),
        ({"x": (2, 1)}, {}, ValueError),
        ({"x": (0.0, 1.0)}, {"log": ["x"]}, ValueError),
        ({"x": (1.0, 2.0)}, {"log": ["y"]}, ValueError),
        ({"x": ("a", 1.0)}, {}, TypeError),
        ({"x": (0.0, float("inf"))}, {}, TypeError),
        ({}, {}, ValueError),
    ],
)
def test_bounds_are_finite_ascending_and_positive_where_needed(bounds, options, error):
    with pytest.raises(error):
        sobol(bounds, 4, **options)
    with pytest.raises(ValueError, match="at least one"):
        sobol({"x": (0.0, 1.0)}, 0)


@pytest.mark.parametrize("interval", [3, (1,), (0, 1, 2), "ab", {0: 1, 2: 3}])
def test_bounds_are_two(interval):
    with pytest.raises(TypeError, match="`y` must be two"):
        latin_hypercube({"y": interval}, 4)


def test_a_number_of_points_is_whole():
    with pytest.raises(TypeError):
        latin_hypercube({"y": (0.0, 1.0)}, 2.5)


def test_without_scipy_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"pypet-trajectory\[sampling\]"):
        latin_hypercube(BOUNDS, 4)


@pytest.mark.parametrize("seed", [-1, 1.5, "1"])
def test_a_seed_is_checked_before_points_are_drawn(seed):
    with pytest.raises(ValueError, match="seed"):
        latin_hypercube({"x": (0, 1)}, 4, seed=seed)
