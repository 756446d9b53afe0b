"""Names of nodes and runs: what is allowed, short forms, and the wildcards in them."""
