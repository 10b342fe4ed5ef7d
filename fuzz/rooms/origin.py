"""Where a connection comes from: PROXY headers, x-forwarded-for. Each against a second, simple reading."""

from __future__ import annotations

import ipaddress
import re

from fuzz.mutations import any_bytes, lines_of
from fuzz.targets import Play, promise
from relay.admission.origin.proxy_header import LONGEST, ProxyHeader, ProxyHeaderWrong, parse
from relay.admission.origin.trusted_proxies import (
    Origin,
    OriginUnknown,
    is_in,
    origin_of,
    parse_networks,
)

_TRUSTED = parse_networks(["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"])
_PROXY = Origin(ipaddress.ip_address("10.0.0.1"), 1)
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_TEXT_LINE = re.compile(rb"PROXY (TCP[46]) (\S+) ([^ ]*) (\d+) ([^ ]*)\r\n", re.DOTALL)


def proxy_header(data: bytes) -> None:
    """A header is read the same whatever follows it and however it is cut, and says what its bytes say."""
    try:
        header = parse(data)
    except ProxyHeaderWrong:
        return
    if header is None:
        promise(len(data) < LONGEST, "a header of any length is complete, or wrong, at the bound")
        return
    promise(0 < header.size <= min(len(data), LONGEST), "a header is a part of what was read")
    whole = data[: header.size]
    promise(parse(whole) == header == parse(whole + b"\x16\x03\x01"), "what follows does not change a header")
    for cut in {1, header.size // 2, header.size - 1}:
        promise(_incomplete(whole[:cut]), "a header that is cut is not a header yet")
    _check_address(whole, header)


def _incomplete(data: bytes) -> bool:
    return parse(data) is None


def _check_address(whole: bytes, header: ProxyHeader) -> None:
    if whole.startswith(_SIGNATURE):
        promise(len(whole) == 16 + int.from_bytes(whole[14:16], "big"), "the size of a header is the one it states")
        width = {0x11: 4, 0x21: 16}.get(whole[13])
        if whole[12] == 0x21 and width is not None:
            port = int.from_bytes(whole[16 + 2 * width : 18 + 2 * width], "big")
            promise(header.origin == _plain(whole[16 : 16 + width], port), "the origin is the header's source")
        else:
            promise(header.origin is None, "what is not TCP through a proxy names no address")
    elif header.origin is not None:
        line = _TEXT_LINE.fullmatch(whole)
        promise(line is not None, "an address stands in a whole PROXY line only")
        promise(line is not None and int(line[4]) == header.origin.port, "the port is the line's")


def _plain(packed: bytes, port: int) -> Origin:
    ip = ipaddress.ip_address(packed)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return Origin(mapped or ip, port)


def _check_origin(origin: Origin) -> None:
    promise(0 <= origin.port <= 65535, "a port is a port")
    shown = origin.public_ip
    packed = bytes.fromhex(shown) if origin.ip.version == 6 else ipaddress.IPv4Address(shown).packed
    promise(packed == origin.ip.packed, "the reported address is the connection's")
    promise(origin.ip in ipaddress.ip_network(origin.place), "a place has its address")
    promise(len(shown) <= 32, "an address fits CTP's field")


def forwarded_headers(data: bytes) -> None:
    """The first line is the peer, the others are x-forwarded-for: the address nearest to us that is no proxy."""
    first, *headers = data.decode("utf-8", "replace").split("\n")
    peer = _address(first)
    if peer is None:
        return
    try:
        origin = origin_of(peer, headers, _TRUSTED)
    except OriginUnknown:
        return
    _check_origin(origin)
    if not is_in(peer.ip, _TRUSTED):
        promise(origin == peer, "the word of a stranger is not taken")
        return
    entries = [entry.strip() for header in headers for entry in header.split(",")]
    believed = [_address(entry) for entry in entries]
    strangers = [one for one in believed if one is not None and not is_in(one.ip, _TRUSTED)]
    if strangers and None not in believed:
        promise(origin == strangers[-1], "it is the last address that no trusted proxy has")
    promise(origin_of(origin, [], ()) == origin, "an origin is its own")


def _address(text: str) -> Origin | None:
    """As a proxy writes it; None where it cannot be read."""
    try:
        return origin_of(_PROXY, [text], [ipaddress.ip_network(_PROXY.ip)])
    except OriginUnknown:
        return None


def _binary(family: int, addresses: bytes, command: int = 0x21, more: bytes = b"") -> bytes:
    body = addresses + more
    return _SIGNATURE + bytes([command, family]) + len(body).to_bytes(2, "big") + body


_FOUR = ipaddress.ip_address("198.51.100.7").packed + ipaddress.ip_address("10.0.0.1").packed + b"\xc3\x4a\x01\xbb"
_SIX = ipaddress.ip_address("2001:db8::7").packed * 2 + b"\xc3\x4a\x01\xbb"
_MAPPED = ipaddress.ip_address("::ffff:198.51.100.7").packed * 2 + b"\xc3\x4a\x01\xbb"

PLAYS = {
    "proxy_header": Play(
        proxy_header,
        [
            b"PROXY TCP4 198.51.100.7 10.0.0.1 50122 443\r\n",
            b"PROXY TCP6 2001:db8::7 2001:db8::1 50122 443\r\n\x16\x03\x01",
            b"PROXY UNKNOWN\r\n",
            _binary(0x11, _FOUR),
            _binary(0x11, _FOUR, more=b"\x03\x00\x04\x00\x00\x00\x00"),
            _binary(0x21, _SIX),
            _binary(0x21, _MAPPED),
            _binary(0x00, b"", command=0x20),
            _binary(0x31, bytes(216)),
        ],
        any_bytes,
    ),
    "forwarded_headers": Play(
        forwarded_headers,
        [
            b"10.0.0.1:5000\n198.51.100.7",
            b"10.0.0.1:5000\n203.0.113.9, 198.51.100.7:8080\n10.2.3.4",
            b"[2001:db8::1]:5000\n[2001:db9::7]:50122, 2001:db8::9",
            b"198.51.100.7:5000\n203.0.113.9",
            b"127.0.0.1:1\n::ffff:198.51.100.7",
        ],
        lines_of(any_bytes),
        longest=2048,
    ),
}
"""by target"""
