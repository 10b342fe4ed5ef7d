"""A futures firm in small: a counter, a relay in front of it, and terminals with real system info."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.cli.workplace import Workplace
from relay.counter.port import Investor, Mode
from relay.directory.terminals import ReportKind
from relay.settings.file import directory_url, ledger_url, load, secrets_key_file
from simcounter import demo_accounts
from simcounter.counter import SimulatedCounter
from terminal_client import Collected, RelayTerminal, SessionInfo, Status, Tls, collect
from terminal_client.proof import auth_info
from terminal_client.subscriptions import Subscription
from tests.e2e.raw_stream import RawStream, open_raw
from tests.e2e.relay_process import RelayProcess, TlsFiles

T = TypeVar("T")

many_to_many_only = pytest.mark.parametrize(
    "mode", [Mode.MANY_TO_MANY], indirect=True, scope="session", ids=["many_to_many"]
)
many_to_one_only = pytest.mark.parametrize(
    "mode", [Mode.MANY_TO_ONE], indirect=True, scope="session", ids=["many_to_one"]
)

TERMINAL = "demo_terminal_1.0"
AUTH_CODE = "TERMINAL00000001"
DISABLED_TERMINAL = "retired_terminal_1.0"
OTHER_MODE_TERMINAL = "other_mode_1.0"
WECHAT_TERMINAL = "mini_program_1.0"
BROKER = demo_accounts.BROKER_ID
*INVESTORS, BYSTANDER = demo_accounts.investor_ids()
DISABLED_INVESTOR = "199999"
DEADLINE_SECONDS = 90.0

WILL_FILL, WILL_REST = 3501.0, 3400.0
"""limit prices of a buy order of rb2701: at the market's best offer, and below its best bid"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the counter has heard so far of terminals that come in."""

    connections: int
    reports: int
    authentications: int
    logins: int


@dataclass(frozen=True, slots=True)
class Site:
    """One counter with one relay."""

    counter: SimulatedCounter
    relay: RelayProcess
    tls: TlsFiles

    @property
    def mode(self) -> Mode:
        return self.relay.mode

    def terminal(self, app_id: str = TERMINAL, auth_code: str = AUTH_CODE) -> RelayTerminal:
        return RelayTerminal(
            f"127.0.0.1:{self.relay.port}", app_id=app_id, auth_code=auth_code, tls=Tls(ca_file=self.tls.authority)
        )

    def raw(self) -> AbstractAsyncContextManager[RawStream]:
        """A stream to the relay on which anything may be said."""
        return open_raw(self.relay.port, self.tls.authority.read_bytes())

    @asynccontextmanager
    async def logged_in(self, investor_id: str, collected: Collected | None = None) -> AsyncIterator[RelayTerminal]:
        """A terminal of this investor, its settlement confirmed."""
        async with self.terminal() as terminal:
            await log_in(terminal, investor_id, collected)
            yield terminal

    def seen(self) -> Seen:
        status = self.counter.control.status()
        calls = status["by_method"]
        return Seen(
            connections=self.counter.front.counts.connections,
            reports=status["reports"],
            authentications=calls.get("ReqAuthenticate", 0),
            logins=calls.get("ReqUserLogin", 0),
        )

    def called(self, method: str) -> int:
        """How often the counter got this request."""
        return int(self.counter.control.status()["by_method"].get(method, 0))

    def reports_of(self, investor_id: str) -> list[dict[str, Any]]:
        """The lines of the day's report to the monitoring center about this investor."""
        return [line for line in self.counter.control.reports() if line["user_id"] == investor_id]


async def log_in(terminal: RelayTerminal, investor_id: str, collected: Collected | None = None) -> SessionInfo:
    return await terminal.login(
        BROKER,
        investor_id,
        demo_accounts.password_of(investor_id),
        collected or await collect_now(),
        confirm_settlement=True,
    )


async def collect_now() -> Collected:
    """This machine's system info from the vendor's collector."""
    return await asyncio.to_thread(collect)


def login_message(challenge: bytes, investor_id: str, collected: Collected, auth_code: str = AUTH_CODE) -> pb.Login:
    """For a raw stream."""
    return pb.Login(
        auth_info=auth_info(auth_code, challenge),
        broker_id=BROKER,
        investor_id=investor_id,
        password=demo_accounts.password_of(investor_id),
        system_info=collected.system_info,
        system_info_length=collected.length,
        collector_code=collected.code,
        collector_version=collected.version,
        confirm_settlement=True,
    )


def resume_message(challenge: bytes, token: bytes, after: int = 0, auth_code: str = AUTH_CODE) -> pb.TerminalMessage:
    """For a raw stream."""
    resume = pb.Resume(resume_token=token, after_sequence=after, auth_info=auth_info(auth_code, challenge))
    return pb.TerminalMessage(resume=resume)


def buy(price: float = WILL_FILL, volume: int = 1) -> ctp.InputOrder:
    return ctp.InputOrder(
        instrument_id="rb2701",
        exchange_id="SHFE",
        direction=enums.DIRECTION_BUY,
        comb_offset_flag="0",
        comb_hedge_flag="1",
        limit_price=price,
        volume_total_original=volume,
        order_price_type=enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
        time_condition=enums.TIME_CONDITION_GFD,
        volume_condition=enums.VOLUME_CONDITION_AV,
        contingent_condition=enums.CONTINGENT_CONDITION_IMMEDIATELY,
        force_close_reason=enums.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    )


async def trade(terminal: RelayTerminal) -> ctp.Trade:
    """Buy one lot at the market and wait for its trade."""
    with_trades = terminal.trades()
    try:
        reply = await terminal.requests.order_insert(buy())
        return await first(with_trades, lambda item: item.order_ref.strip() == reply.order_ref.strip())
    finally:
        with_trades.close()


async def ticked(site: Site, terminal: RelayTerminal, price: float) -> ctp.DepthMarketData:
    """Subscribe rb2701, move its market there and wait for that tick."""
    data = terminal.market_data()
    ticks = data.ticks()
    assert await data.subscribe(["rb2701"]) == {}
    site.counter.control.move_market("rb2701", price)
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for tick in ticks:
            if tick.depth.last_price == price:
                return tick.depth
    raise AssertionError("the ticks ended")


async def first(items: Subscription[T], wanted: Callable[[T], bool]) -> T:
    """The first item that is wanted, within a deadline that no working relay comes near."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for item in items:
            if wanted(item):
                return item
    raise AssertionError("the subscription ended")


async def counter_state(statuses: Subscription[Status], state: str) -> Status:
    """Wait until the terminal has been sent this state of its session at the counter."""
    return await first(statuses, lambda item: (item.of, item.state) == ("counter", state))


async def eventually(what: str, holds: Callable[[], bool]) -> None:
    """Wait until `holds()`: for facts at the counter, which no event announces."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    pause = 0.01
    while not holds():
        assert time.monotonic() < deadline, f"it never came to be that {what}"
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)  # looking takes time from what is waited for


def register(relay: RelayProcess) -> None:
    """Put the terminals and, for many-to-one, the investors into the relay's directory.

    That is 25 changes with their entries and hashes. The files of the first relay are kept for the others of its kind.
    """
    if relay.state_dir.exists() or not (kind := _kind_of(relay)):
        _register(relay)
        return
    if kind not in _REGISTERED:
        _register(relay)
        _REGISTERED[kind] = {file.name: file.read_bytes() for file in relay.state_dir.iterdir()}
        return
    relay.state_dir.mkdir(mode=0o700)
    for name, content in _REGISTERED[kind].items():
        file = relay.state_dir / name
        file.touch(mode=0o600)
        file.write_bytes(content)


_REGISTERED: dict[str, dict[str, bytes]] = {}


def _kind_of(relay: RelayProcess) -> str:
    """What its files depend on; nothing for one that keeps them elsewhere."""
    settings = load(relay.config)
    own = f"sqlite:///{relay.state_dir / 'relay.sqlite3'}"
    if any(url(settings).get_secret_value() != own for url in (ledger_url, directory_url)):
        return ""
    if secrets_key_file(settings).parent != relay.state_dir:
        return ""
    parts = (settings.ledger.model_dump_json(), settings.directory.model_dump_json())
    return " ".join((relay.mode.value, settings.relay.name, *parts))


def _register(relay: RelayProcess) -> None:
    place = Workplace(relay.config)
    other = Mode.MANY_TO_ONE if relay.mode is Mode.MANY_TO_MANY else Mode.MANY_TO_MANY
    try:
        place.terminals.add(place.by, TERMINAL, AUTH_CODE)
        place.terminals.add(place.by, DISABLED_TERMINAL, AUTH_CODE)
        place.terminals.set_enabled(place.by, DISABLED_TERMINAL, False)
        place.terminals.add(place.by, OTHER_MODE_TERMINAL, AUTH_CODE, [other])
        place.terminals.add(place.by, WECHAT_TERMINAL, AUTH_CODE, kinds=[ReportKind.WECHAT])
        if relay.mode is Mode.MANY_TO_ONE:
            for investor_id in [*INVESTORS, BYSTANDER, DISABLED_INVESTOR]:
                place.investors.add(place.by, Investor(BROKER, investor_id), demo_accounts.password_of(investor_id))
            place.investors.set_enabled(place.by, Investor(BROKER, DISABLED_INVESTOR), False)
    finally:
        place.directory.dispose()


def ports_to(port: int) -> set[int]:
    """Local ports of this machine's established loopback connections to `port`."""
    found: set[int] = set()
    tables = [Path("/proc/net/tcp").read_text(encoding="ascii"), Path("/proc/net/tcp6").read_text(encoding="ascii")]
    for line in itertools.chain.from_iterable(table.splitlines()[1:] for table in tables):
        local, remote, state = line.split()[1:4]
        if state == "01" and int(remote.split(":")[1], 16) == port:
            found.add(int(local.split(":")[1], 16))
    return found
