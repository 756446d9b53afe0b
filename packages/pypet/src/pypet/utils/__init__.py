"""The utility modules of pypet 0.7 under their old paths; all names are defined elsewhere."""
