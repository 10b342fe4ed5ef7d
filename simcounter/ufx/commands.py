"""What can be done to the front of UFX while it runs, beside what `simcounter/control.py` does to every counter.

Rules are named by function numbers: `ufx_refuse function=91004 code=10 text=...`. Pushes are function 620706.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simcounter.ufx.misbehavior import UfxRule
from simcounter.ufx.pack import encode_pack, table_of

if TYPE_CHECKING:
    from simcounter.ufx.front import UfxFront

MAX_PUSHES = 100_000


class UfxCommands:
    """Each public method is a command."""

    def __init__(self, front: UfxFront) -> None:
        self._front = front

    def commands(self) -> dict[str, Callable[..., Any]]:
        names = [name for name in vars(UfxCommands) if name.startswith("ufx_")]
        return {name: getattr(self, name) for name in names}

    # Rules ----------------------------------------------------------------------------------------------------

    def ufx_refuse(self, function: int, code: int, text: str = "", times: int = 1) -> None:
        """`function` is answered with this ErrorCode; `times` 0 means always."""
        self._front.misbehavior.add("refuse", function, UfxRule(times, code, text or str(code)))

    def ufx_level_one(self, function: int, code: int, text: str = "", times: int = 1) -> None:
        """The message itself says that something is wrong, and has no content."""
        self._front.misbehavior.add("level_one", function, UfxRule(times, code, text or str(code)))

    def ufx_ignore(self, function: int, times: int = 1) -> None:
        """`function` is not even looked at."""
        self._front.misbehavior.add("ignore", function, UfxRule(times))

    def ufx_delay(self, function: int, seconds: float, times: int = 1) -> None:
        """The answer, or the push, comes late; what follows is not held up."""
        self._front.misbehavior.add("delay", function, UfxRule(times, seconds=seconds))

    def ufx_duplicate(self, function: int, times: int = 1) -> None:
        """The message comes twice."""
        self._front.misbehavior.add("duplicate", function, UfxRule(times))

    def ufx_hold(self, function: int, times: int = 1) -> None:
        """The message comes after the next one, whatever that is."""
        self._front.misbehavior.add("hold", function, UfxRule(times))

    def ufx_content(self, function: int, content: str, times: int = 1) -> None:
        """The answer has this content instead, in hexadecimal: no pack, or one that lies."""
        self._front.misbehavior.add("content", function, UfxRule(times, content=bytes.fromhex(content)))

    def ufx_table(self, function: int, row: dict[str, Any], times: int = 1) -> None:
        """The answer is one table of this row instead, without an ErrorCode where it has none."""
        content = encode_pack([table_of([row])])
        self._front.misbehavior.add("content", function, UfxRule(times, content=content))

    def ufx_cut(self, function: int, times: int = 1) -> None:
        """Half of the message comes, and then the connection is gone."""
        self._front.misbehavior.add("cut", function, UfxRule(times))

    def ufx_wrong_xor(self, function: int, times: int = 1) -> None:
        """The message's frame has a first byte that does not check its length."""
        self._front.misbehavior.add("wrong_xor", function, UfxRule(times))

    def ufx_skip_row(self, function: int, times: int = 1) -> None:
        """A query's page lacks its first row, as paging while rows come may."""
        self._front.misbehavior.add("skip_row", function, UfxRule(times))

    def ufx_pushes_first(self, *, on: bool = True) -> None:
        """What a request causes is pushed before its answer."""
        self._front.misbehavior.pushes_first = on

    def ufx_silent(self, *, on: bool = True) -> None:
        """The counter answers nothing, heartbeats included, and its connections stay."""
        self._front.misbehavior.silent = on

    def ufx_refuse_topic(self, error: int = -1002) -> None:
        """Every subscription gets this error number; 0 takes it back."""
        self._front.misbehavior.refuses_topics = error

    def ufx_refuse_registration(self, error: int = -1) -> None:
        """Every registration gets this error number; 0 takes it back."""
        self._front.misbehavior.refuses_registration = error

    def ufx_markets(self, account: str, markets: str) -> None:
        """The market_no_list of this account from now on."""
        self._front.queries.markets[account] = markets

    def ufx_clear(self) -> None:
        """Takes all rules of this front back."""
        self._front.misbehavior.clear()
        self._front.queries.markets.clear()

    # Events ---------------------------------------------------------------------------------------------------

    def ufx_kick(self, operator_no: str = "") -> int:
        """Ends the subscriptions of this operator, or all, with 620715; returns how many."""
        return self._front.topics.kick(operator_no)

    def ufx_forget_sessions(self) -> int:
        """The message center knows its sessions no more and says nothing; returns how many. A client begins anew when it misses
        heartbeats, some seconds later.
        """
        count = len(self._front.topics.sessions)
        self._front.topics.sessions.clear()
        return count

    def ufx_end_tokens(self, operator_no: str = "") -> int:
        """This operator's tokens, or all, are dead; returns how many."""
        return self._front.tokens.end_all(operator_no)

    def ufx_flood(self, operator_no: str, count: int) -> int:
        """`count` pushes of no known msgtype to this operator; returns how many were sent."""
        sent = 0
        for session, key in self._front.topics.audience({operator_no}):
            frame = self._front.topics.push_frame(session, key, {"msgtype": "z", "operator_no": operator_no})
            for _ in range(max(0, min(count, MAX_PUSHES))):
                session.connection.send(frame)
                sent += 1
        return sent

    def ufx_push(self, operator_no: str, row: dict[str, Any]) -> int:
        """This row to the operator's subscriptions; returns how many there are."""
        audience = self._front.topics.audience({operator_no})
        for session, key in audience:
            self._front.send_push(session, key, row)
        return len(audience)

    async def ufx_second_address(self) -> str:
        """Listens on a second address, and says which."""
        return f"127.0.0.1:{await self._front.listen_second()}"

    async def ufx_stop_first(self) -> None:
        """The first address is down; `resume` brings it back."""
        await self._front.stop_first()

    # Questions ------------------------------------------------------------------------------------------------

    def ufx_status(self) -> dict[str, Any]:
        front = self._front
        return {
            "connections": len(front.connections),
            "tokens": sorted(token.operator_no for token in front.tokens.alive()),
            "subscriptions": sorted(name for session in front.topics.sessions for name in session.subscriptions),
            "logins": len(front.logins.kept),
        }

    def ufx_logins(self) -> list[dict[str, Any]]:
        """What each login brought: its fields without the password, and the rows for upstream counters."""
        return [
            {"operator_no": login.operator_no, "fields": login.fields, "counters": login.counters}
            for login in self._front.logins.kept
        ]
