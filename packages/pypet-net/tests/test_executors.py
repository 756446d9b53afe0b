"""Executors for clusters; each test needs the package it is about."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
import sys
import textwrap

import pytest

from pypet_net.executors import EXECUTORS, DaskExecutor, executor_factory
from pypet_trajectory.exceptions import MissingPackageError

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


def test_a_factory_makes_what_it_names(monkeypatch):
    made = []
    monkeypatch.setitem(EXECUTORS, "own", lambda **options: made.append(options))
    make = executor_factory("own", workers=2)
    assert made == []
    make()
    assert made == [{"workers": 2}]


def test_an_unknown_name_is_an_error_that_lists_the_others():
    with pytest.raises(ValueError, match=r"'cloud'.*dask, mpi, slurm"):
        executor_factory("cloud")


@pytest.mark.parametrize(("name", "module"), [("dask", "distributed"), ("mpi", "mpi4py.futures")])
def test_a_missing_package_is_an_error_that_says_how_to_get_it(name, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=rf"pypet-net\[{name}\]"):
        executor_factory(name)()


def test_importing_the_module_imports_no_cluster_package():
    code = (
        "import sys, pypet_net.executors, pypet_net.scoop_backend; "
        "sys.exit(bool({'distributed', 'mpi4py', 'dask_jobqueue', 'scoop'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=50).returncode == 0


class FakeClient:
    """What of a Dask client is used, without Dask."""

    def __init__(self):
        self.calls = []

    def get_executor(self, **options):
        self.calls.append(("get_executor", options))
        return self

    def nthreads(self):
        return {"a": 1, "b": 2}

    def submit(self, fn, *args, **kwargs):
        return fn(*args, **kwargs)

    def shutdown(self, wait):
        self.calls.append(("shutdown", wait))

    def close(self):
        self.calls.append(("close",))


def test_equal_calls_are_not_taken_for_one():
    client = FakeClient()
    DaskExecutor(client)
    assert client.calls == [("get_executor", {"pure": False})]


def test_what_belongs_to_an_executor_is_closed_once():
    client = FakeClient()
    executor = DaskExecutor(client, (client,))
    assert executor._max_workers == 3
    executor.shutdown()
    executor.shutdown()
    assert client.calls.count(("close",)) == 1


def test_a_dask_cluster_of_others_is_not_closed():
    client = FakeClient()
    DaskExecutor(client).shutdown(cancel_futures=True)
    assert client.calls[1:] == [("shutdown", False)]


def printed_by(folder, code, *command, needs):
    """What a script prints in an interpreter of its own.

    Cluster packages change signal handlers, pickling and environment variables of the process
    that imports them, which is no matter of the tests that follow.
    """
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    script = folder / "script.py"
    script.write_text(textwrap.dedent(code))
    done = subprocess.run(
        [*command, str(script)], capture_output=True, text=True, timeout=90, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_dask_makes_two_runs_of_two_equal_calls(tmp_path):
    code = """
        import os
        from pypet_net.executors import dask_executor

        def draw(_):
            return os.urandom(8)

        if __name__ == "__main__":
            with dask_executor(workers=1) as executor:
                first, second = executor.submit(draw, 0), executor.submit(draw, 0)
                print(first.result(60) != second.result(60), executor._max_workers)
    """
    assert printed_by(tmp_path, code, sys.executable, needs="distributed") == "True 1"


def test_workers_of_a_cluster_elsewhere_cannot_be_asked_for(tmp_path):
    code = """
        from pypet_net.executors import dask_executor

        try:
            dask_executor("tcp://127.0.0.1:8786", workers=3)
        except ValueError as error:
            print(error)
    """
    assert "workers=3" in printed_by(tmp_path, code, sys.executable, needs="distributed")


def test_mpi_runs_functions_in_its_processes(tmp_path):
    mpiexec = os.path.join(os.path.dirname(sys.executable), "mpiexec")
    if not os.path.exists(mpiexec):
        pytest.skip("there is no mpiexec beside the interpreter")
    code = """
        from pypet_net.executors import mpi_executor

        if __name__ == "__main__":
            with mpi_executor() as executor:
                print([f.result(30) for f in [executor.submit(abs, -x) for x in range(5)]])
    """
    command = [mpiexec, "-n", "2", sys.executable, "-m", "mpi4py.futures"]
    assert printed_by(tmp_path, code, *command, needs="mpi4py") == "[0, 1, 2, 3, 4]"


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for sbatch")
def test_slurm_jobs_become_workers(tmp_path, monkeypatch):
    commands = {
        # The job is copied, for its file is removed as soon as this returns.
        "sbatch": 'cp "$1" "$0.job"\nsh "$0.job" > "$0.log" 2>&1 &\necho "Submitted job $!"\n',
        "scancel": 'kill "$@" 2> /dev/null\nexit 0\n',
    }
    for name, body in commands.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    code = """
        import operator
        import signal
        from pypet_net.executors import executor_factory

        if __name__ == "__main__":
            make = executor_factory("slurm", jobs=1, interface="lo", local_directory=".")
            with make() as executor:
                print(executor.submit(operator.neg, 42).result(60))
            print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    """
    printed = printed_by(tmp_path, code, sys.executable, needs="dask_jobqueue")
    assert printed.splitlines() == ["-42", "True"]
