"""Writes what a new relay needs into a directory, and never over what is there.

The settings file comes last: where it is there, the directory is finished and is refused; where it is not, the files that
an earlier try left are kept, and what is missing is made.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from relay.first_start.answers import (
    AUTH_CODE_FILE,
    AUTHORITY,
    CERTIFICATE,
    KEY,
    OPERATOR_FILE,
    STATE,
    AnswerWrong,
    FirstAnswers,
)
from relay.first_start.trial_certificate import make_trial_files
from relay.rpc.certificates import CertificateUnusable, read_pair
from relay.settings.file import SettingsInvalid, load
from relay.settings.file_modes import why_changeable
from relay.settings.secret_files import create_private

SETTINGS = "relay.toml"


def refuse_finished(directory: Path) -> None:
    """Raise AnswerWrong where there is a relay already, or half a certificate."""
    if (directory / SETTINGS).exists():
        raise AnswerWrong(
            f"{directory / SETTINGS} 已存在，不会覆盖；换一个目录，或用 ctp-relay doctor 检查它"
            f" / {directory / SETTINGS} is there already and is not written over: take another directory, or look at it"
            " with ctp-relay doctor"
        )
    there = [path for path in (CERTIFICATE, KEY) if (directory / path).exists()]
    if len(there) == 1:
        missing = KEY if there[0] == CERTIFICATE else CERTIFICATE
        raise AnswerWrong(
            f"{directory / there[0]} 已存在，但缺少 {missing}；请补上，或移走前者"
            f" / {directory / there[0]} is there and {missing} is not: bring it, or move the other one away"
        )


def make(directory: Path, answers: FirstAnswers, now: dt.datetime) -> list[str]:
    """Write what is missing; returns the files written, settings last. Raises AnswerWrong, OSError."""
    answers.check()
    refuse_finished(directory)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    _require_own(directory)
    (directory / STATE).mkdir(exist_ok=True, mode=0o700)
    written = _secrets(directory, answers) + _certificate(directory, answers, now)
    _settings(directory, answers)
    return [*written, SETTINGS]


def _require_own(directory: Path) -> None:
    """Raise AnswerWrong where another user could change what is written here, or has brought a key of his own."""
    for place in (directory, directory / STATE, directory / CERTIFICATE.parent, directory / KEY):
        if why := why_changeable(place):
            raise AnswerWrong(
                f"其他用户可更改此处，不会写入秘密 / another user could change what is written here: {why}"
            )


def _secrets(directory: Path, answers: FirstAnswers) -> list[str]:
    written = []
    for name, secret in ((AUTH_CODE_FILE, answers.auth_code), (OPERATOR_FILE, answers.operator_password)):
        if secret is not None and not (directory / name).exists():
            create_private(directory / name, secret.get_secret_value().encode() + b"\n")
            written.append(name)
    return written


def _certificate(directory: Path, answers: FirstAnswers, now: dt.datetime) -> list[str]:
    """One for trying out, unless there is a pair already, which must fit."""
    if (directory / CERTIFICATE).exists():
        try:
            read_pair(directory / CERTIFICATE, directory / KEY)
        except CertificateUnusable as error:
            raise AnswerWrong(f"已有的证书不可用 / the certificate that is there cannot be used: {error}") from None
        return []
    try:
        made = make_trial_files(answers.names, now)
    except ValueError as error:
        raise AnswerWrong(f"证书名称不可用 / a certificate cannot have these names: {error}") from None
    (directory / CERTIFICATE.parent).mkdir(exist_ok=True, mode=0o755)
    create_private(directory / KEY, made.key)
    _create(directory / CERTIFICATE, made.certificate)
    (directory / AUTHORITY).unlink(missing_ok=True)  # of a try that did not come to its certificate
    _create(directory / AUTHORITY, made.authority)
    return [str(path) for path in (KEY, CERTIFICATE, AUTHORITY)]


def _settings(directory: Path, answers: FirstAnswers) -> None:
    """Written beside its place, checked as the relay reads it, and moved there."""
    beside = directory / f".{SETTINGS}.new"
    beside.unlink(missing_ok=True)
    _create(beside, answers.settings_text().encode())
    try:
        load(beside, {})
        os.link(beside, directory / SETTINGS)  # fails where somebody else was quicker
    except SettingsInvalid as invalid:
        raise AnswerWrong("; ".join(invalid.problems)) from None
    finally:
        beside.unlink()


def _create(path: Path, content: bytes) -> None:
    """A new file that everybody may read: there is no secret in it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
