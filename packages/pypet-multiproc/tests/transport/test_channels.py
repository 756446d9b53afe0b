"""Messages arrive whole or not at all, whatever happens to their senders."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import socket
import stat
import tempfile
from selectors import DefaultSelector, SelectSelector

import pytest

from pypet_multiproc.backends import supervision
from pypet_multiproc.backends.supervision import ConnectionWaiter
from pypet_multiproc.testing import double
from pypet_multiproc.transport import sockets
from pypet_multiproc.transport.channels import (
    FrameBuffer,
    FrameReader,
    can_send,
    frame,
    send_frame,
    socket_channel,
)
from pypet_multiproc.transport.chunks import ChunkSource, left_out
from pypet_multiproc.transport.sockets import SocketSource
from pypet_multiproc.writer import process as writing_process

pytestmark = pytest.mark.timeout(60)

context = multiprocessing.get_context("fork")


@pytest.fixture(params=["pipe", "sockets"])
def channel(request):
    """Both ends of a channel: a reader and what it reads from."""
    if request.param == "sockets":
        writing, reading = socket_channel()
    else:
        reading, writing = context.Pipe(duplex=False)
    yield FrameReader(reading), writing
    reading.close()
    writing.close()


def test_frames_come_out_as_they_went_in(channel):
    reader, writing = channel
    for payload in (b"", b"a", b"b" * 1000):
        send_frame(writing, payload)
    assert reader.read() == [b"", b"a", b"b" * 1000]
    assert reader.read() == []
    assert not reader.ended


def test_half_a_frame_waits_for_its_other_half(channel):
    reader, writing = channel
    data = frame(b"hello")
    os.write(writing.fileno(), data[:9])
    assert reader.read() == []
    os.write(writing.fileno(), data[9:])
    assert reader.read() == [b"hello"]


def test_the_end_of_the_sender_is_noticed_and_half_a_frame_is_dropped(channel):
    reader, writing = channel
    send_frame(writing, b"whole")
    os.write(writing.fileno(), frame(b"half")[:9])
    writing.close()
    assert reader.read() == [b"whole"]
    reader.read()
    assert reader.ended


def test_the_end_of_the_reader_is_noticed(channel):
    reader, writing = channel
    reader.close()
    with pytest.raises(OSError):
        send_frame(writing, b"to nobody")


def _fill(writing):
    os.set_blocking(writing.fileno(), False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing.fileno(), bytes(10**5))


def test_a_full_channel_is_noticed(channel):
    _, writing = channel
    assert can_send(writing)
    _fill(writing)
    assert not can_send(writing)


def test_where_there_is_no_poll_select_tells_whether_sockets_are_full(monkeypatch):
    monkeypatch.delattr("select.poll")
    writing, reading = socket_channel()
    with writing, reading:
        assert can_send(writing)
        _fill(writing)
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


def _abstract():
    return f"\0pypet-test-{os.getpid()}"


def _file():
    return os.path.join(tempfile.mkdtemp(prefix="pypet-", dir=os.getcwd()), "writer")


def _port():
    return ("127.0.0.1", 0)


@pytest.fixture(params=[_abstract, _file, _port], ids=lambda new: new.__name__.strip("_"))
def connected(request, monkeypatch):
    """A bounded queue and who listens to it, with each kind of address there is."""
    monkeypatch.setattr(sockets, "new_address", request.param)
    source = SocketSource(bounded=True)
    queue = source.queue()
    listener = Listener(source)
    yield queue, listener
    queue.close()
    listener.close()
    assert os.listdir() == []


def test_messages_arrive_through_a_socket_with_their_token(connected):
    queue, listener = connected
    queue.begin(42)
    queue.put(("STORE", (1,), {}))
    messages, incoming = listener.take(1)
    assert messages == [("STORE", (1,), {})]
    assert incoming[0].token == 42
    assert queue.sent == 1


@pytest.mark.claim(168)
def test_a_sender_waits_until_its_message_before_was_accepted(connected):
    queue, listener = connected
    queue.put(("STORE", (1,), {}))
    queue.connection().settimeout(0.05)
    with pytest.raises(TimeoutError):
        queue.put(("STORE", (2,), {}))
    _, (incoming,) = listener.take(1)
    incoming.acknowledge()
    queue.put(("STORE", (2,), {}))
    assert listener.take(1)[0] == [("STORE", (2,), {})]


def test_small_messages_that_may_wait_travel_through_a_socket_as_one(connected):
    queue, listener = connected
    for token in (1, 2):
        queue.begin(token)
        queue.put(("STORE", (token,), {}), more=True)
    assert queue.has_waiting
    assert queue.waiting_tokens() == {1, 2}
    queue.send_waiting()
    assert not queue.has_waiting
    messages, incoming = listener.take(2)
    assert [args for _, args, _ in messages] == [(1,), (2,)]
    assert [each.token for each in incoming] == [1, 2]
    for each in incoming:
        each.acknowledge()
    queue.put(("STORE", (3,), {}))
    assert queue._unacknowledged == 1


def test_large_messages_do_not_wait_for_more(connected):
    queue, listener = connected
    queue.put(("STORE", (bytes(70_000),), {}), more=True)
    assert not queue.has_waiting
    assert len(listener.take(1)[0]) == 1


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


def test_a_stranger_who_does_not_know_the_secret_is_not_heard(connected):
    queue, listener = connected
    family = socket.AF_INET if isinstance(queue.address, tuple) else socket.AF_UNIX
    stranger = socket.socket(family)
    stranger.connect(queue.address)
    stranger.sendall(bytes(32) + frame(bytes(8) + pickle.dumps("evil")))
    queue.put(("STORE", (), {}))
    assert listener.take(1)[0] == [("STORE", (), {})]
    assert stranger.recv(1) == b""
    stranger.close()


def test_a_sender_killed_in_the_middle_of_a_message_harms_nobody(connected):
    queue, listener = connected
    pid = os.fork()
    if pid == 0:
        queue.connection().sendall(frame(bytes(1000))[:100])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    queue.put(("STORE", (3,), {}))
    assert listener.take(1)[0] == [("STORE", (3,), {})]


def test_a_queue_connects_anew_in_a_forked_process(connected):
    queue, listener = connected
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


def test_small_messages_that_may_wait_travel_through_a_pipe_as_one(chunks, monkeypatch):
    writer, listener = chunks
    writes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(fd) or write(fd, data))
    for token in range(10):
        writer.begin(token)
        writer.send(("STORE", (token,), {}), more=True)
    assert writer.waiting_tokens() == set(range(10))
    writer.send_waiting()
    assert len(writes) == 1
    messages, incoming = listener.take(10)
    assert [args for _, args, _ in messages] == [(token,) for token in range(10)]
    assert [each.token for each in incoming] == list(range(10))


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


def test_a_pipe_cannot_be_pickled_for_a_running_process(chunks):
    writer, _ = chunks
    with pytest.raises(pickle.PicklingError, match="QUEUE"):
        pickle.dumps(writer)


def test_a_pipe_is_left_out_of_what_a_run_returns(chunks):
    writer, _ = chunks
    with left_out():
        again = pickle.loads(pickle.dumps(writer))
    twice = pickle.loads(pickle.dumps(again))
    for sender in (again, twice):
        with pytest.raises(RuntimeError, match="cannot store"):
            sender.send(("STORE", (), {}))
        sender.close()
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(writer)


def _only_sockets():
    """A selector as Windows has it."""

    class SocketSelector(SelectSelector):
        def register(self, fileobj, events, data=None):
            assert stat.S_ISSOCK(os.fstat(fileobj.fileno()).st_mode)
            return super().register(fileobj, events, data)

    return SocketSelector()


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_a_queue_needs_nothing_that_windows_lacks(experiment, monkeypatch, start_method):
    monkeypatch.setattr(sockets, "new_address", _port)
    monkeypatch.setattr(supervision, "make_waiter", ConnectionWaiter)
    monkeypatch.setattr(writing_process, "DefaultSelector", _only_sockets)
    monkeypatch.delattr("select.poll")
    experiment(
        double, runs=60, multiproc=True, ncores=2, use_pool=True, wrap_mode="QUEUE",
        queue_maxsize=1, start_method=start_method,
    )  # fmt: skip
    assert experiment.stored == {idx: 2 * idx for idx in range(60)}
