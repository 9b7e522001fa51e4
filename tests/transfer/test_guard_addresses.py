"""What is public, by the registries; and what an operator may allow beyond it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.errors import OptionError
from blanklogo.transfer.guard.addresses import CLOUD_IPV4, GLOBAL_UNICAST_IPV6, SPECIAL_IPV4, SPECIAL_IPV6, is_public
from blanklogo.transfer.guard.policy import Policy, is_name
from blanklogo.transfer.guard.urls import is_port

# Of IANA's special-purpose registries and of RFC 4291, one address or more of every row; written from the registries,
# not from the table that is tested.
NOT_PUBLIC = """
    0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 100.100.100.200 127.0.0.1
    127.255.255.255 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.9
    192.0.0.10 192.0.0.170 192.0.0.171 192.0.0.192 192.0.2.0 192.0.2.255 192.31.196.1 192.52.193.1 192.88.99.1
    192.88.99.2 192.168.0.0 192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255 168.63.129.16
    :: ::1 ::ffff:8.8.8.8 ::8.8.8.8 ::ffff:0:8.8.8.8 64:ff9b::808:808 64:ff9b::a00:1 64:ff9b:1::1 100::1 100:0:0:1::1
    2001::1 2001:0:808:808:: 2001:1::1 2001:1::2 2001:1::3 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1 2001:20::1
    2001:30::1 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8::1 2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1
    5f00::1 4000::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%lo febf::1 fec0::1 feff::1 ff02::1 ff0e::1
    2606:4700::1111%lo
"""
PUBLIC = """
    1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255
    198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 168.63.129.15 168.63.129.17
    2000::1 2001:200::1 2001:4860:4860::8888 2001:db7:ffff::1 2001:db9::1 2003::1 2606:4700::1111 2620:4f:7fff::1
    2a00:1450::1 3ffe::1 3fff:1000::1
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_what_the_registries_set_apart_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_their_neighbours_are(address: str) -> None:
    assert is_public(ip_address(address))


def bits(block: str) -> tuple[int, int]:
    """A block's first address and its size, without `ipaddress`'s own idea of membership."""
    first, _, length = block.partition("/")
    address = ip_address(first)
    return int(address), 1 << (address.max_prefixlen - int(length))


def is_in(number: int, blocks: tuple[str, ...]) -> bool:
    return any(first <= number < first + size for first, size in map(bits, blocks))


def near(blocks: tuple[str, ...], num_bits: int) -> st.SearchStrategy[int]:
    """Numbers anywhere, within the blocks, and about their edges."""
    edges = [number for block in blocks for number in (bits(block)[0], sum(bits(block)))]
    inside = [st.integers(first, first + size - 1) for first, size in map(bits, blocks)]
    about = st.builds(lambda edge, step: (edge + step) % (1 << num_bits), st.sampled_from(edges), st.integers(-2, 2))
    return st.one_of(st.integers(0, (1 << num_bits) - 1), *inside, about)


@given(near(SPECIAL_IPV4 + CLOUD_IPV4, 32))
def test_ipv4_is_public_outside_the_table_alone(number: int) -> None:
    assert is_public(IPv4Address(number)) == (not is_in(number, SPECIAL_IPV4 + CLOUD_IPV4))


@given(near((*SPECIAL_IPV6, GLOBAL_UNICAST_IPV6), 128))
def test_ipv6_is_public_in_what_is_given_out_and_outside_the_table_alone(number: int) -> None:
    is_given_out = is_in(number, (GLOBAL_UNICAST_IPV6,))
    assert is_public(IPv6Address(number)) == (is_given_out and not is_in(number, SPECIAL_IPV6))


@given(st.one_of(st.ip_addresses(), near(SPECIAL_IPV4, 32).map(IPv4Address), near(SPECIAL_IPV6, 128).map(IPv6Address)))
def test_what_is_public_here_is_global_to_python_too(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=4))
def test_no_address_is_public_by_being_wrapped_in_another(inner: IPv4Address) -> None:
    number = int(inner)
    wrapped = (
        IPv6Address(number),  # IPv4-compatible
        IPv6Address((0xFFFF << 32) | number),  # IPv4-mapped
        IPv6Address((0x64FF9B << 96) | number),  # NAT64
        IPv6Address((0x64FF9B0001 << 80) | number),  # local NAT64
        IPv6Address((0x2002 << 112) | number << 80),  # 6to4
        IPv6Address((0x20010000 << 96) | number << 64),  # Teredo, the server
        IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),  # Teredo, the client
    )
    assert not any(is_public(address) for address in wrapped)


# Ports


@pytest.mark.parametrize("port", [80, 443, 1024, 8000, 8080, 8443, 9000, 49152, 65535])
def test_where_web_servers_are(port: int) -> None:
    assert is_port(port)


@pytest.mark.parametrize(
    "port", [-1, 0, 1, 21, 22, 23, 25, 53, 110, 389, 445, 1023, 2375, 3306, 5432, 6379, 11211, 65536]
)
def test_where_others_are(port: int) -> None:
    assert not is_port(port)


# What an operator allows


def test_nothing_is_allowed_unless_it_is_said() -> None:
    assert Policy.from_environment({}) == Policy.allowing("") == Policy.PUBLIC
    assert Policy.PUBLIC.is_guarded
    assert not Policy.TRUSTED.is_guarded


def test_names_addresses_and_blocks_are_allowed() -> None:
    policy = Policy.from_environment({"BLANKLOGO_ALLOWED_HOSTS": " MinIO.internal, 10.0.0.0/8\n192.168.1.7,fd00::/8 "})
    assert policy.is_guarded
    assert policy.allows_name("minio.INTERNAL")
    assert not policy.allows_name("other.internal")
    allowed = {"10.1.2.3": True, "11.1.2.3": True, "192.168.1.7": True, "fd00::1": True, "93.184.215.14": True}
    refused = dict.fromkeys(("192.168.1.8", "127.0.0.1", "fe80::1", "::ffff:10.1.2.3", "::10.1.2.3"), False)
    asked = allowed | refused
    assert {text: policy.allows_address(ip_address(text)) for text in asked} == asked


@pytest.mark.parametrize(
    "entry",
    ["10.0.0.1/8", "127.1", "0x7f.1", "2130706433", "host:9000", "http://host", "*.internal", "host.", "a/b", "é"],
)
def test_an_entry_that_is_none_is_told(entry: str) -> None:
    with pytest.raises(OptionError, match="BLANKLOGO_ALLOWED_HOSTS") as told:
        Policy.allowing(f"minio.internal,{entry}")
    assert repr(entry) in str(told.value)


@pytest.mark.parametrize(
    "host", ["a", "a.example", "xn--bcher-kva.example", "1.example", "a_b.example", "0xg", "a-1.b2"]
)
def test_names(host: str) -> None:
    assert is_name(host)


@pytest.mark.parametrize(
    "host", ["", ".", "a.", ".a", "a..b", "1", "1.2.3.4", "a.1", "a.0x1f", "0x", "a b", "a%2e", "É.example"]
)
def test_what_is_no_name(host: str) -> None:
    assert not is_name(host)
