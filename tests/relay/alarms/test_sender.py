"""A storm is one message, a failure is tried again and said once, and nothing waits for a person's telephone."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from relay.alarms.alarming import Alarming
from relay.alarms.channels import NotDelivered
from relay.alarms.message import AlarmItem, AlarmMessage, AlarmPhase, message_of
from relay.alarms.sender import MOST_WAITING, TRIES, AlarmSender
from relay.faults.faults import Faults
from relay.faults.table import Fault, Gravity
from relay.logs.alarms import AlarmName, Alarms
from relay.settings.secret_files import SecretFileRefused
from relay.settings.watch_section import AlarmSettings

AT = dt.datetime(2026, 1, 5, 8, 57, tzinfo=dt.timezone(dt.timedelta(hours=8)))
DEADLINE = 30.0


class Telephone:
    """A way whose failures the test chooses."""

    name = "telephone"

    def __init__(self) -> None:
        self.got: list[AlarmMessage] = []
        self.tries = 0
        self.fails = 0
        self.open = threading.Event()
        self.open.set()

    def send(self, message: AlarmMessage) -> None:
        self.open.wait()
        self.tries += 1
        if self.tries <= self.fails:
            raise NotDelivered("busy")
        self.got.append(message)


@pytest.fixture
def telephone() -> Telephone:
    return Telephone()


@pytest.fixture
def sender(telephone: Telephone) -> Iterator[AlarmSender]:
    made = AlarmSender("relay-1", telephone, group_seconds=0.05, first_pause=0.001)
    yield made
    telephone.open.set()
    made.close(DEADLINE)


def item(name: str, phase: AlarmPhase = AlarmPhase.BEGAN, gravity: Gravity = Gravity.CRITICAL) -> AlarmItem:
    return AlarmItem(name, phase, ("前置中断", "front down"), gravity, AT)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_storm_is_one_message_that_says_how_often(sender: AlarmSender, telephone: Telephone) -> None:
    """A line that flaps a hundred times must not ring a hundred times."""
    for _ in range(100):
        sender.put(item("front_down"))
        sender.put(item("front_down", AlarmPhase.ENDED))
    until(lambda: telephone.got != [])

    (message,) = telephone.got
    assert [(found.phase, found.times) for found in message.items] == [(AlarmPhase.ENDED, 100)]
    assert message.title == "【恢复】前置中断 (relay-1)"


def test_what_happens_within_the_time_of_a_group_is_one_message(telephone: Telephone) -> None:
    """The first item waits for others, though nothing else keeps it."""
    made, other = AlarmSender("relay-1", telephone, group_seconds=3600), Telephone()
    quick = AlarmSender("relay-1", other, group_seconds=0.001)
    made.put(item("front_down"))
    for number in range(1, 6):  # time enough for one that does not wait
        quick.put(item("x"))
        until(lambda wanted=number: quick.delivered == wanted)  # type: ignore[misc]
    made.put(item("database_down"))
    made.close(DEADLINE)
    quick.close(DEADLINE)

    assert [sorted(found.name for found in message.items) for message in telephone.got] == [
        ["database_down", "front_down"]
    ]


def test_a_group_is_as_long_as_the_settings_say_now(telephone: Telephone) -> None:
    """Settings are read again while the relay runs."""
    made = AlarmSender("relay-1", telephone, group_seconds=3600, first_pause=0.001)
    made.group_seconds = 0.01
    made.put(item("front_down"))
    until(lambda: made.delivered == 1)
    made.close(DEADLINE)


def test_what_still_stands_comes_before_what_is_over() -> None:
    """The title is about what a person must do now."""
    over, grave = item("a", AlarmPhase.ENDED), item("c")
    message = message_of("relay-1", [over, item("b", gravity=Gravity.WARNING), grave])

    assert [found.name for found in message.items] == ["c", "b", "a"]
    assert message.title.startswith("【故障】")


def test_a_failure_is_tried_again_and_said_once(sender: AlarmSender, telephone: Telephone) -> None:
    """And its end as well."""
    telephone.fails = 3
    states: list[str] = []
    sender.on_state = lambda: states.append(sender.failing)
    with structlog.testing.capture_logs() as lines:
        sender.put(item("front_down"))
        until(lambda: sender.delivered == 1)

    assert [line["event"] for line in lines] == ["alarm_not_delivered", "alarms_delivered_again"]
    assert states == ["busy", ""]
    assert sender.works


def test_after_so_many_tries_it_is_counted_and_still_tried(sender: AlarmSender, telephone: Telephone) -> None:
    """The line to the robot may be away for longer than a fault takes to be forgotten."""
    telephone.fails = TRIES + 2
    sender.put(item("front_down"))
    until(lambda: sender.failed == 1)
    before = sender.works
    sender.put(item("database_down"))
    until(lambda: sender.delivered == 1)

    assert not before
    assert [found.name for found in telephone.got[0].items] == ["front_down", "database_down"]
    assert (sender.failed, sender.lost) == (1, 0)


def test_what_waits_for_a_way_that_does_not_work_has_a_bound(sender: AlarmSender, telephone: Telephone) -> None:
    """The newest are kept."""
    telephone.fails = 10**9
    for number in range(MOST_WAITING):
        sender.put(item(f"fault_{number}"))
    until(lambda: telephone.tries > 0)
    for number in range(MOST_WAITING):
        sender.put(item(f"later_{number}"))
    until(lambda: sender.lost == MOST_WAITING)
    telephone.fails = 0
    until(lambda: telephone.got != [])

    assert telephone.got[0].items[0].name == "later_0"


def test_putting_never_waits_and_the_queue_has_a_bound(sender: AlarmSender, telephone: Telephone) -> None:
    """The relay's loop says what it finds while the network hangs."""
    telephone.open.clear()
    sender.put(item("first"))
    until(lambda: not sender._items)
    begun = time.monotonic()
    for number in range(MOST_WAITING + 7):
        sender.put(item(f"fault_{number}"))

    assert time.monotonic() - begun < DEADLINE / 3
    assert sender.lost == 7


def test_a_way_that_fails_in_an_unforeseen_manner_goes_on(telephone: Telephone) -> None:
    """A fault of ours in one message must not end all further ones."""
    broken = [True]

    def send(message: AlarmMessage) -> None:
        if broken.pop() if broken else False:
            raise RuntimeError
        telephone.got.append(message)

    telephone.send = send  # type: ignore[method-assign]
    made = AlarmSender("relay-1", telephone, group_seconds=0.01, first_pause=0.001)
    made.put(item("front_down"))
    until(lambda: made.delivered == 1)
    made.close(DEADLINE)


def test_the_end_sends_what_waits(telephone: Telephone) -> None:
    """A relay that stops because of a fault says so."""
    made = AlarmSender("relay-1", telephone, group_seconds=3600)
    made.put(item("front_down"))
    made.close(DEADLINE)

    assert len(telephone.got) == 1


def test_faults_and_single_events_are_sent_each_once(telephone: Telephone) -> None:
    """An event that is the beginning of a fault is not sent beside it; what is less grave than wanted, not at all."""
    faults, alarms = Faults(), Alarms()
    alarming = Alarming("relay-1", AlarmSettings(group_seconds=0.05), [telephone])
    alarming.hear(faults, alarms)
    before = alarming.works
    faults.begin(Fault.OPERATOR_REFUSED, "CTP 141", error_id=141)
    alarms.sound(AlarmName.OPERATOR_PASSWORD_DUE, code=141)
    alarms.sound(AlarmName.QUERY_LANE_DEAD, session="operator-1")
    faults.begin(Fault.DRAINING, "asked to stop")
    until(lambda: telephone.got != [])
    alarming.close()

    names = sorted(found.name for message in telephone.got for found in message.items)
    assert names == ["operator_refused", "query_lane_dead"]
    assert (before, alarming.works) == (False, True)


def test_that_alarms_are_not_delivered_is_a_fault_and_no_alarm(telephone: Telephone) -> None:
    """It stands in /readyz, since nobody can be called."""
    telephone.fails = 10**9
    faults, alarms = Faults(), Alarms()
    alarming = Alarming("relay-1", AlarmSettings(group_seconds=0.01), [telephone])
    alarming.hear(faults, alarms)
    faults.begin(Fault.FRONT_DOWN, "reason 4097")
    until(lambda: faults.stands(Fault.ALARMS_NOT_DELIVERED))
    alarming.close()

    assert alarming.senders[0].lost == 0


def test_one_way_that_works_again_says_nothing_of_another(telephone: Telephone) -> None:
    """The fault stands until all of them work."""
    broken = Telephone()
    broken.name, broken.fails, telephone.fails = "robot", 10**9, 1
    faults = Faults()
    alarming = Alarming("relay-1", AlarmSettings(group_seconds=0.01), [broken, telephone])
    alarming.hear(faults, Alarms())
    for sender in alarming.senders:
        sender._first_pause = 0.001
    faults.begin(Fault.FRONT_DOWN, "reason 4097")
    until(lambda: alarming.senders[0].failed == 1 and alarming.senders[1].delivered == 1)
    standing = [stands.why for stands in faults.now() if stands.fault is Fault.ALARMS_NOT_DELIVERED]
    alarming.close()

    assert standing == ["robot: busy"]


def test_ways_are_replaced_while_the_relay_runs(telephone: Telephone, tmp_path: Path) -> None:
    """What stays keeps its queue, what goes sends what waits, and its failure is no fault any more."""
    robot = Telephone()
    robot.name = "webhook"
    url = tmp_path / "url.secret"
    url.write_text("http://127.0.0.1:1/new")
    url.chmod(0o600)
    faults = Faults()
    alarming = Alarming("relay-1", AlarmSettings(group_seconds=3600), [telephone, robot])
    alarming.hear(faults, Alarms())
    gone, kept = alarming.senders
    faults.begin(Fault.FRONT_DOWN, "reason 4097")
    with pytest.raises(SecretFileRefused):
        alarming.take(AlarmSettings(webhook_url_file=tmp_path / "none.secret"))
    before = list(alarming.senders)
    gone.failing = "busy"
    faults.begin(Fault.ALARMS_NOT_DELIVERED, "telephone: busy")
    alarming.take(AlarmSettings(webhook_url_file=url, command=("true",), gravity="critical", group_seconds=3000))
    names = [sender.channel.name for sender in alarming.senders]
    waiting = len(kept._items)
    alarming.close()

    assert before == [gone, kept]
    assert names == ["webhook", "command"]
    assert (alarming.senders[0] is kept, waiting, kept.gravity, kept.group_seconds) == (
        True,
        1,
        Gravity.CRITICAL,
        3000,
    )
    assert kept.channel is not robot
    assert [message.items[0].name for message in telephone.got] == ["front_down"]


def test_what_began_before_the_alarms_were_set_up_is_sent(telephone: Telephone) -> None:
    """The operator may be refused while the relay still starts."""
    faults = Faults()
    faults.begin(Fault.OPERATOR_REFUSED, "CTP 141")
    alarming = Alarming("relay-1", AlarmSettings(group_seconds=0.01), [telephone])
    alarming.hear(faults, Alarms())
    until(lambda: telephone.got != [])
    alarming.close()

    assert telephone.got[0].items[0].name == "operator_refused"
