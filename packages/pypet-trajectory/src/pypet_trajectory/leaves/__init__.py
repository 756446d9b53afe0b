"""Parameters and results: the leaves of a tree, and the kinds of data they take."""
