"""What one worker says to another when it passes a stream on."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest

from ctprelay.v1 import market_pb2
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.client_certificates import ShownCertificate
from relay.admission.origin.trusted_proxies import Origin
from relay.edge.handed import HandedConnections
from relay.rpc.elsewhere import Opening, pass_on, shown_token
from relay.sessions.stream import Begun

BEGUN = Begun("app_1.0", "1.2", bytes(range(128)), 0.5)


@pytest.mark.parametrize("certificate", [None, ShownCertificate(frozenset({"sha256:00", "dns:a"}))])
def test_the_owner_hears_all_that_it_judges_by(certificate: ShownCertificate | None) -> None:
    """Address, challenge and certificate arrive as they were."""
    for ip in ("192.0.2.1", "2001:db8::1"):
        opening = Opening(True, Origin(ipaddress.ip_address(ip), 50000), BEGUN, certificate)

        assert Opening.unpacked(opening.packed()) == opening


def test_a_token_is_shown_by_a_resume_and_by_an_attach() -> None:
    """By nothing else: a login is the business of the worker that has it."""
    resume = pb.TerminalMessage(resume=pb.Resume(resume_token=b"t"))
    attach = market_pb2.MarketDataRequest(attach=market_pb2.AttachMarketData(token=b"m"))

    assert [shown_token(message) for message in (resume, attach)] == [b"t", b"m"]
    assert shown_token(pb.TerminalMessage(login=pb.Login())) == b""
    assert shown_token(pb.TerminalMessage()) == b""


def test_a_token_names_its_worker(tmp_path: Path) -> None:
    """One of this worker, and one of no worker there is, are judged here."""
    of = {number: tmp_path / str(number) for number in (1, 2)}
    with socket.socket() as connection:
        first, second = (HandedConnections(connection, {}, 0, number, of) for number in (1, 2))
    token = first.new_token(32)

    assert len(token) == 32
    assert token != first.new_token(32)
    assert (first.owner_of(token), second.owner_of(token)) == (None, of[1])
    assert [first.owner_of(other) for other in (b"", b"\x09")] == [None, None]


@pytest.mark.asyncio
async def test_a_stream_whose_owner_is_gone_stays_here(tmp_path: Path) -> None:
    """It is answered here, and was not touched."""
    untouched: Any = None
    message = pb.TerminalMessage(resume=pb.Resume(resume_token=b"t"))

    assert not await pass_on(tmp_path / "none.sock", message, untouched, untouched, untouched)
