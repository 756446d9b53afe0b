"""The suite that every storage service passes: subclass it, say how to make a store, run pytest.

::

    class TestMyService(StorageServiceConformance):
        def new_store(self):
            path = tempfile.mkdtemp() + '/store.mine'
            return lambda: MyService(path)

It is made of smaller suites, one for each thing a service does, which can be run alone as well.
"""

from __future__ import annotations

from pypet_trajectory.testing.storage.copying import CopyTests
from pypet_trajectory.testing.storage.deleting import DeletingTests
from pypet_trajectory.testing.storage.links import LinkTests
from pypet_trajectory.testing.storage.loading import LoadingTests
from pypet_trajectory.testing.storage.modes import StoreModeTests
from pypet_trajectory.testing.storage.nodes import SingleNodeTests
from pypet_trajectory.testing.storage.properties import PropertyTests
from pypet_trajectory.testing.storage.runs import RunTests
from pypet_trajectory.testing.storage.sessions import SessionTests
from pypet_trajectory.testing.storage.trajectories import WholeTrajectoryTests


class StorageServiceConformance(
    WholeTrajectoryTests,
    StoreModeTests,
    SingleNodeTests,
    LinkTests,
    DeletingTests,
    LoadingTests,
    SessionTests,
    RunTests,
    CopyTests,
    PropertyTests,
):
    """Tests of one kind of storage service; subclasses define :meth:`new_store`."""
