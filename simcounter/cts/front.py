"""The front of CTS: which connection is which session, what is answered, and who hears of which trade.

One line: `CtsConnection` -> `take_line` -> the rules of misbehavior -> a handler of `CtsRequests` -> the answer, and then
the kernel's effects, which the CTP front carries out: it stores reports, keeps the day's notices and comes back with each
one through `hear`, where accounts that subscribed get it as 17002. So an answer goes out before the pushes it caused,
unless a rule delays it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from simcounter.cts import codes
from simcounter.cts.commands import CtsCommands
from simcounter.cts.connection import CtsConnection
from simcounter.cts.lines import LineError, Message, answer_line, read_request
from simcounter.cts.logins import CtsSession, CtsSessions
from simcounter.cts.misbehavior import CtsMisbehavior
from simcounter.cts.passwords import new_passkey
from simcounter.cts.requests import CONNECT, DISCONNECT, METHODS, PUSH, CtsAnswer, CtsRequests, refused
from simcounter.cts.rows import (
    RETURN_CANCELED,
    RETURN_CONFIRMED,
    RETURN_REJECTED,
    RETURN_TRADE,
    NativeOrder,
    key_of,
    knock_row,
    order_row,
    push_row,
)
from simcounter.events import TopicNotice
from simcounter.other_front import FrontParts
from simcounter.session import Values

BACKLOG = 1024
_RETURNS = {"3": RETURN_CONFIRMED, "5": RETURN_CANCELED}
"""OrderStatus -> returnType"""


class CtsFront:
    """Owner of all connections of CTS."""

    def __init__(self, parts: FrontParts) -> None:
        self._parts = parts
        self._server: asyncio.Server | None = None
        self.connections: set[CtsConnection] = set()
        self.sessions = CtsSessions()
        self.misbehavior = CtsMisbehavior()
        self.requests = CtsRequests(parts.kernel, parts.records, self.sessions)
        self.last_connect: Mapping[str, Any] = {}
        """the fields of the latest 10000"""

    # As an additional front -----------------------------------------------------------------------------------

    async def listen(self, host: str, port: int) -> int:
        """The port it listens on; again after `stop_listening`."""
        if self._server is not None:
            return port
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.accept, host, port, backlog=BACKLOG)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def accept(self) -> CtsConnection:
        """The protocol of a new connection."""
        connection = CtsConnection(self, new_passkey())
        self.connections.add(connection)
        return connection

    def drop(self, user_id: str = "") -> int:
        """Cuts the connections with this account or operator, or all; their sessions can be resumed."""
        found = [s.connection for s in self.sessions.with_account(user_id)] if user_id else list(self.connections)
        for connection in found:
            if connection is not None:
                connection.abort()
        return len(found)

    def force_out(self, user_id: str) -> int:
        """The supervisor cuts the sessions of this account or operator: 10001 unasked, and no resume."""
        found = self.sessions.with_account(user_id)
        for session in found:
            self._end(session, request_id=0)
        return len(found)

    def start_day(self) -> None:
        """Sessions of the day before are unknown; connections were dropped."""
        for session in list(self.sessions.by_id.values()):
            self._forget(session)
        self.requests.native.clear()

    def commands(self) -> dict[str, Callable[..., Any]]:
        return CtsCommands(self).commands()

    def hear(self, notice: TopicNotice) -> None:
        """A notice of the kernel's: trades, and where it is asked for orders too, go to who subscribed."""
        if notice.callback == "OnRtnTrade":
            values = self._parts.records.unpack("Trade", notice.body)
            native, order = self._order_of(values)
            self.push(notice.investor_id, push_row(knock_row(values), order, native, RETURN_TRADE))
        elif notice.callback == "OnRtnOrder" and self.misbehavior.tells_orders:
            values = self._parts.records.unpack("Order", notice.body)
            native, order = self._order_of(values)
            is_rejected = values["OrderSubmitStatus"] == "4"
            return_type = RETURN_REJECTED if is_rejected else _RETURNS.get(values["OrderStatus"], "")
            if return_type:
                row = {**order_row(values, native), "knockQty": 0, "knockCode": "", "knockTime": "0"}
                self.push(notice.investor_id, push_row(row, order, native, return_type))

    def _order_of(self, values: Values) -> tuple[NativeOrder, Values]:
        key = key_of(values)
        order = self._parts.kernel.desk.orders[key]
        return self.requests.native.get(key, NativeOrder()), self._parts.records.unpack("Order", bytes(order.body))

    def push(self, acct_id: str, row: Message) -> int:
        """17002 to every session where this account subscribed; how many these are."""
        heard = 0
        for session in self.sessions.with_account(acct_id):
            login = session.accounts.get(acct_id)
            if login is not None and login.subscribed and session.connection is not None:
                respond = {"successFlg": 0, "errorCode": "", "errorMsg": "", "lastFlag": True}
                message = answer_line(PUSH, 0, session.session_id, respond, {"subKnockInfo": row})
                self._write(session.connection, PUSH, message)
                heard += 1
        return heard

    # Owner of connections -------------------------------------------------------------------------------------

    def take_line(self, connection: CtsConnection, line: bytes) -> None:
        """One line; a LineError ends the connection."""
        msg_type, request_id, _, request = read_request(line)
        method = METHODS.get(msg_type, "")
        counts, scenario = self._parts.front.counts, self._parts.scenario
        counts.calls += 1
        if method:
            counts.by_method[method] = counts.by_method.get(method, 0) + 1
        counts.reports += 1 if request.get("F_TerminalOut") else 0
        if scenario.ignores(method) or self.misbehavior.use("ignore", msg_type) is not None:
            return
        if msg_type == CONNECT:
            self._connect(connection, request_id, request)
            return
        session = self.sessions.of(connection)
        if session is None:
            raise LineError("no session")
        if msg_type == DISCONNECT:
            self._end(session, request_id)
            return
        answer = self._commanded(msg_type, method) or self._handled(session, msg_type, request)
        self._send_answer(connection, msg_type, request_id, answer)
        self._parts.front.carry_out(answer.effects)

    def lose(self, connection: CtsConnection) -> None:
        self.connections.discard(connection)
        session = self.sessions.of(connection)
        if session is not None:
            for gone in self.sessions.park(session):
                self._forget(gone)

    def _commanded(self, msg_type: int, method: str) -> CtsAnswer | None:
        rule = self.misbehavior.use("refuse", msg_type)
        if rule is not None:
            return CtsAnswer([{}], rule.code, rule.text)
        info = self._parts.scenario.refusal(method)
        if info is not None:
            return CtsAnswer([{}], codes.error_code(info.error_id), codes.plain(info.error_msg))
        return None

    def _handled(self, session: CtsSession, msg_type: int, request: Mapping[str, Any]) -> CtsAnswer:
        handler = self.requests.handlers.get(msg_type)
        return handler(session, request) if handler is not None else refused(codes.NO_SUCH_FUNCTION)

    def _connect(self, connection: CtsConnection, request_id: int, request: Mapping[str, Any]) -> None:
        """10000: a new session, or the one that broke, with a passkey of this connection's."""
        self.last_connect = request
        self._parts.front.counts.connections += 1
        answer = self._commanded(CONNECT, "")
        asked = str(request.get("sessionId") or "")
        if answer is None:
            keeps = self.misbehavior.keeps_subscriptions
            if not asked:
                self.sessions.open_session(connection)
            elif self.misbehavior.refuses_resume or not self.sessions.resume(
                asked, connection, keeps_subscriptions=keeps
            ):
                answer = refused(codes.NO_SESSION)
        if answer is None:
            greeting = {
                "sysDate": self._parts.kernel.access.trading_day,
                "sysVersion": "simulated",
                "customer": "演示",
                "serverName": "simcts",
                "expireDate": "20991231",
                "passkey": connection.passkey,
            }
            answer = CtsAnswer([greeting])
        self._send_answer(connection, CONNECT, request_id, answer)

    def _end(self, session: CtsSession, request_id: int) -> None:
        """10001, asked for or not: the session is over and cannot be resumed."""
        connection, self_day = session.connection, self._parts.kernel.access.trading_day
        self._forget(session)
        if connection is not None:
            connection.session_id = session.session_id
            self._send_answer(connection, DISCONNECT, request_id, CtsAnswer([{"sysDate": self_day}]))
            connection.close()

    def _forget(self, session: CtsSession) -> None:
        self.sessions.by_id.pop(session.session_id, None)
        for kernel_session in session.kernel_sessions():
            self._parts.kernel.close_session(kernel_session.session_id)

    # Answers --------------------------------------------------------------------------------------------------

    def _send_answer(self, connection: CtsConnection, msg_type: int, request_id: int, answer: CtsAnswer) -> None:
        last = len(answer.data) - 1
        for number, data in enumerate(answer.data):
            respond = {
                "successFlg": 1 if answer.code else 0,
                "errorCode": answer.code,
                "errorMsg": answer.text,
                "lastFlag": number == last,
            }
            self._write(connection, msg_type, answer_line(msg_type, request_id, connection.session_id, respond, data))

    def _write(self, connection: CtsConnection, msg_type: int, message: Message) -> None:
        self._parts.front.counts.events += 1
        delay, cut = self.misbehavior.use("delay", msg_type), self.misbehavior.use("cut", msg_type)
        data = self.misbehavior.lines(msg_type, message)
        send = connection.send_half if cut is not None else connection.send
        if delay is not None:
            asyncio.get_running_loop().call_later(delay.seconds, partial(send, data))
        else:
            send(data)
