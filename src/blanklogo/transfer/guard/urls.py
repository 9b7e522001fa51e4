"""What a URL must look like before anything is looked up."""

from __future__ import annotations

from ipaddress import ip_address

import httpx2

from blanklogo.transfer.guard.addresses import Address
from blanklogo.transfer.guard.policy import Policy, is_name
from blanklogo.transfer.guard.refusal import NotPublic, Refused

SCHEMES = ("http", "https")
LOW_PORTS = (80, 443)
FIRST_HIGH_PORT = 1024
# The high ones of the Fetch standard's bad ports, and where data stores and control planes listen by default.
SERVICE_PORTS = frozenset(
    (1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 4369, 5060, 5061)
    + (5432, 5672, 5900, 5984, 5985, 5986, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 7000, 7001)
    + (8500, 9042, 9092, 9200, 9300, 10080, 10250, 10255, 11211, 15672, 27017, 27018, 27019)
)


def check_url(url: httpx2.URL, policy: Policy) -> None:
    """Raises Refused for a URL that is not to be asked for, whatever its host resolves to."""
    if url.scheme not in SCHEMES:
        raise Refused(f"speaks {url.scheme or 'no scheme'}:")
    if url.userinfo:
        raise Refused("holds a user's name or password", "a signed URL")
    port = url.port if url.port is not None else {"http": 80, "https": 443}[url.scheme]
    if not is_port(port):
        raise Refused(f"names port {port}")
    host = url.raw_host.decode("ascii")
    if policy.allows_name(host):
        return
    address = as_address(host)
    if address is None and not is_name(host):
        raise NotPublic
    if address is not None and not policy.allows_address(address):
        raise NotPublic


def is_port(port: int) -> bool:
    """Whether a web server may be asked for there."""
    return port in LOW_PORTS or (FIRST_HIGH_PORT <= port <= 65535 and port not in SERVICE_PORTS)


def as_address(host: str) -> Address | None:
    """The address that a host is, if it is one, written as an address is: four decimal numbers, or IPv6."""
    try:
        return ip_address(host)
    except ValueError:
        return None
