"""What to do about each alarm."""

from __future__ import annotations

import re

from relay.alarms.alarming import SAID_AS_FAULT
from relay.alarms.remedies import REMEDIES
from relay.logs.alarms import AlarmName


def test_each_alarm_that_is_no_faults_says_what_to_do() -> None:
    """In both languages: a person who is called at night needs more than what happened."""
    assert REMEDIES.keys() == set(AlarmName) - SAID_AS_FAULT
    for chinese, english in REMEDIES.values():
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert english
        assert not re.search(r"[\u4e00-\u9fff]", english)
