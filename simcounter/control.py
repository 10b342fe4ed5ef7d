"""Commands to a running counter: each public method is one, in-process and over the control socket alike.

Arguments and results are plain JSON values, so `counter.control.refuse(...)` in a test and
`ctp-simcounter control refuse ...` from a shell are the same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from simcounter.errors_text import text_of
from simcounter.events import Answer, Disconnect, Effect, RspInfo, TopicNotice
from simcounter.filling import fill_day
from simcounter.scenario import FaultRule
from simcounter.settlement import day_report
from simcounter.trading.instruments import is_day

if TYPE_CHECKING:
    from simcounter.counter import SimulatedCounter

MAX_FLOOD = 1_000_000
"""events in one flood"""


class Control:
    """What can be done to a counter while it runs."""

    def __init__(self, counter: SimulatedCounter) -> None:
        self._counter = counter

    def commands(self) -> dict[str, Callable[..., Any]]:
        """All commands by name; those of another system's front too, where one listens."""
        names = [name for name in vars(Control) if not name.startswith("_") and name != "commands"]
        other = self._counter.other
        return {**{name: getattr(self, name) for name in names}, **(other.commands() if other is not None else {})}

    # Rules ----------------------------------------------------------------------------------------------------

    def refuse(self, method: str, error_id: int, text: str = "", times: int = 0) -> None:
        """`method` (ReqAuthenticate, ReqUserLogin …) is answered with this error; `times` 0 means always."""
        self._counter.scenario.refuse(self._method(method), error_id, text, times)

    def ignore(self, method: str, times: int = 0) -> None:
        """`method` gets no answer."""
        self._counter.scenario.ignore(self._method(method), times)

    def answer(
        self, method: str, callback: str, values: dict[str, Any] | None = None, error_id: int = 0, times: int = 1
    ) -> None:
        """`method` is answered by `callback` (OnRsp…) with these fields instead; without any it is NULL.

        Fields by CTP's names, binary ones as hexadecimal text.
        """
        body = self._packed(callback, values) if values is not None else None
        text = text_of(error_id) if error_id else ""
        rule = FaultRule(error_id, text, times=times, callback=self._known(callback), body=body)
        self._counter.scenario.substitute(self._method(method), rule)

    def mute(self, *, on: bool = True) -> None:
        """The counter answers nothing at all, but the connection stays."""
        self._counter.scenario.is_mute = on

    def delay(self, callback: str, seconds: float, times: int = 0) -> None:
        """`callback` (OnRspUserLogin, OnRtnTrade …) arrives late."""
        self._counter.scenario.delay(self._known(callback), seconds, times)

    def duplicate(self, callback: str, times: int = 0) -> None:
        """`callback` arrives twice."""
        self._counter.scenario.duplicate(self._known(callback), times)

    def trades_first(self, *, on: bool = True) -> None:
        """Each trade overtakes its order's return."""
        self._counter.scenario.trades_first = on

    def return_code(self, method: str, code: int) -> None:
        """The shim returns `code` for `method` without sending it; 0 takes the rule back."""
        codes = dict(self._counter.scenario.return_codes)
        if code:
            codes[self._method(method)] = code
        else:
            codes.pop(method, None)
        self._counter.scenario.return_codes = codes
        self._send_states()

    def frequencies(self, queries: int = 0, packets: int = 0, *, limit_queries: bool = False) -> None:
        """What GetFrontInfo tells (per second); packets above are held back, queries above get −3 when limited."""
        scenario = self._counter.scenario
        scenario.qry_freq, scenario.ftd_pkg_freq, scenario.limit_queries = queries, packets, limit_queries
        self._send_states()

    def order_limit(self, per_second: int) -> None:
        """Orders and cancels per user and second, then 116; 0: unlimited."""
        self._counter.kernel.desk.pace.limit = per_second

    def query_limit(self, per_second: int) -> None:
        """Queries per investor session and second, then 90; 0: unlimited."""
        self._counter.kernel.query_pace.limit = per_second

    def session_limit(self, per_user: int) -> None:
        """Sessions of one user at a time; the next login gets 60."""
        self._counter.kernel.access.sessions_per_user = per_user

    def initialized(self, *, on: bool) -> None:
        """False: logins get 7, as before the counter is ready in the morning."""
        self._counter.kernel.access.initialized = on

    def clear(self) -> None:
        """Takes all rules back."""
        counter = self._counter
        counter.scenario.clear()
        counter.kernel.access.initialized = True
        counter.kernel.access.sessions_per_user = counter.config.sessions_per_user
        counter.kernel.bank.answers_with.clear()
        counter.front.notice_breaks()
        self._send_states()

    def _send_states(self) -> None:
        for session_id in list(self._counter.front.connections):
            self._counter.front.send_state(session_id)

    def foreign_rows(self, method: str, times: int = 0) -> None:
        """`method` (ReqQry…) of an operator is answered with the rows of all its investors, even when it names one."""
        self._counter.scenario.add_foreign_rows(self._method(method), times)

    def rsp_error(self, error_id: int, text: str = "", user_id: str = "", *, at_connect: bool = False) -> int:
        """OnRspError of no request (id 0) to the sessions of `user_id`, or to every connection; returns how many.

        `at_connect`: to every new connection instead, until `clear`, as 4040 comes when versions do not fit.
        """
        counter, info = self._counter, RspInfo(error_id, text or text_of(error_id))
        if at_connect:
            counter.scenario.shakes_hands_badly = info
            return 0
        sessions = self._sessions_of(user_id) if user_id else list(counter.front.connections)
        counter.front.carry_out([Answer(session_id, "OnRspError", None, 0, info) for session_id in sessions])
        return len(sessions)

    def flap(self, *, on: bool = True) -> None:
        """The front takes every connection and ends it at once; the present ones are cut."""
        self._counter.scenario.is_flapping = on
        if on:
            self._counter.drop_all()

    async def pause(self) -> None:
        """The front is down: connections are refused, the present ones cut; kernel and day go on."""
        await self._counter.stop_listening()

    async def resume(self) -> None:
        """The front is back on its port."""
        await self._counter.listen()

    # Events ---------------------------------------------------------------------------------------------------

    def drop(self, user_id: str = "") -> int:
        """Cuts the connections of `user_id`, or all; returns how many."""
        if not user_id:
            return self._counter.drop_all()
        sessions = self._sessions_of(user_id)
        for session_id in sessions:
            self._counter.front.connections[session_id].abort()
        other = self._counter.other
        return len(sessions) + (other.drop(user_id) if other is not None else 0)

    def half_open(self, user_id: str = "", seconds: float = 0.0) -> int:
        """Breaks connections as `drop` does, but the counter goes on counting their sessions; returns how many.

        It notices after `seconds`, or with `notice_breaks` when that is 0. With `session_limit` the next login gets 60.
        """
        sessions = self._sessions_of(user_id) if user_id else list(self._counter.front.connections)
        for session_id in sessions:
            self._counter.front.break_half_open(session_id, seconds)
        return len(sessions)

    def notice_breaks(self) -> None:
        """The counter notices all half-open breaks now; their sessions count no more."""
        self._counter.front.notice_breaks()

    def force_out(self, user_id: str, *, silently: bool = False) -> int:
        """Logs `user_id` out unasked: OnRspUserLogout without a request and the cut, or only the cut."""
        counter = self._counter
        sessions = self._sessions_of(user_id)
        for session_id in sessions:
            session = counter.kernel.sessions[session_id]
            effects: list[Effect] = [Disconnect(session_id)]
            if not silently:
                values = {"BrokerID": counter.config.broker_id, "UserID": user_id}
                effects.insert(0, counter.records.answer(session, "OnRspUserLogout", values, 0))
            counter.front.carry_out(effects)
        return len(sessions) + (counter.other.force_out(user_id) if counter.other is not None else 0)

    def _sessions_of(self, user_id: str) -> list[int]:
        """Those that have a connection."""
        connected = self._counter.front.connections
        sessions = self._counter.kernel.sessions.values()
        users = [(s.session_id, s.user.user_id) for s in sessions if s.user is not None]
        return [session_id for session_id, name in users if name == user_id and session_id in connected]

    def tell(self, callback: str, values: dict[str, Any], investor_id: str = "", error_id: int = 0) -> None:
        """`callback` (OnRtn…, OnErrRtn…) with these fields, as `answer` takes them, to one investor or to everybody.

        It is kept like any other: later logins of the day get it too.
        """
        info = RspInfo.of(error_id) if error_id else None
        notice = TopicNotice(investor_id, self._known(callback), self._packed(callback, values), info)
        self._counter.front.carry_out([notice])

    def _known(self, callback: str) -> str:
        if callback not in self._counter.records.catalog.callbacks:
            raise ValueError(f"unknown callback {callback}")
        return callback

    def _method(self, name: str) -> str:
        if name not in self._counter.records.catalog.methods:
            raise ValueError(f"unknown method {name}")
        return name

    def _instrument(self, instrument_id: str) -> str:
        if instrument_id not in self._counter.kernel.desk.markets.by_id:
            raise ValueError(f"there is no instrument {instrument_id}")
        return instrument_id

    def _packed(self, callback: str, values: dict[str, Any]) -> bytes:
        records = self._counter.records
        return records.pack_plain(records.catalog.callbacks[self._known(callback)].struct, values)

    async def flood(
        self, count: int, callback: str = "OnRtnInstrumentStatus", investor_id: str = "", *, patient: bool = False
    ) -> int:
        """`count` empty `callback`s at once, to one investor or to everybody; they are not replayed later.

        A reader too slow for it is cut, unless `patient`.
        """
        count = max(0, min(count, MAX_FLOOD))
        values = {"InvestorID": investor_id, "BrokerID": self._counter.config.broker_id}
        notice = self._counter.records.notice(investor_id, callback, values)
        await self._counter.front.flood(notice, count, patient=patient)
        return count

    def move_market(self, instrument_id: str, price: float) -> int:
        """The market goes to `price`, filling resting orders on the way; returns the number of returns."""
        effects = self._counter.kernel.desk.move_market(self._instrument(instrument_id), price)
        self._counter.front.carry_out(effects)
        return len(effects)

    def open_market(self, instrument_id: str, *, on: bool) -> None:
        """Opens or closes trading in one instrument (ErrorID 17 while closed)."""
        self._counter.kernel.desk.markets.by_id[self._instrument(instrument_id)].is_open = on

    def settlement_price(self, instrument_id: str, price: float) -> None:
        """The coming settlement uses `price` for this contract; without it, the last price."""
        if price <= 0:
            raise ValueError("price must be above 0")
        self._counter.kernel.desk.set_settlement_price(self._instrument(instrument_id), price)

    def trading_day(self, day: str) -> None:
        """Settlement and day change (YYYYMMDD): positions and money are carried, all connections cut."""
        if not is_day(day):
            raise ValueError(f"{day} is not a day, YYYYMMDD")
        self._counter.start_day(day)

    def flow_clearing(self) -> None:
        """A restart of the front that clears the flow within the day (清流重启); all connections are cut.

        Orders and trades come again: FrontID, SessionID and OrderRef assigned anew, RequestID 0, RelativeOrderSysID
        empty; ExchangeID with OrderSysID, and with TraderID and OrderLocalID, stay.
        """
        self._counter.clear_flow()

    def bank_error(self, error_id: int, times: int = 1) -> None:
        """The bank answers the next transfers with this error (1006 overtime, 1011 late answer …); no money moves."""
        self._counter.kernel.bank.answers_with += [error_id] * times

    async def fill_day(self, investor_id: str, orders: int, instrument_id: str = "rb2701") -> int:
        """`orders` real orders of this investor, each canceled at once: three notices each; returns how many.

        They are the day's like any others: replayed at logins and found by queries.
        """
        return await fill_day(
            self._counter, investor_id, max(0, min(orders, MAX_FLOOD)), self._instrument(instrument_id)
        )

    def account(self, user_id: str, **flags: bool) -> None:
        """Sets first_login, expired, weak or locked of a user."""
        user = self._counter.accounts.users.get(user_id)
        if user is None:
            raise ValueError(f"there is no user {user_id}")
        for name, value in flags.items():
            if name not in {"first_login", "expired", "weak", "locked"}:
                raise ValueError(f"unknown flag {name}")
            setattr(user, name, value)

    # Questions ------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        counter, counts = self._counter, self._counter.front.counts
        users = [s.user.user_id for s in counter.kernel.sessions.values() if s.user is not None]
        return {
            "address": counter.address,
            "trading_day": counter.kernel.access.trading_day,
            "connections": len(counter.front.connections),
            "half_open": len(counter.front.half_open),
            "logged_in": sorted(users),
            "logins_today": dict(counter.kernel.access.logins),
            "orders": len(counter.kernel.desk.orders),
            "trades": len(counter.kernel.desk.trades),
            "calls": counts.calls,
            "by_method": dict(counts.by_method),
            "reports": counts.reports,
            "dropped_reports": len(counter.kernel.reports.dropped),
            "events": counts.events,
            "cut_slow_readers": counts.cut_slow_readers,
        }

    def reports(self) -> list[dict[str, Any]]:
        """The day's report, readable where the counter has the private test key."""
        counter = self._counter
        day = counter.kernel.access.trading_day
        return [asdict(line) for line in day_report(counter.tmdb.reports(trading_day=day), counter.monitoring_key)]
