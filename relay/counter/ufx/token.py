"""One login at UFX: a token, what is called under it, and one new login where it died.

The token is in memory alone; the ledger has its SHA-256. Before each login the ledger has an entry of what is sent: for a
terminal its report, since UFX wants the terminal's information inside the login.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from relay.counter.port import Evidence, NativeError, TerminalReport
from relay.counter.translated.hiding import without_secrets
from relay.counter.translated.values import AnswerLost, NotSent
from relay.counter.ufx.line import UfxLine
from relay.counter.ufx.replies import MAX_CAUSE, UfxReply, UfxRow
from relay.counter.ufx.to_native import counter_rows, login_row, too_long
from relay.counter.ufx.words import Ufx
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import Refused
from relay.settings.ufx_section import UfxSettings

_LOGOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """Who logs in."""

    session: str
    """the terminal session's id, for the ledger"""
    operator_no: str
    password: Callable[[], Awaitable[str]] = field(repr=False)
    report: TerminalReport | None
    """None: the relay's own operator"""


class UfxToken:
    """Of one login; `log_in` makes a new one in its place."""

    def __init__(self, line: UfxLine, owner: TokenOwner, order: int, settings: UfxSettings, evidence: Evidence) -> None:
        self.order = order
        self.owner = owner
        self.used_at = asyncio.get_running_loop().time()
        self.version = ""
        self._line = line
        self._settings = settings
        self._evidence = evidence
        self._value = ""

    @property
    def is_in(self) -> bool:
        return bool(self._value)

    def forget(self) -> None:
        """The connection is gone, or the token is dead."""
        self._value = ""

    # Login ----------------------------------------------------------------------------------------------------

    async def log_in(self) -> str:
        """A new token; the password it was got with. Raises Refused, AnswerLost, NotSent."""
        self._value = ""
        report, settings, owner = self.owner.report, self._settings, self.owner
        rows = counter_rows(report, settings) if report is not None else []
        long = too_long(rows)
        if long is not None:
            raise Refused(long)
        password = await owner.password()
        stated = login_row(report, settings) if report is not None else self._own_row()
        await self._record_login(rows)
        row = {"operator_no": owner.operator_no, "password": password, **stated}
        reply = await self._line.send(Ufx.LOGIN, [row], *([rows] if rows else []))
        await self._record_answer(reply)
        if reply.error is not None:
            codes = settings.wrong_password_codes
            wrong = not codes or reply.error.code in codes
            raise Refused(counter_reasons.refused_in_own_words(reply.error, wrong_login=wrong))
        answer = reply.rows[0] if reply.rows else {}
        self._value, self.version = (
            answer.get("user_token", ""),
            without_secrets(answer.get("version_no", ""), (password,), 40),
        )
        if not self._value:
            raise Refused(relay_reasons.counter_unavailable(why="(the counter gave no token)"))
        self.used_at = asyncio.get_running_loop().time()
        return password

    def _own_row(self) -> UfxRow:
        settings = self._settings
        return {
            "mac_address": "",
            "ip_address": settings.relay_ip_address,
            "op_station": settings.op_station,
            "authorization_id": settings.authorization_id,
        }

    async def _record_login(self, rows: Sequence[UfxRow]) -> None:
        shown: dict[str, object] = {"call": str(int(Ufx.LOGIN)), "user_id": self.owner.operator_no}
        report = self.owner.report
        if report is None:
            await self._evidence.record("counter_login", self.owner.session, shown)
            return
        counters = [row["counter_id"] for row in rows]
        shown |= {"counter_ids": counters, **report.as_evidence()}
        await self._evidence.record("terminal_report", self.owner.session, shown)

    async def _record_answer(self, reply: UfxReply) -> None:
        call = {"call": str(int(Ufx.LOGIN))}
        error = reply.error
        said: dict[str, object] = {"native": error.as_evidence()} if error is not None else {}
        token = reply.rows[0].get("user_token", "") if reply.rows else ""
        digest = {"grant_sha256": hashlib.sha256(token.encode()).hexdigest()} if token else {}
        failed = 0 if error is None else 1
        if self.owner.report is not None:
            facts = {**call, "return_code": failed, **said}
            await self._evidence.record("terminal_report_result", self.owner.session, facts)
        facts = {**call, "user_id": self.owner.operator_no, "error_id": failed, **said, **digest}
        await self._evidence.record("counter_login_answer", self.owner.session, facts)

    # Calls ----------------------------------------------------------------------------------------------------

    def send(self, function: Ufx, rows: Sequence[Mapping[str, str]] = ({},)) -> Awaitable[UfxReply]:
        """Under this token; any call renews it. Raises NotSent; the answer may raise AnswerLost."""
        if not self._value:
            raise NotSent
        self.used_at = asyncio.get_running_loop().time()
        return self._line.send(function, [{"user_token": self._value, **row} for row in rows])

    def without_token(self, text: str) -> str:
        """What the counter says of a call under it."""
        return without_secrets(text, (self._value,), MAX_CAUSE)

    def is_dead(self, error: NativeError) -> bool:
        """Whether this answer says so, where the settings know the counter's codes."""
        return error.code in self._settings.dead_token_codes

    async def log_out(self) -> None:
        """10002, where the connection is up; nothing is waited for longer than a moment."""
        if not self._value:
            return
        try:
            async with asyncio.timeout(_LOGOUT_SECONDS):
                await self.send(Ufx.LOGOUT)
        except (NotSent, AnswerLost, TimeoutError):
            pass
        finally:
            self._value = ""
