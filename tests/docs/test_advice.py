"""Advice that users must be able to find."""

from __future__ import annotations

import pytest

from tools.repository import ROOT


@pytest.mark.claim(189)
def test_the_guide_says_how_to_keep_numerical_libraries_from_using_all_cores() -> None:
    guide = (ROOT / "docs" / "guide" / "running.md").read_text("utf-8")
    assert "OPENBLAS_NUM_THREADS=1" in guide
    assert "limit_threads" in guide
