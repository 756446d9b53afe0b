"""What a pipeline function returns becomes a plan."""

from __future__ import annotations

import pytest

from pypet.environment.parts.plans import MappedArguments, Plan, plan_from_pipeline


def job(traj):
    """Does nothing."""


def postproc(traj, results):
    """Does nothing."""


def plan_for(returned, plan=None):
    return plan_from_pipeline(lambda traj: returned, "the trajectory", plan or Plan())


@pytest.mark.claim(265)
def test_a_pipeline_gets_the_trajectory_only():
    calls = []

    def pipeline(*args, **kwargs):
        calls.append((args, kwargs))
        return job

    plan_from_pipeline(pipeline, "the trajectory", Plan())
    assert calls == [(("the trajectory",), {})]


@pytest.mark.claim(267)
def test_two_tuples_of_up_to_three_elements_are_runs_and_postprocessing():
    plan = plan_for(((job, (1,), {"a": 2}), (postproc, (3,), {"b": 4})))
    assert plan == Plan(job, (1,), {"a": 2}, postproc, (3,), {"b": 4})


@pytest.mark.claim(268)
@pytest.mark.parametrize("returned", [job, (job,), (job, (1,)), [job, (1,), {"a": 2}]])
def test_postprocessing_may_be_left_out(returned):
    plan = plan_for(returned)
    assert plan.runfunc is job
    assert plan.postproc is None


@pytest.mark.claim(269)
def test_empty_arguments_are_arguments():
    assert plan_for(((job, (), {}), (postproc, (), {}))) == Plan(job, (), {}, postproc, (), {})
    assert plan_for(((job, (), {}), ())).postproc is None


def test_what_is_not_returned_stays_as_it_was():
    earlier = Plan(job, (1,), {"a": 2}, postproc, (3,), {"b": 4})
    assert plan_for((job,), earlier) == earlier
    assert plan_for((job, (5,)), earlier).args == (5,)


@pytest.mark.parametrize(
    "returned",
    [
        (job, (), {}, 1),
        ((job,), (postproc, (), {}, 1)),
        ((job,), (postproc,), (job,)),
        42,
        (),
        ((42,), ()),
    ],
)
def test_anything_else_is_refused(returned):
    with pytest.raises(RuntimeError, match="pipeline"):
        plan_for(returned)


def test_none_means_no_runs():
    assert plan_for(None).runfunc is None


@pytest.mark.claim(240)
def test_any_iterable_gives_arguments_one_after_the_other():
    mapped = MappedArguments()
    mapped.follow(([1, 2], (3, 4), iter([5, 6])), {"k": (i for i in (7, 8))})
    assert mapped.take(0) == ((1, 3, 5), {"k": 7})
    assert mapped.take(1) == ((2, 4, 6), {"k": 8})
    with pytest.raises(RuntimeError, match="run 2"):
        mapped.take(2)


def test_the_same_arguments_go_on_where_they_stopped():
    mapped, args, kwargs = MappedArguments(), ([1, 2, 3],), {}
    mapped.follow(args, kwargs)
    mapped.take(0)
    mapped.follow(args, kwargs)
    assert mapped.take(1) == ((2,), {})
    mapped.follow(([9],), kwargs)
    assert mapped.take(2) == ((9,), {})


def test_mapping_needs_arguments():
    with pytest.raises(ValueError, match="iterables"):
        MappedArguments().follow((), {})


def test_mapping_needs_iterables():
    with pytest.raises(TypeError, match=r"argument 1 is 5, which is no iterable\. Use run\(\)"):
        MappedArguments().follow(([1], 5), {})
    with pytest.raises(TypeError, match="argument 'k' is 5"):
        MappedArguments().follow(([1],), {"k": 5})


@pytest.mark.parametrize("function", [42, None, "job"])
def test_what_cannot_be_called_is_refused_before_anything_is_stored(explored, folder, function):
    env = explored([1, 2], filename="t.hdf5")
    before = sorted(folder.iterdir())
    for method in (env.run, env.pipeline, env.pipeline_map, env.add_postprocessing):
        with pytest.raises(TypeError, match=rf"must be callable, but is {function!r}"):
            method(function)
    with pytest.raises(TypeError, match="run function must be callable"):
        env.run_map(function, [1, 2])
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ((job, "abc"), "a tuple or a list, but are 'abc'"),
        ((job, 5), r"written with a comma: \(value,\)"),
        ((job, (), [1]), r"run function must be a dictionary, but are \[1\]"),
        (((job,), (postproc, 5)), "post-processing function must be a tuple"),
    ],
)
def test_arguments_come_as_tuple_and_dictionary(returned, words):
    with pytest.raises(TypeError, match=words):
        plan_for(returned)
