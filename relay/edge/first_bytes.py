"""What a connection begins with: TLS, or HTTP/2 where there is no TLS; nothing is made for anything else."""

from __future__ import annotations

from enum import Enum

LONGEST = 5 + 16_384
"""bytes of a TLS record"""
_HANDSHAKE, _MAJOR, _CLIENT_HELLO = 0x16, 0x03, 0x01
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Beginning(Enum):
    INCOMPLETE = "incomplete"
    RIGHT = "right"
    WRONG = "wrong"


def judge(data: bytes, *, tls: bool) -> Beginning:
    """Whether these bytes are a whole first record with a ClientHello, or the preface of HTTP/2."""
    if not tls:
        if data.startswith(_PREFACE):
            return Beginning.RIGHT
        return Beginning.INCOMPLETE if _PREFACE.startswith(data) else Beginning.WRONG
    wanted = ((0, _HANDSHAKE), (1, _MAJOR), (5, _CLIENT_HELLO))
    if any(len(data) > at and data[at] != value for at, value in wanted):
        return Beginning.WRONG
    if len(data) < 6:
        return Beginning.INCOMPLETE
    size = int.from_bytes(data[3:5], "big")
    if not 4 <= size <= LONGEST - 5:
        return Beginning.WRONG
    if len(data) >= 9 and int.from_bytes(data[6:9], "big") > size - 4:
        return Beginning.WRONG  # a ClientHello that goes on in another record: nothing waits for it
    return Beginning.RIGHT if len(data) >= 5 + size else Beginning.INCOMPLETE
