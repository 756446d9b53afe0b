"""Runs of a numerical experiment across a network.

Servers that give out locks or collect data, and their clients. Every server binds to the
loopback interface unless it is given another address, and talks to clients whose key it knows.
"""

from pypet_net.addresses import candidate_urls
from pypet_net.client import ForkDetector, ReliableClient, ServerSilentError
from pypet_net.keys import ClientKeys, ServerKeys, SessionKeys, user_keys
from pypet_net.lock_client import ForkAwareLockerClient, LockerClient, LockLostError
from pypet_net.lock_server import LockerServer, TimeOutLockerServer
from pypet_net.queue_client import ForkAwareQueuingClient, QueuingClient
from pypet_net.queue_server import QueuingServer, QueuingServerMessageListener
from pypet_net.server import ZMQServer
from pypet_net.serving import ServerProcess
from pypet_net.wrapping import WRAP_MODES, LockServerDiedError, NetLockWrap, NetQueueWrap

__all__ = [
    "WRAP_MODES",
    "ClientKeys",
    "ForkAwareLockerClient",
    "ForkAwareQueuingClient",
    "ForkDetector",
    "LockLostError",
    "LockServerDiedError",
    "LockerClient",
    "LockerServer",
    "NetLockWrap",
    "NetQueueWrap",
    "QueuingClient",
    "QueuingServer",
    "QueuingServerMessageListener",
    "ReliableClient",
    "ServerKeys",
    "ServerProcess",
    "ServerSilentError",
    "SessionKeys",
    "TimeOutLockerServer",
    "ZMQServer",
    "candidate_urls",
    "user_keys",
]
