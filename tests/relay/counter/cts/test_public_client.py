"""Field by field: the relay sends what the public client sends, and the simulated counter says what that client reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.cts.line import FIRST_REQUEST
from relay.counter.cts.wire import CtsReply, read_reply, write_request
from relay.counter.port import Mode
from tests.relay.counter.cts.public_client import REQUESTS, ROWS, unlisted, unread
from tests.relay.counter.cts.rig import rig
from tests.relay.counter.cts.test_day import trade

SHFE = {"exchange_id": "SHFE"}
QUERIES = {
    "OnRspQryOrder": requests_pb2.Request(qry_order=ctp.QryOrder(**SHFE)),
    "OnRspQryTrade": requests_pb2.Request(qry_trade=ctp.QryTrade(**SHFE)),
    "OnRspQryInvestorPosition": requests_pb2.Request(qry_investor_position=ctp.QryInvestorPosition(**SHFE)),
    "OnRspQryTradingAccount": requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount()),
    "OnRspQryInstrument": requests_pb2.Request(qry_instrument=ctp.QryInstrument(**SHFE)),
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every request of the relay's, as it is on the wire."""
    kept: list[dict[str, Any]] = []

    def written(*said: Any) -> bytes:
        data = write_request(*said)
        kept.append(json.loads(data))
        return data

    monkeypatch.setattr("relay.counter.cts.line.write_request", written)
    return kept


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[CtsReply]:
    """Every answer and push of the counter's."""
    kept: list[CtsReply] = []

    def heard(data: bytes) -> CtsReply:
        kept.append(read_reply(data))
        return kept[-1]

    monkeypatch.setattr("relay.counter.cts.line.read_reply", heard)
    return kept


async def test_every_field_is_one_of_the_public_clients(
    tmp_path: Path, sent: list[dict[str, Any]], said: list[CtsReply]
) -> None:
    """A day with a break, every query, pushes of orders too, and the goodbye: requests by name and kind, answers by name."""
    async with rig(Mode.MANY_TO_ONE, tmp_path, terminal_info="one line") as made:
        made.command("cts_tell_orders", on=True)
        day = await trade(made)
        for callback, request in QUERIES.items():
            assert await day.terminal.rows(request, callback)
        await day.terminal.leave()

    assert {message["head"]["msgType"] for message in sent} == set(REQUESTS)
    assert {reply.msg_type for reply in said} >= set(ROWS)
    wrong = {
        (message["head"]["msgType"], *unlisted(message["head"]["msgType"], message["request"])) for message in sent
    }
    assert [one for one in wrong if len(one) > 1] == []
    assert {tuple(map(type, message["head"].values())) for message in sent} == {(int, str, int)}
    assert sent[0]["head"] == {"msgType": 10000, "sessionId": "-1", "requestId": FIRST_REQUEST}
    strange = {(reply.msg_type, *unread(reply.msg_type, dict(reply.data))) for reply in said}
    assert [one for one in strange if len(one) > 1] == []
