"""Which alarms there were lately, and where each was delivered."""

from __future__ import annotations

from relay.alarms.alarming import Alarming
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.logs.alarms import AlarmName, Alarms
from relay.settings.watch_section import AlarmSettings
from tests.relay.alarms.test_sender import DEADLINE, Telephone, until


def test_alarms_are_kept_with_where_they_were_delivered() -> None:
    """Newest first: the end, the single event, the beginning."""
    telephone, faults, alarms = Telephone(), Faults(), Alarms()
    alarming = Alarming("relay-1", AlarmSettings(group_seconds=0.01), [telephone])
    alarming.hear(faults, alarms)
    faults.begin(Fault.FRONT_DOWN, "unplugged")
    alarms.sound(AlarmName.QUERY_LANE_DEAD, session="s-1")
    faults.end(Fault.FRONT_DOWN)
    until(lambda: all(one.delivered for one in alarming.recent.newest(10)))
    alarming.close()

    kept = alarming.recent.newest(10)
    assert [(one.item.name, one.item.phase) for one in kept] == [
        ("front_down", "ended"),
        ("query_lane_dead", "happened"),
        ("front_down", "began"),
    ]
    assert {tuple(one.delivered) for one in kept} == {("telephone",)}
    assert not any(one.failed for one in kept)


def test_without_a_way_they_are_kept_all_the_same() -> None:
    """The console shows them, and that they reached no telephone."""
    faults = Faults()
    alarming = Alarming("relay-1", AlarmSettings(), [])
    alarming.hear(faults, Alarms())
    faults.begin(Fault.FRONT_DOWN, "unplugged")

    (kept,) = alarming.recent.newest(10)
    assert (kept.item.why, kept.delivered, kept.failed) == ("unplugged", [], [])


def test_what_was_given_up_is_said() -> None:
    """By the name of the way."""
    telephone, faults = Telephone(), Faults()
    telephone.fails = 1000
    alarming = Alarming("relay-1", AlarmSettings(group_seconds=0.01), [telephone])
    alarming.hear(faults, Alarms())
    faults.begin(Fault.FRONT_DOWN, "unplugged")
    until(lambda: telephone.tries > 0)
    for sender in alarming.senders:
        sender.close(DEADLINE)  # gives up at once

    front = [one for one in alarming.recent.newest(10) if one.item.name == "front_down"]
    assert [one.failed for one in front] == [["telephone"]]
