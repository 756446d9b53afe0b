"""Handing out runs and taking them back."""

import pytest

from pypet_multiproc.model.experiment import RunTask
from pypet_multiproc.model.tasks import BatchSizer, TaskSource


def source(count=5, on_exhausted=None, stop=lambda: False):
    return TaskSource(map(RunTask, range(count)), on_exhausted, stop)


def indices(attempts):
    return [attempt.task.idx for attempt in attempts]


def test_each_task_is_handed_out_once():
    tasks = source()
    assert indices(tasks.take(3)) == [0, 1, 2]
    assert not tasks.exhausted
    assert indices(tasks.take(3)) == [3, 4]
    assert tasks.exhausted
    assert tasks.take(1) == []


def test_tasks_are_asked_for_as_late_as_possible():
    asked = []

    def tasks():
        for idx in range(3):
            asked.append(idx)
            yield RunTask(idx)

    late = TaskSource(tasks(), None, lambda: False)
    assert asked == []
    late.take(1)
    assert asked == [0]


def test_what_was_never_started_comes_first_again():
    tasks = source()
    first = tasks.take(2)
    tokens = [attempt.token for attempt in first]
    tasks.give_back(first)
    again = tasks.take(3)
    assert indices(again) == [0, 1, 2]
    assert [attempt.number for attempt in again] == [1, 1, 1]
    assert not set(tokens) & {attempt.token for attempt in again[2:]}


def test_what_failed_comes_again_as_another_attempt():
    tasks = source(1)
    (attempt,) = tasks.take(1)
    tasks.try_again(attempt)
    assert not tasks.exhausted
    (again,) = tasks.take(1)
    assert (again.task.idx, again.number) == (0, 2)
    assert again.token != attempt.token


def test_nothing_is_handed_out_after_a_request_to_stop():
    stop = []
    tasks = source(stop=lambda: bool(stop))
    tasks.take(1)
    stop.append(1)
    assert tasks.exhausted
    assert tasks.take(1) == []


def test_there_may_be_more_after_the_end():
    more = [map(RunTask, [7]), None]
    tasks = source(1, on_exhausted=lambda: more.pop(0))
    assert indices(tasks.take(5)) == [0, 7]
    assert tasks.exhausted
    assert more == []


def test_an_error_of_the_users_iterator_is_kept():
    def tasks():
        yield RunTask(0)
        raise LookupError("too short")

    broken = TaskSource(tasks(), None, lambda: False)
    assert indices(broken.take(2)) == [0]
    assert isinstance(broken.error, LookupError)
    assert broken.exhausted


def test_an_error_of_the_users_iterator_is_raised_after_the_runs_before_it(experiment):
    def tasks():
        yield RunTask(0)
        yield RunTask(1)
        raise LookupError("too short")

    from pypet_multiproc.testing import double

    with pytest.raises(LookupError, match="too short"):
        experiment(double, tasks=tasks(), multiproc=True, ncores=2, use_pool=True,
                   wrap_mode="LOCAL")  # fmt: skip
    assert experiment.results == {0: 0, 1: 2}


def test_batches_grow_with_shorter_runs_and_not_too_fast():
    sizer = BatchSizer(target=0.02)
    assert sizer.size() == 1
    sizes = []
    for _ in range(5):
        for _ in range(sizer.size()):
            sizer.observe(0.0001)
        sizes.append(sizer.size())
    assert sizes == [2, 6, 18, 54, 162]
    assert sizer.is_small


def test_long_runs_are_handed_out_one_by_one():
    sizer = BatchSizer(target=0.02)
    sizer.observe(1.0)
    assert sizer.size() == 1
    assert not sizer.is_small
