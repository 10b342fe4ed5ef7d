"""One page as a row: where it is, who may open it, which function answers, where it stands in the menu."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from relay.admin.roles import PersonRole
from relay.console.visit import Visit

Answer = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    """unique; its sentences are `menu.<name>` and what the template asks for; links are made by it"""
    path: str
    answer: Answer
    role: PersonRole | None
    """the least role; None: also without a sign-in"""
    template: str = ""
    """what the function renders, for the reader of the table"""
    menu: int = 0
    """place in the menu, from the top; 0: not in it"""
    methods: tuple[str, ...] = ("GET",)
    longest_body: int = 65_536
    """bytes of a form; a longer one is refused before it is read"""
