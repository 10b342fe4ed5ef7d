"""Running relays: locks, settings in force, and what steers them. Each question and action goes to the relay itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.roles import PersonRole
from relay.admin_client import AdminClient, AskFailed, AskTrouble
from relay.console.actions import FieldKind, Filled, FormAction, FormField
from relay.console.relays import plain
from relay.console.troubles import sentence_for
from relay.console.visit import Visit
from relay.console.words import Language
from relay.settings.text import section_meaning
from relay.settings.wording import settings_wording

_T = TypeVar("_T")
_RELAY = ("relay",)
_LEVELS = ("debug", "info", "warning", "error")


async def control(visit: Visit) -> Response:
    """What may be done with each relay."""
    return visit.render("control.html", relays=visit.parts.live.watched)


async def locks(visit: Visit) -> Response:
    """Who cannot log in, at every relay."""

    async def ask(client: AdminClient) -> Any:
        return plain(await client.list_locks(pb.ListLocksRequest(asking=visit.asking())))["locks"]

    return visit.render("locks.html", relays=await _everywhere(visit, ask))


_NOTHING = frozenset({"null", '""', "[]", "{}"})
"""values, as JSON, of a setting that says nothing"""


async def settings(visit: Visit) -> Response:
    """The settings in force, secrets hidden, at every relay."""

    async def ask(client: AdminClient) -> Any:
        found = plain(await client.get_running_settings(pb.GetRunningSettingsRequest(asking=visit.asking())))[
            "settings"
        ]
        return _in_sections(visit, found)

    return visit.render("settings.html", relays=await _everywhere(visit, ask))


def _in_sections(visit: Visit, settings: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Each section's path, what it is about, and its settings, in the visit's language."""
    words = settings_wording(chinese=visit.language is Language.ZH)
    sections: dict[str, list[dict[str, Any]]] = {}
    for one in settings:
        path = one["key"].rpartition(".")[0]
        meaning = words.of_setting(one["key"], one["meaning"])
        unset = visit.say("running.not_set") if one["value"] in _NOTHING else ""
        sections.setdefault(path, []).append({**one, "meaning": meaning, "unset": unset})
    return [(path, words.of_section(path, section_meaning(path)), rows) for path, rows in sections.items()]


async def _everywhere(visit: Visit, ask: Callable[[AdminClient], Awaitable[Any]]) -> Sequence[tuple[str, Any, str]]:
    """Each relay's name, its answer, and why there is none."""

    async def one(name: str) -> tuple[str, Any, str]:
        try:
            return name, await ask(_client(visit, name)), ""
        except AskFailed as failed:
            return name, [], sentence_for(visit, failed)

    return await asyncio.gather(*(one(watched.name) for watched in visit.parts.live.watched))


def _client(visit: Visit, name: str) -> AdminClient:
    """Raises AskFailed, and HTTPException for a relay that the settings do not name."""
    relay = visit.parts.live.relay(name)
    if relay is None:
        raise HTTPException(404)
    try:
        return relay.client
    except OSError as error:
        raise AskFailed(AskTrouble.AWAY, f"{error.filename}: {error.strerror}") from None


async def _ask(visit: Visit, filled: Filled, question: Callable[[AdminClient], Awaitable[_T]]) -> _T:
    """Ask, and look at the relay once more, so that the next page shows what came of it. Raises AskFailed."""
    try:
        answer = await question(_client(visit, filled.subject["relay"]))
    except AskFailed as failed:
        if failed.trouble is AskTrouble.REFUSED:
            raise HTTPException(403) from None
        raise
    await visit.parts.live.look(filled.subject["relay"])
    return answer


async def _kick(visit: Visit, filled: Filled) -> Response | None:
    request = pb.KickSessionRequest(
        session=filled.subject["session"],
        tell_terminal="tell" in filled.chosen["tell_terminal"],
        asking=visit.asking(filled.reason),
    )
    await _ask(visit, filled, lambda relay: relay.kick_session(request))
    return None


async def _lift(visit: Visit, filled: Filled) -> Response | None:
    request = pb.LiftLocksRequest(name=filled.subject["name"], asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.lift_locks(request))
    return visit.go("locks")


async def _lift_all(visit: Visit, filled: Filled) -> Response | None:
    request = pb.LiftLocksRequest(all_logins=True, asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.lift_locks(request))
    return visit.go("locks")


async def _pause(visit: Visit, filled: Filled) -> Response | None:
    request = pb.PauseLoginsRequest(public_reason=filled.values["public_reason"], asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.pause_logins(request))
    return None


async def _resume(visit: Visit, filled: Filled) -> Response | None:
    request = pb.ResumeLoginsRequest(asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.resume_logins(request))
    return None


async def _drain(visit: Visit, filled: Filled) -> Response | None:
    request = pb.DrainRequest(asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.drain(request))
    return None


async def _reconnect_operator(visit: Visit, filled: Filled) -> Response | None:
    request = pb.ReconnectOperatorRequest(asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.reconnect_operator(request))
    return None


async def _reconnect_counter(visit: Visit, filled: Filled) -> Response | None:
    request = pb.ReconnectCounterRequest(asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.reconnect_counter(request))
    return None


async def _log_level(visit: Visit, filled: Filled) -> Response | None:
    request = pb.SetLogLevelRequest(level=filled.values["level"], asking=visit.asking(filled.reason))
    await _ask(visit, filled, lambda relay: relay.set_log_level(request))
    return None


async def _reload(visit: Visit, filled: Filled) -> Response | None:
    request = pb.ReloadRequest(asking=visit.asking(filled.reason))
    answer = await _ask(visit, filled, lambda relay: relay.reload(request))
    for key, names in (("form.applied", answer.applied), ("form.needs_restart", answer.needs_restart)):
        if names:
            visit.note(key, keys=", ".join(names))
    for problem in answer.problems:
        visit.note("form.not_taken", setting=problem.key, why=problem.why)
    return None


def _of_relay(name: str, path: str, role: PersonRole, carry: Any, **more: Any) -> FormAction:
    return FormAction(name, path, role, carry, "control", subject=_RELAY, **more)


ACTIONS = (
    FormAction(
        "session_kick",
        "/terminals/kick",
        PersonRole.OPERATOR,
        _kick,
        "terminals",
        subject=("relay", "session"),
        fields=(FormField("tell_terminal", FieldKind.MANY, required=False, options=("tell",), chosen=("tell",)),),
    ),
    FormAction("locks_lift", "/locks/lift", PersonRole.OPERATOR, _lift, "locks", subject=("relay", "name")),
    FormAction("locks_lift_all", "/locks/lift-all", PersonRole.OPERATOR, _lift_all, "locks", subject=_RELAY),
    _of_relay(
        "logins_pause",
        "/control/pause",
        PersonRole.OPERATOR,
        _pause,
        fields=(FormField("public_reason", required=False, longest=200),),
        danger=True,
    ),
    _of_relay("logins_resume", "/control/resume", PersonRole.OPERATOR, _resume),
    _of_relay("operator_reconnect", "/control/reconnect-operator", PersonRole.OPERATOR, _reconnect_operator),
    _of_relay("counter_reconnect", "/control/reconnect-counter", PersonRole.OPERATOR, _reconnect_counter, danger=True),
    _of_relay(
        "log_level",
        "/control/log-level",
        PersonRole.OPERATOR,
        _log_level,
        fields=(FormField("level", FieldKind.ONE, options=_LEVELS),),
    ),
    _of_relay("reload", "/control/reload", PersonRole.ADMIN, _reload),
    _of_relay("drain", "/control/drain", PersonRole.ADMIN, _drain, danger=True),
)
