"""What one request knows: who asks, in which language and theme, with which token, of which relays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.person import Person
from relay.admin.roles import PersonRole
from relay.console.parts import ConsoleParts
from relay.console.sign_ins import SignIn
from relay.console.words import Language
from relay.directory.accounts import ConsoleAccount

THEMES = ("system", "light", "dark")


@dataclass(slots=True)
class Visit:
    """For one request; a template has it as `visit`."""

    request: Request
    parts: ConsoleParts
    page: str
    """the page's name, `error` where there is none"""
    language: Language
    theme: str
    """system, light or dark"""
    csrf: str = field(repr=False)
    """every form sends it back as `csrf`"""
    account: ConsoleAccount | None = None
    sign_in: SignIn | None = None
    form: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """what a form sent, its token checked"""
    values: Mapping[str, Any] = field(default_factory=dict)
    """what stands in the path"""

    @property
    def role(self) -> PersonRole | None:
        return PersonRole(self.account.role) if self.account is not None else None

    @property
    def identity(self) -> str:
        """The id that the browser sent; raises KeyError where it sent none."""
        return self.request.cookies[self.parts.cookie]

    @property
    def address(self) -> str:
        """Where the browser is, as the server or a trusted proxy says."""
        return self.request.client.host if self.request.client is not None else ""

    @property
    def by_itself(self) -> bool:
        """Whether the page's script asks, because there is news, and no person."""
        return "x-live" in self.request.headers

    @property
    def needs_second_factor(self) -> bool:
        """Whether nothing else may be done before one is set up."""
        required = self.parts.settings.console.second_factor and self.account is not None
        return required and not self.account.second_factor and self.may(PersonRole.OPERATOR)  # type: ignore[union-attr]

    def may(self, least: PersonRole | str) -> bool:
        """Whether the account has this role, or a higher one."""
        return self.role is not None and self.role.may(PersonRole(least))

    def person(self, reason: str) -> Person:
        """Who acts, for `relay.admin`. Raises ReasonMissing for one that is too long, LookupError without an account."""
        if self.account is None:
            raise LookupError("no account")
        return self.parts.actions.process.acting_for(self.account.name, self.account.role).because(reason)

    def asking(self, reason: str = "") -> pb.Asking:
        """The same, for a running relay."""
        if self.account is None:
            raise LookupError("no account")
        return pb.Asking(account=self.account.name, role=self.account.role, reason=reason)

    def say(self, key: str, **facts: object) -> str:
        """A sentence in the visit's language."""
        return self.parts.words.say(self.language, key, **facts)

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return self.parts.words.has(key)

    def text(self, name: str) -> str:
        """A field of the form as text, without space around it; empty where it is missing or a file."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def to(self, page: str, **values: object) -> str:
        """The path of a page."""
        return str(self.request.app.url_path_for(page, **values))

    def render(self, template: str, status: int = 200, **facts: object) -> HTMLResponse:
        notices = self.sign_in.take_notices() if self.sign_in is not None and not self.by_itself else []
        text = self.parts.templates.get_template(template).render(
            visit=self,
            t=self.say,
            to=self.to,
            choose=self.choose,
            link=self.link,
            menu=self.parts.menu_for(self.role),
            notices=notices,
            **facts,
        )
        return HTMLResponse(text, status)

    @property
    def here(self) -> str:
        """The path of this page, with its query."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    def choose(self, what: str, value: str) -> str:
        """The path that chooses a language or theme and comes back to this page."""
        back = self.here if self.request.method == "GET" else "/"
        return f"{self.to('choices')}?{urlencode({what: value, 'back': back})}"

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Every field of the form that is a text, in order; a name may stand several times."""
        pairs = self.form.multi_items() if isinstance(self.form, FormData) else []
        return [(name, value) for name, value in pairs if isinstance(value, str)]

    def link(self, page: str, **subject: str) -> str:
        """The path of an action's form, with what it is about."""
        return f"{self.to(page)}?{urlencode(subject)}"

    def go(self, page: str, **values: object) -> Response:
        """Send the browser to another page, after a form."""
        return RedirectResponse(self.to(page, **values), 303)

    def note(self, key: str, **facts: object) -> None:
        """A sentence the next page shows."""
        if self.sign_in is not None:
            self.sign_in.notices.append(self.say(key, **facts))
