"""Which addresses a server may bind to, from what users write as ``port``.

Users give nothing, a port, a range of ports, or a whole url. Invariant: nothing but a whole url
ever leads to an address that other machines can reach. Unlike pypet 0.7, which looked up the
host's own name and so bound to the network, the default host is the loopback interface.
"""

from __future__ import annotations

import ipaddress
import random
import socket
from urllib.parse import urlsplit

from pypet_trajectory.exceptions import PypetOSError, PypetValueError

#: Reached from this machine only.
LOOPBACK = "127.0.0.1"

#: How many ports of a range are tried at most.
_MAX_TRIES = 1000

#: What users may write as ``port``.
Port = None | int | tuple[int, int] | str


def candidate_urls(port: Port = None) -> list[str]:
    """Addresses to try, in this order, until one is free.

    Parameters
    ----------
    port
        ``None`` for any free port, a port, a range ``(lowest, highest)`` with both ends
        included, or a url such as ``'tcp://192.168.0.7:7777'``, which is taken literally.

    Raises
    ------
    PypetValueError
        If it is none of these.

    Examples
    --------
    >>> candidate_urls(7777)
    ['tcp://127.0.0.1:7777']
    >>> candidate_urls()
    ['tcp://127.0.0.1:*']
    """
    if port is None:
        return [f"tcp://{LOOPBACK}:*"]
    if isinstance(port, str):
        if "://" not in port:
            raise PypetValueError(
                f"A port given as text must be a whole url, for instance "
                f"'tcp://{LOOPBACK}:7777', but it is {port!r}."
            )
        _check_url(port)
        return [port]
    if isinstance(port, int):
        return [f"tcp://{LOOPBACK}:{_checked(port)}"]
    try:
        lowest, highest = port
    except (TypeError, ValueError):
        raise PypetValueError(
            f"A port must be None, a number, a pair (lowest, highest) or a url, but it is {port!r}."
        ) from None
    ports = range(_checked(lowest), _checked(highest) + 1)
    if not ports:
        raise PypetValueError(f"The range of ports {port!r} is empty: lowest is above highest.")
    # In random order, so that servers started at the same time rarely try the same port.
    tries = random.sample(ports, min(len(ports), _MAX_TRIES))
    return [f"tcp://{LOOPBACK}:{each}" for each in tries]


def port_to_tcp(port: Port = None) -> str:
    """The address that a port, a range of ports or nothing stands for, before a server runs.

    A free port is looked for now, so another process may take it until the server starts, which
    says so then.

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


def is_local(url: str) -> bool:
    """Whether only processes of this machine can reach the address.

    Examples
    --------
    >>> is_local("tcp://127.0.0.1:7777"), is_local("tcp://0.0.0.0:7777")
    (True, False)
    """
    parts = urlsplit(url)
    if parts.scheme in ("ipc", "inproc"):
        return True
    host = parts.hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def numeric(url: str) -> str:
    """The url with the host's name replaced by its address, as binding needs it.

    Raises
    ------
    PypetValueError
        If the name has no address.
    """
    parts = urlsplit(url)
    host, colon, port = parts.netloc.rpartition(":")
    if parts.scheme != "tcp" or not colon or host == "*" or host.startswith("["):
        return url
    try:
        ipaddress.ip_address(host)
        return url
    except ValueError:
        pass  # A name, or an interface, which socket does not know but ZeroMQ does.
    if host in {name for _, name in socket.if_nameindex()}:
        return url
    try:
        family, *_, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise PypetValueError(f"No address is known for the host of '{url}': {error}.") from error
    found = str(address[0]).partition("%")[0]
    found = f"[{found}]" if family == socket.AF_INET6 else found
    return f"tcp://{found}:{port}"


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


def _check_url(url: str) -> None:
    """Refuse addresses of TCP without a host or a port; other schemes are ZeroMQ's business."""
    scheme, _, place = url.partition("://")
    host, _, port = place.rpartition(":")
    is_port = port == "*" or (port.isdecimal() and 0 < int(port) < 65536)
    if scheme == "tcp" and not (host and is_port):
        raise PypetValueError(
            f"The url of a server needs a host and a port from 1 to 65535, for instance "
            f"'tcp://{LOOPBACK}:7777', but it is {url!r}."
        )


def _checked(port: object) -> int:
    if not isinstance(port, int) or not 0 < port < 65536:
        raise PypetValueError(f"A port is a number from 1 to 65535, but it is {port!r}.")
    return port
