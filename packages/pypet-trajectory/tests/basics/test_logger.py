import logging
import pickle

import pytest

from pypet_trajectory.logger import HasLogger


class Talker(HasLogger):
    __slots__ = ()


def test_the_default_logger_is_named_after_the_class_and_costs_nothing():
    talker = Talker()
    assert talker._logger is logging.getLogger(f"{__name__}.Talker")
    assert talker.__getstate__() == {}


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
