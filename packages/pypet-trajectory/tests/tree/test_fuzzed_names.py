"""Whatever is used as a name, only the documented exceptions come out."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pypet_trajectory.exceptions import PypetError
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.testing.invariants import assert_invariants
from pypet_trajectory.trajectory import Trajectory

pytestmark = pytest.mark.timeout(120)

#: Pieces that mean something to a tree, to be joined in senseless ways.
PIECES = st.sampled_from(
    ["", ".", "..", "_", "$", "$set", "crun", "r_", "r_1", "rts_A", "run_00000000", "par", "res",
     "config", "results", "overview", "for", "f_get", "v_idx", "vars", "a", "b", "x", "\n", "\0",
     "ä", "9" * 200, "run_ALL", "runs", "-", "lambda", "None", "self", "data", "kids", "__class__",
     "__dict__", "_children", "\ud800", "\x7f", "\x1b[0m", "\u202e", "\u200b", "\u00e9", "e\u0301",
     "\ufb01", "r_\uff11", "r_\u0661", "\u212a", "a" * 128, "a" * 20_000, "a." * 500]
)  # fmt: skip
#: Surrogates, control characters and other planes included.
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
NAMES = st.one_of(
    TEXT, st.lists(PIECES, max_size=6).map("".join), st.lists(PIECES, max_size=4).map(".".join)
)
KEYS = st.one_of(
    NAMES,
    st.lists(st.one_of(NAMES, st.integers(-3, 3)), max_size=3),
    st.tuples(NAMES, NAMES),
    st.integers(),
    st.none(),
    st.floats(),
    st.binary(max_size=3),
)


def make_tree(running: bool) -> Trajectory:
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    traj.f_add_result("a.b.x", 1)
    traj.f_add_result("r_1.a", 1, 2)
    traj.res.f_add_link("b", traj.f_get("results.a"))
    if running:
        traj.f_start_run(1)
    return traj


def only(*errors: type[BaseException]) -> Any:
    """A context in which exactly these errors may happen."""

    class Only:
        def __enter__(self) -> None: ...

        def __exit__(self, kind: type[BaseException] | None, *_: Any) -> bool:
            return kind is not None and issubclass(kind, errors)

    return Only()


@settings(max_examples=150)
@given(key=KEYS, running=st.booleans(), depth=st.sampled_from([None, 0, 1, 3]))
@example(key="", running=True, depth=0)
@example(key=[], running=False, depth=None)
@example(key="r_" + "9" * 5000, running=False, depth=None)
def test_asking_for_anything_finds_it_or_is_an_attribute_error(key, running, depth):
    traj = make_tree(running)
    for start in (traj, traj.res, traj.f_get("results.a")):
        for shortcuts in (True, False):
            with only(AttributeError, *((ValueError,) if depth is not None else ())):
                start.f_get(key, shortcuts=shortcuts, max_depth=depth)
            assert start.f_contains(key, shortcuts=shortcuts, max_depth=depth) in (True, False)
        assert (key in start) in (True, False)
        start.f_get_default(key)
        with only(AttributeError):
            _ = start[key]
        with only(AttributeError):
            start.f_get_all(key)
        if isinstance(key, str):
            with only(AttributeError):
                getattr(start, key)
            with only(ValueError, TypeError):
                start.f_remove_child(key)
            with only(ValueError):
                start.f_remove_link(key)
    assert_invariants(traj.v_index)


@settings(max_examples=150)
@given(name=NAMES, running=st.booleans(), no_clobber=st.booleans())
@example(name="r_" + "9" * 5000, running=False, no_clobber=False)
def test_adding_under_any_name_works_or_is_a_documented_error(name, running, no_clobber):
    traj = make_tree(running)
    traj.v_no_clobber = no_clobber
    documented = only(ValueError, AttributeError, *((TypeError,) if running else ()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        for start in (traj, traj.res, traj.f_get("results.a")):
            for add in (
                lambda start=start: start.f_add_leaf(name, 1),
                lambda start=start: start.f_add_group(name),
                lambda start=start: start.f_add_result(name, 1),
                lambda start=start: start.f_add_link(name, "results.a.b.x"),
                lambda start=start: start.f_add_leaf(Result(name, 1)),
            ):
                with documented:
                    add()
            if not hasattr(type(start), name):  # properties have errors of their own
                with documented:
                    start[name] = Result("", k=1)
                with documented:
                    start[name] = 3
        with only(ValueError, AttributeError, TypeError):
            traj.f_add_parameter(name, 1)
    assert_invariants(traj.v_index)


@settings(max_examples=100)
@given(name=NAMES)
def test_what_could_be_added_is_found_by_its_full_name(name):
    traj = Trajectory("T")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            leaf = traj.f_add_result(name, 1)
        except ValueError:
            return
    assert traj.f_get(leaf.v_full_name) is leaf
    assert traj.f_get(leaf.v_full_name, shortcuts=False) is leaf
    assert leaf in traj
    assert leaf.v_full_name in traj


#: What takes a name, with the errors that it documents for names.
CALLS = {
    "construct": (lambda traj, name: Trajectory(name), ValueError),
    "preset": (lambda traj, name: traj.f_preset_parameter(name, 1), ValueError, TypeError),
    "go to a run": (lambda traj, name: traj.f_set_crun(name), KeyError, TypeError),
    "run to index": (lambda traj, name: traj.f_idx_to_run(name), KeyError),
    "run information": (lambda traj, name: traj.f_get_run_information(name), KeyError),
    "wildcard": (lambda traj, name: traj.f_wildcard(name), KeyError),
    "new wildcard": (
        lambda traj, name: traj.f_add_wildcard_functions({name: str}),
        TypeError, ValueError,
    ),
    "explore": (
        lambda traj, name: traj.f_explore({name: [1, 2]}),
        AttributeError, TypeError, ValueError,
    ),
    "from runs": (lambda traj, name: traj.f_get_from_runs(name), AttributeError, TypeError),
    "find index": (
        lambda traj, name: list(traj.f_find_idx(name, bool)),
        AttributeError, TypeError,
    ),
    "iterate": (lambda traj, name: list(traj.f_iter_nodes(predicate=(name,))), KeyError),
    "remove": (
        lambda traj, name: traj.f_remove_item(name),
        AttributeError, TypeError, ValueError,
    ),
    "store": (lambda traj, name: traj.f_store_child(name), AttributeError, ValueError),
    "load": (lambda traj, name: traj.f_load_child(name), AttributeError, ValueError),
    "migrate": (lambda traj, name: traj.f_migrate(name), AttributeError, TypeError, ValueError),
    "set a property": (
        lambda traj, name: traj.f_set_properties(**{name: 1}),
        AttributeError, KeyError, TypeError,
    ),
    "assign": (
        lambda traj, name: traj.__setitem__(name, 1),
        AttributeError, KeyError, TypeError,
    ),
    "kids": (lambda traj, name: getattr(traj.kids, name), AttributeError),
    "vars": (lambda traj, name: getattr(traj.vars, name), AttributeError),
    "func": (lambda traj, name: getattr(traj.func, name), AttributeError),
    "parameter": (lambda traj, name: getattr(traj.f_get("x"), name), AttributeError),
    "item of a parameter": (lambda traj, name: traj.f_get("x")[name], TypeError),
    "result": (lambda traj, name: getattr(traj.f_get("b.x"), name), AttributeError),
    "item of a result": (
        lambda traj, name: traj.f_get("b.x").__setitem__(name, 1),
        AttributeError, TypeError,
    ),
    "remove an item": (lambda traj, name: traj.f_get("b.x").f_remove(name), AttributeError),
    "annotation": (lambda traj, name: traj.f_get_annotations(name), AttributeError),
}  # fmt: skip


@settings(max_examples=300)
@given(what=st.sampled_from(sorted(CALLS)), name=NAMES, running=st.booleans())
@example(what="assign", name="kids", running=False)
@example(what="item of a result", name="vars", running=True)
@example(what="item of a result", name="", running=True)
def test_whatever_takes_a_name_has_documented_errors_that_say_something(what, name, running):
    if name.startswith("_") and what in ("assign", "item of a result"):
        return  # private attributes are Python's
    traj = make_tree(running)
    call, *documented = CALLS[what]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            call(traj, name)
        except tuple(documented) as error:
            failure: BaseException | None = error
        else:
            failure = None
    assert failure is None or isinstance(failure, PypetError)
    assert failure is None or str(failure)
    assert_invariants(traj.v_index)
    assert repr(traj)
    assert traj._repr_html_()
