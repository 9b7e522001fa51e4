"""Who may be reached for media, and how long that may take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import ClassVar

from blanklogo.errors import OptionError
from blanklogo.transfer.guard.addresses import Address, Network, is_public

VARIABLE = "BLANKLOGO_ALLOWED_HOSTS"
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")  # which resolvers may read as an address; WHATWG URL, 3.5


@dataclass(frozen=True)
class Policy:
    """What holds for the URLs of one order.

    `Policy.PUBLIC` is for URLs that somebody else named, `Policy.TRUSTED` for a user's own on the user's own machine.

    Attributes:
        is_guarded: only public hosts by http: and https:, within the limits below, and no path of this machine.
        hosts: names, in lower case, that may be reached wherever they lead.
        networks: blocks of addresses that may be reached though they are not public.
        max_redirects: so many are followed.
        max_seconds: for one file, all attempts together; held if guarded.
        window_seconds, min_bytes_per_second: a peer that keeps us waiting for so long in all must have moved so much
            meanwhile; held if guarded. Longer than the 30 s that any single piece may take.
    """

    is_guarded: bool = True
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    max_redirects: int = 5
    max_seconds: float = 3600.0
    window_seconds: float = 60.0
    min_bytes_per_second: int = 4096

    PUBLIC: ClassVar[Policy]
    TRUSTED: ClassVar[Policy]

    @classmethod
    def allowing(cls, text: str) -> Policy:
        """Guarded, but for these: host names, addresses and blocks of them, parted by commas or white space.

        Raises:
            OptionError: an entry is none of these.
        """
        entries = [entry for entry in re.split(r"[,\s]+", text.strip().lower()) if entry]
        networks = {entry: _network(entry) for entry in entries}
        for entry in (entry for entry, network in networks.items() if network is None):
            if not is_name(entry):
                raise OptionError(
                    f"an entry {entry!r} in {VARIABLE}",
                    accepted="host names, addresses and blocks of addresses, without ports, parted by commas",
                    hint=f"{VARIABLE}=minio.internal,10.0.0.0/8",
                )
        names = frozenset(entry for entry, network in networks.items() if network is None)
        return cls(hosts=names, networks=tuple(network for network in networks.values() if network is not None))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Policy:
        """Guarded, but for what `BLANKLOGO_ALLOWED_HOSTS` allows. Raises as `allowing`."""
        return cls.allowing(environment.get(VARIABLE, ""))

    def allows_name(self, host: str) -> bool:
        """Whether a host by this name may be reached wherever it leads."""
        return host.lower() in self.hosts

    def allows_address(self, address: Address) -> bool:
        """Whether there may be a connection to this address."""
        return is_public(address) or any(address in network for network in self.networks)


def is_name(host: str) -> bool:
    """Whether a host, in lower case, is a DNS name without a trailing dot, and nothing that could be an address."""
    return bool(_NAME.fullmatch(host)) and not _ENDS_IN_NUMBER.fullmatch(host)


def _network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


Policy.PUBLIC = Policy()
Policy.TRUSTED = Policy(is_guarded=False, max_redirects=20)
