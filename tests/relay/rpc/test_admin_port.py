"""The admin API on TCP: who has no certificate, or one without a role, is not answered; roles hold; consoles name accounts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import SecretStr
from sqlalchemy import Engine
from structlog.testing import capture_logs

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.changes import Changes
from relay.admin.roles import NEEDED, REASON_FOR, PersonRole
from relay.admin_client import AdminClient, AskFailed, AskTrouble, RelayDoor, ask_now
from relay.admission.login_guard import LoginGuard
from relay.cli.workplace import now
from relay.database.database import open_database, upgrade
from relay.ledger import reader
from relay.rpc.admin_port import AdminPort
from relay.rpc.few_streams import MOST_STREAMS
from relay.settings.admin_section import AdminSettings
from relay.settings.limits_section import Limits
from tests.relay.admin.played_relay import PlayedRelay
from tests.relay.admission.test_login_guard import PlayedPlaces

WHY = "as agreed"
NAMES = {"viewer.example": "viewer", "operator.example": "operator", "console.example": "admin"}
Ask = Callable[[AdminClient, pb.Asking], Awaitable[Any]]
QUESTIONS: dict[str, Ask] = {
    "status": lambda to, asking: to.get_status(pb.GetStatusRequest(asking=asking)),
    "sessions": lambda to, asking: to.list_sessions(pb.ListSessionsRequest(asking=asking)),
    "locks": lambda to, asking: to.list_locks(pb.ListLocksRequest(asking=asking)),
    "alarms": lambda to, asking: to.list_alarms(pb.ListAlarmsRequest(asking=asking)),
    "running_settings": lambda to, asking: to.get_running_settings(pb.GetRunningSettingsRequest(asking=asking)),
    "look_for_disabled": lambda to, asking: to.look_for_disabled(pb.LookForDisabledRequest(asking=asking)),
}
ACTIONS: dict[str, Ask] = {
    "session_kick": lambda to, asking: to.kick_session(pb.KickSessionRequest(investor_id="100001", asking=asking)),
    "logins_pause": lambda to, asking: to.pause_logins(pb.PauseLoginsRequest(asking=asking)),
    "logins_resume": lambda to, asking: to.resume_logins(pb.ResumeLoginsRequest(asking=asking)),
    "operator_reconnect": lambda to, asking: to.reconnect_operator(pb.ReconnectOperatorRequest(asking=asking)),
    "counter_reconnect": lambda to, asking: to.reconnect_counter(pb.ReconnectCounterRequest(asking=asking)),
    "locks_lift": lambda to, asking: to.lift_locks(pb.LiftLocksRequest(name="100001", asking=asking)),
    "log_level": lambda to, asking: to.set_log_level(pb.SetLogLevelRequest(level="warning", asking=asking)),
    "drain": lambda to, asking: to.drain(pb.DrainRequest(asking=asking)),
    "reload": lambda to, asking: to.reload(pb.ReloadRequest(asking=asking)),
}


@dataclass
class Port:
    relay: PlayedRelay
    folder: Path
    number: int
    engine: Engine
    server: AdminPort

    def door(self, name: str) -> RelayDoor:
        return RelayDoor(
            address=f"127.0.0.1:{self.number}",
            authority=self.folder / "ca.pem",
            certificate=self.folder / f"{name}.crt" if name else None,
            key=self.folder / f"{name}.key" if name else None,
        )

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """Of actions in the database, and of reads as the relay's own ledger got them."""
        return [(entry.kind, json.loads(entry.data)) for entry in reader.read(self.engine)]

    async def ask(self, name: str, question: Ask, asking: pb.Asking | None = None) -> Any:
        client = AdminClient(self.door(name), deadline_seconds=30.0)
        try:
            return await question(client, asking or pb.Asking(reason=WHY))
        finally:
            await client.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(SecretStr(f"sqlite:///{tmp_path / 'ledger.sqlite3'}"))
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def port(tmp_path: Path, engine: Engine) -> AsyncIterator[Port]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    write(tmp_path, "relay", authority.issue_cert("127.0.0.1"))
    for name in (*NAMES, "nobody.example"):
        write(tmp_path, name, authority.issue_cert(name))
    write(tmp_path, "misnamed.example", authority.issue_cert("nobody.example", common_name="console.example"))
    write(tmp_path, "common.example", authority.issue_cert(common_name="console.example"))
    write(tmp_path, "stranger.example", trustme.CA().issue_cert("viewer.example"))
    guard = LoginGuard(Limits(), PlayedPlaces(), lambda: 0.0, counter_knows_passwords=False)
    relay = PlayedRelay(Changes(engine, "relay", now), guard)
    settings = AdminSettings(
        address="127.0.0.1:0",
        certificate=tmp_path / "relay.crt",
        key=tmp_path / "relay.key",
        client_authority=tmp_path / "ca.pem",
        roles=tuple(f"{name}={role}" for name, role in NAMES.items()),
        consoles=("console.example",),
    )
    server = AdminPort(settings, relay.parts)
    with capture_logs():
        yield Port(relay, tmp_path, await server.start(), engine, server)
        await server.stop()
        await relay.reads.close()


def write(folder: Path, name: str, issued: trustme.LeafCert) -> None:
    (folder / f"{name}.crt").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key = folder / f"{name}.key"
    key.write_bytes(issued.private_key_pem.bytes())
    key.chmod(0o600)


async def refused(port: Port, name: str, question: Ask, asking: pb.Asking | None = None) -> AskTrouble:
    with pytest.raises(AskFailed) as caught:
        await port.ask(name, question, asking)
    return caught.value.trouble


async def test_who_has_no_certificate_of_the_authority_is_not_answered(port: Port) -> None:
    """The handshake fails, whatever the certificate says of its name."""
    assert await refused(port, "", QUESTIONS["status"]) is AskTrouble.AWAY
    assert await refused(port, "stranger.example", QUESTIONS["status"]) is AskTrouble.AWAY


async def test_a_certificate_without_a_role_may_ask_and_do_nothing(port: Port) -> None:
    """Though the authority signed it."""
    troubles = {what: await refused(port, "nobody.example", ask) for what, ask in (QUESTIONS | ACTIONS).items()}

    assert set(troubles.values()) == {AskTrouble.REFUSED}
    assert port.entries() == []
    assert port.relay.kept.entries == []


@pytest.mark.parametrize("name", ["viewer.example", "operator.example", "console.example"])
async def test_each_role_may_do_what_it_needs_and_no_more(port: Port, name: str) -> None:
    """Every question and every action; each action is one entry, a refused one too, with the certificate's name."""
    role = PersonRole(NAMES[name])
    for what, ask in (QUESTIONS | ACTIONS).items():
        if role.may(NEEDED[what]):
            await port.ask(name, ask)
        else:
            assert await refused(port, name, ask) is AskTrouble.REFUSED, what

    found = [(kind, data.get("why", "")) for kind, data in port.entries()]
    assert found == [
        (f"admin_{what}", "") if role.may(NEEDED[what]) else (f"admin_{what}_failed", "RoleTooLow") for what in ACTIONS
    ]
    assert {(data["by"], data["through"], data["role"]) for _, data in port.entries()} == {(name, "network", role)}
    refused_reads = [data["what"] for kind, _, data in port.relay.kept.entries if kind == "admin_read_refused"]
    assert refused_reads == [what for what in QUESTIONS if not role.may(NEEDED[what])]


async def test_a_common_name_counts_only_where_there_is_no_other(port: Port) -> None:
    """An authority looks at the other names; whoever got one beside a common name of somebody else's gains nothing."""
    assert await refused(port, "misnamed.example", QUESTIONS["status"]) is AskTrouble.REFUSED
    assert (await port.ask("common.example", QUESTIONS["status"])).relay == "relay"


async def test_who_watches_keeps_out_no_one_who_acts(port: Port) -> None:
    """Streams of all methods have fewer places than the port; one that ends gives its place back."""
    clients = [AdminClient(port.door("viewer.example")) for _ in range(3)]
    streams = [
        client.watch_status(pb.WatchStatusRequest(every_seconds=60)) for client in clients for _ in range(MOST_STREAMS)
    ]
    try:
        found = [await outcome(stream) for stream in streams[: MOST_STREAMS + 40]]
        await port.ask("console.example", ACTIONS["logins_pause"])
        await streams[0].aclose()
        async with asyncio.timeout(30):
            again = clients[0].watch_status(pb.WatchStatusRequest(every_seconds=60))
            while await outcome(again):
                again = clients[0].watch_status(pb.WatchStatusRequest(every_seconds=60))
        await again.aclose()
    finally:
        for stream in streams:
            await stream.aclose()
        for client in clients:
            await client.close()

    assert found == [""] * MOST_STREAMS + ["too many streams are open here: close one, or try again later"] * 40


async def outcome(stream: AsyncGenerator[pb.RelayStatus, None]) -> str:
    """Why a watched status is not shown, in English; empty where it is."""
    try:
        await anext(stream)
    except AskFailed as failed:
        return failed.text.rpartition(" / ")[2]
    return ""


@pytest.mark.parametrize(
    ("what", "ask", "error"),
    [
        ("session_kick", lambda to, why: to.kick_session(pb.KickSessionRequest(session="gone", asking=why)), "SessionUnknown"),
        ("logins_pause", lambda to, why: to.pause_logins(pb.PauseLoginsRequest(public_reason="x" * 201, asking=why)), "ValueError"),
        ("log_level", lambda to, why: to.set_log_level(pb.SetLogLevelRequest(level="loud", asking=why)), "ValueError"),
        ("operator_reconnect", ACTIONS["operator_reconnect"], "NoOperator"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_an_entry_that_says_so(port: Port, what: str, ask: Ask, error: str) -> None:
    """And none that it was done."""
    port.relay.counter.has_operator = False
    await refused(port, "console.example", ask)

    assert [(kind, data["why"], data["by"]) for kind, data in port.entries()] == [
        (f"admin_{what}_failed", error, "console.example")
    ]


async def test_no_action_goes_without_a_reason(port: Port) -> None:
    """Nor with one that is too long; the first leaves an entry."""
    long = pb.Asking(reason="x" * 201)
    for ask in ACTIONS.values():
        assert await refused(port, "console.example", ask, pb.Asking()) is AskTrouble.MALFORMED
        assert await refused(port, "console.example", ask, long) is AskTrouble.MALFORMED

    assert set(ACTIONS) == REASON_FOR
    failed = [(f"admin_{what}_failed", "ReasonMissing") for what in ACTIONS]
    assert [(kind, data["why"]) for kind, data in port.entries()] == failed
    assert not port.relay.counter.reconnected
    assert not port.relay.stop.is_set()
    assert port.relay.house.sessions.paused is None


async def test_what_has_its_entry_is_done_though_the_caller_hung_up(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow database, and a caller whose time is over: the entry is written, so logins are paused."""
    going_on, record = threading.Event(), port.relay.changes.record

    def slowly(*entry: Any) -> None:
        assert going_on.wait(30)
        record(*entry)

    monkeypatch.setattr(port.relay.changes, "record", slowly)
    client = AdminClient(port.door("console.example"), deadline_seconds=0.5)
    with pytest.raises(AskFailed):
        await ACTIONS["logins_pause"](client, pb.Asking(reason=WHY))
    await client.close()
    with contextlib.suppress(TimeoutError):  # until the server heard of it, if it does anything of it
        await asyncio.wait_for(asyncio.Event().wait(), 0.5)
    going_on.set()
    async with asyncio.timeout(30):
        while not (await port.ask("console.example", QUESTIONS["status"])).paused.paused:
            pass

    assert [kind for kind, _ in port.entries()] == ["admin_logins_pause"]


async def test_only_a_console_asks_for_accounts_and_they_lower_its_role(port: Port) -> None:
    """Account and role are in the entry; another certificate that names one is refused."""
    pause, account = ACTIONS["logins_pause"], pb.Asking(reason=WHY, account="mei", role="operator")
    await port.ask("console.example", pause, account)
    viewer = pb.Asking(reason=WHY, account="chen", role="viewer")
    assert await refused(port, "console.example", pause, viewer) is AskTrouble.REFUSED
    assert await refused(port, "operator.example", pause, account) is AskTrouble.REFUSED
    wrong = pb.Asking(reason=WHY, account="mei", role="root")
    assert await refused(port, "console.example", pause, wrong) is AskTrouble.MALFORMED

    done, too_low = (data for _, data in port.entries())
    assert (done["account"], done["role"], done["through"], done["by"]) == (
        "mei",
        "operator",
        "console",
        "console.example",
    )
    assert (too_low["account"], too_low["why"]) == ("chen", "RoleTooLow")


async def test_a_watching_console_leaves_one_entry_a_minute_for_each_account(port: Port) -> None:
    """With the number of the further reads, at the minute's end or the relay's."""
    mei, chen = (pb.Asking(account=name, role="viewer") for name in ("mei", "chen"))
    for asking in (mei, mei, mei, chen):
        await port.ask("console.example", QUESTIONS["sessions"], asking)
    await port.relay.reads.close()

    reads = [
        (data["account"], data.get("further_reads", 0))
        for kind, _, data in port.relay.kept.entries
        if kind == "admin_read"
    ]
    assert sorted(reads) == [("chen", 0), ("mei", 0), ("mei", 2)]


async def test_a_renewed_certificate_and_new_roles_are_taken_by_a_reload(port: Port, tmp_path: Path) -> None:
    """New connections get the new one; what cannot be used changes nothing."""
    before = port.server._settings
    other = trustme.CA()
    write(tmp_path, "renewed", other.issue_cert("127.0.0.1"))
    (tmp_path / "relay.crt").write_bytes((tmp_path / "renewed.crt").read_bytes())
    (tmp_path / "relay.key").write_bytes((tmp_path / "renewed.key").read_bytes())
    port.server.take_certificate(settings_with(before))
    assert await refused(port, "viewer.example", QUESTIONS["status"]) is AskTrouble.AWAY
    (tmp_path / "ca-clients.pem").write_bytes((tmp_path / "ca.pem").read_bytes())
    other.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    changed = before.model_copy(
        update={"roles": ("nobody.example=viewer",), "client_authority": tmp_path / "ca-clients.pem"}
    )
    port.server.take_certificate(settings_with(changed))
    port.server.take_roles(settings_with(changed))

    assert (await port.ask("nobody.example", QUESTIONS["status"])).relay == "relay"
    assert await refused(port, "viewer.example", QUESTIONS["status"]) is AskTrouble.REFUSED


def settings_with(admin: AdminSettings) -> Any:
    """Settings with this section alone."""
    return type("Given", (), {"admin": admin})()


async def test_a_status_that_is_watched_ends_with_the_role(port: Port) -> None:
    """Who asks is found anew at each look."""
    client = AdminClient(port.door("viewer.example"))
    watching = client.watch_status(pb.WatchStatusRequest(every_seconds=0.2))
    await anext(watching)
    port.server.take_roles(settings_with(port.server._settings.model_copy(update={"roles": (), "consoles": ()})))
    with pytest.raises(AskFailed) as ended:
        async for _ in watching:
            pass
    await client.close()

    assert ended.value.trouble is AskTrouble.REFUSED


async def test_a_caller_without_a_loop_waits_for_its_answer(port: Port) -> None:
    """As commands do."""
    status = await asyncio.to_thread(
        ask_now, port.door("viewer.example"), lambda relay: relay.GetStatus(pb.GetStatusRequest(), timeout=30)
    )

    assert (status.relay, status.counter.state) == ("relay", "live")


async def test_the_service_describes_itself(port: Port) -> None:
    """With gRPC's reflection, for tools such as grpcurl; behind the same certificate."""
    door = port.door("viewer.example")
    credentials = door.credentials()
    assert credentials is not None
    async with grpc.aio.secure_channel(door.target, credentials) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        answer = await call.read()

    assert "ctprelay.v1.AdminService" in {one.name for one in answer.list_services_response.service}
