"""What every refusal has in common: sent and recorded, other terminals undisturbed, and no call at the counter."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from simcounter import demo_accounts
from terminal_client import Collected, LoginRejected, Refusal, RelayTerminal
from terminal_client.translation import refusal_of
from tests.e2e.raw_stream import RawStream
from tests.e2e.site import AUTH_CODE, BROKER, INVESTORS, TERMINAL, Site, trade


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login; each test changes what is wrong with it."""

    app_id: str = TERMINAL
    auth_code: str = AUTH_CODE
    broker_id: str = BROKER
    investor_id: str = INVESTORS[0]
    password: str = demo_accounts.password_of(INVESTORS[0])
    mac_address: str = ""
    login_remark: str = ""

    async def log_in(self, site: Site, collected: Collected) -> None:
        async with site.terminal(self.app_id, self.auth_code) as terminal:
            await terminal.login(
                self.broker_id,
                self.investor_id,
                self.password,
                collected,
                mac_address=self.mac_address,
                login_remark=self.login_remark,
            )


@dataclass(frozen=True, slots=True)
class SentRefusal:
    """One refusal, as the terminal and as the ledger have it."""

    terminal: Refusal
    ledger: dict[str, Any]

    @property
    def reason(self) -> str:
        return self.terminal.reason


def sent(collected: Collected, system_info: bytes, stated: int | None = None) -> Collected:
    """What was collected, changed on its way."""
    return replace(collected, system_info=system_info, length=len(system_info) if stated is None else stated)


async def refused(
    site: Site, bystander: RelayTerminal, login: Awaitable[None], *, counter_hears: bool = False
) -> SentRefusal:
    """The login is refused; the ledger has it once; the bystander's next order trades.

    Unless `counter_hears`, nothing of it reaches the counter: no connection, authentication, report or login.
    """
    before, known = site.seen(), len(site.relay.refusals())
    with pytest.raises(LoginRejected) as caught:
        await login
    return await _alone(site, bystander, before if not counter_hears else None, known, caught.value.refusal)


async def rejected(
    site: Site, bystander: RelayTerminal, stream: RawStream, message: pb.TerminalMessage | bytes
) -> SentRefusal:
    """The same for a message on a stream, which ends with it."""
    before, known = site.seen(), len(site.relay.refusals())
    await stream.send(message)
    refusal = refusal_of(await stream.rejection())
    return await _alone(site, bystander, before, known, refusal)


async def _alone(site: Site, bystander: RelayTerminal, before: object, known: int, refusal: Refusal) -> SentRefusal:
    assert before is None or site.seen() == before
    new = site.relay.refusals()[known:]
    assert len(new) == 1
    await trade(bystander)
    return SentRefusal(refusal, new[0])
