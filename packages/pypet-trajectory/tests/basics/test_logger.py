import logging
import pickle

import pytest

from pypet_trajectory import Result, Trajectory
from pypet_trajectory.logger import HasLogger, logger_name, module_logger


class Talker(HasLogger):
    __slots__ = ()


def test_the_default_logger_is_named_after_the_class_and_costs_nothing():
    talker = Talker()
    assert talker._logger is logging.getLogger(f"{__name__}.Talker")
    assert talker.__getstate__() == {}


def test_classes_log_under_the_names_they_have_always_had():
    assert Trajectory("t")._logger.name == "pypet.trajectory.Trajectory"
    assert Result("r")._logger.name == "pypet.parameter.Result"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pypet_trajectory.naming.wildcards", "pypet.trajectory.naming.wildcards"),
        ("pypet_trajectory.leaves.text", "pypet.parameter.text"),
        ("pypet_trajectory", "pypet.trajectory"),
        ("pypet_unheard_of.at.all", "pypet.unheard_of.at.all"),
        ("pypet.environment", "pypet.environment"),
        ("pypetic.leaves", "pypetic.leaves"),
    ],
)
def test_modules_of_all_distributions_log_below_pypet(module, name):
    assert logger_name(module) == name
    assert module_logger(module) is logging.getLogger(name)


def test_a_logger_can_be_given_and_taken_back():
    talker = Talker()
    talker._set_logger("elsewhere")
    assert talker._logger.name == "elsewhere"
    talker._set_logger()
    assert talker._logger.name.endswith("Talker")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_logger_is_pickled_as_its_name(protocol):
    talker = Talker()
    talker._logger = logging.getLogger("elsewhere")
    assert talker.__getstate__() == {"_own_logger": "elsewhere"}
    assert pickle.loads(pickle.dumps(talker, protocol))._logger is talker._logger
