"""Single alarms: the ways to a person are set up late in a start, and none of what came before is lost."""

from __future__ import annotations

from collections.abc import Mapping

from relay.logs.alarms import AlarmName, Alarms


def test_an_early_alarm_is_kept_and_handed_on_once_to_all_that_listen_first() -> None:
    """The operator may be refused before the ways to a person are set up; who comes later gets what is raised from then on."""
    alarms, heard, kept, late = Alarms(), list[object](), list[object](), list[object]()

    def hear(name: AlarmName, facts: Mapping[str, object]) -> None:
        heard.append((name, dict(facts)))

    alarms.sound(AlarmName.OPERATOR_REFUSED, error_id=3)
    alarms.listen(hear, lambda name, _: kept.append(name))
    alarms.listen(lambda name, _: late.append(name))
    alarms.sound(AlarmName.OPERATOR_FORCED_OUT)

    assert heard == [(AlarmName.OPERATOR_REFUSED, {"error_id": 3}), (AlarmName.OPERATOR_FORCED_OUT, {})]
    assert kept == [AlarmName.OPERATOR_REFUSED, AlarmName.OPERATOR_FORCED_OUT]
    assert late == [AlarmName.OPERATOR_FORCED_OUT]
    assert alarms.count(AlarmName.OPERATOR_REFUSED) == 1


def test_of_very_many_early_alarms_the_latest_are_kept() -> None:
    """A start that takes long must not fill the memory."""
    alarms, heard = Alarms(), list[object]()
    for number in range(250):
        alarms.sound(AlarmName.QUERY_LANE_DEAD, number=number)
    alarms.listen(lambda _, facts: heard.append(facts["number"]))

    assert heard == list(range(150, 250))
