import inspect
import pickle

import pytest

from pypet_trajectory import exceptions
from pypet_trajectory.exceptions import PypetError

ALL = [
    member
    for _, member in inspect.getmembers(exceptions, inspect.isclass)
    if member.__module__ == exceptions.__name__
]


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_a_pypet_error_and_survives_pickling(error):
    copy = pickle.loads(pickle.dumps(error("what happened")))
    assert isinstance(copy, PypetError)
    assert str(copy) == "what happened"


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ParameterLockedException", TypeError),
        ("VersionMismatchError", TypeError),
        ("NoSuchServiceError", TypeError),
        ("TooManyGroupsError", TypeError),
        ("NotUniqueNodeError", AttributeError),
        ("DataNotInStorageError", OSError),
        ("PresettingError", RuntimeError),
        ("GitDiffError", RuntimeError),
    ],
)
def test_errors_of_pypet_are_still_the_documented_builtins(name, builtin):
    assert issubclass(getattr(exceptions, name), builtin)


def test_data_not_in_storage_is_no_attribute_error():
    assert not issubclass(exceptions.DataNotInStorageError, AttributeError)
