"""The address of a server, known before the server runs.

The address becomes part of the config of a trajectory when its environment is made, while the
server starts with the runs; so a free port is looked for early. In between another process may
take it, and the server says so then. Hosts are the loopback interface unless a whole address
is given, unlike in pypet 0.7.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from pypet_net.addresses import Port, candidate_urls
from pypet_trajectory.exceptions import PypetOSError


def port_to_tcp(port: Port = None) -> str:
    """The address that a port, a range of ports or nothing stands for.

    Parameters
    ----------
    port : int, (int, int), str or None
        A port; a range of which a free one is chosen; a whole address, returned as it is; or
        ``None`` for any free port.

    Raises
    ------
    ValueError
        If it is none of these.
    OSError
        If no port of a range is free.

    Examples
    --------
    >>> port_to_tcp(7777)
    'tcp://127.0.0.1:7777'
    >>> port_to_tcp('tcp://192.168.0.7:7777')
    'tcp://192.168.0.7:7777'
    """
    urls = candidate_urls(port)
    if isinstance(port, (int, str)):
        return urls[0]
    for url in urls:
        host, _, number = urlsplit(url).netloc.rpartition(":")
        try:
            with socket.create_server((host, 0 if number == "*" else int(number))) as probe:
                return f"tcp://{host}:{probe.getsockname()[1]}"
        except OSError:
            continue
    raise PypetOSError(f"No port out of {port!r} is free on {host}. Choose another range.")


def is_ipv6(url: str) -> bool:
    """Whether an address has a host in the notation of IPv6, which is in brackets.

    Examples
    --------
    >>> is_ipv6('tcp://[::1]:7777'), is_ipv6('tcp://127.0.0.1:7777')
    (True, False)
    """
    return "[" in url


def convert_ipv6(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets and without scope, others as they are.

    Examples
    --------
    >>> convert_ipv6('fe80::1%eth0')
    '[fe80::1]'
    >>> convert_ipv6('127.0.0.1')
    '127.0.0.1'
    """
    if ":" not in host or host.startswith("["):
        return host
    return f"[{host.partition('%')[0]}]"
