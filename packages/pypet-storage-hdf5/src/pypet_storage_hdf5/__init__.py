"""Trajectories of numerical experiments in HDF5 files."""
