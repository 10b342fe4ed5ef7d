"""What a call begins and ends with."""

from __future__ import annotations

from urllib.parse import unquote

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.http2 import heads

FIELDS = [(":method", "POST"), (":path", "/a.B/C"), ("content-type", "application/grpc")]


def test_a_head_is_read() -> None:
    """Metadata as it came, also what comes twice or is not ASCII."""
    twice = [(b"x-forwarded-for", b"a"), (b"x-forwarded-for", b"\xff")]

    head = heads.read([(name.encode(), value.encode()) for name, value in FIELDS] + twice)

    assert (head.method, head.timeout) == ("/a.B/C", None)
    assert head.metadata[1:] == [("x-forwarded-for", "a"), ("x-forwarded-for", "\xff")]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("5S", 5.0),
        ("1H", 3600.0),
        ("2M", 120.0),
        ("250m", 0.25),
        ("3u", 3e-6),
        ("0n", 0.0),
        ("99999999H", 359999996400.0),
    ]
    + [(wrong, None) for wrong in ("", "S", "5", "5s", "-5S", "5.0S", "123456789S", "²S", "٣S", " 5S", "0x5S")],
)
def test_time_outs_are_read(said: str, seconds: float | None) -> None:
    """One that cannot be read is none."""
    assert heads.read([*FIELDS, ("grpc-timeout", said)]).timeout == (
        None if seconds is None else pytest.approx(seconds)
    )


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        (":method", "GET", 405),
        ("content-type", "application/json", 415),
        ("content-type", "application/grpcx", 415),
        ("content-type", "", 415),
    ],
)
def test_what_is_not_grpc_gets_an_answer_of_http(field: str, value: str, status: int) -> None:
    """A browser, or a probe."""
    with pytest.raises(heads.NotGrpc) as other:
        heads.read([*FIELDS, (field, value)])

    assert other.value.status == status


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])
def test_every_way_to_say_grpc_is_taken(kind: str) -> None:
    """As clients in other languages say it."""
    assert heads.read([*FIELDS, ("content-type", kind)]).method == "/a.B/C"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_words_of_any_language_come_back(words: str) -> None:
    """Percent-encoded, so that they are a header's value."""
    ((_, said),) = heads.trailers(grpc.StatusCode.INTERNAL, words)[1:] or [("", "")]

    assert unquote(said) == words
    assert said.isascii()
    assert all(" " <= letter <= "~" for letter in said)


def test_chinese_words_are_as_grpc_has_them() -> None:
    """And a status without words has none."""
    said = dict(heads.trailers(grpc.StatusCode.NOT_FOUND, "没有 100%"))

    assert said == {"grpc-status": "5", "grpc-message": "%E6%B2%A1%E6%9C%89 100%25"}
    assert heads.trailers(grpc.StatusCode.OK, "") == [("grpc-status", "0")]
