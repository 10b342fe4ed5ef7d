"""App ids: which terminal software may connect, and its auth codes."""

from __future__ import annotations

import datetime as dt

from starlette.responses import Response

from relay.admin.roles import PersonRole
from relay.console.actions import FieldKind, Filled, FormAction, FormField
from relay.console.ended import end_disabled
from relay.console.visit import Visit
from relay.counter.port import Mode
from relay.database.times import COUNTER_ZONE, stamp
from relay.directory.auth_codes import new_auth_code
from relay.directory.terminals import ReportKind

_MODES = tuple(mode.value for mode in Mode)
_KINDS = tuple(kind.value for kind in ReportKind)
_APP_ID = ("app_id",)


async def listed(visit: Visit) -> Response:
    """Every app id, and those whose code cannot be read."""
    terminals, key_problem = await visit.parts.work.run(visit.parts.actions.terminals.all)
    return visit.render("app_ids.html", terminals=terminals, key_problem=key_problem, now=stamp(visit.parts.clock()))


async def new_code(visit: Visit) -> Response:
    """The auth code that was just made, this one time."""
    shown = visit.sign_in.take_shown_once() if visit.sign_in is not None else {}
    return visit.render("new_code.html", shown=shown) if "auth_code" in shown else visit.go("app_ids")


async def _add(visit: Visit, filled: Filled) -> Response | None:
    person, code = visit.person(filled.reason), filled.values["auth_code"] or new_auth_code()
    app_id = filled.values["app_id"]
    modes = [Mode(mode) for mode in filled.chosen["modes"]]
    kinds = [ReportKind(kind) for kind in filled.chosen["kinds"]]
    await visit.parts.work.run(lambda: visit.parts.actions.terminals.add(person, app_id, code, modes, kinds))
    return _shown(visit, app_id, code, filled)


async def _rotate(visit: Visit, filled: Filled) -> Response | None:
    person, code = visit.person(filled.reason), filled.values["auth_code"] or new_auth_code()
    app_id, until = filled.subject["app_id"], _end_of_day(filled.values["old_code_until"])
    await visit.parts.work.run(lambda: visit.parts.actions.terminals.rotate(person, app_id, code, keep_until=until))
    return _shown(visit, app_id, code, filled)


async def _enable(visit: Visit, filled: Filled) -> Response | None:
    person, app_id = visit.person(filled.reason), filled.subject["app_id"]
    await visit.parts.work.run(lambda: visit.parts.actions.terminals.set_enabled(person, app_id, True))
    return None


async def _disable(visit: Visit, filled: Filled) -> Response | None:
    person, app_id = visit.person(filled.reason), filled.subject["app_id"]
    await visit.parts.work.run(lambda: visit.parts.actions.terminals.set_enabled(person, app_id, False))
    await end_disabled(visit)
    return None


async def _kinds(visit: Visit, filled: Filled) -> Response | None:
    person, app_id = visit.person(filled.reason), filled.subject["app_id"]
    kinds = [ReportKind(kind) for kind in filled.chosen["kinds"]]
    await visit.parts.work.run(lambda: visit.parts.actions.terminals.set_kinds(person, app_id, kinds))
    return None


async def _end_overlap(visit: Visit, filled: Filled) -> Response | None:
    person, app_id = visit.person(filled.reason), filled.subject["app_id"]
    await visit.parts.work.run(lambda: visit.parts.actions.terminals.end_overlap(person, app_id))
    return None


_CODE = FormField("auth_code", FieldKind.UNSEEN, required=False, longest=16)
_REPORTS = FormField("kinds", FieldKind.MANY, options=_KINDS, chosen=(ReportKind.ORDINARY.value,))

ACTIONS = (
    FormAction(
        "app_id_add",
        "/app-ids/add",
        PersonRole.ADMIN,
        _add,
        "app_ids",
        fields=(
            FormField("app_id", longest=32),
            FormField("modes", FieldKind.MANY, options=_MODES, chosen=_MODES),
            _REPORTS,
            _CODE,
        ),
    ),
    FormAction(
        "app_id_rotate",
        "/app-ids/rotate",
        PersonRole.ADMIN,
        _rotate,
        "app_ids",
        subject=_APP_ID,
        fields=(FormField("old_code_until", FieldKind.DATE, required=False), _CODE),
    ),
    FormAction(
        "app_id_end_overlap", "/app-ids/end-overlap", PersonRole.ADMIN, _end_overlap, "app_ids", subject=_APP_ID
    ),
    FormAction("app_id_enable", "/app-ids/enable", PersonRole.OPERATOR, _enable, "app_ids", subject=_APP_ID),
    FormAction(
        "app_id_disable", "/app-ids/disable", PersonRole.OPERATOR, _disable, "app_ids", subject=_APP_ID, danger=True
    ),
    FormAction(
        "app_id_kinds", "/app-ids/kinds", PersonRole.ADMIN, _kinds, "app_ids", subject=_APP_ID, fields=(_REPORTS,)
    ),
)


def _shown(visit: Visit, app_id: str, code: str, filled: Filled) -> Response | None:
    """A code that the console made is shown on the next page, once."""
    if filled.values["auth_code"] or visit.sign_in is None:
        return None
    visit.sign_in.shown_once = {"app_id": app_id, "auth_code": code}
    return visit.go("app_id_code")


def _end_of_day(date: str) -> dt.datetime | None:
    """The end of a day in UTC+8; None where no date was given: the old code ends at once."""
    if not date:
        return None
    return dt.datetime.combine(dt.date.fromisoformat(date), dt.time.max, COUNTER_ZONE)
