import logging

import pytest

from pypet_trajectory.decorators import (
    copydoc,
    not_in_run,
    prefix_naming,
    retry,
    with_open_store,
)


class Trajectory:
    def __init__(self, is_run):
        self.v_is_run = is_run

    @not_in_run
    def extend(self):
        """Extend it."""
        return "done"


def test_a_guarded_method_works_outside_of_runs_only():
    assert Trajectory(is_run=False).extend() == "done"
    with pytest.raises(TypeError, match="extend"):
        Trajectory(is_run=True).extend()


def test_a_guarded_method_says_so_in_its_documentation():
    assert Trajectory.extend.not_in_run
    assert Trajectory.extend.__doc__.startswith("Extend it.")
    assert "single run" in Trajectory.extend.__doc__


class Shared:
    def __init__(self, is_open):
        self.traj = self
        self.v_storage_service = self
        self.is_open = is_open

    @with_open_store
    def append(self):
        return "done"


def test_data_on_disk_is_reached_through_an_open_store_only():
    assert Shared(is_open=True).append() == "done"
    with pytest.raises(TypeError, match="append"):
        Shared(is_open=False).append()


class Flaky:
    def __init__(self, failures):
        self.calls = 0
        self.failures = failures

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise ValueError(self.calls)
        return self.calls

    __name__ = "flaky"


def test_a_function_is_tried_again_as_often_as_asked():
    flaky = Flaky(2)
    assert retry(2, ValueError)(flaky)() == 3


def test_the_last_error_is_raised_and_logged(caplog):
    flaky = Flaky(10)
    with caplog.at_level(logging.DEBUG, "retrying"), pytest.raises(ValueError):
        retry(1, (ValueError, KeyError), logger_name="retrying")(flaky)()
    assert flaky.calls == 2
    assert [record.levelname for record in caplog.records] == ["DEBUG", "ERROR"]


def test_other_errors_are_not_worth_another_attempt():
    flaky = Flaky(1)
    with pytest.raises(ValueError):
        retry(5, KeyError)(flaky)()
    assert flaky.calls == 1


def test_documentation_is_copied_without_abstract_lines():
    def source():
        """ABSTRACT: to be implemented.

        Do it.
        """

    @copydoc(source)
    def target():
        """Really do it."""

    @copydoc(source)
    def silent():
        pass

    assert "ABSTRACT" not in target.__doc__
    assert target.__doc__.strip().startswith("Do it.")
    assert target.__doc__.endswith("Really do it.")
    assert silent.__doc__.strip() == "Do it."


@prefix_naming
class Plain:
    def __init__(self):
        self.index = 3

    def run(self):
        return "ran"


def test_prefixes_in_front_of_names_are_optional():
    plain = Plain()
    assert plain.f_run() == "ran"
    assert plain.v_index == 3
    plain.v_index = 4
    plain.v_other = 5
    assert (plain.index, plain.other) == (4, 5)


def test_an_unknown_name_is_an_attribute_error_that_names_class_and_attribute():
    with pytest.raises(AttributeError, match=r"Plain.*missing"):
        _ = Plain().f_missing


def test_a_class_with_a_getattr_of_its_own_is_refused():
    class Clever:
        def __getattr__(self, name):
            return name

    with pytest.raises(TypeError, match="Clever"):
        prefix_naming(Clever)
