"""The front: which connection is which session, who receives what, and what the database must keep.

The kernel decides and the front carries out. One request: `Connection` -> `receive` -> the scenario (is it to be
ignored, refused, answered otherwise?) -> `Kernel.handle_request` -> a list of effects -> `carry_out`.

What is kept: `connections`, by SessionID; `half_open`, sessions whose connection is gone while the kernel still counts
them; `flow`, the day's notices on the private and the public topic; `_audiences`, a cache of who sees whose notices.

What may happen in which order: a hello makes the session; then reports and calls in the order of their frames; then
the loss of the connection, which ends the session at the kernel too, at once or, when half open, later.

What holds between two events:

* Effects are carried out in the order the kernel gave, before the next frame is read. A StateChanged therefore reaches
  the shim before the callbacks after it, so the shim's synchronous calls already answer by the new state.
* A notice goes into `flow` first and then to the sessions that are connected. A session that logs in later gets it by
  ReplayTopics, so it gets every notice of its subscription once, in one order. A flood is not kept.
* `_audiences` depends on who is logged in. It is cleared whenever a session comes, goes or changes its state.
* Delays of the scenario concern one callback; what follows it is not held up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from ctpabi.catalog import Interface
from ctpabi.shim.abi_headers import abi_hash
from ctpabi.shim.wire import Frame, FrameType, event_frame, json_frame
from simcounter.config import CounterConfig
from simcounter.connection import MAX_UNSENT, Connection
from simcounter.events import Answer, Disconnect, Effect, LoginRecord, ReplayTopics, RspInfo, StateChanged, TopicNotice
from simcounter.kernel import Kernel, topic
from simcounter.market_data import MarketDataFront
from simcounter.records import Records
from simcounter.replay import DayFlow, TopicEntry, sees
from simcounter.scenario import Counts, Scenario
from simcounter.session import Session

MAX_CONNECTIONS = 4096
FLOOD_CHUNK = 1000
"""events in one write of a flood"""
PATIENCE_SECONDS = 30.0
"""how long a patient flood waits for its readers, all in all"""

_OWNERS = ("InvestorID", "AccountID")
"""request fields that say whose rows are wanted; an operator that leaves them empty gets everybody's"""

Store = Callable[[LoginRecord], None]


class Front:
    """Owner of all connections; carries out what the kernel decides."""

    def __init__(
        self,
        config: CounterConfig,
        kernel: Kernel,
        records: Records,
        scenario: Scenario,
        store: Store,
        market_data: MarketDataFront,
    ) -> None:
        self._abi_hash = config.abi_hash or abi_hash(records.catalog)
        self._config = config
        self._kernel = kernel
        self._records = records
        self._scenario = scenario
        self._store = store
        self.market_data = market_data
        self._methods = {method.slot: method for method in records.catalog.methods.values()}
        self._slots = {callback.name: callback.slot for callback in records.catalog.callbacks.values()}
        self.connections: dict[int, Connection] = {}
        """by SessionID"""
        self.half_open: set[int] = set()
        """sessions whose connection is gone while the kernel still counts them"""
        self._audiences: dict[tuple[str, str], list[int]] = {}
        """(InvestorID, UserID) of a notice -> who hears it; forgotten when anybody comes or goes"""
        self.flow = DayFlow(kernel.accounts)
        self.counts = Counts()
        self.address = ""
        self.hear: Callable[[TopicNotice], None] | None = None
        """the front of another system, which tells its own sessions"""

    def accept(self) -> Connection:
        """The protocol of a new connection."""
        return Connection(self, lambda: self._scenario.ftd_pkg_freq or self._config.packets_per_second)

    # Owner ----------------------------------------------------------------------------------------------------

    def greet(self, connection: Connection, hello: dict[str, object]) -> dict[str, object]:
        """The first frame: topics and flow path of the API instance; a shim of another version is refused."""
        if self._scenario.is_flapping:
            return {"ok": False, "why": "the front is flapping, as commanded"}
        if hello.get("interface") == Interface.MARKET_DATA:
            connection.hand_to(self.market_data)
            return self.market_data.greet(connection, hello)
        if hello.get("abi_hash", self._abi_hash) != self._abi_hash:
            version = self._records.catalog.version
            return {"ok": False, "why": f"the counter plays CTP {version}, this program has another"}
        if len(self.connections) >= MAX_CONNECTIONS:
            return {"ok": False, "why": "too many connections"}
        session = self._kernel.open_session(connection.peer_ip, connection.peer_port)
        session.private_topic = topic(hello.get("private_topic"))
        session.public_topic = topic(hello.get("public_topic"))
        session.flow_path = str(hello.get("flow_path", ""))
        connection.session = session
        self.connections[session.session_id] = connection
        self.counts.connections += 1
        return {"ok": True, **self.state_of(session)}

    def greeted(self, connection: Connection) -> None:
        """The hello was answered: what a front says of itself before any request."""
        info, session = self._scenario.shakes_hands_badly, connection.session
        if info is not None and session is not None:
            self.carry_out([Answer(session.session_id, "OnRspError", None, 0, info)])

    def state_of(self, session: Session) -> dict[str, object]:
        """What the shim answers synchronous calls from."""
        app_type = session.app.app_type.value if session.app is not None else ""
        submit_is_lost = app_type == "3" and session.login_failed
        front_info = {
            "FrontAddr": self.address,
            "QryFreq": self._scenario.qry_freq or self._kernel.query_pace.limit,
            "FTDPkgFreq": self._scenario.ftd_pkg_freq or self._config.packets_per_second,
        }
        return {
            "trading_day": self._kernel.access.trading_day,
            "front_info": front_info,
            "return_codes": self._scenario.return_codes,
            "app_type": "4" if submit_is_lost else app_type,
            "operator": session.may_submit,
            "logged_in": session.user is not None,
            "limit_queries": self._scenario.limit_queries,
        }

    def receive(self, connection: Connection, frame: Frame) -> None:
        session, method = connection.session, self._methods.get(frame.slot)
        if session is None or method is None or not method.struct or session.session_id not in self._kernel.sessions:
            return
        if frame.type is FrameType.REPORT:
            self.counts.reports += 1
            self.carry_out(self._kernel.report(session, method.name, frame.body))
        elif frame.type is FrameType.CALL:
            self.counts.calls += 1
            self.counts.by_method[method.name] = self.counts.by_method.get(method.name, 0) + 1
            self._call(session, method.name, frame)

    def _call(self, session: Session, method: str, frame: Frame) -> None:
        if self._scenario.ignores(method):
            return
        refusal = self._scenario.refusal(method)
        other = self._scenario.substitution(method)
        if refusal is not None:
            self.carry_out(self._refused(session, method, frame, refusal))
        elif other is not None:
            info = RspInfo(other.error_id, other.text) if other.error_id else None
            self.carry_out([Answer(session.session_id, other.callback, other.body, frame.request_id, info)])
        else:
            body = frame.body
            if self._scenario.has_foreign_rows(method):
                body = self._records.without(method, body, _OWNERS)
            effects = self._kernel.handle_request(session, method, body, frame.request_id)
            self.carry_out(effects)
            if method == "ReqForQuoteInsert" and not effects:
                # Accepted in silence; it is the market makers who hear of it.
                asked = self._records.unpack("InputForQuote", body)
                self.market_data.announce_quote_request(asked, self.counts.by_method[method])

    def _refused(self, session: Session, method: str, frame: Frame, rsp_info: RspInfo) -> list[Effect]:
        values = self._records.unpack(self._records.catalog.methods[method].struct, frame.body)
        effects = self._records.refusal(session, method, values, frame.request_id, rsp_info.error_id)
        return [replace(effect, rsp_info=rsp_info) for effect in effects if isinstance(effect, Answer | TopicNotice)]

    def lost(self, connection: Connection) -> None:
        session = connection.session
        if session is not None:
            self._audiences.clear()
            self.connections.pop(session.session_id, None)
            self.flow.leave(session)
            if session.session_id not in self.half_open:
                self._kernel.close_session(session.session_id)

    def break_half_open(self, session_id: int, seconds: float) -> None:
        """The program's end breaks; this end notices only after `seconds`, or at `notice_breaks` when that is 0.

        Until then the kernel counts the session: a login of the same user may get 60.
        """
        self.half_open.add(session_id)
        self.connections[session_id].abort()
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._notice_break, session_id)

    def notice_breaks(self) -> None:
        """The kernel learns of every half-open break now."""
        for session_id in list(self.half_open):
            self._notice_break(session_id)

    def _notice_break(self, session_id: int) -> None:
        if session_id in self.half_open:
            self.half_open.discard(session_id)
            self._audiences.clear()
            self._kernel.close_session(session_id)

    def cut_slow_reader(self, connection: Connection) -> None:
        del connection
        self.counts.cut_slow_readers += 1

    # Effects --------------------------------------------------------------------------------------------------

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in self._scenario.shape(effects):
            match effect:
                case Answer():
                    self._answer(effect)
                case TopicNotice():
                    self._notify(effect)
                case StateChanged():
                    self.send_state(effect.session_id)
                case ReplayTopics():
                    self._replay(effect.session_id)
                case Disconnect():
                    self._disconnect(effect.session_id)
                case LoginRecord():
                    self._store(effect)
        self.market_data.look()

    def _answer(self, answer: Answer) -> None:
        info = self._rsp_info(answer.rsp_info)
        slot = self._slots[answer.callback]
        frame = event_frame(slot, answer.body, info, answer.request_id, is_last=answer.is_last).encode()
        self._send_later(answer.callback, [answer.session_id], frame)

    def _notify(self, notice: TopicNotice) -> None:
        frame = self._notice_frame(notice)
        if notice.is_public:
            self.flow.public.append(frame)
        else:
            self.flow.add(TopicEntry(notice.investor_id, notice.user_id, frame))
        self._send_later(notice.callback, self._recipients(notice), frame, notice)

    def _notice_frame(self, notice: TopicNotice) -> bytes:
        info = self._rsp_info(notice.rsp_info)
        return event_frame(self._slots[notice.callback], notice.body, info, 0, is_last=True).encode()

    async def flood(self, notice: TopicNotice, count: int, *, patient: bool) -> None:
        """The same notice `count` times; the topics do not keep it. Patient: waits for readers instead of cutting them."""
        frame = self._notice_frame(notice)
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        for start in range(0, count, FLOOD_CHUNK):
            recipients = self._recipients(notice)
            self._send(recipients, frame, min(FLOOD_CHUNK, count - start))
            await asyncio.sleep(0)
            if patient:
                await self._wait_for(recipients, deadline)

    async def wait_for_readers(self) -> None:
        """Return when no reader is far behind, or after PATIENCE_SECONDS."""
        await asyncio.sleep(0)
        await self._wait_for(list(self.connections), asyncio.get_running_loop().time() + PATIENCE_SECONDS)

    async def _wait_for(self, sessions: list[int], deadline: float) -> None:
        loop = asyncio.get_running_loop()
        while self._are_behind(sessions) and loop.time() < deadline:  # noqa: ASYNC110 - several connections, no one event
            await asyncio.sleep(0.001)

    def _are_behind(self, sessions: list[int]) -> bool:
        return any(self.connections[s].unsent > MAX_UNSENT // 4 for s in sessions if s in self.connections)

    def _recipients(self, notice: TopicNotice) -> list[int]:
        key = (notice.investor_id, notice.user_id)
        audience = self._audiences.get(key)
        if audience is None:
            accounts = self._kernel.accounts
            audience = self._audiences[key] = [
                session.session_id
                for session in self._kernel.sessions.values()
                if session.user is not None and (notice.is_public or sees(accounts, session.user, *key))
            ]
        return audience

    def _rsp_info(self, info: RspInfo | None) -> bytes | None:
        if info is None:
            return None
        return self._records.pack("RspInfo", {"ErrorID": info.error_id, "ErrorMsg": info.error_msg})

    def _send_later(self, callback: str, sessions: list[int], frame: bytes, notice: TopicNotice | None = None) -> None:
        seconds = self._scenario.delay_of(callback)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._send_and_tell, sessions, frame, notice)
        else:
            self._send_and_tell(sessions, frame, notice)

    def _send_and_tell(self, sessions: list[int], frame: bytes, notice: TopicNotice | None) -> None:
        self._send(sessions, frame)
        if self.hear is not None and notice is not None:
            self.hear(notice)

    def _send(self, sessions: list[int], frame: bytes, times: int = 1) -> None:
        for session_id in sessions:
            connection = self.connections.get(session_id)
            if connection is not None:
                self.counts.events += times
                connection.send(frame * times)

    def send_state(self, session_id: int) -> None:
        """Sends the shim what its synchronous calls answer."""
        self._audiences.clear()
        connection = self.connections.get(session_id)
        if connection is not None and connection.session is not None:
            connection.send(json_frame(FrameType.STATE, self.state_of(connection.session)).encode())

    def _replay(self, session_id: int) -> None:
        connection = self.connections.get(session_id)
        if connection is not None and connection.session is not None:
            for frame in self.flow.after_login(connection.session):
                self.counts.events += 1
                connection.send(frame)

    def _disconnect(self, session_id: int) -> None:
        self._audiences.clear()
        connection = self.connections.get(session_id)
        if connection is not None:
            connection.close()
