"""One mode at a counter that has no sessions of investors': connect, log in, register exchanges and boards, refuse, close."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from demo import evidence
from demo.cast import TERMINAL_APP_ID
from demo.outcome import DemoOutcome
from demo.performance import DemoStage
from demo.relay_run import RelayRun
from demo.relay_site import RelaySite
from demo.story import DemoStepFailed, Part, Story
from simcounter import demo_accounts
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.collector import collect
from terminal_client.errors import LoginRejected

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class BridgePerformance:
    """One mode on its stage, without trading."""

    story: Story
    stage: DemoStage
    site: RelaySite

    async def play(self) -> DemoOutcome:
        """The facts; raises DemoStepFailed. The relay has ended when this returns or raises."""
        started, cast = time.monotonic(), self.site.cast
        self.story.act(cast)
        async with RelayRun(self.site.folder, self.stage.environment) as relay:
            try:
                await self._register()
                port = await self._start(relay)
                exchanges, boards = await self._describe()
                reason = await self._refused(port)
                await self._end(relay)
                ledger = await self._verify()
            except DemoStepFailed as failure:
                failure.mode, failure.relay_log = cast.mode, tuple(relay.last_lines)
                raise
        return DemoOutcome(
            system=cast.system,
            mode=cast.mode,
            exchanges=exchanges,
            boards=boards,
            collected_kinds=list(ledger.collected),
            ledger_entries=ledger.entries,
            ledger_verified=ledger.verified,
            seconds=round(time.monotonic() - started, 2),
            refusal=reason,
        )

    async def _register(self) -> None:
        add = ["terminal", "add", TERMINAL_APP_ID, "--auth-code-file", "terminal_auth_code.secret"]
        why = "只有登记过的终端软件才能连接。\nOnly registered terminal software may connect."
        async with self.story.step(Part.FIRM, "登记终端 register the terminal", why) as say:
            self.site.furnish(self.stage.system.settings(self.site.cast, self.stage.counter))
            say(f"$ ctp-relay {' '.join(add)}")
            say((await self.site.run(*add)).strip())

    async def _start(self, relay: RelayRun) -> int:
        doing = "启动中继，连接并登录 start the relay: connect and log in"
        async with self.story.step(Part.RELAY, doing, self.stage.system.starting) as say:
            say("$ ctp-relay serve")
            port = await relay.start()
            while (await self._counter())["state"] != "live":  # noqa: ASYNC110 - a process is asked
                await asyncio.sleep(_LOOK_SECONDS)
            say(f"就绪 ready: 127.0.0.1:{port} (TLS), {self.site.cast.mode}")
        return port

    async def _counter(self) -> dict[str, Any]:
        status = await self.site.run_json("status", "--json")
        counter: dict[str, Any] = status["counter"]
        return counter

    async def _describe(self) -> tuple[list[str], list[str]]:
        why = "连接之后，柜台把交易所与板块登记到中继的上下文。\nAfter connecting, the counter registers exchanges and boards."
        async with self.story.step(Part.COUNTER, "登记交易所与板块 register exchanges and boards", why) as say:
            offered = (await self._counter())["described"]
            say("$ ctp-relay status")
            say(f"{offered['product']}")
            boards = []
            for one in offered["exchanges"]:
                own = [board["code"] for board in one["boards"]]
                name = one["code"] if one["code"] != "unmapped" else f"unmapped {one['native_code']}"
                say(f"交易所 exchange {name}，板块 boards {' '.join(own)}")
                boards += [f"{one['native_code'] or one['code']}.{board}" for board in own]
            levels = [level["name"] for level in offered["levels"] if level["up"]]
            say(f"已登录 logged in: {' → '.join(levels)}")
        return [one["native_code"] or one["code"] for one in offered["exchanges"]], boards

    async def _refused(self, port: int) -> str:
        why = "这个柜台没有投资者会话，也没有终端信息的字段。\nIt has no investors' sessions and no room for a terminal's information."
        async with self.story.step(Part.TERMINAL, "登录被拒绝 a login is refused", why) as say:
            terminal = RelayTerminal(
                f"127.0.0.1:{port}",
                app_id=TERMINAL_APP_ID,
                auth_code=self.site.terminal_auth_code,
                tls=Tls(ca_file=self.site.tls.authority),
            )
            investor = self.site.cast.investor_id
            async with terminal:
                try:
                    await terminal.login(
                        demo_accounts.BROKER_ID,
                        investor,
                        demo_accounts.password_of(investor),
                        await asyncio.to_thread(collect),
                    )
                except LoginRejected as rejected:
                    say(f"{rejected.reason}: {rejected.refusal.message}")
                    return rejected.reason
        return ""

    async def _end(self, relay: RelayRun) -> None:
        why = "中继登出柜台并关闭桥接，再停。\nIt logs out, closes the bridge and stops."
        async with self.story.step(Part.FIRM, "停止中继 stop the relay (SIGTERM)", why) as say:
            say(f"退出码 exit status {await relay.stop()}")

    async def _verify(self) -> evidence.LedgerFacts:
        why = "每条记录含前一条的哈希，改动一条，链就断。\nEach entry holds the hash of the one before: a change breaks the chain."
        async with self.story.step(Part.FIRM, "校验台账 verify the ledger", why) as say:
            say("$ ctp-relay ledger verify")
            facts = await evidence.ledger_facts(self.site)
            say(f"{facts.entries} 条 entries，完整 whole")
        return facts
