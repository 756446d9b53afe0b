"""The version of pypet, one place for the package and for what it writes down."""

__version__ = "1.0.0"
