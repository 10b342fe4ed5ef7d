"""The listening server: TLS, its limits, and whose word about a terminal's address counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from relay.admission.origin.trusted_proxies import Origin
from relay.rpc.listener import Listener
from relay.settings.listen_section import Listen
from tests.relay.rpc.test_terminal_service import HELLO, listening, wide_gate


async def origin_seen(metadata: Any = None, **settings: Any) -> str:
    async with listening(**settings) as site:
        call = await site.call(HELLO, metadata=metadata)
        call.cancel()
        return site.streams[0].origin.public_ip


async def test_a_terminals_word_about_its_address_is_ignored() -> None:
    """It goes into the report to the regulator."""
    assert await origin_seen([("x-forwarded-for", "203.0.113.9")]) == "127.0.0.1"


async def test_a_trusted_proxys_word_is_believed_as_far_as_it_reaches() -> None:
    """What stands before its own entry was written by the terminal."""
    forwarded = [("x-forwarded-for", "192.0.2.66, 203.0.113.9")]

    assert await origin_seen(forwarded, trusted_proxies=["127.0.0.0/8"]) == "203.0.113.9"


async def test_a_trusted_proxy_that_writes_nonsense_is_told_so() -> None:
    """A guess would put a false address into the report; a broken stream would give no reason."""
    async with listening(trusted_proxies=["127.0.0.0/8"]) as site:
        call = site.stub.Session(metadata=[("x-forwarded-for", "unknown")])

        with pytest.raises(grpc.aio.AioRpcError) as error:
            async for _ in call:
                pass

        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "origin_unknown" in (error.value.details() or "")
        assert site.streams == []


async def test_a_trusted_proxy_that_names_no_address_is_refused_and_counted() -> None:
    """As one that only passes bytes on; a forwarded address without its port is counted too."""
    async with listening(trusted_proxies=["127.0.0.0/8"]) as site:
        silent = site.stub.Session()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            async for _ in silent:
                pass
        call = await site.call(HELLO, metadata=[("x-forwarded-for", "203.0.113.9")])
        call.cancel()

        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert len(site.streams) == 1
        assert site.listener is not None
        assert (site.listener.origins_unknown, site.listener.origins_without_port) == (1, 1)


async def test_trusted_proxies_can_change_while_it_serves() -> None:
    """For the next stream."""
    async with listening() as site:
        assert site.listener is not None
        site.listener.take_settings(Listen(address="127.0.0.1:0", trusted_proxies=("127.0.0.0/8",)))
        call = await site.call(HELLO, metadata=[("x-forwarded-for", "203.0.113.9:5")])
        call.cancel()

        assert site.streams[0].origin.public_ip == "203.0.113.9"


async def test_with_a_certificate_nothing_travels_in_the_clear(tmp_path: Path) -> None:
    """A terminal without TLS gets no answer, one with it does."""
    settings, authority = certified(tmp_path)
    opened: list[Origin] = []
    listener = Listener(settings, _opening(opened), wide_gate(), 100)
    port = await listener.start()
    trust = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trust))
    credentials = grpc.ssl_channel_credentials(trust.read_bytes())

    async with grpc.aio.insecure_channel(f"localhost:{port}") as plain:
        with pytest.raises(grpc.aio.AioRpcError):
            await asyncio.wait_for(_open_a_stream(plain), 10)
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as secure:
        with pytest.raises(grpc.aio.AioRpcError) as reached:
            await asyncio.wait_for(_open_a_stream(secure), 10)
    await listener.stop(0)

    assert len(opened) == 1
    assert reached.value.code() is grpc.StatusCode.UNKNOWN, "the played stream's own failure, so it got through"


async def test_a_key_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    """Falling back to plain text would be the worst of all."""
    settings, _ = certified(tmp_path)
    (tmp_path / "relay.key").unlink()

    with pytest.raises(OSError, match=r"relay\.key"):
        Listener(settings, _opening([]), wide_gate(), 100)


def certified(directory: Path) -> tuple[Listen, trustme.CA]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    key, chain = directory / "relay.key", directory / "relay.crt"
    certificate.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    return Listen(address="localhost:0", tls_certificate=chain, tls_key=key), authority


def _opening(opened: list[Origin]) -> Callable[[Origin], Any]:
    def open_stream(origin: Origin) -> Any:
        opened.append(origin)
        raise RuntimeError("a played stream")

    return open_stream


async def _open_a_stream(channel: grpc.aio.Channel) -> None:
    call = terminal_pb2_grpc.TerminalServiceStub(channel).Session()  # type: ignore[no-untyped-call]
    async for batch in call:
        assert isinstance(batch, pb.RelayBatch)
