"""Fit an epidemic model to a real outbreak: influenza in an English boarding school, 1978.

Of 763 boys, so many lay in bed on each day from 22 January to 4 February 1978 (British Medical
Journal, 4 March 1978, p. 587). The SIR model says how many should: with S susceptible and I
infected boys of N, dS/dt = -beta S I / N and dI/dt = beta S I / N - gamma I, rates per day.

The script explores a grid of beta and gamma on all cores, lets post-processing refine the grid
around the best point twice, and then starts ``influenza_analysis.py`` as a new process, which
knows nothing but the file. Run it with ``hatch run demo`` or ``python influenza.py``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, cartesian_product

BOYS = 763
IN_BED = np.array([3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4], dtype=float)

#: Post-processing refines the grid so many times, each time by FINER.
REFINEMENTS = 2
FINER = 5
#: Half the width of a refined grid, in steps of the coarser one.
REACH = 2


def sir(beta: float, gamma: float, boys: float, days: int, steps_per_day: int = 20) -> np.ndarray:
    """Infected boys at the end of each day, starting from one on the day before the first.

    Parameters
    ----------
    beta, gamma : float
        Rates of infection and recovery, per day.
    boys : float
        Number of boys in the school.
    days : int
        Number of days.
    steps_per_day : int
        Steps of the fourth-order Runge-Kutta method in a day.

    Returns
    -------
    numpy.ndarray
        (days,) float64, number of infected boys.
    """

    def slope(susceptible: float, infected: float) -> tuple[float, float]:
        new = beta * susceptible * infected / boys
        return -new, new - gamma * infected

    step = 1.0 / steps_per_day
    s, i = boys - 1.0, 1.0
    curve = np.empty(days)
    for day in range(days):
        for _ in range(steps_per_day):
            s1, i1 = slope(s, i)
            s2, i2 = slope(s + step / 2 * s1, i + step / 2 * i1)
            s3, i3 = slope(s + step / 2 * s2, i + step / 2 * i2)
            s4, i4 = slope(s + step * s3, i + step * i3)
            s += step / 6 * (s1 + 2 * s2 + 2 * s3 + s4)
            i += step / 6 * (i1 + 2 * i2 + 2 * i3 + i4)
        curve[day] = i
    return curve


def outbreak(traj: Trajectory) -> float:
    """One run: the model at one point of the grid, and how far it is from the data."""
    infected = sir(traj.model.beta, traj.model.gamma, traj.school.boys, len(traj.school.in_bed))
    error = float(np.sum((infected - traj.school.in_bed) ** 2))
    traj.f_add_result("infected", infected, comment="Infected boys, one value a day")
    traj.f_add_result("squared_error", error, comment="Sum of squared deviations from the data")
    return error


def grid(beta: np.ndarray, gamma: np.ndarray) -> dict[str, list[float]]:
    """Every beta with every gamma, as `f_explore` and `f_expand` take it."""
    return cartesian_product({"model.beta": beta.tolist(), "model.gamma": gamma.tolist()})


def refine(
    traj: Trajectory, results: list[tuple[int, float]], steps: dict[str, float]
) -> dict[str, list[float]] | None:
    """Post-processing: a finer grid around the best run so far, or nothing more to do."""
    best, _ = min(results, key=lambda result: result[1])
    rounds = traj.results.search.f_leaves() if traj.f_contains("results.search") else 0
    traj.v_idx = best
    centre = {name: traj[f"model.{name}"] for name in steps}
    traj.f_restore_default()
    traj.f_add_result(
        f"search.round_{rounds}",
        best_run=best,
        **centre,
        comment="Best run after a round of the search",
    )
    if rounds == REFINEMENTS:
        return None
    axes = {}
    for name, step in steps.items():
        finer = step / FINER ** (rounds + 1)
        axes[name] = centre[name] + finer * np.arange(-REACH * FINER, REACH * FINER + 1)
    return grid(axes["beta"], axes["gamma"])


def main(output: Path, points: int) -> Path:
    """Run the experiment; gives the HDF5 file."""
    file = output / "influenza.hdf5"
    with Environment(
        trajectory="influenza",
        comment="SIR model fitted to the influenza outbreak of 1978 in a boarding school",
        filename=str(file),
        overwrite_file=True,
        log_folder=str(output / "logs"),
        multiproc=True,
        use_pool=True,
        ncores=os.cpu_count() or 1,
        wrap_mode="LOCAL",
    ) as env:
        traj = env.trajectory
        traj.f_add_parameter("school.boys", BOYS, comment="Number of boys in the school")
        traj.f_add_parameter("school.in_bed", IN_BED, comment="Boys in bed, 22 Jan to 4 Feb 1978")
        traj.f_add_parameter("model.beta", 1.5, comment="Rate of infection, per day")
        traj.f_add_parameter("model.gamma", 0.5, comment="Rate of recovery, per day")

        beta = np.linspace(1.0, 3.0, points)
        gamma = np.linspace(0.1, 0.9, points)
        traj.f_explore(grid(beta, gamma))

        steps = {"beta": beta[1] - beta[0], "gamma": gamma[1] - gamma[0]}
        env.add_postprocessing(refine, steps)
        env.run(outbreak)
    return file


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("influenza"), help="folder to write to")
    parser.add_argument("--points", type=int, default=41, help="points of the grid on each axis")
    options = parser.parse_args()
    path = main(options.output, options.points)
    analysis = Path(__file__).with_name("influenza_analysis.py")
    sys.exit(subprocess.run([sys.executable, str(analysis), str(path)], check=False).returncode)
