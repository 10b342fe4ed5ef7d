"""Terminals that are not let in: each gets a reason, is in the ledger, reaches no counter and disturbs no other terminal."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from simcounter import demo_accounts
from terminal_client import RelayTerminal
from terminal_client.collector import CHILD, installed_library
from tests.e2e.refusals import Attempt, refused, rejected, sent
from tests.e2e.secrecy import WRONG_AUTH_CODE, WRONG_PASSWORD
from tests.e2e.site import (
    DISABLED_INVESTOR,
    DISABLED_TERMINAL,
    INVESTORS,
    OTHER_MODE_TERMINAL,
    TERMINAL,
    WECHAT_TERMINAL,
    Site,
    collect_now,
    login_message,
    many_to_many_only,
    many_to_one_only,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("attempt", "answered", "recorded"),
    [
        (Attempt(app_id="nobody_1.0"), "terminal_not_accepted", "unknown_terminal"),
        (Attempt(auth_code=WRONG_AUTH_CODE), "terminal_not_accepted", "wrong_proof"),
        (Attempt(app_id=DISABLED_TERMINAL), "terminal_disabled", "terminal_disabled"),
        (Attempt(app_id=OTHER_MODE_TERMINAL), "mode_not_allowed", "mode_not_allowed"),
        (Attempt(broker_id="8888"), "wrong_broker", "wrong_broker"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_terminal_that_is_not_admitted(
    site: Site, bystander: RelayTerminal, attempt: Attempt, answered: str, recorded: str
) -> None:
    """A guesser learns neither which app ids exist nor how far the guess came; the ledger knows exactly."""
    refusal = await refused(site, bystander, attempt.log_in(site, await collect_now()))

    assert (refusal.reason, refusal.ledger["reason"]) == (answered, recorded)
    assert refusal.terminal.source == "relay"
    assert refusal.terminal.advice
    assert refusal.ledger["terminal_app_id"] == attempt.app_id


@pytest.mark.parametrize("size", [0, 263, 274, 10_000])
async def test_system_info_of_a_length_no_collector_writes(site: Site, bystander: RelayTerminal, size: int) -> None:
    """The refusal names both lengths, received and stated, so that a lost byte is found at once."""
    collected = await collect_now()
    content = (collected.system_info * 40)[:size]

    refusal = await refused(site, bystander, Attempt().log_in(site, sent(collected, content)))

    assert refusal.reason == refusal.ledger["reason"] == "system_info_length"
    assert f"{size} bytes and states {size}" in refusal.terminal.message


@pytest.mark.parametrize("difference", [-1, 1])
async def test_a_stated_length_that_is_not_the_number_of_bytes(
    site: Site, bystander: RelayTerminal, difference: int
) -> None:
    """As it is when the bytes were cut at a NUL, or handled as text, on the way."""
    collected = await collect_now()
    stated = collected.length + difference

    refusal = await refused(site, bystander, Attempt().log_in(site, sent(collected, collected.system_info, stated)))

    assert refusal.reason == "system_info_length"
    assert f"{collected.length} bytes and states {stated}" in refusal.terminal.message


@pytest.mark.parametrize("position", [0, 9, 15])
async def test_damaged_system_info(site: Site, bystander: RelayTerminal, position: int) -> None:
    """One flipped bit in the collector's own wrapping is found: by the vendor's library, or by what it unwraps."""
    collected = await collect_now()
    damaged = bytearray(collected.system_info)
    damaged[position] ^= 0x10

    refusal = await refused(site, bystander, Attempt().log_in(site, sent(collected, bytes(damaged))))

    assert refusal.reason in {"report_damaged", "system_info_not_genuine", "system_info_stale"}
    assert refusal.reason == refusal.ledger["reason"]


async def test_system_info_made_up(site: Site, bystander: RelayTerminal) -> None:
    """Random bytes of the right length are not the collector's."""
    collected = await collect_now()

    refusal = await refused(site, bystander, Attempt().log_in(site, sent(collected, os.urandom(265))))

    assert refusal.reason in {"report_damaged", "system_info_not_genuine", "system_info_stale"}


async def test_the_same_system_info_twice(site: Site, bystander: RelayTerminal) -> None:
    """The collector never writes the same bytes again, so the second time is a replay, from any terminal."""
    collected = await collect_now()
    async with site.logged_in(INVESTORS[1], collected):
        pass

    refusal = await refused(site, bystander, Attempt().log_in(site, collected))

    assert refusal.reason == refusal.ledger["reason"] == "system_info_replayed"


@pytest.mark.parametrize(("zone", "word"), [("UTC0", "ago"), ("AAA-16", "in the future")])
async def test_system_info_collected_at_another_time(
    site: Site, bystander: RelayTerminal, zone: str, word: str
) -> None:
    """Hours ago or ahead, as by a terminal with another time zone: stale, and the advice speaks of clock and zone."""
    collected = await collect_now()
    content = await asyncio.to_thread(_collect_in_zone, zone)

    refusal = await refused(site, bystander, Attempt().log_in(site, sent(collected, content)))

    assert refusal.reason == refusal.ledger["reason"] == "system_info_stale"
    assert word in refusal.terminal.message
    assert "Asia/Shanghai" in refusal.terminal.advice


def _collect_in_zone(zone: str) -> bytes:
    """What the collector writes where the machine's time zone is `zone`."""
    command = [sys.executable, "-I", str(CHILD), str(installed_library()), "production"]
    environment = {**os.environ, "TZ": zone}
    answer = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=30).stdout)
    return base64.b64decode(answer["system_info"])


@pytest.mark.parametrize(
    "attempt",
    [
        Attempt(investor_id="1" * 60),
        Attempt(password="p" * 200),
        Attempt(login_remark="备" * 100),
        Attempt(mac_address="0" * 100),
    ],
    ids=["investor_id", "password", "login_remark", "mac_address"],
)
async def test_a_field_that_does_not_fit_into_the_counters_struct(
    site: Site, bystander: RelayTerminal, attempt: Attempt
) -> None:
    """Refused by name before anything is sent; not cut, because half a password is another password."""
    refusal = await refused(site, bystander, attempt.log_in(site, await collect_now()))

    assert refusal.reason == refusal.ledger["reason"] == "request_malformed"
    assert " at most" in refusal.terminal.message


@pytest.mark.parametrize(
    ("app_id", "kind"), [(TERMINAL, pb.REPORT_KIND_WECHAT), (WECHAT_TERMINAL, pb.REPORT_KIND_TERMINAL)], ids=str
)
async def test_a_kind_of_report_the_firm_has_not_allowed(
    site: Site, bystander: RelayTerminal, app_id: str, kind: pb.ReportKind
) -> None:
    """Otherwise each terminal could switch the judgement of its system info off by naming the other kind."""
    async with site.raw() as stream:
        login = login_message(await stream.hello(app_id), INVESTORS[0], await collect_now())
        login.report_kind = kind
        refusal = await rejected(site, bystander, stream, pb.TerminalMessage(login=login))

    assert refusal.reason == refusal.ledger["reason"] == "report_kind_not_allowed"
    assert "ctp-relay terminal kinds" in refusal.terminal.advice


# In many-to-one the relay alone knows whether an investor is who it says. ------------------------------------------


@many_to_one_only
@pytest.mark.parametrize(
    ("attempt", "answered", "recorded"),
    [
        (Attempt(password=WRONG_PASSWORD), "investor_not_accepted", "wrong_investor_password"),
        (Attempt(investor_id="000000"), "investor_not_accepted", "investor_unknown"),
        (
            Attempt(investor_id=DISABLED_INVESTOR, password=demo_accounts.password_of(DISABLED_INVESTOR)),
            "investor_disabled",
            "investor_disabled",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_investor_the_relay_does_not_accept(
    site: Site, bystander: RelayTerminal, attempt: Attempt, answered: str, recorded: str
) -> None:
    """Unknown investors and wrong passwords get the same answer, with CTP's own number 3."""
    refusal = await refused(site, bystander, attempt.log_in(site, await collect_now()))

    assert (refusal.reason, refusal.ledger["reason"]) == (answered, recorded)
    assert refusal.terminal.code == (3 if answered == "investor_not_accepted" else 0)


@many_to_many_only
async def test_a_wrong_password_at_the_counter(site: Site, bystander: RelayTerminal) -> None:
    """In many-to-many the counter's 3 is passed on with its own text; nothing was reported to it that counts."""
    reported = len(site.reports_of(INVESTORS[0]))

    login = Attempt(password=WRONG_PASSWORD).log_in(site, await collect_now())
    refusal = await refused(site, bystander, login, counter_hears=True)

    assert (refusal.reason, refusal.terminal.code, refusal.terminal.source) == ("wrong_password", 3, "counter")
    assert "不合法的登录" in refusal.terminal.message
    assert len(site.reports_of(INVESTORS[0])) == reported
