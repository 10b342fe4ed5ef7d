"""One terminal session at the relay, for asyncio programs."""

from __future__ import annotations

import asyncio
import importlib.metadata
from typing import Any

from google.protobuf.message import Message

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.channel import Tls
from terminal_client.collector import Collected
from terminal_client.collectors import Collectors
from terminal_client.conversation import Endpoint, Entrance
from terminal_client.dispatch import Dispatch, PendingCall, Reply
from terminal_client.errors import NoAnswer, NotConnected, OutcomeUnknown
from terminal_client.generated.requests import Requests
from terminal_client.link import RelayLink
from terminal_client.market.market_data import MarketData
from terminal_client.password_proof import DerivedPasswords
from terminal_client.proof import key_of
from terminal_client.secret import Secret
from terminal_client.session import Credentials, CredentialsProvider, Deadlines, SessionInfo, State
from terminal_client.terminal import AsyncTerminal

DISTRIBUTION = "ctp-relay-terminal"


class RelayTerminal(AsyncTerminal):
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
        passwords: DerivedPasswords | None = None,
    ) -> None:
        """`auth_code` is the firm's 16 characters (BadAuthCode otherwise); it never leaves this program.

        `passwords` keeps what was derived from passwords, for the terminals that share it; without it the terminal has its own.
        """
        key_of(auth_code)
        self._deadlines = deadlines or Deadlines()
        dispatch = Dispatch(self._deadlines)
        self._endpoint = Endpoint(address, app_id, Secret(auth_code), tls or Tls(), version or client_version())
        entrance = Entrance(self._endpoint, self._deadlines, passwords)
        self._link = RelayLink(self._endpoint, dispatch, self._deadlines, credentials, entrance)
        self._market: MarketData | None = None
        super().__init__(self._link, dispatch)
        self.requests = Requests(self)
        """one method for each of the counter's requests"""

    @property
    def last_sequence(self) -> int:
        """Number of the last event delivered."""
        return self._link.last_sequence

    async def login(
        self,
        broker_id: str,
        investor_id: str,
        password: str,
        collected: Collected | None,
        *,
        confirm_settlement: bool = False,
        mac_address: str = "",
        login_remark: str = "",
        one_time_password: str = "",
        live_only: bool = False,
        collectors: Collectors | None = None,
        proof_only: bool = False,
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
            collectors=collectors or Collectors(),
            proof_only=proof_only,
        )
        return await self.login_with(credentials)

    async def login_with(self, credentials: Credentials) -> SessionInfo:
        return await self._link.log_in(credentials)

    def market_data(self, address: str = "") -> MarketData:
        """Market data, on a connection of its own; the same object until it has ended. Needs a running event loop.

        `address` (host:port) is where it is, where a firm's network has it elsewhere than the relay says. Whether the
        relay has market data shows in `subscribe` and in the readers: MarketDataNotOffered. `close` of the terminal closes it.
        """
        if self._market is None or self._market.state is State.ENDED:
            statuses = self._dispatch.statuses.subscribe()
            self._market = MarketData(self._link, statuses, self._endpoint, self._deadlines, address)
        return self._market

    async def close(self) -> None:
        """Log out, settle everything and let go of it; may be called again."""
        try:
            await super().close()
        finally:
            if self._market is not None:
                await self._market.close()

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
        trading day. `fresh` asks the counter even where the relay knows the answer to a public query. Raises the
        CallFailed family, NotConnected, SessionEnded; ValueError or TypeError where there is no such request or it
        takes another body.
        """
        members: dict[str, Any] = {name: body}
        seconds = deadline or self._deadlines.answer_seconds
        with self._dispatch.pending(name) as call:
            message = pb.TerminalMessage(
                call=pb.Call(
                    request_id=call.request_id,
                    request=requests_pb2.Request(**members),
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


def client_version() -> str:
    """What this client calls itself, for the relay's ledger and log."""
    try:
        return f"ctp-terminal {importlib.metadata.version(DISTRIBUTION)} (Python)"
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "ctp-terminal (Python)"
