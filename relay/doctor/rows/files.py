"""The settings file, the secrets, the places others may change."""

from __future__ import annotations

from relay.doctor.finding import About, FindingGravity, FindingRow
from relay.doctor.rows.advice import MEND_FILE

_OK, _WARNING, _GRAVE = FindingGravity.OK, FindingGravity.WARNING, FindingGravity.GRAVE
_LOOK_AT_SETTINGS = (
    "修改设置文件；各项含义见 docs/settings.zh.md",
    "mend the settings file; docs/settings.md explains each key",
)

SETTINGS_RIGHT = FindingRow("settings_right", _OK, ("设置文件 {file} 可用", "the settings file {file} is right"))
SETTINGS_WRONG = FindingRow(
    "settings_wrong", _GRAVE, ("设置有误：{problem}", "wrong setting: {problem}"), _LOOK_AT_SETTINGS, About.SETTINGS
)
SECRETS_READABLE = FindingRow(
    "secrets_readable", _OK, ("密钥文件可读且仅属本用户", "the secret files can be read, by this user alone")
)
SECRET_UNUSABLE = FindingRow(
    "secret_unusable", _GRAVE, ("密钥不可用：{problem}", "unusable secret: {problem}"), MEND_FILE, About.SETTINGS
)
ALARM_SECRET_UNUSABLE = FindingRow(
    "alarm_secret_unusable",
    _WARNING,
    ("告警送不出去：{problem}", "alarms do not get out: {problem}"),
    MEND_FILE,
)
PLACE_CHANGEABLE = FindingRow(
    "place_changeable",
    _GRAVE,
    ("其他用户可改动：{problem}", "another user can change it: {problem}"),
    MEND_FILE,
    About.SETTINGS,
)
CHECK_FAILED = FindingRow(
    "check_failed",
    _WARNING,
    ("检查 {check} 自身出错，未得出结论：{why}", "the check {check} failed itself and found nothing out: {why}"),
    ("请连同 ctp-relay --version 报告给维护者", "report it to the maintainers, with ctp-relay --version"),
)
