"""Names of pypet 0.7's module of this name, from the distributions that define them."""

from pypet_multiproc.wrapping.local import ReferenceStore, ReferenceWrapper
from pypet_multiproc.wrapping.lock import LockAcquisition, LockWrapper
from pypet_multiproc.wrapping.pipe import PipeStorageServiceSender, PipeStorageServiceWriter
from pypet_multiproc.wrapping.queue import QueueStorageServiceSender, QueueStorageServiceWriter
from pypet_multiproc.wrapping.services import MultiprocWrapper
from pypet_multiproc.writer.process import StorageServiceDataHandler
from pypet_net.client import ForkDetector, ReliableClient
from pypet_net.lock_client import ForkAwareLockerClient, LockerClient
from pypet_net.lock_server import LockerServer, TimeOutLockerServer
from pypet_net.queue_client import ForkAwareQueuingClient, QueuingClient
from pypet_net.queue_server import QueuingServer, QueuingServerMessageListener
from pypet_net.server import ZMQServer

__all__ = [
    "ForkAwareLockerClient",
    "ForkAwareQueuingClient",
    "ForkDetector",
    "LockAcquisition",
    "LockWrapper",
    "LockerClient",
    "LockerServer",
    "MultiprocWrapper",
    "PipeStorageServiceSender",
    "PipeStorageServiceWriter",
    "QueueStorageServiceSender",
    "QueueStorageServiceWriter",
    "QueuingClient",
    "QueuingServer",
    "QueuingServerMessageListener",
    "ReferenceStore",
    "ReferenceWrapper",
    "ReliableClient",
    "StorageServiceDataHandler",
    "TimeOutLockerServer",
    "ZMQServer",
]
