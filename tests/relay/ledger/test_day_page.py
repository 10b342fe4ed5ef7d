"""What a day comes to, and its page: everything that was counted is read there, in Chinese and English."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.ledger import day_summary
from relay.ledger.chain import Entry
from relay.ledger.day_page import day_page
from relay.ledger.day_summary import DaySummary, GapRow, IncompleteCollection
from relay.ledger.seal import Seal

ROOT_HASH, LAST_HASH = "a" * 64, "b" * 64


def day(*entries: tuple[str, dict[str, Any]]) -> DaySummary:
    """The summary of these entries, in this order."""
    summary = DaySummary()
    for number, (kind, data) in enumerate(entries, 1):
        at = "2026-01-05T09:00:00.000000+08:00"
        summary.take(Entry("one", number, at, kind, "s-1", json.dumps(data), "0" * 64, "1" * 64))
    return summary


WHOLE_DAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("terminal_admitted", {"investor_id": "100001", "terminal_app_id": "a_1.0", "collector_code": 0}),
    ("terminal_admitted", {"investor_id": "100001", "terminal_app_id": "b_1.0", "collector_code": 0x408}),
    ("terminal_logout", {}),
    ("terminal_report_result", {"return_code": 0}),
    ("terminal_report_result", {"return_code": -6}),
    ("terminal_report_result", {"return_code": "lost"}),
    ("terminal_refused", {"reason": "wrong_proof"}),
    ("terminals_refused", {"reasons": [{"reason": "wrong_proof", "count": 4}, {"reason": "locked_out", "count": 2}]}),
    ("terminals_refused", {"reasons": "none"}),
    ("order_insert", {"return_code": 0}),
    ("order_insert", {"return_code": -3}),
    ("order_cancel", {"return_code": 0}),
    ("order_numbered", {"return_code": -1}),
    ("alarm", {"name": "front_down"}),
    ("fault_began", {}),
    ("admin_terminal_added", {}),
    ("ledger_gap", {"entries": 7, "since": "2026-01-05T10:00:00.5", "until": "2026-01-05T10:01:00.5", "why": "disk"}),
    ("orders_lost", {"entries": 2, "since": "x", "until": "y", "why": "kill"}),
    ("something_else", {}),
)


def test_each_entry_is_counted_where_it_belongs() -> None:
    """What is of no interest to a day is an entry all the same."""
    summary = day(*WHOLE_DAY)

    assert (summary.entries, summary.logins, summary.logouts) == (19, 2, 1)
    assert (summary.investors, summary.app_ids) == ({"100001"}, {"a_1.0", "b_1.0"})
    assert summary.reports == {0: 1, -6: 1, -99: 1}
    assert summary.refusals == {"wrong_proof": 5, "locked_out": 2}
    assert (summary.orders, summary.orders_not_sent) == ({"insert": 2, "cancel": 1}, 1)
    assert (summary.alarms, summary.changes) == ({"front_down": 1, "fault_began": 1}, {"terminal_added": 1})
    assert summary.lost == 9
    assert [(gap.entries, gap.why) for gap in summary.gaps] == [(7, "disk"), (2, "kill")]


def test_a_collection_names_what_is_missing_and_what_nothing_explains() -> None:
    """In both languages; a whole one is no row."""
    (row,) = day(*WHOLE_DAY).incomplete

    assert row == IncompleteCollection(
        "2026-01-05T09:00:00.000000+08:00",
        "b_1.0",
        "100001",
        "s-1",
        "MAC 地址 MAC address; 未知项 unknown item 0x400",
    )


def test_long_tables_end_and_say_how_much_more_there_is(monkeypatch: Any) -> None:
    """The limit itself is shown; everything is counted."""
    monkeypatch.setattr(day_summary, "_MOST_ROWS", 2)
    login = ("terminal_admitted", {"collector_code": 1})
    gap = ("ledger_gap", {"entries": 1})
    summary = day(*[login] * 4, *[gap] * 5)

    assert (len(summary.incomplete), summary.incomplete_more, summary.logins) == (2, 2, 4)
    assert {(row.app_id, row.investor_id) for row in summary.incomplete} == {("", "")}
    assert (len(summary.gaps), summary.gaps_more, summary.lost) == (2, 3, 5)
    page = page_of(summary)
    assert "另有 2 行，见文件 · 2 more rows: see the file" in page
    assert "另有 3 行，见文件 · 3 more rows: see the file" in page


def page_of(summary: DaySummary, *, counter_named: bool = True) -> str:
    head = {"sequence": 19, "hash": LAST_HASH}
    content = {
        "seal": 1,
        "kind": "day",
        "name": "2026-01-05",
        "relay": "relay-1",
        "made_at": "2026-01-05T18:30:00+08:00",
        "digest": "sha256",
        "entries": summary.entries,
        "root": ROOT_HASH,
        "chains": {"one": {"before": {"sequence": 3, "hash": "0" * 64}, "after": head, "entries": 16}},
        "counter_named": counter_named,
        "previous": "0" * 64,
    }
    return day_page(Seal.sign(content, Ed25519PrivateKey.generate()), summary, "ledger-2026-01-05.jsonl")


def test_numbers_stand_below_one_another() -> None:
    """Each column that has numbers alone is set to the right, its heading as well."""
    for table in re.findall(r"<table>(.*?)</table>", page_of(day(*WHOLE_DAY)), re.DOTALL):
        rows = [re.findall(r"<t[dh]([^>]*)>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
        for heading, *cells in zip(*(row for row in rows if len(row) == len(rows[0])), strict=True):
            are_numbers = bool(cells) and all(_seen(text).isdigit() for _, text in cells)
            if "investor" not in heading[1]:  # a name, of digits as it happens
                assert ("n" in heading[0]) == are_numbers or not cells, heading
                assert {"n" in attributes for attributes, _ in cells} <= {are_numbers}, heading


def sections(page: str) -> dict[str, list[list[str]]]:
    """Each heading with the rows below it, as a reader sees them."""
    found: dict[str, list[list[str]]] = {}
    for section in re.findall(r"<section>(.*?)</section>", page):
        heading = _seen(re.findall(r"<h2>(.*?)</h2>", section)[0])
        rows = [
            [_seen(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", section)
        ]
        found[heading] = rows or [[_seen(note)] for note in re.findall(r"<p[^>]*>(.*?)</p>", section)]
    return found


def _seen(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def test_every_table_of_the_page_has_its_rows() -> None:
    """With the stable words beside what they mean, and the most frequent first."""
    shown = sections(page_of(day(*WHOLE_DAY)))
    seal = shown.pop("封存与核验 Seal")

    assert shown == {
        "登录被拒 Refusals by reason": [
            ["说明 what it is", "原因 reason", "次数 count"],
            ["终端授权码不符 the app id's auth code is wrong", "wrong_proof", "5"],
            ["登录失败次数过多，暂被锁定 locked for a while after too many failed logins", "locked_out", "2"],
        ],
        "采集不全的终端 Terminals whose collection was incomplete": [
            ["时间 time", "AppID", "投资者 investor", "会话 session", "缺少的采集项 missing items"],
            ["2026-01-05 09:00:00", "b_1.0", "100001", "s-1", "MAC 地址 MAC address; 未知项 unknown item 0x400"],
        ],
        "上报返回码 Reports by return code": [
            ["返回码 return code", "次数 count"],
            ["-99", "1"],
            ["-6", "1"],
            ["0", "1"],
        ],
        "报单与撤单 Orders by action": [
            ["说明 what it is", "动作 action", "次数 count"],
            ["报单 order sent", "insert", "2"],
            ["撤单 taken back", "cancel", "1"],
        ],
        "告警与异常 Alarms": [
            ["说明 what it is", "名称 name", "次数 count"],
            [shown["告警与异常 Alarms"][1][0], "front_down", "1"],
            ["", "fault_began", "1"],
        ],
        "运维操作 Changes by operators": [["动作 action", "次数 count"], ["terminal_added", "1"]],
        "台账缺口 Gaps: entries that could be kept nowhere": [
            ["链 chain", "条数 entries", "自 since", "至 until", "原因 why"],
            ["one", "7", "2026-01-05T10:00:00", "2026-01-05T10:01:00", "disk"],
            ["one", "2", "x", "y", "kill"],
        ],
    }
    assert "前置" in shown["告警与异常 Alarms"][1][0]
    assert [row[:1] for row in seal[:5]] == [
        ["文件 file"],
        ["树根 root of the tree (sha256)"],
        ["公钥 public key (Ed25519)"],
        ["签名 signature"],
        ["核验 verify"],
    ]
    assert [seal[0][1], seal[1][1]] == ["ledger-2026-01-05.jsonl", ROOT_HASH]
    assert seal[4][1] == f"ctp-relay ledger verify --file ledger-2026-01-05.jsonl --public-key {seal[2][1]}"
    assert seal[5:] == [
        ["链 chain", "条数 entries", "前序 before", "末序 after", "末条哈希 hash of the last"],
        ["one", "16", "3", "19", LAST_HASH],
    ]


def test_what_needs_a_look_stands_out_and_numbers_stand_right() -> None:
    """Only cards of what went wrong are marked."""
    page = page_of(day(*WHOLE_DAY))
    cards = re.findall(r'<div class="card( bad)?"><b>(\d+)</b>(.*?)<br><small>(.*?)</small></div>', page)

    assert cards == [
        ("", "2", "登录", "logins"),
        ("", "1", "投资者", "investors"),
        ("", "2", "终端 AppID", "terminals"),
        ("", "7", "被拒", "refusals"),
        (" bad", "1", "采集不全", "incomplete"),
        ("", "3", "报单撤单", "orders and cancels"),
        (" bad", "1", "柜台接口未接受", "not sent"),
        (" bad", "2", "告警", "alarms"),
        (" bad", "9", "缺失记录", "entries lost"),
    ]
    assert '<th class="n">次数 count</th>' in page
    assert "<th>AppID</th>" in page
    assert '<td class="n">16</td><td class="n">3</td><td class="n">19</td>' in page


def test_a_day_without_anything_says_so() -> None:
    """An empty table would look like one that was forgotten; nothing is marked."""
    page = page_of(DaySummary())
    shown = sections(page)
    shown.pop("封存与核验 Seal")

    assert len(shown) == 7
    assert all(rows == [["无 · none"]] for rows in shown.values())
    assert " bad" not in page
    assert "more rows" not in page


def test_the_top_says_whose_day_it_is() -> None:
    """And, where no counter named it, that the day is by rule."""
    named, by_rule = page_of(day(*WHOLE_DAY)), page_of(DaySummary(), counter_named=False)

    assert named.startswith('<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">')
    assert "<title>台账日报 2026-01-05 · ledger of trading day</title>" in named
    assert "中继台账日报 <small>Relay ledger, trading day</small> 2026-01-05" in named
    assert "中继 relay <b>relay-1</b> · 封存于 sealed at 2026-01-05T18:30:00+08:00 · 19 条记录 entries" in named
    assert "按规则推定" not in named
    assert "柜台当日未报出此交易日，归属按规则推定" in by_rule
    assert "the entries are of this day by rule (a holiday, or nobody logged in)." in by_rule


def test_a_gap_without_a_number_is_a_row() -> None:
    """Whatever wrote it, it is seen."""
    assert day(("ledger_gap", {"entries": "many", "why": "?"})).gaps == [
        GapRow("one", "2026-01-05T09:00:00.000000+08:00", 0, "", "", "?")
    ]
