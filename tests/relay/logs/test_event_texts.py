"""What log events are called in Chinese: all of them, and no other; written where the setting or the locale asks."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

import relay
from relay.logs import logs
from relay.logs.alarms import AlarmName
from relay.logs.event_texts import chinese_texts, is_chinese

CHINESE = re.compile(r"[\u4e00-\u9fff]")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
LOGGER = re.compile(r"(log|log\(\)|get_logger\(.*\))$")
PASSED_ON = {"say", "_note", "Warned"}
"""what is handed an event's name, to log it later"""
EVENT = re.compile(r"[a-z]+(_[a-z]+)+")
CARRIED = {"event", "name.event"}
"""what the log is given in place of a name that stands there: it was named where it was made"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def written(node: ast.expr) -> Iterator[str]:
    """The names that an expression stands for, where they are written there."""
    if isinstance(node, ast.IfExp):
        yield from (*written(node.body), *written(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def events_of(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Every event that a module names, and what it logs without naming it: (text, whether it is a name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["event"]:
            yield from ((name, True) for name in written(node.value))
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        names = list(written(node.args[0]))
        if called in PASSED_ON:
            yield from ((name, True) for name in names if EVENT.fullmatch(name))
        elif called in LEVELS and isinstance(node.func, ast.Attribute) and LOGGER.search(ast.unparse(node.func.value)):
            yield from ((name, True) for name in names) if names else ((ast.unparse(node.args[0]), False),)


def source_events() -> set[tuple[str, bool]]:
    modules = Path(relay.__file__).parent.rglob("*.py")
    found = {event for module in modules for event in events_of(ast.parse(module.read_text(encoding="utf-8")))}
    return found | {(alarm.event, True) for alarm in AlarmName}


def test_every_event_has_a_chinese_text() -> None:
    """What is missing is a line of relay/logs/events.zh.toml."""
    texts = chinese_texts()

    missing = sorted(name for name, named in source_events() if named and not CHINESE.search(texts.get(name, "")))

    assert not missing, " ".join(missing)


def test_no_chinese_text_is_for_nothing() -> None:
    """An event that no module logs any more has no text."""
    assert sorted(chinese_texts().keys() - {name for name, named in source_events() if named}) == []


def test_an_event_is_named_where_it_arises() -> None:
    """So that this test, and a person who searches, finds it: no name is put together."""
    assert {text for text, named in source_events() if not named} - CARRIED == set()


def test_a_line_keeps_its_name_and_says_what_it_means() -> None:
    """The name for programs, the meaning for people."""
    out = io.StringIO()
    with logs.configure(level="info", form="json", language="zh", stream=out):
        structlog.get_logger().info("relay_ready", port=50051)
        structlog.get_logger().info("no such event")

    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["event"], first["meaning"], first["port"]) == ("relay_ready", "中继已启动，开始接受终端", 50051)
    assert "meaning" not in second


def test_on_a_console_the_text_stands_behind_the_name() -> None:
    """One glance, both."""
    out = io.StringIO()
    with logs.configure(level="info", form="console", language="zh", stream=out):
        structlog.get_logger().info("relay_ready", port=50051)

    assert "relay_ready 中继已启动，开始接受终端" in out.getvalue()


def test_in_english_the_name_is_enough() -> None:
    """Lines are as they were."""
    out = io.StringIO()
    with logs.configure(level="info", form="json", language="en", stream=out):
        structlog.get_logger().info("relay_ready")

    assert set(json.loads(out.getvalue())) == {"event", "level", "timestamp"}


@pytest.mark.parametrize(
    ("setting", "environ", "chinese"),
    [
        ("zh", {}, True),
        ("en", {"LANG": "zh_CN.UTF-8"}, False),
        ("auto", {"LANG": "zh_CN.UTF-8"}, True),
        ("auto", {"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ("auto", {"LC_ALL": "", "LANG": "zh_TW"}, True),
        ("auto", {}, False),
    ],
)
def test_setting_or_locale_choose(setting: str, environ: dict[str, str], *, chinese: bool) -> None:
    """The setting first; then the first variable that is set."""
    assert is_chinese(setting, environ) is chinese  # type: ignore[arg-type]
