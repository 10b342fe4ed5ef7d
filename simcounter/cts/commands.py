"""What can be done to the front of CTS while it runs, beside what `simcounter/control.py` does to every counter.

Rules are named by CTS's message types: `cts_refuse msg_type=15001 code=E1234567`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simcounter.cts.misbehavior import CtsRule

if TYPE_CHECKING:
    from simcounter.cts.front import CtsFront

MAX_PUSHES = 100_000


class CtsCommands:
    """Each public method is a command."""

    def __init__(self, front: CtsFront) -> None:
        self._front = front

    def commands(self) -> dict[str, Callable[..., Any]]:
        names = [name for name in vars(CtsCommands) if name.startswith("cts_")]
        return {name: getattr(self, name) for name in names}

    def cts_refuse(self, msg_type: int, code: str, text: str = "", times: int = 1) -> None:
        """`msg_type` is answered with this errorCode; `times` 0 means always."""
        self._front.misbehavior.add("refuse", msg_type, CtsRule(times, code, text or code))

    def cts_ignore(self, msg_type: int, times: int = 1) -> None:
        """`msg_type` is not even looked at."""
        self._front.misbehavior.add("ignore", msg_type, CtsRule(times))

    def cts_delay(self, msg_type: int, seconds: float, times: int = 1) -> None:
        """The answer, or the push, comes late; what follows is not held up, so a trade may overtake its order's answer."""
        self._front.misbehavior.add("delay", msg_type, CtsRule(times, seconds=seconds))

    def cts_duplicate(self, msg_type: int, times: int = 1) -> None:
        """The message comes twice."""
        self._front.misbehavior.add("duplicate", msg_type, CtsRule(times))

    def cts_alter(self, msg_type: int, changes: dict[str, Any], times: int = 1) -> None:
        """The message comes with other values: {"data.passkey": "1234567"}; null takes a field out."""
        self._front.misbehavior.add("alter", msg_type, CtsRule(times, changes=changes))

    def cts_raw(self, msg_type: int, text: str, times: int = 1) -> None:
        """These bytes come instead (one for each character up to U+00FF), without a line's end of their own."""
        self._front.misbehavior.add("raw", msg_type, CtsRule(times, text=text))

    def cts_cut(self, msg_type: int, times: int = 1) -> None:
        """Half of the message comes, and then the connection is gone."""
        self._front.misbehavior.add("cut", msg_type, CtsRule(times))

    def cts_last_never(self, msg_type: int, times: int = 1) -> None:
        """The last message of an answer does not say that it is the last."""
        self._front.misbehavior.add("last_never", msg_type, CtsRule(times))

    def cts_resume(self, *, refused: bool = False, keeps_subscriptions: bool = False) -> None:
        """Whether a session that broke can be resumed, and whether its subscriptions live on."""
        self._front.misbehavior.refuses_resume = refused
        self._front.misbehavior.keeps_subscriptions = keeps_subscriptions

    def cts_tell_orders(self, *, on: bool = True) -> None:
        """17002 also for confirmed, refused and canceled orders."""
        self._front.misbehavior.tells_orders = on

    def cts_push(self, acct_id: str, values: dict[str, Any]) -> int:
        """17002 with these fields to who subscribed to the account; how many sessions these are."""
        return self._front.push(acct_id, values)

    def cts_flood(self, acct_id: str, values: dict[str, Any], count: int) -> int:
        """The same push `count` times."""
        return sum(self._front.push(acct_id, values) for _ in range(max(0, min(count, MAX_PUSHES))))

    def cts_vendor(self, acct_id: str, vendor: str) -> None:
        """For whose collector this account's login asks; empty: for none."""
        user = self._front.requests.user(acct_id)
        if user is None:
            raise ValueError(f"there is no account {acct_id}")
        user.collector_vendor = vendor

    def cts_clear(self) -> None:
        """Takes all rules of this front back."""
        self._front.misbehavior.clear()

    def cts_orders(self) -> list[dict[str, Any]]:
        """The day's orders by contractNum, with the terminal id that each came with."""
        return [
            {
                "contractNum": str(key),
                "clientId": own.client_id,
                "batchNum": own.batch_num,
                "terminalId": own.terminal_id,
            }
            for key, own in self._front.requests.native.items()
        ]
