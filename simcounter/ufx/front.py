"""The front of UFX: registrations, calls and their answers, topics and pushes; the kernel and the desk are CTP's front's.

One message: `UfxConnection` -> `take` -> the rules of misbehavior -> a function -> its answer, and then the kernel's
effects, which the CTP front carries out: it stores reports and comes back with each notice through `hear`, from where
pushes go to who subscribed. So an answer goes out before the pushes it caused, unless a rule turns that around.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from simcounter.events import TopicNotice
from simcounter.other_front import FrontParts
from simcounter.scenario import Counts
from simcounter.session import Session
from simcounter.ufx import codes
from simcounter.ufx.answers import UfxAnswer, refused
from simcounter.ufx.codes import UfxFunction
from simcounter.ufx.commands import UfxCommands
from simcounter.ufx.connection import Outgoing, UfxConnection, message_frame
from simcounter.ufx.logins import Row, UfxLogins
from simcounter.ufx.lzo import unpack_lzo
from simcounter.ufx.misbehavior import UfxMisbehavior
from simcounter.ufx.orders import UfxOrders
from simcounter.ufx.pack import decode_pack, encode_pack
from simcounter.ufx.queries import UfxQueries
from simcounter.ufx.rows import UfxRow
from simcounter.ufx.tags import BodyError, PacketType, Tag, Tags, bytes_of, number_of
from simcounter.ufx.tokens import IssuedToken, UfxTokens
from simcounter.ufx.topics import (
    BEAT_SECONDS,
    LIST,
    PUSH,
    SESSION,
    SUBSCRIBE,
    UNSUBSCRIBE,
    TopicSession,
    UfxTopics,
    step_of,
    topic_list,
)

BACKLOG = 1024
REGISTER, PROBE = 32, 33
"""functions of control messages; 33 is the connection's heartbeat, which is answered by packet type 3"""
_PROBE_ANSWER = 3
_ECHOED = (Tag.PACKET_ID, Tag.SENDER_ID)

Call = Callable[[IssuedToken, Sequence[Row]], UfxAnswer]


class UfxFront:
    """Owner of all connections of UFX."""

    def __init__(self, parts: FrontParts) -> None:
        self._parts = parts
        self._servers: list[asyncio.Server] = []
        self._second: asyncio.Server | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._held: list[Callable[[], None]] = []
        self.connections: set[UfxConnection] = set()
        self.misbehavior = UfxMisbehavior()
        self.tokens = UfxTokens(parts.clock, self._ended)
        self.topics = UfxTopics(parts.kernel.accounts)
        self.logins = UfxLogins(parts.kernel, parts.records, self.tokens, parts.clock)
        self.orders = UfxOrders(parts.kernel, parts.records)
        self.queries = UfxQueries(parts.kernel, parts.records, self.orders)
        self._calls: dict[int, Call] = {
            UfxFunction.HEARTBEAT: self.logins.keep_alive,
            UfxFunction.LOGOUT: self._log_out,
            UfxFunction.ACCOUNTS: self.queries.accounts,
            UfxFunction.PORTFOLIOS: self.queries.portfolios,
            UfxFunction.POSITIONS: self.queries.positions,
            UfxFunction.ORDERS: self.queries.orders,
            UfxFunction.TRADES: self.queries.trades,
            UfxFunction.MARGIN: self.queries.margin,
            UfxFunction.ORDER: self.orders.insert,
            UfxFunction.CANCEL: self.orders.cancel,
        }

    # As an additional front -----------------------------------------------------------------------------------

    async def listen(self, host: str, port: int) -> int:
        """The port it listens on; again after `stop_listening`."""
        if self._servers:
            return port
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(self.accept, host, port, backlog=BACKLOG))
        self._beat = loop.call_later(BEAT_SECONDS, self._beat_once)
        return int(self._servers[0].sockets[0].getsockname()[1])

    async def listen_second(self) -> int:
        """A second address, for a client that knows two; the port."""
        if self._second is None:
            loop = asyncio.get_running_loop()
            host = self._parts.config.host
            self._second = await loop.create_server(self.accept, host, 0, backlog=BACKLOG)
        return int(self._second.sockets[0].getsockname()[1])

    async def stop_first(self) -> None:
        """The first address is down, its connections are cut; the second, where there is one, goes on."""
        ports = {server.sockets[0].getsockname()[1] for server in self._servers}
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in [c for c in self.connections if c.local_port in ports]:
            connection.abort()

    async def stop_listening(self) -> None:
        for server in (*self._servers, *([self._second] if self._second is not None else [])):
            server.close()
        self._servers.clear()
        self._second = None
        if self._beat is not None:
            self._beat.cancel()

    def accept(self) -> UfxConnection:
        """The protocol of a new connection."""
        connection = UfxConnection(self)
        self.connections.add(connection)
        return connection

    def drop(self, user_id: str = "") -> int:
        """Cuts all connections: a token belongs to none, so one user's cannot be told from another's."""
        found = [] if user_id and not any(t.operator_no == user_id for t in self.tokens.alive()) else self.connections
        count = len(found)
        for connection in list(found):
            connection.abort()
        return count

    def force_out(self, user_id: str) -> int:
        """The supervisor ends this operator's tokens and subscriptions."""
        self.topics.kick(user_id)
        return self.tokens.end_all(user_id)

    def start_day(self) -> None:
        """Tokens and entrusts of the day before are unknown; connections were dropped."""
        self.tokens.end_all()
        self.orders.start_day()

    def commands(self) -> dict[str, Callable[..., object]]:
        return UfxCommands(self).commands()

    def hear(self, notice: TopicNotice) -> None:
        """A notice of the kernel's: pushed to the operator who sent the order, and to the account's own."""
        rows = self.orders.pushes(notice)
        audience = self.topics.audience({notice.user_id, notice.investor_id}) if rows else []
        for row in rows:
            for session, key in audience:
                self.send_push(session, key, row)

    def send_push(self, session: TopicSession, key: list[bytes], row: UfxRow) -> None:
        """620706, as the rules want."""
        self._write(session.connection, PUSH, self.topics.push_frame(session, key, row))

    def _ended(self, session: Session) -> None:
        self._parts.kernel.close_session(session.session_id)

    def _beat_once(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat_once)
        if not self.misbehavior.silent:
            for session in self.topics.sessions:
                session.connection.send(self.topics.beat_frame(session))

    # Owner of connections -------------------------------------------------------------------------------------

    def take(self, connection: UfxConnection, tags: Tags) -> None:
        """One message; a BodyError or PackError ends the connection."""
        if self.misbehavior.silent:
            return
        kind, function = number_of(tags, Tag.PACKET_TYPE), number_of(tags, Tag.FUNCTION)
        if kind == PacketType.CONTROL:
            self._control(connection, function, tags)
        elif not connection.registered:
            raise BodyError("not registered")
        elif function == SESSION:
            self._topic_session(connection, tags)
        elif kind == PacketType.REQUEST:
            self._request(connection, function, tags)

    def lose(self, connection: UfxConnection) -> None:
        self.connections.discard(connection)
        self.topics.lose(connection)

    def _control(self, connection: UfxConnection, function: int, tags: Tags) -> None:
        if function == REGISTER:
            said, error = tags.get(Tag.REGISTRATION, []), self.misbehavior.refuses_registration
            if not error:
                connection.registered = said if isinstance(said, list) and said else [b"-"]
                self._parts.front.counts.connections += 1
            answer: Outgoing = {Tag.PACKET_TYPE: PacketType.CONTROL, Tag.FUNCTION: REGISTER, Tag.ERROR_NUMBER: error}
            if error:
                answer[Tag.ERROR_TEXT] = "注册被拒绝"
            connection.send(message_frame(answer))
        elif function == PROBE:
            connection.send(message_frame({Tag.PACKET_TYPE: _PROBE_ANSWER, Tag.FUNCTION: PROBE}))

    def _topic_session(self, connection: UfxConnection, tags: Tags) -> None:
        step = step_of(tags)
        if step == 1:
            self._answer(connection, SESSION, tags, self.topics.open_session(connection, tags))
        elif step == 4:
            self.topics.close_session(connection, tags)

    def _request(self, connection: UfxConnection, function: int, tags: Tags) -> None:
        if self.misbehavior.use("ignore", function) is not None:
            return
        level_one = self.misbehavior.use("level_one", function)
        if level_one is not None:
            extra: Outgoing = {
                Tag.ERROR_NUMBER: level_one.code,
                Tag.ERROR_TEXT: level_one.text,
                Tag.RETURN_CODE: level_one.code,
            }
            self._answer(connection, function, tags, extra)
        elif function == LIST:
            self._answer(connection, function, tags, {Tag.CONTENT: encode_pack(topic_list())})
        elif function == SUBSCRIBE:
            error = self.misbehavior.refuses_topics or self.topics.subscribe(connection, tags)
            key = tags.get(Tag.SUBSCRIPTION_KEY, b"")
            extra = {
                Tag.SUBSCRIPTION_KEY: key,
                Tag.ERROR_NUMBER: error,
                Tag.RETURN_CODE: error,
                Tag.ERROR_TEXT: "订阅校验失败" if error else "",
            }
            self._answer(connection, function, tags, extra)
        elif function == UNSUBSCRIBE:
            self.topics.unsubscribe(connection, tags)
            self._answer(connection, function, tags, {Tag.SUBSCRIPTION_KEY: tags.get(Tag.SUBSCRIPTION_KEY, b"")})
        else:
            self._call(connection, function, tags)

    def _call(self, connection: UfxConnection, function: int, tags: Tags) -> None:
        method, counts = codes.METHODS.get(UfxFunction(function), "") if function in _KNOWN else "", self._counts()
        counts.calls += 1
        if method:
            counts.by_method[method] = counts.by_method.get(method, 0) + 1
        if method and self._parts.scenario.ignores(method):
            return
        answer = self._commanded(function, method) or self._handled(connection, function, tags)
        carry_out = partial(self._parts.front.carry_out, answer.effects)
        if self.misbehavior.use("skip_row", function) is not None:
            answer = UfxAnswer(answer.code, answer.text, answer.rows[1:])
        if self.misbehavior.pushes_first:
            carry_out()
        self._answer(connection, function, tags, {Tag.CONTENT: encode_pack(answer.tables())})
        if not self.misbehavior.pushes_first:
            carry_out()

    def _counts(self) -> Counts:
        return self._parts.front.counts

    def _commanded(self, function: int, method: str) -> UfxAnswer | None:
        rule, info = self.misbehavior.use("refuse", function), self._parts.scenario.refusal(method)
        if rule is not None:
            return UfxAnswer(rule.code, rule.text)
        return UfxAnswer(info.error_id, info.error_msg.removeprefix("CTP:")) if info is not None else None

    def _handled(self, connection: UfxConnection, function: int, tags: Tags) -> UfxAnswer:
        content = bytes_of(tags, Tag.CONTENT)
        tables = decode_pack(unpack_lzo(content) if number_of(tags, Tag.PACKED) else content)
        rows = tables[0].texts() if tables else []
        if function == UfxFunction.LOGIN:
            counters = tables[1].texts() if len(tables) > 1 else []
            return self.logins.log_in((connection.peer_ip, connection.peer_port), rows, counters)
        call = self._calls.get(function)
        if call is None:
            return refused(codes.NO_SUCH_FUNCTION)
        token = self.tokens.use(rows[0].get("user_token", "")) if rows else None
        return call(token, rows) if token is not None else refused(codes.TOKEN_DEAD)

    def _log_out(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """10002."""
        del rows
        self.tokens.end(token)
        return UfxAnswer()

    # Answers --------------------------------------------------------------------------------------------------

    def _answer(self, connection: UfxConnection, function: int, tags: Tags, extra: Outgoing) -> None:
        rule = self.misbehavior.use("content", function)
        changed: Outgoing = {Tag.CONTENT: rule.content} if rule is not None else {}
        self._write(
            connection,
            function,
            message_frame(
                {
                    Tag.PACKET_TYPE: PacketType.ANSWER,
                    Tag.FUNCTION: function,
                    **{tag: tags[tag] for tag in _ECHOED if tag in tags},
                    Tag.ERROR_NUMBER: 0,
                    Tag.RETURN_CODE: 0,
                    **extra,
                    **changed,
                }
            ),
        )

    def _write(self, connection: UfxConnection, function: int, frame: bytes) -> None:
        """Sends it as the rules want: late, doubled, spoiled, cut, or after the next one."""
        self._counts().events += 1
        delay, cut = self.misbehavior.use("delay", function), self.misbehavior.use("cut", function)
        data = self.misbehavior.frames(function, frame)
        send = partial(connection.send_half if cut is not None else connection.send, data)
        if self.misbehavior.use("hold", function) is not None:
            self._held.append(send)
            return
        if delay is not None:
            asyncio.get_running_loop().call_later(delay.seconds, send)
        else:
            send()
        held, self._held = self._held, []
        for one in held:
            one()


_KNOWN = frozenset(UfxFunction)
