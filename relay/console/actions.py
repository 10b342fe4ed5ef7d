"""A form that changes something, as a row: what it is about, what is filled in, who may, and what carries it out.

Every action is a page of its own: it says what will happen, asks for a reason, and is sent with the person's "yes". What it does
is done by `relay.admin`, here or in a running relay, which decides the role again and writes the ledger's entry.

    subject    what it is about (an app id, a session of a relay): from the link, then from the form
    fields     what is filled in; checked before anything is done
    carry      does it; what it raises becomes a sentence on the form
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from relay.admin.person import LONGEST_REASON
from relay.admin.roles import PersonRole, RoleTooLow
from relay.console.page import Page
from relay.console.troubles import EXPECTED, sentence_for
from relay.console.visit import Visit


class FieldKind(StrEnum):
    TEXT = "text"
    UNSEEN = "password"
    DATE = "date"
    ONE = "one"
    """one of the options"""
    MANY = "many"
    """any of the options"""


@dataclass(frozen=True, slots=True)
class FormField:
    """The label is `field.<name>`; `field.<name>_hint`, where there is one, explains it; options are `option.<value>`."""

    name: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    longest: int = 64
    options: Sequence[str] = ()
    chosen: Sequence[str] = ()
    """options that are chosen at first"""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form sent, checked: every field is there."""

    subject: Mapping[str, str]
    values: Mapping[str, str] = field(repr=False)
    chosen: Mapping[str, tuple[str, ...]]
    """of `FieldKind.MANY`"""
    reason: str


Carry = Callable[[Visit, Filled], Awaitable[Response | None]]


@dataclass(frozen=True)
class FormAction:
    """Its sentences: `action.<name>` (title and button), `action.<name>_what` (what will happen), `action.<name>_done`."""

    name: str
    path: str
    role: PersonRole
    carry: Carry
    back: str
    """the page the browser goes to afterwards"""
    subject: Sequence[str] = ()
    fields: Sequence[FormField] = ()
    danger: bool = False
    """it cannot be taken back, or hits everyone: it asks for a tick as well"""

    def page(self) -> Page:
        return Page(self.name, self.path, self.answer, self.role, "action.html", methods=("GET", "POST"))

    async def answer(self, visit: Visit) -> Response:
        """The form, or what it sends."""
        if visit.request.method == "GET":
            asked = visit.request.query_params
            subject = {name: asked.get(name, "")[:200] for name in self.subject}
            given = [one for one in self.fields if one.kind is not FieldKind.UNSEEN]  # no link fills in a secret
            first = {one.name: asked.get(one.name, "")[: one.longest] for one in given}
            return self._form(visit, subject, first, {})
        subject = {name: visit.text(name)[:200] for name in self.subject}
        filled, problems = self._read(visit, subject)
        if not problems:
            try:
                response = await self.carry(visit, filled)
            except RoleTooLow:
                raise HTTPException(403) from None
            except EXPECTED as error:
                problems = {"": sentence_for(visit, error)}
            else:
                visit.note(f"action.{self.name}_done", **subject)
                return response or visit.go(self.back)
        safe = {one.name: filled.values.get(one.name, "") for one in self.fields if one.kind is not FieldKind.UNSEEN}
        return self._form(visit, subject, safe | {"reason": filled.reason}, problems, dict(filled.chosen), status=422)

    def _read(self, visit: Visit, subject: Mapping[str, str]) -> tuple[Filled, dict[str, str]]:
        values = {one.name: _value(visit, one) for one in self.fields if one.kind is not FieldKind.MANY}
        chosen = {one.name: _chosen(visit, one) for one in self.fields if one.kind is FieldKind.MANY}
        filled = Filled(subject, values, chosen, visit.text("reason"))
        problems = {one.name: visit.say(key) for one in self.fields if (key := _problem(one, filled))}
        if not filled.reason:
            problems["reason"] = visit.say("form.reason_missing")
        elif len(filled.reason) > LONGEST_REASON:
            problems["reason"] = visit.say("form.too_long")
        if self.danger and visit.text("sure") != "yes":
            problems["sure"] = visit.say("form.not_sure")
        return filled, problems

    def _form(
        self,
        visit: Visit,
        subject: Mapping[str, str],
        values: Mapping[str, str],
        problems: Mapping[str, str],
        chosen: Mapping[str, Sequence[str]] | None = None,
        *,
        status: int = 200,
    ) -> Response:
        if not all(subject.values()):
            raise HTTPException(404)
        return visit.render(
            "action.html",
            status,
            action=self,
            subject=subject,
            values={one.name: "" for one in self.fields} | {"reason": ""} | dict(values),
            problems=problems,
            chosen=chosen or {one.name: one.chosen for one in self.fields},
        )


def _value(visit: Visit, one: FormField) -> str:
    value = visit.form.get(one.name, "")
    if isinstance(value, UploadFile):
        return ""
    return str(value) if one.kind is FieldKind.UNSEEN else str(value).strip()


def _chosen(visit: Visit, one: FormField) -> tuple[str, ...]:
    sent = {value for name, value in visit.fields if name == one.name}
    return tuple(option for option in one.options if option in sent)


def _problem(one: FormField, filled: Filled) -> str:
    """The key of the sentence that says what is wrong; empty where nothing is."""
    if one.kind is FieldKind.MANY:
        return "form.choose_one" if one.required and not filled.chosen[one.name] else ""
    value = filled.values[one.name]
    if not value:
        return "form.missing" if one.required else ""
    if len(value) > one.longest:
        return "form.too_long"
    if one.kind is FieldKind.ONE and value not in one.options:
        return "form.choose_one"
    return "form.no_date" if one.kind is FieldKind.DATE and not _is_date(value) else ""


def _is_date(value: str) -> bool:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True
