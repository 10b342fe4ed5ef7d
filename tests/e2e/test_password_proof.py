"""Many-to-one: an investor's password is proved, and need not leave the terminal."""

from __future__ import annotations

import pytest

from simcounter import demo_accounts
from terminal_client import LoginRejected
from tests.e2e.secrecy import WRONG_PASSWORD
from tests.e2e.site import BROKER, INVESTORS, Site, collect_now, many_to_one_only, trade

pytestmark = [pytest.mark.asyncio(loop_scope="session"), many_to_one_only]


async def test_a_password_stays_in_the_terminal(site: Site) -> None:
    """The terminal's argon2id gives the keys that the relay's gave at `investor add`: it logs in, and trades."""
    investor = INVESTORS[0]
    async with site.terminal() as terminal:
        await terminal.login(
            BROKER,
            investor,
            demo_accounts.password_of(investor),
            await collect_now(),
            confirm_settlement=True,
            proof_only=True,
        )
        await trade(terminal)


async def test_who_proves_a_wrong_password_learns_not_who_is_registered(site: Site) -> None:
    """One answer for a wrong password and an unknown investor; the ledger has which."""
    known, told = len(site.relay.refusals()), []
    for investor in (INVESTORS[1], "188888"):
        with pytest.raises(LoginRejected) as caught:
            async with site.terminal() as terminal:
                await terminal.login(BROKER, investor, WRONG_PASSWORD, await collect_now(), proof_only=True)
        told.append(str(caught.value).replace(investor, "-"))

    assert told[0] == told[1]
    recorded = [entry["reason"] for entry in site.relay.refusals()[known:]]
    assert recorded == ["wrong_investor_password", "investor_unknown"]
