"""What somebody answers when a relay is set up, and the settings that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from relay.settings.text import example
from relay.settings.wording import settings_wording

AUTH_CODE_FILE, OPERATOR_FILE = "relay_auth_code.secret", "operator.secret"
CERTIFICATE, KEY, AUTHORITY = Path("tls/relay.crt"), Path("tls/relay.key"), Path("tls/test-authority.crt")
STATE = "state"


class AnswerWrong(ValueError):
    """An answer cannot be used; the message says why, in Chinese and English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswers:
    mode: Literal["many_to_many", "many_to_one"]
    fronts: tuple[str, ...]
    broker_id: str
    relay_app_id: str
    production: bool
    address: str
    names: tuple[str, ...]
    """that terminals dial"""
    operator: str = ""
    """UserID, in many_to_one"""
    database_url: str = ""
    """empty is SQLite in the state directory"""
    auth_code: SecretStr | None = field(default=None, repr=False)
    operator_password: SecretStr | None = field(default=None, repr=False)
    chinese: bool = True
    """whether the settings file explains itself in Chinese, else in English"""

    def check(self) -> None:
        """Raise AnswerWrong for what the settings alone would not find."""
        if self.mode == "many_to_one" and not self.operator:
            raise AnswerWrong("多对一需要操作员 UserID / many_to_one needs the operator's UserID: --operator")
        try:
            password = make_url(self.database_url).password if self.database_url else None
        except ArgumentError:
            raise AnswerWrong(
                "数据库 URL 无法识别 / the database URL cannot be read; e.g. postgresql+psycopg://user@host/name"
            ) from None
        if password is not None:
            raise AnswerWrong(
                "数据库 URL 不应含口令，请放入 ~/.pgpass 或环境变量 CTP_RELAY__LEDGER__URL"
                " / keep the password out of the URL: use ~/.pgpass, or CTP_RELAY__LEDGER__URL in the environment"
            )

    def settings_text(self) -> str:
        """The settings file: every key with its description, these ones set."""
        edition = "production" if self.production else "evaluation"
        given: dict[str, object] = {
            "relay.mode": self.mode,
            "relay.state_dir": STATE,
            "listen.address": self.address,
            "listen.tls_certificate": str(CERTIFICATE),
            "listen.tls_key": str(KEY),
            "listen.names": list(self.names),
            "counter.fronts": list(self.fronts),
            "counter.broker_id": self.broker_id,
            "counter.relay_app_id": self.relay_app_id,
            "counter.relay_auth_code_file": AUTH_CODE_FILE,
            "counter.production": self.production,
            "verification.collector_edition": edition,
        }
        if self.mode == "many_to_one":
            given |= {"counter.operator.user_id": self.operator, "counter.operator.password_file": OPERATOR_FILE}
        if self.database_url:
            given["ledger.url"] = self.database_url
        heading = _HEADING_ZH if self.chinese else _HEADING_EN
        return heading + example(given, settings_wording(chinese=self.chinese))


_HEADING_ZH = """\
# 由 ctp-relay init 生成。改后执行：ctp-relay doctor
# 秘密不写在这里：授权码与密码在单独的文件中，只有中继用户可读。
"""
_HEADING_EN = """\
# Made by ctp-relay init. After a change: ctp-relay doctor
# No secret stands here: auth code and passwords are in files of their own, which only the relay's user can read.
"""
