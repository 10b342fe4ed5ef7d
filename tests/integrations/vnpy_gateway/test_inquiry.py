"""Which question is asked when."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from terminal_client import NotConnected
from vnpy_relay import inquiry as module
from vnpy_relay.inquiry import HOLDINGS, Inquiry, Question


class Counter:
    """Answers; the first `fails` questions in vain."""

    def __init__(self, fails: int = 0) -> None:
        self.asked: list[Question] = []
        self.said: list[str] = []
        self.fails = fails
        self._more = asyncio.Condition()

    async def ask(self, question: Question) -> None:
        async with self._more:
            self.asked.append(question)
            self._more.notify_all()
        if len(self.asked) <= self.fails:
            raise NotConnected("no session")

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30), self._more:
            await self._more.wait_for(lambda: len(self.asked) >= count)


@pytest_asyncio.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Tasks to be ended."""
    monkeypatch.setattr(module, "_APART_SECONDS", 0.02)
    monkeypatch.setattr(module, "_FIRST_PAUSE_SECONDS", 0.01)
    tasks: list[asyncio.Task[None]] = []
    yield tasks
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_contracts_come_first_and_nothing_before_the_session_is_live(running: list[asyncio.Task[None]]) -> None:
    """Whatever order the questions were put in; each is asked once."""
    counter = Counter()
    inquiry = Inquiry(counter.ask, counter.said.append, 0)
    inquiry.want(*HOLDINGS, Question.DAY, Question.CONTRACTS, *HOLDINGS)
    running.append(asyncio.ensure_future(inquiry.run()))
    await asyncio.sleep(0)
    assert counter.asked == []

    inquiry.live.set()
    await counter.until(4)

    assert counter.asked == list(Question)


async def test_a_question_in_vain_is_asked_again(running: list[asyncio.Task[None]]) -> None:
    """Before any that is less important; the log says it once."""
    counter = Counter(fails=3)
    inquiry = Inquiry(counter.ask, counter.said.append, 0)
    inquiry.live.set()
    inquiry.want(Question.CONTRACTS, Question.ACCOUNT)
    running.append(asyncio.ensure_future(inquiry.run()))
    await counter.until(5)

    assert counter.asked == [Question.CONTRACTS] * 4 + [Question.ACCOUNT]
    assert len(counter.said) == 1


async def test_holdings_are_asked_again_by_themselves(running: list[asyncio.Task[None]]) -> None:
    """When nothing happened for the time that the user set."""
    counter = Counter()
    inquiry = Inquiry(counter.ask, counter.said.append, 0.05)
    inquiry.live.set()
    running.append(asyncio.ensure_future(inquiry.run()))
    await counter.until(6)

    assert set(counter.asked) == set(HOLDINGS)
