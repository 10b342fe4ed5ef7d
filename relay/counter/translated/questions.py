"""A terminal's query: one at a time on a native session, and every row of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from relay.counter.translated.native import Row
from relay.counter.translated.reading import matches
from relay.counter.translated.tools import LOST, DeskTools, TakenCall, in_slices
from relay.counter.translated.values import AnswerLost, NativeRefused, NotSent, Values
from relay.refusals import call_reasons, relay_reasons


async def ask(tools: DeskTools, pending: TakenCall, shown: Callable[[Row], Values]) -> None:
    """Carry it out when it is its turn; `shown` makes what a terminal sees of a row."""
    link, questions = pending.link, pending.link.native.questions
    try:
        async with asyncio.timeout(pending.call.valid_for):
            await questions.acquire()
    except TimeoutError:
        link.questions.discard(pending.call.request_id)
        pending.refused(call_reasons.deadline_passed())
        return
    try:
        if not pending.result.cancelled():
            await _asked(tools, pending, shown)
    finally:
        questions.release()
        link.questions.discard(pending.call.request_id)


async def _asked(tools: DeskTools, pending: TakenCall, shown: Callable[[Row], Values]) -> None:
    link, method, values, request_id = pending.link, pending.read.method, pending.read.values, pending.call.request_id
    try:
        answer = link.native.ask(method, values)
    except NotSent:
        pending.refused(relay_reasons.counter_unavailable(why="not logged in"))
        return
    tools.figures.called(method, 0)
    pending.sent()
    try:
        rows = [shown(row) async for row in in_slices(await answer)]
    except NativeRefused as refused:
        link.put(tools.events.answer(f"OnRsp{method[3:]}", None, request_id, error=refused.error))
    except AnswerLost:
        link.put(tools.events.never_answered(request_id, LOST))
    else:
        async for event in in_slices(
            tools.events.rows(method, [row for row in rows if matches(row, values)], request_id)
        ):
            link.put(event)
