"""What pypet 0.7 answers to small questions, measured, and what is answered here.

Each example is a trajectory and a list of questions, asked one after the other. The expected
answer is a value, or the class of the exception that pypet 0.7 raises.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pypet_trajectory import (
    InMemoryStorageService,
    NotUniqueNodeError,
    Parameter,
    Result,
    Trajectory,
    cartesian_product,
)

Question = Callable[[Any], Any]


class Example(NamedTuple):
    """A subject, and questions with their answers."""

    about: str
    make: Callable[[], Any]
    answers: list[tuple[Question, Any]]


# ------------------------------------------------------------------------------- subjects


def empty() -> Trajectory:
    return Trajectory("T")


def nested() -> Trajectory:
    traj = empty()
    traj.f_add_parameter("a.b.c", 3, comment="hi")
    return traj


def same_names_side_by_side() -> Trajectory:
    traj = empty()
    traj.f_add_parameter("u.v.t", 1)
    traj.f_add_parameter("u2.v.t", 2)
    return traj


def same_names_at_two_depths() -> Trajectory:
    traj = empty()
    traj.f_add_parameter("d0.d1.d2.f", 42)
    traj.f_add_parameter("d0.d1.f", 43)
    return traj


def first_hit_is_empty() -> Trajectory:
    traj = empty()
    traj.f_add_group("g1.aa")
    traj.f_add_parameter("g2.g3.aa.bb", 1)
    return traj


def with_results() -> Trajectory:
    traj = empty()
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    for idx in range(3):
        traj.f_add_result(f"runs.run_{idx:08d}.z", idx)
    traj.f_add_result("runs.run_ALL.q", 7)
    traj.v_idx = 1
    return traj


def running() -> Trajectory:
    traj = empty()
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    return traj.f_start_run(1)


def two_parameters() -> Trajectory:
    traj = empty()
    traj.f_add_parameter("x", 0)
    traj.f_add_parameter("y", 0.0)
    return traj


def partly_run() -> Trajectory:
    traj = two_parameters()
    traj.f_explore({"x": [1, 2]})
    traj.f_start_run(0)
    traj.f_finalize_run(store_meta_data=False)
    return traj


def preset() -> Trajectory:
    traj = empty()
    traj.f_preset_parameter("a.b", 5)
    traj.f_add_parameter("a.b", 1)
    return traj


def pickled_parameter() -> Parameter:
    parameter = Parameter("q", 3)
    parameter._explore([1, 2])
    return pickle.loads(pickle.dumps(parameter))


def explored_parameter() -> Parameter:
    parameter = Parameter("p", 5)
    parameter._explore([1, 2, 3])
    return parameter


def linked_siblings() -> Trajectory:
    traj = empty()
    traj.f_add_parameter_group("test.test3")
    traj.f_add_parameter_group("test2")
    traj.f_get("test2").f_add_link(traj.f_get("test.test3"))
    return traj


def linked_in_a_circle() -> Trajectory:
    traj = empty()
    one, two = traj.f_add_parameter_group("test"), traj.f_add_parameter_group("test2")
    one.f_add_link("c1", two)
    two.f_add_link("c2", one)
    return traj


def stored(name: str, ranges: dict[str, list[Any]], **others: Any) -> Trajectory:
    """A stored trajectory that explores `ranges` and has `others` as further parameters."""
    traj = Trajectory(name, storage_service=InMemoryStorageService())
    for parameter, values in ranges.items():
        traj.f_add_parameter(parameter, values[0])
    for parameter, value in others.items():
        traj.f_add_parameter(parameter, value)
    traj.f_explore(ranges)
    traj.f_store()
    return traj


def merged(one: Trajectory, two: Trajectory, **options: Any) -> Trajectory:
    one.f_merge(two, backup=False, **options)
    return one


def two_in_one_store() -> InMemoryStorageService:
    service = InMemoryStorageService()
    for name in ("T", "N"):
        Trajectory(name, storage_service=service).f_store()
    return service


def name_at(service: InMemoryStorageService, index: int) -> str:
    traj = Trajectory(storage_service=service)
    traj.f_load(index=index)
    return traj.v_name


def loaded_without_data() -> Trajectory:
    service = stored("T", {"e": [1, 2]}).v_storage_service
    traj = Trajectory(storage_service=service)
    traj.f_load(name="T", load_data=0)
    return traj


def added(adder: str, name: str) -> Question:
    return lambda traj: getattr(traj, adder)(name).v_full_name


def set_item(path: str, name: str, value: Any) -> Question:
    """Assign `value` to attribute `name` below `path`, and tell where it went."""

    def assign(traj: Any) -> Any:
        setattr(traj.f_get(path), name, value)
        return value.v_full_name if hasattr(value, "v_full_name") else traj.f_get(path)[name]

    return assign


def set_property(name: str, value: Any) -> Question:
    return lambda traj: setattr(traj, name, value)


# ------------------------------------------------------------------------------- examples

EXAMPLES = [
    Example(
        "a new trajectory",
        empty,
        [
            (str, "Trajectory T (len:1): "),
            (len, 1),
            (lambda t: (t.v_full_name, t.v_location, t.v_depth), ("", "", 0)),
            (lambda t: (t.v_branch, t.v_run_branch), (None, "trajectory")),
        ],
    ),
    Example(
        "a parameter in groups",
        nested,
        [(lambda t: repr(t.f_get("c")), "<Parameter parameters.a.b.c (`hi`): 3>")],
    ),
    Example(
        "leaves and existing groups are in the way",
        nested,
        [
            (added("f_add_parameter", "a.b.c.d"), AttributeError),
            (added("f_add_parameter", "a"), AttributeError),
        ],
    ),
    Example(
        "wildcards and run sets in names",
        empty,
        [
            (added("f_add_result", "$set.k"), "results.run_set_ALL.k"),
            (added("f_add_result", "rts_4042.k"), "results.run_set_00004.k"),
            (added("f_add_result", "r_5.k"), "results.run_00000005.k"),
            (added("f_add_result", "crunset.j"), "results.run_set_ALL.j"),
        ],
    ),
    Example(
        "names that are not admissible",
        empty,
        [
            (added("f_add_result", name), ValueError)
            for name in ("x._y", "$dsa", "a..b", "ä", "overview", "e" * 128)
        ],
    ),
    Example(
        "names that look odd and are fine",
        empty,
        [
            (lambda t: t.res.f_add_result("overview").v_full_name, "results.overview"),
            (added("f_add_result", "1a-b"), "results.1a-b"),
        ],
    ),
    Example(
        "two nodes of one name at one depth",
        same_names_side_by_side,
        [
            (lambda t: t.t, NotUniqueNodeError),
            (lambda t: "t" in t, False),
            (lambda t: t.f_get_default("t", 9), 9),
            (lambda t: t.u2.t, 2),
        ],
    ),
    Example("the shallower of two nodes", same_names_at_two_depths, [(lambda t: t.f, 43)]),
    Example(
        "searching never goes back",
        first_hit_is_empty,
        [
            (lambda t: t["aa.bb"], AttributeError),
            (lambda t: [n.v_full_name for n in t.f_get_all("aa.bb")], ["parameters.g2.g3.aa.bb"]),
        ],
    ),
    Example(
        "a name longer than the search is deep",
        empty,
        [
            (lambda t: t.f_get("u.v.w", max_depth=2), ValueError),
            (lambda t: t.f_get("u.v.w", max_depth=2, shortcuts=False), AttributeError),
        ],
    ),
    Example(
        "results of runs while looking at one run",
        with_results,
        [
            (lambda t: t.z, NotUniqueNodeError),
            (lambda t: t.crun.z, 1),
            (lambda t: t["runs.$.q"], 7),
            (lambda t: t.runs.crun.q, AttributeError),
            (lambda t: t.res.runs[2].z, 2),
            (lambda t: t.x, 2),
        ],
    ),
    Example(
        "results from all runs",
        with_results,
        [
            (
                lambda t: dict(t.f_get_from_runs("q", use_indices=True, fast_access=True)),
                {0: 7, 1: 7, 2: 7},
            ),
            (lambda t: dict(t.f_get_from_runs("q", include_default_run=False)), {}),
        ],
    ),
    Example(
        "runs that are not there",
        with_results,
        [
            (lambda t: t.f_set_crun("run_1"), KeyError),
            (lambda t: t.f_set_crun(7), KeyError),
            (lambda t: t.f_idx_to_run("foo"), KeyError),
            (lambda t: (t.v_idx, t.v_crun, t.x), (1, "run_00000001", 2)),
        ],
    ),
    Example("starting no run", two_parameters, [(lambda t: t.f_start_run(), ValueError)]),
    Example(
        "where results of a run go",
        running,
        [
            (added("f_add_result", "z"), "results.runs.run_00000001.z"),
            (added("f_add_result", "$.z"), "results.run_00000001.z"),
            (added("f_add_result", "g.$.z"), "results.g.run_00000001.z"),
            (added("f_add_result", "$set.z"), "results.runs.run_00000001.run_set_00000.z"),
            (added("f_add_result", "runs.z"), "results.runs.run_00000001.runs.z"),
            (added("f_add_result", "results.z"), "results.z"),
            (added("f_add_result", "g.run_ALL.z"), "results.g.run_ALL.z"),
        ],
    ),
    Example(
        "what is not sorted by runs",
        running,
        [
            (added("f_add_leaf", "q"), "q"),
            (lambda t: t.res.f_add_group("q").v_full_name, "results.q"),
            (set_item("results", "q2", Result("q2", 1)), "results.q2"),
        ],
    ),
    Example(
        "what runs must not change",
        running,
        [
            (added("f_apar", "p"), TypeError),
            (added("f_add_group", "config.p"), TypeError),
            (set_item("parameters", "p", Parameter("p", 1)), TypeError),
            (set_property("v_comment", ""), TypeError),
        ],
    ),
    Example(
        "an exploration of unequal lengths",
        two_parameters,
        [
            (lambda t: t.f_explore({"x": [1, 2], "y": [1.0]}), ValueError),
            (lambda t: (t.f_get_explored_parameters(), len(t)), ({}, 1)),
            (lambda t: t.f_get("x").v_locked, False),
        ],
    ),
    Example(
        "exploring when a run has completed",
        partly_run,
        [
            (lambda t: t.f_explore({"y": [1.0, 2.0]}), TypeError),
            (lambda t: t.f_expand({"y": [1.0, 2.0]}), TypeError),
            (lambda t: t.f_expand({"x": [3, 4]}), None),
            (lambda t: (len(t), t.f_is_completed(0), t.f_is_completed(2)), (4, 1, 0)),
        ],
    ),
    Example(
        "a preset parameter",
        preset,
        [(lambda t: (t.a.b, t.f_get("a.b").f_get_default()), (5, 5))],
    ),
    Example(
        "a parameter after pickling",
        pickled_parameter,
        [
            (lambda p: (p.v_explored, p.f_has_range(), len(p), p.f_get()), (True, False, 1, 3)),
        ],
    ),
    Example(
        "items of an explored parameter",
        explored_parameter,
        [(lambda p: (p[0], p[-1], p[-2], p[0:2]), (1, 5, 2, [1, 2]))],
    ),
    Example(
        "a result of many items",
        lambda: Result("a.b.res", 1, 2, [3], x=4),
        [
            (lambda r: r.f_to_dict(), {"res": 1, "res_1": 2, "res_2": [3], "x": 4}),
            (lambda r: r.f_get("x", 0), [4, 1]),
            (lambda r: r[1], 2),
            (lambda r: r.f_get(), ValueError),
        ],
    ),
    Example(
        "a result of one item",
        lambda: Result("q", k=1),
        [(lambda r: (r.data, r.f_get(), r.f_supports_fast_access()), (1, 1, False))],
    ),
    Example(
        "the text of long values",
        lambda: Result("q", k="a" * 100),
        [
            (lambda r: len(r.f_val_to_str()), 64),
            (lambda r: r.f_val_to_str()[-3:], "..."),
        ],
    ),
    Example(
        "assigning parameters",
        nested,
        [
            (set_item("parameters", "f", Parameter("g", 1)), AttributeError),
            (set_item("parameters", "c", Parameter("c.d.e", 1)), "parameters.c.d.e"),
            (set_item("parameters", "b", Parameter("", 1)), "parameters.b"),
        ],
    ),
    Example(
        "assigning values to results",
        empty,
        [
            (set_item("results", "r", Result("r", 3)), "results.r"),
            (set_item("results", "r", 4), 4),
            (set_item("results", "s", Result("s", k=3)), "results.s"),
            (set_item("results", "s", 4), AttributeError),
        ],
    ),
    Example(
        "a link beside what it points to",
        linked_siblings,
        [(lambda t: t.test3, NotUniqueNodeError)],
    ),
    Example(
        "links in a circle",
        linked_in_a_circle,
        [
            (lambda t: t.test.c1.c2.c1.c2 is t.test, True),
            (
                lambda t: [node.v_full_name for node in t.f_iter_nodes()],
                ["parameters", "parameters.test", "parameters.test2"],
            ),
        ],
    ),
    Example(
        "a product of parameters of which two advance together",
        lambda: cartesian_product({"a": [1, 2], "b": ["x", "y"], "c": [5, 6]}, ("c", ("a", "b"))),
        [(dict, {"a": [1, 2, 1, 2], "b": ["x", "y", "x", "y"], "c": [5, 5, 6, 6]})],
    ),
    Example(
        "a merge",
        lambda: merged(stored("T", {"x": [1, 2, 3]}), stored("N", {"x": [3, 4]})),
        [(lambda t: t.f_get("x").f_get_range(), [1, 2, 3, 3, 4])],
    ),
    Example(
        "a merge without duplicates",
        lambda: merged(
            stored("T", {"x": [1, 2, 3]}), stored("N", {"x": [3, 4]}), remove_duplicates=True
        ),
        [(lambda t: t.f_get("x").f_get_range(), [1, 2, 3, 4])],
    ),
    Example(
        "a merge of values that nobody explored",
        lambda: merged(
            stored("T", {"x": [1, 2, 3, 4, 5, 6]}, y=1), stored("N", {"x": [7, 8]}, y=7)
        ),
        [
            (lambda t: t.f_get("y").f_get_range(), [1] * 6 + [7] * 2),
            (lambda t: t.f_get("y").f_get_default(), 1),
        ],
    ),
    Example(
        "a merge of trials",
        lambda: merged(
            stored("T", {"trial": [0, 1, 0, 1]}),
            stored("N", {"trial": [0, 1, 2]}),
            trial_parameter="trial",
        ),
        [(lambda t: t.f_get("trial").f_get_range(), [0, 1, 0, 1, 2, 3, 4])],
    ),
    Example(
        "trajectories by index",
        two_in_one_store,
        [(lambda s: [name_at(s, index) for index in (0, 1, -1)], ["N", "T", "T"])],
    ),
    Example(
        "meta data alone",
        loaded_without_data,
        [
            (lambda t: list(t.f_iter_leaves()), []),
            (lambda t: t.f_get_explored_parameters(), {"parameters.e": None}),
        ],
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.about)
def test_questions_are_answered_as_measured(example: Example):
    subject = example.make()
    for number, (question, answer) in enumerate(example.answers, start=1):
        if isinstance(answer, type) and issubclass(answer, Exception):
            with pytest.raises(answer):
                question(subject)
        else:
            assert question(subject) == answer, f"question {number}"
