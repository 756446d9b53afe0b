"""The writer: a process that stores what the others send."""
