"""The README's program is one that works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import terminal_client
from ctprelay.ctp.v1 import events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import Collected, RelayTerminal, Tls
from terminal_client.cli.options import Options
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay, result

README = (Path(terminal_client.__file__).parent / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


async def test_the_program_logs_in_and_trades(
    served: ServedRelay,
    relay: ScriptedRelay,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As printed, except for the relay's address and its own collection."""

    def terminal(address: str, **options: Any) -> RelayTerminal:
        return RelayTerminal(served.address, **{**options, "tls": Tls(ca_file=served.authority)})

    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block("python"), "README.md", "exec"), names)
    monkeypatch.setitem(names, "RelayTerminal", terminal)
    monkeypatch.setitem(names, "collect", lambda: collected)
    account = structs_pb2.TradingAccount(available=9.5)
    relay.answers["qry_trading_account"] = lambda call: [
        result(call),
        events_pb2.Event(request_id=call.request_id, is_last=True, rsp_qry_trading_account=account),
    ]
    relay.answers["order_insert"] = lambda call: [
        result(call, order_ref="101"),
        events_pb2.Event(rtn_order=structs_pb2.Order(order_ref="101")),
        pb.RelayMessage(goodbye=pb.Goodbye(reason="end of the test")),
    ]

    with pytest.raises(terminal_client.SessionEnded, match="end of the test"):
        await names["main"](AUTH_CODE, "password")

    assert capsys.readouterr().out.splitlines()[0] == "20261123 9.5"
    assert relay.calls[-1].client_order_key == "my-order-1"


def test_the_settings_are_settings() -> None:
    """Every key of the example is one the program knows."""
    assert Options(**tomllib.loads(block("toml"))).investor == "100001"
