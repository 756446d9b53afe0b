"""Wrap modes: how data of concurrent runs reaches the one storage."""
