"""File names, settings, several trajectories per file, and what is refused."""

from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import tables

from pypet_storage_hdf5 import (
    HDF5FileError,
    HDF5StorageService,
    SharedResult,
    SharedVLArray,
    StorageContextManager,
)
from pypet_trajectory.trajectory import Trajectory


def attributes_of(path: str, node: str) -> dict[str, object]:
    with tables.open_file(path) as file:
        attrs = file.get_node(node)._v_attrs
        return {name: attrs[name] for name in attrs._v_attrnames}


@pytest.mark.claim(102)
def test_a_folder_as_filename_means_a_file_named_after_the_trajectory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traj = Trajectory("fitting", filename="./myfolder/x.hdf5")
    service = HDF5StorageService("./myfolder/", trajectory=traj)
    assert service.filename == "./myfolder/fitting.hdf5"
    traj.f_store()
    assert (tmp_path / "myfolder" / "fitting.hdf5").exists()


@pytest.mark.parametrize(
    ("given", "expected"), [(None, "hdf5/fitting.hdf5"), ("data.hdf5", "data.hdf5")]
)
def test_a_bare_filename_lies_in_the_current_folder(tmp_path, monkeypatch, given, expected):
    monkeypatch.chdir(tmp_path)
    service = HDF5StorageService(given, trajectory=Trajectory("fitting"))
    assert service.filename == os.path.join(os.getcwd(), expected)


@pytest.mark.claim(103)
def test_a_new_file_gets_the_title_and_an_old_one_keeps_it(new, load, path):
    new("one", file_title="My experiments").f_store()
    new("two", file_title="Other").f_store()
    again = load("one")
    again.f_add_result("more", 1)
    again.f_store()
    assert attributes_of(path, "/")["TITLE"] == "My experiments"


@pytest.mark.claim(104)
def test_overwrite_file_removes_the_old_file_at_once(new, load, path):
    new("old").f_store()
    traj = Trajectory("fresh")
    traj.v_storage_service = HDF5StorageService(path, trajectory=traj, overwrite_file=True)
    assert not os.path.exists(path)
    traj.f_store()
    with pytest.raises(ValueError, match="old"):
        load("old")
    assert load("fresh").v_name == "fresh"


@pytest.mark.claim(105)
def test_several_trajectories_live_in_one_file(new, load):
    for name in ("zeta", "alpha"):
        traj = new(name)
        traj.f_add_result("who", name)
        traj.f_store()
    assert load("zeta").who == "zeta"
    assert load(None, index=0).who == "alpha"


@pytest.mark.claim(106)
def test_text_beyond_ascii_survives_everywhere(new, load):
    traj = new(comment="größer – 文")
    traj.f_add_parameter("wort", "Überraschung", comment="é")
    traj.f_add_result("r", d={"ö": "ü"}, arr=np.array(["ß"]), comment="ñ")
    traj.v_annotations["anmerkung"] = "ä"
    traj.f_store()
    again = load()
    assert (again.v_comment, again.wort, again.f_get("wort").v_comment) == (
        "größer – 文",
        "Überraschung",
        "é",
    )
    assert again.r.d == {"ö": "ü"}
    assert again.r.arr.tolist() == ["ß"]
    assert again.v_annotations.anmerkung == "ä"


@pytest.mark.claim(107)
@pytest.mark.claim(108)
@pytest.mark.claim(109)
@pytest.mark.claim(110)
@pytest.mark.parametrize(
    "settings",
    [
        *({"complevel": level} for level in range(10)),
        {},
        *({"complib": name} for name in ("zlib", "blosc", "bzip2", "blosc:lz4", "blosc2:zstd")),
        {"complevel": 4, "complib": "blosc"},
        {"shuffle": True},
        {"fletcher32": False},
        {"shuffle": False, "complevel": 2},
        {"fletcher32": True},
    ],
)
def test_compression_is_what_was_asked_for(new, load, path, settings):
    traj = new(**settings)
    traj.f_add_result("arr", np.zeros(10_000))
    traj.f_store()
    expected = tables.Filters(
        **{
            "complib": "zlib",
            "complevel": 9,
            "shuffle": True,
            "fletcher32": False,
            **settings,
            **({"shuffle": False} if settings.get("complevel") == 0 else {}),
        }
    )
    with tables.open_file(path) as file:
        filters = file.root.traj.results.arr.arr.filters
    assert (filters.complevel, filters.fletcher32) == (expected.complevel, expected.fletcher32)
    if filters.complevel:
        assert (filters.complib, filters.shuffle) == (expected.complib, expected.shuffle)
    service = load().v_storage_service
    assert {key: getattr(service, key) for key in settings} == settings


@pytest.mark.parametrize("complib", ["zlib", "blosc2:zstd"])
@pytest.mark.parametrize("pandas_format", ["fixed", "table"])
def test_data_of_rows_that_differ_in_length_can_be_stored_with_every_filter(
    new, load, complib, pandas_format
):
    pd = pytest.importorskip("pandas")
    traj = new(complib=complib, fletcher32=True, pandas_format=pandas_format)
    frame = pd.DataFrame({"n": [1, 2], "s": ["x", "ü"]})
    result = traj.f_add_result(
        SharedResult, "r", rows=np.arange(5), frame=frame, shared=SharedVLArray()
    )
    traj.f_store(only_init=True)
    traj.f_store_item(result, store_flags={"rows": "VLARRAY"})
    result.shared.create_shared_data(obj=[1, 2])
    again = load().f_get("r")
    assert again.rows.tolist() == [0, 1, 2, 3, 4]
    assert again.frame.to_dict("list") == frame.to_dict("list")
    assert again.shared.read()[0].tolist() == [1, 2]


@pytest.mark.claim(108)
@pytest.mark.filterwarnings("ignore::tables.FiltersWarning")
def test_lzo_is_accepted_and_zlib_takes_its_place_where_it_is_missing(new, load, path):
    traj = new(complib="lzo")
    traj.f_add_result("arr", np.zeros(10_000))
    traj.f_store()
    with tables.open_file(path) as file:
        used = file.root.traj.results.arr.arr.filters.complib
    assert used == ("lzo" if tables.which_lib_version("lzo") else "zlib")
    again = load()
    assert again.v_storage_service.complib == "lzo"
    assert again.arr.size == 10_000


def test_loading_restores_the_settings_of_the_file_and_storing_keeps_them(new, load):
    new(complevel=3, complib="blosc", pandas_format="table").f_store()
    again = load()
    assert again.f_get("config.hdf5.complevel").f_get() == 3
    again.f_store()
    service = load().v_storage_service
    assert (service.complevel, service.complib, service.pandas_format) == (3, "blosc", "table")


def test_settings_of_one_call_do_not_stay_for_the_next(new, path):
    traj = new()
    traj.f_add_result("a", np.zeros(5000))
    traj.f_add_result("b", np.zeros(5000))
    traj.f_store(only_init=True)
    traj.f_store_item("a", complevel=1)
    traj.f_store_item("b")
    with tables.open_file(path) as file:
        results = file.root.traj.results
        assert (results.a.a.filters.complevel, results.b.b.filters.complevel) == (1, 9)


@pytest.mark.claim(111)
@pytest.mark.parametrize(
    ("name", "stored"),
    [("fixed", "frame"), ("f", "frame"), ("table", "frame_table"), ("t", "frame_table")],
)
def test_pandas_data_is_stored_in_the_format_asked_for(new, load, path, name, stored):
    pd = pytest.importorskip("pandas")
    traj = new(pandas_format=name)
    frame = pd.DataFrame({"a": [1, 2], "s": ["x", "ü"]})
    traj.f_add_result("frame", frame)
    traj.f_store()
    assert attributes_of(path, "/traj/results/frame/frame")["pandas_type"] == stored
    assert load().frame.to_dict("list") == frame.to_dict("list")


def test_an_unknown_pandas_format_is_a_value_error(path):
    with pytest.raises(ValueError, match="parquet"):
        HDF5StorageService(path).pandas_format = "parquet"


@pytest.mark.claim(116)
@pytest.mark.claim(117)
@pytest.mark.parametrize("name", ["results_per_run", "derived_parameters_per_run"])
def test_expected_numbers_become_config_parameters_and_are_zero_by_default(new, load, name):
    new("one").f_store()
    new("two", **{name: 3}).f_store()
    assert load("one").f_get(f"config.hdf5.{name}").f_get() == 0
    assert load("two").f_get(f"config.hdf5.{name}").f_get() == 3


def test_purging_without_summary_tables_is_refused(path):
    with pytest.raises(ValueError, match="summary"):
        HDF5StorageService(path, summary_tables=False)


@pytest.mark.claim(224)
def test_config_that_contradicts_itself_is_refused(new):
    traj = new()
    traj.f_get("config.hdf5.overview.results_summary").f_set(False)
    with pytest.raises(RuntimeError, match="summary"):
        traj.f_store()


def test_a_service_can_be_pickled_while_its_file_is_open(new):
    traj = new()
    traj.f_store()
    with StorageContextManager(traj):
        service = pickle.loads(pickle.dumps(traj.v_storage_service))
    assert not service.is_open
    assert service.filename == traj.v_storage_service.filename


def test_reading_changes_nothing_in_the_file(new, load, path):
    traj = new()
    traj.f_add_result("r", [1, 2])
    traj.f_store()
    os.chmod(path, 0o444)
    before = Path(path).read_bytes()
    assert load().r == [1, 2]
    assert Path(path).read_bytes() == before
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_a_file_that_somebody_holds_open_says_who(new, load, path):
    new().f_store()
    with tables.open_file(path, "a"), pytest.raises(HDF5FileError, match="this process"):
        load()


@pytest.mark.parametrize(("content", "message"), [(b"", "empty"), (b"no hdf5", "not an HDF5")])
def test_what_is_no_hdf5_file_is_refused_by_name(load, path, content, message):
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as stream:
        stream.write(content)
    with pytest.raises(HDF5FileError, match=message):
        load()


def test_a_truncated_file_is_refused_by_name(new, load, path):
    new().f_store()
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises(HDF5FileError, match="truncated"):
        load()


def test_a_foreign_group_is_no_trajectory(load, path):
    os.makedirs(os.path.dirname(path))
    with tables.open_file(path, "w") as file:
        file.create_group("/", "foreign")
    with pytest.raises(OSError, match="overview/info"):
        load("foreign")


def test_an_unknown_storage_kind_names_the_item(new, load, path):
    traj = new()
    traj.f_add_result("r", 1)
    traj.f_store()
    with tables.open_file(path, "a") as file:
        file.root.traj.results.r.r._v_attrs.SRVC_STORE = "CRYSTAL"
    with pytest.raises(TypeError, match="CRYSTAL") as caught:
        load()
    assert any("'results.r'" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("message", ["LEAF", "OPEN_FILE", "FLUSH", "ACCESS_DATA"])
def test_a_file_is_not_made_for_a_trajectory_that_is_not_in_it(path, message):
    traj = Trajectory("traj")
    service = HDF5StorageService(path)
    arguments = ("item", "nrows") if message == "ACCESS_DATA" else ()
    stuff = "results.r" if arguments else traj.f_add_result("r", 1)
    with pytest.raises(ValueError, match=r"data\.hdf5"):
        service.store(message, stuff, *arguments, trajectory_name="traj")
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize("message", ["LEA", "EAF", "", "SHRED"])
def test_a_message_nobody_knows_is_a_type_error_and_touches_no_file(path, message):
    with pytest.raises(TypeError, match=f"'{message}'"):
        HDF5StorageService(path).store(message, Trajectory("traj"), trajectory_name="traj")
    assert not os.path.exists(os.path.dirname(path))


def test_a_store_mode_nobody_knows_is_a_value_error_and_touches_no_trajectory(new, path):
    traj = new()
    with pytest.raises(ValueError, match="7"):
        traj.f_store(store_data=7)
    assert not traj.v_stored
    with pytest.raises(ValueError, match="traj"):
        HDF5StorageService(path).load("LEAF", traj.f_add_result("r"), trajectory_name="traj")


def test_constants_of_pypet_0_7_are_there():
    kinds = ("ARRAY", "CARRAY", "EARRAY", "VLARRAY", "TABLE", "DICT", "FRAME", "SERIES")
    assert tuple(getattr(HDF5StorageService, name) for name in kinds) == kinds
    assert HDF5StorageService.SHARED_DATA == "SHARED_DATA_"
    assert HDF5StorageService.EXPLORED_PARAMETERS == "explored_parameters"
    assert isinstance(HDF5StorageService.ATTR_LIST, list)
    assert HDF5StorageService.NAME_TABLE_MAPPING == {
        "_overview_config": "config_overview",
        "_overview_parameters": "parameters_overview",
        "_overview_derived_parameters": "derived_parameters_overview",
        "_overview_results": "results_overview",
        "_overview_explored_parameters": "explored_parameters_overview",
        "_overview_derived_parameters_summary": "derived_parameters_summary",
        "_overview_results_summary": "results_summary",
    }


def test_subclasses_log_by_their_logger(path):
    class Mine(HDF5StorageService):
        def name_of_logger(self):
            return self._logger.name

    assert HDF5StorageService(path)._logger.name == "pypet.storageservice.HDF5StorageService"
    service = Mine(path)
    assert service.name_of_logger() == f"{__name__}.Mine"
    service._logger = logging.getLogger("own")
    assert service.name_of_logger() == "own"


@pytest.mark.parametrize("word", ["f", "fixed", "t", "table"])
def test_the_pandas_format_is_written_as_it_was_given(new, load, path, word):
    pd = pytest.importorskip("pandas")
    traj = new(pandas_format=word)
    traj.f_add_result("frame", pd.DataFrame({"a": [1, 2]}))
    traj.f_store()
    with tables.open_file(path) as file:
        assert file.root.traj.overview.hdf5_settings[0]["pandas_format"] == word.encode()
    again = load()
    assert again.v_storage_service.pandas_format == word
    assert again.f_get("frame").f_get(0)["a"].tolist() == [1, 2]
