"""pandas and scipy data in archives."""

from __future__ import annotations

import numpy as np
import pytest

from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.trajectory import Trajectory

pd = pytest.importorskip("pandas")


@pytest.fixture
def through_archive(tmp_path):
    def store_and_load(value):
        path = tmp_path / "x.traj"
        traj = Trajectory("t", storage_service=ArchiveStorageService(path))
        result = traj.f_add_result("r")
        result._items["value"] = value  # also what results do not take, but other leaves may
        traj.f_store()
        return loaded(ArchiveStorageService(path), "t").f_get("r").f_get("value")

    return store_and_load


def frame(**columns):
    return pd.DataFrame(columns)


FRAMES = {
    "numbers": frame(a=[1, 2], b=[0.5, np.nan], c=[True, False]),
    "small types": frame(a=np.array([1, 2], dtype=np.int8), b=np.array([1j, 2], dtype="c8")),
    "text": frame(a=["x", "ä"]),
    "objects": pd.DataFrame({"a": [1, "x", None, (1, 2)]}, dtype=object),
    "categories": frame(a=pd.Categorical(["b", "a", None], ["b", "a", "c"], ordered=True)),
    "nullable": frame(a=pd.array([1, None], "Int64"), b=pd.array([True, None], "boolean")),
    "times": frame(a=pd.to_datetime(["2020-01-01", None]), b=pd.to_timedelta([1, 2], unit="s")),
    "zones": frame(a=pd.to_datetime(["2020-07-01 12:00"]).tz_localize("Europe/Berlin")),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": np.array([], dtype="i4")}),
    "equal names": pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
    "numbered columns": pd.DataFrame(np.eye(2)),
    "named index": pd.DataFrame({"a": [1, 2]}, index=pd.Index(["u", "v"], name="who")),
    "time index": pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2, freq="D")),
    "levels": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_come_back_the_same(through_archive, name):
    found = through_archive(FRAMES[name])
    assert type(found) is pd.DataFrame
    pd.testing.assert_frame_equal(found, FRAMES[name], check_freq=True)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1.5, 2.5], name="x"),
        pd.Series(["a"], index=["i"]),
        pd.Series([], dtype="f4"),
        pd.Series(pd.Categorical(["a", "b"])),
        pd.Series([{"a": 1}, [1]], dtype=object),
    ],
    ids=lambda series: str(series.dtype),
)
def test_series_come_back_the_same(through_archive, series):
    pd.testing.assert_series_equal(through_archive(series), series)


def test_object_tables_keep_their_class_and_types(through_archive):
    from pypet_trajectory.values.object_table import ObjectTable

    table = ObjectTable(data={"n": [1, 2], "arrays": [np.arange(2), np.arange(3)]})
    found = through_archive(table)
    assert type(found) is ObjectTable
    assert type(found["n"][0]) is int
    assert found["arrays"][1].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2020-01-02 03:04:05.678"),
        pd.Timestamp("2020", tz="UTC"),
        pd.Timedelta("3 days 1 ms"),
    ],
    ids=repr,
)
def test_times_come_back_the_same(through_archive, value):
    found = through_archive([value])[0]
    assert type(found) is type(value)
    assert found == value
    assert found.unit == value.unit


def test_missing_values_stay_what_they_are(through_archive):
    found = through_archive([pd.NA, pd.NaT])
    assert found[0] is pd.NA
    assert found[1] is pd.NaT


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "dia", "coo", "lil", "dok"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_matrices_keep_format_and_content(through_archive, form, kind):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = getattr(sparse, f"{form}_{kind}")(np.diag([1.5, 0, 2.5]).astype(np.float32))
    found = through_archive(matrix)
    assert type(found) is type(matrix)
    assert found.dtype == matrix.dtype
    assert np.array_equal(found.toarray(), matrix.toarray())
