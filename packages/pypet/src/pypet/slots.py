"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.slots import HasSlots, MetaSlotMachine, get_all_slots

__all__ = ["HasSlots", "MetaSlotMachine", "get_all_slots"]
