"""The conversation, step by step, with a terminal that is looked at.

Each step ends with something that happens on the line or in the conversation, and what the terminal does next is judged:

    REFUSED    the first login is refused, with a time after which it may be tried again
    SLOW       the next one is answered late
    ORDER      an order is waited for, and answered
    FIRST, SECOND_BREAK   the line is cut; the second break shows which token the terminal keeps
    SILENCE    the line falls silent without a word, and is cut in the end where the terminal does not notice
    STOPPING   the relay says that it stops
    LOGOUT     a logout is waited for, and whether the terminal stays away

A terminal that does the wrong thing is led on all the same, so that one run shows all of its faults. What it says is answered in the
order in which it comes, on the newest stream; each wait has a bound, so that a terminal that does nothing more ends the lesson.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import grpc

from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from terminal_client.checking import answers
from terminal_client.checking.findings import TerminalFindings
from terminal_client.checking.line import Line
from terminal_client.checking.rules import Fault, Given, judge_call, judge_hello, judge_login, judge_proof, printable
from terminal_client.proof import TIMESTAMP_BYTES


class LessonStep(IntEnum):
    REFUSED = 0
    SLOW = 1
    ORDER = 2
    FIRST_BREAK = 3
    SECOND_BREAK = 4
    SILENCE = 5
    STOPPING = 6
    LOGOUT = 7
    DONE = 8


BREAKS = frozenset({LessonStep.FIRST_BREAK, LessonStep.SECOND_BREAK, LessonStep.SILENCE})
MOST_WAITING = 256
"""messages to the terminal; what comes next waits for it to read"""
ORDER_SIGNATURE = ("instrument_id", "direction", "comb_offset_flag", "limit_price", "volume_total_original")


@dataclass(frozen=True, slots=True)
class LessonPace:
    """How long the lesson waits, in seconds."""

    retry_after: int = 2
    slow: float = 3.0
    breath: float = 0.5
    """between an answer and what happens next"""
    silence: float = 3.0
    """how long the line is silent before it is cut"""
    judge_silence: bool = False
    """whether the terminal has to notice in this time; keepalive every 20 seconds needs more than the default"""
    step: float = 180.0
    """for a step in which the terminal, or its user, has to do something"""
    watch: float = 3.0
    """how long it has to stay away after the logout"""
    greeting: float = 10.0
    """for each of the terminal's first two messages, as at a relay"""


class Lesson(terminal_pb2_grpc.TerminalServiceServicer):
    """One terminal, led through all steps; `finished` when there is nothing more to see."""

    def __init__(self, given: Given, line: Line, pace: LessonPace, show: Callable[[LessonStep], None]) -> None:
        self.findings = TerminalFindings(frozenset() if pace.judge_silence else frozenset({"keepalive"}))
        self.finished = asyncio.Event()
        self.step = LessonStep.REFUSED
        self._given, self._line, self._pace, self._show = given, line, pace, show
        self._moved = asyncio.Event()
        self._arrived = asyncio.Event()
        self._refused_at = 0.0
        self._system_infos: set[bytes] = set()
        self._tokens: list[bytes] = []
        self._sequence = 0
        self._unanswered: set[int] = set()
        self._orders: dict[tuple[object, ...], str] = {}
        self._outbox: asyncio.Queue[pb.RelayMessage | None] = asyncio.Queue(MOST_WAITING)
        self._events: asyncio.Task[None] | None = None
        self._silence: asyncio.Task[None] | None = None

    async def lead(self) -> TerminalFindings:
        """Until the last step, or until the terminal does nothing for a step's time."""
        self._show(self.step)
        while not self.finished.is_set():
            self._moved.clear()
            waiting = [asyncio.ensure_future(event.wait()) for event in (self._moved, self.finished)]
            patience = self._pace.step + self._pace.silence
            done, rest = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            if not done:
                break
        behind: list[asyncio.Task[None]] = [task for task in (self._events, self._silence) if task is not None]
        for following in behind:
            following.cancel()
        await asyncio.gather(*behind, return_exceptions=True)
        self.findings.connections = self._line.connections
        if self.step > LessonStep.FIRST_BREAK:
            self._see([("order_repeated", "")])
        return self.findings

    def _go_to(self, step: LessonStep) -> None:
        self.step = step
        self._moved.set()
        self._show(step)

    def _see(self, faults: Iterable[Fault]) -> None:
        for rule, wrong in faults:
            self.findings.see(rule, wrong)

    async def Session(  # noqa: N802  # the service's own name
        self,
        request_iterator: AsyncIterator[pb.TerminalMessage],
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002  # gRPC gives it
    ) -> AsyncIterator[pb.RelayBatch]:
        self._arrived.set()
        self.findings.streams += 1
        if self.step is LessonStep.DONE:
            self._see([("logged_out", "登出后又连接 it came again after the logout")])
        hello = await self._first(request_iterator)
        if hello is None:
            return
        self._see(judge_hello(hello.hello, self._given))
        self.findings.client_version = printable(hello.hello.client_version)
        challenge = os.urandom(TIMESTAMP_BYTES)
        yield answers.batch(pb.RelayMessage(challenge=pb.Challenge(timestamp=challenge, relay_version="check")))
        entering = await self._first(request_iterator)
        if entering is None:
            return
        welcome = await self._enter(entering, challenge)
        yield answers.batch(welcome)
        if welcome.HasField("rejected"):
            return
        outbox = self._outbox = asyncio.Queue(MOST_WAITING)
        self._disturb(self._after_entering())
        reader = asyncio.get_running_loop().create_task(self._read(request_iterator), name="checking-reader")
        try:
            while (message := await outbox.get()) is not None:
                yield answers.batch(message)
        finally:
            reader.cancel()

    async def _first(self, requests: AsyncIterator[pb.TerminalMessage]) -> pb.TerminalMessage | None:
        """One of the two messages that open a stream; None where it does not come."""
        try:
            async with asyncio.timeout(self._pace.greeting):
                return await anext(requests)
        except StopAsyncIteration:
            return None
        except TimeoutError:
            late = f"{self._pace.greeting:g} 秒没有说话 it said nothing for {self._pace.greeting:g} s"
            self._see([("hello", late)])
            return None

    async def _enter(self, entering: pb.TerminalMessage, challenge: bytes) -> pb.RelayMessage:
        match entering.WhichOneof("body"):
            case "login":
                self._see(judge_proof(entering.login.auth_info, challenge, self._given))
                return await self._log_in(entering.login)
            case "resume":
                self._see(judge_proof(entering.resume.auth_info, challenge, self._given))
                return self._resume(entering.resume)
            case other:
                self._see([("hello", f"随机数之后收到 {other} after the challenge came {other}, not login or resume")])
                return answers.rejected("unexpected_message", 0)

    async def _log_in(self, login: pb.Login) -> pb.RelayMessage:
        self._see(judge_login(login, self._given))
        repeated = login.system_info in self._system_infos
        if self._system_infos:
            self._see(
                [
                    (
                        "system_info_fresh",
                        "同一份采集信息用了两次 the same system info was used twice" if repeated else "",
                    )
                ]
            )
        self._system_infos.add(login.system_info)
        now = asyncio.get_running_loop().time()
        if self.step is LessonStep.REFUSED:
            self._refused_at = now
            self._go_to(LessonStep.SLOW)
            return answers.rejected("too_many_logins", self._pace.retry_after)
        if self.step is LessonStep.SLOW:
            early = now < self._refused_at + self._pace.retry_after - 0.2
            waited = f"只等了 {now - self._refused_at:.1f} 秒 it waited {now - self._refused_at:.1f} s only"
            self._see([("retry_after", waited if early else "")])
            await self._wait_slowly()
            self._go_to(LessonStep.ORDER)
        elif self.step in BREAKS:
            self._see([("resume", "断线后重新登录，没有恢复 it logged in instead of resuming")])
        elif self.step is LessonStep.STOPPING:
            self._see([("relay_stopping", "")])
        self._sequence = 0
        self._unanswered.clear()
        return self._welcome(resumed=False)

    async def _wait_slowly(self) -> None:
        """The answer to a login takes its time; going away, or coming twice, is impatience."""
        self._arrived.clear()
        impatient = "没有等登录应答就离开或另连 it left, or came again, before the login was answered"
        try:
            async with asyncio.timeout(self._pace.slow):
                await self._arrived.wait()
        except TimeoutError:
            self._see([("patience", "")])
        except asyncio.CancelledError:
            self._see([("patience", impatient)])
            raise
        else:
            self._see([("patience", impatient)])

    def _resume(self, resume: pb.Resume) -> pb.RelayMessage:
        if self.step is LessonStep.STOPPING:
            self._see([("relay_stopping", "会话已结束，却要恢复 the session is over, and it asked to resume")])
            return answers.rejected("session_gone", 0)
        self._see([("resume", "")])
        newest = bool(self._tokens) and resume.resume_token == self._tokens[-1]
        older = (
            "旧的令牌 an older token"
            if resume.resume_token in self._tokens
            else "未知的令牌 a token that was never given"
        )
        self._see([("resume_token", "" if newest else older)])
        have, asked = self._sequence, resume.after_sequence
        wrong = f"最后的序号是 {have}，它说 {asked} the last sequence is {have}, it says {asked}"
        self._see([("resume_sequence", "" if have == asked else wrong)])
        return self._welcome(resumed=True)

    def _welcome(self, *, resumed: bool) -> pb.RelayMessage:
        self._tokens.append(os.urandom(16))
        return answers.welcome(self._given, self._tokens[-1], resumed=resumed)

    def _disturb(self, what: Any) -> None:
        """What happens next on the line; one thing at a time."""
        if self._events is not None and self._events is not asyncio.current_task():
            self._events.cancel()
        self._events = asyncio.get_running_loop().create_task(what, name="checking-disturb")

    async def _after_entering(self) -> None:
        if self.step is LessonStep.ORDER and self._orders:
            await self._break_after_order()  # the terminal lost its stream by itself, before the lesson cut it
        elif self.step is LessonStep.FIRST_BREAK:
            await self._send_event(pb.RelayMessage(status=answers.LIVE))
            await asyncio.sleep(self._pace.breath)
            self._go_to(LessonStep.SECOND_BREAK)
            self._line.cut()
        elif self.step is LessonStep.SECOND_BREAK:
            await asyncio.sleep(self._pace.breath)
            self._fall_silent()
        elif self.step is LessonStep.SILENCE:
            await asyncio.sleep(self._pace.breath)
            self._go_to(LessonStep.STOPPING)
            await self._end(pb.Goodbye.KIND_RELAY_STOPPING)
        elif self.step is LessonStep.STOPPING:
            await asyncio.sleep(self._pace.breath)
            self._go_to(LessonStep.LOGOUT)

    def _fall_silent(self) -> None:
        self._arrived.clear()
        self._go_to(LessonStep.SILENCE)
        self._line.fall_silent()
        self._silence = asyncio.get_running_loop().create_task(self._watch_silence(), name="checking-silence")

    async def _watch_silence(self) -> None:
        try:
            async with asyncio.timeout(self._pace.silence):
                await self._arrived.wait()
        except TimeoutError:
            if self._pace.judge_silence:
                late = f"{self._pace.silence:g} 秒没有发现 it did not notice within {self._pace.silence:g} s"
                self._see([("keepalive", late)])
            self._line.cut()
        else:
            self._see([("keepalive", "")])

    async def _read(self, requests: AsyncIterator[pb.TerminalMessage]) -> None:
        async for message in requests:
            if message.HasField("call"):
                await self._answer(message.call)
            elif message.HasField("logout"):
                await self._part()

    async def _part(self) -> None:
        await self._end(pb.Goodbye.KIND_LOGGED_OUT)
        self._go_to(LessonStep.DONE)
        self._disturb(self._watch_absence())

    async def _end(self, kind: pb.Goodbye.Kind) -> None:
        outbox = self._outbox
        await outbox.put(answers.goodbye(kind))
        await outbox.put(None)

    async def _watch_absence(self) -> None:
        await asyncio.sleep(self._pace.watch)
        self._see([("logged_out", "")])
        self.finished.set()

    async def _answer(self, call: pb.Call) -> None:
        self._see(judge_call(call, self._given, self._unanswered))
        self._unanswered.add(call.request_id)
        is_order = call.request.WhichOneof("body") == "order_insert"
        if is_order:
            self._judge_repetition(call)
        for message, last in answers.answers_to(call, self._given):
            if message.HasField("event"):
                await self._send_event(message)
            else:
                await self._outbox.put(message)
            if last:
                self._unanswered.discard(call.request_id)
        if is_order and self.step is LessonStep.ORDER:
            self._disturb(self._break_after_order())

    def _judge_repetition(self, call: pb.Call) -> None:
        order = call.request.order_insert
        signature = tuple(getattr(order, name) for name in ORDER_SIGNATURE)
        known = self._orders.get(signature)
        same_key = bool(known) and known == call.client_order_key
        if known is not None and self.step > LessonStep.ORDER and not same_key:
            self._see([("order_repeated", "同样的报单又来了一次 the same order came again")])
        self._orders[signature] = call.client_order_key

    async def _break_after_order(self) -> None:
        await asyncio.sleep(self._pace.breath)
        self._go_to(LessonStep.FIRST_BREAK)
        self._line.cut()

    async def _send_event(self, message: pb.RelayMessage) -> None:
        self._sequence += 1
        message.sequence = self._sequence
        await self._outbox.put(message)
