"""The reading pages: what a person sees of relays and ledger, in both languages, and what is written about the look."""

from __future__ import annotations

import asyncio
import html
import json
import math
import re
from typing import Any

import pytest
import pytest_asyncio

from relay.admin.roles import PersonRole
from relay.console.entry_words import EntryWords
from relay.console.words import Language, load_sentences
from relay.ledger import reader
from tests.relay.console.conftest import Browser, Office
from tests.relay.console.made_up import FRONT_DOWN, STATUS, BusyClient, write_a_morning

PAGES = ["/", "/wall", "/terminals", "/terminals/relay-a/4f1c88a2", "/history?who=100023&around=08:56", "/alarms"]
PAGES += ["/ledger", "/ledger/entry/2?chain=relay-a", "/ledger/verify", "/sign-in", "/nowhere"]


@pytest_asyncio.fixture
async def busy(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A relay with terminals and a ledger of a morning."""
    office.relay.answer = dict(STATUS)
    monkeypatch.setattr(type(office.relay), "client", BusyClient())
    write_a_morning(office.parts.ledger)
    await office.parts.live.look("relay-a")
    return office


def seen(page: str) -> str:
    """The words of a page."""
    body = re.sub(r"<(script|style|title)[^>]*>.*?</\1>", " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


async def words_at(browser: Browser, path: str) -> str:
    answer = await browser.get(path)
    assert answer.status_code in {200, 404}, answer.text
    return seen(answer.text)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_in_both_languages(busy: Office, path: str) -> None:
    """No sentence is missing, and no key of the catalog shows."""
    keys = load_sentences().keys()
    for language in ("zh-CN", "en"):
        async with busy.signed_in(PersonRole.VIEWER, **{"accept-language": language}) as browser:
            if path == "/sign-in":
                await browser.client.post("/sign-out", data={"csrf": await browser.token("/")})
            words = await words_at(browser, path)

        assert not [key for key in keys if re.search(rf"(?<![\w./]){re.escape(key)}(?![\w./])", words)]
        assert "{" not in words.split("relay-a 2")[0]


async def test_the_overview_says_what_happened_today(busy: Office) -> None:
    """State, trading day, and figures of relay and ledger."""
    async with busy.signed_in() as browser:
        words = await words_at(browser, "/")

    for fact in ("运行正常", "2026-01-05", "128", "38,211", "剩余 63 天", "延迟 0.2 秒", "CTP:不合法的登录"[4:]):
        assert fact in words, fact
    assert "openctp-ctp 6.7.11.0 · v6.7.11_20250617 16:22:00.10369 · /opt/ctp-libraries/trader.so" in words
    assert "SHA-256 5f5f5f5f5f5f5f5f…" in words
    for said in (
        "cts 1 RootNet 5",
        "交易所 SHFE=S(期货)、未对应=E、未对应=G",
        "登录层次 连接 ✓、操作员 ✗",
        "可用业务 报单、查询",
    ):
        assert said in words, said
    assert "要求采集 cts:*" in words
    assert re.search(r"今日登录 1 .*今日拒绝 4 ", words), "the login that the counter refused is no login"


async def test_a_clock_that_the_counter_does_not_say_is_no_figure(busy: Office) -> None:
    """A counter without a time in its answers leaves the offset unknown."""
    shown = []
    for value in (0.4, "NaN"):
        figure: dict[str, object] = {"name": "clock_offset_seconds", "value": value, "labels": {}, "meaning": ""}
        busy.relay.answer = {**STATUS, "figures": [figure]}
        await busy.parts.live.look("relay-a")
        async with busy.signed_in() as browser:
            shown.append(await words_at(browser, "/"))

    assert "时钟偏差 0.4 秒" in shown[0]
    assert "时钟偏差" not in shown[1]


async def test_a_fault_stands_first(busy: Office) -> None:
    """With since when, why, and what to do."""
    not_ready = {"ready": False, "reason": "front_down", "message": "前置断开 / front down", "advice": ""}
    busy.relay.answer = {**STATUS, "readiness": not_ready, "faults": [FRONT_DOWN]}
    await busy.parts.live.look("relay-a")
    async with busy.signed_in() as browser:
        overview, wall = await words_at(browser, "/"), await words_at(browser, "/wall")

    for words in (overview, wall):
        assert words.index("无法登录") < words.index("在线终端 128") if "在线终端 128" in words else "无法登录" in words
        for fact in ("柜台前置连接中断", "08:50:31", "检查到前置地址的网络与专线"):
            assert fact in words, fact


async def test_a_relay_that_is_silent_is_not_taken_for_a_healthy_one(busy: Office) -> None:
    """The overview and the terminals say that they do not know."""
    busy.relay.away = True
    await busy.parts.live.look("relay-a")
    async with busy.signed_in() as browser:
        assert "状态未知" in await words_at(browser, "/")
        assert "读取不到中继 relay-a" in await words_at(browser, "/alarms")


async def test_terminals_show_what_was_reported_and_what_is_missing(busy: Office) -> None:
    """Address and port, return code, missing items, queue; found by a text."""
    async with busy.signed_in() as browser:
        words = await words_at(browser, "/terminals")
        found = await words_at(browser, "/terminals?contains=yisheng")
        none = await words_at(browser, "/terminals?contains=%3Cscript%3E")

    for fact in (
        "100023",
        "203.0.113.23:51377",
        "缺 2 项",
        "硬盘序列号、BIOS 序列号",
        "[2001:db8::17]:40211",
        "47 KiB",
    ):
        assert fact in words, fact
    assert "100023" not in found
    assert "“<script>”现在不在线" in none


async def test_the_relay_hears_which_account_looks(busy: Office) -> None:
    """It writes the entry about the look, and judges the role."""
    client: Any = busy.relay.client
    async with busy.signed_in(PersonRole.VIEWER) as browser:
        await browser.get("/terminals")
        await browser.get("/terminals/relay-a/4f1c88a2")

    heard = [(what, asking.account, asking.role) for what, asking in client.asked if what != "alarms"]
    assert heard == [("sessions", "viewer", "viewer"), ("session", "viewer", "viewer")]


async def test_the_customer_who_calls_gets_an_answer(busy: Office) -> None:
    """Why at 08:56: the counter's words and number, and what to say; the login after it is below."""
    async with busy.signed_in() as browser:
        words = await words_at(browser, "/history?who=100023&around=08:56")

    assert "被拒绝 CTP:不合法的登录 · 柜台拒绝（错误号 3）" in words
    assert "可以这样答复 请核对代码与密码" in words
    assert "登录成功" in words


@pytest.mark.parametrize("around", ["8:56", "08:56:30", "8：56"])
async def test_a_time_may_be_written_in_several_ways(busy: Office, around: str) -> None:
    """With seconds, without the first zero, with the colon of a Chinese keyboard."""
    async with busy.signed_in() as browser:
        answer = await browser.get(f"/history?who=100023&around={around}")

    assert answer.status_code == 200
    assert 'value="08:56"' in answer.text
    assert "可以这样答复" in answer.text


async def test_days_and_times_are_written_in_one_order_everywhere(busy: Office) -> None:
    """A browser's own field for a day would show 01/05/2026 to one and 05/01/2026 to another."""
    async with busy.signed_in() as browser:
        pages = [
            (await browser.get(path)).text for path in ("/history", "/ledger", "/app-ids/rotate?app_id=kuaiqi_3.2")
        ]

    assert not [page for page in pages if 'type="date"' in page or 'type="time"' in page]
    assert all('placeholder="2026-01-05"' in page for page in pages)


@pytest.mark.parametrize("who", ["203.0.113.23", "kuaiqi_terminal_3.2"])
async def test_a_history_is_found_by_address_and_app_id_too(busy: Office, who: str) -> None:
    """For a terminal that was never admitted."""
    async with busy.signed_in() as browser:
        assert "登录成功" in await words_at(browser, f"/history?who={who}")


async def test_a_look_at_a_history_is_an_entry(busy: Office) -> None:
    """Who looked, and at whom."""
    async with busy.signed_in(PersonRole.VIEWER) as browser:
        await browser.get("/history?who=100023")

    looks = [entry.data for entry in reader.read(busy.parts.ledger) if entry.kind == "admin_history"]
    assert len(looks) == 1
    assert '"about":"100023"' in looks[0]
    assert '"account":"viewer"' in looks[0]


@pytest.mark.parametrize(
    "path",
    [
        "/history?who=1&day=soon",
        "/history?who=1&around=9999",
        "/history?who=1&around=24:00",
        "/ledger?day=9999-99-99",
        "/history?who=%01%27",
    ],
)
async def test_nonsense_is_answered_in_words(busy: Office, path: str) -> None:
    """No error page for a mistyped day."""
    async with busy.signed_in() as browser:
        assert (await browser.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/ledger/entry/x?chain=relay-a", "/ledger/entry/99?chain=relay-a", "/ledger/entry/2"])
async def test_an_entry_that_is_not_there_is_not_found(busy: Office, path: str) -> None:
    """A number that is none, beyond the head, of no chain."""
    async with busy.signed_in() as browser:
        assert (await browser.get(path)).status_code == 404


async def test_the_ledger_is_filtered_and_turned_by_page(busy: Office) -> None:
    """By kind and session; a page leads to older ones."""
    async with busy.signed_in() as browser:
        refused = await words_at(browser, "/ledger?kind=terminal_refused")
        of_one = await words_at(browser, "/ledger?session=s1")
        page = (await browser.get("/ledger/entry/4?chain=relay-a")).text

    assert "CTP:不合法的登录" in refused
    assert "203.0.113.23:51377" not in refused
    assert "203.0.113.23:51377" in of_one
    assert "哈希相符" in page
    assert re.search(r"<pre[^>]*>{\n  &#34;", page), "a fact a line"


async def test_a_changed_entry_is_shown_as_changed(busy: Office) -> None:
    """On its own page, and by the verification, which says where."""
    with busy.parts.ledger.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_no_update")
        connection.exec_driver_sql('UPDATE ledger SET data = \'{"investor_id":"1"}\' WHERE sequence = 2')
    async with busy.signed_in() as browser:
        entry = await words_at(browser, "/ledger/entry/2?chain=relay-a")
        words = await verified(browser, "all")

    assert "哈希不符" in entry
    assert "台账被改动过" in words
    assert "relay-a entry 2: was changed" in words
    assert "结果 记录数 链尾哈希 relay-a 不符" in words


@pytest.mark.parametrize("what", ["all", "day"])
async def test_a_whole_ledger_is_said_to_be_whole(busy: Office, what: str) -> None:
    """All of it, or today's part."""
    async with busy.signed_in() as browser:
        words = await verified(browser, what)

    assert "台账完整" in words
    assert "条记录全部相符" in words


async def verified(browser: Browser, what: str) -> str:
    """Begin a verification, and read its page when it has ended."""
    await browser.send("/ledger/verify", {"what": what})
    for _ in range(3000):
        words = await words_at(browser, "/ledger/verify")
        if "正在校验" not in words:
            return words
        await asyncio.sleep(0.01)
    raise AssertionError("the verification does not end")


async def test_texts_from_outside_stay_texts(busy: Office) -> None:
    """What a terminal calls itself is no markup on the console."""
    evil = {**STATUS, "counter": {"fronts": ["<img src=x onerror=alert(1)>"], "since": ""}}
    busy.relay.answer = evil
    await busy.parts.live.look("relay-a")
    async with busy.signed_in() as browser:
        page = (await browser.get("/")).text

    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


async def test_what_another_collector_gave_is_not_judged_by_ctps(busy: Office) -> None:
    """A terminal at CTS has nothing of CTP's collector: neither its return value nor that all is complete."""
    async with busy.signed_in() as browser:
        of_ctp = await words_at(browser, "/terminals/relay-a/4f1c88a2")
        of_cts = await words_at(browser, "/terminals/relay-a/77aa01cd")
        table = await words_at(browser, "/terminals")

    assert "种类 ctp、hundsun 采集库返回值 0x140" in of_ctp
    assert "种类 cts:demo" in of_cts
    assert "采集库返回值" not in of_cts
    assert "完整 " not in of_cts.replace("是否完整", "")
    assert "已上报 cts:demo" in table


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"collector_code": 0}, "采集完整"),
        ({"collector_code": 0, "system_info_length": 264}, "采集完整"),
        ({"collector_code": 0, "system_info_length": 0, "collected": [{"kind": "cts:demo"}]}, "已上报 cts:demo"),
        ({"collector_code": 0x40, "system_info_length": 264, "collected": [{"kind": "hundsun"}]}, "、已上报 hundsun"),
    ],
)
def test_an_entry_says_complete_of_ctps_collector_alone(facts: dict[str, Any], says: str) -> None:
    """Other kinds are named."""
    words = EntryWords(load_sentences(), Language.ZH)

    assert words.line(facts)[-1].endswith(says)


async def test_what_is_not_known_is_no_figure_for_scripts(busy: Office) -> None:
    """A counter that says no time has no offset: NaN is no JSON, and the picture of the moment would be none."""
    unknown = {"name": "clock_offset_seconds", "value": math.nan, "labels": {}, "meaning": ""}
    busy.relay.answer = {**STATUS, "figures": [*STATUS["figures"], unknown]}
    await busy.parts.live.look("relay-a")
    async with busy.signed_in() as browser:
        answer = await browser.get("/live/now")
    pictures = busy.parts.live.pictures()
    _, event = await anext(pictures), await anext(pictures)
    await pictures.aclose()  # type: ignore[attr-defined]  # a generator

    assert answer.status_code == 200
    for said in (answer.json(), json.loads(event.split("data: ")[1])):
        assert [row["name"] for row in said["relays"][0]["status"]["figures"]] == ["verifier_ready"]
