"""What a call begins and ends with: the request's headers read, the answer's and the trailers written (gRPC over HTTP/2).

The values are a stranger's. What is not ASCII is kept as Latin-1, so that no byte is lost and nothing fails.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import grpc

Headers = Sequence[tuple[str, str]]
_UNITS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_LONGEST_TIMEOUT: Final = 8
"""digits"""
_PLAIN: Final = frozenset((string.ascii_letters + string.digits + string.punctuation + " ").replace("%", "").encode())
ANSWER: Headers = (
    (":status", "200"),
    ("content-type", "application/grpc"),
    ("grpc-accept-encoding", "identity"),
)
"""what an answer begins with"""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a call was begun with."""

    method: str
    """the path: /package.Service/Method"""
    metadata: Sequence[tuple[str, str]]
    timeout: float | None
    """seconds; None where the caller waits as long as it takes"""


class NotGrpc(Exception):
    """A request of something else; `status` is HTTP's answer to it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def read(headers: Iterable[tuple[bytes | str, bytes | str]]) -> RequestHead:
    """The head of a call; raises NotGrpc."""
    fields = [(_text(name), _text(value)) for name, value in headers]
    first = dict(fields)
    if first.get(":method") != "POST":
        raise NotGrpc(405)
    kind = first.get("content-type", "")
    if kind != "application/grpc" and not kind.startswith(("application/grpc+", "application/grpc;")):
        raise NotGrpc(415)
    metadata = [(name, value) for name, value in fields if not name.startswith(":")]
    return RequestHead(first.get(":path", ""), metadata, _seconds(first.get("grpc-timeout", "")))


def trailers(status: grpc.StatusCode, words: str) -> Headers:
    """What a call ends with."""
    said = [("grpc-status", str(status.value[0]))]
    return [*said, ("grpc-message", _escaped(words))] if words else said


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _seconds(timeout: str) -> float | None:
    """One that cannot be read is none: the caller ends its call by itself."""
    digits, unit = timeout[:-1], timeout[-1:]
    if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST_TIMEOUT or unit not in _UNITS:
        return None
    return int(digits) * _UNITS[unit]


def _escaped(words: str) -> str:
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in words.encode())
