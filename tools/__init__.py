"""What the environments, CI and releases of this repository call."""
