"""Whose login goes on next: bounded for each place, in turn between places, and slowed where it fails."""

from __future__ import annotations

import asyncio

import pytest

from relay.admission.login_attempts import AttemptLimit, LoginAttempts, Subject, Who
from relay.admission.login_turns import (
    AT_ONCE,
    AT_ONCE_HERE,
    BEAT_SECONDS,
    MOST_A_SECOND,
    MOST_WAITING,
    PATIENCE_SECONDS,
    TOLD_EVERY_SECONDS,
    LoginTurns,
    OnWait,
)
from relay.refusals.refusal import Refused
from tests.relay.hand_loop import HandLoop, settled

LIMITS = {
    Subject.INVESTOR_HERE: AttemptLimit(3, 600.0, 900.0),
    Subject.APP_ID_HERE: AttemptLimit(100, 600.0, 5.0),
    Subject.ADDRESS: AttemptLimit(5, 600.0, 5.0),
    Subject.INVESTOR: AttemptLimit(5, 600.0, 5.0),
}
GUESSED = tuple(Subject)


class Room:
    """Logins that wait and go on."""

    def __init__(self) -> None:
        self.loop = HandLoop()
        self.attempts = LoginAttempts(LIMITS)
        self.clock = asyncio.get_running_loop().time
        self.turns = LoginTurns(self.attempts, self.clock)
        self.begun: list[str] = []
        self.refused: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.on_wait: OnWait | None = None
        """of those that come from now on"""
        self._ends: dict[str, asyncio.Event] = {}

    async def comes(self, name: str, place: str, app_id: str = "a", *, known: bool = False, investor: str = "") -> None:
        self._ends.setdefault(name, asyncio.Event())
        who = Who(investor or name, app_id, place)
        self.tasks[name] = asyncio.ensure_future(self._log_in(name, who, known))
        await asyncio.sleep(0)

    async def _log_in(self, name: str, who: Who, known: bool) -> None:
        try:
            async with self.turns.turn(who, known=known, on_wait=self.on_wait):
                self.begun.append(name)
                await self._ends[name].wait()
        except Refused as refused:
            self.refused.append(f"{name} {refused.refusal.reason}")

    async def ends(self, *names: str, after: float = BEAT_SECONDS) -> None:
        """And so much time passes."""
        for name in names:
            self._ends[name].set()
            await settled()
            await self.loop.move(after)

    async def over(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert self.turns.waiting == 0
        assert not self.turns._under_way


async def test_one_place_has_a_part_of_the_logins_at_once() -> None:
    """One that sends slow logins without end leaves the others their room, and each of its programs has half of its own."""
    room = Room()
    for n in range(100):
        await room.comes(f"slow-{n}", "203.0.113.1", f"app-{n % 4}")
    for n in range(30):
        await room.comes(f"one-program-{n}", "203.0.113.2", "app-0")
    await settled()
    assert len(room.begun) == AT_ONCE_HERE + AT_ONCE_HERE // 2

    await room.comes("honest", "192.0.2.1")
    await settled()

    assert room.begun[-1] == "honest"
    await room.over()


async def test_a_full_waiting_room_is_not_looked_at_for_each_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guesser who fills it at one place would hold the loop that orders go through."""
    room, judged = Room(), [0]
    for n in range(20):
        room.attempts.failed(Who(f"{n}", "a", "203.0.113.1"), (Subject.ADDRESS,), room.clock())
    for n in range(300):
        await room.comes(f"guess-{n}", "203.0.113.1")
    due = room.attempts.due

    def counted(*args: object) -> float:
        judged[0] += 1
        return due(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(room.attempts, "due", counted)
    await room.comes("one more", "203.0.113.1")
    await settled()
    assert judged[0] <= 4

    room.turns.go_on()

    assert judged[0] <= 8
    assert len(room.begun) == 1
    await room.comes("honest", "192.0.2.1")
    await settled()
    assert room.begun[-1] == "honest"
    await room.over()


async def test_one_that_comes_does_not_pass_those_who_wait_for_room() -> None:
    """There is more of it since a session has ended."""
    room, free = Room(), [2]
    room.turns.room = lambda: free[0]
    for number, name in enumerate(("first", "second", "third")):
        await room.comes(name, f"192.0.2.{number}")
    await settled()
    assert room.begun == ["first", "second"]

    free[0] = 3
    await room.comes("fourth", "198.51.100.7")
    await settled()

    assert room.begun == ["first", "second", "third"]
    await room.over()


async def test_a_relay_with_little_room_shares_it_too() -> None:
    """No place has more than half of the sessions there is room for under way."""
    room = Room()
    room.turns.room = lambda: 4
    for n in range(10):
        await room.comes(f"slow-{n}", "203.0.113.1", f"app-{n}")
    await room.comes("honest", "192.0.2.1")
    await settled()

    assert room.begun == ["slow-0", "slow-1", "honest"]
    room.turns.room = lambda: 0
    await room.comes("more", "192.0.2.2")
    await settled()
    assert "more" not in room.begun
    await room.over()


async def test_a_thousand_that_come_back_together_are_all_served() -> None:
    """After a restart, each from its own address or all behind one balancer: none is refused."""
    for one_place in (False, True):
        room = Room()
        for n in range(1000):
            await room.comes(f"back-{n}", "192.0.2.1" if one_place else f"place-{n}")
        for n in range(1000):
            await room.ends(f"back-{n}")

        assert len(room.begun) == 1000
        assert room.refused == []
        await room.over()


async def test_those_who_wait_begin_together() -> None:
    """So that they share messages and transactions; who comes meanwhile begins with them, not before."""
    room = Room()
    of_one_program = AT_ONCE_HERE // 2
    for n in range(of_one_program + 3):
        await room.comes(f"back-{n}", "192.0.2.1")
    for n in range(3):
        await room.ends(f"back-{n}", after=0.0)
    await room.comes("later", "198.51.100.7")
    await settled()
    assert len(room.begun) == of_one_program

    await room.loop.move(BEAT_SECONDS)

    assert room.begun[of_one_program:] == ["later", *(f"back-{of_one_program + n}" for n in range(3))]
    await room.comes("alone", "198.51.100.8")
    await settled()
    assert room.begun[-1] == "alone"
    await room.over()


async def test_a_storm_leaves_the_loop_to_orders() -> None:
    """However quickly each is over, no more begin than `MOST_A_SECOND`, the first of them at once."""
    room = Room()
    for n in range(1000):
        await room.comes(f"{n}", f"place-{n}")
        room._ends[f"{n}"].set()
    await settled()
    assert len(room.begun) == AT_ONCE

    for _ in range(round(2 / BEAT_SECONDS)):
        await room.loop.move(BEAT_SECONDS)

    assert len(room.begun) == pytest.approx(AT_ONCE + 2 * MOST_A_SECOND, abs=MOST_A_SECOND * BEAT_SECONDS + 1)
    await room.over()


async def test_places_take_turns_where_all_is_taken() -> None:
    """A hundred places with many logins each: the one that comes is next, not last."""
    room = Room()
    for n in range(AT_ONCE):
        await room.comes(f"slow-{n}", f"203.0.113.{n}")
    for n in range(150):
        await room.comes(f"more-{n}", f"203.0.113.{n % 2}")
    await room.comes("honest", "192.0.2.1")
    await settled()
    assert len(room.begun) == AT_ONCE

    await room.ends("slow-0")

    assert room.begun[-1] == "honest"
    await room.over()


async def test_a_place_that_fails_waits_longer_each_time_and_others_do_not() -> None:
    """Nothing is refused: the logins come one after the other; an investor who is known from there does not wait."""
    room = Room()
    for n in range(7):
        room.attempts.failed(Who(f"{n}", "a", "203.0.113.1"), (Subject.ADDRESS,), room.clock())
    await room.comes("first", "203.0.113.1")
    await room.comes("second", "203.0.113.1")
    await room.comes("known", "203.0.113.1", known=True)
    await room.comes("elsewhere", "192.0.2.1")
    await settled()
    assert room.begun == ["first", "known", "elsewhere"]

    await room.loop.move(0.9)
    assert "second" not in room.begun
    await room.loop.move(0.2)

    assert room.begun[-1] == "second"
    await room.over()


async def test_who_waits_for_its_time_is_not_forgotten_when_others_end() -> None:
    """A login that ends lets the next one begin; those that only time lets begin still come when it is there."""
    room = Room()
    for n in range(7):
        room.attempts.failed(Who(f"{n}", "a", "203.0.113.1"), (Subject.ADDRESS,), room.clock())
    await room.comes("elsewhere", "192.0.2.1")
    await room.comes("first", "203.0.113.1")
    await room.comes("second", "203.0.113.1")
    await room.ends("elsewhere", "first")
    assert "second" not in room.begun

    await room.loop.move(1.1)

    assert room.begun[-1] == "second"
    await room.over()


async def test_an_investor_guessed_from_everywhere_is_waited_for_by_the_place_without_failures_first() -> None:
    """His own new place has none, so he is next, before guessers who came earlier."""
    room = Room()
    for n in range(6):
        room.attempts.failed(Who("100001", "a", f"203.0.113.{n}"), GUESSED, room.clock())
    await room.comes("guess-0", "203.0.113.0", investor="100001")
    for n in range(1, 6):
        await room.comes(f"guess-{n}", f"203.0.113.{n}", investor="100001")
    await room.comes("honest", "192.0.2.1", investor="100001")
    await settled()
    assert room.begun == ["guess-0"]

    await room.loop.move(1)

    assert room.begun == ["guess-0", "honest"]
    await room.over()


async def test_a_burst_at_one_place_cannot_pass_the_lock_there_together() -> None:
    """As many of an investor's logins are under way as may fail; the others hear of the lock."""
    room, who = Room(), Who("100001", "a", "203.0.113.1")
    for n in range(8):
        await room.comes(f"guess-{n}", "203.0.113.1", investor="100001")
    await settled()
    assert len(room.begun) == 3

    for n in range(3):
        room.attempts.failed(who, GUESSED, room.clock())
        await room.ends(f"guess-{n}")

    assert room.refused == [f"guess-{n} locked_out" for n in range(3, 8)]
    await room.over()


async def test_strangers_under_way_take_no_session_of_the_investor() -> None:
    """He may have two more: what is beyond that waits, and goes on as soon as one of the others has failed."""
    room = Room()
    room.turns.room_of = lambda investor_id: 2
    for n in range(4):
        await room.comes(f"guess-{n}", f"203.0.113.{n}", investor="100001")
    await room.comes("other", "203.0.113.1", investor="100002")
    await room.comes("honest", "192.0.2.1", investor="100001")
    await settled()
    assert room.begun == ["guess-0", "guess-1", "other"]

    for n in (0, 1):
        room.attempts.failed(Who("100001", "a", f"203.0.113.{n + 2}"), GUESSED, room.clock())
    await room.ends("guess-0")

    assert room.begun[-1] == "honest", "the place without failures comes first"
    await room.over()


async def test_who_waits_too_long_is_refused_and_the_next_is_not_lost() -> None:
    """With when to try again."""
    room = Room()
    room.turns.room = lambda: 1
    await room.comes("slow", "203.0.113.1")
    await room.comes("late", "192.0.2.1")
    await settled()

    await room.loop.move(PATIENCE_SECONDS + 1)
    assert room.refused == ["late too_many_logins"]
    await room.comes("next", "192.0.2.1")
    await room.ends("slow")

    assert room.begun[-1] == "next"
    await room.over()


async def test_a_full_waiting_room_still_takes_who_comes_from_elsewhere() -> None:
    """The place with the most waiting gives up its newest; to the place itself no more are admitted."""
    room = Room()
    room.turns.room = lambda: 1
    await room.comes("slow", "203.0.113.9")
    for n in range(MOST_WAITING + 1):
        await room.comes(f"flood-{n}", "203.0.113.1")
    await settled()
    assert room.refused == [f"flood-{MOST_WAITING} too_many_logins"]

    await room.comes("honest", "192.0.2.1")
    await settled()

    assert room.refused[-1] == f"flood-{MOST_WAITING - 1} too_many_logins"
    assert room.turns.waiting == MOST_WAITING
    await room.over()


@pytest.mark.parametrize("moment", ["waiting", "begun", "between"])
async def test_a_login_that_goes_away_leaves_its_turn(moment: str) -> None:
    """While it waits, while it goes on, and in the moment between the two."""
    room = Room()
    room.turns.room = lambda: 1
    await room.comes("first", "203.0.113.1")
    await settled()
    await room.comes("leaves", "203.0.113.2")
    await settled()
    if moment == "begun":
        await room.ends("first")
    if moment == "between":
        room._ends["first"].set()
        await settled()
        room.loop.pass_by(BEAT_SECONDS)
        while room.turns.waiting:  # noqa: ASYNC110 - nothing announces the moment before a login goes on
            await asyncio.sleep(0)

    room.tasks["leaves"].cancel()
    await settled()
    await room.comes("next", "192.0.2.1")
    await room.ends("first")

    assert room.begun[-1] == "next"
    await room.over()


async def test_of_one_place_all_are_served_in_the_order_in_which_they_came() -> None:
    """A thousand that come back together, each an investor of its own."""
    room = Room()
    names = [f"{number:04}" for number in range(1000)]
    for name in names:
        await room.comes(name, "198.51.100.7", known=True)

    for name in names:
        await room.ends(name)

    assert room.begun == names
    await room.over()


async def test_who_waits_hears_the_place_and_how_many_wait() -> None:
    """Every two seconds until the login begins; who begins at once, or does not ask, hears nothing."""
    room, heard = Room(), [[], [], []]  # type: ignore[var-annotated]
    room.turns.room = lambda: 2
    for number, told in enumerate(heard):
        room.on_wait = lambda place, waiting, told=told: told.append((place, waiting))
        await room.comes(f"{number}", "198.51.100.7", known=True)
    room.on_wait = None
    await room.comes("silent", "198.51.100.7", known=True)

    await room.loop.move(TOLD_EVERY_SECONDS)
    await room.ends("0")
    await room.loop.move(TOLD_EVERY_SECONDS)

    assert heard == [[], [(1, 3)], [(2, 3), (1, 2)]]
    await room.over()
