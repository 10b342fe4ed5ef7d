"""What is asked before a page is shown: role, form, size, headers; and what every answer carries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

from relay.admin.roles import PersonRole
from relay.console.application import make_application
from relay.console.page import Page
from relay.console.routes import PAGES
from relay.console.security import POLICY
from relay.console.visit import Visit
from relay.console.words import Language, Sentences, SentencesIncomplete, choose, load_sentences
from tests.relay.console.conftest import Browser, Office


async def _said(visit: Visit) -> Response:
    return PlainTextResponse(f"{visit.page} {visit.text('what')}")


TRIED = (
    *PAGES,
    Page("admins_only", "/admins-only", _said, PersonRole.ADMIN, methods=("GET", "POST")),
    Page("breaks", "/breaks", lambda visit: 1 / 0, PersonRole.VIEWER),  # type: ignore[arg-type,return-value]
)


@pytest.fixture
def tried(office: Office) -> Office:
    return replace(office, app=make_application(office.parts, TRIED))


async def test_a_page_is_refused_to_the_wrong_role(tried: Office) -> None:
    async with tried.signed_in(PersonRole.OPERATOR) as operator, tried.signed_in(PersonRole.ADMIN) as admin:
        refused = await operator.get("/admins-only")

        assert (refused.status_code, "没有权限" in refused.text) == (403, True)
        assert (await admin.get("/admins-only")).status_code == 200


async def _posted(browser: Browser, **form: str) -> int:
    return (await browser.client.post("/admins-only", data={"what": "x", **form})).status_code


async def test_a_form_without_this_browsers_token_is_refused(tried: Office) -> None:
    """None, a made-up one and another browser's: nothing is done."""
    async with tried.signed_in(PersonRole.ADMIN) as browser, tried.signed_in(PersonRole.ADMIN) as other:
        right = await browser.token("/")

        assert await _posted(browser) == 403
        assert await _posted(browser, csrf="0" * 64) == 403
        assert await _posted(browser, csrf=await other.token("/")) == 403
        assert await _posted(browser, csrf=right) == 200


async def test_a_form_from_another_site_is_refused_even_with_the_token(tried: Office) -> None:
    async with tried.signed_in(PersonRole.ADMIN) as browser:
        token = await browser.token("/")
        browser.client.headers["sec-fetch-site"] = "cross-site"

        assert await _posted(browser, csrf=token) == 403


async def test_the_sign_in_form_has_a_token_too(office: Office) -> None:
    """So that no other site signs a person in to an account of its own."""
    async with office.browser() as browser:
        await browser.get("/sign-in")
        answer = await browser.client.post("/sign-in", data={"name": "admin", "password": "x", "csrf": "0" * 64})

        assert answer.status_code == 403
        assert "页面已过期" in answer.text


async def test_a_body_that_is_too_large_is_not_read(tried: Office) -> None:
    async with tried.signed_in(PersonRole.ADMIN) as browser:
        token = await browser.token("/")

        assert await _posted(browser, csrf=token, much="x" * 70_000) == 413


@pytest.mark.parametrize("path", ["/", "/sign-in", "/no-such-page", "/static/console.css", "/breaks"])
async def test_every_answer_has_the_strict_headers(tried: Office, path: str) -> None:
    async with tried.signed_in() as browser:
        headers = (await browser.get(path)).headers

        assert headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        assert "frame-ancestors 'none'" in POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["strict-transport-security"].startswith("max-age=")


async def test_what_breaks_says_nothing_of_itself(tried: Office) -> None:
    async with tried.signed_in() as browser:
        answer = await browser.get("/breaks")

        assert answer.status_code == 500
        assert "ZeroDivisionError" not in answer.text


@pytest.mark.parametrize(("header", "language"), [("", "zh-CN"), ("en-US,en;q=0.9,zh;q=0.8", "en"), ("fr,de", "zh-CN")])
async def test_the_language_is_the_browsers_and_chinese_by_default(office: Office, header: str, language: str) -> None:
    async with office.browser(**{"accept-language": header}) as browser:
        assert f'<html lang="{language}"' in (await browser.get("/sign-in")).text


async def test_a_choice_of_language_and_theme_is_kept_with_the_account(office: Office) -> None:
    """Also for another browser of the same person."""
    async with office.signed_in() as browser, office.signed_in() as elsewhere:
        await browser.get("/choices?language=en&theme=dark&back=/me")

        for one in (browser, elsewhere):
            assert '<html lang="en" data-theme="dark">' in (await one.get("/")).text


async def test_text_from_outside_is_escaped_and_harmless(office: Office) -> None:
    """Markup is text; characters that move others are shown by number."""
    office.parts.live.watched[0].why = "<script>alert(1)</script>\u202e\x1b[31m"
    async with office.signed_in() as browser:
        office.relay.away = True
        text = office.parts.templates.from_string("{{ why }}").render(why="<b>\u202e\x1b[31m")

        assert "<b>" not in text
        assert not {"\u202e", "\x1b"} & set(text)
        assert (await browser.get("/")).status_code == 200


async def test_a_relay_that_goes_while_it_is_asked_fails_no_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for before is shown."""
    watched = office.parts.live.watched[0]

    async def turned(_visit: Visit, _name: str) -> list[Mapping[str, Any]]:
        watched.reachable = False
        return []

    monkeypatch.setattr("relay.console.pages.overview.relay_alarms", turned)
    async with office.signed_in() as browser:
        for page in ("/", "/alarms"):
            watched.reachable = True
            assert (await browser.get(page)).status_code == 200


def test_every_sentence_is_there_in_both_languages() -> None:
    """And every page of the menu has its words."""
    words = load_sentences()

    assert {f"menu.{page.name}" for page in PAGES if page.menu} <= words.keys()
    assert all(words.say(language, key) for key in sorted(words.keys()) for language in Language)


def test_a_row_without_one_language_is_refused() -> None:
    with pytest.raises(SentencesIncomplete, match=r"a\.b"):
        Sentences({"a.b": {"zh": "一"}})


@pytest.mark.parametrize("header", ["", "*", "en;q=x", "x" * 5000, "en;q=0", ",,;;"])
def test_any_accept_language_gives_a_language(header: str) -> None:
    assert choose("", header) is Language.ZH


def test_page_names_and_paths_are_unique() -> None:
    assert len({page.name for page in PAGES}) == len({page.path for page in PAGES}) == len(PAGES)


async def test_one_poller_asks_for_all_browsers(office: Office) -> None:
    """Streams do not make questions, and each gets the newest picture."""
    live = office.parts.live
    streams = [live.pictures() for _ in range(5)]
    for stream in streams:
        assert await anext(stream) == "retry: 3000\n\n"
    events = [await anext(stream) for stream in streams]
    before, newest = office.relay.asked, events
    async with asyncio.timeout(10):
        while office.relay.asked < before + 3:
            newest = [await anext(stream) for stream in streams]

    assert all(event.startswith("event: relays\ndata: ") for event in events)
    assert json.loads(newest[0].split("data: ")[1])["relays"][0]["name"] == "relay-a"
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]


async def test_streams_are_bounded_for_an_account_and_in_all(office: Office) -> None:
    live = office.parts.live

    assert [live.take_stream("a") for _ in range(7)] == [True] * 6 + [False]
    assert [live.take_stream("b") for _ in range(3)] == [True] * 2 + [False]
    live.leave_stream("a")
    assert live.take_stream("b")


async def test_a_stream_ends_with_the_sign_in(office: Office) -> None:
    """A browser whose account is disabled gets nothing more."""
    async with office.signed_in(PersonRole.VIEWER) as browser:
        office.parts.accounts.set_enabled("viewer", False)
        answer = await browser.get("/live")

        assert answer.status_code == 303
