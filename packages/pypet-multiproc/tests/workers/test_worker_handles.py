"""Whatever a worker says before it ends, each attempt it was given comes to exactly one event."""

import multiprocessing
import pickle

import pytest

from pypet_multiproc.model.experiment import RunOutcome, RunTask
from pypet_multiproc.model.failures import WorkerStartError, describe
from pypet_multiproc.model.tasks import Attempt
from pypet_multiproc.transport.channels import FrameReader, send_frame
from pypet_multiproc.workers.handles import Reported, Undone, Worker
from pypet_multiproc.workers.process import (
    BEGUN,
    BROKEN,
    DROPPED,
    FINISHED,
    OUTCOME,
    READY,
    STORING,
)

pytestmark = pytest.mark.timeout(60)


class Worked:
    """A worker's side of the pipe, and the worker as the main process sees it."""

    def __init__(self, count):
        reading, self._writing = multiprocessing.Pipe(duplex=False)
        self.attempts = [Attempt(RunTask(idx), 1, idx) for idx in range(count)]
        self.worker = Worker(process=None, tasks=None, results=FrameReader(reading), parent=None,
                             end=-1)  # fmt: skip
        self.worker.assigned.extend(self.attempts)

    def say(self, *words):
        for word in words:
            send_frame(self._writing, word)
        return list(self.worker.hear())

    def outcome(self, idx):
        return OUTCOME + pickle.dumps(RunOutcome(idx, result=idx))

    def end(self):
        """Indices of the run that is lost and of those that are undone."""
        ended = self.worker.ended(-9)
        lost = None if ended.lost is None else ended.lost.task.idx
        return lost, [attempt.task.idx for attempt in ended.undone]

    @property
    def begun(self):
        return [attempt.task.idx for attempt in self.attempts if attempt.begun]

    def close(self):
        self._writing.close()
        self.worker.results.close()


@pytest.fixture
def worked():
    worked = Worked(4)
    yield worked
    worked.close()


def test_outcomes_belong_to_attempts_in_their_order(worked):
    events = worked.say(READY, BEGUN, worked.outcome(0), worked.outcome(1))
    assert [(type(event), event.attempt.task.idx) for event in events] == [
        (Reported, 0),
        (Reported, 1),
    ]
    assert worked.end() == (2, [3])
    assert worked.begun == []


def test_a_worker_that_ends_before_it_can_run_leaves_everything_undone(worked):
    assert worked.end() == (None, [0, 1, 2, 3])
    assert worked.begun == []


def test_runs_that_finished_and_were_not_stored_are_to_be_done_again(worked):
    worked.say(READY, BEGUN, FINISHED, FINISHED)
    assert worked.end() == (2, [0, 1, 3])
    assert worked.begun == [0, 1]


def test_nobody_knows_who_caused_a_death_while_several_are_stored(worked):
    worked.say(READY, BEGUN, FINISHED, FINISHED, STORING)
    assert worked.end() == (None, [0, 1, 2, 3])
    assert worked.begun == [0, 1]


def test_storing_the_data_of_a_single_run_is_a_part_of_it(worked):
    worked.say(READY, BEGUN, FINISHED, STORING)
    assert worked.end() == (0, [1, 2, 3])


def test_after_storing_the_worker_is_at_the_next_run(worked):
    worked.say(READY, BEGUN, FINISHED, FINISHED, STORING, worked.outcome(0), worked.outcome(1))
    assert worked.end() == (2, [3])


def test_what_a_worker_drops_is_undone(worked):
    (reported, dropped) = worked.say(READY, BEGUN, worked.outcome(0), DROPPED + pickle.dumps(3))
    assert isinstance(reported, Reported)
    assert isinstance(dropped, Undone)
    assert [attempt.task.idx for attempt in dropped.undone] == [1, 2, 3]
    assert worked.end() == (None, [])


def test_what_waits_behind_a_long_run_is_taken_away_and_then_dropped(worked):
    worked.say(READY, BEGUN)
    assert worked.worker.revoke() == []
    worked.worker.since -= 10
    (undone,) = worked.worker.revoke()
    assert [attempt.task.idx for attempt in undone.undone] == [1, 2, 3]
    reported, dropped = worked.say(worked.outcome(0), DROPPED + pickle.dumps(3))
    assert reported.attempt.task.idx == 0
    assert dropped.undone == []
    assert worked.end() == (None, [])


def test_a_worker_that_cannot_go_on_says_why(worked):
    why = describe(LookupError("no such model"))
    with pytest.raises(WorkerStartError, match="no such model"):
        worked.say(BROKEN + pickle.dumps(why))


def test_an_outcome_that_cannot_be_unpickled_is_a_failed_run(worked):
    (event,) = worked.say(READY, BEGUN, OUTCOME + b"no pickle")
    assert event.outcome.failure.status == "failed"
    assert event.outcome.idx == 0
