"""Programs of the kinds that people have, each run twice: as it is at a front, and by the runner behind a relay."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from relay.counter.port import Mode
from tests.e2e.conftest import StartRelay
from tests.e2e.site import Site
from tests.integrations.conftest import WANTED
from tests.integrations.openctp_dropin.runs import behind, directly
from tests.test_house import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")
all_of_them = pytest.mark.skipif(
    not os.environ.get(WANTED),
    reason="each program is started twice, which takes minutes; to run it: make integrations-test",
)
SCRIPT = ROOT / "tests/e2e/programs/openctp_script.py"
PROGRAMS = Path(__file__).parent / "programs"
QUERIES = (
    ["Exchange"],
    ["Product", "ProductID=rb"],
    ["Instrument", "InstrumentID=rb2701"],
    ["Instrument", "InstrumentID=nothing"],
    ["InstrumentMarginRate", "InstrumentID=rb2701", "HedgeFlag=1"],
    ["TradingCode"],
    ["Order"],
)
"""one script for each in turn; more of them are the menu's"""


async def test_a_day_of_trading_ends_as_without_a_relay(site: Site, tmp_path: Path) -> None:
    """The script with a broker's address inside: what is refused is refused, and account, positions and trades come."""
    ended = await behind(site, tmp_path, [SCRIPT])

    assert ended.status == 0, ended.errors
    found = json.loads(ended.output)
    assert found["refused"] == [30]
    assert all(found[name] for name in ("account", "positions", "trades"))


@all_of_them
async def test_a_menu_carries_out_every_choice(start_site: StartRelay, mode: Mode, tmp_path: Path) -> None:
    """Twenty-nine choices: every query, orders that fill, rest and are refused, cancels, a password, the logout."""
    site = await start_site(mode)  # of its own: it leaves an order, and a password
    choices = "\n".join(map(str, [*range(1, 30), "q"])) + "\n"

    ended = await behind(site, tmp_path, [PROGRAMS / "menu_client.py"], words=choices)

    assert ended.status == 0, ended.errors
    lines = ended.output.splitlines()
    assert len([line for line in lines if line.startswith(">")]) == 29
    assert {"login True", "confirmed 100002 0", "logout 100002 0", "bye"} <= set(lines)


@all_of_them
@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
async def test_a_script_for_one_query_prints_the_same(site: Site, tmp_path: Path, query: list[str]) -> None:
    """Field by field, with request ids, last flags, None where there is nothing, and Chinese names."""
    command: list[str | Path] = [PROGRAMS / "one_query.py", *query]
    both = [await run(site, folder(tmp_path, run), command) for run in (directly, behind)]

    assert [ended.status for ended in both] == [0, 0], both
    assert both[1].output == both[0].output
    assert both[0].output.endswith("done\n")


@all_of_them
async def test_a_web_bridge_carries_the_same(site: Site, tmp_path: Path) -> None:
    """It asks `dir()` for the fields of every struct, and passes each callback on with all of them."""
    who = {"BrokerID": "9999", "UserID": "100003"}
    account = {"BrokerID": "9999", "InvestorID": "100003"}
    application = {"AppID": "demo_direct_1.0", "AuthCode": "DEMODIRECT000001"}
    steps = [
        ("OnFrontConnected", "ReqAuthenticate", "ReqAuthenticate", {**who, **application}),
        ("OnRspAuthenticate", "ReqUserLogin", "ReqUserLogin", {**who, "Password": "demo-100003"}),
        ("OnRspUserLogin", "ReqQryTradingAccount", "QryTradingAccount", account),
        ("OnRspQryTradingAccount", "ReqQryInvestor", "QryInvestor", account),
    ]
    lines: list[object] = []
    for number, (wait, method, kind, values) in enumerate(steps, 1):
        lines += [{"wait": wait}, {"method": method, "kind": kind, "values": values, "id": number}]
    words = "\n".join(map(json.dumps, [*lines, {"wait": "OnRspQryInvestor"}])) + "\n"
    both = [
        await run(site, folder(tmp_path, run), [PROGRAMS / "web_bridge.py"], words=words) for run in (directly, behind)
    ]

    assert [ended.status for ended in both] == [0, 0], both
    front, relay = ([json.loads(line) for line in ended.output.splitlines()] for ended in both)
    assert relay[0] == front[0] == {"structs": 502, "fields": 5463, "callbacks": 164}
    assert [line.get("callback") for line in answers(relay)] == [line.get("callback") for line in answers(front)]
    assert answers(relay)[-1] == answers(front)[-1]
    assert set(answers(relay)[2]["arguments"][0]) == set(answers(front)[2]["arguments"][0])


@all_of_them
async def test_a_settlement_statement_is_the_same_file(site: Site, tmp_path: Path) -> None:
    """Its pieces are cut inside characters, as the counter cuts them."""
    both = []
    for run in (directly, behind):
        ended = await run(site, folder(tmp_path, run), [PROGRAMS / "settlement.py", "statement.txt"])
        assert (ended.status, ended.output) == (0, "confirmed True True\n"), ended
        both.append((folder(tmp_path, run) / "statement.txt").read_text(encoding="utf-8"))

    assert both[1] == both[0]
    assert "资金状况" in both[1]


@all_of_them
async def test_a_cancel_of_nothing_is_heard_the_same(site: Site, tmp_path: Path) -> None:
    """Five of them, both callbacks, every field: other are only the session's name, the words, and the address that the relay fills in."""
    both = [await run(site, folder(tmp_path, run), [PROGRAMS / "cancels.py"]) for run in (directly, behind)]

    assert [ended.status for ended in both] == [0, 0], both
    front, relay = (ended.output.splitlines() for ended in both)
    others = [(one, other) for one, other in zip(front, relay, strict=True) if one != other]
    fields = {one.partition(" = ")[0].rpartition(".")[2] for one, _ in others}
    assert fields <= {"FrontID", "SessionID", "IPAddress", "OrderSysID", "ErrorMsg"}
    assert all("中继：" in other for _, other in others if "ErrorMsg" in other)
    numbers = [line.rpartition(" ")[2] for line in relay if "ErrorID" in line]
    assert numbers == ["25"] * 6 + ["26"] * 4


@all_of_them
async def test_leaving_in_a_callback_ends_the_program(site: Site, tmp_path: Path) -> None:
    """`exit(-1)` when the login is refused, as most programs write it: the words are printed, and the status is theirs."""
    ended = await behind(site, tmp_path, [PROGRAMS / "menu_client.py"], variables={"MENU_PASSWORD": "wrong"})

    assert ended.status == 255
    assert "login failed 3" in ended.output


def folder(tmp_path: Path, run: object) -> Path:
    made = tmp_path / getattr(run, "__name__", "run")
    made.mkdir(exist_ok=True)
    return made


def answers(lines: list[dict[str, list[dict[str, object]]]]) -> list[dict[str, list[dict[str, object]]]]:
    """The answers of the bridge; notices of the public topic come when they come."""
    return [line for line in lines if str(line.get("callback")).startswith("OnRsp")]
