"""Events on their way up: answers by their request id, notices by investor and lane, each once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum

import structlog

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Callback, Shape
from ctpabi.codec import text
from ctpabi.codec.cells import text_cell
from ctpabi.codec.messages import event_bytes
from ctpabi.facts.errors import NEVER_ANSWERED
from ctpabi.facts.requests import known_requests
from relay.counter.ctp.link import CtpLink
from relay.counter.ctp.pending import Asked, Pending
from relay.counter.ctp.tools import SwitchboardTools
from relay.counter.port import CounterEvent
from relay.domain.day_notices import DayNotices
from relay.domain.delivery import Delivery, Notice
from relay.domain.from_now import ReplayWatch
from relay.domain.lane import Lane
from relay.domain.lanes import Lanes
from relay.domain.operator_mask import OperatorMask
from relay.domain.query_cache import QueryCache, Row
from relay.domain.ref_map import MapEntry
from relay.domain.repetitions import Repetitions

_log = structlog.get_logger(__name__)

_FUNDS = "OnRspQryTradingAccount"


class Lost(Enum):
    """Why an answer will not come; the value is what whoever asked is told."""

    BROKEN = "连接中断, 未得到答复 / the connection broke before the answer"
    LATE = "柜台未在时限内答复 / the counter did not answer in time"
    UNSENT = "请求未能发出 / the request could not be sent"


LinkOf = Callable[[Lane], CtpLink | None]
_Encoded = dict[tuple[int, bytes], CounterEvent]
"""by identity of the notice, and investor"""


class EventRouter:
    """The way up of one counter session."""

    def __init__(
        self,
        tools: SwitchboardTools,
        lanes: Lanes,
        pending: Pending,
        cache: QueryCache,
        link_of: LinkOf,
        *,
        operator_id: str,
    ) -> None:
        """With an operator the session is shared: terminals may join later and want the day's notices then."""
        self._catalog = tools.catalog
        self._ownership = tools.ownership
        self._lanes = lanes
        self._pending = pending
        self._cache = cache
        self._link_of = link_of
        self._deliveries: dict[CtpLink, Delivery] = {}
        self._repetitions = Repetitions(tools.catalog)
        self._known = tools.known
        self._day = DayNotices(tools.catalog, tools.ownership, tools.known) if operator_id else None
        self._from_now: set[CtpLink] = set()
        self._watch: ReplayWatch | None = None
        """while the first login's replay goes on"""
        self._mask = OperatorMask(tools.catalog, operator_id)
        self._withheld_rows: set[tuple[str, str]] = set()
        self._account_cell = text_cell(tools.catalog.structs["TradingAccount"], "AccountID")
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None

    # Links ---------------------------------------------------------------------------------------------------

    def open(self, link: CtpLink, *, from_now: bool) -> None:
        """A terminal joined; it gets the day's notices of its investor first, unless it wants only new ones."""
        self._deliveries[link] = Delivery(self._catalog)
        self._known.add(link.lane.identity)
        if from_now:
            self._from_now.add(link)
        elif self._day is not None:
            replay = self._day.replay(link.lane.identity)
            link.put_later(0, self._replayed(link, replay.notices))
            link.lost_history = not replay.complete
            if link.lost_history:
                _log.warning("day_notices_incomplete", investor=link.lane.identity.investor_id, session=link.session)

    def logged_in(self, login_time: str) -> None:
        """The first login of the session, at the counter's time; what comes now is the day so far."""
        self._watch = ReplayWatch(self._catalog, login_time, self._loop.time())

    def broke(self) -> None:
        """The session broke: after its next login the day comes again."""
        if self._watch is not None:
            self._watch.broke(self._loop.time())

    def close(self, link: CtpLink) -> None:
        """A terminal left; idempotent."""
        self._deliveries.pop(link, None)
        self._from_now.discard(link)

    def start_day(self) -> None:
        """A new trading day: yesterday's notices are forgotten."""
        if self._day is not None:
            self._day.start_day()
        self._repetitions.start_day()
        self._watch = None
        for delivery in self._deliveries.values():
            delivery.start_day()

    def stop(self) -> None:
        """No more alarms."""
        if self._alarm is not None:
            self._alarm.cancel()

    # Notices -------------------------------------------------------------------------------------------------

    def notify(self, event: RawEvent) -> None:
        """One OnRtn… or OnErrRtn…, to every lane that may see it; the counter's own repetitions end here."""
        if event.body is None:
            return
        notice = Notice(event.callback, event.body, *event.error)
        order = self._lanes.order_of(event.callback, event.body)
        if order is not None:
            self._pending.noticed(order)
        if not self._repetitions.first_time(notice, ours=order is not None):
            return
        if self._day is not None and not self._lanes.is_private(event.callback):
            self._day.record(notice)
        news = self._news(notice, order)
        encoded: _Encoded = {}
        for lane, shown in self._lanes.receivers(event.callback, event.body, order):
            link = self._link_of(lane)
            if link is None:
                continue
            key = id(notice), lane.identity.investor
            if key not in encoded:
                encoded[key] = self._encoded(notice, shown, lane.identity.investor)
            for item in news if link in self._from_now else (notice,):
                self._give(link, item, encoded)

    def _news(self, notice: Notice, order: MapEntry | None) -> tuple[Notice, ...]:
        """What of a notice terminals get that want nothing from before their login."""
        watch = self._watch
        if watch is None:
            return (notice,)
        own = order is not None and any(_sent(link.lane, order) for link in self._from_now)
        welcomed = any(link.is_read for link in self._from_now)
        news = watch.take(notice, self._loop.time(), own=own, welcomed=welcomed)
        if watch.over:
            self._watch = None
        return news

    def _replayed(self, link: CtpLink, notices: Iterator[Notice]) -> Iterator[CounterEvent | None]:
        for notice in notices:
            delivery = self._deliveries.get(link)
            if delivery is None:
                return
            yield None
            for item in delivery.accept(notice, self._loop.time()):
                yield self._event(item, link.lane.identity.investor, {})
            if delivery.held:
                self._wake_for(delivery)

    def _give(self, link: CtpLink, notice: Notice, encoded: _Encoded) -> None:
        delivery = self._deliveries.get(link)
        if delivery is None:
            return
        if link.has_notices_to_come:
            # A trade of the day so far may wait for this order: it takes its turn behind what came before.
            link.put_later(0, self._replayed(link, iter((notice,))))
            return
        for item in delivery.accept(notice, self._loop.time()):
            link.put(self._event(item, link.lane.identity.investor, encoded))
        if delivery.held:
            self._wake_for(delivery)

    def _event(self, notice: Notice, investor: bytes, encoded: _Encoded) -> CounterEvent:
        """As terminals of this investor see it now: worked out once, however many get it."""
        key = id(notice), investor
        event = encoded.get(key)
        if event is None:
            shown = self._lanes.show_past(notice.callback, notice.body)
            event = encoded[key] = self._encoded(notice, shown, investor)
        return event

    def _encoded(self, notice: Notice, shown: bytes, investor: bytes) -> CounterEvent:
        seen = self._mask.show(notice.callback, shown, investor)
        wire = event_bytes(notice.callback, seen, error_id=notice.error_id, error_msg=notice.error_msg)
        return CounterEvent(notice.callback.name, wire, error_id=notice.error_id)

    def _wake_for(self, delivery: Delivery) -> None:
        if self._alarm is None and delivery.due_at is not None:
            self._alarm = self._loop.call_at(delivery.due_at, self._release)

    def _release(self) -> None:
        self._alarm = None
        for link, delivery in self._deliveries.items():
            for item in delivery.release(self._loop.time()):
                link.put(self._event(item, link.lane.identity.investor, {}))
            self._wake_for(delivery)

    # Answers -------------------------------------------------------------------------------------------------

    def answer(self, event: RawEvent) -> Asked | None:
        """One OnRsp…, to whoever asked; returns the question, for what the relay itself learns from it."""
        error_id, error_msg = event.error
        asked = self._pending.answered(event.request_id, is_last=event.is_last)
        if asked is None:
            self._unasked(event)
            return None
        if asked.done is not None:
            if event.is_last and not asked.done.done():
                asked.done.set_result(error_id)
            return asked
        is_row = known_requests()[asked.method.name].is_query
        for link, request_id in self._askers(asked, event, error_id):
            if is_row:
                rsp = error_id, error_msg
                link.put_later(request_id, self._rows(link, request_id, (_row(event),), rsp))
            else:
                self._tell(link, request_id, event.callback, event.body, (error_id, error_msg), is_last=event.is_last)
        return asked

    def _unasked(self, event: RawEvent) -> None:
        """An error that answers no request speaks of the connection, 4040 say: the API and the front do not match.

        It is logged, and told to the terminal whose own session it is; an operator's session is no terminal's business.
        """
        if event.callback.name != "OnRspError" or event.request_id != 0:
            return
        error_id, error_msg = event.error
        _log.warning("counter_error", error_id=error_id, text=text.decode(error_msg))
        if self._day is not None:
            return
        for link in self._deliveries:
            self._tell(link, 0, event.callback, None, (error_id, error_msg), is_last=event.is_last)

    def tell_rows(self, link: CtpLink, request_id: int, rows: tuple[Row, ...]) -> None:
        """What of an answer was known already."""
        link.put_later(request_id, self._rows(link, request_id, rows, (0, b"")))

    def _rows(
        self, link: CtpLink, request_id: int, rows: tuple[Row, ...], rsp: tuple[int, bytes]
    ) -> Iterator[CounterEvent | None]:
        for row in rows:
            yield self._told(link, request_id, row.callback, row.body, rsp, is_last=row.is_last)

    def lost(self, asked: Asked, why: Lost = Lost.BROKEN, but: tuple[CtpLink, int] | None = None) -> None:
        """The answer will not come: whoever waits is told, except `but`, who knows."""
        if asked.done is not None:
            if not asked.done.done():
                asked.done.set_result(NEVER_ANSWERED)
            return
        callback = self._catalog.callbacks["OnRspError"]
        askers: tuple[object, ...] = ((asked.link, asked.request_id),)
        if asked.cache_key is not None:
            askers = self._cache.abandon(asked.cache_key)
        told = NEVER_ANSWERED, why.value.encode("gb18030")
        for link, request_id in _pairs(tuple(asker for asker in askers if asker != but)):
            self._tell(link, request_id, callback, None, told, is_last=True)

    def _learn_account(self, link: CtpLink, callback: Callback, body: bytes) -> None:
        """Which fund account is this investor's, as the counter tells his own session: transfers name only that.

        An operator's session hears of everybody's accounts, so nothing is learned there: the directory decides.
        """
        identity = link.lane.identity
        if callback.name != _FUNDS or self._account_cell is None or identity.operator_id:
            return  # other answers may only repeat what a terminal wrote
        account = text.decode(self._account_cell.read(body))
        if account and account not in identity.accounts:
            link.lane.identity = replace(identity, accounts=identity.accounts | {account})

    def _withheld(self, link: CtpLink, callback: Callback) -> None:
        """Said once of each kind: the directory may lack an account of the investor."""
        key = link.lane.identity.investor_id, callback.name
        if key not in self._withheld_rows:
            self._withheld_rows.add(key)
            _log.warning("row_of_another_withheld", investor=key[0], callback=key[1], session=link.session)

    def _askers(self, asked: Asked, event: RawEvent, error_id: int) -> Iterator[tuple[CtpLink, int]]:
        if asked.cache_key is None:
            return iter(((asked.link, asked.request_id),))
        return _pairs(self._cache.answered(asked.cache_key, _row(event), error_id=error_id))

    def _tell(
        self,
        link: CtpLink,
        request_id: int,
        callback: Callback,
        body: bytes | None,
        rsp: tuple[int, bytes],
        *,
        is_last: bool,
    ) -> None:
        event = self._told(link, request_id, callback, body, rsp, is_last=is_last)
        if event is not None:
            link.put(event)

    def _told(
        self,
        link: CtpLink,
        request_id: int,
        callback: Callback,
        body: bytes | None,
        rsp: tuple[int, bytes],
        *,
        is_last: bool,
    ) -> CounterEvent | None:
        """An answer as this terminal sees it; None where it is a row of somebody else."""
        if body is not None and not self._ownership.belongs(callback, body, link.lane.identity):
            self._withheld(link, callback)
            if not is_last:
                return None
            body = None
        shown = None
        if body is not None:
            self._learn_account(link, callback, body)
            shown = self._mask.show(callback, self._lanes.show(callback, body), link.lane.identity.investor)
        wire = event_bytes(callback, shown, error_id=rsp[0], error_msg=rsp[1], request_id=request_id, is_last=is_last)
        return CounterEvent(callback.name, wire, request_id, rsp[0], is_last)


def is_answer(event: RawEvent) -> bool:
    """Whether it answers a request; everything else is a notice."""
    return event.callback.shape in {Shape.RESPONSE, Shape.RESPONSE_ERROR}


def _sent(lane: Lane, order: MapEntry) -> bool:
    return (lane.front, lane.session) == (order.lane_front, order.lane_session)


def _row(event: RawEvent) -> Row:
    return Row(event.callback, event.body, event.is_last)


def _pairs(askers: tuple[object, ...]) -> Iterator[tuple[CtpLink, int]]:
    for asker in askers:
        if isinstance(asker, tuple) and isinstance(asker[0], CtpLink):
            yield asker
