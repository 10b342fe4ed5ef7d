"""The body of a T2 message: `tag=value` and a NUL, repeated.

Two tags announce the next one: 1 gives the byte length of a value that may hold NULs, 2 the number of texts of a value
that is a list. Every tag stands once; of a repetition the last counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

LENGTH = 1
COUNT = 2
MAX_TAGS = 256
MAX_LIST = 256

Value = bytes | list[bytes]
Tags = dict[int, Value]


class Tag(IntEnum):
    """Those the counter reads or writes."""

    PACKET_TYPE = 3
    FUNCTION = 5
    RETURN_CODE = 7
    CONTENT = 8
    PACKET_ID = 11
    SENDER_ID = 12
    ERROR_NUMBER = 19
    ERROR_TEXT = 20
    PACKED = 43
    ISSUE_TYPE = 53
    KEY_INFO = 54
    SUBSCRIPTION_TABLE = 59
    REGISTRATION = 80
    TOPIC_NUMBER = 87
    TOPIC_NAME = 88
    STEP = 89
    SESSION_NUMBERS = 90
    SUBSCRIPTION_KEY = 91
    FILTER_VALUE = 94
    SUBSCRIBER_NAME = 95


class PacketType(IntEnum):
    REQUEST = 0
    ANSWER = 1
    CONTROL = 2


BINARY = frozenset({Tag.CONTENT, Tag.KEY_INFO, Tag.SUBSCRIPTION_TABLE})
"""always announced by their length"""


class BodyError(ValueError):
    """What came is no body."""


def decode_tags(body: bytes) -> Tags:
    """Raises BodyError."""
    tags: Tags = {}
    at, announced, kind = 0, 0, 0
    while at < len(body):
        if len(tags) > MAX_TAGS:
            raise BodyError("too many tags")
        tag, at = _tag(body, at)
        if kind == LENGTH:
            tags[tag], at = _binary(body, at, announced)
            kind = 0
        elif kind == COUNT:
            tags[tag], at = _list(body, at, announced)
            kind = 0
        else:
            value, at = _text(body, at)
            if tag in {LENGTH, COUNT}:
                kind, announced = tag, _number(value)
            else:
                tags[tag] = value
    if kind:
        raise BodyError("a length or a count announces nothing")
    return tags


def _tag(body: bytes, at: int) -> tuple[int, int]:
    end = body.find(b"=", at, at + 12)
    if end < 0:
        raise BodyError("a tag without =")
    return _number(body[at:end]), end + 1


def _text(body: bytes, at: int) -> tuple[bytes, int]:
    end = body.find(b"\0", at)
    if end < 0:
        raise BodyError("a value without its NUL")
    return body[at:end], end + 1


def _binary(body: bytes, at: int, length: int) -> tuple[bytes, int]:
    end = at + length
    if end >= len(body) or body[end] != 0:
        raise BodyError("a length that is not the value's")
    return body[at:end], end + 1


def _list(body: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    if count > MAX_LIST:
        raise BodyError("a list that is too long")
    found: list[bytes] = []
    for _ in range(count):
        value, at = _text(body, at)
        found.append(value)
    return found, at


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 9:
        raise BodyError("a number that is none")
    return int(text)


def encode_tags(tags: Mapping[int, Value | int | str]) -> bytes:
    """The body; texts are written in GB18030."""
    parts: list[bytes] = []
    for tag, value in tags.items():
        if isinstance(value, list):
            parts.append(b"%d=%d\0%d=" % (COUNT, len(value), tag) + b"".join(item + b"\0" for item in value))
            continue
        content = value if isinstance(value, bytes) else str(value).encode("gb18030")
        if tag in BINARY:
            parts.append(b"%d=%d\0" % (LENGTH, len(content)))
        parts.append(b"%d=%b\0" % (tag, content))
    return b"".join(parts)


def number_of(tags: Tags, tag: int, otherwise: int = 0) -> int:
    """Raises BodyError for what is no number."""
    value = tags.get(tag)
    if value is None or value == b"":
        return otherwise
    text = value if isinstance(value, bytes) else b""
    negative = text.startswith(b"-")
    return -_number(text[1:]) if negative else _number(text)


def bytes_of(tags: Tags, tag: int) -> bytes:
    """Empty where it is missing or a list."""
    value = tags.get(tag, b"")
    return value if isinstance(value, bytes) else b""


def numbers_of(tags: Tags, tag: int) -> list[int]:
    """A list's numbers; what is none counts as 0."""
    value = tags.get(tag, [])
    return [int(item) if item.isdigit() and len(item) < 10 else 0 for item in value] if isinstance(value, list) else []
