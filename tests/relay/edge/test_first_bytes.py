"""What a connection must begin with before gRPC hears of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.edge.first_bytes import LONGEST, Beginning, judge
from tests.e2e.raw_http2 import client_hello

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def test_a_client_hello_is_right_when_it_is_whole() -> None:
    """Half of one costs no connection to gRPC."""
    hello = client_hello()

    assert judge(hello, tls=True) is Beginning.RIGHT
    assert judge(hello + b"more", tls=True) is Beginning.RIGHT
    assert {judge(hello[:size], tls=True) for size in range(len(hello))} == {Beginning.INCOMPLETE}


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        PREFACE,
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x16\x03\x01\x00\x05\x02",
        b"\x16\x03\x01\xff\xff\x01",
        b"\x16\x03\x01\x00\x00\x01",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x02",
    ],
    ids=[
        "HTTP/1",
        "HTTP/2 in the clear",
        "an alert",
        "a ServerHello",
        "too long",
        "empty",
        "goes on in another record",
    ],
)
def test_anything_else_is_wrong(data: bytes) -> None:
    """As soon as it can be seen."""
    assert judge(data, tls=True) is Beginning.WRONG


def test_without_tls_it_is_the_preface_of_http2() -> None:
    """On a loopback address, for trying out."""
    assert judge(PREFACE, tls=False) is Beginning.RIGHT
    assert judge(PREFACE[:5], tls=False) is Beginning.INCOMPLETE
    assert judge(client_hello(), tls=False) is Beginning.WRONG


@given(st.binary(max_size=64), st.booleans())
def test_more_bytes_never_change_a_judgement(data: bytes, tls: bool) -> None:
    """And no more than a record's bytes are ever waited for."""
    judgements = [judge(data[:size], tls=tls) for size in range(len(data) + 1)]
    settled = [one for one in judgements if one is not Beginning.INCOMPLETE]

    assert len(set(settled)) <= 1
    assert judge((data + bytes(LONGEST))[:LONGEST], tls=tls) is not Beginning.INCOMPLETE
