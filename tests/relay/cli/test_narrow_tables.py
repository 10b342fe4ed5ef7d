"""What a reader sees on a narrow terminal, and in which language a refusal of the directory is."""

from __future__ import annotations

import pytest
import typer

from relay.cli.output import show
from relay.cli.workplace import reporting_stores
from relay.directory.auth_codes import auth_code_key
from relay.directory.terminals import EntryUnknown

_SESSION = {
    "session": "852fb6bd3974",
    "app_id": "kuaiqi_terminal_3.2",
    "investor": "100001",
    "address": "127.0.0.1:44014",
    "since": "2026-11-26 18:01:41",
    "state": "在线",
    "report": 0,
    "missing": "硬盘序列号、BIOS 序列号",
    "orders": 446,
    "waiting": "0 个请求，0 字节",
}


@pytest.fixture(params=["zh_CN.UTF-8", "en_US.UTF-8"])
def locale(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LC_ALL", request.param)
    return str(request.param)


@pytest.mark.parametrize("columns", [80, 140])
def test_no_word_of_a_session_is_broken(
    columns: int, locale: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table where there is room for it, else the members one below the other; nothing is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    show("sessions", [_SESSION, _SESSION], as_json=False)
    shown = capsys.readouterr().out

    words = ("852fb6bd3974", "kuaiqi_terminal_3.2", "127.0.0.1:44014", "2026-11-26", "18:01:41")
    assert [shown.count(word) for word in words] == [2] * len(words)
    assert ("会话" in shown) is locale.startswith("zh")
    assert ("┃" in shown) is (columns == 140)
    assert max(len(line) for line in shown.splitlines()) <= columns


def test_a_long_path_is_folded_and_the_table_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of settings and paths are longer than any column; a hundred settings one below the other are no help."""
    monkeypatch.setenv("COLUMNS", "80")
    row = {"key": "ledger.stranger_refusals_per_minute", "value": f'"/{"x" * 60}"', "when_changed": "restart"}
    show("settings in force", [row], as_json=False)

    assert "┃" in capsys.readouterr().out


def test_a_refusal_of_the_directory_is_in_the_readers_language(locale: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One half of it, and never both."""
    with pytest.raises(typer.Exit), reporting_stores():
        raise EntryUnknown("终端 AppID x 未登记 / app id x is not registered")
    with pytest.raises(typer.Exit), reporting_stores():
        auth_code_key("short")
    said = capsys.readouterr().err

    assert ("授权码应为" in said, "未登记" in said) == (locale.startswith("zh"),) * 2
    assert ("an auth code has" in said, "is not registered" in said) == (locale.startswith("en"),) * 2
