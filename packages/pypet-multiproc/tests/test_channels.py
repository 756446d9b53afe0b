"""Messages arrive whole or not at all, whatever happens to their senders."""

import multiprocessing
import os
import pickle
import signal
import socket
from selectors import DefaultSelector

import pytest

from pypet_multiproc.channels import FrameBuffer, FrameReader, can_send, frame, send_frame
from pypet_multiproc.writing.chunks import ChunkSource
from pypet_multiproc.writing.sockets import SocketSource

pytestmark = pytest.mark.timeout(30)

context = multiprocessing.get_context("fork")


@pytest.fixture
def pipe():
    reading, writing = context.Pipe(duplex=False)
    yield FrameReader(reading), writing
    reading.close()
    writing.close()


def test_frames_come_out_as_they_went_in(pipe):
    reader, writing = pipe
    for payload in (b"", b"a", b"b" * 1000):
        send_frame(writing, payload)
    assert reader.read() == [b"", b"a", b"b" * 1000]
    assert reader.read() == []
    assert not reader.ended


def test_half_a_frame_waits_for_its_other_half(pipe):
    reader, writing = pipe
    data = frame(b"hello")
    os.write(writing.fileno(), data[:9])
    assert reader.read() == []
    os.write(writing.fileno(), data[9:])
    assert reader.read() == [b"hello"]


def test_the_end_of_the_sender_is_noticed_and_half_a_frame_is_dropped(pipe):
    reader, writing = pipe
    send_frame(writing, b"whole")
    os.write(writing.fileno(), frame(b"half")[:9])
    writing.close()
    assert reader.read() == [b"whole"]
    reader.read()
    assert reader.ended


def test_a_full_pipe_is_noticed(pipe):
    _, writing = pipe
    assert can_send(writing)
    os.set_blocking(writing.fileno(), False)
    with pytest.raises(BlockingIOError):
        send_frame(writing, bytes(10**7))
    assert not can_send(writing)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 100])
def test_a_stream_may_be_cut_anywhere(size):
    payloads = [b"x" * length for length in (0, 1, 8, 50)]
    stream = b"".join(map(frame, payloads))
    buffer = FrameBuffer()
    frames = []
    for start in range(0, len(stream), size):
        frames += buffer.feed(stream[start : start + size])
    assert frames == payloads


class Listener:
    """Drives a message source as the writer process does."""

    def __init__(self, source):
        self.source = source
        self.selector = DefaultSelector()
        source.open(self.selector)

    def take(self, count):
        taken = []
        while len(taken) < count:
            for key, _ in self.selector.select(10):
                taken += self.source.receive(key.fileobj)
        return [pickle.loads(incoming.data) for incoming in taken], taken

    def close(self):
        self.source.close()
        self.selector.close()


@pytest.fixture
def sockets():
    source = SocketSource(bounded=True)
    queue = source.queue()
    listener = Listener(source)
    yield queue, listener
    queue.close()
    listener.close()


def test_messages_arrive_through_a_socket_with_their_token(sockets):
    queue, listener = sockets
    queue.begin(42)
    queue.put(("STORE", (1,), {}))
    messages, incoming = listener.take(1)
    assert messages == [("STORE", (1,), {})]
    assert incoming[0].token == 42
    assert queue.sent == 1


@pytest.mark.claim(168)
def test_a_sender_waits_until_its_message_before_was_accepted(sockets):
    queue, listener = sockets
    queue.put(("STORE", (1,), {}))
    queue._socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        queue.put(("STORE", (2,), {}))
    _, (incoming,) = listener.take(1)
    incoming.acknowledge()
    queue.put(("STORE", (2,), {}))
    assert listener.take(1)[0] == [("STORE", (2,), {})]


@pytest.mark.claim(169)
def test_an_unbounded_queue_never_waits():
    source = SocketSource(bounded=False)
    queue = source.queue()
    listener = Listener(source)
    for number in range(100):
        queue.put(("STORE", (number,), {}))
    assert listener.take(100)[0] == [("STORE", (number,), {}) for number in range(100)]
    queue.close()
    listener.close()


def test_a_stranger_who_does_not_know_the_secret_is_not_heard(sockets):
    queue, listener = sockets
    stranger = socket.socket(socket.AF_UNIX)
    stranger.connect(queue._address)
    stranger.sendall(bytes(32) + frame(bytes(8) + pickle.dumps("evil")))
    queue.put(("STORE", (), {}))
    assert listener.take(1)[0] == [("STORE", (), {})]
    assert stranger.recv(1) == b""
    stranger.close()


def test_a_sender_killed_in_the_middle_of_a_message_harms_nobody(sockets):
    queue, listener = sockets
    pid = os.fork()
    if pid == 0:
        queue._connected().sendall(frame(bytes(1000))[:100])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    queue.put(("STORE", (3,), {}))
    assert listener.take(1)[0] == [("STORE", (3,), {})]


def test_a_queue_connects_anew_in_a_forked_process(sockets):
    queue, listener = sockets
    queue.put(("STORE", ("parent",), {}))
    _, (incoming,) = listener.take(1)
    pid = os.fork()
    if pid == 0:
        queue.put(("STORE", ("child",), {}))
        os._exit(0)
    os.waitpid(pid, 0)
    assert listener.take(1)[0] == [("STORE", ("child",), {})]
    incoming.acknowledge()
    queue.put(("STORE", ("parent again",), {}))
    assert listener.take(1)[0] == [("STORE", ("parent again",), {})]


@pytest.fixture
def chunks():
    source = ChunkSource()
    writer = source.writer()
    source._writing = None
    listener = Listener(source)
    yield writer, listener
    writer.close()
    listener.close()


@pytest.mark.parametrize("size", [0, 100, 5000, 40000])
def test_messages_of_any_size_arrive_through_a_pipe(chunks, size):
    writer, listener = chunks
    writer.begin(7)
    writer.send(("STORE", (bytes(size),), {}))
    messages, incoming = listener.take(1)
    assert messages == [("STORE", (bytes(size),), {})]
    assert incoming[0].token == 7


def test_messages_of_many_senders_mix_in_one_pipe(chunks):
    writer, listener = chunks
    pids = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            for _ in range(10):
                writer.send(("STORE", (number, bytes([number]) * 20000), {}))
            os._exit(0)
        pids.append(pid)
    messages, _ = listener.take(40)
    for pid in pids:
        os.waitpid(pid, 0)
    assert all(args[1] == bytes([args[0]]) * 20000 for _, args, _ in messages)
    assert sorted(args[0] for _, args, _ in messages) == sorted(list(range(4)) * 10)


@pytest.mark.claim(174)
def test_a_pipe_cannot_be_pickled_for_a_running_process(chunks):
    writer, _ = chunks
    with pytest.raises(pickle.PicklingError, match="QUEUE"):
        pickle.dumps(writer)
