"""What is done to whole files: checking, repairing and compacting them."""
