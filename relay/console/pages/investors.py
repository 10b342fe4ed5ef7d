"""Investors, whose passwords the relay checks in many-to-one; and what their machines were like, in both modes."""

from __future__ import annotations

import hashlib
import hmac
import json
import re

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from relay.admin.investor_import import MOST_ROWS, InvestorRow, WrongLine, read_investors
from relay.admin.roles import PersonRole, RoleTooLow
from relay.console.actions import FieldKind, Filled, FormAction, FormField
from relay.console.ended import end_disabled
from relay.console.troubles import EXPECTED, sentence_for
from relay.console.visit import Visit
from relay.counter.port import Investor

_IMPORT_SECONDS = 120.0
"""hashing takes some 30 ms for each password, and more on a busy machine"""
_INVESTOR = ("broker_id", "investor_id")


async def listed(visit: Visit) -> Response:
    """Every investor."""
    investors = await visit.parts.work.run(visit.parts.actions.investors.all)
    return visit.render("investors.html", investors=investors, mode=visit.parts.settings.relay.mode)


async def choose_file(visit: Visit) -> Response:
    """A file of investors: first only looked at. Every bad line is named, and nothing is changed."""
    if visit.request.method == "GET":
        return visit.render("investor_import.html", wrong=None, most=MOST_ROWS)
    file = visit.form.get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    broker_id = visit.parts.settings.counter.broker_id

    def read() -> tuple[list[InvestorRow], list[WrongLine]]:
        known = {one.investor_id for one in visit.parts.actions.investors.all() if one.broker_id == broker_id}
        return read_investors(content, known)

    rows, wrong = await visit.parts.work.run(read)
    if wrong or visit.sign_in is None:
        return visit.render("investor_import.html", 422, wrong=wrong, most=MOST_ROWS)
    visit.sign_in.draft["investors"] = tuple(rows)
    return visit.go("investor_import_do")


async def import_file(visit: Visit) -> Response:
    """The rows that were looked at, with a reason: all of them, or none."""
    rows = visit.sign_in.draft.get("investors") if visit.sign_in is not None else None
    if not isinstance(rows, tuple):
        return visit.go("investor_import")
    reason, shown = visit.text("reason"), _mark_of(visit, rows)
    if visit.request.method == "GET":
        return visit.render("investor_import_do.html", rows=rows, shown=shown, why="")
    if not reason or visit.text("shown") != shown:
        why = visit.say("investors.import_other" if reason else "form.reason_missing")
        return visit.render("investor_import_do.html", 422, rows=rows, shown=shown, why=why)
    broker_id, actions = visit.parts.settings.counter.broker_id, visit.parts.actions
    try:
        person = visit.person(reason)
        await visit.parts.work.run(lambda: actions.investors.add_all(person, broker_id, rows), seconds=_IMPORT_SECONDS)
    except RoleTooLow:
        raise HTTPException(403) from None
    except EXPECTED as error:
        return visit.render("investor_import_do.html", 422, rows=rows, shown=shown, why=sentence_for(visit, error))
    if visit.sign_in is not None:
        visit.sign_in.draft.pop("investors", None)
    visit.note("action.investor_import_done", count=len(rows))
    return visit.go("investors")


def _mark_of(visit: Visit, rows: tuple[InvestorRow, ...]) -> str:
    """Of the rows that a page shows: another tab may have brought another file since. Says nothing of a password."""
    said = json.dumps([(row.investor_id, row.password, row.account_ids) for row in rows])
    return hmac.new(visit.parts.token_key, b"rows\0" + said.encode(), hashlib.sha256).hexdigest()


async def _add(visit: Visit, filled: Filled) -> Response | None:
    person, values = visit.person(filled.reason), filled.values
    investor = Investor(visit.parts.settings.counter.broker_id, values["new_investor_id"])
    await visit.parts.work.run(
        lambda: visit.parts.actions.investors.add(person, investor, values["new_password"], _accounts(filled))
    )
    return None


async def _password(visit: Visit, filled: Filled) -> Response | None:
    person, given = visit.person(filled.reason), filled.values["new_password"]
    await visit.parts.work.run(lambda: visit.parts.actions.investors.set_password(person, _investor(filled), given))
    return None


async def _set_accounts(visit: Visit, filled: Filled) -> Response | None:
    person = visit.person(filled.reason)
    await visit.parts.work.run(
        lambda: visit.parts.actions.investors.set_accounts(person, _investor(filled), _accounts(filled))
    )
    return None


async def _enable(visit: Visit, filled: Filled) -> Response | None:
    person = visit.person(filled.reason)
    await visit.parts.work.run(lambda: visit.parts.actions.investors.set_enabled(person, _investor(filled), True))
    return None


async def _disable(visit: Visit, filled: Filled) -> Response | None:
    person = visit.person(filled.reason)
    await visit.parts.work.run(lambda: visit.parts.actions.investors.set_enabled(person, _investor(filled), False))
    await end_disabled(visit)
    return None


async def _forget_machines(visit: Visit, filled: Filled) -> Response | None:
    person = visit.person(filled.reason)
    await visit.parts.work.run(lambda: visit.parts.actions.investors.forget_machines(person, _investor(filled)))
    return None


_PASSWORD = FormField("new_password", FieldKind.UNSEEN, longest=40)
_ACCOUNTS = FormField("account_ids", required=False, longest=400)

ACTIONS = (
    FormAction(
        "investor_add",
        "/investors/add",
        PersonRole.ADMIN,
        _add,
        "investors",
        fields=(FormField("new_investor_id", longest=12), _PASSWORD, _ACCOUNTS),
    ),
    FormAction(
        "investor_password",
        "/investors/password",
        PersonRole.ADMIN,
        _password,
        "investors",
        subject=_INVESTOR,
        fields=(_PASSWORD,),
    ),
    FormAction(
        "investor_accounts",
        "/investors/accounts",
        PersonRole.ADMIN,
        _set_accounts,
        "investors",
        subject=_INVESTOR,
        fields=(FormField("account_ids", longest=400),),
    ),
    FormAction("investor_enable", "/investors/enable", PersonRole.OPERATOR, _enable, "investors", subject=_INVESTOR),
    FormAction(
        "investor_disable",
        "/investors/disable",
        PersonRole.OPERATOR,
        _disable,
        "investors",
        subject=_INVESTOR,
        danger=True,
    ),
    FormAction(
        "investor_forget_machines",
        "/investors/forget-machines",
        PersonRole.OPERATOR,
        _forget_machines,
        "investors",
        subject=_INVESTOR,
    ),
)


def _investor(filled: Filled) -> Investor:
    return Investor(filled.subject["broker_id"], filled.subject["investor_id"])


def _accounts(filled: Filled) -> list[str]:
    return [account for account in re.split(r"[\s,;，；、]+", filled.values["account_ids"]) if account]
