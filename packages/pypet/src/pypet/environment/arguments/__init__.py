"""Arguments of an environment: kinds, rules, and which of them are without effect."""

from pypet.environment.arguments.arguments import ARGUMENT_NAMES, EnvironmentArguments

__all__ = ["ARGUMENT_NAMES", "EnvironmentArguments"]
