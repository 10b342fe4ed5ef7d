"""What the demonstration prints: numbered steps with who does what and why; a quiet console prints nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table

from demo.cast import Cast
from demo.outcome import DemoOutcome
from simcounter.settlement import KINDS, ReportLine

Say = Callable[[str], None]
WORTH_TELLING_SECONDS = 0.1
_STEP_SECONDS = 180.0
"""a step takes seconds; a machine that is busy with other work takes its time"""

FOLLOWED = """\
[b]看穿式监管[/b]（穿透式监管）：每一次登录期货柜台，都要报告投资者用的是哪一台终端。
[dim]Look-through supervision: every login tells the monitoring center which machine it came from.[/dim]

终端用官方采集库取得[b]终端信息[/b]，一串加密的字节，只有监控中心能解开。经中继登录时，中继必须
[b]一个字节不差[/b]地交给柜台，并补上它看到的公网地址、时间和终端 AppID。下面跟着这串字节走完全程。
[dim]The vendor's collector writes encrypted [b]system info[/b] that only the monitoring center can read. A relay
must hand it on unchanged and add what it saw itself. Below we follow those bytes all the way, by sha256.[/dim]"""
CARRIED = """\
[b]看穿式监管[/b]（穿透式监管）：每一次登录柜台，都要报告投资者用的是哪一台终端。
[dim]Look-through supervision: every login tells the counter which machine it came from.[/dim]

柜台说明要哪些采集信息，终端采集，中继[b]一个字节不差[/b]地交给柜台。终端说的仍是 CTP 的话，
中继译成柜台的请求，再把柜台的回答译回来。下面跟着采集信息与一笔报单走完全程。
[dim]The counter says what it wants collected, the terminal collects it, and the relay hands it on [b]unchanged[/b]. The
terminal goes on speaking CTP; the relay translates. Below we follow what was collected, and one order.[/dim]"""
REGISTERED = """\
柜台库不能装在中继里（例如只有 Windows 版）时，它在旁边的进程里运行，中继经[b]桥接[/b]与它对话：
连接、登录、登记交易所与板块、关闭。它没有投资者会话，所以终端的登录一律拒绝，并说明原因。
[dim]A library that cannot run in the relay, being for Windows alone, runs in a process beside it, and the relay talks to
that [b]bridge[/b]: connect, log in, register exchanges and boards, close. It has no investors' sessions, so a
terminal's login is refused, with the reason.[/dim]"""
WHAT_IS_REAL = """

柜台 counter    {title}
[green]真实 real[/green]       {real}
[yellow]模拟 simulated[/yellow]  {simulated}"""

CLOSING = """\
模拟柜台证明的是[b]协议[/b]，不是交易所。哪些只有期货公司的评测柜台能证明：docs/simulated-counter.md
[dim]The simulated counter proves the [b]protocol[/b], not an exchange; the document says what that leaves open.[/dim]"""


class Part(StrEnum):
    """Who acts."""

    FIRM = "期货公司 firm"
    TERMINAL = "终端 terminal"
    RELAY = "中继 relay"
    COUNTER = "柜台 counter"
    CENTER = "监控中心 center"


COLORS = {
    Part.FIRM: "cyan",
    Part.TERMINAL: "green",
    Part.RELAY: "blue",
    Part.COUNTER: "yellow",
    Part.CENTER: "magenta",
}


PLACES = ("采集库给出 collector gave", "中继台账 relay's ledger", "柜台收到 counter received", "监控日报 day's report")
REPORT_HEADINGS = (
    "投资者\ninvestor",
    "方式\nhow",
    "中继\nrelay",
    "终端\nterminal",
    "终端地址\naddress",
    "登录\nlogin",
    "终端信息\nsystem info",
)


class DemoStepFailed(Exception):
    """A step did not succeed; `mode` and `relay_log` (the relay's last lines) are known within a mode."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(why)
        self.step = step
        self.mode = ""
        self.relay_log: tuple[str, ...] = ()


class Screen:
    """The console that all stories share; a quiet one shows nothing."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: set[str] = set()

    def show(self, shown: RenderableType, *, once: bool = False) -> None:
        """Print it; with `once` a text is printed only the first time."""
        if once and shown in self._shown:
            return
        if once and isinstance(shown, str):
            self._shown.add(shown)
        self._console.print(shown)


class Story:
    """What one act shows, in its order; a story that has to wait shows nothing before `begin`."""

    def __init__(self, screen: Screen, *, waits: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._waiting: list[tuple[RenderableType, bool]] | None = [] if waits else None
        self._number = 0

    def begin(self) -> None:
        """Show what happened so far, and from now on at once."""
        waiting, self._waiting = self._waiting or [], None
        for shown, once in waiting:
            self._screen.show(shown, once=once)

    def opening(self, about: str, title: str, real: str, simulated: str) -> None:
        """What this is about, in ten lines; which counter plays, and what of it is real."""
        real_or_not = WHAT_IS_REAL.format(title=escape(title), real=escape(real), simulated=escape(simulated))
        self._show(Panel(about + real_or_not, title="CTP 中继演示 · CTP relay demonstration", padding=(1, 2)))

    def closing(self, seconds: float, kept: str) -> None:
        """What was proved and what not."""
        self._show(Panel(CLOSING, padding=(0, 2)))
        where = f"，文件留在 files kept in {escape(kept)}" if kept else ""
        self._show(f"[dim]用时 {seconds:.1f} 秒 seconds{where}[/dim]")

    def act(self, cast: Cast) -> None:
        """A mode begins."""
        self._show("")
        self._show(Rule(f"[b]{cast.title}"))
        self._show(f"{cast.explanation}\n[dim]{cast.english}[/dim]")

    @asynccontextmanager
    async def step(self, part: Part, what: str, why: str, *, seconds: float = _STEP_SECONDS) -> AsyncIterator[Say]:
        """One step, with at most `seconds`; DemoStepFailed says which one went wrong and why."""
        self._number += 1
        self._show(f"\n[b]{self._number:>2}[/b]  [{COLORS[part]}]{part}[/]  [b]{what}[/b]")
        for line in why.splitlines():
            self._show(f"    [dim]{line}[/dim]", once=True)
        started = self._clock()
        try:
            async with asyncio.timeout(seconds):
                yield self._say
        except TimeoutError as error:
            raise DemoStepFailed(what, f"没有在 {seconds:g} 秒内完成 not done within {seconds:g} s") from error
        except Exception as error:
            raise DemoStepFailed(what, f"{type(error).__name__}: {error}") from error
        seconds = self._clock() - started
        if seconds >= WORTH_TELLING_SECONDS:
            self._indented(f"[dim]{seconds:.1f} s[/dim]")

    def result(self, outcome: DemoOutcome, problems: Sequence[str]) -> None:
        """The digests side by side where something was reported, and the verdict."""
        self._show("")
        if outcome.system_info_sha256:
            self._show(digest_table(outcome))
        for problem in problems:
            self._show(f"[red]✗ {escape(problem)}")
        if not problems:
            ledger = f"台账 ledger {outcome.ledger_entries} 条 verified · {outcome.seconds:.1f} s"
            self._show(f"[green]✓ {escape(_shown_to_be(outcome))} · {ledger}")

    def day_report(self, lines: Iterable[ReportLine]) -> None:
        """The terminals of the day, as the simulated monitoring center reads them."""
        self._show("")
        self._show(report_table(lines))

    def _say(self, text: str) -> None:
        self._indented(f"→ {escape(text)}")

    def _indented(self, text: str) -> None:
        self._show(Padding(text, (0, 0, 0, 4), expand=False))

    def _show(self, shown: RenderableType, *, once: bool = False) -> None:
        if self._waiting is None:
            self._screen.show(shown, once=once)
        else:
            self._waiting.append((shown, once))


def _shown_to_be(outcome: DemoOutcome) -> str:
    if outcome.refusal:
        return f"已登记 registered {' '.join(outcome.boards)} · 终端登录 terminals {outcome.refusal}"
    return f"四处一致 all equal · 报单 order {outcome.order_status} · 成交 trades {outcome.trades}"


def digest_table(outcome: DemoOutcome) -> Table:
    """The same bytes' sha256 at every place on their way."""
    table = Table(title="同一串字节，四处对照 · the same bytes at four places", title_justify="left")
    table.add_column("何处 where")
    table.add_column("sha256", no_wrap=True)
    for place, digest in zip(PLACES, outcome.digests, strict=True):
        table.add_row(place, digest)
    return table


def report_table(lines: Iterable[ReportLine]) -> Table:
    """The day's report about terminals; logins without one, as the operator's, are left out."""
    table = Table(title="当日终端信息日报 · the day's report, decrypted with the test key", title_justify="left")
    for heading in REPORT_HEADINGS:
        table.add_column(heading)
    for line in (line for line in lines if line.terminal_app_id):
        table.add_row(
            line.user_id, KINDS.get(line.kind, line.kind), line.app_id, line.terminal_app_id,
            f"{line.terminal_ip}:{line.terminal_port}" if line.terminal_ip else "–", line.terminal_login_time or "–",
            f"{line.inner_length} B {line.inner_sha256[:8]}…",
        )  # fmt: skip
    return table


def tell_failure(console: Console, failure: DemoStepFailed) -> None:
    """Which step failed, why, and the relay's last log lines."""
    console.print(
        f"[red]演示未完成，失败的步骤 failed at: [b]{failure.mode} {escape(failure.step)}[/b]\n{escape(str(failure))}"
    )
    if failure.relay_log:
        console.print("中继最后的日志 the relay's last log lines:")
        for line in failure.relay_log[-15:]:
            console.print(f"  {escape(line)}", soft_wrap=True)
