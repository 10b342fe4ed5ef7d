"""How an input becomes another one. Plain bytes find the way into a parser of bytes; for what has structure, a change
has to keep the rest of it whole, or nothing behind the first check is ever reached.

A mutation takes the input, how long the result may be, and the randomness. It never fails: what it cannot read it
changes as bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from ctprelay.wire_format import varint

Mutation = Callable[[bytes, int, Random], bytes]

_NUMBERS = (0, 1, -1, 2, 7, 10, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, -(2**31), 2**32, 2**53, 2**63 - 1)
_FLOATS = (0.0, -0.0, 1.5, -1.0, 1e308, -1e308, 1.7976931348623157e308, float("inf"), float("-inf"), float("nan"))
_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "999999999999999999999999",
    "1e999",
    "\0",
    "\n",
    "\u2028",
    "\x1b[31m",
    "\u202e",
    "中继",
    "\U0001f600",
    "a" * 300,
    "../../etc/passwd",
    "{0.__class__}",
    "%s%n",
    "١٢",
    "true",
    "null",
    "9999",
    "100001",
)
_BYTES = (
    b"",
    b"\0",
    b"\xff",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\r\n",
    b"\x81\x30",
    b"\xd6\xd0",
    b"0" * 64,
)
_VALUES: tuple[Any, ...] = (None, True, False, 0, -1, 1.5, "", "x", [], {}, [[]], 10**30)
_TOML_VALUES = ('""', '"x"', "0", "-1", "1.5", "nan", "inf", "true", "[]", "{}", "2026-01-01", '["a", 1]', "9" * 30)
_NUMBER = re.compile(rb"\d+")


def any_bytes(data: bytes, most: int, random: Random) -> bytes:
    """Bits, bytes, pieces and numbers changed, taken away, repeated."""
    changed = bytearray(data)
    for _ in range(1 + random.randrange(4)):
        random.choice(_BYTE_CHANGES)(changed, random)
    return bytes(changed[:most])


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _replace(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _insert(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice(_BYTES) if random.random() < 0.5 else random.randbytes(1 + random.randrange(8))


def _remove(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    del data[at : at + 1 + random.randrange(16)]


def _repeat(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = data[at : at + 1 + random.randrange(32)]


def _cut(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data) + 1) :]


def _renumber(data: bytearray, random: Random) -> None:
    """A number in decimal digits becomes another one."""
    found = list(_NUMBER.finditer(data))
    if found:
        start, stop = random.choice(found).span()
        data[start:stop] = str(random.choice(_NUMBERS)).encode()


_BYTE_CHANGES = (_flip, _replace, _insert, _remove, _repeat, _cut, _renumber)


def lines_of(inner: Mutation) -> Mutation:
    """Lines exchanged, repeated, taken away, or one of them changed by `inner`."""

    def change(data: bytes, most: int, random: Random) -> bytes:
        lines = data.split(b"\n")
        _rearrange(lines, random, lambda line: inner(line, most, random))
        return b"\n".join(lines)[:most]

    return change


def _rearrange(parts: list[bytes], random: Random, inner: Callable[[bytes], bytes]) -> None:
    """One part changed, most of the time; otherwise parts repeated, taken away or exchanged."""
    at, other = random.randrange(len(parts)), random.randrange(len(parts))
    match random.randrange(8):
        case 0:
            parts.insert(other, parts[at])
        case 1 if len(parts) > 1:
            del parts[at]
        case 2:
            parts[at], parts[other] = parts[other], parts[at]
        case _:
            parts[at] = inner(parts[at])


def json_text(data: bytes, most: int, random: Random) -> bytes:
    """A value anywhere in the JSON of another kind, absurdly large, missing, or nested too deep."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return any_bytes(data, most, random)
    if random.random() < 0.03:
        depth = 1 + random.randrange(max(1, most // 12))
        return (b'{"a":' * depth if random.random() < 0.5 else b"[" * depth)[:most]
    changed = json.dumps(_change_json(value, random), ensure_ascii=random.random() < 0.5)
    if random.random() < 0.1:
        changed = changed.replace('"', '"\\ud800', 1)
    return changed.encode("utf-8", "surrogatepass")[:most]


def _change_json(value: Any, random: Random) -> Any:
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        rest = {name: inner for name, inner in value.items() if name != key}
        match random.randrange(8):
            case 0:
                return rest
            case 1:
                return {**rest, random.choice(_TEXTS): value[key]}
            case _:
                return {**value, key: _change_json(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.85:
        at = random.randrange(len(value))
        changed = _change_json(value[at], random)
        return [*value[:at], changed, *value[at + random.randrange(2) :]]
    return _other_value(value, random)


def _other_value(value: Any, random: Random) -> Any:
    match random.randrange(6):
        case 0:
            return random.choice(_NUMBERS)
        case 1:
            return random.choice(_TEXTS)
        case 2:
            return random.choice(_FLOATS)
        case 3 if isinstance(value, str):
            return any_bytes(value.encode("utf-8", "replace"), 1000, random).decode("latin-1")
        case 4:
            return [value]
        case _:
            return random.choice(_VALUES)


def toml_text(data: bytes, most: int, random: Random) -> bytes:
    """A key's value of another kind, a key under another section, or the text itself changed."""
    lines = data.split(b"\n")
    keys = [at for at, line in enumerate(lines) if b"=" in line]
    if not keys or random.random() < 0.2:
        return lines_of(any_bytes)(data, most, random)
    at = random.choice(keys)
    name, _, value = lines[at].partition(b"=")
    match random.randrange(4):
        case 0:
            lines[at] = name + b"= " + random.choice(_TOML_VALUES).encode()
        case 1:
            lines[at] = name + b'= "' + random.choice(_TEXTS).encode().replace(b'"', b"").replace(b"\n", b"") + b'"'
        case 2:
            lines[at] = name + b"=" + any_bytes(value, most, random).replace(b"\n", b" ")
        case _:
            lines.insert(random.randrange(len(lines) + 1), lines.pop(at))
    return b"\n".join(lines)[:most]


def message_of(kind: Callable[[], Message]) -> Mutation:
    """A field anywhere in the protobuf message set, cleared, or given a wild value."""

    def change(data: bytes, most: int, random: Random) -> bytes:
        message = kind()
        try:
            message.ParseFromString(data)
        except DecodeError:
            return any_bytes(data, most, random)
        for _ in range(1 + random.randrange(3)):
            _change_message(message, random)
        changed = message.SerializeToString()
        return changed if len(changed) <= most else data

    return change


def _change_message(message: Message, random: Random) -> None:
    fields = message.DESCRIPTOR.fields
    present: list[Any] = [descriptor for descriptor, _ in message.ListFields()]
    descriptor: Any = random.choice(present if present and random.random() < 0.7 else list(fields))
    if random.random() < 0.1:
        message.ClearField(descriptor.name)
    elif descriptor.is_repeated:
        _change_repeated(getattr(message, descriptor.name), descriptor, random)
    elif descriptor.type == FieldDescriptor.TYPE_MESSAGE:
        inner = getattr(message, descriptor.name)
        inner.SetInParent()
        if inner.DESCRIPTOR.fields:
            _change_message(inner, random)
    else:
        setattr(message, descriptor.name, _scalar(descriptor, getattr(message, descriptor.name), random))


def _change_repeated(values: Any, descriptor: FieldDescriptor, random: Random) -> None:
    if values and random.random() < 0.3:
        del values[random.randrange(len(values))]
    elif descriptor.type != FieldDescriptor.TYPE_MESSAGE:
        values.append(_scalar(descriptor, None, random))
    elif values and random.random() < 0.7:
        _change_message(random.choice(values), random)
    else:
        _change_message(values.add(), random)


_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def _scalar(descriptor: FieldDescriptor, now: Any, random: Random) -> Any:
    kind = descriptor.cpp_type
    if kind in _RANGES:
        low, high = _RANGES[kind]
        number = random.choice(_NUMBERS) if random.random() < 0.5 else random.randrange(256)
        return min(max(number, low), high)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return random.random() < 0.5
    if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return random.choice(_FLOATS)
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        return any_bytes(now or b"", 400, random) if random.random() < 0.7 else random.choice(_BYTES)
    if random.random() < 0.5:
        return random.choice(_TEXTS)
    return any_bytes((now or "").encode(), 400, random).decode("utf-8", "replace")


def framed(parts: Sequence[bytes]) -> bytes:
    """Several byte strings as one input, each behind its length; `parts_of` reads them."""
    return b"".join(varint(len(part)) + part for part in parts)


def parts_of(data: bytes, most: int = 64) -> list[bytes]:
    """The byte strings of an input; a length that is wrong takes what there is."""
    parts: list[bytes] = []
    position = 0
    while position < len(data) and len(parts) < most:
        length = data[position] & 0x7F
        if data[position] & 0x80 and position + 1 < len(data):
            position += 1
            length |= data[position] << 7
        position += 1
        parts.append(data[position : position + length])
        position += length
    return parts


def parts(inner: Mutation, new: Callable[[Random], bytes] | None = None) -> Mutation:
    """Of a `framed` input: parts exchanged, repeated, taken away, added by `new`, or one changed by `inner`."""

    def change(data: bytes, most: int, random: Random) -> bytes:
        found = parts_of(data)
        if not found or (new is not None and random.random() < 0.25):
            found.insert(random.randrange(len(found) + 1), b"" if new is None else new(random))
        else:
            _rearrange(found, random, lambda part: inner(part, 16_000, random)[:16_000])
        changed = framed(found)
        return changed if len(changed) <= most else data

    return change


def after(count: int, inner: Mutation) -> Mutation:
    """The first `count` bytes choose something and change on their own; `inner` changes the rest."""

    def change(data: bytes, most: int, random: Random) -> bytes:
        head, rest = data[:count].ljust(count, b"\0"), data[count:]
        if random.random() < 0.2:
            head = random.randbytes(count)
        return head + inner(rest, max(0, most - count), random)

    return change
