"""Read the file of ``influenza.py`` as an analyst would: best fit, R0, and a picture.

Run it with ``python influenza_analysis.py influenza/influenza.hdf5``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pypet import Trajectory, load_trajectory


def best_fit(traj: Trajectory) -> dict[str, float]:
    """Index, parameters and error of the run that is nearest to the data."""
    errors = traj.f_get_from_runs("squared_error", fast_access=True, use_indices=True)
    best = min(errors, key=errors.get)
    traj.v_idx = best
    beta, gamma = traj.model.beta, traj.model.gamma
    traj.f_restore_default()
    return {"run": best, "beta": beta, "gamma": gamma, "error": errors[best]}


def draw(traj: Trajectory, best: dict[str, float], picture: Path) -> None:
    """Error surface with its optimum, and the data with the fitted curve."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    beta = np.array(traj.f_get("model.beta").f_get_range())
    gamma = np.array(traj.f_get("model.gamma").f_get_range())
    errors = traj.f_get_from_runs("squared_error", fast_access=True, use_indices=True)
    error = np.array([errors[index] for index in range(len(traj))])
    curve = traj.results.runs[int(best["run"])].infected
    in_bed = traj.school.in_bed
    days = np.arange(22, 22 + len(in_bed))

    figure, (surface, fit) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
    mesh = surface.tripcolor(beta, gamma, np.log10(error), shading="gouraud", cmap="viridis_r")
    figure.colorbar(mesh, ax=surface, label="log₁₀ of the squared error")
    surface.plot(best["beta"], best["gamma"], "r+", markersize=14, markeredgewidth=2)
    surface.set(
        xlabel="β, infections per day",
        ylabel="γ, recoveries per day",
        title=f"{len(traj)} runs, best at β = {best['beta']:.3f}, γ = {best['gamma']:.4f}",
    )
    fit.plot(days, in_bed, "ko", label="boys in bed (BMJ, 4 March 1978)")
    fit.plot(days, curve, "r-", label=f"SIR model, R₀ = {best['beta'] / best['gamma']:.2f}")
    fit.set(xlabel="day of January 1978 (32: 1 February)", ylabel="boys", title="Best fit")
    fit.set_ylim(top=1.25 * in_bed.max())  # room for the legend above the peak
    fit.legend(loc="upper right")
    figure.savefig(picture, dpi=120)


def main(file: Path) -> None:
    """Load everything, print the fit, write the picture beside the file."""
    traj = load_trajectory(name="influenza", filename=str(file), load_data=2)
    best = best_fit(traj)
    print(f"{len(traj)} runs, all completed: {traj.f_is_completed()}")
    print(f"Best fit in run {best['run']}: beta = {best['beta']:.3f}, gamma = {best['gamma']:.4f}")
    print(f"R0 = {best['beta'] / best['gamma']:.2f}, squared error = {best['error']:.0f}")
    picture = file.with_suffix(".png")
    draw(traj, best, picture)
    print(f"Picture: {picture}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="file written by influenza.py")
    main(parser.parse_args().file)
