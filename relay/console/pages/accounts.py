"""The console's accounts, for admins."""

from __future__ import annotations

from starlette.responses import Response

from relay.admin.roles import PersonRole
from relay.console.actions import FieldKind, Filled, FormAction, FormField
from relay.console.visit import Visit

_NAME = ("name",)
_ROLES = tuple(role.value for role in PersonRole)


async def listed(visit: Visit) -> Response:
    """Every account, and how many browsers are signed in."""
    accounts = await visit.parts.work.run(visit.parts.actions.accounts.all)
    signed_in = {one.name: len(visit.parts.sign_ins.of_account(one.name)) for one in accounts}
    return visit.render("accounts.html", accounts=accounts, signed_in=signed_in)


async def _add(visit: Visit, filled: Filled) -> Response | None:
    person, values = visit.person(filled.reason), filled.values
    role = PersonRole(values["new_role"])
    await visit.parts.work.run(
        lambda: visit.parts.actions.accounts.add(person, values["new_name"], role, values["account_password"])
    )
    return None


async def _enable(visit: Visit, filled: Filled) -> Response | None:
    person, name = visit.person(filled.reason), filled.subject["name"]
    await visit.parts.work.run(lambda: visit.parts.actions.accounts.set_enabled(person, name, True))
    return None


async def _disable(visit: Visit, filled: Filled) -> Response | None:
    person, name = visit.person(filled.reason), filled.subject["name"]
    await visit.parts.work.run(lambda: visit.parts.actions.accounts.set_enabled(person, name, False))
    visit.parts.sign_ins.close_account(name)
    return None


async def _role(visit: Visit, filled: Filled) -> Response | None:
    person, name = visit.person(filled.reason), filled.subject["name"]
    role = PersonRole(filled.values["new_role"])
    await visit.parts.work.run(lambda: visit.parts.actions.accounts.set_role(person, name, role))
    return None


async def _password(visit: Visit, filled: Filled) -> Response | None:
    person, name, given = visit.person(filled.reason), filled.subject["name"], filled.values["account_password"]
    await visit.parts.work.run(lambda: visit.parts.actions.accounts.set_password(person, name, given))
    return None


async def _reset_factor(visit: Visit, filled: Filled) -> Response | None:
    person, name = visit.person(filled.reason), filled.subject["name"]
    await visit.parts.work.run(lambda: visit.parts.actions.accounts.reset_second_factor(person, name))
    return None


async def _sign_out(visit: Visit, filled: Filled) -> Response | None:
    person, name = visit.person(filled.reason), filled.subject["name"]
    await visit.parts.work.run(lambda: visit.parts.actions.accounts.sign_out(person, name))
    visit.parts.sign_ins.close_account(name)
    return None


_PASSWORD = FormField("account_password", FieldKind.UNSEEN, longest=256)
_NEW_ROLE = FormField("new_role", FieldKind.ONE, options=_ROLES)

ACTIONS = (
    FormAction(
        "account_add",
        "/accounts/add",
        PersonRole.ADMIN,
        _add,
        "accounts",
        fields=(FormField("new_name", longest=32), _NEW_ROLE, _PASSWORD),
    ),
    FormAction("account_enable", "/accounts/enable", PersonRole.ADMIN, _enable, "accounts", subject=_NAME),
    FormAction(
        "account_disable", "/accounts/disable", PersonRole.ADMIN, _disable, "accounts", subject=_NAME, danger=True
    ),
    FormAction(
        "account_role", "/accounts/role", PersonRole.ADMIN, _role, "accounts", subject=_NAME, fields=(_NEW_ROLE,)
    ),
    FormAction(
        "account_password",
        "/accounts/password",
        PersonRole.ADMIN,
        _password,
        "accounts",
        subject=_NAME,
        fields=(_PASSWORD,),
    ),
    FormAction(
        "account_reset_factor",
        "/accounts/reset-second-factor",
        PersonRole.ADMIN,
        _reset_factor,
        "accounts",
        subject=_NAME,
        danger=True,
    ),
    FormAction("account_sign_out", "/accounts/sign-out", PersonRole.ADMIN, _sign_out, "accounts", subject=_NAME),
)
