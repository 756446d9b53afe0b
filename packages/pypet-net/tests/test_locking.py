"""Lock servers and clients, over real sockets."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import threading

import pytest
import zmq

from pypet_net.client import ReliableClient, ServerSilentError
from pypet_net.keys import SessionKeys
from pypet_net.lock_client import ForkAwareLockerClient, LockerClient, LockLostError
from pypet_net.lock_server import LockerServer, TimeOutLockerServer
from pypet_net.protocol import ClientIdentity, LockRequest
from pypet_trajectory.exceptions import PypetError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def raw(serve):
    """A REQ socket to a server without keys, as other programs would use it."""
    context = zmq.Context()
    requester = context.socket(zmq.REQ)
    requester.linger = 0
    requester.rcvtimeo = 10_000
    served = serve(LockerServer, secure=False)
    requester.connect(served.url)

    def ask(text: str) -> str:
        requester.send_string(text)
        return requester.recv_string()

    ask.served = served
    yield ask
    requester.close()
    context.term()


def request(command: str, client: str, name: str = "_DEFAULT_") -> str:
    return LockRequest(command, name, client, "1").encode()


def test_the_textual_protocol_is_that_of_pypet_0_7(raw):
    assert raw("PING") == "PONG"
    assert raw(request("LOCK", "ann")) == "GO"
    assert raw(request("LOCK", "bob")) == "WAIT"
    assert raw(request("LOCK", "ann")).startswith("LOCK_ERROR:::")
    assert raw(request("UNLOCK", "bob")).startswith("RELEASE_ERROR:::")
    assert raw(request("UNLOCK", "ann")) == "RELEASED"
    assert raw(request("UNLOCK", "ann")).startswith("RELEASE_ERROR:::")
    assert raw("LOCK:::x").startswith("MSG_ERROR:::")
    assert raw("Hello").startswith("MSG_ERROR:::")
    assert raw(request("JUMP", "ann")).startswith("MSG_ERROR:::")
    assert raw("DONE") == "CLOSED"
    raw.served.thread.join(10)
    assert not raw.served.thread.is_alive()


def test_a_lock_server_knows_its_holders(raw):
    raw(request("LOCK", "ann", "a"))
    assert raw.served.server._locks == {"a": ("ann", "1")}


def test_a_lock_can_be_acquired_and_released(serve, connect):
    client = connect(serve(LockerServer), LockerClient)
    client.start()
    for _ in range(3):
        assert client.acquire()
        client.release()


def test_a_lock_excludes(serve, connect):
    served = serve(LockerServer)
    first, second = connect(served, LockerClient), connect(served, LockerClient)
    first.acquire()
    entered = threading.Event()
    waiter = threading.Thread(target=lambda: (second.acquire(), entered.set()))
    waiter.start()
    assert not entered.wait(0.2)
    first.release()
    assert entered.wait(10)
    waiter.join(10)


def test_waiting_outlasts_the_clients_timeout(serve, connect):
    class Impatient(LockerClient):
        TIMEOUT = 1500
        RETRIES = 1

    served = serve(LockerServer)
    first, second = connect(served, LockerClient), connect(served, Impatient)
    first.acquire()
    entered = threading.Event()
    waiter = threading.Thread(target=lambda: (second.acquire(), entered.set()))
    waiter.start()
    assert not entered.wait(2.0)  # longer than the timeout: the server says that it lives
    first.release()
    assert entered.wait(10)
    waiter.join(10)


def test_locks_of_other_names_are_independent(serve, connect):
    served = serve(LockerServer)
    with connect(served, LockerClient, "a"), connect(served, LockerClient, "b"):
        assert set(served.server._locks) == {"a", "b"}


def test_a_lock_is_acquired_once_only(serve, connect):
    client = connect(serve(LockerServer), LockerClient)
    client.acquire()
    with pytest.raises(RuntimeError, match="holds it already"):
        client.acquire()


def test_a_lock_not_held_cannot_be_released(serve, connect):
    client = connect(serve(LockerServer), LockerClient)
    with pytest.raises(LockLostError, match="_DEFAULT_"):
        client.release()


@pytest.mark.claim(46)
def test_after_the_timeout_the_next_client_gets_the_lock(serve, connect):
    served = serve(TimeOutLockerServer, 0.3)
    first, second = connect(served, LockerClient), connect(served, LockerClient)
    first.acquire()
    second.acquire()
    with pytest.raises(LockLostError, match="held by"):
        first.release()
    second.release()


def test_a_lost_answer_is_asked_for_again(serve, connect):
    class Forgetful(LockerServer):
        answers: tuple[str, ...] = ()

        def _pre_respond_hook(self, response):
            self.answers = (*self.answers, response)
            return self.answers.count(response) > 1

    class Hasty(LockerClient):
        TIMEOUT = 200

    served = serve(Forgetful)
    client = connect(served, Hasty)
    client.start()
    client.acquire()
    assert [answer.partition(":::")[0] for answer in served.server.answers] == [
        "PONG", "PONG", "GO", "LOCK_ERROR", "LOCK_ERROR",
    ]  # fmt: skip
    client.release()
    served.server.answers = ("PONG", "CLOSED")  # so that the server can be stopped


def test_a_silent_server_is_an_error_in_bounded_time():
    class Hasty(LockerClient):
        TIMEOUT = 20
        RETRIES = 3

    context = zmq.Context()
    deaf = context.socket(zmq.ROUTER)
    port = deaf.bind_to_random_port("tcp://127.0.0.1")
    client = Hasty(f"tcp://127.0.0.1:{port}")
    with pytest.raises(ServerSilentError, match=f":{port}' did not answer 3 times") as caught:
        client.start()
    assert isinstance(caught.value, RuntimeError)
    assert isinstance(caught.value, PypetError)
    client.finalize()
    context.destroy(linger=0)


def test_a_server_that_has_ended_is_noticed_long_before_the_last_try(serve, connect):
    served = serve(LockerServer)
    client = connect(served, LockerClient)
    client.start()
    served.stop()
    with pytest.raises(ServerSilentError, match="any more"):
        client.acquire()


def test_a_server_may_start_a_little_later_than_its_clients(serve):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    client = LockerClient(url)
    starter = threading.Thread(target=client.start)
    starter.start()
    starter.join(1.5)  # its first knock was refused
    assert starter.is_alive()
    server = LockerServer(url)
    server.bind()
    thread = threading.Thread(target=server.run)
    thread.start()
    starter.join(10)
    assert not starter.is_alive()
    client.send_done()
    client.finalize()
    thread.join(10)


def test_where_nobody_listens_is_an_error():
    class Hasty(LockerClient):
        TIMEOUT = 20
        RETRIES = 40

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        client = Hasty(f"tcp://127.0.0.1:{probe.getsockname()[1]}")
        with pytest.raises(ServerSilentError, match="Is the server running"):
            client.start()
    client.finalize()


def test_finalizing_releases_and_is_idempotent(serve, connect):
    served = serve(LockerServer)
    client = served.client(LockerClient)
    client.acquire()
    client.finalize()
    client.finalize()
    assert served.server._locks == {}


def test_a_client_can_be_used_after_finalizing(serve, connect):
    client = connect(serve(LockerServer), LockerClient)
    client.start()
    client.finalize()
    with client:
        pass


def test_a_pickled_client_is_another_client(serve, connect):
    served = serve(LockerServer)
    client = connect(served, LockerClient, "a")
    client.acquire()
    copy = pickle.loads(pickle.dumps(client))
    assert copy.lock_name == "a"
    with pytest.raises(LockLostError):
        copy.release()
    copy.finalize()


@pytest.mark.parametrize("kind", [LockerClient, ForkAwareLockerClient])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_client_is_another_client(serve, connect, kind):
    client = connect(serve(LockerServer), kind)
    client.acquire()

    def child():
        client.acquire()
        client.release()
        client.finalize()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(0.3)
    assert process.is_alive()  # waits for its parent
    client.release()
    process.join(20)
    assert process.exitcode == 0
    with client:
        pass


def hold(client, ready):
    client.acquire()
    ready.set()
    threading.Event().wait(50)


@pytest.mark.claim(47)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_the_lock_of_a_killed_client_becomes_free_without_a_timeout(serve, connect, method):
    served = serve(LockerServer)
    context = multiprocessing.get_context(method)
    ready = context.Event()
    process = context.Process(target=hold, args=(served.client(LockerClient), ready))
    process.start()
    try:
        assert ready.wait(50)
    finally:
        process.kill()
    # The zombie is not reaped before the lock is free.
    with connect(served, LockerClient):
        pass
    process.join(10)


def test_the_lock_of_a_client_elsewhere_becomes_free_after_its_connection_is_lost(
    serve, connect, monkeypatch
):
    served = serve(LockerServer)
    served.server.LEASE = 0.2
    client = served.client(LockerClient)
    client.start()
    client._identity = ClientIdentity(machine="elsewhere", unique=client._identity.unique)
    client.acquire()
    other = connect(served, LockerClient)
    entered = threading.Event()
    waiter = threading.Thread(target=lambda: (other.acquire(), entered.set()))
    waiter.start()
    assert not entered.wait(1.5)  # the connection stands, whatever the lease
    client._is_held = False  # it is cut off: it cannot release
    client.finalize()
    assert entered.wait(10)
    waiter.join(10)


def test_a_client_that_stopped_waiting_gets_no_lock(serve, connect):
    class Interrupted(LockerClient):
        def _receive(self, tag):
            super()._receive(tag)
            raise KeyboardInterrupt

    served = serve(LockerServer)
    first, third = connect(served, LockerClient), connect(served, LockerClient)
    second = connect(served, Interrupted)
    first.acquire()
    with pytest.raises(KeyboardInterrupt):
        second.acquire()
    first.release()
    with third:
        pass


def test_a_client_without_the_key_is_not_heard(serve):
    class Hasty(ReliableClient):
        TIMEOUT = 100
        RETRIES = 2

    served = serve(LockerServer)
    stranger = SessionKeys.generate().client
    other = SessionKeys.generate().client
    thief = type(stranger)(stranger.public, stranger.secret, served.keys.client.server)
    for keys in (None, other, thief):
        client = Hasty(served.url, keys=keys)
        with pytest.raises(ServerSilentError):
            client.send_done()
        client.finalize()
    assert served.thread.is_alive()


def test_a_client_does_not_talk_to_an_impostor(serve):
    class Hasty(ReliableClient):
        TIMEOUT = 100
        RETRIES = 2

    impostor = serve(LockerServer)
    client = Hasty(impostor.url, keys=SessionKeys.generate().client)
    with pytest.raises(ServerSilentError):
        client.start()
    client.finalize()


def test_a_server_the_network_can_reach_needs_keys():
    with pytest.raises(ValueError, match=r"0\.0\.0\.0"):
        LockerServer("tcp://0.0.0.0:7777")


def test_an_address_in_use_is_an_error(serve):
    served = serve(LockerServer)
    with pytest.raises(RuntimeError, match="cannot bind"):
        LockerServer(served.url).bind()


def test_a_name_with_the_delimiter_is_refused():
    with pytest.raises(ValueError, match="a:::b"):
        LockerClient("tcp://127.0.0.1:7777", "a:::b")


def count_up(client, path, times):
    for _ in range(times):
        with client:
            number = int(path.read_text())
            path.write_text(str(number + 1))
    client.finalize()


def test_no_update_is_lost_between_processes(serve, tmp_path):
    served = serve(LockerServer)
    path = tmp_path / "number"
    path.write_text("0")
    context = multiprocessing.get_context()
    processes = [
        context.Process(target=count_up, args=(served.client(LockerClient), path, 50))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(40)
        assert process.exitcode == 0
    assert path.read_text() == "200"
