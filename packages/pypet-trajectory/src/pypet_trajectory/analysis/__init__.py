"""Looking at trajectories with the tools of others: pandas, xarray, notebooks.

Nothing here is imported before it is asked for, and each module imports its tool only when used.
"""
