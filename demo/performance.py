"""One mode from the first command to the verified ledger, step by step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo import errand, evidence
from demo.cast import EXCHANGE_ID, INSTRUMENT_ID, TERMINAL_APP_ID, Cast
from demo.collecting import Collection
from demo.description import boards_of, codes_of, described
from demo.errand import Bought, Holdings
from demo.evidence import LedgerFacts
from demo.outcome import DemoOutcome
from demo.relay_run import RelayRun
from demo.relay_site import RelaySite
from demo.story import DemoStepFailed, Part, Story
from demo.systems import DemoSystem
from simcounter import demo_accounts
from simcounter.counter import SimulatedCounter
from simcounter.settlement import ReportLine
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected
from terminal_client.session import CounterInfo, SessionInfo

_LOOK_SECONDS = 0.05
"""between two looks at the counter, while the operator's login is under way"""


@dataclass(slots=True)
class Findings:
    """What the steps learned."""

    collected: Collection
    info: SessionInfo
    counter_digest: str = ""
    bought: Bought | None = None
    holdings: Holdings | None = None


@dataclass(frozen=True, slots=True)
class DemoStage:
    """Where a mode is played."""

    system: DemoSystem
    counter: SimulatedCounter
    environment: Mapping[str, str] = field(repr=False)
    """of the relay's process: with the simulated library in the vendor's place"""


@dataclass(frozen=True, slots=True)
class Performance:
    """One mode on its stage, with an investor who trades."""

    story: Story
    stage: DemoStage
    site: RelaySite

    @property
    def cast(self) -> Cast:
        return self.site.cast

    @property
    def system(self) -> DemoSystem:
        return self.stage.system

    @property
    def counter(self) -> SimulatedCounter:
        return self.stage.counter

    async def play(self) -> DemoOutcome:
        """The facts; raises DemoStepFailed. The relay has ended when this returns or raises."""
        started = time.monotonic()
        self.story.act(self.cast)
        async with RelayRun(self.site.folder, self.stage.environment) as relay:
            try:
                await self._register()
                port = await self._start(relay)
                collected = await self._collect()
                findings = await self._visit(port, collected)
                await self._end(relay)
                line, ledger = await self._read_report(), await self._verify()
            except DemoStepFailed as failure:
                failure.mode, failure.relay_log = self.cast.mode, tuple(relay.last_lines)
                raise
        return self._outcome(findings, line, ledger, time.monotonic() - started)

    async def _register(self) -> None:
        add = ["terminal", "add", TERMINAL_APP_ID, "--auth-code-file", "terminal_auth_code.secret"]
        add_investor = ["investor", "add", self.cast.investor_id, "--password-file", "investor.secret"]
        why = "只有登记过的终端软件才能连接。\nOnly registered terminal software may connect."
        async with self.story.step(Part.FIRM, "登记终端 register the terminal", why) as say:
            self.site.furnish(self.system.settings(self.cast, self.counter))
            say(f"$ ctp-relay {' '.join(add)}")
            say((await self.site.run(*add)).strip())
            if self.cast.relay_knows_investor:
                say(f"$ ctp-relay {' '.join(add_investor)}")
                say((await self.site.run(*add_investor)).strip())

    async def _start(self, relay: RelayRun) -> int:
        why = self.system.starting
        async with self.story.step(Part.RELAY, "启动中继 start the relay", why) as say:
            say("$ ctp-relay serve")
            port = await relay.start()
            while self.cast.relay_knows_investor and not evidence.operator_is_logged_in(self.counter):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
            named = f", AppID {self.cast.relay_app_id}" if self.cast.relay_app_id else ""
            say(f"就绪 ready: 127.0.0.1:{port} (TLS), {self.cast.mode}{named}")
        return port

    async def _collect(self) -> Collection:
        system = self.system
        async with self.story.step(Part.TERMINAL, system.collecting, system.why_collected, seconds=45.0) as say:
            collection = await asyncio.to_thread(system.collect, self.site.folder)
            length = len(collection.followed)
            say(f"{length} 字节 bytes，采集库 collector {collection.collector}，返回码 code {collection.code}")
            for missing in _missing(collection.ctp) if collection.ctp is not None and collection.ctp.missing else ():
                say(missing)
            say(f"sha256 {collection.sha256}")
        return collection

    async def _visit(self, port: int, collected: Collection) -> Findings:
        terminal = RelayTerminal(
            f"127.0.0.1:{port}",
            app_id=TERMINAL_APP_ID,
            auth_code=self.site.terminal_auth_code,
            tls=Tls(ca_file=self.site.tls.authority),
        )
        async with terminal:
            findings = Findings(collected, await self._log_in(terminal, collected))
            findings.counter_digest = await self._received()
            offered = _offered(findings.info)
            if "settlement_info_confirm" not in offered.not_offered:
                await self._confirm(terminal)
            findings.bought = await self._buy(terminal, priced="qry_depth_market_data" not in offered.not_offered)
            findings.holdings = await self._look(terminal)
            why = "会话在柜台一并结束，记入台账。\nThe session ends at the counter too, and the ledger says so."
            async with self.story.step(Part.TERMINAL, "退出 log out", why):
                await terminal.close()
        return findings

    async def _log_in(self, terminal: RelayTerminal, collected: Collection) -> SessionInfo:
        cast = self.cast
        why = (
            "终端证明自己有授权码，授权码不经过网络；中继核验，先记台账再上报。\n"
            "The terminal proves its auth code without sending it; the relay checks, writes its ledger, then reports."
        )
        async with self.story.step(Part.TERMINAL, "登录 log in", why) as say:
            password = demo_accounts.password_of(cast.investor_id)
            info = await terminal.login(
                demo_accounts.BROKER_ID, cast.investor_id, password, collected.ctp, collectors=collected.others
            )
            kind = f"柜台认定中继类型 AppType {info.relay_app_type}，" if cast.app_type else ""
            say(f"{kind}上报经 reported by {cast.report_call}")
            say(f"投资者 investor {cast.investor_id}，交易日 trading day {info.trading_day}，登录 at {info.login_time}")
            for line in described(_offered(info)):
                say(line)
        return info

    async def _received(self) -> str:
        why = "柜台存下上报；中继补充的外层信息用监控中心公钥加密。\nStored; what the relay added is encrypted for the center."
        async with self.story.step(Part.COUNTER, "收到终端信息 receive the system info", why) as say:
            row = evidence.stored_report(self.counter, self.cast)
            digest = evidence.digest_of(row)
            say(f"{len(row.inner_info)} 字节 bytes，sha256 {digest}")
            say(f"外层密文 outer part, encrypted: {len(row.remote_outer)} 字节 bytes {row.remote_outer[:12].hex()}…")
        return digest

    async def _confirm(self, terminal: RelayTerminal) -> None:
        why = "当日第一笔报单之前必须确认。\nCTP refuses the day's first order without it."
        async with self.story.step(Part.TERMINAL, "确认结算单 confirm the settlement statement", why) as say:
            say(f"已确认 confirmed: {await errand.confirm_settlement(terminal)}")

    async def _buy(self, terminal: RelayTerminal, *, priced: bool) -> Bought:
        why = "身份由中继填写，回报只送回该投资者。\nThe relay fills in who trades; notices go to that investor only."
        async with self.story.step(Part.TERMINAL, "买开一手 buy one lot", why) as say:
            if priced:
                price = await errand.best_offer(terminal)
                say(f"{INSTRUMENT_ID}.{EXCHANGE_ID} 卖一价 best offer {price:g}，限价买入 limit order")
            else:
                price = errand.AT_THE_OFFER
                say(
                    f"{INSTRUMENT_ID}.{EXCHANGE_ID} 行情不经此柜台 no quotes of this counter: 限价买入 limit order {price:g}"
                )
            return await errand.buy(terminal, price, say)

    async def _look(self, terminal: RelayTerminal) -> Holdings:
        why = "查询也经过中继，按柜台限速排队。\nQueries pass the relay too, paced as the counter wants."
        async with self.story.step(Part.TERMINAL, "查询资金与持仓 query account and position", why) as say:
            have = await errand.holdings(terminal)
            say(
                f"可用 available {have.available:,.2f}，保证金 margin {have.margin:,.2f}，手续费 fee {have.commission:,.2f}"
            )
            say(f"持仓 position {INSTRUMENT_ID} {have.position} 手 lot")
        return have

    async def _end(self, relay: RelayRun) -> None:
        why = "先让终端走完，再停。\nIt lets terminals leave, then stops."
        async with self.story.step(Part.FIRM, "停止中继 stop the relay (SIGTERM)", why) as say:
            say(f"退出码 exit status {await relay.stop()}")

    async def _read_report(self) -> ReportLine:
        why = "日报送监控中心，用私钥解开外层；这里是测试密钥。\nThe report's outer part opens with the private key, here a test key."
        async with self.story.step(Part.CENTER, "打开当日日报 open the day's report", why) as say:
            line = evidence.report_line(self.counter, self.cast)
            where = f"{line.terminal_ip}:{line.terminal_port}，" if line.terminal_ip else ""
            say(f"终端 terminal {where}{line.terminal_app_id}，{line.terminal_login_time}".rstrip("，"))
            say(f"中继 relay {line.app_id}，前置所见 seen by the front {line.relay_ip}（都在本机 all on this machine）")
            say(f"{line.inner_length} 字节 bytes，sha256 {line.inner_sha256}")
        return line

    async def _verify(self) -> LedgerFacts:
        why = "每条记录含前一条的哈希，改动一条，链就断。\nEach entry holds the hash of the one before: a change breaks the chain."
        async with self.story.step(Part.FIRM, "校验台账 verify the ledger", why) as say:
            say("$ ctp-relay ledger verify")
            facts = await evidence.ledger_facts(self.site)
            say(
                f"{facts.entries} 条 entries，完整 whole；{self.cast.report_call} 返回码 return code {facts.return_code}"
            )
        return facts

    def _outcome(self, findings: Findings, line: ReportLine, ledger: LedgerFacts, seconds: float) -> DemoOutcome:
        bought, have, offered = findings.bought, findings.holdings, _offered(findings.info)
        return DemoOutcome(
            system=self.cast.system,
            mode=self.cast.mode,
            exchanges=codes_of(offered.exchanges),
            boards=boards_of(offered.exchanges),
            collected_kinds=list(ledger.collected),
            investor_id=self.cast.investor_id,
            collector_code=findings.collected.code,
            system_info_length=len(findings.collected.followed),
            system_info_sha256=findings.collected.sha256,
            ledger_system_info_sha256=ledger.collected.get(findings.collected.kind, ""),
            counter_system_info_sha256=findings.counter_digest,
            report_system_info_sha256=line.inner_sha256,
            report_kind=line.kind,
            report_public_ip=line.terminal_ip,
            report_app_id=line.terminal_app_id,
            report_call=self.cast.report_call,
            return_code=ledger.return_code,
            relay_app_id=line.app_id,
            relay_app_type=findings.info.relay_app_type,
            order_status=bought.order_status if bought is not None else "",
            trades=bought.trades if bought is not None else 0,
            position=have.position if have is not None else 0,
            ledger_entries=ledger.entries,
            ledger_verified=ledger.verified,
            seconds=round(seconds, 2),
        )


def _offered(info: SessionInfo) -> CounterInfo:
    if info.counter is None:
        raise DemoStepFailed("登录 log in", "柜台没有说明自己 the counter did not say what it offers")
    return info.counter


def _missing(collected: Collected) -> tuple[str, str]:
    """The return code in words."""
    chinese = "，".join(item.chinese for item in collected.missing)
    english = ", ".join(item.english for item in collected.missing)
    return f"本机未能采集：{chinese}", f"missing on this machine: {english}"
