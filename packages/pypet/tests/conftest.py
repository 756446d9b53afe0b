"""What the tests of pypet share: a folder of their own and environments that leave no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pypet import Environment


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_env() -> Iterator[Callable[..., Environment]]:
    """Makes environments that log nothing and keep their trajectory in memory, unless told."""
    environments = []

    def make(trajectory: Any = "t", **kwargs: Any) -> Environment:
        if "filename" not in kwargs and "config" not in kwargs:
            kwargs.setdefault("storage_service", "InMemoryStorageService")
        logging_keywords = {"log_config", "log_folder", "log_level", "log_levels", "logger_names"}
        if not logging_keywords & kwargs.keys():
            kwargs["log_config"] = None
        kwargs.setdefault("report_progress", False)
        env = Environment(trajectory, **kwargs)
        environments.append(env)
        return env

    yield make
    for env in environments:
        env.disable_logging()


@pytest.fixture
def explored(make_env: Callable[..., Environment]) -> Callable[..., Environment]:
    """Makes environments whose trajectory explores ``x`` over the given values."""

    def make(values: list[Any], **kwargs: Any) -> Environment:
        env = make_env(**kwargs)
        env.trajectory.f_add_parameter("x", values[0], comment="Explored")
        env.trajectory.f_explore({"x": values})
        return env

    return make
