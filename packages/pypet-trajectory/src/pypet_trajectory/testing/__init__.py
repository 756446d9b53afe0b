"""Test support that ships with the library: what others need to prove their own parts.

:mod:`~pypet_trajectory.testing.storage` has the suite that every storage service passes,
:mod:`~pypet_trajectory.testing.strategies` the hypothesis strategies it draws from, and
:mod:`~pypet_trajectory.testing.equality` what "the same" means there. Install the extra
``testing`` for pytest and hypothesis.
"""
