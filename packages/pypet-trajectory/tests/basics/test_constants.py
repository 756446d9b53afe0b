import subprocess
import sys

import numpy as np
import pytest

from pypet_trajectory import constants


def test_files_are_written_with_the_version_that_pypet_opens():
    assert constants.VERSION == constants.FILE_VERSION == "0.7.0"
    assert constants.library_version() != "0.7.0"


def test_run_names_are_formatted_as_in_files():
    assert constants.FORMATTED_RUN_NAME % 3 == "run_00000003"
    assert constants.FORMATTED_SET_NAME % 3 == "run_set_00003"


def test_versions_to_store_names_what_is_installed():
    versions = constants.VERSIONS_TO_STORE
    assert list(versions) == [
        *("pypet", "python", "scipy", "numpy", "PyTables", "pandas", "Sumatra", "dill"),
        *("GitPython", "psutil", "platform", "HDF5"),
    ]
    assert versions["numpy"] == np.__version__
    assert versions["python"] == constants.python_version_string


def test_types_are_found_by_their_old_repr_whatever_numpy_runs():
    for text in ("<type 'numpy.bool'>", "<type 'numpy.bool_'>"):
        assert constants.COMPATPARAMETERTYPEDICT[text] is np.bool_
    assert constants.COMPATPARAMETERTYPEDICT["<type 'int'>"] is int


def test_an_unknown_constant_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NO_SUCH"):
        _ = constants.NO_SUCH


@pytest.mark.timeout(60)
def test_leaves_and_constants_import_no_optional_package():
    script = (
        "import sys, pypet_trajectory.constants as c\n"
        "import pypet_trajectory.leaves.pickled, pypet_trajectory.leaves.sparse\n"
        "import pypet_trajectory.exploration.sampling\n"
        "c.VERSIONS_TO_STORE\n"
        "print([m for m in ('pandas', 'scipy', 'tables', 'multiprocessing') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
