"""Signing in: what is the same for every failure, what is bounded, and which cookie a browser has."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from relay.admin.roles import PersonRole
from relay.console.application import make_application
from relay.console.passwords import HashingBusy, Passwords
from relay.console.sign_ins import SignIns
from relay.console.tries import MOST_AT_ADDRESS, MOST_OF_ACCOUNT, MOST_OF_ADDRESS, WINDOW_SECONDS, SignInTries
from tests.relay.console.conftest import PASSWORD, HandClock, Office


async def test_a_right_password_opens_the_overview(office: Office) -> None:
    """Name and password lead to the page that was asked for."""
    async with office.browser() as browser:
        asked = await browser.get("/me")
        answer = await browser.send("/sign-in", {"name": "viewer", "password": PASSWORD, "next": "/me"})

        assert asked.headers["location"] == "/sign-in?next=/me"
        assert (answer.status_code, answer.headers["location"]) == (303, "/me")
        assert (await browser.get("/me")).status_code == 200


@pytest.mark.parametrize(("name", "password"), [("viewer", "wrong password"), ("no-such-account", PASSWORD)])
async def test_every_failure_has_one_answer(office: Office, name: str, password: str) -> None:
    """An unknown name and a wrong password get the same page."""
    async with office.browser() as browser:
        answer = await browser.sign_in(name, password)

        assert answer.status_code == 403
        assert "账号或密码不正确" in answer.text
        assert name not in answer.text


async def test_a_disabled_account_gets_the_same_answer_and_is_out_at_once(office: Office) -> None:
    """Disabling ends what is signed in, and the sign-in page does not say why it refuses."""
    async with office.signed_in(PersonRole.VIEWER) as browser:
        office.parts.accounts.set_enabled("viewer", False)

        assert (await browser.get("/")).headers["location"].startswith("/sign-in")
        assert "账号或密码不正确" in (await browser.sign_in("viewer")).text


async def test_the_cookie_is_strict_and_new_at_the_sign_in(office: Office) -> None:
    """The browser's id before the sign-in is worth nothing after it."""
    async with office.browser() as browser:
        await browser.get("/sign-in")
        before = browser.cookie
        answer = await browser.sign_in("admin")
        after = browser.cookie
        cookie = answer.headers["set-cookie"].lower()

        assert before
        assert before != after
        assert all(word in cookie for word in ("secure", "httponly", "samesite=strict", "path=/", "__host-"))
        assert office.parts.sign_ins.find(before) is None


async def test_an_id_that_a_stranger_chose_is_never_taken_over(office: Office) -> None:
    """Session fixation: a planted cookie does not become the signed-in one."""
    async with office.browser() as browser:
        browser.client.cookies.set("__Host-ctp-relay-8443", "planted", domain="console.test")
        await browser.sign_in("admin")

        assert office.parts.sign_ins.find("planted") is None
        async with office.browser() as stranger:
            stranger.client.cookies.set("__Host-ctp-relay-8443", "planted", domain="console.test")
            assert (await stranger.get("/")).status_code == 303


async def test_two_consoles_on_one_host_leave_each_others_sign_ins_alone(office: Office) -> None:
    """A browser sends a host's cookies to each of its ports: the second console's sign-in does not end the first's."""
    console = office.parts.settings.console.model_copy(update={"address": "127.0.0.1:9443"})
    settings = office.parts.settings.model_copy(update={"console": console})
    sign_ins = SignIns(office.clock.seconds, idle_seconds=1800, longest_seconds=43200)
    second_parts = replace(office.parts, settings=settings, sign_ins=sign_ins)
    second = replace(office, parts=second_parts, app=make_application(second_parts))
    async with office.signed_in() as browser, second.browser() as beside:
        beside.client.cookies.update(browser.client.cookies)
        await beside.sign_in("viewer")
        browser.client.cookies.update(beside.client.cookies)

        assert (await browser.get("/me")).status_code == (await beside.get("/me")).status_code == 200
        assert "viewer" in (await beside.get("/me")).text
        await beside.send("/sign-out", {}, form_at="/me")
        browser.client.cookies.update(beside.client.cookies)
        assert (await browser.get("/me")).status_code == 200


async def test_signing_out_ends_it_here_and_at_the_server(office: Office) -> None:
    async with office.signed_in() as browser:
        was = browser.cookie
        await browser.send("/sign-out", {}, form_at="/")

        assert office.parts.sign_ins.find(was) is None
        assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize("seconds", [1801.0, 43201.0])
async def test_a_sign_in_ends_by_itself(office: Office, seconds: float) -> None:
    """Idle, or old: the person signs in again."""
    async with office.signed_in() as browser:
        office.clock.move(seconds)

        assert (await browser.get("/")).status_code == 303


async def test_being_used_does_not_make_a_sign_in_last_for_ever(office: Office) -> None:
    """After the longest time it ends, however busy."""
    async with office.signed_in() as browser:
        for _ in range(24):
            office.clock.move(1790)
            await browser.get("/")
        office.clock.move(1790)

        assert (await browser.get("/")).status_code == 303


async def test_the_path_to_go_back_to_is_one_of_ours(office: Office) -> None:
    """No link leads through the sign-in to another site."""
    for path in ("//evil.test/", "https://evil.test/", "/\\evil.test", "/\n/x"):
        async with office.browser() as browser:
            answer = await browser.send("/sign-in", {"name": "admin", "password": PASSWORD, "next": path})

            assert answer.headers["location"] == "/"


async def test_wrong_passwords_lock_an_address_for_a_while(office: Office) -> None:
    """After five, even the right one is not looked at; elsewhere it is."""
    async with office.browser() as browser, office.browser("192.0.2.8") as elsewhere:
        for _ in range(MOST_AT_ADDRESS):
            await browser.sign_in("admin", "wrong password")
        answer = await browser.sign_in("admin")

        assert (answer.status_code, "尝试次数过多" in answer.text) == (429, True)
        assert (await elsewhere.sign_in("admin")).status_code == 303
        office.clock.move(WINDOW_SECONDS + 1)
        assert (await browser.sign_in("admin")).status_code == 303


async def test_unknown_names_lock_alike(office: Office) -> None:
    """The lock does not say whether there is such an account."""
    async with office.browser() as browser:
        for _ in range(MOST_AT_ADDRESS):
            await browser.sign_in("no-such-account", "wrong password")

        assert (await browser.sign_in("no-such-account")).status_code == 429


def test_an_address_is_bounded_over_all_names() -> None:
    clock = HandClock()
    tries = SignInTries(clock.seconds)
    for number in range(MOST_OF_ADDRESS):
        tries.failed(f"name{number}", "2001:db8::1")

    assert tries.seconds_left("another", "2001:db8::ffff") > 0, "the same /64"
    assert tries.seconds_left("another", "2001:db8:0:1::1") == 0


def test_many_addresses_do_not_shut_out_the_person_who_was_in_before() -> None:
    """Strangers everywhere guess one account: new addresses wait, the known one does not."""
    clock = HandClock()
    tries = SignInTries(clock.seconds)
    tries.succeeded("admin", "192.0.2.1")
    for number in range(MOST_OF_ACCOUNT):
        tries.failed("admin", f"198.51.100.{number}")

    assert tries.seconds_left("admin", "203.0.113.1") > 0
    assert tries.seconds_left("admin", "192.0.2.1") == 0


async def test_password_hashing_is_bounded() -> None:
    """Of one address four at a time; the fifth is refused before anything is computed."""
    passwords = Passwords()
    tries = [asyncio.ensure_future(passwords.matches(None, "x", "192.0.2.1")) for _ in range(4)]
    await asyncio.sleep(0)

    with pytest.raises(HashingBusy):
        await passwords.matches(None, "x", "192.0.2.1")
    assert await asyncio.gather(*tries) == [False] * 4
    assert await passwords.matches(passwords.hashed(PASSWORD), PASSWORD, "192.0.2.1")
    passwords.close()
