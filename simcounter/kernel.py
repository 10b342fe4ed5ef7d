"""The kernel: takes one decoded request of one session and returns what must happen. No I/O, no clock of its own.

What is kept: `sessions`, by SessionID; the parts that know one subject each (`access`, `reports`, `desk`, `bank`,
`generic`, `_statements`, `_queries`) and share the accounts, the records and the clock.

A request goes to the first of these that applies, in this order: requests before a login (authentication, login,
password change); for a session without a user, "not logged in yet" (6); a query over the pace, 90; an order;
a request with a handler of its own; any other query; any other request (`generic`). So every method of the catalog has
an answer or is known to have none.

What holds between two events:

* A SessionID is given once and never again, also after a restart of the front. References of the day therefore name
  one order.
* A session is in `sessions` from its connection's hello to its end. Limits on logins of a user count these.
* `start_day` goes in one order: statements are settled from today's positions, then the trading day changes, then desk,
  generic and bank begin anew. A request never sees half of a day change, because the kernel does not wait.
"""

from __future__ import annotations

from simcounter.access import Access
from simcounter.accounts import Accounts
from simcounter.config import CounterConfig
from simcounter.errors_text import ErrorId
from simcounter.events import Answer, Effect, RspInfo
from simcounter.pace import PerSecond
from simcounter.permissions import Dropped, ReportDesk
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Topic
from simcounter.trading.bank import Bank
from simcounter.trading.desk import TradingDesk
from simcounter.trading.generic import GenericDesk
from simcounter.trading.queries import Queries
from simcounter.trading.statement import Statements


class Kernel:
    """All sessions and everything they can ask for."""

    def __init__(self, config: CounterConfig, accounts: Accounts, records: Records, clock: Clock) -> None:
        self._config = config
        self._records = records
        self.accounts = accounts
        self.sessions: dict[int, Session] = {}
        self._next_session_id = config.first_session_id
        self.access = Access(config, accounts, records, clock, self._sessions_of)
        self.reports = ReportDesk(accounts, records)
        self.desk = TradingDesk(config, accounts, records, clock, self._trading_day)
        self.generic = GenericDesk(accounts, records, clock, self._trading_day)
        self.bank = Bank(accounts, records, clock, self.desk)
        self._statements = Statements(accounts, records, clock, self.desk, self.bank)
        self._queries = Queries(accounts, records, clock, self.desk, self.bank, self.generic, self.sessions)
        self._before_login = self.access.handlers()
        self._after_login: dict[str, Handler] = {
            **self._queries.handlers(),
            **self.desk.handlers(),
            **self.bank.handlers(),
            **self._statements.handlers(),
        }
        self.query_pace = PerSecond(config.queries_per_second, clock)

    def _trading_day(self) -> str:
        return self.access.trading_day

    def _sessions_of(self, user_id: str) -> int:
        return sum(1 for s in self.sessions.values() if s.user is not None and s.user.user_id == user_id)

    def new_session_id(self) -> int:
        """Never given before."""
        self._next_session_id += 1
        return self._next_session_id - 1

    def open_session(self, peer_ip: str, peer_port: int) -> Session:
        """A new connection: it gets its SessionID now and keeps it until it ends."""
        session = Session(self.new_session_id(), self._config.front_id, peer_ip, peer_port)
        self.sessions[session.session_id] = session
        return session

    def close_session(self, session_id: int) -> None:
        self.sessions.pop(session_id, None)

    def handle_request(self, session: Session, method: str, body: bytes, request_id: int) -> list[Effect]:
        """One request; an empty list is a request that CTP never answers."""
        values = self._records.unpack(self._records.catalog.methods[method].struct, body)
        early = self._before_login.get(method)
        if early is not None:
            return early(session, values, request_id)
        if session.user is None:
            return self._records.refusal(session, method, values, request_id, ErrorId.NOT_LOGIN_YET)
        if method.startswith("ReqQry") and self._queried_too_often(session):
            rsp_info = RspInfo.of(ErrorId.NEED_RETRY)
            return [Answer(session.session_id, "OnRspError", None, request_id, rsp_info)]
        if method == "ReqOrderInsert":
            return self.desk.insert(session, values, request_id, body)
        handler = self._after_login.get(method)
        if handler is not None:
            return handler(session, values, request_id)
        if method.startswith("ReqQry"):
            return self._queries.other(session, method, values, request_id)
        return self.generic.request(session, method, values, request_id)

    def _queried_too_often(self, session: Session) -> bool:
        """CTP limits the queries of investors; operators are exempt."""
        limited = session.user is not None and session.user.role == "investor"
        return limited and self.query_pace.exceeds(str(session.session_id))

    def report(self, session: Session, method: str, body: bytes) -> list[Effect]:
        """A Register… or Submit… that the shim accepted."""
        return list(self.reports.accept(session, method, body, self.access.trading_day))

    @property
    def dropped(self) -> list[Dropped]:
        """Reports that were thrown away because their sender had no right to send them."""
        return list(self.reports.dropped)

    def start_day(self, trading_day: str) -> None:
        """The day is settled and the next begins: positions and money are carried, orders and books are fresh.

        Sessions stay until the front restarts.
        """
        self._statements.settle()
        self.access.trading_day = trading_day
        self.access.logins.clear()
        self.desk.start_day()
        self.generic.start_day()
        self.bank.start_day()

    def clear_flow(self) -> list[Effect]:
        """A restart within the day that clears the flow: all returns again, under references assigned anew."""
        session_id, front_id = self.new_session_id(), self._config.front_id
        return self.desk.clear_flow(session_id, front_id) + self.generic.clear_flow(session_id, front_id)


def topic(number: object) -> Topic:
    """A resume type as the shim sends it; what is unknown counts as RESTART, CTP's default."""
    return Topic(number) if isinstance(number, int) and number in {0, 1, 2, 3} else Topic.RESTART
