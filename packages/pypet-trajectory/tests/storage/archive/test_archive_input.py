"""Archives that a stranger made: each is refused by name, whatever it claims."""

from __future__ import annotations

import bz2
import io
import json
import os
import pickle
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from pypet_trajectory.api.records import RunRows
from pypet_trajectory.exceptions import (
    NoSuchServiceError,
    PickleRefusedError,
    PypetError,
    PypetOSError,
)
from pypet_trajectory.storage.archive import members as archive_members
from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.storage.archive.values import ArchiveDecoder
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.trajectory import Trajectory


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.traj"


def stored(path, complevel=4, **items):
    traj = Trajectory("t", storage_service=ArchiveStorageService(path, complevel=complevel))
    traj.f_add_parameter("x", 1)
    traj.f_add_result("r", **items)
    traj.f_store()
    return traj


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def named(members, end):
    (name,) = [name for name in members if name.endswith(end) and "/results/r/" in name]
    return name


def index_name(path):
    """Name of the index that counts."""
    return max(
        (name for name in members_of(path) if name.startswith("index.")),
        key=lambda name: int(name.split(".")[1]),
    )


def change_json(path, member, change):
    members = members_of(path)
    content = json.loads(members[member])
    members[member] = json.dumps(change(content) or content).encode()
    write_members(path, members)


def change_index(path, change):
    change_json(path, index_name(path), change)


def change_array(path, data):
    """Give the array of the result other bytes, with all sizes and checksums right."""
    members = members_of(path)
    members[named(members, ".npy")] = data
    write_members(path, members)


def change_directory(path, end, **fields):
    """Let the directory tell something else about a member."""
    with zipfile.ZipFile(path, "a") as archive:
        (name,) = [name for name in archive.namelist() if "/results/r/" in name and end in name]
        for field, value in fields.items():
            setattr(archive.getinfo(name), field, value)
        archive._didModify = True  # else the directory is not written again
    return name


def refusal(path, place="t/results/r", bound=4 << 20, **options):
    """The message of the error with which loading fails, in little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(PypetError) as caught:
            loaded(ArchiveStorageService(path, **options), "t")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < bound
    message = " ".join((str(caught.value), *getattr(caught.value, "__notes__", ())))
    assert str(path) in message
    assert place in message
    return message


# -------------------------------------------------------------------- arrays


def npy(header, data=b"", version=b"\x01\x00"):
    text = header.encode() + b"\n"
    width = 2 if version == b"\x01\x00" else 4
    return b"\x93NUMPY" + version + len(text).to_bytes(width, "little") + text + data


def described(descr="'<f8'", shape="(3,)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


@pytest.mark.parametrize("complevel", [0, 9])
@pytest.mark.parametrize(
    "header",
    [
        described(shape="(274877906944,)"),
        described(shape="(2, 9223372036854775807)"),
        described(shape=f"({2**70},)"),
        described(descr="'<U536870911'", shape="(1,)"),
        described(descr="('<f8', (1000, 1000, 1000))", shape="(1,)"),
        described(descr="[('a', '<f8', (1000, 1000))]", shape="(1000,)"),
        described(shape="(2,)"),
        described(shape="(4,)"),
    ],
)
def test_an_array_is_not_larger_than_what_follows_its_header(path, header, complevel):
    stored(path, complevel, item=np.arange(3.0))
    change_array(path, npy(header, np.arange(3.0).tobytes()))
    refusal(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"no array at all" * 9,
        npy(described(), version=b"\x09\x00"),
        b"\x93NUMPY\x02\x00" + b"\xff" * 40,
        b"\x93NUMPY\x01\x00\xff\xff" + b" " * 70_000,
        npy("{}"),
        npy("[1, 2"),
        npy(described(shape="3")),
        npy(described(shape="(-3,)")),
        npy(described(shape="(True, 3)")),
        npy(described(shape="(3.0,)")),
        npy(described(order="0"), bytes(24)),
        npy(described(descr="'no type'")),
        npy(described(descr="5")),
        npy(described(descr="('<f8', (2,))", shape="(1,)"), bytes(16)),
        npy(described(descr="(" * 5000)),
        npy(described(descr="[" * 150 + "]" * 150)),
        npy(described(descr="-" * 5000 + "1")),
        npy(described(descr="__import__('os').abort()")),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), 'more': 1, }"),
        npy(described(shape="(0, 9223372036854775807, 9223372036854775807)")),
        npy(described() + "\udc80".encode("utf-8", "surrogatepass").decode("latin1")),
        npy(described(descr="'\u00e4'"), version=b"\x03\x00"),
    ],
)
def test_what_is_no_array_is_refused(path, data):
    stored(path, item=np.arange(3.0))
    change_array(path, data)
    assert ".npy" in refusal(path)


class Bomb:
    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("allow_pickle", [False, True])
@pytest.mark.parametrize("descr", ["'|O'", "[('a', '|O')]"])
def test_arrays_of_objects_are_never_unpickled(path, descr, allow_pickle):
    stored(path, item=np.arange(3.0))
    change_array(path, npy(described(descr), pickle.dumps([Bomb()] * 3)))
    refusal(path, allow_pickle=allow_pickle)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.zeros((3, 0), dtype="S0"),
        np.zeros((2, 2), dtype=[]),
        np.zeros((), dtype="M8[us]"),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.zeros(2, dtype={"names": ["a", "b"], "formats": ["i2", "f8"], "offsets": [0, 8]}),
        np.zeros(3, dtype=[("ä", "i4"), ("it's \"\\", "u1", (2, 2))]),
        np.zeros(2, dtype=[(f"field {number}", "f8") for number in range(900)]),
    ],
    ids=lambda array: f"{array.dtype.str} {array.shape}",
)
def test_what_is_written_is_read_the_same(array):
    file = io.BytesIO()
    archive_members.write_array(file, array)
    file.seek(0)
    found = archive_members.read_array(file.read, len(file.getvalue()))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    assert found.flags.f_contiguous == array.flags.f_contiguous or not array.itemsize


def test_arrays_with_more_fields_than_a_header_takes_are_not_written():
    array = np.zeros(1, dtype=[(f"field {number}", "f8") for number in range(3000)])
    file = io.BytesIO()
    with pytest.raises(NoSuchServiceError, match="3000 fields"):
        archive_members.write_array(file, array)
    assert file.getvalue() == b""


def test_large_arrays_are_read_in_pieces_and_whole(path):
    array = np.random.default_rng(0).random(300_000)
    stored(path, item=array)
    assert_same(loaded(ArchiveStorageService(path), "t").r.item, array)


@pytest.mark.parametrize(
    "megabytes", [32, pytest.param(300, marks=pytest.mark.soak)], ids=lambda size: f"{size} MB"
)
def test_large_arrays_that_deflate_a_thousandfold_are_loaded(path, megabytes):
    stored(path, complevel=9, item=np.zeros(megabytes << 20, dtype=np.uint8))
    assert path.stat().st_size < (megabytes << 20) / 900
    array = loaded(ArchiveStorageService(path), "t").r.item
    assert array.nbytes == megabytes << 20
    assert not array.any()


# ------------------------------------------------------------- the directory


@pytest.mark.parametrize("size", [2**31, 2**41, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("complevel", [0, 4])
@pytest.mark.parametrize("field", ["file_size", "compress_size", "header_offset"])
def test_a_size_that_the_file_cannot_hold_is_refused(path, size, complevel, field):
    stored(path, complevel, item=np.arange(500))
    change_directory(path, ".npy", **{field: size})
    refusal(path, "")


@pytest.mark.parametrize("size", [0, 10, 1 << 30])
def test_what_is_not_as_large_as_claimed_is_refused(path, size):
    data = bytes(64 << 20)
    stored(path, item="text")
    members = members_of(path)
    name = named(members, ".json")
    members[name] = data
    write_members(path, members)
    change_directory(path, ".json", file_size=size, CRC=zlib.crc32(data[:size]))
    refusal(path)


def test_a_directory_may_claim_too_much_for_its_bytes_by_little_only(path):
    stored(path, item=np.arange(9))
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(named(archive.namelist(), ".npy")).compress_size
    change_directory(path, ".npy", file_size=1101 * size)
    assert f"{1101 * size} bytes, which cannot be in {size} bytes" in refusal(path)


def test_members_do_not_share_bytes(path):
    stored(path, item=np.zeros(1000), other=np.zeros(1000))
    with zipfile.ZipFile(path, "a") as archive:
        first, second = (
            archive.getinfo(name) for name in archive.namelist() if name.endswith(".npy")
        )
        second.header_offset = first.header_offset
        archive._didModify = True
    refusal(path)


def test_a_member_that_reaches_into_the_next_one_is_refused(path):
    stored(path, 0, item=np.arange(500), other=np.arange(700))
    with zipfile.ZipFile(path, "a") as archive:
        first, second = (
            archive.getinfo(name) for name in archive.namelist() if name.endswith(".npy")
        )
        first.compress_size = first.file_size = first.file_size + second.file_size
        archive._didModify = True
    assert "next member" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(path):
    stored(path, item=np.arange(9))
    with zipfile.ZipFile(path, "a") as archive:
        name = named(archive.namelist(), ".npy")
        archive.writestr(name, archive.read(name))
    assert "two members" in refusal(path)


def test_encrypted_members_are_refused_by_name(path):
    stored(path, item=np.arange(9))
    name = change_directory(path, ".npy", flag_bits=1)
    assert f"{name!r} of the archive {path} is damaged: it is encrypted" in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_compressed_otherwise_are_refused(path, method):
    stored(path, item=np.arange(9))
    write_members(path, members_of(path), method)
    assert f"method {method}" in refusal(path, "index.")


@pytest.mark.parametrize("method", [1, 9, 93, 12, 65535])
def test_unknown_compression_is_refused(path, method):
    stored(path, item=np.arange(9))
    change_directory(path, ".npy", compress_type=method)
    assert f"method {method}" in refusal(path)


def test_a_wrong_checksum_is_refused(path):
    stored(path, item=np.arange(9))
    change_directory(path, ".npy", CRC=7)
    assert "CRC" in refusal(path)


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/passwd", "t/../t/x.1.npy", "", ".", "t//x", 7, None, ["x"]]
)
def test_names_that_are_no_names_of_members_are_refused(path, name):
    stored(path, item=np.arange(9))
    members = members_of(path)
    if isinstance(name, str) and name:
        members[name] = members[named(members, ".npy")]
    write_members(path, members)
    change_json(path, named(members, ".json"), lambda _: {"item": {"array": name}})
    refusal(path, "results.r" if not isinstance(name, str) else repr(name))


# ----------------------------------------------------------------- the index


@pytest.mark.parametrize("depth", [2_000, 100_000, 3_000_000])
@pytest.mark.parametrize("what", ["index", "items"])
def test_json_that_is_nested_deeply_is_refused(path, depth, what):
    stored(path, item=1)
    members = members_of(path)
    name = index_name(path) if what == "index" else named(members, ".json")
    members[name] = b"[" * depth + b"]" * depth
    write_members(path, members)
    refusal(path, "", bound=32 << 20)  # by the parser, or as no index and no items


def test_values_that_are_nested_deeply_are_refused():
    value = 1
    for _ in range(5000):
        value = {"tuple": [value]}

    def fail(member):
        raise AssertionError(member)

    with pytest.raises(PypetOSError, match=r"here.*nested deeper"):
        ArchiveDecoder(fail, False, "here").decode(value)


def test_trees_that_are_nested_deeply_are_refused(path):
    stored(path, item=1)

    def nest(index):
        nodes = index["trajectories"]["t"]["nodes"]
        name = "results"
        for _ in range(3000):
            name = f"{name}.a"
            nodes[name] = {"kind": "group"}

    change_index(path, nest)
    assert "nested deeper" in refusal(path, "", bound=64 << 20)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"{", b"\x00" * 9, b'"\xed\xa0\x80"', b"9" * 5000, b"null", b"[]", b"{}"],
)
@pytest.mark.parametrize("what", ["index", "items"])
def test_what_is_no_json_is_refused(path, content, what):
    stored(path, item=1)
    members = members_of(path)
    members[index_name(path) if what == "index" else named(members, ".json")] = content
    write_members(path, members)
    refusal(path, "")


@pytest.mark.parametrize("number", ["9" * 5000, "\u0663", "-1", "1e3", ""])
def test_members_that_are_called_nearly_like_an_index_are_none(path, number):
    stored(path, item=1)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"index.{number}.json", b"{}")
    assert loaded(ArchiveStorageService(path), "t").r.item == 1


def test_a_member_is_loaded_for_one_place_only(path):
    stored(path, item=np.zeros(1 << 20, dtype=np.uint8))
    change_json(
        path,
        named(members_of(path), ".json"),
        lambda items: {"item": [items["item"]] * 1000},
    )
    assert "used once" in refusal(path, "results.r")


def test_a_member_is_loaded_for_one_node_only(path):
    stored(path, item=np.zeros(1 << 20, dtype=np.uint8))

    def repeat(index):
        nodes = index["trajectories"]["t"]["nodes"]
        for number in range(50):
            nodes[f"results.again{number}"] = dict(nodes["results.r"])

    change_index(path, repeat)
    assert "used once" in refusal(path, "results.again9")


@pytest.mark.parametrize(
    "value",
    [
        {"objects": {"shape": [10**12], "items": []}},
        {"objects": {"shape": [-1], "items": [1]}},
        {"objects": {"shape": [2**40, 0, 2**40], "items": []}},
        {"scalar": ["<U999999999", "AAAA"]},
        {"scalar": ["|O", "AAAAAAAAAAA="]},
        {"scalar": [{"tuple": ["<f8", {"tuple": [10**9]}]}, "AAAA"]},
        {"scalar": ["|S0", ""]},
        {"int": "no number"},
        {"complex": ["x"]},
        {"set": [[1]]},
        {"dict": [[{"dict": []}, 1]]},
        {"dict": 5},
        {"table": [["a", [1]], ["b", [1, 2]]]},
        {"compact_range": [{"tuple": []}, "no type"]},
        {"matrix": 5},
        {"bytes": "ä"},
        {"two": 1, "forms": 2},
        {},
        {"unknown": 1},
    ],
)
def test_values_that_no_encoder_wrote_are_refused(path, value):
    stored(path, item=1)
    change_json(path, named(members_of(path), ".json"), lambda _: {"item": value})
    refusal(path, "results.r")


def test_pickles_that_cannot_be_loaded_name_their_place(path):
    stored(path, item=1)
    broken = {"item": {"pickle": "gASVAAAA"}}
    change_json(path, named(members_of(path), ".json"), lambda _: broken)
    assert "pickle" in refusal(path, "results.r", allow_pickle=True)
    with pytest.raises(PickleRefusedError):
        loaded(ArchiveStorageService(path), "t")


@pytest.mark.parametrize(
    ("form", "parts"),
    [
        ("csr", ([1.0], [999_999_999], [0, 1, 1])),
        ("csc", ([1.0], [-5], [0, 1, 1])),
        ("csr", ([1.0], [0], [0, 7, 1])),
        ("coo", ([1.0], [99], [0])),
        ("lil", ([], [], [])),
    ],
)
def test_sparse_matrices_stay_within_their_arrays(path, form, parts):
    pytest.importorskip("scipy")
    stored(path, item=1)
    members = members_of(path)
    data = []
    for number, part in enumerate(parts):
        buffer = io.BytesIO()
        np.save(buffer, np.array(part, dtype="f8" if number == 0 else "i4"))
        members[f"part.{number}.npy"] = buffer.getvalue()
        data.append({"array": f"part.{number}.npy"})
    shape = [10**10, 3] if form == "lil" else [2, 2]
    content = {"class": f"{form}_matrix", "format": form, "shape": shape, "parts": data}
    members[named(members, ".json")] = json.dumps({"item": {"sparse": content}}).encode()
    write_members(path, members)
    refusal(path, "results.r", bound=64 << 20)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["meta"].pop("name"),
        lambda tree: tree["meta"].update(name="../../evil"),
        lambda tree: tree["meta"].update(strange=1),
        lambda tree: tree["meta"].update(timestamp="now"),
        lambda tree: tree["meta"].update(explored=[1]),
        lambda tree: tree.pop("meta"),
        lambda tree: tree.update(meta=[]),
        lambda tree: tree.pop("runs"),
        lambda tree: tree["runs"].update(length=-1),
        lambda tree: tree["runs"].update(length="3"),
        lambda tree: tree["runs"].update(columns={"completed": "no member"}),
        lambda tree: tree["runs"].update(columns={"strange": "x"}),
        lambda tree: tree["runs"].update(columns=[]),
        lambda tree: tree["runs"].update(failures={"99": {}}),
        lambda tree: tree["runs"].update(failures={"0": {"status": 1}}),
        lambda tree: tree.update(nodes=[]),
        lambda tree: tree["nodes"].pop(""),
        lambda tree: tree["nodes"].pop("results"),
        lambda tree: tree["nodes"].update({"a..b": {"kind": "leaf"}}),
        lambda tree: tree["nodes"].update({"x": 5}),
        lambda tree: tree["nodes"].update({"x": {"kind": []}}),
        lambda tree: tree["nodes"].update({"x": {"kind": "strange"}}),
        lambda tree: tree["nodes"]["results"].update(comment=[]),
        lambda tree: tree["nodes"]["results"].update({"class": 5}),
        lambda tree: tree["nodes"]["results"].update(notes=5),
        lambda tree: tree["nodes"]["results"].update(notes={"dict": [[1, 2]]}),
        lambda tree: tree["nodes"]["results.r"].update(items="item"),
        lambda tree: tree["nodes"]["results.r"].update(items=["other"]),
        lambda tree: tree["nodes"]["results.r"].update(data="no member"),
        lambda tree: tree["nodes"]["results.r"].pop("data"),
        lambda tree: tree["nodes"]["results.r"].update(flags={"a": 1}),
        lambda tree: tree["nodes"]["results.r"].update(parameter=1),
        lambda tree: tree["nodes"]["results.r"].update(range=True),
    ],
)
def test_an_index_that_describes_no_trajectory_is_refused(path, change):
    stored(path, item=1)
    change_index(path, lambda index: change(index["trajectories"]["t"]) and None)
    refusal(path, "")


@pytest.mark.parametrize("change", [lambda leaf: {"data": 5}, lambda leaf: {"data": {"table": []}}])
def test_data_that_a_leaf_cannot_take_is_refused_by_name(path, change):
    stored(path, item=1)
    (member,) = [name for name in members_of(path) if "parameters/x/items" in name]
    change_json(path, member, change)
    refusal(path, "parameters.x")


@pytest.mark.parametrize("stamp", [float("nan"), float("inf"), 1e300])
def test_times_that_no_clock_shows_are_refused(path, stamp):
    service = stored(path, item=1).v_storage_service
    service.store_run_rows(RunRows("t", {0: {"timestamp": 1e9, "completed": 1}}))
    members = members_of(path)
    (name,) = [name for name in members if "runs/timestamp" in name]
    buffer = io.BytesIO()
    np.save(buffer, np.array([stamp]))
    members[name] = buffer.getvalue()
    write_members(path, members)
    refusal(path, "timestamp")


def test_writing_into_an_archive_that_is_wrong_about_its_numbers_loses_nothing(path):
    stored(path, item=np.arange(9))
    change_index(path, lambda index: index.update(members=0, generation=-5))
    traj = loaded(ArchiveStorageService(path), "t")
    traj.f_add_result("more", np.arange(5))
    traj.f_store()
    names = zipfile.ZipFile(path).namelist()
    assert len(names) == len(set(names))
    again = loaded(ArchiveStorageService(path), "t")
    assert_same(again.more, np.arange(5))
    assert_same(again.r.item, np.arange(9))


def test_small_files_that_would_become_large_are_refused_before(path):
    """Ten megabytes of zeros by bzip2 are 50 bytes: no bound could be told from the file."""
    data = bz2.compress(bytes(10 << 20))
    assert len(data) < 100
    stored(path, item=1)
    members = members_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            method = zipfile.ZIP_BZIP2 if name == named(members, ".json") else None
            archive.writestr(name, bytes(10 << 20) if method else content, method)
    assert "Repack" in refusal(path)
