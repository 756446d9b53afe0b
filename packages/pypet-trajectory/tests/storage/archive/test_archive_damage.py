"""Archives changed at random: each loads, or is refused by an error of pypet, in little memory.

Bytes of the file are changed, bytes of its members with right checksums, fields of its directory,
and values in its JSON. A few such archives are loaded here, thousands with ``-m soak``.
"""

from __future__ import annotations

import copy
import io
import json
import tracemalloc
import zipfile
from random import Random

import numpy as np
import pytest

from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.exceptions import PypetError
from pypet_trajectory.leaves.array_parameter import ArrayParameter
from pypet_trajectory.storage.archive.service import ArchiveStorageService
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.trajectory import Trajectory

#: More than 1,100 times the bytes of any member of the sample, and what is around them.
_MAX_BYTES = 64 << 20


def sample(path):
    """An archive with values of all forms that the installed packages allow."""
    traj = Trajectory("t", comment="sample", storage_service=ArchiveStorageService(path))
    traj.v_annotations.room = "B12"
    traj.f_add_parameter("cells.size", 12, comment="in micrometres")
    traj.f_add_parameter("speed", 0.5)
    traj.f_add_parameter(ArrayParameter, "matrix", np.eye(2))
    traj.f_explore({"speed": [0.5, 1.5, 2.5]})
    result = traj.f_add_result(
        "r",
        number=np.float32(2),
        text="ä" * 20,
        array=np.arange(300.0).reshape(20, 15),
        other=np.asfortranarray(np.ones((3, 4), dtype=">i2")),
        names=("a", "b"),
        data=b"x" * 3000,
        nothing=float("nan"),
    )
    result.v_annotations.f_set_single(
        "values",
        {
            "structure": np.array([(1, "a")], dtype=[("i", "i4"), ("s", "U3")]),
            "objects": np.array([1, "a", None], dtype=object),
            "large": 2**80,
            "complex": 1 + 2j,
            "sets": [{1, 2}, frozenset([3])],
            "matrix": np.array([[1, 2]]).view(np.matrix),
            "time": np.datetime64("2020-01-01"),
            "scalars": [np.str_("a"), np.bytes_(b"b"), np.int8(1)],
            **_optional_values(),
        },
    )
    traj.results.f_add_link("shortcut", result)
    traj.f_store()
    traj.v_storage_service.store_run_rows(
        RunRows(
            "t",
            {1: {"timestamp": 1e9, "finish_timestamp": 1e9 + 5, "completed": 1, "runtime": "5"}},
            {2: RunFailure("failed", "ValueError", "message", "traceback")},
        )
    )


def _optional_values():
    try:
        import pandas as pd
        from scipy import sparse
    except ModuleNotFoundError:
        return {}
    zoned = pd.date_range("2020-01-01", periods=2, tz="Europe/Berlin")
    return {
        "frame": pd.DataFrame(
            {
                "number": [1, 2],
                "text": ["x", None],
                "category": pd.Categorical(["a", "b"]),
                "nullable": pd.array([1, None], dtype="Int64"),
                "zoned": zoned,
            },
            index=pd.date_range("2020", periods=2, freq="D"),
        ),
        "series": pd.Series([1.0], index=pd.MultiIndex.from_tuples([("a", 1)]), name="n"),
        "times": [zoned[0], pd.Timedelta("1d"), pd.NA, pd.NaT],
        "sparse": [
            sparse.csr_matrix(np.eye(3)).asformat(form)
            for form in ("csr", "csc", "bsr", "dia", "coo", "lil", "dok")
        ],
    }


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The bytes of the sample."""
    path = tmp_path_factory.mktemp("sample") / "store.traj"
    sample(path)
    loaded(ArchiveStorageService(path), "t")
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.traj"


def survives(path, counts):
    """Load an archive; only errors of pypet and no large memory may come of it."""
    tracemalloc.start()
    try:
        service = ArchiveStorageService(path)
        names = service.trajectory_names()
        again = loaded(service, names[0] if names else "t")
        again.f_get_run_information()
    except PypetError:
        counts["refused"] += 1
    else:
        counts["loaded"] += 1
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < _MAX_BYTES


def members_of(content):
    """Members of an archive, without indexes that do not count."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    indexes = sorted(
        (name for name in members if name.startswith("index.")),
        key=lambda name: int(name.split(".")[1]),
    )
    return {name: data for name, data in members.items() if name not in indexes[:-1]}


def write_members(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


# ------------------------------------------------------------ kinds of damage


def change_bytes(path, original, mutants, count):
    """Bytes of the file, with and without compression."""
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        for name, data in members_of(original).items():
            archive.writestr(name, data)
    for content in (original, plain.getvalue()):
        for damaged in mutants(content, count // 2):
            path.write_bytes(damaged)
            yield


def change_members(path, original, mutants, count):
    """Bytes of single members; their checksums are right."""
    members = members_of(original)
    names = list(members)
    for number in range(count):
        name = names[number % len(names)]
        *_, damaged = mutants(members[name], number // len(names) + 1)
        write_members(path, members | {name: damaged})
        yield


_SIZES = (0, 1, 29, 1000, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1)
_FIELDS = {
    "file_size": _SIZES,
    "compress_size": _SIZES,
    "header_offset": _SIZES,
    "CRC": (0, 1, 2**32 - 1),
    "flag_bits": (1, 8, 0x20, 0x40, 0x800, 0xFFFF),
    "compress_type": (0, 8, 12, 14, 93, 99, 0xFFFF),
    "extract_version": (0, 20, 63, 255),
    "filename": ("index.9.json", "../x", "/x", "x" * 60_000, "\u20ac", "x\0y"),
    "orig_filename": ("index.9.json",),
    "extra": (b"\x01\x00\x08\x00" + b"\xff" * 8, b"\x01\x00\xff\xff", b"\x00" * 1000),
    "comment": (b"c" * 60_000,),
}


def change_directory(path, original, mutants, count):
    """Fields of the directory at the end of the file."""
    for seed in range(count):
        random = Random(seed)
        path.write_bytes(original)
        with zipfile.ZipFile(path, "a") as archive:
            infos = archive.infolist()
            for _ in range(random.choice((1, 1, 3))):
                field = random.choice(list(_FIELDS))
                other = getattr(random.choice(infos), field)
                value = random.choice((*_FIELDS[field], other))
                if field == "header_offset" and random.random() < 0.7:
                    value = other + random.choice((0, 1, 30))
                setattr(random.choice(infos), field, value)
            archive._didModify = True  # else the directory is not written again
        yield


_ODD_VALUES = (
    *(None, True, False, 0, -1, 2**31, 2**62, 10**30, 0.5, 1e308, float("nan")),
    *("", "x", "../../x", "\ud800", "0x", "index.1.json", "U999999999", "9" * 5000),
    *([], [1], ["x"], [[]], [None] * 5, {}, {"x": 1}, {"a": 1, "b": 2}),
    *({"array": "none"}, {"tuple": [1]}, {"dict": [[[], 1]]}, {"set": [[1]]}, {"int": "zz"}),
    *({"objects": {"shape": [10**12], "items": []}}, {"frame": {}}, {"sparse": {}}),
    *({"pickle": "gASVAAA="}, {"scalar": ["<f8", "AAAA"]}, {"float": "inf"}),
)
_ODD_NAMES = ("", "x", "a..b", "__class__", "data", "t", "results", "results.r.z", "parameters.x")


def places_in(value, place=()):
    yield place
    if isinstance(value, (dict, list)):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from places_in(value[key], (*place, key))


def at(value, place):
    for key in place:
        value = value[key]
    return value


def with_odd_value(value, random):
    places = list(places_in(value))
    place = random.choice(places)
    odd = copy.deepcopy(random.choice((*_ODD_VALUES, at(value, random.choice(places)))))
    if not place:
        return odd
    parent, key = at(value, place[:-1]), place[-1]
    kind = random.randrange(10)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[random.choice(_ODD_NAMES)] = parent.pop(key)
    else:
        parent[key] = odd
    return value


def change_json(path, original, mutants, count):
    """Values in the index, which has most of them, and in other JSON members."""
    members = members_of(original)
    names = [name for name in members if name.endswith(".json")]
    (index,) = (name for name in names if name.startswith("index."))
    for seed in range(count):
        random = Random(seed)
        name = random.choice((index, random.choice(names)))
        value = json.loads(members[name])
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            value = with_odd_value(value, random)
        write_members(path, members | {name: json.dumps(value).encode()})
        yield


KINDS = (change_bytes, change_members, change_directory, change_json)


def survives_all(kind, path, original, mutants, count):
    counts = {"loaded": 0, "refused": 0}
    for _ in kind(path, original, mutants, count):
        survives(path, counts)
    assert counts["refused"] > count / 5, counts
    assert sum(counts.values()) == count


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_archives_load_or_are_refused(kind, path, original, mutants):
    survives_all(kind, path, original, mutants, 40)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_archives_load_or_are_refused(kind, path, original, mutants):
    survives_all(kind, path, original, mutants, 2000)
