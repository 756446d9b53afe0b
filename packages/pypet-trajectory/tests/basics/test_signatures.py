import pytest

from pypet_trajectory.files import racedirs
from pypet_trajectory.storage.registry import get_matching_kwargs


class Plain:
    pass


class WithInit:
    def __init__(self, a, *, b=2):
        pass


def named(a, b=1): ...


def everything(a, **kwargs): ...


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (named, {"a": 1, "b": 2}),
        (everything, {"a": 1, "b": 2, "c": 3}),
        (WithInit, {"a": 1, "b": 2}),
        (Plain, {}),
    ],
)
def test_only_accepted_keywords_are_kept(func, expected):
    assert get_matching_kwargs(func, {"a": 1, "b": 2, "c": 3}) == expected


def test_a_folder_may_be_created_twice_but_not_over_a_file(tmp_path):
    racedirs(tmp_path / "a" / "b")
    racedirs(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        racedirs(tmp_path / "file")
