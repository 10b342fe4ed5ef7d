"""The summary page of a sealed day: one HTML file that needs no network and prints on A4; Chinese first, English beside.

The same seal and entries give the same bytes with the same version of the relay: nothing of the moment it is made is in it.
It is no evidence; the sealed file is.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence

from relay.ledger.day_summary import DaySummary
from relay.ledger.day_words import action_words, alarm_words, refusal_words
from relay.ledger.seal import Seal, SealContent
from relay.outside_text import shown

_STYLE = """
:root{color-scheme:light;font:14px/1.5 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei",sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:1.8rem 0 .4rem;border-bottom:2px solid #1a1a1a}
h1 small,h2 small{font-weight:400;color:#555}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid #ccc;padding:.25rem .5rem;text-align:left;
vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;background:#f3f3f3}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0}
.card{border:1px solid #bbb;border-radius:.3rem;padding:.5rem .7rem}.card b{display:block;font-size:1.5rem}
.bad{border-color:#b00020;color:#b00020}code{font:12px/1.4 "DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
p.note{color:#555}@media print{@page{size:A4;margin:15mm}body{margin:0;max-width:none}h2{break-after:avoid}
tr{break-inside:avoid}thead{display:table-header-group}}
"""
_NUMBERS = {"次数 count", "条数 entries", "前序 before", "末序 after"}
_NUMBER = ' class="n"'


def day_page(seal: Seal, summary: DaySummary, file_name: str) -> str:
    """The page; `file_name` is that of the sealed file beside it."""
    content = seal.content
    parts = [
        _top(content, summary),
        _cards(summary),
        _counted("登录被拒", "Refusals by reason", "原因 reason", summary.refusals.most_common(), refusal_words),
        _incomplete(summary),
        _counted("上报返回码", "Reports by return code", "返回码 return code", sorted(summary.reports.items())),
        _counted("报单与撤单", "Orders by action", "动作 action", summary.orders.most_common(), action_words),
        _counted("告警与异常", "Alarms", "名称 name", summary.alarms.most_common(), alarm_words),
        _counted("运维操作", "Changes by operators", "动作 action", summary.changes.most_common()),
        _gaps(summary),
        _proof(seal, content, file_name),
    ]
    title = f"台账日报 {content.name} · ledger of trading day"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_e(title)}</title>'
    return (
        f'<!doctype html>\n<html lang="zh-CN"><head>{head}<style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _top(content: SealContent, summary: DaySummary) -> str:
    named = (
        ""
        if content.counter_named
        else '<p class="note">柜台当日未报出此交易日，归属按规则推定 · The counter named no such trading day; '
        "the entries are of this day by rule (a holiday, or nobody logged in).</p>"
    )
    return (
        f"<header><h1>中继台账日报 <small>Relay ledger, trading day</small> {_e(content.name)}</h1>"
        f"<p>中继 relay <b>{_e(content.relay)}</b> · 封存于 sealed at {_e(content.made_at)}"
        f" · {summary.entries} 条记录 entries</p>{named}</header>"
    )


def _cards(summary: DaySummary) -> str:
    cards = [
        ("登录", "logins", summary.logins, False),
        ("投资者", "investors", len(summary.investors), False),
        ("终端 AppID", "terminals", len(summary.app_ids), False),
        ("被拒", "refusals", summary.refusals.total(), False),
        ("采集不全", "incomplete", len(summary.incomplete) + summary.incomplete_more, bool(summary.incomplete)),
        ("报单撤单", "orders and cancels", summary.orders.total(), False),
        ("柜台接口未接受", "not sent", summary.orders_not_sent, bool(summary.orders_not_sent)),
        ("告警", "alarms", summary.alarms.total(), bool(summary.alarms)),
        ("缺失记录", "entries lost", summary.lost, bool(summary.lost)),
    ]
    made = (
        f'<div class="card{" bad" if bad else ""}"><b>{count}</b>{zh}<br><small>{en}</small></div>'
        for zh, en, count, bad in cards
    )
    return f'<section class="cards">{"".join(made)}</section>'


def _counted(
    zh: str, en: str, column: str, rows: Sequence[tuple[object, int]], words: Callable[[str], str] | None = None
) -> str:
    if not rows:
        return f"<section>{_title(zh, en)}{_none()}</section>"
    if words is None:
        plain = ((_td(name), _td(count, number=True)) for name, count in rows)
        return f"<section>{_title(zh, en)}{_table((column, '次数 count'), plain)}</section>"
    body = ((_td(words(str(name))), _td(name), _td(count, number=True)) for name, count in rows)
    return f"<section>{_title(zh, en)}{_table(('说明 what it is', column, '次数 count'), body)}</section>"


def _incomplete(summary: DaySummary) -> str:
    zh, en = "采集不全的终端", "Terminals whose collection was incomplete"
    if not summary.incomplete:
        return f"<section>{_title(zh, en)}{_none()}</section>"
    heads = "时间 time", "AppID", "投资者 investor", "会话 session", "缺少的采集项 missing items"
    rows = (
        (_td(row.at[:19].replace("T", " ")), *map(_td, (row.app_id, row.investor_id, row.session, row.items)))
        for row in summary.incomplete
    )
    return f"<section>{_title(zh, en)}{_table(heads, rows)}{_more(summary.incomplete_more)}</section>"


def _gaps(summary: DaySummary) -> str:
    zh, en = "台账缺口", "Gaps: entries that could be kept nowhere"
    if not summary.gaps:
        return f"<section>{_title(zh, en)}{_none()}</section>"
    heads = "链 chain", "条数 entries", "自 since", "至 until", "原因 why"
    rows = (
        (_td(gap.chain), _td(gap.entries, number=True), *map(_td, (gap.since[:19], gap.until[:19], gap.why)))
        for gap in summary.gaps
    )
    return f"<section>{_title(zh, en)}{_table(heads, rows)}{_more(summary.gaps_more)}</section>"


def _proof(seal: Seal, content: SealContent, file_name: str) -> str:
    heads = "链 chain", "条数 entries", "前序 before", "末序 after", "末条哈希 hash of the last"
    rows = (
        (
            _td(chain),
            _td(content.counts[chain], number=True),
            _td(part.before.sequence, number=True),
            _td(part.after.sequence, number=True),
            f"<td><code>{_e(part.after.hash)}</code></td>",
        )
        for chain, part in sorted(content.parts.items())
    )
    facts = (
        ("文件", "file", file_name),
        ("树根", f"root of the tree ({content.digest})", content.root),
        ("公钥", "public key (Ed25519)", seal.public_key),
        ("签名", "signature", seal.signature),
        ("核验", "verify", f"ctp-relay ledger verify --file {file_name} --public-key {seal.public_key}"),
    )
    listed = "".join(
        f"<tr><th>{zh} <small>{_e(en)}</small></th><td><code>{_e(v)}</code></td></tr>" for zh, en, v in facts
    )
    return f"<section>{_title('封存与核验', 'Seal')}<table>{listed}</table>{_table(heads, rows)}</section>"


def _title(zh: str, en: str) -> str:
    return f"<h2>{zh} <small>{en}</small></h2>"


def _none() -> str:
    return '<p class="note">无 · none</p>'


def _more(count: int) -> str:
    return f'<p class="note">另有 {count} 行，见文件 · {count} more rows: see the file</p>' if count else ""


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th{_NUMBER if name in _NUMBERS else ''}>{_e(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _td(value: object, *, number: bool = False) -> str:
    return f'<td class="n">{_e(value)}</td>' if number else f"<td>{_e(value)}</td>"


def _e(value: object) -> str:
    return html.escape(shown(str(value)))
