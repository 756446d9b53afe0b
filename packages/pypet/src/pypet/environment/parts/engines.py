"""From the arguments of an environment to the engine that executes its runs.

The engine knows one machine; what needs a network is added here to its tables of wrap modes
and of ways to run. This is the only module that knows which distribution brings which.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.arguments.rules import NETWORK_WRAP_MODES
from pypet_multiproc.engine import BACKENDS, WRAP_MODES, RunEngine
from pypet_multiproc.model.settings import EngineSettings
from pypet_multiproc.wrapping.base import WrapSettings


def settings_for(arguments: EnvironmentArguments) -> EngineSettings:
    """Settings of the engine, each under the name the environment has for it."""
    known = {field.name for field in fields(arguments)}
    values: dict[str, Any] = {
        field.name: getattr(arguments, field.name)
        for field in fields(EngineSettings)
        if field.name in known
    }
    return EngineSettings(**values, keep_deltas=arguments.resumable)


def engine_for(arguments: EnvironmentArguments, logging_manager: Any) -> RunEngine:
    """The engine that executes the runs of an environment, whose port is an address by now."""
    url = arguments.port
    return RunEngine(
        settings_for(arguments),
        logging_manager,
        wrap_modes=_network_wrap_modes() if url is not None else None,
        backends=_scoop_backends() if arguments.use_scoop else None,
        backend="scoop" if arguments.use_scoop and arguments.multiproc else None,
        wrap_settings=WrapSettings(port=url, timeout=arguments.timeout),
    )


def _network_wrap_modes() -> dict[str, Any]:
    from pypet_net import wrapping

    return {**WRAP_MODES, **wrapping.WRAP_MODES}


def _scoop_backends() -> dict[str, Any]:
    from pypet_net.scoop_backend import ScoopBackend

    return {**BACKENDS, "scoop": ScoopBackend}


def with_address(arguments: EnvironmentArguments) -> EnvironmentArguments:
    """As port the address for the server of a network wrap mode, ``None`` in the other modes."""
    if not arguments.multiproc or arguments.wrap_mode not in NETWORK_WRAP_MODES:
        return replace(arguments, port=None)
    from pypet_net.addresses import port_to_tcp

    return replace(arguments, port=port_to_tcp(arguments.port))
