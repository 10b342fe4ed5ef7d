"""Private and public topic: what a login gets of what was said before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simcounter.accounts import Accounts
from simcounter.demo_accounts import OPERATOR_ID, apps, users
from simcounter.replay import DayFlow, TopicEntry, sees
from simcounter.session import Session, Topic


@pytest.fixture
def flow() -> DayFlow:
    flow = DayFlow(Accounts("9999", apps(), users()))
    flow.public.append(b"status")
    flow.private += [
        TopicEntry("100001", "100001", b"one"),
        TopicEntry("100002", "100002", b"two"),
        TopicEntry("100001", OPERATOR_ID, b"three"),
    ]
    return flow


def session_of(flow: DayFlow, user_id: str, topic: Topic, public: Topic = Topic.NONE, flow_path: str = "a") -> Session:
    user = flow._accounts.users[user_id]
    return Session(1, 1, "127.0.0.1", 1, topic, public, flow_path, user=user, reads_for=user_id)


def test_restart_gives_ones_own_day_again_and_again(flow: DayFlow) -> None:
    """In order, orders of other sessions and of operators included; no other investor's."""
    session = session_of(flow, "100001", Topic.RESTART)

    assert flow.after_login(session) == [b"one", b"three"]
    flow.leave(session)
    assert flow.after_login(session) == [b"one", b"three"]


def test_an_operator_gets_everybodys(flow: DayFlow) -> None:
    """Of its organization."""
    assert flow.after_login(session_of(flow, OPERATOR_ID, Topic.RESTART)) == [b"one", b"two", b"three"]


def test_resume_continues_where_the_flow_file_ended(flow: DayFlow) -> None:
    """Per user and flow path; a new path starts at the beginning."""
    session = session_of(flow, "100001", Topic.RESUME)
    assert flow.after_login(session) == [b"one", b"three"]
    flow.leave(session)
    flow.private.append(TopicEntry("100001", "100001", b"four"))

    assert flow.after_login(session_of(flow, "100001", Topic.RESUME)) == [b"four"]
    assert len(flow.after_login(session_of(flow, "100001", Topic.RESUME, flow_path="b"))) == 3


def test_a_very_long_day_forgets_its_beginning(flow: DayFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; a RESUME position still means the same entry."""
    monkeypatch.setattr("simcounter.replay.MAX_PRIVATE", 20)
    session = session_of(flow, "100001", Topic.RESUME)
    for number in range(30):
        if number == 25:
            flow.leave(session)
        flow.add(TopicEntry("100001", "100001", str(number).encode()))

    assert len(flow.private) <= 20
    assert flow.after_login(session) == [b"25", b"26", b"27", b"28", b"29"]


@pytest.mark.parametrize("topic", [Topic.QUICK, Topic.NONE])
def test_quick_misses_what_was_before(flow: DayFlow, topic: Topic) -> None:
    """It must query."""
    assert flow.after_login(session_of(flow, "100001", topic)) == []


def test_the_public_topic_is_everybodys(flow: DayFlow) -> None:
    """Before the private one; not with QUICK or NONE."""
    assert flow.after_login(session_of(flow, "100002", Topic.RESTART, Topic.RESTART)) == [b"status", b"two"]
    assert flow.after_login(session_of(flow, "100002", Topic.QUICK, Topic.QUICK)) == []


def test_who_sees_what() -> None:
    """The sender, the investor, operators of its organization; an empty investor belongs to none."""
    people = [replace(user, organization="other") if user.user_id == "100002" else user for user in users()]
    accounts = Accounts("9999", apps(), people)
    operator, first, second = accounts.users[OPERATOR_ID], accounts.users["100001"], accounts.users["100002"]

    assert [sees(accounts, user, "100001", "100001") for user in (operator, first, second)] == [True, True, False]
    assert [sees(accounts, user, "100002", "100002") for user in (operator, first, second)] == [False, False, True]
    assert [sees(accounts, user, "", "100001") for user in (operator, first, second)] == [False, True, False]
