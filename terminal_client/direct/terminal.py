"""The same terminal without a relay: openctp-ctp in this process, straight to a front.

For software with a direct AppID (直连), whose API collects the system info by itself at the login; and as what
the relay's speed is compared with. After a lost connection it authenticates and logs in again by itself. With the
day's notices asked for, the counter sends them again after every login. It has no market data: a front for it asks
for no session, so a program reads ticks with the vendor's own API beside this terminal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.message import Message

from ctprelay.ctp.v1 import structs_pb2
from terminal_client.direct.link import Account, DirectLink, DirectTarget
from terminal_client.dispatch import Dispatch, Reply
from terminal_client.errors import NotConnected, SessionEnded
from terminal_client.generated.requests import Requests
from terminal_client.proof import key_of
from terminal_client.secret import Secret
from terminal_client.session import Deadlines, SessionInfo, State
from terminal_client.terminal import AsyncTerminal


class DirectTerminal(AsyncTerminal):
    """A terminal at one counter; the same requests and notices as `RelayTerminal`."""

    def __init__(
        self,
        fronts: Sequence[str],
        *,
        app_id: str,
        auth_code: str,
        flow_folder: Path,
        deadlines: Deadlines | None = None,
    ) -> None:
        """`fronts` are tcp://host:port; `flow_folder` belongs to this terminal alone."""
        key_of(auth_code)
        self._deadlines = deadlines or Deadlines()
        dispatch = Dispatch(self._deadlines)
        counter = DirectTarget(tuple(fronts), app_id, Secret(auth_code), flow_folder)
        self._link = DirectLink(counter, dispatch, self._deadlines)
        super().__init__(self._link, dispatch)
        self._order_ref = 0
        self.requests = Requests(self)
        """one method for each of the counter's requests"""

    async def login(
        self,
        broker_id: str,
        investor_id: str,
        password: str,
        *,
        confirm_settlement: bool = False,
        live_only: bool = False,
    ) -> SessionInfo:
        """Connect, authenticate, log in. LoginRejected, NotConnected."""
        info = await self._link.log_in(Account(broker_id, investor_id, Secret(password)), live_only=live_only)
        self._order_ref = info.max_order_ref
        if confirm_settlement:
            await self.requests.settlement_info_confirm(structs_pb2.SettlementInfoConfirm())
            return dataclasses.replace(info, settlement="confirmed")
        return info

    async def request(
        self,
        name: str,
        body: Message,
        *,
        valid_for: float = 0.0,
        client_order_key: str = "",
        deadline: float = 0.0,
        fresh: bool = True,
    ) -> Reply[Message]:
        """Send one request and wait for its answer; see `RelayTerminal.request`.

        There is no queue and no memory of keys here: ValueError for a `client_order_key`. What
        the relay fills in — BrokerID, InvestorID, UserID, an empty OrderRef — is filled in here where empty.
        """
        if client_order_key:
            raise ValueError("without a relay no process remembers a client_order_key")
        del valid_for, fresh  # nothing waits here, and nothing is known: sent at once or not at all
        if self.state is State.ENDED:
            raise SessionEnded(self._link.ended_because)
        if self.state is not State.LIVE:
            raise NotConnected(f"nothing was sent: the terminal is {self.state}")
        filled = type(body)()
        filled.CopyFrom(body)
        self._fill_in(filled)
        return await self._link.send(name, filled, deadline or self._deadlines.answer_seconds)

    def _fill_in(self, body: Message) -> None:
        account = self._link.account
        fields = body.DESCRIPTOR.fields_by_name
        if account is not None:
            known = {"broker_id": account.broker_id, "investor_id": account.investor_id, "user_id": account.investor_id}
            for name, value in known.items():
                if name in fields and not getattr(body, name):
                    setattr(body, name, value)
        if isinstance(body, structs_pb2.InputOrder) and not body.order_ref.strip():
            # After a new login the counter may have seen greater ones.
            seen = 0 if self.info is None else self.info.max_order_ref
            self._order_ref = max(self._order_ref, seen) + 1
            body.order_ref = str(self._order_ref)
