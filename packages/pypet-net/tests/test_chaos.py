"""Locks and queues while their clients are killed at random moments."""

from __future__ import annotations

import multiprocessing
import os
import queue
import random
from pathlib import Path

import psutil
import pytest

from pypet_net import LockerClient, LockerServer, QueuingClient, QueuingServerMessageListener

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a POSIX signal"),
]


def enter_often(client: LockerClient, marker: Path, times: int, alone: multiprocessing.Value):
    """Leave a marker while inside; what a killed process left does not count."""
    for _ in range(times):
        with client:
            if marker.exists() and psutil.pid_exists(int(marker.read_text() or 0)):
                process = psutil.Process(int(marker.read_text()))
                if process.status() != psutil.STATUS_ZOMBIE:
                    alone.value = 0
            marker.write_text(str(os.getpid()))
            marker.unlink()
    client.finalize()


@pytest.mark.parametrize("seed", range(3))
def test_whoever_is_killed_nobody_else_is_stuck_and_nobody_shares_a_lock(serve, tmp_path, seed):
    served = serve(LockerServer)
    moments = random.Random(seed)
    context = multiprocessing.get_context()
    alone = context.Value("i", 1)
    marker = tmp_path / "inside"

    def start(times):
        client = served.client(LockerClient)
        process = context.Process(target=enter_often, args=(client, marker, times, alone))
        process.start()
        return process

    survivors = [start(200) for _ in range(2)]
    for _ in range(8):
        doomed = start(10**9)
        doomed.join(moments.uniform(0.0, 0.15))
        doomed.kill()
        doomed.join()
    for process in survivors:
        process.join(60)
        assert process.exitcode == 0
    assert alone.value == 1


def put_often(client: QueuingClient, confirm) -> None:
    number = 0
    while True:
        client.put((os.getpid(), number))
        confirm.send(number)
        number += 1


def test_what_was_put_before_a_kill_is_in_the_queue(serve):
    messages = queue.Queue()
    served = serve(QueuingServerMessageListener, messages, 0)
    moments = random.Random(5)
    context = multiprocessing.get_context()
    confirmed = {}
    for _ in range(8):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=put_often, args=(served.client(QueuingClient), sender))
        process.start()
        sender.close()
        last = [receiver.recv() for _ in range(moments.randrange(1, 60))][-1]
        process.kill()
        process.join()
        while receiver.poll():
            try:
                last = receiver.recv()
            except EOFError:
                break
        receiver.close()
        confirmed[process.pid] = last
    served.stop()
    arrived = list(messages.queue)
    for pid, last in confirmed.items():
        numbers = [number for sender, number in arrived if sender == pid]
        assert numbers == list(range(len(numbers)))
        assert last < len(numbers) <= last + 2
