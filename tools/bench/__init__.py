"""How fast this library is, next to pypet 0.7.0, with the very same scripts."""
