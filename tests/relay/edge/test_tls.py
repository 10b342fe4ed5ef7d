"""TLS of one connection over bytes: what is inside comes out whole, and nothing that is sent holds the loop."""

from __future__ import annotations

import contextlib
import ssl

import pytest
import trustme

from relay.edge.tls import TlsEnd, TlsWrong


class Terminal:
    """The other end, in memory."""

    def __init__(self, authority: trustme.CA, protocol: str = "h2") -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        context.set_alpn_protocols([protocol])
        self.came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self._goes, server_hostname="localhost")

    def agree(self, relay: TlsEnd) -> None:
        """Both sides take their steps of the handshake until it is done."""
        while not relay.agreed:
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            relay.give(self.says())
            relay.agree()
            self.came.write(relay.to_send())

    def says(self, data: bytes = b"") -> bytes:
        """The records of it."""
        if data:
            self.tls.write(data)
        return self._goes.read()

    def says_goodbye(self) -> bytes:
        """TLS's own: close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._goes.read()

    def reads(self) -> bytes:
        read = b""
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                read += self.tls.read(65_536)
        return read


@pytest.fixture
def agreed() -> tuple[Terminal, TlsEnd]:
    """A terminal and the relay's end, TLS agreed on."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    context.num_tickets = 0
    terminal, relay = Terminal(authority), TlsEnd(context)
    terminal.agree(relay)
    return terminal, relay


def test_what_is_inside_comes_out_however_it_is_cut(agreed: tuple[Terminal, TlsEnd]) -> None:
    """Also where a record comes byte by byte, and several at once."""
    terminal, relay = agreed
    records = terminal.says(b"one") + terminal.says(b"two")
    opened = []
    for at in range(len(records)):
        relay.give(records[at : at + 1])
        opened.append(relay.opened())
    relay.give(terminal.says(b"three") + terminal.says(b"four"))

    assert [one for one in opened if one] == [b"one", b"two"]
    assert relay.opened() == b"threefour"
    assert relay.protocol == "h2"


@pytest.mark.parametrize("size", [1, 16_384, 16_393, 200_000])
def test_all_that_is_sealed_is_sent(agreed: tuple[Terminal, TlsEnd], size: int) -> None:
    """A frame with its head is more than a record holds."""
    terminal, relay = agreed
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    terminal.came.write(relay.sealed(data))

    assert terminal.reads() == data


def test_what_comes_after_the_goodbye_is_dropped(agreed: tuple[Terminal, TlsEnd]) -> None:
    """Whatever it is: asking OpenSSL for it again and again would hold all other terminals for ever."""
    terminal, relay = agreed

    relay.give(terminal.says(b"the last") + terminal.says_goodbye() + b"and more")

    assert (relay.opened(), relay.ended) == (b"the last", True)
    assert relay.opened() == b""


def test_what_is_no_record_is_said(agreed: tuple[Terminal, TlsEnd]) -> None:
    """In OpenSSL's words."""
    _, relay = agreed
    relay.give(b"\x17\x03\x03\x00\x20" + bytes(32))

    with pytest.raises(TlsWrong, match="bad record"):
        relay.opened()
