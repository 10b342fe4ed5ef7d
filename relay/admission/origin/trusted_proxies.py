"""Which address a terminal comes from, and how CTP writes it (CTP fact 32).

The relay observes the address; a terminal's word is never taken. Behind a proxy the address stands in
x-forwarded-for, which is believed only as far as the proxies that wrote it are configured as trusted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a terminal's connection comes from."""

    ip: Ip
    port: int
    """0 where a proxy did not tell it"""

    @property
    def public_ip(self) -> str:
        """CTP's ClientPublicIP: IPv4 dotted, IPv6 as 32 hex digits without colons."""
        return str(self.ip) if self.ip.version == 4 else self.ip.packed.hex()

    @property
    def place(self) -> str:
        """What limits count as one address: IPv4 itself, of IPv6 the network a single machine can have whole."""
        return str(self.ip) if self.ip.version == 4 else str(ipaddress.IPv6Network((self.ip, 64), strict=False))


class OriginUnknown(ValueError):
    """No trusted proxy says where the connection comes from."""


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The trusted proxies' networks; ValueError names the one that is none."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def origin_of(peer: Origin, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> Origin:
    """The terminal's origin: the peer, or the nearest address in x-forwarded-for that no trusted proxy has.

    The header is read from its end, because each proxy appends whom it saw; what stands before the first
    untrusted address was written by that address itself. Raises OriginUnknown where a trusted proxy names no
    address or one that cannot be read, since guessing would put a false address into the report.
    """
    if not is_in(peer.ip, trusted):
        return peer
    entries = [entry.strip() for value in forwarded_for for entry in value.split(",")]
    if not entries:
        raise OriginUnknown(f"the trusted proxy {peer.ip} names no address in x-forwarded-for")
    origin = peer
    while entries and is_in(origin.ip, trusted):
        origin = _parse_address(entries.pop())
    return origin


def is_in(ip: Ip, networks: Sequence[Network]) -> bool:
    """Whether the address is in one of these networks; none of IPv4 has one of IPv6."""
    return any(ip.version == network.version and ip in network for network in networks)


def _parse_address(text: str) -> Origin:
    """`192.0.2.1`, `192.0.2.1:5000`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:5000`; brackets may be around IPv4 too."""
    host, port = text, "0"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else "0"
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not (port.isascii() and port.isdigit()):
        raise OriginUnknown("the port cannot be read")
    try:
        # A scope ("fe80::1%eth0") names an interface of this machine, not a part of the address.
        return origin_at(ipaddress.ip_address(host.partition("%")[0]), int(port))
    except ValueError:
        raise OriginUnknown("the address cannot be read") from None


def origin_at(ip: Ip, port: int) -> Origin:
    """The origin, an IPv4 address in IPv6 written as IPv4; ValueError for a port that is none."""
    if not 0 <= port <= 65535:
        raise ValueError("the port is out of range")
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return Origin(mapped or ip, port)
