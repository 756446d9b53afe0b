"""Arguments of an environment: one table of them, and what it is made of."""

from pypet.environment.arguments.table import ROWS, EnvironmentArguments

__all__ = ["ROWS", "EnvironmentArguments"]
