"""The counter behind a bridge: what it registers, what it refuses, and what is said of a bridge that misbehaves."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from pydantic import ValidationError
from structlog.testing import capture_logs

from ctprelay.bridge.v1 import bridge_pb2 as wire
from ctprelay.v1.terminal_pb2 import Login
from relay.counter.bridge import adapter
from relay.counter.bridge.tradables import exchanges_of
from relay.counter.bridge.trouble import TroubleKind
from relay.counter.description import COUNTER, SETTINGS
from relay.counter.port import TerminalLogin
from relay.faults.table import Fault
from relay.refusals.refusal import Refused
from relay.settings.file import SettingsInvalid
from simcounter import demo_accounts
from simcounter.bridge.front import handlers_of
from simcounter.bridge.library import MIDDLEWARE_PASSWORD
from tests.relay.counter.bridge.conftest import BridgeSite, until

FAULTS = {kind.value for kind in TroubleKind}
PASSWORD = demo_accounts.password_of(demo_accounts.OPERATOR_ID)


async def test_what_may_be_traded_is_registered_as_exchanges_and_boards(site: BridgeSite) -> None:
    """After the connection, with the codes of both sides; what the settings do not know is not guessed."""
    described = await site.live(exchanges=["2=NEEQ"])

    assert [(one.code, one.native_code, one.source) for one in described.exchanges] == [
        ("NEEQ", "2", SETTINGS),
        ("unmapped", "3", COUNTER),
    ]
    assert [[board.code for board in one.boards] for one in described.exchanges] == [["N0", "N1"], ["B0", "B1"]]
    assert [(level.name, level.up) for level in described.levels] == [
        ("connection", True),
        ("middleware", True),
        ("operator", True),
    ]
    assert (described.system, described.version) == ("bridge", "1")
    assert described.product == "ksmm played 1.0 · 200 天 days"
    assert described.seconds_ahead is not None
    assert described.requests == frozenset()
    assert described.wanted == ()


async def test_the_library_logs_in_with_both_configurations(site: BridgeSite) -> None:
    """The operator's and the message bus's, each with its own password, after the ledger has it; passwords nowhere else."""
    await site.live(threads=5, log_prefix="api", product="p", log_to_file=True, all_quotes=True)

    [login] = [request for method, request in site.front.heard if method == "Login"]
    assert isinstance(login, wire.LoginRequest)
    assert (login.operator.user, login.operator.password, login.operator.all_quotes) == (
        demo_accounts.OPERATOR_ID,
        PASSWORD,
        True,
    )
    bus = login.middleware
    assert (bus.user, bus.password, bus.address, bus.server, bus.port) == (
        "KCXP00",
        MIDDLEWARE_PASSWORD,
        "198.51.100.20",
        "KCBP1",
        21000,
    )
    assert (login.threads, login.log_prefix, login.product, login.log_to_file) == (5, "api", "p", True)
    assert site.kept.kinds == ["bridge_login", "bridge_login_answer"]
    said = json.dumps(site.kept.entries)
    assert PASSWORD not in said
    assert MIDDLEWARE_PASSWORD not in said


async def test_the_library_may_read_the_message_bus_from_a_file_of_its_own(site: BridgeSite) -> None:
    """Then the relay sends none, and has no password of it."""
    await site.live(middleware_user="", middleware_password_file=None, middleware_address="", middleware_server="")

    [login] = [request for method, request in site.front.heard if method == "Login"]
    assert isinstance(login, wire.LoginRequest)
    assert not login.HasField("middleware")


async def test_no_terminal_is_taken(site: BridgeSite) -> None:
    """Before anything is counted, and by name; readiness says so too, so that terminals are sent elsewhere."""
    await site.live()
    [counter] = site.counters
    login: Any = TerminalLogin("s", None, "p")  # type: ignore[arg-type]  # it is not looked at

    with pytest.raises(Refused) as refused:
        await counter.attach(login)

    early, ready = counter.check_login(Login()), counter.why_not_ready
    assert early is not None
    assert ready is not None
    assert {refused.value.refusal.reason, early.reason, ready.reason} == {"no_investor_sessions"}


@pytest.mark.parametrize(
    ("command", "arguments", "fault", "says"),
    [
        ("bridge_licence", {"days": 0}, Fault.BRIDGE_REFUSED, "Login: plugin -100: 授权码无效"),
        (
            "bridge_refuse",
            {"method": "Open", "code": 7, "text": "no DLL"},
            Fault.BRIDGE_REFUSED,
            "Open: plugin 7: no DLL",
        ),
        ("bridge_refuse", {"method": "Describe", "code": 9, "part": 3}, Fault.BRIDGE_REFUSED, "strategies 9"),
        ("bridge_refuse", {"method": "Login", "code": 9, "part": 77}, Fault.BRIDGE_REFUSED, "part 77 9"),
        ("bridge_refuse", {"method": "Login", "code": 1, "text": "a\x1b[2J"}, Fault.BRIDGE_REFUSED, r"a\x1b[2J"),
        ("bridge_protocol", {"version": 2}, Fault.BRIDGE_UNREADABLE, "it speaks protocol 2, and the relay 1"),
        ("bridge_silence", {"method": "Open"}, Fault.BRIDGE_SILENT, "Open: no answer in time"),
        ("bridge_silence", {"method": "Login"}, Fault.BRIDGE_SILENT, "Login: no answer in time"),
        ("bridge_silence", {"method": "Describe"}, Fault.BRIDGE_SILENT, "Describe: no answer in time"),
        ("bridge_garbage", {"method": "Open"}, Fault.BRIDGE_UNREADABLE, "Open: its answer cannot be read"),
        (
            "bridge_garbage",
            {"method": "Open", "content": "0801"},
            Fault.BRIDGE_UNREADABLE,
            "opened and named no session",
        ),
        ("bridge_garbage", {"method": "Login"}, Fault.BRIDGE_UNREADABLE, "Login: its answer cannot be read"),
        ("bridge_garbage", {"method": "Describe"}, Fault.BRIDGE_UNREADABLE, "Describe: its answer cannot be read"),
        (
            "bridge_tradables",
            {"rows": [{"exchange": "22", "board": "N0"}]},
            Fault.BRIDGE_UNREADABLE,
            "row 1 of its list",
        ),
        (
            "bridge_tradables",
            {"rows": [{"exchange": "2", "board": "N00"}]},
            Fault.BRIDGE_UNREADABLE,
            "row 1 of its list",
        ),
        ("bridge_tradables", {"rows": [{"exchange": "2"}]}, Fault.BRIDGE_UNREADABLE, "row 1 of its list"),
        (
            "bridge_tradables",
            {"rows": [{"exchange": "2", "board": "N0"}], "repeat": 50_001},
            Fault.BRIDGE_UNREADABLE,
            "more than 50000 rows",
        ),
        ("bridge_restart", {"method": "Open"}, Fault.BRIDGE_UNREACHABLE, "Open: it cannot be reached, or broke off"),
        ("bridge_restart", {"method": "Login"}, Fault.BRIDGE_UNREACHABLE, "Login: it cannot be reached, or broke off"),
        ("bridge_restart", {"method": "Describe"}, Fault.BRIDGE_UNREACHABLE, "it cannot be reached, or broke off"),
    ],
)
async def test_a_bridge_that_misbehaves_has_its_fault_and_words(
    site: BridgeSite, command: str, arguments: dict[str, Any], fault: Fault, says: str
) -> None:
    """And where it behaves again it is open by itself, and nothing is wrong any more."""
    if "method" in arguments:
        arguments = {**arguments, "times": 1}
    site.command(command, **arguments)
    counter = await site.begin()

    await until(lambda: site.faults.seen)
    site.command("bridge_licence", days=200)
    site.command("bridge_protocol", version=1)
    site.command("bridge_tradables", rows=[{"exchange": "2", "board": "N0"}])
    await until(lambda: counter.ready)

    assert site.faults.seen[0][0] is fault
    assert says in site.faults.seen[0][1]
    assert not any(site.faults.stands(one) for one in FAULTS)


@pytest.mark.parametrize(
    ("command", "arguments", "fault", "says"),
    [
        ("bridge_silence", {"method": "Events", "times": 0}, Fault.BRIDGE_SILENT, "Events: no word for 1 s"),
        ("bridge_lose", {"code": -5, "text": "KCBP 断开"}, Fault.BRIDGE_REFUSED, "Events: plugin -5: KCBP 断开"),
        ("bridge_restart", {"seconds": 0.5}, Fault.BRIDGE_UNREACHABLE, "Events: it cannot be reached, or broke off"),
        ("drop_all", {}, Fault.BRIDGE_UNREACHABLE, "Events: it ended the stream"),
    ],
)
async def test_an_open_bridge_that_fails_is_opened_anew(
    site: BridgeSite, command: str, arguments: dict[str, Any], fault: Fault, says: str
) -> None:
    """What it registered is gone meanwhile, and there again afterwards."""
    await site.live()
    [counter] = site.counters
    await until(lambda: site.front.listeners)
    forgotten = asyncio.ensure_future(until(lambda: not counter.describe().exchanges))
    await asyncio.sleep(0)

    if command == "drop_all":
        site.played.drop_all()
    else:
        site.command(command, **arguments)
    await forgotten
    await until(lambda: site.faults.seen)
    if command == "bridge_silence":
        site.front.misbehavior.clear()
    await until(lambda: counter.ready)

    assert site.faults.seen[0][0] is fault
    assert says in site.faults.seen[0][1]
    assert counter.describe().exchanges
    assert not any(site.faults.stands(one) for one in FAULTS)


@pytest.mark.parametrize("content", ["ff" * 16, "", "1a00"])
async def test_an_event_that_is_none_is_unreadable(site: BridgeSite, content: str) -> None:
    """Bytes that are no message, an empty one, and one with a field that the protocol has not."""
    site.command("bridge_garbage", method="Events", content=content, times=0)
    await site.begin()

    assert "Events: it" in await site.stands(Fault.BRIDGE_UNREADABLE)


async def test_a_mistake_of_the_relays_own_is_a_fault_and_the_bridge_is_opened_again(
    site: BridgeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stand still until a restart without a word."""
    mistakes = iter(range(2))

    def fails_twice(*_: object) -> object:
        if next(mistakes, None) is not None:
            raise KeyError("unforeseen")
        return exchanges_of(*_)  # type: ignore[arg-type]

    monkeypatch.setattr(adapter, "exchanges_of", fails_twice)
    with capture_logs() as lines:
        await site.live()

    assert [line["event"] for line in lines].count("bridge_failed") == 2
    assert (Fault.BRIDGE_UNREADABLE, "the relay could not go on: KeyError") in site.faults.seen
    assert not any(site.faults.stands(one) for one in FAULTS)


async def test_the_ledger_has_why_it_was_closed(site: BridgeSite) -> None:
    """Asked for by a person, broken off, and at the relay's end."""
    site.step_seconds = 30.0  # a slow machine is no other reason
    await site.live(silence_seconds=30.0)
    [counter] = site.counters
    await until(lambda: site.command("bridge_heard").count("Events") == 1)
    counter.reconnect("a person")
    await until(lambda: site.command("bridge_heard").count("Events") == 2)
    site.command("bridge_lose")  # that stream hears it, whether the one before has gone or not
    await until(lambda: site.command("bridge_heard").count("Events") == 3)

    await counter.stop()

    closed = [entry for entry in site.kept.entries if entry[0] == "bridge_close"]
    assert len(closed) == 3
    for entry, why in zip(closed, ("operator of the relay", "Events", "relay stops"), strict=True):
        assert why in str(entry)


async def test_a_session_that_the_bridge_forgot_is_opened_anew(site: BridgeSite) -> None:
    """A bridge that was restarted unseen knows it no more."""
    site.command("bridge_silence", method="Describe")
    counter = await site.begin()
    await until(lambda: "Describe" in site.command("bridge_heard"))

    site.command("bridge_forget")
    await until(lambda: counter.ready)

    assert site.command("bridge_heard").count("Open") >= 2


async def test_nobody_there_is_unreachable(site: BridgeSite) -> None:
    """Until somebody is."""
    await site.played.stop_listening()
    counter = await site.begin()

    assert "Open: it cannot be reached" in await site.stands(Fault.BRIDGE_UNREACHABLE)
    assert not counter.ready
    refusal = counter.why_not_ready
    assert refusal is not None
    assert refusal.reason == "counter_unavailable"
    await site.played.listen()
    await until(lambda: counter.ready)


@pytest.mark.parametrize(
    ("speaks", "faults"),
    [
        (b"", {Fault.BRIDGE_SILENT, Fault.BRIDGE_UNREACHABLE}),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", {Fault.BRIDGE_UNREADABLE, Fault.BRIDGE_UNREACHABLE}),
        (b"\x00" * 4096, {Fault.BRIDGE_UNREADABLE, Fault.BRIDGE_UNREACHABLE}),
    ],
)
async def test_a_port_that_is_no_bridge_does_not_hang(site: BridgeSite, speaks: bytes, faults: set[Fault]) -> None:
    """It takes connections and says nothing, or something else; the relay goes on trying, and stops at once when asked."""

    over = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(speaks)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    counter = await site.begin(address=f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await until(lambda: any(site.faults.stands(fault) for fault in FAULTS))

    assert {one.fault for one in site.faults.now()} <= faults
    async with asyncio.timeout(10):
        await counter.stop()
    over.set()
    server.close()
    await asyncio.sleep(0)


async def test_stopping_closes_the_library(site: BridgeSite) -> None:
    """It logs out, and what it registered is gone."""
    await site.live()
    [counter] = site.counters

    await counter.stop()

    assert site.command("bridge_heard")[-1] == "Close"
    assert counter.describe().exchanges == ()
    assert counter.situation().state == "stopped"


async def test_nothing_is_asked_that_the_ledger_does_not_have(site: BridgeSite) -> None:
    """The library is not logged in before the entry is committed."""
    site.kept.available = False
    counter = await site.begin()
    await until(lambda: counter.situation().state == "waiting")

    assert "Login" not in site.command("bridge_heard")
    site.kept.available = True
    await until(lambda: counter.ready)


async def test_a_replaced_password_is_read_and_tried_at_once(site: BridgeSite) -> None:
    """However long the pause has grown; a file that is unfit changes nothing."""
    (site.folder / "operator.secret").write_text("wrong")
    (site.folder / "operator.secret").chmod(0o600)
    counter = await site.begin()
    assert "trading -101" in await site.stands(Fault.BRIDGE_REFUSED)

    (site.folder / "operator.secret").write_text(PASSWORD)
    assert counter.reconnect_operator("new password")
    await until(lambda: counter.ready)
    (site.folder / "operator.secret").chmod(0o644)
    with pytest.raises(SettingsInvalid, match=r"counter\.bridge\.operator_password_file"):
        counter.reload()

    assert counter.reconnect("look again") == 1
    await until(lambda: site.command("bridge_heard").count("Login") >= 3)
    await until(lambda: counter.ready)


@pytest.fixture
async def elsewhere(site: BridgeSite, tmp_path: Path) -> AsyncIterator[grpc.aio.Server]:
    """Another server with the same bridge, for ways in that the stand-in has not."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handlers_of(site.front),))
    yield server
    await server.stop(None)


async def test_a_unix_socket_is_a_way_to_the_bridge(
    site: BridgeSite, elsewhere: grpc.aio.Server, tmp_path: Path
) -> None:
    """On the same machine, by the rights of a file."""
    elsewhere.add_insecure_port(f"unix:{tmp_path}/bridge.sock")
    await elsewhere.start()

    assert (await site.live(address=f"unix:{tmp_path}/bridge.sock")).exchanges


async def test_another_machines_bridge_shows_a_certificate_and_asks_for_one(
    site: BridgeSite, elsewhere: grpc.aio.Server, tmp_path: Path
) -> None:
    """Of an authority the relay names; a relay without one of the bridge's authority is not let in."""
    ours, strange = trustme.CA(), trustme.CA()
    bridge = ours.issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in bridge.cert_chain_pems)
    pair = [(bridge.private_key_pem.bytes(), chain)]
    port = elsewhere.add_secure_port(
        "127.0.0.1:0",
        grpc.ssl_server_credentials(pair, ours.cert_pem.bytes(), require_client_auth=True),
    )
    await elsewhere.start()
    ours.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, authority in (("relay", ours), ("stranger", strange)):
        leaf = authority.issue_cert("relay.firm.example")
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    address = f"127.0.0.1:{port}"

    def files(name: str) -> dict[str, Path]:
        return {
            "authority": tmp_path / "ca.pem",
            "certificate": tmp_path / f"{name}.pem",
            "key": tmp_path / f"{name}.key",
        }

    assert (await site.live(address=address, **files("relay"))).exchanges
    await site.counters[0].stop()
    site.faults.seen.clear()
    await site.begin(address=address, **files("stranger"))
    await until(lambda: site.faults.seen)

    assert {fault for fault, _ in site.faults.seen} <= {Fault.BRIDGE_UNREACHABLE, Fault.BRIDGE_SILENT}
    assert [method for method, _ in site.front.heard].count("Open") == 1


@pytest.mark.parametrize(
    ("bridge", "says"),
    [
        ({"address": "198.51.100.1:50090"}, "authority: is required"),
        ({"address": "unix:relative"}, "must be unix:/PATH"),
        ({"address": "bridge"}, "must be HOST:PORT"),
        ({"certificate": "x.pem"}, "set all three or none"),
        ({"middleware_password_file": None}, "set both or neither"),
        ({"middleware_server": ""}, "are required with middleware_user"),
        ({"exchanges": "12=SSE"}, "must be CODE=EXCHANGE"),
        ({"operator_user": "u" * 32}, "at most 31 characters"),
    ],
)
async def test_settings_that_no_bridge_can_be_reached_with_are_refused(
    site: BridgeSite, bridge: dict[str, object], says: str
) -> None:
    """At the start, by their keys; passwords travel in the clear nowhere but on this machine."""
    with pytest.raises(ValidationError, match=re.escape(says)):
        site.settings(**bridge)
