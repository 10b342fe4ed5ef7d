"""The PROXY protocol, versions 1 and 2: what a proxy that only passes bytes on writes in front of them.

https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. Only TCP over IPv4 and IPv6 names an address; everything
else that is well-formed (a proxy's own health check, an address it does not know) names none.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from relay.admission.origin.trusted_proxies import Origin, origin_at

LONGEST = 2048
"""bytes; version 1 has 107 at most, version 2 a few dozen and what the proxy adds about TLS"""
_LONGEST_TEXT = 107
_TEXT = b"PROXY "
_BINARY = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16
_VERSION, _LOCAL, _PROXY = 2, 0, 1
_OVER_IPV4, _OVER_IPV6 = 0x11, 0x21
_ADDRESS_BYTES = {_OVER_IPV4: 4, _OVER_IPV6: 16}


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """One header."""

    size: int
    """bytes; the connection's own begin after it"""
    origin: Origin | None
    """None where the proxy names no address"""


class ProxyHeaderWrong(ValueError):
    """The connection does not begin with a PROXY header."""


def begins_like_one(data: bytes) -> bool:
    """Whether a connection's first bytes are those of a header: TLS and HTTP/2 begin otherwise."""
    return data.startswith((_TEXT, _BINARY))


def parse(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of a connection; None while it is not complete. Raises ProxyHeaderWrong."""
    if data[: len(_BINARY)] == _BINARY[: len(data)]:
        return _binary(data) if len(data) >= _FIXED else None
    if data[: len(_TEXT)] == _TEXT[: len(data)]:
        return _text(data)
    raise ProxyHeaderWrong("it does not begin with a PROXY header")


def _text(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:_LONGEST_TEXT].partition(b"\r\n")
    if not end:
        if len(data) >= _LONGEST_TEXT:
            raise ProxyHeaderWrong("its PROXY line does not end")
        return None
    size = len(line) + len(end)
    words = line.decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return ProxyHeader(size, None)
    try:
        _, family, source, _, port, _ = words
        ip = ipaddress.IPv4Address(source) if family == "TCP4" else ipaddress.IPv6Address(source)
        origin = origin_at(ip, int(port) if port.isdigit() else -1)
    except ValueError:
        raise ProxyHeaderWrong("its PROXY line cannot be read") from None
    if family not in {"TCP4", "TCP6"}:
        raise ProxyHeaderWrong("its PROXY line is of no known family")
    return ProxyHeader(size, origin)


def _binary(data: bytes) -> ProxyHeader | None:
    version, command = data[12] >> 4, data[12] & 0x0F
    size = _FIXED + int.from_bytes(data[14:16], "big")
    if version != _VERSION or command not in {_LOCAL, _PROXY}:
        raise ProxyHeaderWrong("its PROXY header is of no known version or command")
    if size > LONGEST:
        raise ProxyHeaderWrong(f"its PROXY header has more than {LONGEST} bytes")
    if len(data) < size:
        return None
    width = _ADDRESS_BYTES.get(data[13])
    if command == _LOCAL or width is None:
        return ProxyHeader(size, None)
    if size < _FIXED + 2 * width + 4:
        raise ProxyHeaderWrong("its PROXY header is too short for its addresses")
    source = ipaddress.ip_address(data[_FIXED : _FIXED + width])
    port = int.from_bytes(data[_FIXED + 2 * width : _FIXED + 2 * width + 2], "big")
    return ProxyHeader(size, origin_at(source, port))
