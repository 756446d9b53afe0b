"""Queue servers and clients, over real sockets."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import threading

import pytest

from pypet_net.client import ReliableClient, ServerSilentError
from pypet_net.keys import SessionKeys
from pypet_net.protocol import DATA
from pypet_net.queue_client import ForkAwareQueuingClient, QueuingClient
from pypet_net.queue_server import QueuingServer, QueuingServerMessageListener
from pypet_trajectory.api.service import StorageService

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def listening(serve, connect):
    """Call with a bound on the queue to have the queue, its server and a client."""

    def start(maxsize=0, kind=QueuingServerMessageListener):
        messages = queue.Queue()
        served = serve(kind, messages, maxsize)
        return messages, served, connect(served, QueuingClient)

    return start


def test_what_is_put_arrives_in_order(listening):
    messages, _, client = listening()
    client.start()
    for number in range(100):
        client.put(("STORE", (number,), {}))
    assert [messages.get(timeout=10)[1][0] for _ in range(100)] == list(range(100))


def test_large_messages_arrive(listening):
    messages, _, client = listening()
    client.put(bytes(30_000_000))
    assert len(messages.get(timeout=10)) == 30_000_000


def test_functions_of_the_main_script_arrive(listening):
    messages, _, client = listening()
    factor = 3
    client.put(lambda x: factor * x)
    assert messages.get(timeout=10)(2) == 6


def test_a_full_queue_holds_senders_back(listening):
    messages, served, client = listening(maxsize=2)
    client.put(1)
    client.put(2)
    done = threading.Event()
    sender = threading.Thread(target=lambda: (client.put(3), done.set()))
    sender.start()
    assert not done.wait(0.2)
    assert messages.get(timeout=10) == 1
    served.server.wake()
    assert done.wait(10)
    sender.join(10)
    assert messages.qsize() == 2


def test_being_held_back_outlasts_the_clients_timeout(listening, monkeypatch):
    monkeypatch.setattr(QueuingClient, "TIMEOUT", 1500)
    monkeypatch.setattr(QueuingClient, "RETRIES", 1)
    messages, _, client = listening(maxsize=1)
    client.put(1)
    done = threading.Event()
    sender = threading.Thread(target=lambda: (client.put(2), done.set()))
    sender.start()
    assert not done.wait(2.0)  # longer than the timeout: the server says that it lives
    messages.get(timeout=10)
    assert done.wait(10)
    sender.join(10)


def test_not_waiting_for_room_is_an_error(listening):
    _, _, client = listening(maxsize=1)
    client.put(1, block=False)
    with pytest.raises(queue.Full):
        client.put(2, block=False)


def test_a_message_sent_twice_arrives_once(listening):
    class Forgetful(QueuingServerMessageListener):
        stored = 0

        def _pre_respond_hook(self, response):
            self.stored += response == self.STORING
            return response != self.STORING or self.stored != 1

    messages, served, client = listening(kind=Forgetful)
    client.TIMEOUT = 200
    client.put("once")
    assert served.server.stored == 2
    assert messages.get(timeout=10) == "once"
    assert messages.empty()


def test_senders_that_die_while_they_wait_do_not_block_the_others(listening, connect):
    messages, served, client = listening(maxsize=1)
    client.put(1)
    for _ in range(3):
        doomed = served.client(QueuingClient)
        doomed.start()
        doomed._send([b"tag", b"", DATA.encode(), (1).to_bytes(8, "little"), pickle.dumps(0)])
        doomed.test_ping()  # so that the message has arrived
        doomed.finalize()
    sender = threading.Thread(target=client.put, args=(2,))
    sender.start()
    received = []
    while 2 not in received:
        received.append(messages.get(timeout=10))
        served.server.wake()
    sender.join(10)
    assert not sender.is_alive()
    assert received[0] == 1


def test_an_object_that_cannot_be_rebuilt_is_an_error_for_its_sender(listening):
    _, _, client = listening()
    with pytest.raises(RuntimeError, match="did not take a message of 8 bytes"):
        client.put_bytes(b"garbage!")
    client.put(1)


def test_nothing_is_unpickled_for_a_stranger(serve, monkeypatch):
    class Hasty(QueuingClient):
        TIMEOUT = 100
        RETRIES = 2

    served = serve(QueuingServerMessageListener, queue.Queue(), 0)
    monkeypatch.setattr("pypet_net.queue_server.pickle.loads", lambda _: pytest.fail("unpickled"))
    stranger = Hasty(served.url, keys=SessionKeys.generate().client)
    with pytest.raises(ServerSilentError):
        stranger.put("x")
    stranger.finalize()
    assert served.server.queue.empty()


def test_without_keys_server_and_client_use_those_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    messages = queue.Queue()
    server = QueuingServerMessageListener("tcp://127.0.0.1:*", messages, 0)
    url = server.bind()
    thread = threading.Thread(target=server.listen)
    thread.start()
    client = ForkAwareQueuingClient(url)
    client.put(1)
    client.send_done()
    client.finalize()
    thread.join(10)
    assert messages.get_nowait() == 1


def put_many(client, count):
    for number in range(count):
        client.put((os.getpid(), number))
    client.finalize()


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_can_put(serve, method):
    messages = queue.Queue()
    served = serve(QueuingServerMessageListener, messages, 0)
    context = multiprocessing.get_context(method)
    processes = [
        context.Process(target=put_many, args=(served.client(QueuingClient), 50)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(50)
        assert process.exitcode == 0
    arrived = [messages.get_nowait() for _ in range(100)]
    for process in processes:
        assert [n for pid, n in arrived if pid == process.pid] == list(range(50))


class Store(StorageService):
    """Remembers what it stored, and that it was closed."""

    def __init__(self):
        self.stored = []
        self.is_closed = False

    @property
    def is_open(self):
        return bool(self.stored) and not self.is_closed

    def store(self, msg, stuff_to_store, *args, **kwargs):
        match msg:
            case "CLOSE_FILE":
                self.is_closed = True
            case "OPEN_FILE" | "FLUSH":
                pass
            case _ if stuff_to_store == "bad":
                raise ValueError("bad")
            case _:
                self.stored.append(stuff_to_store)


def test_a_queuing_server_stores_everything_before_it_ends(caplog):
    keys = SessionKeys.generate()
    store = Store()
    server = QueuingServer("tcp://127.0.0.1:*", store, 2, None, keys=keys.server)
    url = server.bind()
    thread = threading.Thread(target=server.run)
    thread.start()
    client = QueuingClient(url, keys=keys.client)
    for number in (*range(20), "bad", 20):
        client.put(("STORE", ("LEAF", number), {"trajectory_name": "sir"}))
    client.send_done()
    client.finalize()
    thread.join(10)
    assert not thread.is_alive()
    assert store.stored == list(range(21))
    assert "ERROR occurred during storing!" in caplog.text


def test_a_ping_is_answered_while_senders_are_held_back(listening, connect):
    _, served, client = listening(maxsize=1)
    client.put(1)
    other = connect(served, ReliableClient)
    other.test_ping()
