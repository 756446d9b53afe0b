from enum import IntEnum

import numpy as np
import pytest

from pypet_trajectory.exceptions import ParameterLockedException, PypetError
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.leaves.base import BaseParameter
from pypet_trajectory.leaves.parameter import Parameter
from pypet_trajectory.leaves.pickled import PickleParameter
from pypet_trajectory.leaves.sparse import SparseParameter
from pypet_trajectory.values.ranges import CompactRange


@pytest.fixture
def par():
    return Parameter("group.par", 5, comment="a number")


@pytest.fixture
def explored(par):
    par._explore([7, 8, 9])
    return par


# ---------------------------------------------------------------- value and lock


def test_reading_locks_and_a_locked_parameter_refuses_changes(par):
    par.f_set(6)
    assert par.f_get() == 6
    for change in (
        lambda: par.f_set(7),
        par.f_empty,
        lambda: par._explore([1]),
        lambda: par._expand([1]),
        par._shrink,
        lambda: par._load({}),
    ):
        with pytest.raises(ParameterLockedException, match=r"`group\.par`"):
            change()
    par.f_unlock()
    par.f_set(7)


@pytest.mark.parametrize(
    "read",
    [
        Parameter.f_get,
        Parameter.f_get_default,
        lambda p: p.data,
        lambda p: p["data"],
        lambda p: p.default,
        lambda p: p["default"],
        lambda p: p[-1],
    ],
)
def test_there_are_many_ways_to_read_and_each_locks(par, read):
    assert read(par) == 5
    assert par.v_locked


@pytest.mark.parametrize("look", [str, repr, Parameter.f_val_to_str, len, Parameter.f_is_empty])
def test_looking_does_not_lock(par, look):
    look(par)
    assert not par.v_locked


def test_a_parameter_without_data_is_empty_and_falsy():
    empty = Parameter("par")
    assert empty.f_is_empty()
    assert not empty
    assert not empty.f_supports_fast_access()
    for read in (empty.f_get, empty.f_get_default, lambda: empty.data):
        with pytest.raises(TypeError, match="empty"):
            read()


def test_emptying_drops_everything(explored):
    explored.f_unlock()
    explored.f_empty()
    assert (len(explored), explored.v_explored, explored.f_has_range()) == (0, False, False)


def test_there_are_no_other_attributes_or_items(par):
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = par.nothing_here
    with pytest.raises(AttributeError):
        par.data = 3
    with pytest.raises(AttributeError):
        par.other = 3
    for item in ("other", 1.5, None):
        with pytest.raises(TypeError):
            par[item]


def test_arrays_are_kept_not_copied():
    array = np.arange(3)
    assert Parameter("par", array).f_get() is array


def test_full_name_and_comment_are_kept():
    par = Parameter("a.b.par", 1, 5)
    assert (par.v_full_name, par.v_name, par.v_comment) == ("a.b.par", "par", "5")


# ---------------------------------------------------------------- exploring


def test_an_explored_parameter_keeps_its_default_as_current_value(explored):
    assert explored.v_explored
    assert explored.v_locked
    assert (len(explored), explored.f_get_range_length()) == (3, 3)
    assert explored.f_get() == explored.f_get_default() == 5


def test_range_is_read_by_position_where_minus_one_is_the_default(explored):
    assert explored.f_get_range() == [7, 8, 9]
    assert list(explored) == [7, 8, 9]
    assert (explored[0], explored[-2], explored[np.int64(1)]) == (7, 8, 8)
    assert explored[-1] == 5
    assert explored[1:] == [8, 9]
    assert 8 in explored
    with pytest.raises(IndexError):
        explored[3]


def test_reading_a_range_that_is_not_there_is_a_type_error(par):
    for read in (par.f_get_range, par.f_get_range_length, lambda: par[0], lambda: par[0:1]):
        with pytest.raises(TypeError, match=r"`group\.par` has no range"):
            read()


def test_the_current_value_follows_the_index_locked_or_not(explored):
    explored._set_parameter_access(1)
    assert explored.f_get() == 8
    explored._set_parameter_access(-1)
    assert explored.f_get() == 9
    explored._restore_default()
    assert explored.f_get() == 5


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_beyond_the_range_is_a_value_error(explored, index):
    with pytest.raises(ValueError, match=r"`group\.par` has 3 explored values"):
        explored._set_parameter_access(index)


def test_moving_without_range_warns(par, caplog):
    par._set_parameter_access(3)
    assert "has no range" in caplog.text
    assert par.f_get() == 5


def test_a_range_can_be_expanded(explored):
    explored.f_unlock()
    explored._expand(iter([10]))
    assert explored.f_get_range() == [7, 8, 9, 10]
    assert explored.v_locked


def test_a_range_can_be_dropped(explored):
    explored._set_parameter_access(1)
    explored.f_unlock()
    explored._shrink()
    assert (explored.v_explored, explored.f_has_range(), explored.f_get()) == (False, False, 5)


def test_exploring_has_conditions(par):
    with pytest.raises(TypeError, match="no default"):
        Parameter("x")._explore([1])
    for change in (par._shrink, lambda: par._expand([1])):
        with pytest.raises(TypeError, match="no range"):
            change()
    with pytest.raises(ValueError, match="no values"):
        par._explore([])
    par._explore([1])
    par.f_unlock()
    with pytest.raises(TypeError, match="explored already"):
        par._explore([1])
    with pytest.raises(ValueError, match="no values"):
        par._expand([])
    with pytest.raises(AttributeError, match="shrink"):
        par.f_set(3)


def test_a_refused_exploration_changes_nothing(par):
    with pytest.raises(TypeError):
        par._explore([1, "a"])
    assert (par.f_has_range(), par.v_explored, par.v_locked) == (False, False, False)


@pytest.mark.parametrize(
    ("default", "values", "remedy"),
    [
        (1, [1, True], "Write all values as int"),
        (1, [1, 2.0], "Write all values as int"),
        (1.0, [1.0, 2], "Write all values as float"),
        (True, [False, 1], "Write all values as bool"),
        (1.0, [np.float64(1)], r"\[float\(value\) for value in values\]"),
        (1.0, np.arange(3), r"array\.astype\(float\)"),
        (1.0, np.ones(3, np.float32), r"array\.tolist\(\)"),
        (1, np.linspace(0, 1, 3), r"array\.astype\(int\)` if nothing is lost"),
        (1, [True, np.bool_(True)], "Write all values as int"),
        (np.float32(1), [1.0], "dtype='float32'"),
        ((1, 2), [(1, 2), (1, 2, 3)], "Convert"),
    ],
)
def test_a_value_of_another_type_is_refused_with_a_remedy(default, values, remedy):
    par = Parameter("group.par", default)
    with pytest.raises(TypeError, match=remedy) as caught:
        par._explore(values)
    assert isinstance(caught.value, PypetError)
    assert "`group.par`" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "data", "way"),
    [
        (Parameter, (1, "a"), "An ArrayParameter takes it"),
        (Parameter, [[1]], "A PickleParameter takes it"),
        (ArrayParameter, [[1]], "A PickleParameter takes it"),
        (ArrayParameter, np.ones((2, 0)), "A PickleParameter takes it"),
        (SparseParameter, {"a": 1}, "A PickleParameter takes it"),
        (Parameter, IntEnum("Letter", "A").A, r"pass `int\("),
        (Parameter, None, "leave it out"),
    ],
)
def test_unsupported_data_are_refused_with_a_way_out(kind, data, way):
    par = kind("group.par", 1)
    with pytest.raises(TypeError, match=f"`group.par`.*{way}"):
        par.f_set(data)
    par = kind("group.par", 1)
    with pytest.raises(TypeError, match=f"`group.par`.*value 1 .*{way}"):
        par._explore([1, data])


@pytest.mark.parametrize("name", ["v_lockd", "f_sett", "dta"])
def test_a_missing_attribute_is_an_error_that_suggests_near_names(par, name):
    with pytest.raises(AttributeError, match=f"`group.par`.*`{name}`.*Did you mean"):
        getattr(par, name)


@pytest.mark.parametrize(
    ("default", "array"),
    [
        (1.0, np.linspace(0, 1, 5)),
        (1, np.arange(5)),
        (1, np.arange(5, dtype=np.uint8)),
        (1, np.array([2**64 - 1, 0], dtype=np.uint64)),
        (True, np.array([True, False])),
        (1j, np.arange(3) * 1j),
        ("a", np.array(["x", "yz"])),
        (1.0, np.linspace(0, 1, 5).astype(">f8")),
        (np.float64(1), np.linspace(0, 1, 5)),
    ],
)
@pytest.mark.parametrize("kind", [Parameter, ArrayParameter, SparseParameter, PickleParameter])
def test_an_array_may_explore_the_matching_type_and_hands_out_that_type(kind, default, array):
    par = kind("par", default)
    par._explore(array)
    values = par.f_get_range()
    assert {type(value) for value in values} == {type(default)}
    assert values == array.tolist()
    par._set_parameter_access(1)
    assert type(par.f_get()) is type(default)
    par.f_unlock()
    par._expand(array[:1])
    assert len(par) == len(array) + 1


def test_later_changes_of_an_explored_array_do_not_matter():
    array = np.zeros(3)
    par = Parameter("par", 1.0)
    par._explore(array)
    array[0] = 1
    assert par.f_get_range() == [0.0, 0.0, 0.0]


def test_rows_of_an_array_explore_an_array():
    par = ArrayParameter("par", np.zeros(2))
    par._explore(np.arange(6.0).reshape(3, 2))
    assert par[2].tolist() == [4.0, 5.0]


def test_a_custom_rule_is_asked_about_every_value():
    asked = []

    class Even(Parameter):
        def f_supports(self, data):
            asked.append(data)
            return data % 2 == 0

    par = Even("par", 2)
    with pytest.raises(TypeError, match="support"):
        par._explore([4, 6, 7])
    assert asked[-1] == 7
    par._explore(np.array([4, 6]).tolist())
    assert par.f_get_range() == [4, 6]


def test_the_live_range_is_the_compact_one(explored):
    live = explored.f_get_range(copy=False)
    assert isinstance(live, CompactRange)
    assert explored.f_get_range(copy=False) is live


# ---------------------------------------------------------------- text


def test_text_of_a_parameter_shows_what_there_is(par):
    assert str(par) == "Parameter group.par (`a number`): 5"
    assert repr(par) == "<Parameter group.par (`a number`): 5>"
    par._explore([1, 2])
    assert str(par) == "Parameter group.par (len:2, `a number`): 5"
    assert str(Parameter("par")) == "Parameter par"
    assert str(ArrayParameter("par", [1, 2])) == "ArrayParameter par: [1, 2]"


def test_text_of_a_value_is_not_shortened():
    assert Parameter("par", "x" * 1000).f_val_to_str() == repr("x" * 1000)


def test_an_unfinished_custom_class_says_which_method_it_lacks():
    class Unfinished(BaseParameter):
        pass

    leaf = Unfinished("group.leaf")
    assert leaf.f_val_to_str() == Parameter("par").f_val_to_str()
    for method, arguments in {
        "f_set": (1,),
        "f_get": (),
        "f_get_range": (),
        "_explore": ([1],),
        "_store": (),
        "__getitem__": (0,),
    }.items():
        with pytest.raises(NotImplementedError, match=rf"`{method}`.*Unfinished.*`group\.leaf`"):
            getattr(leaf, method)(*arguments)


# ---------------------------------------------------------------- storing


def test_storing_locks_and_stores_the_default(explored):
    explored._set_parameter_access(1)
    explored.f_unlock()
    stored = explored._store()
    assert explored.v_locked
    assert list(stored) == ["data", "explored_data"]
    assert list(stored["data"]["data"]) == [5]
    assert list(stored["explored_data"]["data"]) == [7, 8, 9]


def test_a_range_of_numbers_is_stored_as_one_array(explored):
    column = explored._store()["explored_data"]["data"]
    assert column.array.dtype == np.int64
    assert column.kind is int


@pytest.mark.parametrize(
    ("default", "values"),
    [
        (1, [2, 3]),
        (1, [2, 2**100]),
        (1.0, [0.5, float("inf")]),
        ("a", ["b", "cc"]),
        (np.int16(1), [np.int16(3)]),
        ((1, 2), [(3, 4)]),
        (np.ones(2), [np.zeros(2)]),
    ],
)
def test_what_was_stored_can_be_loaded(default, values):
    par = Parameter("par", default)
    par._explore(values)
    loaded = Parameter("par")
    loaded._load(par._store())
    assert type(loaded.f_get()) is type(default)
    assert np.all(loaded.f_get() == default)
    assert np.all([a == b for a, b in zip(loaded.f_get_range(), values, strict=True)])
    assert loaded.v_explored
    assert loaded.v_locked


def test_a_plain_array_from_storage_becomes_values_of_the_defaults_type():
    par = Parameter("par")
    par._load({"data": {"data": [1.0]}, "explored_data": {"data": np.array([0.5, 1.5])}})
    assert par.f_get_range() == [0.5, 1.5]
    assert type(par.f_get_range()[0]) is float


def test_a_data_frame_from_storage_is_understood():
    pd = pytest.importorskip("pandas")
    par = Parameter("par")
    par._load(
        {
            "data": pd.DataFrame({"data": [1]}, dtype=object),
            "explored_data": pd.DataFrame({"data": [2, 3]}, dtype=object),
        }
    )
    assert (par.f_get(), par.f_get_range()) == (1, [2, 3])


def test_loading_nothing_warns_and_leaves_the_parameter_empty(caplog):
    par = Parameter("group.par")
    par._load({})
    assert "group.par" in caplog.text
    assert par.f_is_empty()
    assert par.v_locked
