"""Trajectories in one `.traj` file: a zip of JSON and `.npy` members."""
