"""The stand-in bridge as a client of the protocol sees it; what goes wrong on command is tested where the relay meets it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from ctprelay.bridge.v1 import bridge_pb2 as pb
from ctprelay.bridge.v1 import bridge_pb2_grpc
from simcounter import demo_accounts
from simcounter.bridge.front import BridgeFront
from simcounter.bridge.library import MIDDLEWARE_PASSWORD, MIDDLEWARE_USER
from simcounter.config import CounterConfig
from simcounter.control_server import send_command
from simcounter.counter import SimulatedCounter

OPERATOR = demo_accounts.OPERATOR_ID
PASSWORD = demo_accounts.password_of(OPERATOR)


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(CounterConfig(system="bridge", control_port=0)) as played:
        yield played


@pytest.fixture
async def bridge(counter: SimulatedCounter) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{counter.port}") as channel:
        yield bridge_pb2_grpc.BridgeServiceStub(channel)  # type: ignore[no-untyped-call]  # generated


def login(session: str, **changes: str) -> pb.LoginRequest:
    said = {"user": OPERATOR, "password": PASSWORD, "bus_user": MIDDLEWARE_USER, "bus_password": MIDDLEWARE_PASSWORD}
    said |= changes
    return pb.LoginRequest(
        session=session,
        operator=pb.Operator(user=said["user"], password=said["password"]),
        middleware=pb.Middleware(user=said["bus_user"], password=said["bus_password"]),
        product=said.get("product", ""),
    )


async def test_open_log_in_describe_and_close(bridge: Any, counter: SimulatedCounter) -> None:
    """In this order; before the login there is nothing to describe, and after the close no session."""
    opened = await bridge.Open(pb.OpenRequest(protocol=1))
    early = await bridge.Describe(pb.DescribeRequest(session=opened.session))
    logged_in = await bridge.Login(login(opened.session))
    described = await bridge.Describe(pb.DescribeRequest(session=opened.session))
    events = bridge.Events(pb.EventsRequest(session=opened.session))
    alive = await events.read()
    events.cancel()
    await bridge.Close(pb.CloseRequest(session=opened.session))
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await bridge.Describe(pb.DescribeRequest(session=opened.session))

    assert (opened.protocol, opened.system) == (1, "ksmm")
    assert early.error.code
    assert not logged_in.HasField("error")
    assert {(row.exchange, row.board) for row in described.tradables} == {
        ("2", "N0"),
        ("2", "N1"),
        ("3", "B0"),
        ("3", "B1"),
    }
    assert described.licence_days == 200
    assert alive.HasField("alive")
    assert gone.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"password": "x"}, 1),
        ({"user": "nobody"}, 1),
        ({"user": "100001", "password": demo_accounts.password_of("100001")}, 1),
        ({"bus_password": "x"}, 0),
        ({"product": "other"}, 0),
    ],
)
async def test_a_wrong_login_is_refused_by_the_part_concerned(
    bridge: Any, counter: SimulatedCounter, changes: dict[str, str], part: int
) -> None:
    """The operator by trading, the message bus and the licence by the plugin; an investor is no operator."""
    counter.control.commands()["bridge_licence"](days=5, product="KSMM")
    opened = await bridge.Open(pb.OpenRequest(protocol=1))

    error = (await bridge.Login(login(opened.session, **{"product": "KSMM", **changes}))).error

    assert error.code
    assert error.part == part


async def test_no_request_is_offered(bridge: Any) -> None:
    """The library it stands for is described and no more."""
    opened = await bridge.Open(pb.OpenRequest(protocol=1))

    assert (await bridge.Call(pb.CallRequest(session=opened.session, name="Quote"))).error.text


async def test_its_commands_come_over_the_control_socket(bridge: Any, counter: SimulatedCounter) -> None:
    """With their arguments as text, from another process."""
    await send_command(counter.control_address, "bridge_refuse", {"method": "Open", "code": 7, "text": "no DLL"})
    refused = await bridge.Open(pb.OpenRequest(protocol=1))

    assert (refused.error.code, refused.error.text) == (7, "no DLL")
    assert isinstance(counter.other, BridgeFront)
