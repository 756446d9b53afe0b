"""brian2 without compilers: the tests make small networks, for which numpy is fast enough."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def numpy_target():
    """Let brian2 generate numpy code; test modules import it, this file must not."""
    brian2 = sys.modules.get("brian2")
    if brian2 is None:
        yield
        return
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    brian2.BrianLogger.suppress_name("method_choice")
    yield
    brian2.prefs.codegen.target = before
