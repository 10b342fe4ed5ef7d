"""What the dialog's fields mean, and what is said about one that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vnpy_relay.settings import DEFAULT_SETTING, PLAIN, SettingInvalid, read_setting

FILLED: dict[str, Any] = DEFAULT_SETTING | {
    "中继地址": "relay.example:50051",
    "用户名": "100001",
    "密码": "demo-100001",
    "经纪商代码": "9999",
    "终端标识": "vnpy_terminal_1.0",
    "终端授权码": "TERMINAL00000001",
}


def test_what_a_user_fills_in_is_enough() -> None:
    """Everything else has a sensible value, also where the dialog's choices are still lists."""
    read = read_setting(FILLED)

    assert (read.address, read.broker_id, read.investor_id) == ("relay.example:50051", "9999", "100001")
    assert (read.edition, read.confirm_settlement, read.tls.insecure) == ("production", True, False)
    assert read.refresh_seconds == 10


def test_no_secret_is_printed() -> None:
    """Neither of the whole nor of a part."""
    shown = repr(read_setting(FILLED | {"新密码": "changed-001"}))

    assert [secret for secret in ("demo-100001", "TERMINAL00000001", "changed-001") if secret in shown] == []


def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    """Then nothing secret is in vn.py's own file; a file that others can read is named."""
    password, code = tmp_path / "password", tmp_path / "code"
    password.write_text("demo-100001\n")
    code.write_text("TERMINAL00000001\n")
    password.chmod(0o600)
    code.chmod(0o644)

    read = read_setting(FILLED | {"密码": "", "口令文件": str(password), "终端授权码": "", "授权码文件": str(code)})

    assert (read.password.reveal(), read.auth_code.reveal()) == ("demo-100001", "TERMINAL00000001")
    assert len(read.warnings) == 1
    assert f"chmod 600 {code}" in read.warnings[0]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("中继地址", "", "请填写「中继地址」"),
        ("中继地址", "relay.example", "主机:端口"),
        ("中继地址", "relay.example:port", "主机:端口"),
        ("用户名", " ", "请填写「用户名」"),
        ("密码", "", "请填写「密码」或「口令文件」"),
        ("终端授权码", "SHORT", "16"),
        ("CA证书", "missing.pem", "没有这个文件"),
        ("客户端证书", __file__, "要么都填"),
        ("资金持仓刷新秒数", "often", "整数"),
    ],
)
def test_a_wrong_field_is_named(name: str, value: str, says: str) -> None:
    """Never with the secret that stands in it."""
    with pytest.raises(SettingInvalid) as caught:
        read_setting(FILLED | {name: value})

    assert says in str(caught.value)
    assert "SHORT" not in str(caught.value)


def test_plain_text_is_chosen_by_name() -> None:
    """The client itself allows it to this machine only."""
    assert read_setting(FILLED | {"传输方式": PLAIN}).tls.insecure


@pytest.mark.parametrize(("given", "seconds"), [(0, 0), (1, 2), (30, 30), ("", 0)])
def test_how_often_holdings_are_asked_for(given: object, seconds: int) -> None:
    """Never more often than every two seconds: a firm's terminals may share one query a second."""
    assert read_setting(FILLED | {"资金持仓刷新秒数": given}).refresh_seconds == seconds
