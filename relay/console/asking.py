"""Questions of the reading pages to running relays, beside the status that the poller asks for.

The relay writes the entry for those that hand out personal data; so the account goes with the question.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AdminClient, AskFailed, AskTrouble
from relay.console.live import RelayAway
from relay.console.relays import plain
from relay.console.visit import Visit

_T = TypeVar("_T")


async def relay_sessions(visit: Visit, name: str, contains: str) -> list[Mapping[str, Any]]:
    """TerminalSession messages as values. Raises RelayAway."""
    request = pb.ListSessionsRequest(contains=contains, asking=visit.asking())
    answer = await _ask(visit, name, lambda client: client.list_sessions(request))
    return [plain(row) for row in answer.sessions]


async def relay_session(visit: Visit, name: str, session: str) -> Mapping[str, Any] | None:
    """One of them; None where it is not there any more. Raises RelayAway."""
    request = pb.GetSessionRequest(session=session, asking=visit.asking())
    try:
        return plain(await _ask(visit, name, lambda client: client.get_session(request)))
    except _NotThere:
        return None


async def relay_alarms(visit: Visit, name: str) -> list[Mapping[str, Any]]:
    """Alarm messages as values, newest first; none where the relay does not answer."""
    request = pb.ListAlarmsRequest(asking=visit.asking())
    try:
        answer = await _ask(visit, name, lambda client: client.list_alarms(request))
    except RelayAway:
        return []
    return [plain(row) for row in answer.alarms]


class _NotThere(RelayAway):
    """The relay answers, and has nothing of the kind."""


async def _ask(visit: Visit, name: str, question: Callable[[AdminClient], Awaitable[_T]]) -> _T:
    relay = visit.parts.live.relay(name)
    if relay is None:
        raise RelayAway(name)
    try:
        return await question(relay.client)
    except AskFailed as failed:
        kind = _NotThere if failed.trouble is AskTrouble.NOT_FOUND else RelayAway
        raise kind(failed.text or str(failed.trouble)) from None
    except OSError as error:
        raise RelayAway(f"{error.filename}: {error.strerror}") from None
