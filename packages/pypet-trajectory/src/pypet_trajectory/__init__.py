"""The trajectory of a numerical experiment: a tree of parameters and results."""
