"""Servers in processes of their own: where they listen, and that they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
from functools import partial

import psutil
import pytest

from pypet_net.addresses import candidate_urls
from pypet_net.client import ReliableClient
from pypet_net.keys import SessionKeys
from pypet_net.lock_client import LockerClient
from pypet_net.lock_server import LockerServer
from pypet_net.serving import ServerProcess

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def start():
    """Call with urls, and perhaps a start method, to have a lock server in a process."""
    started = []

    def begin(urls=("tcp://127.0.0.1:*",), method=None, make=LockerServer):
        keys = SessionKeys.generate()
        process = ServerProcess(
            partial(make, keys=keys.server), urls, keys=keys.client, start_method=method
        )
        started.append(process)
        process.start()
        process.client_keys = keys.client
        return process

    yield begin
    for process in started:
        process.stop()


@pytest.mark.claim(177)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_server_process_answers_until_it_is_stopped(start, method):
    process = start(method=method)
    client = LockerClient(process.url, keys=process.client_keys)
    client.test_ping()
    with client:
        pass
    client.finalize()
    assert process.is_alive()
    process.stop()
    process.stop()
    assert process.exitcode == 0


@pytest.mark.claim(72)
def test_a_port_can_be_given(start):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert start(candidate_urls(port)).url == f"tcp://127.0.0.1:{port}"


@pytest.mark.claim(73)
def test_a_range_of_ports_skips_those_in_use(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        url = start(candidate_urls((port, min(65535, port + 200)))).url
    assert port < int(url.rpartition(":")[2]) <= port + 200


@pytest.mark.claim(74)
def test_two_servers_find_two_free_ports(start):
    assert start().url != start().url


@pytest.mark.claim(75)
def test_a_url_is_taken_literally():
    assert candidate_urls("tcp://192.168.0.7:7777") == ["tcp://192.168.0.7:7777"]


@pytest.mark.parametrize("port", [0, 65536, "7777", (8, 7), (1, 2, 3), 1.5])
def test_anything_else_is_no_port(port):
    with pytest.raises(ValueError, match=r"port|range"):
        candidate_urls(port)


def test_no_free_port_is_an_error_that_says_so(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RuntimeError, match=f"'LockServer' cannot start.*{url}"):
            start([url])


def broken(url, keys):
    raise SystemExit(3)


def test_a_server_that_ends_while_starting_is_an_error(start):
    with pytest.raises(RuntimeError, match="ended before it was ready"):
        start(make=broken)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_does_not_end_a_server(start):
    process = start()
    os.kill(process._process.pid, signal.SIGINT)
    client = ReliableClient(process.url, keys=process.client_keys)
    client.test_ping()
    client.finalize()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_server_that_hangs_is_ended_by_force(start, monkeypatch):
    process = start()
    os.kill(process._process.pid, signal.SIGSTOP)
    monkeypatch.setattr("pypet_net.serving._ImpatientClient.TIMEOUT", 100)
    process.stop()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_no_server_survives_its_parent(method, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
            import os
            from functools import partial
            from pypet_net.lock_server import LockerServer
            from pypet_net.serving import ServerProcess

            if __name__ == "__main__":
                urls = ["tcp://127.0.0.1:*"]
                process = ServerProcess(LockerServer, urls, start_method={method!r})
                process.start()
                print(process._process.pid, flush=True)
                os.kill(os.getpid(), 9) if os.name == "posix" else os._exit(1)
        """)
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        server = psutil.Process(int(parent.stdout.readline()))
        server.wait(15)
        assert not server.is_running()
    except psutil.NoSuchProcess:
        pass  # it ended even before we looked
    finally:
        parent.wait(10)
        parent.stdout.close()
