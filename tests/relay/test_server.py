"""The whole relay in this process: what it does at its start and at its end, and when it does not start at all."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from ctpabi import locale
from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from relay import server
from relay.admission.verifier import Verifier
from relay.counter.counter_library import CounterLibrary
from relay.counter.description import CounterDescription
from relay.database.state_lock import AlreadyRunning
from relay.directory.secrets_box import SecretsBox
from relay.settings.file import Secrets
from relay.settings.secret_files import SecretFileRefused
from relay.settings.settings import Settings
from relay.stop_signals import stop_asked
from tests.relay.sessions.played_counter import PlayedCounter

AUTH_CODE = "RELAYAUTH0000001"
SECRETS = Secrets(SecretStr(AUTH_CODE), None)
_NO_LOG: Any = SimpleNamespace(dropped=0)


def settings(state_dir: Path, **sections: dict[str, Any]) -> Settings:
    """A relay that judges no system info and has nobody to talk to."""
    values: dict[str, Any] = {
        "relay": {"state_dir": state_dir, "drain_seconds": 1},
        "listen": {"address": "127.0.0.1:0", "plaintext_on_loopback": True},
        "counter": {
            "fronts": ["tcp://127.0.0.1:1"],
            "broker_id": "9999",
            "relay_app_id": "relay_1.0",
            "relay_auth_code": AUTH_CODE,
        },
        "verification": {"genuineness": False},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return Settings.model_validate(values)


def ledger(state_dir: Path) -> list[str]:
    """The kinds of entries, in order."""
    with closing(sqlite3.connect(state_dir / "relay.sqlite3")) as database:
        return [
            kind for (kind,) in database.execute("select kind from ledger where kind not like 'fault%' order by rowid")
        ]


async def started(wanted: Settings) -> tuple[asyncio.Task[None], int]:
    """The serving relay and its port; raises what keeps it from starting."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.get_running_loop().create_task(
        server.serve(wanted, SECRETS, _NO_LOG, lambda: wanted, ready.set_result)
    )
    either: set[asyncio.Future[Any]] = {serving, ready}
    await asyncio.wait(either, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    return serving, ready.result()


async def greeting(port: int) -> pb.RelayMessage:
    """The relay's answer to a terminal's hello."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = terminal_pb2_grpc.TerminalServiceStub(channel).Session()  # type: ignore[no-untyped-call]
        await call.write(pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id="terminal_1.0")))
        batch: pb.RelayBatch = await asyncio.wait_for(call.read(), 10)
        call.cancel()
    return batch.messages[0]


async def test_a_relay_serves_until_it_is_told_to_stop_and_writes_both_down(state_dir: Path) -> None:
    """SIGTERM drains; the ledger says from when to when this process answered for its terminals."""
    serving, port = await started(settings(state_dir))
    challenge = await greeting(port)

    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)

    assert len(challenge.challenge.timestamp) == 128
    assert ledger(state_dir) == ["relay_started", "relay_stopped"]


async def test_a_second_signal_is_the_systems_again() -> None:
    """A drain that takes too long can be cut short."""
    before = signal.getsignal(signal.SIGTERM)
    async with stop_asked(lambda: None) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 5)

        assert signal.getsignal(signal.SIGTERM) in {before, signal.SIG_DFL}


async def test_a_relay_without_its_key_does_not_start(state_dir: Path, tmp_path: Path) -> None:
    """It never serves in the clear instead; and it leaves no file behind that keeps the next one out."""
    tls = {"tls_certificate": tmp_path / "none.crt", "tls_key": tmp_path / "none.key", "plaintext_on_loopback": False}

    with pytest.raises(OSError, match=r"none\.(crt|key)"):
        await started(settings(state_dir, listen=tls))

    serving, _ = await started(settings(state_dir))
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)


_INSERT = """insert into terminal (app_id, auth_code, modes, enabled, created_at, rotated_at)
    values (?, ?, ?, ?, ?, ?)"""


async def test_a_restored_relay_without_its_key_does_not_start(state_dir: Path) -> None:
    """It would refuse every login; the file it lacks is named, and none is made."""
    serving, _ = await started(settings(state_dir))
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)
    key = state_dir / "secrets.key"
    with closing(sqlite3.connect(state_dir / "relay.sqlite3")) as database:
        row = ("terminal_1.0", SecretsBox.open(key).lock("ABCDEFGHJKLMNPQ1"), "many_to_many", True, "", "")
        database.execute(_INSERT, row)
        database.commit()
    key.unlink()

    with pytest.raises(SecretFileRefused, match=str(key)):
        await started(settings(state_dir))

    assert not key.exists()


async def test_two_relays_of_one_name_do_not_serve_on_one_port(state_dir: Path) -> None:
    """Terminals would reach now one, now the other, and resume at the wrong one."""
    serving, port = await started(settings(state_dir))
    other = settings(state_dir.parent / "other", listen={"address": f"127.0.0.1:{port}"})

    with pytest.raises(OSError, match=f"listen.address 127.0.0.1:{port} cannot be used"):
        await started(other)

    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)


async def test_a_metrics_port_that_is_taken_is_named_before_a_terminal_is_let_in(state_dir: Path) -> None:
    """Terminals that came in would be cut off at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        let_in: list[int] = []
        wanted = settings(state_dir, metrics={"address": address})
        with pytest.raises(OSError, match=f"metrics.address {address} cannot be used"):
            await server.serve(wanted, SECRETS, _NO_LOG, lambda: wanted, let_in.append)

    assert let_in == []


@pytest.mark.parametrize("shared", ["state directory", "SQLite database"])
async def test_a_second_relay_on_the_same_files_does_not_start(state_dir: Path, shared: str) -> None:
    """Each would forget the other's orders and keys; the first one goes on serving."""
    serving, port = await started(settings(state_dir))
    url = {"url": f"sqlite:///{state_dir / 'relay.sqlite3'}"}
    other = settings(state_dir) if shared == "state directory" else settings(state_dir.parent / "other", ledger=url)

    with pytest.raises(AlreadyRunning, match=f"another relay process runs on the {shared.removeprefix('SQLite ')}"):
        await started(other)

    assert (await greeting(port)).HasField("challenge")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 30)


def test_what_is_written_at_the_start_names_the_relay_and_no_secret(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mode, app id, broker, and whether system info is judged: what an inspector asks for first."""
    library = CounterLibrary("openctp-ctp", "6.7.11.0", "/opt/trader.so", "v6.7.11_1", "ab" * 32)
    counter = PlayedCounter()
    monkeypatch.setattr(counter, "describe", lambda: CounterDescription("ctp", "6.7.11.0", library=library))

    written = server._started(settings(state_dir), 7, counter)

    assert written["relay_number"] == 7
    assert written["mode"] == "many_to_many"
    assert written["relay_app_id"] == "relay_1.0"
    assert written["genuineness_checked"] is False
    assert written["binding_version"] == "6.7.11.0"
    assert written["library"] == {"file": "/opt/trader.so", "version": "v6.7.11_1", "sha256": "ab" * 32}
    assert AUTH_CODE not in json.dumps(written)


async def test_the_vendors_locale_is_there_before_the_side_process_is_started(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a new machine it is built, which may take longer than a side process has for its start."""
    done: list[str] = []

    class Noted(Verifier):
        async def start(self) -> None:
            done.append("side process")

    monkeypatch.setattr(locale, "ensure", lambda: done.append("locale"))
    monkeypatch.setattr(server, "Verifier", Noted)
    async with AsyncExitStack() as stack:
        await server._open_verifier(settings(state_dir, verification={"genuineness": True}), stack)

    assert done == ["locale", "side process"]
