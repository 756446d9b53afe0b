"""The process that owns the file while many others run, and the ways to reach it."""
