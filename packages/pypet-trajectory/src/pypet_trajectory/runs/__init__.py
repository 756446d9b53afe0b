"""The runs of a trajectory: their table, their life cycle, results picked from all of them."""
