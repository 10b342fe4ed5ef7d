"""Locks of the relay's own: who is counted for what, whom a lock does not hold for, and when all logins stop."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass

import pytest

from relay.admission.counted import Counted
from relay.admission.known_places import KnownPlaces
from relay.admission.login_guard import LoginGuard
from relay.admission.origin.trusted_proxies import Origin
from relay.counter.port import Investor
from relay.directory.access import DirectoryUnavailable
from relay.refusals import counter_reasons, login_reasons, relay_reasons
from relay.refusals.refusal import Refusal, Refused, refuse
from relay.settings.limits_section import Limits
from tests.relay.hand_loop import settled

LIMITS = Limits(
    login_failures_per_investor=3,
    login_failures_at_counter=5,
    failures_before_slowing_investor=8,
    failures_before_slowing_app_id=4,
    failures_before_slowing_address=6,
)
HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@dataclass(frozen=True)
class Trying:
    """Who tries to log in."""

    investor_id: str = "100001"
    app_id: str = "terminal_1.0"
    address: str = HERE
    password: str = "geheim"

    @property
    def origin(self) -> Origin:
        return Origin(ipaddress.ip_address(self.address), 5000)

    @property
    def investor(self) -> Investor:
        return Investor("9999", self.investor_id)


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class PlayedPlaces(KnownPlaces):
    """Where investors are known from."""

    def __init__(self) -> None:
        self.known: set[tuple[str, str]] = set()
        self.away = False

    async def is_known(self, investor: Investor, place: str) -> bool:
        if self.away:
            raise DirectoryUnavailable("the disk is full")
        return (investor.investor_id, place) in self.known

    async def logged_in(self, investor: Investor, place: str) -> None:
        if self.away:
            raise DirectoryUnavailable("the disk is full")
        self.known.add((investor.investor_id, place))


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def places() -> PlayedPlaces:
    return PlayedPlaces()


@pytest.fixture
def guard(places: PlayedPlaces, seconds: Seconds) -> LoginGuard:
    return LoginGuard(LIMITS, places, seconds, counter_knows_passwords=False)


@pytest.fixture
def at_ctp(places: PlayedPlaces, seconds: Seconds) -> LoginGuard:
    """The guard of many-to-many."""
    return LoginGuard(LIMITS, places, seconds, counter_knows_passwords=True)


def fail(guard: LoginGuard, refusal: Refusal, times: int, trying: Trying | None = None) -> None:
    for _ in range(times):
        guard.failed(trying or Trying(), refusal)


async def check(guard: LoginGuard, trying: Trying) -> Refusal | None:
    """Why this login does not go on."""
    try:
        async with guard.turn(trying):
            return None
    except Refused as refused:
        return refused.refusal


async def is_slowed(guard: LoginGuard, trying: Trying | None = None) -> bool:
    """Whether the first or the second of two logins waits, though nothing refuses it; the clock stands still."""
    for _ in range(2):
        entering = asyncio.ensure_future(check(guard, trying or Trying()))
        await settled()
        if not entering.done():
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
            return True
        assert entering.result() is None
    return False


async def try_at_counter(guard: LoginGuard, trying: Trying, refusal: Refusal | None = None) -> str:
    """The reason the relay or the counter refused with, or "in"."""
    try:
        async with guard.at_counter(trying):
            refuse(refusal)
    except Refused as refused:
        return refused.refusal.reason
    await settled()
    return "in"


WRONG_PASSWORD = login_reasons.wrong_investor_password(investor_id="100001")
WRONG_AT_CTP = counter_reasons.counter_refused(3, "不合法的登录")


@pytest.mark.parametrize(
    "refusal", [WRONG_PASSWORD, login_reasons.investor_unknown(investor_id="100001"), WRONG_AT_CTP]
)
async def test_guessing_a_password_locks_the_investor_where_it_is_guessed(
    guard: LoginGuard, seconds: Seconds, refusal: Refusal
) -> None:
    """Others go on there, the investor goes on elsewhere, and here as well when the time is over."""
    fail(guard, refusal, 3)

    locked = await check(guard, Trying())
    assert locked is not None
    assert locked.reason == "locked_out"
    assert 0 < locked.retry_after_seconds <= LIMITS.lock_out_seconds
    assert await check(guard, Trying("100002")) is None
    assert await check(guard, Trying(address=ELSEWHERE)) is None
    seconds.now = LIMITS.lock_out_seconds + 1
    assert await check(guard, Trying()) is None


@pytest.mark.parametrize(
    "refusal",
    [
        relay_reasons.ledger_unavailable(),
        relay_reasons.directory_unavailable(),
        relay_reasons.verifier_unavailable(),
        relay_reasons.counter_unavailable(),
        relay_reasons.relay_draining(),
        login_reasons.locked_out(what="investor", seconds=5.0),
        counter_reasons.report_refused(-3),
        counter_reasons.counter_refused(7, "还没有初始化"),
        counter_reasons.counter_refused(140, "首次登录必须修改密码"),
    ],
)
async def test_what_is_not_guessing_counts_against_no_one(guard: LoginGuard, refusal: Refusal) -> None:
    """A counter that is down, or a ledger, must not lock or slow everybody who tries."""
    fail(guard, refusal, 100)

    assert await check(guard, Trying()) is None
    assert not await is_slowed(guard)
    assert guard.locks() == ()


@pytest.mark.parametrize(
    "refusal",
    [
        login_reasons.system_info_length(received=1, stated=2),
        login_reasons.system_info_replayed(),
        login_reasons.system_info_not_genuine(),
        login_reasons.system_info_stale(age=301.0, oldest=300.0),
        login_reasons.collected_info_length(kind="ctsx", received=9, stated=9, shortest=10, longest=1024),
        login_reasons.collected_info_not_text(kind="ctsx"),
        counter_reasons.report_refused(-6),
    ],
)
async def test_a_terminal_whose_system_info_is_not_its_own_is_slowed_where_it_fails(
    guard: LoginGuard, refusal: Refusal
) -> None:
    """It says nothing about the investor it names, nor about the same software elsewhere; and it locks no one."""
    fail(guard, refusal, 5)

    assert await is_slowed(guard, Trying("100002"))
    assert not await is_slowed(guard, Trying("100002", "other_1.0"))
    assert not await is_slowed(guard, Trying("100002", address=ELSEWHERE))


async def test_wrong_passwords_of_many_investors_slow_no_software(guard: LoginGuard) -> None:
    """On a busy Monday fifty users of one terminal program mistype, each at home."""
    for number in range(200):
        guard.failed(Trying(str(number), address=f"203.0.{number}.1"), WRONG_PASSWORD)

    assert await check(guard, Trying()) is None
    assert not await is_slowed(guard)
    assert guard.locks() == ()


async def test_an_address_that_guesses_many_investors_is_slowed(guard: LoginGuard, places: PlayedPlaces) -> None:
    """No single investor reaches its limit; those who logged in from there before do not wait."""
    for number in range(7):
        guard.failed(Trying(str(number), f"app_{number}"), WRONG_PASSWORD)

    assert await is_slowed(guard, Trying("100009", "app_9"))
    assert not await is_slowed(guard, Trying("100009", "app_9", ELSEWHERE))
    places.known.add(("100009", HERE))
    assert not await is_slowed(guard, Trying("100009", "app_9"))


async def test_an_ipv6_address_is_its_network_for_every_subject(guard: LoginGuard) -> None:
    """One machine has all its addresses."""
    for number in range(7):
        guard.failed(Trying(str(number % 2), address=f"2001:db8::{number + 1}"), WRONG_PASSWORD)

    assert await is_slowed(guard, Trying("100009", "other", "2001:db8::ffff"))
    assert not await is_slowed(guard, Trying("100009", "other", "2001:db8:0:1::1"))
    locked = await check(guard, Trying("0", "other", "2001:db8::ffff"))
    assert locked is not None
    assert await check(guard, Trying("0", "other", "2001:db8:0:1::1")) is None
    assert {lock.name for lock in guard.locks()} == {
        "0 2001:db8::/64",
        "1 2001:db8::/64",
        "2001:db8::/64",
        "terminal_1.0 2001:db8::/64",
    }


async def test_strangers_cannot_shut_an_investor_out_of_any_place(guard: LoginGuard, places: PlayedPlaces) -> None:
    """From nine addresses they slow every new one; at his own he does not wait, unless it cannot be asked."""
    for number in range(9):
        guard.failed(Trying(address=f"203.0.{number}.1"), WRONG_PASSWORD)

    assert await is_slowed(guard)
    places.known.add(("100001", HERE))
    assert not await is_slowed(guard)
    places.away = True
    assert await is_slowed(guard)


async def test_a_success_forgets_the_investors_failures_and_makes_his_place_known(
    guard: LoginGuard, places: PlayedPlaces
) -> None:
    """The address's failures are kept: it may be guessing others."""
    fail(guard, WRONG_PASSWORD, 2)
    assert await try_at_counter(guard, Trying()) == "in"
    fail(guard, WRONG_PASSWORD, 2)

    assert await check(guard, Trying()) is None
    assert places.known == {("100001", HERE)}


async def test_failures_are_forgotten_after_the_window(guard: LoginGuard, seconds: Seconds) -> None:
    """Three typing errors in a month lock nobody."""
    for _ in range(10):
        fail(guard, WRONG_PASSWORD, 1)
        seconds.now += LIMITS.window_seconds

    assert await check(guard, Trying()) is None


async def test_ctps_own_lock_is_never_reached(at_ctp: LoginGuard, places: PlayedPlaces, seconds: Seconds) -> None:
    """CTP counts in a row, from the relay's one address, without a window: strangers get three, the investor the rest."""
    said = []
    for number in range(10):
        said.append(await try_at_counter(at_ctp, Trying(address=f"203.0.{number}.1"), WRONG_AT_CTP))
        seconds.now += 3600.0
    places.known.add(("100001", HERE))
    said += [await try_at_counter(at_ctp, Trying(), WRONG_AT_CTP) for _ in range(4)]

    assert len([reason for reason in said if reason != "locked_out"]) == 5
    assert said[-2:] == ["locked_out"] * 2
    assert await try_at_counter(at_ctp, Trying("100002")) == "in", "others go on"


async def test_two_workers_of_a_machine_count_as_one(places: PlayedPlaces, seconds: Seconds) -> None:
    """Wrong passwords that one of them saw are none that the other may send; a right one clears both; a lock is at both."""
    one, other = (LoginGuard(LIMITS, places, seconds, counter_knows_passwords=True) for _ in range(2))
    one.tell = lambda counted: other.hear(Counted.unpacked(counted.packed()))
    other.tell = lambda counted: one.hear(Counted.unpacked(counted.packed()))
    said = [
        await try_at_counter((one, other)[number % 2], Trying(address=f"203.0.{number}.1"), WRONG_AT_CTP)
        for number in range(6)
    ]
    places.known.add(("100001", HERE))
    let_in = await try_at_counter(other, Trying())
    again = await try_at_counter(one, Trying(address=ELSEWHERE))
    fail(one, WRONG_PASSWORD, LIMITS.login_failures_per_investor)
    locked = await check(other, Trying())

    assert said == ["wrong_password"] * 3 + ["locked_out"] * 3
    assert (let_in, again) == ("in", "in")
    assert locked is not None
    assert locked.reason == "locked_out"


async def test_the_right_password_from_a_known_place_ends_the_siege(at_ctp: LoginGuard, places: PlayedPlaces) -> None:
    """The counter's count begins anew, and so does ours."""
    places.known.add(("100001", HERE))
    for number in range(3):
        await try_at_counter(at_ctp, Trying(address=f"203.0.{number}.1"), WRONG_AT_CTP)
    assert await try_at_counter(at_ctp, Trying(address=ELSEWHERE)) == "locked_out"

    assert await try_at_counter(at_ctp, Trying()) == "in"

    assert await try_at_counter(at_ctp, Trying(address=ELSEWHERE)) == "in"


async def test_the_right_password_gets_in_from_a_new_place_after_strangers_have_guessed(at_ctp: LoginGuard) -> None:
    """It is known as the one the counter took last; another one is not sent, and counts as a guess where it came from."""
    assert await try_at_counter(at_ctp, Trying(address="198.51.100.1")) == "in"
    said = [
        await try_at_counter(at_ctp, Trying(address=f"203.0.{n}.1", password=f"guess-{n}"), WRONG_AT_CTP)
        for n in range(3)
    ]
    assert said == ["wrong_password"] * 2 + ["locked_out"]
    for _ in range(3):
        assert await try_at_counter(at_ctp, Trying(address=ELSEWHERE, password="typed wrong")) == "locked_out"
    assert await check(at_ctp, Trying(address=ELSEWHERE)) is not None, "guesses are bounded there"

    assert await try_at_counter(at_ctp, Trying(address="192.0.2.77")) == "in"


async def test_a_right_password_that_was_changed_elsewhere_is_tried_once(at_ctp: LoginGuard) -> None:
    """The counter says that it is wrong: from then on it is one like all others."""
    assert await try_at_counter(at_ctp, Trying(address="198.51.100.1")) == "in"
    for n in range(2):
        await try_at_counter(at_ctp, Trying(address=f"203.0.{n}.1", password="guess"), WRONG_AT_CTP)

    assert await try_at_counter(at_ctp, Trying(address="192.0.2.1"), WRONG_AT_CTP) == "wrong_password"
    assert await try_at_counter(at_ctp, Trying(address="192.0.2.2"), WRONG_AT_CTP) == "locked_out"


async def test_logins_at_once_wait_for_one_another_where_they_could_be_too_many(at_ctp: LoginGuard) -> None:
    """Four wrong passwords sent together would be four at the counter; right ones are let in one after the other."""
    busy = asyncio.Event()
    at_counter = 0

    async def one(refusal: Refusal | None) -> str:
        nonlocal at_counter
        try:
            async with at_ctp.at_counter(Trying()):
                at_counter += 1
                await busy.wait()
                refuse(refusal)
        except Refused as refused:
            return refused.refusal.reason
        return "in"

    wrong = [asyncio.ensure_future(one(WRONG_AT_CTP)) for _ in range(8)]
    await settled()
    assert at_counter == 3
    busy.set()
    said = await asyncio.gather(*wrong)
    assert said.count("locked_out") == 5

    at_ctp.lift("100001")
    assert set(await asyncio.gather(*(one(None) for _ in range(8)))) == {"in"}


async def test_a_login_that_is_broken_off_counts(at_ctp: LoginGuard) -> None:
    """Its password may have reached the counter; otherwise whoever breaks off in time could guess for ever."""
    for _ in range(3):
        entering = asyncio.ensure_future(_broken_off(at_ctp))
        await settled()
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)

    assert await try_at_counter(at_ctp, Trying()) == "locked_out"


async def _broken_off(guard: LoginGuard) -> None:
    async with guard.at_counter(Trying()):
        await asyncio.Event().wait()


async def test_a_counter_that_does_not_answer_uses_up_no_tries(at_ctp: LoginGuard) -> None:
    """It judged nothing."""
    for _ in range(10):
        assert await try_at_counter(at_ctp, Trying(), relay_reasons.counter_unavailable()) == "counter_unavailable"

    assert await try_at_counter(at_ctp, Trying()) == "in"


async def test_limits_that_are_taken_judge_what_was_counted_before(at_ctp: LoginGuard) -> None:
    """A reload makes them stricter or milder at once, also for the tries at the counter."""
    fail(at_ctp, WRONG_PASSWORD, 1)
    assert await check(at_ctp, Trying()) is None
    at_ctp.take_limits(Limits(login_failures_per_investor=2, login_failures_at_counter=3))
    fail(at_ctp, WRONG_PASSWORD, 1)

    refused = await check(at_ctp, Trying())

    assert refused is not None
    assert refused.reason == "locked_out"
    assert at_ctp._tries is not None
    assert at_ctp._tries._most == 3


async def test_an_operator_sees_the_locks_and_lifts_them(at_ctp: LoginGuard) -> None:
    """Those of the relay and the tries at the counter, by the investor's name."""
    for _ in range(3):
        await try_at_counter(at_ctp, Trying(), WRONG_AT_CTP)
    subjects = {lock.subject for lock in at_ctp.locks()}

    lifted = at_ctp.lift("100001")

    assert subjects == {"investor_at_address", "investor_at_counter_from_new_addresses"}
    assert {"investor_at_address", "investor_at_counter"} <= {lock.subject for lock in lifted}
    assert at_ctp.locks() == ()
    assert await check(at_ctp, Trying()) is None
    assert await try_at_counter(at_ctp, Trying()) == "in"


async def test_a_counter_that_refuses_the_relay_itself_stops_all_logins(guard: LoginGuard, seconds: Seconds) -> None:
    """Each further try would make it worse; after the pause one login tries for all, and looking is no try."""
    await try_at_counter(guard, Trying(), counter_reasons.counter_refused(63, "终端认证失败"))

    assert await check(guard, Trying("100002")) is not None
    assert [lock.subject for lock in guard.locks()] == ["all_logins"]
    seconds.now = LIMITS.breaker_pause_seconds + 1
    assert await check(guard, Trying("100003")) is None
    assert await check(guard, Trying("100003")) is None
    async with guard.at_counter(Trying("100002")):
        assert await check(guard, Trying("100003")) is not None, "one try decides"
        assert await try_at_counter(guard, Trying("100003")) == "counter_unavailable"
    assert await check(guard, Trying("100003")) is None


async def test_an_operator_lets_logins_be_tried_at_once(guard: LoginGuard) -> None:
    """When the cause is mended."""
    await try_at_counter(guard, Trying(), counter_reasons.counter_refused(63, "终端认证失败"))

    assert guard.resume_logins()
    assert await check(guard, Trying()) is None
    assert not guard.resume_logins()


@pytest.mark.parametrize(
    "refusal",
    [relay_reasons.counter_unavailable(), counter_reasons.report_refused(-6), None],
    ids=["counter down", "report refused", "gone"],
)
async def test_the_try_that_decides_is_given_back_where_it_decided_nothing(
    guard: LoginGuard, seconds: Seconds, refusal: Refusal | None
) -> None:
    """By a refusal before the counter was asked, or a terminal that goes away: the next login has it."""
    await try_at_counter(guard, Trying(), counter_reasons.counter_refused(63, "终端认证失败"))
    seconds.now = LIMITS.breaker_pause_seconds + 1

    if refusal is None:
        entering = asyncio.ensure_future(_broken_off(guard))
        await settled()
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
    else:
        assert await try_at_counter(guard, Trying(), refusal) != "in"

    assert await try_at_counter(guard, Trying("100002")) == "in"


async def test_what_the_vendors_library_says_by_itself_does_not_open_the_logins(
    guard: LoginGuard, seconds: Seconds
) -> None:
    """It refuses reports without a connection, which the counter that refuses the relay may just have cut."""
    await try_at_counter(guard, Trying(), counter_reasons.counter_refused(63, "终端认证失败"))
    seconds.now = LIMITS.breaker_pause_seconds + 1

    await try_at_counter(guard, Trying(), counter_reasons.report_refused(-3))

    assert [lock.subject for lock in guard.locks()] == ["all_logins"]
    async with guard.at_counter(Trying("100002")):
        assert await try_at_counter(guard, Trying("100003")) == "counter_unavailable"


async def test_wrong_system_info_takes_no_try_that_decides(guard: LoginGuard, seconds: Seconds) -> None:
    """It never comes to the counter."""
    await try_at_counter(guard, Trying(), counter_reasons.counter_refused(63, "终端认证失败"))
    seconds.now = LIMITS.breaker_pause_seconds + 1
    for n in range(4):
        async with guard.turn(Trying(str(n), address=f"203.0.113.{n}")):
            guard.failed(Trying(str(n), address=f"203.0.113.{n}"), login_reasons.system_info_replayed())

    assert await try_at_counter(guard, Trying("100002")) == "in"


async def test_who_is_locked_out_hears_it_at_once_however_many_wait(guard: LoginGuard) -> None:
    """He would take a place among those who wait, to be refused at its end."""
    guard.has_room(lambda: 1, lambda _: 5)
    fail(guard, WRONG_PASSWORD, 3)

    async with guard.turn(Trying("100002", address=ELSEWHERE)):
        locked = asyncio.ensure_future(check(guard, Trying()))
        waiting = asyncio.ensure_future(check(guard, Trying("100003")))
        await settled()
        assert (locked.done(), waiting.done()) == (True, False)

    assert (await locked or WRONG_PASSWORD).reason == "locked_out"
    assert await waiting is None
