"""Where the nodes of a trajectory lie in the file."""
