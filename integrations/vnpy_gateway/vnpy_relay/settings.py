"""What a user fills in before connecting, in Chinese as in vn.py's own dialog, and what it means.

vn.py keeps the dialog's fields in a plain file below .vntrader. So each secret may stay out of it: 口令文件 and 授权码文件 name
files that hold it alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terminal_client import Tls
from terminal_client.proof import BadAuthCode, key_of
from terminal_client.secret import Secret

SECURE, PLAIN = "TLS", "明文（仅限本机）"
PRODUCTION, EVALUATION = "生产", "评测"
CONFIRM, LEAVE = "自动确认", "不确认"
LEAST_REFRESH_SECONDS = 2

DEFAULT_SETTING: dict[str, Any] = {
    "中继地址": "",
    "用户名": "",
    "密码": "",
    "口令文件": "",
    "经纪商代码": "",
    "终端标识": "",
    "终端授权码": "",
    "授权码文件": "",
    "CA证书": "",
    "证书名称": "",
    "客户端证书": "",
    "客户端私钥": "",
    "传输方式": [SECURE, PLAIN],
    "采集库": "",
    "采集环境": [PRODUCTION, EVALUATION],
    "结算单": [CONFIRM, LEAVE],
    "资金持仓刷新秒数": 10,
    "新密码": "",
}


class SettingInvalid(ValueError):
    """A field is empty or wrong; says which, and what belongs there."""


@dataclass(frozen=True, slots=True)
class ConnectSetting:
    """One filled-in dialog."""

    address: str
    broker_id: str
    investor_id: str
    password: Secret
    app_id: str
    auth_code: Secret
    tls: Tls
    library: Path | None
    edition: str
    confirm_settlement: bool
    refresh_seconds: int
    new_password: Secret
    warnings: tuple[str, ...] = ()


def read_setting(given: Mapping[str, Any]) -> ConnectSetting:
    """What the fields say. SettingInvalid names the first that cannot be right."""
    warnings: list[str] = []
    return ConnectSetting(
        address=_address(_required(given, "中继地址")),
        broker_id=_required(given, "经纪商代码"),
        investor_id=_required(given, "用户名"),
        password=_secret(given, "密码", "口令文件", warnings),
        app_id=_required(given, "终端标识"),
        auth_code=_auth_code(given, warnings),
        tls=_tls(given),
        library=_file(given, "采集库"),
        edition="evaluation" if _text(given, "采集环境") == EVALUATION else "production",
        confirm_settlement=_text(given, "结算单") != LEAVE,
        refresh_seconds=_refresh(given),
        new_password=Secret(_raw(given, "新密码")),
        warnings=tuple(warnings),
    )


def _raw(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    # A list is the dialog's choice that was not made: its first line is the usual one.
    return str(value[0] if isinstance(value, list) and value else value)


def _text(given: Mapping[str, Any], name: str) -> str:
    return _raw(given, name).strip()


def _required(given: Mapping[str, Any], name: str) -> str:
    text = _text(given, name)
    if not text:
        raise SettingInvalid(f"请填写「{name}」 Fill in 「{name}」")
    return text


def _address(text: str) -> str:
    host, colon, port = text.removeprefix("relay://").rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingInvalid(f"「中继地址」应为 主机:端口，不是 {text} 「中继地址」 is host:port, not {text}")
    return f"{host}:{port}"


def _file(given: Mapping[str, Any], name: str) -> Path | None:
    text = _text(given, name)
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_file():
        # vn.py works in its own folder, not where it was started: the whole path shows where was looked.
        raise SettingInvalid(f"「{name}」没有这个文件：{path.absolute()} 「{name}」: no such file")
    return path


def _secret(given: Mapping[str, Any], name: str, file_name: str, warnings: list[str]) -> Secret:
    path = _file(given, file_name)
    if path is None:
        if not _raw(given, name):
            raise SettingInvalid(f"请填写「{name}」或「{file_name}」 Fill in 「{name}」 or 「{file_name}」")
        return Secret(_raw(given, name))
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.append(f"本机其他用户可以读取「{file_name}」，请执行 Others can read it, run: chmod 600 {path}")
    try:
        return Secret(path.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"「{file_name}」无法读取 cannot be read: {path}: {type(error).__name__}") from None


def _auth_code(given: Mapping[str, Any], warnings: list[str]) -> Secret:
    code = _secret(given, "终端授权码", "授权码文件", warnings)
    try:
        key_of(code.reveal())
    except BadAuthCode as error:
        raise SettingInvalid(f"「终端授权码」应为16个字符 {error}") from None
    return code


def _tls(given: Mapping[str, Any]) -> Tls:
    certificate, key = _file(given, "客户端证书"), _file(given, "客户端私钥")
    if (certificate is None) != (key is None):
        raise SettingInvalid("「客户端证书」与「客户端私钥」要么都填，要么都不填 Fill in both or neither")
    return Tls(
        ca_file=_file(given, "CA证书"),
        server_name=_text(given, "证书名称"),
        insecure=_text(given, "传输方式") == PLAIN,
        certificate_file=certificate,
        key_file=key,
    )


def _refresh(given: Mapping[str, Any]) -> int:
    """Seconds between two looks at account and positions, where nothing happens; 0: only after something happened."""
    text = _text(given, "资金持仓刷新秒数") or "0"
    if not text.isdecimal():
        raise SettingInvalid(f"「资金持仓刷新秒数」应为整数，不是 {text} is a whole number, not {text}")
    return max(LEAST_REFRESH_SECONDS, int(text)) if int(text) else 0
