"""Random histories of the order router: whatever comes in whatever order, every call is sent and answered as it must be.

A history plays several terminals of three investors, the firm's other processes, the API and the counter. After every
step it is asked where each call is; at the end nothing may be left, though only the router's own times pass.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.orders import outputs
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.ctp.pacing.ticket import Stage
from relay.counter.port import CallOutcome, LinkState, LinkStatus
from relay.refusals import call_reasons, relay_reasons
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.orders.fed_router import Fed, events
from tests.relay.counter.ctp.played_board import answer, order_fields

HISTORIES, STEPS = 12, 70
TERMINALS = ("100001", "100001", "100002", "100003")
ELSEWHERE = virtual_front(7)


class History(Fed):
    """A router that things happen to at random."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.calls: list[OpenCall] = []
        self.links: list[RouterLink] = []
        self.ends: Counter[tuple[RouterLink, int]] = Counter()
        self.times_sent: Counter[OpenCall] = Counter()
        self.taken: dict[OpenCall, int] = {}
        """what the API said to a call the last time"""
        self.references: dict[RefSpace, int] = defaultdict(int)
        self.open_asks: list[outputs.AskFirm] = []
        self.number = 0
        super().__init__(packages=self.dice.choice((0, 1, 3)), firm=self.dice.random() < 0.7)
        self.links = [self.link(name) for name in TERMINALS]

    # What a driver does ------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """As the driver: everything whose turn it is, then what came out."""
        while (call := self.router.next(self.now)) is not None:
            self.look(call)
            self.send(call)
        for output in self.router.take():
            if isinstance(output, outputs.CallResult):
                self.results.append((output.call, output.result))
                self.open_asks = [ask for ask in self.open_asks if ask.call is not output.call]
            elif isinstance(output, outputs.AskFirm):
                self.asks.append(output)
                self.open_asks.append(output)
        self.look()

    def send(self, call: OpenCall) -> None:
        if self.dice.random() < 0.03:
            self.router.not_sent(call, relay_reasons.order_map_unavailable(), self.now)  # given up a moment ago
            return
        if self.router.write(call, self.now) is None:
            return
        if self.dice.random() < 0.03:
            self.router.not_sent(call, relay_reasons.order_map_unavailable(), self.now)  # a full disk
            return
        for entry in call.outgoing.entries:
            assert entry.counter_ref > self.references[entry.space], "the counter wants increasing references"
            self.references[entry.space] = entry.counter_ref
        assert call.result_due or call.is_question, "an order that had its result is sent"
        assert call.link.is_open, "something is sent for a terminal that has left"
        self.times_sent[call] += 1
        if self.dice.random() < 0.03:
            self.router.not_sent(call, call_reasons.outcome_unknown(), self.now, for_sure=False)  # the API raised
            return
        code = self.dice.choice((0,) * 12 + (-1, -2, -3))
        self.taken[call] = code
        self.router.returned(call, code, self.now)

    # What happens ------------------------------------------------------------------------------------------------

    def step(self) -> None:
        happens = self.dice.choice(("call",) * 10 + ("answer",) * 4 + ("firm",) * 3 + ("time",) * 4 + ("rest",))
        match happens:
            case "call":
                self.burst()
            case "answer":
                self.counter_answers()
            case "firm":
                self.firm_answers()
            case "time":
                self.pass_time()
            case _:
                self.rest()
        self.pump()

    def burst(self) -> None:
        link = self.dice.choice(self.links)
        for _ in range(self.dice.choice((1, 1, 2, 4))):
            self.one_call(link)

    def one_call(self, link: RouterLink) -> None:
        self.number += 1
        valid_for = self.dice.choice((0.5, 0.5, 3.0))
        earlier = str(max(1, self.number - self.dice.randint(0, 3)))
        match self.dice.choice(
            ("order", "order", "keyed", "cancel", "change", "of mate", "elsewhere", "query", "public")
        ):
            case "order":
                made = self.insert(link, valid_for, "")
            case "keyed":
                made = self.insert(link, valid_for, f"K{self.dice.randint(1, 9)}")
            case "cancel":
                made = self.act(link, valid_for, link, earlier, "0")
            case "change":
                made = self.act(link, valid_for, link, earlier, "3")
            case "of mate":
                made = self.act(link, valid_for, self.dice.choice(self.links), earlier, self.dice.choice("03"))
            case "elsewhere":
                theirs: dict[str, Any] = {"OrderRef": "12", "FrontID": ELSEWHERE, "SessionID": 3}
                made = self.fed(link, "ReqOrderAction", valid_for, ActionFlag="0", **theirs)
            case "query":
                made = self.fed(link, "ReqQryTrade", valid_for)
            case _:
                made = self.fed(link, "ReqQryInstrument", valid_for)
        if isinstance(made, OpenCall):
            self.calls.append(made)

    def insert(self, link: RouterLink, valid_for: float, key: str) -> OpenCall | Refusal:
        return self.fed(link, "ReqOrderInsert", valid_for, key, **order_fields(OrderRef=str(self.number)))

    def act(self, link: RouterLink, valid_for: float, of: RouterLink, ref: str, flag: str) -> OpenCall | Refusal:
        front, session = of.lane.front, of.lane.session
        return self.fed(
            link, "ReqOrderAction", valid_for, FrontID=front, SessionID=session, OrderRef=ref, ActionFlag=flag
        )

    def fed(self, link: RouterLink, name: str, valid_for: float, key: str = "", **fields: Any) -> OpenCall | Refusal:
        return self.submit(link, name, self.number, valid_for=valid_for, key=key, **fields)

    def counter_answers(self) -> None:
        waiting = [call for call in self.sent_calls() if self.router._answers.unanswered.find(call.request_id) is call]
        if not waiting:
            return
        call = self.dice.choice(waiting)
        if not call.is_question:
            self.router.event(answer("OnRspOrderInsert", call.request_id, 22), self.now)
            return
        error_id, is_last = self.dice.choice(((0, True), (0, True), (0, False), (90, True), (90, False)))
        row = {"InstrumentID": "rb2701", "InvestorID": "100001"} if call.method.name == "ReqQryTrade" else {}
        name = call.method.name.replace("Req", "OnRsp", 1)
        self.router.event(answer(name, call.request_id, error_id, is_last=is_last, **row), self.now)

    def sent_calls(self) -> list[OpenCall]:
        return [call for call, code in self.taken.items() if code == 0]

    def firm_answers(self) -> None:
        if not self.open_asks:
            return
        ask = self.dice.choice(self.open_asks)
        assert ask.call.link.line[0] is ask.call, "a call is asked for that is not the first of its line"
        self.open_asks.remove(ask)
        found = self.dice.choice((None, None, None, FirstOrder(ELSEWHERE, 3, "12"), call_reasons.relay_fault()))
        self.router.firm_answered(ask, found, None, self.now)

    def pass_time(self) -> None:
        until = self.now + self.dice.choice((0.01, 0.5, 1.1, 31.0))
        self.wake_until(until)
        self.now = until

    def wake_until(self, until: float) -> None:
        """Only what the router asks for: a time that it does not name leaves a call waiting for ever."""
        while (at := self.router.wake_at) is not None and at <= until:
            assert at > self.now or self.now == 0.0, "the router does not sleep"
            self.now = max(self.now, at)
            self.pump()

    def rest(self) -> None:
        match self.dice.choice(("break", "give up", "leave", "day")):
            case "break":
                self.live = False
                self.router.lost(LinkStatus(LinkState.RECOVERING, "front disconnected"), self.now)
                self.pump()
                self.back()
            case "give up":
                for call in self.dice.sample(self.calls, min(len(self.calls), 3)):
                    self.router.give_up(call, self.now)
            case "leave":
                self.links.append(self.link(self.dice.choice(TERMINALS)))
                self.router.close_link(self.links.pop(self.dice.randrange(len(self.links) - 1)), self.now)
            case _:
                self.live = False
                self.router.lost(LinkStatus(LinkState.RECOVERING, "night"), self.now)
                self.pump()
                self.router.start_day()
                self.back()

    def back(self) -> None:
        self.references.clear()
        self.log_in()

    # What must hold ----------------------------------------------------------------------------------------------

    def look(self, in_hand: OpenCall | None = None) -> None:
        """Between any two calls of the router's methods: one place for every call whose result is due."""
        waiting, had = self.router._waiting, Counter(id(call) for call, _ in self.results)
        due = {id(out.call) for out in self.router._out if isinstance(out, outputs.CallResult)}
        for call in self.calls:
            places = (call in waiting._parked) + (call.stage is Stage.WAITING) + (call is in_hand)
            assert call.stage is not Stage.WAITING or call not in waiting._parked
            is_answered = had[id(call)] + (id(call) in due)
            assert is_answered == (0 if call.result_due else 1)
            if call.result_due:
                assert places == 1, (places, call)
                assert call.link.is_open, "a call of a terminal that has left waits"
            if call.stage is Stage.WAITING:
                assert self.router._answers.unanswered.find(call.request_id) is not call, "not sent, but unanswered"
        assert waiting._parked.keys() >= {call for link in self.links for call in link.line}
        if in_hand is None:
            first = {link.line[0] for link in self.links if link.line}
            assert first == {ask.call for ask in self.open_asks}, "a line whose first does not ask, and stands still"
        assert len({id(ask.call) for ask in self.asks}) == len(self.asks), "a call is asked for twice"
        for link in self.links:
            self.ends.update((link, number) for number, _, is_last in events(link) if is_last)

    def end(self) -> None:
        """The counter falls silent, the firm answers nothing, and time passes or not; then the session ends."""
        router, is_patient = self.router, self.dice.random() < 0.5
        if is_patient:
            self.wake_until(self.now + 200.0)
            self.now += 200.0
        assert not is_patient or not any(link.questions for link in self.links)
        self.live = False
        router.lost(LinkStatus(LinkState.ENDED, "over"), self.now)
        self.pump()
        assert not [call for call in self.calls if call.result_due]
        assert (router._waiting._parked, router._waiting._named, router._pacer.waiting) == ({}, {}, 0)
        assert not any(link.line for link in self.links)
        assert not router._waiting._followers
        assert (len(router._answers.unanswered), router.wake_at) == (0, None)
        assert not any(link.questions for link in self.links)

    def check_calls(self) -> None:
        results = Counter(id(call) for call, _ in self.results)
        assert results == Counter(id(call) for call in self.calls), "each call has one result"
        for call, result in self.results:
            is_sent = isinstance(result, CallOutcome) and result.return_code == 0
            if not call.is_question:
                assert self.times_sent[call] <= 1, "an order is sent twice"
                assert is_sent or not self.ends[call.link, call.number], "what was not sent is answered"
            if call.is_question and call.link in self.links:
                assert self.ends[call.link, call.number] == (1 if is_sent else 0), (call, result)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a_random_history_leaves_no_call_behind(seed: int) -> None:
    """One result for each call, no order twice, no call in two places, and nothing that waits for ever."""
    history = History(seed)

    for _ in range(STEPS):
        history.step()
    history.end()

    history.check_calls()
