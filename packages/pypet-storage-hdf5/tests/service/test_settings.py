"""What settings may be, and that wrong ones are refused before anything is on disk."""

from __future__ import annotations

import logging
import os

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import HDF5StorageService, StorageContextManager

WRONG = [
    ("complevel", 42, ValueError),
    ("complevel", -1, ValueError),
    ("complevel", "3", TypeError),
    ("complevel", 2.5, TypeError),
    ("complevel", float("nan"), TypeError),
    ("complevel", None, TypeError),
    ("complib", "brotli", ValueError),
    ("complib", 3, TypeError),
    ("pandas_format", "parquet", ValueError),
    ("pandas_format", ["fixed"], ValueError),
    ("encoding", "utf9", ValueError),
    ("encoding", None, TypeError),
]
WRONG_NUMBERS = [
    ("results_per_run", -1, ValueError),
    ("results_per_run", "many", TypeError),
    ("derived_parameters_per_run", 2**31, ValueError),
    ("display_time", "soon", TypeError),
    ("display_time", -1, ValueError),
]


@pytest.mark.parametrize(("name", "value", "error"), WRONG + WRONG_NUMBERS)
def test_a_wrong_setting_is_refused_by_name_when_the_service_is_made(path, name, value, error):
    with pytest.raises(error, match=name):
        HDF5StorageService(path, **{name: value})
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize(("name", "value", "error"), WRONG)
def test_a_wrong_setting_cannot_be_set_later(path, name, value, error):
    service = HDF5StorageService(path)
    before = getattr(service, name)
    with pytest.raises(error, match=name):
        setattr(service, name, value)
    assert getattr(service, name) == before


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("complevel", 42, ValueError),
        ("complib", "brotli", ValueError),
        ("complevel", "x", TypeError),
    ],
)
def test_a_wrong_config_parameter_is_refused_before_the_file_is_made(new, path, name, value, error):
    traj = new()
    traj.f_get(f"config.hdf5.{name}").f_set(value)
    with pytest.raises(error, match=f"config.hdf5.{name}"):
        traj.f_store()
    assert not os.path.exists(path)
    traj.f_get(f"config.hdf5.{name}").f_unlock()
    traj.f_get(f"config.hdf5.{name}").f_set(getattr(HDF5StorageService(path), name))
    traj.f_store()


def test_a_wrong_file_with_overwriting_is_not_removed(new, path):
    new().f_store()
    with pytest.raises(ValueError, match="complevel"):
        HDF5StorageService(path, overwrite_file=True, complevel=10)
    assert os.path.exists(path)


@pytest.mark.parametrize("options", [{"complevel": 12}, {"filters": "zlib"}, {"complib": "x"}])
def test_wrong_options_of_one_call_leave_nothing_behind(new, load, options):
    traj = new()
    traj.f_store()
    result = traj.f_add_result("r", np.zeros(100))
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        traj.f_store_item(result, **options)
    assert "r" not in load()


@pytest.mark.parametrize("level", [np.int64(3), 3.0, np.float32(3)])
def test_whole_numbers_of_any_type_are_levels(path, level):
    service = HDF5StorageService(path, complevel=level)
    assert type(service.complevel) is int
    assert service.complevel == 3


@pytest.mark.parametrize(
    ("column", "stored", "found"),
    [("complib", b"blosc:l", "blosc:lz4"), ("complib", b"brotli", "zlib"), ("complevel", 77, 9)],
)
def test_settings_of_a_file_that_are_unknown_here_give_way_to_usable_ones(
    new, load, path, column, stored, found
):
    new().f_store()
    with tables.open_file(path, "a") as file:
        table = file.root.traj.overview.hdf5_settings
        rows = table.read()
        rows[column] = stored
        table.modify_rows(0, 1, 1, rows)
    again = load()
    assert getattr(again.v_storage_service, column) == found
    again.f_add_result("arr", np.zeros(1000))
    again.f_store()
    assert load().arr.size == 1000


def messages(caplog):
    return [record.getMessage() for record in caplog.records if "nodes/s" in record.getMessage()]


def test_progress_is_told_while_many_nodes_are_stored_and_loaded(new, load, caplog):
    caplog.set_level(logging.INFO)
    traj = new(display_time=0)
    traj.f_add_result("r", 1)
    traj.f_store()
    stored = messages(caplog)
    assert stored[0].startswith("Processed 1 nodes in 0:00:00 (")
    caplog.clear()
    load()
    assert not messages(caplog)  # the usual 20 seconds did not pass
    service = traj.v_storage_service
    assert service.display_time == 0
    traj.f_load(load_data=3)
    assert len(messages(caplog)) >= 3


def test_no_progress_is_told_while_the_file_is_held_open(new, caplog):
    caplog.set_level(logging.INFO)
    traj = new(display_time=0)
    traj.f_store()
    caplog.clear()
    with StorageContextManager(traj):
        traj.f_store_item(traj.f_add_result("r", 1))
    assert not messages(caplog)


@pytest.mark.parametrize(
    "switch",
    ["shuffle", "fletcher32", "overwrite_file", "purge_duplicate_comments", "summary_tables",
     "small_overview_tables", "large_overview_tables"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["False", 2, None])
def test_switches_are_true_or_false(switch, value):
    with pytest.raises(TypeError, match=f"{switch} must be True or False, not {value!r}"):
        HDF5StorageService(filename="t.hdf5", **{switch: value})


def test_the_title_of_a_file_is_a_text():
    with pytest.raises(TypeError, match="file_title must be a text, not 5"):
        HDF5StorageService(filename="t.hdf5", file_title=5)
