"""Resume a numerical experiment after a crash."""
