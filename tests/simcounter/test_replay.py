"""Private and public topic: what a login gets of what was said before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simcounter.accounts import Directory
from simcounter.demo_accounts import OPERATOR_ID, apps, users
from simcounter.replay import Entry, Journal, sees
from simcounter.session import Session, Topic


@pytest.fixture
def journal() -> Journal:
    journal = Journal(Directory("9999", apps(), users()))
    journal.public.append(b"status")
    journal.private += [
        Entry("100001", "100001", b"one"),
        Entry("100002", "100002", b"two"),
        Entry("100001", OPERATOR_ID, b"three"),
    ]
    return journal


def session_of(
    journal: Journal, user_id: str, topic: Topic, public: Topic = Topic.NONE, flow_path: str = "a"
) -> Session:
    user = journal._directory.users[user_id]
    return Session(1, 1, "127.0.0.1", 1, topic, public, flow_path, user=user, reads_for=user_id)


def test_restart_gives_ones_own_day_again_and_again(journal: Journal) -> None:
    """In order, orders of other sessions and of operators included; nobody else's."""
    session = session_of(journal, "100001", Topic.RESTART)

    assert journal.after_login(session) == [b"one", b"three"]
    journal.leave(session)
    assert journal.after_login(session) == [b"one", b"three"]


def test_an_operator_gets_everybodys(journal: Journal) -> None:
    """Of its organization."""
    assert journal.after_login(session_of(journal, OPERATOR_ID, Topic.RESTART)) == [b"one", b"two", b"three"]


def test_resume_continues_where_the_flow_file_ended(journal: Journal) -> None:
    """Per user and flow path; a new path starts at the beginning."""
    session = session_of(journal, "100001", Topic.RESUME)
    assert journal.after_login(session) == [b"one", b"three"]
    journal.leave(session)
    journal.private.append(Entry("100001", "100001", b"four"))

    assert journal.after_login(session_of(journal, "100001", Topic.RESUME)) == [b"four"]
    assert len(journal.after_login(session_of(journal, "100001", Topic.RESUME, flow_path="b"))) == 3


def test_a_very_long_day_forgets_its_beginning(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; a RESUME position still means the same entry."""
    monkeypatch.setattr("simcounter.replay.MAX_PRIVATE", 20)
    session = session_of(journal, "100001", Topic.RESUME)
    for number in range(30):
        if number == 25:
            journal.leave(session)
        journal.add(Entry("100001", "100001", str(number).encode()))

    assert len(journal.private) <= 20
    assert journal.after_login(session) == [b"25", b"26", b"27", b"28", b"29"]


@pytest.mark.parametrize("topic", [Topic.QUICK, Topic.NONE])
def test_quick_misses_what_was_before(journal: Journal, topic: Topic) -> None:
    """It must query."""
    assert journal.after_login(session_of(journal, "100001", topic)) == []


def test_the_public_topic_is_everybodys(journal: Journal) -> None:
    """Before the private one; not with QUICK or NONE."""
    assert journal.after_login(session_of(journal, "100002", Topic.RESTART, Topic.RESTART)) == [b"status", b"two"]
    assert journal.after_login(session_of(journal, "100002", Topic.QUICK, Topic.QUICK)) == []


def test_who_sees_what() -> None:
    """The sender, the investor, operators of its organization; an empty investor is nobody's."""
    people = [replace(user, organization="other") if user.user_id == "100002" else user for user in users()]
    directory = Directory("9999", apps(), people)
    operator, first, second = directory.users[OPERATOR_ID], directory.users["100001"], directory.users["100002"]

    assert [sees(directory, user, "100001", "100001") for user in (operator, first, second)] == [True, True, False]
    assert [sees(directory, user, "100002", "100002") for user in (operator, first, second)] == [False, False, True]
    assert [sees(directory, user, "", "100001") for user in (operator, first, second)] == [False, True, False]
