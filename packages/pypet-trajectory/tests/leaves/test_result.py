import logging
from enum import IntEnum

import numpy as np
import pytest

from pypet_trajectory.leaves.base import BaseResult
from pypet_trajectory.leaves.result import Result
from pypet_trajectory.values.column_table import ColumnTable


@pytest.fixture
def res():
    return Result("group.res", 1, 2, x="three", comment="some items")


def test_items_without_name_are_named_like_the_result(res):
    assert res.f_to_dict() == {"res": 1, "res_1": 2, "x": "three"}
    assert res.v_comment == "some items"


@pytest.mark.parametrize(
    "read", [lambda r: r.x, lambda r: r["x"], lambda r: r.f_get("x"), lambda r: r.f_get("x", 0)[0]]
)
def test_there_are_many_ways_to_read(res, read):
    assert read(res) == "three"


def test_items_are_read_by_position(res):
    assert (res[0], res[1], res.f_get(0, 1, "x")) == (1, 2, [1, 2, "three"])
    assert res[np.int64(1)] == 2


def test_the_only_item_needs_no_name():
    res = Result("res")
    with pytest.raises(AttributeError, match="empty"):
        res.f_get()
    res.z = 3
    assert res.f_get() == res.data == res["data"] == res.f_get("data") == 3
    res.y = 4
    with pytest.raises(ValueError, match="z, y"):
        res.f_get()
    with pytest.raises(AttributeError, match="`data`"):
        _ = res.data


@pytest.mark.parametrize(
    "read",
    [
        lambda r: r.nothing,
        lambda r: r["nothing"],
        lambda r: r.f_get("nothing"),
        lambda r: r.f_remove("nothing"),
        lambda r: delattr(r, "nothing"),
    ],
)
def test_a_missing_item_is_an_attribute_error_that_lists_those_there_are(res, read):
    with pytest.raises(AttributeError, match=r"`group\.res`.*`nothing`.*res, res_1, x"):
        read(res)


def test_an_error_shows_some_of_many_items_and_those_with_a_near_name():
    res = Result("group.res", **{f"item_{i}": i for i in range(1000)})
    with pytest.raises(
        AttributeError, match=r"`group\.res`.*1000 items .*mean `item_\d+`"
    ) as caught:
        _ = res.itme_1
    assert len(str(caught.value)) < 300
    with pytest.raises(AttributeError, match="mean `f_remove`"):
        res.f_remov("item_1")


@pytest.mark.parametrize("key", [None, 1.5, (0,), [1], {}])
def test_items_have_names_that_are_text(res, key):
    for write in (res.f_set_single, res.__setitem__):
        with pytest.raises(TypeError, match=r"`group\.res`"):
            write(key, 3)
    for read in (res.f_get, res.__getitem__, res.__delitem__, res.f_remove):
        with pytest.raises(AttributeError, match=r"`group\.res`"):
            read(key)
    assert key not in res


def test_nothing_is_found_by_position_in_a_result_without_name():
    assert 0 not in Result("", k=1)


@pytest.mark.parametrize(
    ("item", "way"),
    [(None, "leave it out"), ({1}, "A PickleResult takes it"), (np.float16(1), "PickleResult"),
     (IntEnum("Letter", "A").A, r"pass `int\(")],
)  # fmt: skip
def test_an_unsupported_item_is_refused_with_a_way_out(res, item, way):
    with pytest.raises(TypeError, match=f"`item`.*`group.res`.*{way}"):
        res.item = item


def test_attributes_become_items_unless_they_belong_to_the_class(res):
    res.v_foo = 1
    res.f_foo = 2
    res["a.b"] = 3
    res[7] = 4
    assert {"v_foo", "f_foo", "a.b", "res_7"} <= set(res)
    res.v_comment = "other"
    assert res.v_comment == "other"
    res["v_comment"] = "another"
    assert "v_comment" not in res
    res.f_set(v_comment=5)
    assert res.f_get("v_comment") == 5


@pytest.mark.parametrize("name", ["v_name", "f_set", "vars", "_private", "SUPPORTED_DATA"])
def test_other_attributes_of_the_class_cannot_be_set(res, name):
    with pytest.raises(AttributeError):
        setattr(res, name, 1)


def test_subclasses_may_have_private_attributes():
    class WithState(Result):
        pass

    res = WithState("res")
    res._state = 3
    assert res._state == 3
    assert res.f_is_empty()
    del res._state
    with pytest.raises(AttributeError):
        _ = res._state


def test_a_nameless_result_takes_named_items_only():
    with pytest.raises(AttributeError, match="without a name"):
        Result("", 3)
    assert Result("", x=3).x == 3


def test_unsupported_items_are_refused_with_their_name(res):
    for item in (None, {1, 2}, object()):
        with pytest.raises(TypeError, match=r"`new`.*`group\.res`"):
            res.f_set(new=item)


def test_items_can_be_removed(res):
    del res.x
    del res[1]
    res.f_remove(0)
    assert res.f_is_empty()


def test_membership_and_iteration_go_over_names(res):
    assert list(res) == ["res", "res_1", "x"]
    assert "x" in res
    assert 0 in res
    assert 5 not in res
    assert "data" not in res


def test_a_result_is_true_even_if_empty():
    assert Result("res")
    with pytest.raises(TypeError):
        len(Result("res"))


def test_items_are_listed_for_completion(res):
    assert {"x", "res_1", "f_get", "v_name"} <= set(dir(res))


def test_fast_access_needs_one_item_named_like_the_result():
    assert Result("res", 1).f_supports_fast_access()
    assert not Result("res", x=1).f_supports_fast_access()
    assert not Result("res", 1, 2).f_supports_fast_access()
    assert not Result("res").f_supports_fast_access()


def test_text_of_a_result(res):
    assert str(res) == "Result group.res (`some items`): res=1, res_1=2, x='three'"
    assert str(Result("res")) == "Result res"
    assert Result("res").f_val_to_str() == ""
    assert str(BaseResult("res")) == "res"


def test_text_of_the_items_is_at_most_64_characters():
    text = Result("res", k="x" * 100, z=1).f_val_to_str()
    assert len(text) == 64
    assert text.endswith("...")


def test_the_dictionary_is_a_copy_or_the_live_one(res):
    res.f_to_dict()["y"] = 1
    assert "y" not in res
    res.f_to_dict(copy=False)["y"] = 1
    assert "y" in res
    assert res._data is res.f_to_dict(copy=False)


def test_changing_a_stored_result_is_logged(res, caplog):
    res._stored = True
    with caplog.at_level(logging.DEBUG):
        res.x = 4
    assert "group.res" in caplog.text


def test_loading_replaces_all_items(res):
    stored = res._store()
    assert stored == res.f_to_dict()
    assert stored is not res.f_to_dict(copy=False)
    res._load({"only": 1})
    assert res.f_to_dict() == {"only": 1}


def test_tables_are_loaded_as_object_tables():
    pytest.importorskip("pandas")
    from pypet_trajectory.values.object_table import ObjectTable

    res = Result("res")
    res._load({"t": ColumnTable({"a": [1, "x"], "b": [np.arange(2), (1,)]})})
    assert type(res.t) is ObjectTable
    assert res.t["a"].tolist() == [1, "x"]
    assert type(res.t[["a"]]) is not ObjectTable


def test_tables_stay_columns_where_pandas_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    monkeypatch.delitem(
        __import__("sys").modules, "pypet_trajectory.values.object_table", raising=False
    )
    res = Result("res")
    res._load({"t": ColumnTable({"a": [1, "x"]})})
    assert res.t["a"] == [1, "x"]
    again = Result("res", t=res.t)
    assert again.t == res.t
    with pytest.raises(AttributeError, match="pandas"):
        _ = res.t.iloc
