"""`ctp-terminal` from the outside, against a scripted relay over TLS and with the real collector."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ctprelay.ctp.v1 import enums_pb2, events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.cli.app import app
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay, result

PASSWORD = "s3cret 密码"
Run = Callable[..., Coroutine[Any, Any, Result]]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="logging in collects with the vendor's library")


@pytest.fixture
def environment(served: ServedRelay, tmp_path: Path) -> dict[str, str]:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    return {
        "CTP_TERMINAL_RELAY": served.address,
        "CTP_TERMINAL_CA_FILE": str(served.authority),
        "CTP_TERMINAL_APP_ID": "demo_terminal_1.0",
        "CTP_TERMINAL_BROKER": "9999",
        "CTP_TERMINAL_INVESTOR": "100001",
        "CTP_TERMINAL_AUTH_CODE": AUTH_CODE,
        "CTP_TERMINAL_PASSWORD_FILE": str(password),
        "HOME": str(tmp_path),
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs the program with these words; the test's relay goes on meanwhile."""

    async def run(*words: str, without: str = "", **more: str) -> Result:
        env: dict[str, str | None] = {**environment, **more}
        if without:
            env[without] = None
        return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=env)

    return run


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_collect_needs_no_relay(run: Run) -> None:
    """The collection is shown as JSON, with what is missing in words; nothing is sent."""
    (line,) = lines(await run("collect", without="CTP_TERMINAL_RELAY"))

    assert 264 <= line["length"] <= 273
    assert line["version"].startswith("sfit_pro")
    assert (line["code"] == 0) == (line["missing"] == [])


async def test_login_shows_the_session_and_logs_out(run: Run, relay: ScriptedRelay) -> None:
    """The session's names are shown, and the relay is told when it ends."""
    (line,) = lines(await run("login"))

    assert (line["kind"], line["front_id"], line["trading_day"]) == ("session", -7, "20261123")
    assert [one["native_code"] for one in line["counter"]["exchanges"]] == ["", "", "E", "G"]
    assert relay.logins[0].password == PASSWORD
    assert relay.received[-1].HasField("logout")


async def test_a_rejected_login_has_its_own_exit_code(run: Run, relay: ScriptedRelay) -> None:
    """Who refused, why, and what to do are on standard error; the exit code is 3."""
    relay.login_refusals.append(
        pb.Rejected(
            source=pb.SOURCE_COUNTER, reason="wrong_password", code=3, message="CTP:不合法的登录", advice="检查"
        )
    )

    outcome = await run("login")

    assert outcome.exit_code == 3
    assert "counter: wrong_password [3]: CTP:不合法的登录 — 检查" in outcome.stderr


async def test_what_is_not_set_is_named(run: Run) -> None:
    """A missing setting is named with every way to give it; the exit code is 2."""
    outcome = await run("login", without="CTP_TERMINAL_INVESTOR")

    assert outcome.exit_code == 2
    assert "--investor or CTP_TERMINAL_INVESTOR" in outcome.stderr


async def test_an_unreachable_relay_is_told(run: Run) -> None:
    """Nobody listening is exit code 4 with the address."""
    outcome = await run("login", CTP_TERMINAL_RELAY="localhost:1")

    assert outcome.exit_code == 4
    assert "localhost:1" in outcome.stderr


async def test_settings_come_from_a_file_and_options_win(run: Run, relay: ScriptedRelay, tmp_path: Path) -> None:
    """The TOML file is read; the environment and options go over it."""
    file = tmp_path / "terminal.toml"
    file.write_text('investor = "100009"\napp_id = "other"\n', encoding="utf-8")

    await run("--config", str(file), "login", without="CTP_TERMINAL_INVESTOR")

    assert relay.logins[0].investor_id == "100009"
    assert relay.received[0].hello.app_id == "demo_terminal_1.0"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('password = "x"', "password does not belong in the settings"),
        ('pasword_file = "x"', "unknown setting pasword_file"),
        ("timeout = 'soon'", "timeout must be float, not str"),
        ("relay =", "terminal.toml"),
    ],
)
async def test_wrong_settings_are_named(run: Run, tmp_path: Path, text: str, complaint: str) -> None:
    """A wrong key, a secret in the file and broken TOML are told apart, and the secret is not repeated."""
    file = tmp_path / "terminal.toml"
    file.write_text(text, encoding="utf-8")

    outcome = await run("--config", str(file), "login")

    assert outcome.exit_code == 2
    assert complaint in outcome.stderr


async def test_query_takes_fields_by_either_name(run: Run, relay: ScriptedRelay) -> None:
    """field=value, named as in the message or as CTP does, becomes the request; rows come as JSON lines."""
    relay.answers["qry_instrument"] = lambda call: [
        result(call),
        events_pb2.Event(
            request_id=call.request_id,
            is_last=True,
            rsp_qry_instrument=structs_pb2.Instrument(instrument_id="rb2701", instrument_name="螺纹钢"),
        ),
    ]

    (line,) = lines(await run("query", "instrument", "exchange_id=SHFE", "ProductID=rb"))

    assert line["body"]["instrument_name"] == "螺纹钢"
    asked = relay.calls[0].request.qry_instrument
    assert (asked.exchange_id, asked.product_id) == ("SHFE", "rb")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["query", "instruments"], "did you mean qry_instrument"),
        (["query", "instrument", "colour=red"], "QryInstrument has no field colour"),
        (["call", "order_insert", '{"direction": "UP"}'], "direction"),
        (["query", "instrument", "exchange_id"], "write field=value"),
    ],
)
async def test_a_request_that_makes_no_sense_is_explained(
    run: Run, relay: ScriptedRelay, words: list[str], complaint: str
) -> None:
    """Wrong names and values are explained before anything is sent."""
    outcome = await run(*words)

    assert outcome.exit_code == 2
    assert complaint in outcome.stderr
    assert relay.logins == []


async def test_call_takes_json(run: Run, relay: ScriptedRelay) -> None:
    """Any request, its fields as JSON with the message's names."""
    await run("call", "ReqOrderAction", '{"order_ref": "12", "action_flag": "ACTION_FLAG_DELETE"}')

    assert relay.calls[0].request.order_action.action_flag == enums_pb2.ACTION_FLAG_DELETE


def order_notice(status: int, traded: int = 0, **fields: Any) -> events_pb2.Event:
    order = structs_pb2.Order(
        front_id=-7,
        session_id=1,
        order_ref="         101",
        order_status=status,  # type: ignore[arg-type]
        volume_traded=traded,
        **fields,
    )
    return events_pb2.Event(is_last=True, rtn_order=order)


async def test_order_waits_for_its_trades(run: Run, relay: ScriptedRelay) -> None:
    """Every notice about the order is shown, nobody else's, until all of its trades are there."""
    placed: dict[str, Any] = {"exchange_id": "SHFE", "order_sys_id": "           1"}
    relay.answers["order_insert"] = lambda call: [
        result(call, order_ref="101"),
        events_pb2.Event(rtn_order=structs_pb2.Order(front_id=1, session_id=1, order_ref="101")),
        order_notice(enums_pb2.ORDER_STATUS_UNKNOWN),
        order_notice(enums_pb2.ORDER_STATUS_ALL_TRADED, 2, **placed),
        events_pb2.Event(rtn_trade=structs_pb2.Trade(volume=2, trade_id="9", **placed)),
    ]

    outcome = await run("order", "rb2701", "buy", "open", "3500", "2", "--exchange", "SHFE", "--key", "k1")

    assert [line["kind"] for line in lines(outcome)] == ["rtn_order", "rtn_order", "rtn_trade", "fate"]
    assert lines(outcome)[-1] | {"front_id": 0} == {
        "kind": "fate", "state": "all_traded", "decided": True, "traded": 2, "front_id": 0, "session_id": 1, "order_ref": "101",
    }  # fmt: skip
    sent = relay.calls[0].request.order_insert
    assert (sent.direction, sent.comb_offset_flag, sent.limit_price) == (enums_pb2.DIRECTION_BUY, "0", 3500.0)
    assert relay.calls[0].client_order_key == "k1"


async def test_a_rejected_order_fails_the_command(run: Run, relay: ScriptedRelay) -> None:
    """The counter's rejection is shown with its text; the exit code is 1."""
    relay.answers["order_insert"] = lambda call: [
        result(call, order_ref="101"),
        events_pb2.Event(
            request_id=call.request_id,
            is_last=True,
            rsp_info={"error_id": 31, "error_msg": "CTP:资金不足"},
            rsp_order_insert={"order_ref": "101"},
        ),
    ]

    outcome = await run("order", "rb2701", "sell", "close", "3500", "2")

    assert outcome.exit_code == 1
    assert lines(outcome)[0]["error_msg"] == "CTP:资金不足"
    assert lines(outcome)[1]["state"] == "rejected"


async def test_cancel_names_one_order(run: Run, relay: ScriptedRelay) -> None:
    """By front, session and reference, or by exchange and number; anything else is wrong usage."""
    relay.answers["order_action"] = lambda call: [result(call), order_notice(enums_pb2.ORDER_STATUS_CANCELED)]

    outcome = await run("cancel", "rb2701", "--order-ref", "101", "--front", "-7", "--session", "1")
    neither = await run("cancel", "rb2701")

    assert (outcome.exit_code, neither.exit_code) == (0, 2)
    sent = relay.calls[0].request.order_action
    assert (sent.front_id, sent.session_id, sent.order_ref) == (-7, 1, "101")


async def test_settlement_is_joined_before_it_is_decoded(run: Run, relay: ScriptedRelay) -> None:
    """The statement's pieces are cut inside characters and arrive in any order."""
    text = "结算单 客户号 100001"
    content = text.encode("gb18030")
    pieces = [content[:3], content[3:9], content[9:]]

    def answer(call: pb.Call) -> list[pb.RelayMessage | events_pb2.Event]:
        rows = [
            structs_pb2.SettlementInfo(sequence_no=number, content=piece + b"\0\0")
            for number, piece in enumerate(pieces)
        ]
        events = [
            events_pb2.Event(request_id=call.request_id, is_last=row is rows[0], rsp_qry_settlement_info=row)
            for row in reversed(rows)
        ]
        return [result(call), *events]

    relay.answers["qry_settlement_info"] = answer

    (line,) = lines(await run("settlement"))

    assert line["text"] == text


async def test_watch_shows_notices_as_they_come(run: Run, relay: ScriptedRelay) -> None:
    """Notices of the day come first; the command ends after as many as asked for."""
    relay.before_login_ends = [
        order_notice(enums_pb2.ORDER_STATUS_UNKNOWN),
        order_notice(enums_pb2.ORDER_STATUS_CANCELED),
    ]

    outcome = await run("watch", "--count", "2")

    assert outcome.exit_code == 0
    assert [line["kind"] for line in lines(outcome) if line["kind"] != "status"] == ["rtn_order", "rtn_order"]


async def test_watch_ends_with_the_session(run: Run, relay: ScriptedRelay) -> None:
    """A session the relay ends is exit code 4 with the relay's reason."""
    relay.greeting_ends = [pb.RelayMessage(goodbye=pb.Goodbye(reason="kicked by the firm"))]

    outcome = await run("watch")

    assert outcome.exit_code == 4
    assert "kicked by the firm" in outcome.stderr


async def test_password_is_changed_from_files(run: Run, relay: ScriptedRelay, tmp_path: Path) -> None:
    """Old and new password come from files; neither is shown."""
    new = tmp_path / "new"
    new.write_text("n3w\n", encoding="utf-8")
    relay.answers["user_password_update"] = lambda call: [
        result(call),
        events_pb2.Event(
            request_id=call.request_id, is_last=True, rsp_user_password_update=call.request.user_password_update
        ),
    ]

    outcome = await run("password", "--new-password-file", str(new))

    sent = relay.calls[0].request.user_password_update
    assert (sent.old_password, sent.new_password) == (PASSWORD, "n3w")
    assert "n3w" not in outcome.output
    assert PASSWORD not in outcome.output


async def test_no_option_takes_a_secret(run: Run) -> None:
    """Command lines are visible to everybody on the machine."""
    for command in ([], ["password"], ["transfer"]):
        options = (await run(*command, "--help")).output.replace("-file", "_FILE")

        assert "--password " not in options
        assert "--auth-code " not in options


async def test_without_any_secret_the_ways_to_give_it_are_named(run: Run) -> None:
    """Nobody to ask: the environment variable and the file option are named."""
    outcome = await run("login", without="CTP_TERMINAL_AUTH_CODE")

    assert outcome.exit_code == 2
    assert "CTP_TERMINAL_AUTH_CODE or --auth-code-file" in outcome.stderr
