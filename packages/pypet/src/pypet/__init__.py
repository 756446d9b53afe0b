"""A toolkit for numerical experiments: explore parameters, run in parallel, keep everything in one file."""
