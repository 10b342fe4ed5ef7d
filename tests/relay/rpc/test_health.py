"""grpc.health.v1 on the terminal port, asked with gRPC's own client."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2 as health
from grpc_health.v1 import health_pb2_grpc

from relay.edge.causes import Cause
from relay.settings.listen_section import Listen
from tests.relay.rpc.test_terminal_service import Site, listening

SERVING, NOT_SERVING = health.HealthCheckResponse.SERVING, health.HealthCheckResponse.NOT_SERVING
STRANGER = [("x-forwarded-for", "203.0.113.9:5")]


async def check(site: Site, service: str = "", metadata: Any = None) -> int:
    stub = health_pb2_grpc.HealthStub(site.channel)
    answer = await stub.Check(health.HealthCheckRequest(service=service), metadata=metadata, timeout=20)
    return int(answer.status)


async def refusal(site: Site, service: str = "", metadata: Any = None) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await check(site, service, metadata)
    return error.value.code()


def set_ready(site: Site, ready: bool) -> None:
    assert site.listener is not None
    site.listener.health.is_ready = lambda: ready


async def test_it_follows_readiness() -> None:
    """Of the relay and of its one service; before the relay has said anything it is not serving."""
    async with listening(trusted_proxies=("127.0.0.0/8",)) as site:
        assert await check(site) == NOT_SERVING
        set_ready(site, True)
        assert await check(site) == await check(site, "ctprelay.v1.TerminalService") == SERVING
        set_ready(site, False)
        assert await check(site) == NOT_SERVING
        assert await refusal(site, "another.Service") is grpc.StatusCode.NOT_FOUND


async def test_a_stranger_learns_nothing() -> None:
    """Nor whether there are health checks at all; who is named in the settings is answered, from the next check on."""
    async with listening(trusted_proxies=("127.0.0.0/8",)) as site:
        set_ready(site, True)
        assert await refusal(site, metadata=STRANGER) is grpc.StatusCode.UNIMPLEMENTED
        assert await check(site) == SERVING, "the proxy asks for itself"

        assert site.listener is not None
        named = Listen(address="127.0.0.1:0", trusted_proxies=("127.0.0.0/8",), health_checks_from=("203.0.113.0/24",))
        site.listener.take_settings(named)
        assert await check(site, metadata=STRANGER) == SERVING


@pytest.mark.parametrize("method", ["Watch", "List"])
async def test_what_would_hold_a_place_is_not_there(method: str) -> None:
    """A place held without a proof."""
    async with listening() as site:
        set_ready(site, True)
        call = site.channel.unary_stream(f"/grpc.health.v1.Health/{method}")(b"", timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            async for _ in call:
                pass

    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_check_counts_as_a_stream() -> None:
    """One who is no proxy has three on a connection, as any stranger: a check costs nobody else a place for long."""
    async with listening() as site:
        set_ready(site, True)
        assert [await check(site) for _ in range(3)] == [SERVING] * 3
        with pytest.raises(grpc.aio.AioRpcError):
            await check(site)

        assert site.listener is not None
        assert site.listener.edge.counts.of(Cause.STREAMS) == 1


async def test_rubbish_is_refused_by_name() -> None:
    async with listening() as site:
        call = site.channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff\xff\xff", timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call

    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
