"""Which addresses are of the public internet.

Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890, RFC 8190), and the address space
registries above them. Special blocks are refused whole, the few globally reachable ones (anycast of AS112, AMT, PCP,
TURN) too: none of them holds media. Of IPv6 only 2000::/3 is given out at all (RFC 4291), so that loopback, unique
local, link-local, site-local, IPv4-mapped, IPv4-compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard-only and
multicast addresses need no row of their own.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL_IPV4 = (
    "0.0.0.0/8",  # this network, and the unspecified address; RFC 791, RFC 1122
    "10.0.0.0/8",  # private; RFC 1918
    "100.64.0.0/10",  # shared by carrier-grade NAT, and Alibaba's metadata service; RFC 6598
    "127.0.0.0/8",  # loopback; RFC 1122
    "169.254.0.0/16",  # link-local, and most clouds' metadata services; RFC 3927
    "172.16.0.0/12",  # private; RFC 1918
    "192.0.0.0/24",  # protocol assignments (DS-Lite, PCP, TURN, NAT64 discovery), and Oracle's metadata; RFC 6890
    "192.0.2.0/24",  # documentation; RFC 5737
    "192.31.196.0/24",  # AS112; RFC 7535
    "192.52.193.0/24",  # AMT; RFC 7450
    "192.88.99.0/24",  # 6to4 relays, deprecated; RFC 7526
    "192.168.0.0/16",  # private; RFC 1918
    "192.175.48.0/24",  # AS112; RFC 7534
    "198.18.0.0/15",  # benchmarking; RFC 2544
    "198.51.100.0/24",  # documentation; RFC 5737
    "203.0.113.0/24",  # documentation; RFC 5737
    "224.0.0.0/4",  # multicast; RFC 5771
    "240.0.0.0/4",  # reserved, and limited broadcast; RFC 1112, RFC 919
)
GLOBAL_UNICAST_IPV6 = "2000::/3"  # RFC 4291
SPECIAL_IPV6 = (
    "2001::/23",  # protocol assignments: Teredo, TURN, AMT, AS112, ORCHID, DRIP, benchmarking; RFC 2928, RFC 4380
    "2001:db8::/32",  # documentation; RFC 3849
    "2002::/16",  # 6to4, whatever IPv4 address is inside; RFC 3056
    "2620:4f:8000::/48",  # AS112; RFC 7534
    "3fff::/20",  # documentation; RFC 9637
)
CLOUD_IPV4 = (
    "168.63.129.16/32",  # Azure's platform, to machines inside it; learn.microsoft.com, "What is IP address 168.63…"
)

_REFUSED_IPV4 = tuple(IPv4Network(block) for block in (*SPECIAL_IPV4, *CLOUD_IPV4))
_REFUSED_IPV6 = tuple(IPv6Network(block) for block in SPECIAL_IPV6)
_GIVEN_OUT_IPV6 = IPv6Network(GLOBAL_UNICAST_IPV6)


def is_public(address: Address) -> bool:
    """Whether a stranger's URL may lead there."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _REFUSED_IPV4)
    is_given_out = address.scope_id is None and address in _GIVEN_OUT_IPV6
    return is_given_out and not any(address in block for block in _REFUSED_IPV6)
