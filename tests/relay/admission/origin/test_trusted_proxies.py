"""Where a terminal comes from."""

from __future__ import annotations

import ipaddress

import pytest

from relay.admission.origin.trusted_proxies import Origin, OriginUnknown, origin_of, parse_networks

TRUSTED = parse_networks(["10.0.0.0/8", "2001:db8:1::/48"])


def origin(ip: str, port: int = 1000) -> Origin:
    return Origin(ipaddress.ip_address(ip), port)


def test_a_header_from_anybody_is_ignored() -> None:
    """A terminal that connects directly cannot choose its address."""
    assert origin_of(origin("198.51.100.7"), ["203.0.113.9"], TRUSTED) == origin("198.51.100.7")


def test_a_trusted_proxy_tells_the_address() -> None:
    """The address that the proxy saw, without a port unless it tells one."""
    assert origin_of(origin("10.0.0.5"), ["203.0.113.9"], TRUSTED) == origin("203.0.113.9", 0)
    assert origin_of(origin("10.0.0.5"), ["203.0.113.9:555"], TRUSTED) == origin("203.0.113.9", 555)


def test_the_nearest_untrusted_address_counts() -> None:
    """What a terminal wrote into the header before the first proxy is not believed."""
    forwarded = ["192.0.2.66, 203.0.113.9", "10.1.1.1"]

    assert origin_of(origin("10.0.0.5"), forwarded, TRUSTED) == origin("203.0.113.9", 0)


@pytest.mark.parametrize("forwarded", [[], [""], ["203.0.113.9,"]])
def test_a_trusted_proxy_that_names_no_address_is_an_error(forwarded: list[str]) -> None:
    """Its own address would go into the report of every terminal behind it."""
    with pytest.raises(OriginUnknown):
        origin_of(origin("10.0.0.5"), forwarded, TRUSTED)


@pytest.mark.parametrize(
    ("entry", "public_ip", "port"),
    [
        ("203.0.113.9", "203.0.113.9", 0),
        ("203.0.113.9:41000", "203.0.113.9", 41000),
        ("[203.0.113.9]:41000", "203.0.113.9", 41000),
        ("2001:db8::7", "20010db8000000000000000000000007", 0),
        ("[2001:db8::7]", "20010db8000000000000000000000007", 0),
        ("[2001:db8::7]:41000", "20010db8000000000000000000000007", 41000),
        ("::ffff:203.0.113.9", "203.0.113.9", 0),
        ("[fe80::1%eth0]:9", "fe800000000000000000000000000001", 9),
        ("[::ffff:203.0.113.9]:41000", "203.0.113.9", 41000),
        ("192.0.2.66 ,\t203.0.113.9:41000 ", "203.0.113.9", 41000),
    ],
)
def test_the_forms_of_an_entry(entry: str, public_ip: str, port: int) -> None:
    """With and without a port; an IPv6 address with a port needs brackets."""
    told = origin_of(origin("10.0.0.5"), [entry], TRUSTED)

    assert (told.public_ip, told.port) == (public_ip, port)


@pytest.mark.parametrize("entry", ["203.0.113.9:", "203.0.113.9:+1", "203.0.113.9:4_1", "203.0.113.9:65536", "[::1]x"])
def test_a_port_that_is_none_is_an_error(entry: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(OriginUnknown):
        origin_of(origin("10.0.0.5"), [entry], TRUSTED)


def test_a_malformed_entry_of_a_trusted_proxy_is_an_error() -> None:
    """Better no login than a false address in the report."""
    with pytest.raises(OriginUnknown):
        origin_of(origin("10.0.0.5"), ["203.0.113.9, unknown"], TRUSTED)


def test_an_ipv4_network_does_not_cover_ipv6() -> None:
    """0.0.0.0/0 trusts no IPv6 peer."""
    everything = parse_networks(["0.0.0.0/0"])

    assert origin_of(origin("2001:db8::1"), ["203.0.113.9"], everything) == origin("2001:db8::1")
