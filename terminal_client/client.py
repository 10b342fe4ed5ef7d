"""One terminal session at the relay, for asyncio programs."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from google.protobuf.message import Message

from ctprelay.ctp.v1 import events_pb2, requests_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.channel import Tls
from terminal_client.collector import Collected
from terminal_client.dispatch import Dispatch, PendingCall, Reply
from terminal_client.entrance import Endpoint
from terminal_client.errors import NoAnswer, NotConnected, OutcomeUnknown
from terminal_client.generated.requests import Requests
from terminal_client.link import RelayLink
from terminal_client.proof import key_of
from terminal_client.secret import Secret
from terminal_client.session import Credentials, CredentialsProvider, Deadlines, SessionInfo, State, Status
from terminal_client.subscriptions import Subscription
from terminal_client.version import client_version


class RelayTerminal:
    """A terminal of the relay at `address`.

        async with RelayTerminal("relay.example:50051", app_id=…, auth_code=…) as terminal:
            orders = terminal.orders()          # before the login: the day's earlier orders come at once
            info = await terminal.login("9999", "100001", password, collect())
            reply = await terminal.requests.qry_trading_account(QryTradingAccount())

    When the stream breaks the session is resumed by itself, and where the relay does not have it any more it
    is replaced by a new login with what `credentials` provides. No request is ever sent twice by itself.
    """

    def __init__(
        self,
        address: str,
        *,
        app_id: str,
        auth_code: str,
        tls: Tls | None = None,
        credentials: CredentialsProvider | None = None,
        deadlines: Deadlines | None = None,
        version: str = "",
    ) -> None:
        """`auth_code` is the firm's 16 characters (BadAuthCode otherwise); it never leaves this program."""
        key_of(auth_code)
        self._deadlines = deadlines or Deadlines()
        self._dispatch = Dispatch(self._deadlines)
        endpoint = Endpoint(address, app_id, Secret(auth_code), tls or Tls(), version or client_version())
        self._link = RelayLink(endpoint, self._dispatch, self._deadlines, credentials)
        self.requests = Requests(self)
        """one method for each of the counter's requests"""

    def __repr__(self) -> str:
        return f"RelayTerminal(state={self.state.value}, info={self.info})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def state(self) -> State:
        return self._link.state

    @property
    def info(self) -> SessionInfo | None:
        """What the last login or resume gave."""
        return self._link.info

    @property
    def last_sequence(self) -> int:
        """Number of the last event delivered."""
        return self._link.last_sequence

    async def login(
        self,
        broker_id: str,
        investor_id: str,
        password: str,
        collected: Collected,
        *,
        confirm_settlement: bool = False,
        mac_address: str = "",
        login_remark: str = "",
        one_time_password: str = "",
        live_only: bool = False,
    ) -> SessionInfo:
        """Log the investor in. LoginRejected says who refused and why; NotConnected when nobody answered."""
        credentials = Credentials(
            broker_id,
            investor_id,
            Secret(password),
            collected,
            confirm_settlement=confirm_settlement,
            mac_address=mac_address,
            login_remark=login_remark,
            one_time_password=Secret(one_time_password),
            live_only=live_only,
        )
        return await self.login_with(credentials)

    async def login_with(self, credentials: Credentials) -> SessionInfo:
        """Log in with ready-made credentials."""
        return await self._link.log_in(credentials)

    async def request(
        self,
        name: str,
        body: Message,
        *,
        valid_for: float = 0.0,
        client_order_key: str = "",
        deadline: float = 0.0,
        fresh: bool = False,
    ) -> Reply[Message]:
        """Send one request and wait for its answer; `name` is the member of ctp.v1.Request.

        `valid_for` seconds it may wait in the relay's queue (0: the relay's default), `deadline` seconds for
        the whole answer (0: `Deadlines.answer_seconds`). `client_order_key` makes an order idempotent for the
        trading day. `fresh` asks the counter even where the relay knows the answer to a public query. Raises the CallFailed family, NotConnected, SessionEnded; ValueError or TypeError where
        there is no such request or it takes another body.
        """
        members: dict[str, Any] = {name: body}
        request = requests_pb2.Request(**members)
        seconds = deadline or self._deadlines.answer_seconds
        with self._dispatch.pending(name) as call:
            message = pb.TerminalMessage(
                call=pb.Call(
                    request_id=call.request_id,
                    request=request,
                    valid_for_milliseconds=round(valid_for * 1000),
                    client_order_key=client_order_key,
                    fresh=fresh,
                )
            )
            return await self._answer(call, message, seconds)

    async def _answer(self, call: PendingCall, message: pb.TerminalMessage, seconds: float) -> Reply[Message]:
        name = call.name
        try:
            async with asyncio.timeout(seconds):
                self._link.send(message)
                return await call.done
        except TimeoutError:
            if call.outcome is not None:
                raise NoAnswer(name, f"sent, but not answered within {seconds:g} s") from None
            if self._link.withdraw(message):
                raise NotConnected(f"{name} was not sent: the relay took nothing for {seconds:g} s") from None
            raise OutcomeUnknown(name, f"the relay said nothing within {seconds:g} s") from None
        except asyncio.CancelledError:
            self._link.withdraw(message)  # nobody waits for it any more, so it must not leave later
            raise

    def notices(self, capacity: int = 0) -> Subscription[events_pb2.Event]:
        """Every event that answers no waiting request, from now on."""
        return self._dispatch.notices.subscribe(capacity)

    def orders(self, capacity: int = 0) -> Subscription[structs_pb2.Order]:
        """Order notices (报单回报) of this investor, whichever terminal sent the order."""
        return self._dispatch.orders.subscribe(capacity)

    def trades(self, capacity: int = 0) -> Subscription[structs_pb2.Trade]:
        """Trade notices (成交回报) of this investor."""
        return self._dispatch.trades.subscribe(capacity)

    def statuses(self, capacity: int = 0) -> Subscription[Status]:
        """Changes of the stream and of the relay's session at the counter."""
        return self._dispatch.statuses.subscribe(capacity)

    async def close(self) -> None:
        """Log out and let go of everything."""
        await self._link.close()
