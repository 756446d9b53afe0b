import copy
import pickle

import pytest

from pypet_trajectory.slots import HasSlots, get_all_slots


class Slotted(HasSlots):
    __slots__ = ("a", "b")


class SingleSlot(Slotted):
    __slots__ = "c"


class WithDict(SingleSlot):
    pass


class WithPrivateSlot(HasSlots):
    __slots__ = ("__hidden",)

    def hide(self, value):
        self.__hidden = value

    def reveal(self):
        return self.__hidden


def test_slots_of_all_bases_are_collected():
    assert get_all_slots(SingleSlot) == {"a", "b", "c", "__weakref__"}
    assert SingleSlot.__all_slots__ == get_all_slots(SingleSlot)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_slots_and_dictionary_survive_every_pickle_protocol(protocol):
    original = WithDict()
    original.a, original.c, original.extra = 1, [2], "three"
    restored = pickle.loads(pickle.dumps(original, protocol))
    assert (restored.a, restored.c, restored.extra) == (1, [2], "three")


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_an_unset_slot_stays_unset_in_copies(duplicate):
    original = Slotted()
    original.a = 1
    assert not hasattr(duplicate(original), "b")


def test_private_slots_are_copied_too():
    original = WithPrivateSlot()
    original.hide(3)
    assert copy.copy(original).reveal() == 3


def test_dir_lists_slots_and_instance_attributes():
    original = WithDict()
    original.extra = 1
    assert {"a", "c", "extra"} <= set(dir(original))
