"""What people see who sit before a terminal or a notebook: every line whole, and a bar below."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(60)

SCRIPT = """
import logging, sys
from pypet import Environment

def job(traj):
    print("printed in run", traj.v_idx)
    print("half a line of", traj.v_idx, end="", flush=True)
    print(", and the rest")
    logging.getLogger("mine").info("logged in run %d", traj.v_idx)

def experiment(name, **settings):
    with Environment(name, filename="t.hdf5", log_folder="logs", **settings) as env:
        env.trajectory.f_add_parameter("x", 0)
        env.trajectory.f_explore({"x": [1, 2, 3, 4]})
        print("before", name)
        env.run(job)
        print("after", name)

if __name__ == "__main__":
    experiment("serial")
    for way in sys.argv[1:]:
        experiment(way, multiproc=True, ncores=2, use_pool=True, start_method=way)
"""


def on_terminal(folder: Path, *arguments: str) -> list[str]:
    """The lines that are on a terminal of 100 columns after the script has been run there."""
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (50, 100))
    (folder / "script.py").write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, "script.py", *arguments], cwd=folder, stdin=terminal, stdout=terminal,
        stderr=terminal,
    ) as process:  # fmt: skip
        os.close(terminal)
        text = b""
        while chunk := _read(main):
            text += chunk
    os.close(main)
    assert process.returncode == 0
    return [_shown(line) for line in text.decode().split("\n")]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # how Linux says that nobody can write any more
        return b""


def _shown(line: str) -> str:
    """What is to be seen of a line with carriage returns and clearing in it."""
    cells: list[str] = []
    for part in line.split("\r"):
        column = 0
        for number, text in enumerate(part.split("\x1b[K")):
            if number:
                del cells[column:]
            cells[column : column + len(text)] = text
            column += len(text)
    return "".join(cells).rstrip()


@pytest.mark.parametrize(
    "ways", [("fork",), pytest.param(("spawn", "forkserver"), marks=pytest.mark.soak)]
)
def test_on_a_terminal_lines_stand_above_the_bar_and_log_files_stay_clean(
    ways: tuple[str, ...], tmp_path: Path
) -> None:
    lines = on_terminal(tmp_path, *ways)
    for idx in range(4):
        assert lines.count(f"printed in run {idx}") == 1 + len(ways)
        assert lines.count(f"half a line of {idx}, and the rest") == 1 + len(ways)
        assert lines.count(f"MainProcess mine INFO     logged in run {idx}") == 1
    bars = [line for line in lines if "run/s" in line or "s/run" in line]
    assert len(bars) == 1 + len(ways)
    assert all(re.match(r"100%\|.*\| 4/4 \[", bar) for bar in bars)
    assert not any("PROGRESS" in line for line in lines)
    logs = [path.read_text() for path in (tmp_path / "logs").rglob("*LOG.txt")]
    assert any("PROGRESS: Finished 4/4 runs" in log for log in logs)
    assert not any(re.search(r"[\r\x1b█]", log) for log in logs)


CELLS = (
    SCRIPT.partition("if __name__")[0],
    'experiment("serial")',
    'experiment("process", multiproc=True, ncores=2, log_stdout=False)',
    'experiment("logged", log_stdout=True)',
    'print("at the end")',
)


@pytest.mark.soak
def test_in_a_notebook_nothing_is_mixed_up_or_lost(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(
        notebook, timeout=50, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    texts = {
        name: [
            "".join(output.text for output in cell.outputs if output.get("name") == name)
            for cell in notebook.cells
        ]
        for name in ("stdout", "stderr")
    }
    printed = sorted(
        line
        for idx in range(4)
        for line in (f"printed in run {idx}", f"half a line of {idx}, and the rest")
    )
    for number, name in ((1, "serial"), (2, "process")):
        first, *lines, last = texts["stdout"][number].splitlines()
        assert (first, last) == (f"before {name}", f"after {name}")
        assert sorted(lines) == printed
    logged = re.findall(r"STDOUT INFO +(.*)", texts["stderr"][3])
    assert logged[0] == "Established redirection of `stdout`."
    assert sorted(logged[1:]) == sorted([*printed, "before logged", "after logged"])
    assert texts["stdout"][4] == "at the end\n"
