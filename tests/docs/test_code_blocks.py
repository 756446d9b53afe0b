"""Every Python block of the README and the docs runs, and prints what the page says it prints.

A block fenced as ``text`` right behind a Python block is its output.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.repository import ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "packages").glob("*/README.md")),
]
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\s*^```text\n(?P<output>.*?)^```\n)?", re.M | re.S
)


def code_blocks() -> list[pytest.param]:
    """All blocks, named after their page and position."""
    return [
        pytest.param(match["code"], match["output"], id=f"{page.relative_to(ROOT)}:{number}")
        for page in PAGES
        for number, match in enumerate(BLOCK.finditer(page.read_text("utf-8")))
    ]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("code", "output"), code_blocks())
def test_a_code_block_runs_and_prints_what_the_page_says(
    code: str, output: str | None, tmp_path: Path
) -> None:
    if "pypet.brian2" in code:
        pytest.importorskip("brian2")
    script = tmp_path / "block.py"
    script.write_text(code, "utf-8")
    answer = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    if output is not None:
        assert answer.stdout == output


def test_the_readme_has_blocks_to_run() -> None:
    assert any("README" in str(parameter.id) for parameter in code_blocks())
