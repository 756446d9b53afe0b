"""Values and ranges of leaves: which are supported, how they are compared, told apart and shown."""
