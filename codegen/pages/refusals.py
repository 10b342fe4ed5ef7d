"""docs/refusals.md: every reason a terminal can be refused with, for its vendor; made from the table of reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from codegen.pages import marked
from ctpabi.facts.errors import ERRORS, SETUP_FAULT, CtpError, LoginVerdict
from ctpabi.facts.return_codes import REPORT_CODES, ReturnCode
from ctpabi.facts.words import ASK_FIRM, Concern
from relay.refusals.all_reasons import PARTS, rows
from relay.refusals.counter_reasons import report_refused, retry_seconds
from relay.refusals.general_titles import general_title, titled
from relay.refusals.reason import Ends, Reason, Retry, Text
from relay.sessions.endings import EndKind

PAGE = Path("docs/refusals.md")

_HEAD = """\
# 拒绝原因 / Refusals

中继拒绝登录或请求时, 终端收到 `Rejected`: `source` (谁拒绝: 中继、柜台或采集库), `reason` (供程序判断的固定单词), `message` (发生了什么),
`advice` (怎样处理), `code` (CTP 的 ErrorID 或上报返回码, 没有则为 0), `retry_after_seconds` (同样内容多少秒后可重试, 0 表示未给出)。
程序请只依据 `source`、`reason`、`code` 与 `retry_after_seconds` 判断; 文字会修改。

A refused login or request is told in `Rejected`: `source` (who refused: the relay, the counter or the collector), `reason` (a stable word for
programs), `message` (what happened), `advice` (what to do), `code` (CTP's ErrorID or the report's return code, otherwise 0) and
`retry_after_seconds` (when the same may be tried again, 0 where nothing is stated). A program decides by `source`, `reason`, `code` and
`retry_after_seconds`; the texts may change. Treat a reason that you do not know as one that is not to be repeated.

| 结束 / ends | |
|---|---|
| call | 只拒绝该请求, 会话继续: `CallResult` 的 `return_code` 为 -100 并带 `rejected` / this call alone: `CallResult` with `return_code` -100 and `rejected`; the session goes on |
| stream | 登录、恢复或连接被拒绝: 流上最后一条消息是 `rejected`, 尚无会话 / the login, resume or stream: `rejected` is its last message, and there is no session on it |
| session | 会话随流一起结束, 不能恢复 / the session ends with its stream and cannot be resumed |

`重试 / retry`: *秒数 / seconds*: 同样内容可在该时间后重试 / the same may be tried again after that time; *as advised*: 按建议处理之后 / after doing
what the advice says; *no*: 期货公司处理之前不要重试 / not before the futures firm has changed something.
"""

_TITLES = {
    "login_reasons": "登录 / Login",
    "stream_reasons": "会话消息 / Messages",
    "call_reasons": "请求 / Requests",
    "market_reasons": "行情订阅 / Market data",
    "relay_reasons": "中继与柜台的状态 / The relay and the counter behind it",
}
_LOGIN_OR_LATER = "stream, session"
"""the session ends where the counter refuses its login after a break"""
_COLUMNS = """\
| reason | code | 发生了什么 / what happened | 怎样处理 / what to do | 重试 / retry | 结束 / ends |
|---|---|---|---|---|---|"""


def page() -> str:
    """The whole page."""
    parts = (*map(_part, PARTS), _counter(), _requests(), _reports(), _kept(), _goodbyes(), _short())
    return _with_anchors("\n".join((_HEAD, *parts)))


def _with_anchors(text: str) -> str:
    """The page, in which each reason can be linked to where it stands first."""
    seen: set[str] = set()

    def anchored(found: re.Match[str]) -> str:
        if found[1] in seen:
            return found[0]
        seen.add(found[1])
        return f'| <a id="{found[1]}"></a>`{found[1]}` |'

    return re.sub(r"^\| `(\w+)` \|", anchored, text, flags=re.MULTILINE)


def counter_rows() -> list[CtpError]:
    """The ErrorIDs that a login may be refused with; the others answer requests and come in the answer itself."""
    of_logins = {Concern.RELAY, Concern.USER}
    refusing = [row for row in ERRORS.values() if row.verdict is not LoginVerdict.PASSWORD_DUE]
    return [row for row in refusing if row.verdict is not LoginVerdict.PASSING or row.concern in of_logins]


def request_rows() -> list[CtpError]:
    """The ErrorIDs that refuse no login: they come in the answer to a request, or with a login that succeeds."""
    of_logins = counter_rows()
    return [row for row in ERRORS.values() if row not in of_logins]


def report_rows() -> list[ReturnCode]:
    """The return codes a report may be refused with."""
    return [row for row in REPORT_CODES.values() if row.code]


def _part(part: ModuleType) -> str:
    name = part.__name__.rpartition(".")[2]
    told = [_line(row) for row in rows(part) if row.columns.ends and not row.columns.instead]
    return "\n".join((f"## {_TITLES[name]}\n", _COLUMNS, *told, ""))


def _line(row: Reason[Any]) -> str:
    columns = row.columns
    code = str(columns.code) if columns.code else ""
    return _row(
        f"`{row.reason}`",
        code,
        _text(columns.message),
        _text(columns.advice),
        _retry(columns.retry),
        _ends(columns.ends),
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: Text) -> str:
    return "<br>".join(re.sub(r"\{(\w+)[^}]*\}", r"*\1*", language).strip() for language in text if language)


def _retry(retry: Retry | int | str) -> str:
    if isinstance(retry, Retry):
        return retry.name.lower().replace("_", " ")
    return f"{retry} s" if isinstance(retry, int) else f"*{retry}*"


def _ends(ends: Ends) -> str:
    return ", ".join(one.name.lower() for one in ends if one.name)


def _counter() -> str:
    head = """\
## 柜台拒绝登录 / The counter refused the login

`source` 为 counter, `message` 以柜台原文开头。未列出的 ErrorID 的 `reason` 为 `counter_refused`。请求的错误由柜台在应答中给出, 不是 `Rejected`。
131、132、140、141 (须先修改密码) 不拒绝登录: `LoggedIn` 带 `must_change_password`。
`source` is counter, and `message` begins with the counter's own text. An ErrorID that is not listed has the reason `counter_refused`. The
counter's error for a request comes in the answer and is no `Rejected`. 131, 132, 140 and 141 (the password must be changed) refuse no login:
`LoggedIn` has `must_change_password`.

| reason | code | 含义 / what it means | 怎样处理 / what to do | 重试 / retry | 结束 / ends |
|---|---|---|---|---|---|"""
    lines = (
        _row(
            f"`{row.reason}`",
            f'<a id="errorid-{row.number}"></a>{row.number}',
            _text(row.words),
            _text(row.advice),
            _counter_retry(row),
            _LOGIN_OR_LATER,
        )
        for row in counter_rows()
    )
    return "\n".join((head, *lines, ""))


def _requests() -> str:
    head = """\
## 柜台拒绝请求 / The counter refused a request

柜台在应答 (`RspInfo`) 中给出 ErrorID 与原文。控制台显示下表的含义与建议, 终端库附上建议。
The counter's answer (`RspInfo`) has the ErrorID and the counter's own text. The console shows what this table says; the terminal library adds
the advice.

| ErrorID | reason | 含义 / what it means | 怎样处理 / what to do |
|---|---|---|---|"""
    lines = (
        _row(f'<a id="errorid-{row.number}"></a>{row.number}', f"`{row.reason}`", _text(row.words), _text(row.advice))
        for row in request_rows()
    )
    return "\n".join((head, *lines, ""))


def _counter_retry(row: CtpError) -> str:
    if seconds := retry_seconds(row):
        return f"{seconds} s"
    return _retry(Retry.NO if row.advice in {ASK_FIRM, SETUP_FAULT} else Retry.AS_ADVISED)


def _reports() -> str:
    head = """\
## 上报被拒绝 / The report of the terminal was refused

`code` 为采集信息上报函数的返回码。`source` 为 collector (终端的采集信息有误) 或 counter (中继无权上报)。
`code` is what the vendor's call for the system info returned. `source` is collector (the system info is at fault) or counter (the relay may
not report).

| reason | code | source | 发生了什么 / what happened | 怎样处理 / what to do | 结束 / ends |
|---|---|---|---|---|---|"""
    lines = (
        _row(
            f"`{row.reason}`",
            str(row.code),
            report_refused(row.code).source.value,
            _text(row.words),
            _text(row.advice),
            _LOGIN_OR_LATER,
        )
        for row in report_rows()
    )
    return "\n".join((head, *lines, ""))


def _kept() -> str:
    """The precise reasons that a terminal is not told: operations find them in the ledger."""
    lines: Iterable[str] = (
        _row(f"`{row.reason}`", f"`{row.columns.instead().reason}`", _text(row.columns.message))
        for row in rows()
        if row.columns.instead
    )
    head = """\
## 台账中的确切原因 / What the ledger has instead

猜测者不应得知哪些 AppID 与投资者存在。台账与日志中有确切原因。
Somebody who guesses must not learn which app ids and investors exist. The ledger and the log have the precise reason.

| 台账 / ledger | 终端收到 / the terminal is told | 发生了什么 / what happened |
|---|---|---|"""
    return "\n".join((head, *lines, ""))


def _goodbyes() -> str:
    """How a session or its stream ends."""
    head = """\
## 会话或流的结束 / How a session or its stream ends

`Goodbye.kind` 的每个值; 台账 `terminal_logout` 中是同一单词。`terminal.proto` 说明终端应怎样做。
Every value of `Goodbye.kind`; the ledger's `terminal_logout` has the same word. `terminal.proto` says what a terminal does about each.

| kind | 发生了什么 / what happened |
|---|---|"""
    lines = (_row(f"`{kind.word}`", _text((kind.chinese, kind.english))) for kind in EndKind)
    return "\n".join((head, *lines, ""))


def _short() -> str:
    """What a reason is called where the message names an app id, a time or a number."""
    head = """\
## 控制台与日报中的名称 / Names in the console and on the day page

列表中不写某一次拒绝的 AppID、时间或数字。未列出的原因用其 `message`。
A list does not say the app id, time or number of one refusal. A reason that is not here is called by its `message`.

| reason | 名称 / name |
|---|---|"""
    lines = (_row(f"`{row.reason}`", _text(general_title(row))) for row in rows() if row.reason in titled())
    return "\n".join((head, *dict.fromkeys(lines), ""))


def files() -> dict[Path, str]:
    """The page."""
    return {PAGE: marked(page())}
