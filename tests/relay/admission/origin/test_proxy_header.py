"""The PROXY protocol, as HAProxy and nginx write it."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.admission.origin.proxy_header import LONGEST, ProxyHeader, ProxyHeaderWrong, begins_like_one, parse
from relay.admission.origin.trusted_proxies import Origin

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01"


def origin(ip: str, port: int) -> Origin:
    return Origin(ipaddress.ip_address(ip), port)


def binary(source: str, port: int, *, command: int = 0x21, family: int | None = None, extra: bytes = b"") -> bytes:
    """A version 2 header."""
    ip = ipaddress.ip_address(source)
    known = 0x11 if ip.version == 4 else 0x21
    addresses = ip.packed + ip.packed + struct.pack("!HH", port, 443) + extra
    return SIGNATURE + struct.pack("!BBH", command, known if family is None else family, len(addresses)) + addresses


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"PROXY TCP4 203.0.113.9 10.0.0.5 41000 443\r\n", origin("203.0.113.9", 41000)),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 41000 443\r\n", origin("2001:db8::7", 41000)),
        (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 41000 443\r\n", origin("203.0.113.9", 41000)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f:f:f:f:f:f:f ffff:f:f:f:f:f:f:f 65535 65535\r\n", None),
        (binary("203.0.113.9", 41000), origin("203.0.113.9", 41000)),
        (binary("2001:db8::7", 41000), origin("2001:db8::7", 41000)),
        (binary("::ffff:203.0.113.9", 41000), origin("203.0.113.9", 41000)),
        (binary("203.0.113.9", 41000, extra=b"\x20\x00\x03tls"), origin("203.0.113.9", 41000)),
        (binary("10.0.0.5", 1, command=0x20), None),
        (SIGNATURE + b"\x20\x00\x00\x00", None),
        (SIGNATURE + b"\x21\x00\x00\x00", None),
        (binary("203.0.113.9", 41000, family=0x12), None),
        (binary("203.0.113.9", 41000, family=0x31), None),
    ],
)
def test_a_header_in_pieces_is_read_when_it_is_complete(header: bytes, told: Origin | None) -> None:
    """What follows it belongs to the connection; a proxy's own check and unknown families name no address."""
    for cut in range(len(header)):
        assert parse(header[:cut]) is None
    assert parse(header) == parse(header + TLS_HELLO) == ProxyHeader(len(header), told)
    assert begins_like_one(header)


@pytest.mark.parametrize(
    "data",
    [
        TLS_HELLO,
        b"PRI * HTTP/2.0\r\n",
        b"PROXX",
        b"PROXY TCP4 203.0.113.9 10.0.0.5 41000\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 41000 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.5 65536 443\r\n",
        b"PROXY TCP4 203.0.113.9 10.0.0.5 +41 443\r\n",
        b"PROXY TCP4  203.0.113.9 10.0.0.5 41000 443\r\n",
        b"PROXY UDP6 2001:db8::7 2001:db8::1 41000 443\r\n",
        b"PROXY " + b"x" * 101,
        SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),
        SIGNATURE + b"\x21\x21\x00\x0c" + bytes(12),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, LONGEST),
    ],
)
def test_what_is_no_header_is_an_error_and_waits_for_nothing(data: bytes) -> None:
    """The specification forbids to guess; a length is bounded before anything is kept."""
    with pytest.raises(ProxyHeaderWrong):
        parse(data)


@pytest.mark.parametrize("data", [TLS_HELLO, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_tls_and_http2_do_not_begin_like_one(data: bytes) -> None:
    """So that a header of somebody who may not send one can be named."""
    assert not begins_like_one(data)


@given(st.binary(max_size=200), st.sampled_from([b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11"]))
def test_any_bytes_are_read_refused_or_waited_for(data: bytes, before: bytes) -> None:
    """Nothing else is raised, and nothing beyond the bytes is claimed."""
    try:
        header = parse(before + data)
    except ProxyHeaderWrong:
        return
    assert header is None or header.size <= len(before + data)
