"""Faults that are made on purpose: kills, full disks, power cuts, damaged input, rude readers."""
