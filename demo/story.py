"""How the demonstration is told: numbered steps with who does what and why; a quiet console tells nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table

from demo.cast import Cast
from demo.outcome import Outcome

Say = Callable[[str], None]

OPENING = """\
[b]看穿式监管[/b]（穿透式监管）要求：每一次登录期货柜台，都要报告投资者用的是哪一台终端。
Look-through supervision: for every login, the monitoring center learns from which machine it came.

终端程序用 CTP 采集库取得[b]终端信息[/b]（加密的，只有监测中心能解开）；经中继登录时，中继必须把它[b]一个字节不差[/b]地
交给柜台，并补上自己看到的公网地址、时间和终端 AppID。本演示跟着这串字节走完全程，用 sha256 对照。
The collector writes encrypted [b]system info[/b] that only the monitoring center can read. A relay hands it on unchanged
and adds what it saw itself: public address, time, terminal app id. Here we follow those bytes all the way, by sha256.

[green]真实 real[/green]      CTP_GetSystemInfo（官方采集库 the vendor's collector）、openctp-ctp、gRPC/TLS、ctp-relay 命令与进程
[yellow]模拟 simulated[/yellow] 柜台、交易所、监测中心 counter, exchange, monitoring center"""

CLOSING = """\
模拟柜台证明的是[b]协议[/b]，不是交易所：哪些已证明、哪些只有期货公司的评测柜台能证明，见 docs/simulated-counter.md。
The simulated counter proves the [b]protocol[/b], not an exchange: docs/simulated-counter.md says what that leaves open."""


class Part(StrEnum):
    """Who acts."""

    FIRM = "期货公司 firm"
    TERMINAL = "终端 terminal"
    RELAY = "中继 relay"
    COUNTER = "柜台 counter"
    CENTER = "监测中心 center"


COLORS = {
    Part.FIRM: "cyan",
    Part.TERMINAL: "green",
    Part.RELAY: "blue",
    Part.COUNTER: "yellow",
    Part.CENTER: "magenta",
}


class StepFailed(Exception):
    """A step of the demonstration did not succeed; `relay_log` has the relay's last lines."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(why)
        self.step = step
        self.relay_log: tuple[str, ...] = ()


class Story:
    """What is shown on the console."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._number = 0

    def opening(self) -> None:
        """What this is about, in ten lines."""
        self._console.print(Panel(OPENING, title="CTP 中继演示 · CTP relay demonstration", padding=(1, 2)))

    def closing(self, seconds: float, kept: str) -> None:
        """What was proved and what not."""
        self._console.print(Panel(CLOSING, padding=(0, 2)))
        where = f"，文件留在 files kept in {kept}" if kept else ""
        self._console.print(f"用时 {seconds:.1f} 秒 seconds{where}", style="dim")

    def act(self, cast: Cast) -> None:
        """A mode begins; its steps count from 1."""
        self._number = 0
        self._console.print()
        self._console.rule(f"[b]{cast.title}")
        self._console.print(f"{cast.explanation}\n[dim]{cast.english}[/dim]")

    @asynccontextmanager
    async def step(self, part: Part, what: str, why: str, *, seconds: float = 30.0) -> AsyncIterator[Say]:
        """One step, with at most `seconds`; StepFailed says which one went wrong and why."""
        self._number += 1
        number = f"{self._number}" if self._number else ""
        self._console.print(f"\n[b]{number:>2}[/b]  [{COLORS[part]}]{part}[/]  [b]{what}[/b]")
        self._indented(f"[dim]{why}[/dim]")
        started = self._clock()
        try:
            async with asyncio.timeout(seconds):
                yield self._say
        except StepFailed:
            raise
        except TimeoutError as error:
            raise StepFailed(what, f"没有在 {seconds:g} 秒内完成 not done within {seconds:g} s") from error
        except Exception as error:
            raise StepFailed(what, f"{type(error).__name__}: {error}") from error
        self._indented(f"[dim]✓ {self._clock() - started:.2f} s[/dim]")

    def result(self, outcome: Outcome, problems: Sequence[str]) -> None:
        """The digests side by side, and the verdict."""
        table = Table(title="同一串字节，四处对照 · the same bytes at four places", title_justify="left")
        table.add_column("何处 where")
        table.add_column("sha256", no_wrap=True)
        places = (
            "采集库给出 collector gave",
            "中继台账 relay's ledger",
            "柜台收到 counter received",
            "监测日报 day's report",
        )
        for place, digest in zip(places, outcome.digests, strict=True):
            table.add_row(place, digest)
        self._console.print()
        self._console.print(table)
        for problem in problems:
            self._console.print(f"[red]✗ {escape(problem)}")
        if not problems:
            self._console.print(
                f"[green]✓ 四处一致 all equal；报单 order {outcome.order_status}，成交 trades {outcome.trades}；"
                f"台账 ledger {outcome.ledger_entries} 条 entries，校验通过 verified；{outcome.seconds:.1f} 秒 s"
            )

    def day_report(self, table: Table) -> None:
        """The simulated monitoring center's report of the day."""
        self._console.print()
        self._console.print(table)

    def _say(self, text: str) -> None:
        self._indented(f"→ {escape(text)}")

    def _indented(self, text: str) -> None:
        self._console.print(Padding(text, (0, 0, 0, 4)))


def tell_failure(console: Console, failure: StepFailed) -> None:
    """Which step failed, why, and the relay's last log lines."""
    console.print(f"[red]演示未完成，失败的步骤 failed at: [b]{escape(failure.step)}[/b]\n{escape(str(failure))}")
    if failure.relay_log:
        console.print("中继最后的日志 the relay's last log lines:")
        for line in failure.relay_log[-15:]:
            console.print(f"  {escape(line)}", soft_wrap=True)
