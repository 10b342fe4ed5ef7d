"""A message's values as its struct's bytes, all fields of a kind at a time: for messages that a struct can hold as they are.

Theory of operation
-------------------
Asking a message for each of its fields in Python costs more than everything else on the way of an order notice to a
drop-in's program. So the fields are read by one call in C, ordered by kind, and each kind is converted by a call or two.
What does not fit (text that is too long, a character of more than a byte) gives None: then `ctpabi.codec.messages` goes
field by field, and knows which one to name or to cut. So there is one place that judges, and it is not this one.
"""

from __future__ import annotations

import struct as machine
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from operator import attrgetter, itemgetter, lt
from typing import Any

from google.protobuf.message import Message

from ctpabi.catalog import Field, Kind, Struct
from ctpabi.codec import text
from ctpabi.codec.layout import DBL_MAX, layout_of

_BYTE_OF_CODE = {code: bytes((code,)) for code in range(256)}
_BYTE_OF_TEXT = {"": b"\0", **{chr(code): bytes((code,)) for code in range(256)}}
_DOES_NOT_FIT = (KeyError, ValueError, machine.error)


class MessageColumns:
    """The fields of one struct, ordered by kind."""

    def __init__(self, struct: Struct) -> None:
        kinds = (
            _of(struct, lambda field: field.kind is Kind.TEXT),
            _of(struct, lambda field: field.kind is Kind.BYTES),
            _of(struct, lambda field: field.kind is Kind.CHAR and bool(field.enum)),
            _of(struct, lambda field: field.kind is Kind.CHAR and not field.enum),
            _of(struct, lambda field: field.kind is Kind.DOUBLE),
            _of(struct, lambda field: field.kind in {Kind.INT, Kind.SHORT}),
        )
        texts, binaries, _enums, _letters, doubles, _integers = kinds
        ordered = [field for of_kind in kinds for field in of_kind]
        self._values = _all(attrgetter, [field.proto_name for field in ordered])
        places = {field.name: place for place, field in enumerate(ordered)}
        self._in_struct = _all(itemgetter, [places[field.name] for field in struct.fields])
        self._pack = layout_of(struct).codec.pack
        self._text_sizes = [field.size - 1 for field in texts]
        self._binary_sizes = [field.size for field in binaries]
        self._doubles = [field.proto_name for field in doubles]
        self._ends = tuple(accumulate(map(len, kinds[:-1])))

    def struct_bytes(self, message: Message, *, absent_is_no_value: bool) -> bytes | None:
        """The struct's bytes; None where a value does not fit. `absent_is_no_value`: an absent double is DBL_MAX, not 0.0."""
        values = self._values(message)
        texts_end, binaries_end, enums_end, letters_end, doubles_end = self._ends
        try:
            texts = _encoded(values[:texts_end])
            binaries = values[texts_end:binaries_end]
            if _is_any_longer(texts, self._text_sizes) or _is_any_longer(binaries, self._binary_sizes):
                return None
            doubles = values[letters_end:doubles_end]
            if absent_is_no_value and 0.0 in doubles:
                doubles = self._with_no_values(message, doubles)
            columns = (
                *texts,
                *binaries,
                *map(_BYTE_OF_CODE.__getitem__, values[binaries_end:enums_end]),
                *map(_BYTE_OF_TEXT.__getitem__, values[enums_end:letters_end]),
                *doubles,
                *values[doubles_end:],
            )
            return self._pack(*self._in_struct(columns))
        except _DOES_NOT_FIT:
            return None

    def _with_no_values(self, message: Message, doubles: Sequence[float]) -> tuple[float, ...]:
        named = zip(self._doubles, doubles, strict=True)
        return tuple(value if value or message.HasField(name) else DBL_MAX for name, value in named)


def _of(struct: Struct, is_wanted: Callable[[Field], bool]) -> list[Field]:
    return [field for field in struct.fields if is_wanted(field)]


def _all(getter: Callable[..., Callable[[Any], Any]], keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of all these keys as a tuple; a getter of one key gives no tuple."""
    if len(keys) > 1:
        return getter(*keys)
    ones = [getter(key) for key in keys]
    return lambda holder: tuple(one(holder) for one in ones)


def _encoded(texts: Sequence[str]) -> list[bytes]:
    """Each as GB18030. Raises text.UnencodableText."""
    whole = "".join(texts)
    if whole.isascii() and "\0" not in whole:
        return list(map(str.encode, texts))
    return list(map(text.encode, texts))


def _is_any_longer(values: Iterable[bytes], sizes: Sequence[int]) -> bool:
    return any(map(lt, sizes, map(len, values)))
