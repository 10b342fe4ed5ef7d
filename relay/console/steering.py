"""The pages that change something, and those that show what may be changed: rows of `routes`, a subject each."""

from __future__ import annotations

from typing import Final

from relay.admin.roles import PersonRole
from relay.console.page import Page
from relay.console.pages import accounts, app_ids, investors, me, running, sign_in

_GET_POST = ("GET", "POST")
_LONGEST_FILE = 1024 * 1024

STEERING: Final[tuple[Page, ...]] = (
    Page("sign_in_code", "/sign-in/code", sign_in.code, None, "sign_in_code.html", methods=_GET_POST),
    Page("app_ids", "/app-ids", app_ids.listed, PersonRole.VIEWER, "app_ids.html", menu=60),
    Page("app_id_code", "/app-ids/code", app_ids.new_code, PersonRole.ADMIN, "new_code.html"),
    Page("investors", "/investors", investors.listed, PersonRole.VIEWER, "investors.html", menu=70),
    Page(
        "investor_import",
        "/investors/import",
        investors.choose_file,
        PersonRole.ADMIN,
        "investor_import.html",
        methods=_GET_POST,
        longest_body=_LONGEST_FILE,
    ),
    Page(
        "investor_import_do",
        "/investors/import/confirm",
        investors.import_file,
        PersonRole.ADMIN,
        "investor_import_do.html",
        methods=_GET_POST,
    ),
    Page("locks", "/locks", running.locks, PersonRole.VIEWER, "locks.html", menu=80),
    Page("control", "/control", running.control, PersonRole.OPERATOR, "control.html", menu=90),
    Page("settings", "/settings", running.settings, PersonRole.OPERATOR, "settings.html", menu=100),
    Page("accounts", "/accounts", accounts.listed, PersonRole.ADMIN, "accounts.html", menu=110),
    Page("my_password", "/me/password", me.password, PersonRole.VIEWER, "my_password.html", methods=_GET_POST),
    Page("my_factor", "/me/second-factor", me.second_factor, PersonRole.VIEWER, "my_factor.html", methods=_GET_POST),
    Page(
        "my_factor_drop",
        "/me/second-factor/drop",
        me.drop_second_factor,
        PersonRole.VIEWER,
        "my_factor_drop.html",
        methods=_GET_POST,
    ),
    Page("my_sign_outs", "/me/sign-out-elsewhere", me.sign_out_elsewhere, PersonRole.VIEWER, methods=("POST",)),
    *(action.page() for action in (*app_ids.ACTIONS, *investors.ACTIONS, *running.ACTIONS, *accounts.ACTIONS)),
)
