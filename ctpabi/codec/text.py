"""CTP's text: GB18030, NUL-terminated, in fields of fixed size (CTP fact 81)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ENCODING: Final = "gb18030"


class UnencodableText(ValueError):
    """The text cannot stand in a CTP field: a lone surrogate, or a NUL that would hide what follows it."""


def encode(text: str) -> bytes:
    """GB18030 bytes of `text`, without a terminating NUL; raises UnencodableText."""
    if "\0" in text:
        raise UnencodableText("text contains NUL, which would end the field there")
    if text.isascii():
        return text.encode()
    try:
        return text.encode(ENCODING)
    except UnicodeEncodeError as error:
        at = error.start
    # Behind the handler: the text may be a password, and Python's error shows the character.
    raise UnencodableText(f"character {at} is a lone surrogate, which GB18030 has no code for")


def cut(text: str | bytes, size: int) -> bytes:
    """At most `size` bytes of `text`, in whole characters; of bytes the first ones."""
    if isinstance(text, bytes):
        return text[:size]
    return text.encode(ENCODING, "replace")[:size].decode(ENCODING, "ignore").encode(ENCODING)


def joined(pieces: Iterable[bytes]) -> str:
    """The text that came in pieces of fixed size, cut anywhere, also inside a character: joined first, then decoded."""
    return decode(b"".join(piece.partition(b"\0")[0] for piece in pieces))


def decode(data: bytes) -> str:
    """The text up to the first NUL; bytes that are no GB18030 become U+FFFD."""
    content = data.partition(b"\0")[0]
    return content.decode() if content.isascii() else content.decode(ENCODING, "replace")
