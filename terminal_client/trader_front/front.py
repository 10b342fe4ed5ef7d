"""A trader front for callers on any thread: the vendor's calls in, the vendor's callbacks out, a relay behind.

What it takes and gives
-----------------------
    front = TraderFront(settings, put)             # CreateFtdcTraderApi and RegisterSpi; nothing runs yet
    front.connect(["relay://host:port"], 0, 0)     # SubscribePrivateTopic, SubscribePublicTopic, RegisterFront, Init
    front.call(method, body, request_id) -> int    # any Req…: the catalog's Method, the struct's bytes, nRequestID
    front.report(method, body) -> int              # Register/Submit…UserSystemInfo: -3, a terminal may not
    front.trading_day, front.front_info()          # GetTradingDay, GetFrontInfo
    front.join(seconds) -> bool                    # Join: until it is released
    front.release()                                # RegisterSpi(NULL) and Release; logs out

`put` gets each callback as a `RawEvent`: which (`callback.name`), the struct's bytes or None for NULL, RspInfo's bytes or
None, nRequestID, bIsLast, and for OnFrontDisconnected the reason. It runs on one thread of the front's own, one callback
at a time, in the counter's order; it may block, and may call the front, `release` included. What it raises goes to
`failed`, or into the log.

Return codes: 0 taken, and the answer comes as a callback; -1 no connection, or none that takes requests now; -2 more than
`deadlines.call_capacity` are unanswered; -3 the relay said within the last second that they come too fast. The relay's
refusal of a request comes as its callbacks for errors, with an ErrorID and ErrorMsg in GB18030.

The callbacks of a life: OnFrontConnected when a relay answers; OnRspAuthenticate and OnRspUserLogin for what the program
calls then; OnFrontDisconnected (0x1001 read failed, 0x2001 nothing heard, 0x2003 protocol) when only a new login can help,
and OnFrontConnected again, after which the program authenticates and logs in anew. A break that the relay lets the session
outlive is not shown.

Two threads: an event loop, which speaks to the relay, and the thread of the callbacks. Both end with `release`, which also
runs at the interpreter's end.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from ctpabi.api.spi import Put, RawEvent
from ctpabi.catalog import Method
from ctpabi.codec import layout
from terminal_client.client import client_version
from terminal_client.collector import Collected, collect
from terminal_client.loop_thread import LoopCalls, LoopThread
from terminal_client.session import Deadlines
from terminal_client.trader_front import records
from terminal_client.trader_front.answers import ProgramCall
from terminal_client.trader_front.callbacks import CallbackThread
from terminal_client.trader_front.life import FrontLife, FrontPlan, Submitted
from terminal_client.trader_front.sessions import BeginSession
from terminal_client.trader_front.settings import FrontSettings, ResumeType, address_of

BEFORE_LOGIN = "19800100"
"""what the vendor's GetTradingDay says when there was no login yet"""
NO_CONNECTION, TOO_MANY_UNANSWERED, TOO_MANY_A_SECOND = -1, -2, -3
_REPORT_NOT_PERMITTED = -3
_JOIN_SECONDS = 5.0
DEADLINES = Deadlines(give_up_after_seconds=60.0)
"""a session is not waited for much longer than a relay keeps it"""


class TraderFront:
    """One CTP trader API with a relay behind it; see above. Every method may be called from any thread."""

    def __init__(
        self,
        settings: FrontSettings,
        put: Put,
        *,
        production: bool = True,
        deadlines: Deadlines = DEADLINES,
        failed: Callable[[BaseException], None] | None = None,
        version: str = "",
        collecting: Callable[[], Collected] | None = None,
    ) -> None:
        """`production` False is the evaluation edition (评测) of the collector, unless the settings say which.

        `collecting` takes the place of `terminal_client.collect` with the settings' library, and may block.
        """
        self._collecting = collecting
        self._settings = settings
        self._edition = settings.edition or ("production" if production else "evaluation")
        self._put = put
        self._failed = failed
        self._deadlines = deadlines
        self._version = version or f"{client_version()} front"
        self._lock = threading.Lock()
        self._watchers: list[BeginSession] = []
        self._life: FrontLife | None = None
        self._loop: LoopThread | None = None
        self._calls: LoopCalls[Submitted] | None = None
        self._callbacks: CallbackThread | None = None
        self._running: Future[None] | None = None
        self._released = threading.Event()

    def connect(
        self, fronts: Sequence[str], private_topic: int = ResumeType.RESTART, public_topic: int = ResumeType.RESTART
    ) -> None:
        """Begin, and return at once. SettingsUnusable where a front is not relay://host:port. A second call does nothing."""
        chosen = [self._settings.front] if self._settings.front else list(fronts)
        addresses = [address_of(front) for front in chosen]
        topics = ResumeType(private_topic), ResumeType(public_topic)
        with self._lock:
            if self._life is not None or self._released.is_set():
                return
            self._callbacks = CallbackThread(self._put, self._deadlines.callback_capacity, self._failed)
            self._loop = loop = LoopThread()
            plan = FrontPlan(
                self._settings,
                addresses,
                *topics,
                self._deadlines,
                self._collect,
                self._version,
                loop.call_soon,
                self._watchers,
            )
            life = self._life = FrontLife(plan, self._offer)
            self._calls = LoopCalls(loop, life.submit)
            self._running = self._loop.begin(life.run())
        atexit.register(self.release)

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        """Call one Req…. `body` is the struct's bytes, as many as the catalog says (layout.WrongSize otherwise)."""
        life, calls = self._life, self._calls
        content = bytes(body)
        message = records.call_message(method, content)
        if life is None or calls is None or not life.connected or life.away:
            return NO_CONNECTION
        if len(life.book) + len(calls) >= self._deadlines.call_capacity:
            return TOO_MANY_UNANSWERED
        if life.was_too_fast(method, time.monotonic()):
            return TOO_MANY_A_SECOND
        calls.put((ProgramCall(method, content, request_id), message))
        return 0

    def report(self, method: Method, body: bytes | bytearray) -> int:
        """Register… or Submit… of system info: the relay's business, not a terminal's. Nothing is sent."""
        if len(body) != records.struct_named(method.struct).size:
            raise layout.WrongSize(f"{method.struct} has {records.struct_named(method.struct).size} bytes")
        return _REPORT_NOT_PERMITTED

    @property
    def trading_day(self) -> str:
        """YYYYMMDD; `BEFORE_LOGIN` before the first login."""
        return (self._life.trading_day if self._life is not None else "") or BEFORE_LOGIN

    def front_info(self) -> tuple[str, int, int]:
        """FrontAddr, QryFreq and FTDPkgFreq; the relay paces by itself, so the latter two are 0: not said."""
        address = "" if self._life is None or not self._life.connected else self._life.address
        return (f"relay://{address}" if address else ""), 0, 0

    def watch_sessions(self, begin: BeginSession) -> None:
        """From now on `begin` hears of each session on the front's loop, of the present one too."""
        with self._lock:
            self._watchers.append(begin)
            life, loop = self._life, self._loop
        if life is not None and loop is not None:

            def begin_present() -> None:
                if life.session is not None:
                    begin(life.session)

            loop.call_soon(begin_present)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until it is released; whether it is."""
        return self._released.wait(seconds)

    def release(self) -> None:
        """Log out and end both threads; no callback begins any more. May be called again, and from a callback."""
        with self._lock:
            loop, self._loop = self._loop, None
            life, self._life = self._life, None
        if self._callbacks is not None:
            self._callbacks.end()
        if loop is not None and life is not None:
            if self._running is not None:
                self._running.cancel()
            loop.run(life.close())
            loop.stop()
            atexit.unregister(self.release)
        if self._callbacks is not None:
            self._callbacks.join(_JOIN_SECONDS)
        self._released.set()

    def _collect(self) -> Collected:
        if self._collecting is not None:
            return self._collecting()
        return collect(self._settings.collector, edition=self._edition)

    def _offer(self, item: RawEvent) -> bool:
        callbacks = self._callbacks
        return callbacks is None or callbacks.offer(item, always=item.callback.struct == "" and item.rsp_info is None)
