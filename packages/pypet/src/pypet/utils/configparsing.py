"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet.environment`."""

from pypet.environment.parts.config_files import ConfigInterpreter, parse_config

__all__ = ["ConfigInterpreter", "parse_config"]
