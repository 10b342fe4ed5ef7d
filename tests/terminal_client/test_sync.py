"""The blocking terminal: the same session without asyncio in sight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from ctprelay.ctp.v1 import events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import Collected, Credentials, LoginRejected, SessionEnded, State, SyncTerminal, Tls
from terminal_client.proof import BadAuthCode
from terminal_client.secret import Secret
from terminal_client.session import Deadlines
from tests.terminal_client.conftest import QUICK
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay, result

LOGIN = ("9999", "100001", "password")


def terminal_at(
    served: ServedRelay, *, deadlines: Deadlines = QUICK, **options: Callable[[], Credentials]
) -> SyncTerminal:
    return SyncTerminal(
        served.address,
        app_id="demo_terminal_1.0",
        auth_code=AUTH_CODE,
        tls=Tls(ca_file=served.authority),
        deadlines=deadlines,
        **options,
    )


async def test_a_whole_session_blocks_and_returns(
    served: ServedRelay, relay: ScriptedRelay, collected: Collected
) -> None:
    """Login, a typed query, a notice and the logout, each an ordinary call."""
    relay.answers["qry_trade"] = lambda call: [
        result(call),
        events_pb2.Event(rtn_order=structs_pb2.Order(order_ref="5")),
        events_pb2.Event(request_id=call.request_id, is_last=True, rsp_qry_trade=structs_pb2.Trade(trade_id="7")),
    ]

    def session() -> tuple[str, str, str]:
        with terminal_at(served) as terminal:
            info = terminal.login(*LOGIN, collected)
            orders = terminal.orders()
            reply = terminal.requests.qry_trade(structs_pb2.QryTrade())
            return info.trading_day, reply.row.trade_id, orders.next(timeout_seconds=10).order_ref

    assert await asyncio.to_thread(session) == ("20261123", "7", "5")
    assert relay.received[-1].HasField("logout")


async def test_its_thread_ends_with_it(served: ServedRelay, collected: Collected) -> None:
    """No thread is left behind, also when the login was refused."""
    served.relay.login_refusals.append(pb.Rejected(source=pb.SOURCE_COUNTER, reason="no"))

    def refused() -> None:
        with terminal_at(served) as terminal:
            terminal.login(*LOGIN, collected)

    with pytest.raises(LoginRejected):
        await asyncio.to_thread(refused)
    assert "terminal-loop" not in {thread.name for thread in threading.enumerate()}


def test_a_malformed_auth_code_leaves_no_thread() -> None:
    """Failing to be made ends the thread that was made for it."""
    with pytest.raises(BadAuthCode):
        SyncTerminal("localhost:1", app_id="a", auth_code="short")
    assert "terminal-loop" not in {thread.name for thread in threading.enumerate()}


async def test_notices_end_when_the_session_does(
    served: ServedRelay, relay: ScriptedRelay, collected: Collected
) -> None:
    """A blocked reader is woken by the end of the session and told why; one that waits in vain by its timeout."""

    def session() -> State:
        with terminal_at(served) as terminal:
            terminal.login(*LOGIN, collected)
            notices = terminal.notices()
            with pytest.raises(TimeoutError):
                notices.next(timeout_seconds=0.01)
            terminal.requests.order_insert(structs_pb2.InputOrder())
            with pytest.raises(SessionEnded, match="kicked"):
                next(notices)
            assert list(notices) == []
            return terminal.state

    relay.answers["order_insert"] = lambda call: [result(call), pb.RelayMessage(goodbye=pb.Goodbye(reason="kicked"))]
    assert await asyncio.to_thread(session) is State.ENDED


async def test_credentials_may_be_an_ordinary_function(
    served: ServedRelay, relay: ScriptedRelay, collected: Collected
) -> None:
    """A refused resume asks the program's own function, which may block."""
    asked = threading.Event()

    def credentials() -> Credentials:
        asked.set()
        return Credentials("9999", "100001", Secret("password"), collected)

    def session() -> list[str]:
        with terminal_at(served, credentials=credentials) as terminal:
            statuses = terminal.statuses()
            terminal.login(*LOGIN, collected)
            relay.resumable = False
            terminal.requests.order_insert(structs_pb2.InputOrder())
            return [statuses.next(timeout_seconds=20).state for _ in range(3)]

    goodbye = pb.RelayMessage(goodbye=pb.Goodbye(kind=pb.Goodbye.KIND_RELAY_STOPPING))
    relay.answers["order_insert"] = lambda call: [result(call), goodbye]
    assert await asyncio.to_thread(session) == ["live", "reconnecting", "live"]
    assert asked.is_set()
