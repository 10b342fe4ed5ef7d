"""`ctp-relay init`: what it makes, what it keeps, what it refuses."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from relay.cli.app import app
from relay.doctor import counter
from relay.first_start import making
from relay.first_start.answers import FirstAnswers
from relay.first_start.trial_certificate import VALID
from relay.settings.file import load, secrets_of

CODE = "ABCDEFGHJKLMNPQ1"
GIVEN = ["--yes", "--front", "tcp://127.0.0.1:9", "--broker", "9999", "--relay-app-id", "relay_1.0"]
Init = Callable[..., Result]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "relay"


@pytest.fixture
def init(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Init:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(
        counter, "_side_process", lambda _: {"ready": "6.7"}
    )  # it takes seconds, and is tested elsewhere
    code = tmp_path / "code"
    code.touch(mode=0o600)
    code.write_text(CODE)

    def init(*options: str, exit_code: int = 0, given: list[str] | None = None, stdin: str | None = None) -> Result:
        words = ["init", str(directory), *(GIVEN if given is None else given), *options]
        if "--relay-auth-code-file" not in words and "--no-code" not in words:
            words += ["--relay-auth-code-file", str(code)]
        result = CliRunner().invoke(app, [word for word in words if word != "--no-code"], input=stdin)
        assert result.exit_code == exit_code, result.output
        return result

    return init


def modes(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): f"{path.stat().st_mode & 0o777:o}" for path in sorted(directory.rglob("*"))
    }


def test_it_makes_what_a_relay_needs(init: Init, directory: Path) -> None:
    """Settings that load, secrets for the owner alone, a certificate that says TEST; no terminal, and no key of an authority."""
    shown = init("--name", "relay.example.com", "--evaluation").output

    assert modes(directory) == {
        "relay.toml": "644",
        "relay_auth_code.secret": "600",
        "state": "700",
        "tls": "755",
        "tls/relay.crt": "644",
        "tls/relay.key": "600",
        "tls/test-authority.crt": "644",
    }
    settings = load(directory / "relay.toml", {})
    assert secrets_of(settings).relay_auth_code.get_secret_value() == CODE
    assert CODE not in (directory / "relay.toml").read_text() + shown
    assert (settings.counter.production, settings.verification.collector_edition) == (False, "evaluation")
    certificate = x509.load_pem_x509_certificate((directory / "tls/relay.crt").read_bytes())
    assert "TEST" in certificate.subject.rfc4514_string()
    assert "TEST" in certificate.issuer.rfc4514_string()
    assert certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) < VALID
    assert "ctp-relay terminal add" in shown.splitlines()[-2]
    assert "ctp-relay serve" in shown.splitlines()[-1]
    assert ("ok" in shown, re.search(r"[\u4e00-\u9fff]", shown)) == (True, None), "one language: the locale's"


def test_a_finished_directory_is_refused(init: Init, directory: Path) -> None:
    """And nothing in it is changed."""
    init()
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}

    refused = init(exit_code=1)
    assert "is not written over" in refused.stderr
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before


def test_a_half_made_directory_is_completed(init: Init, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier try left is kept."""

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(making, "_settings", disk_full)
        init(exit_code=1)
    kept = (directory / "tls/relay.key").read_bytes()

    init()
    assert (directory / "tls/relay.key").read_bytes() == kept
    assert load(directory / "relay.toml", {}).counter.broker_id == "9999"


@pytest.mark.parametrize("place", ["", "tls", "state", "elsewhere"])
def test_a_place_that_others_can_change_gets_no_secret(init: Init, directory: Path, tmp_path: Path, place: str) -> None:
    """Who may write there may bring a key of his own, or take another file's place; also where a link leads."""
    directory.mkdir(mode=0o700)
    if place == "elsewhere":
        (tmp_path / "open").mkdir()
        (directory / "tls").symlink_to(tmp_path / "open")
        changeable = tmp_path / "open"
    else:
        changeable = directory / place
        changeable.mkdir(exist_ok=True)
    changeable.chmod(0o777)

    assert "chmod o-w" in init(exit_code=1).output
    assert [path for path in directory.rglob("*") if path.is_file()] == []


def test_half_a_certificate_is_refused(init: Init, directory: Path) -> None:
    """Which half belongs to what is a person's to say."""
    (directory / "tls").mkdir(parents=True)
    (directory / "tls/relay.crt").write_text("x")

    assert "tls/relay.key is not" in init(exit_code=1).stderr
    assert not (directory / "relay.toml").exists()


def test_a_certificate_that_is_there_must_fit(init: Init, directory: Path) -> None:
    (directory / "tls").mkdir(parents=True)
    (directory / "tls/relay.crt").write_text("x")
    (directory / "tls/relay.key").write_text("x")

    assert "cannot be used" in init(exit_code=1).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mode", "many_to_one"], "--operator"),
        (["--database-url", "postgresql+psycopg://u:hunter2@h/d"], "keep the password out"),
        (["--database-url", "rubbish"], "cannot be read"),
        (["--front", "rubbish"], "tcp://HOST:PORT"),
        (["--address", "rubbish"], "must be HOST:PORT"),
    ],
)
def test_a_wrong_answer_is_refused_by_name(init: Init, directory: Path, options: list[str], said: str) -> None:
    """No settings file is left, and no password is shown."""
    refused = init(*options, exit_code=1)

    assert said in refused.stderr
    assert "hunter2" not in refused.output
    assert not (directory / "relay.toml").exists()
    assert not (directory / ".relay.toml.new").exists()


def test_without_a_terminal_it_asks_nothing(init: Init) -> None:
    """And says which options it needs; a secret that comes later is what the doctor finds."""
    assert "--yes" in init(given=[], exit_code=1).stderr
    assert "--front, --broker, --relay-app-id" in init(given=["--yes"], exit_code=1).stderr
    later = init("--no-code").output
    assert "relay_auth_code.secret: there is no such file" in later


def test_no_option_takes_a_secret() -> None:
    """Neither the auth code nor a password."""
    shown = CliRunner().invoke(app, ["init", "--help"], env={"COLUMNS": "200"}).output

    assert "--relay-auth-code-file" in shown
    assert "--password " not in shown
    assert "--auth-code " not in shown


def test_on_postgresql_the_tables_come_first(init: Init) -> None:
    """As one of the next commands."""
    shown = init("--database-url", "postgresql+psycopg://u@127.0.0.1:9/d").output

    assert "ctp-relay database upgrade" in shown.splitlines()[-3]


def test_answers_do_not_show_secrets() -> None:
    assert "auth_code" not in repr(
        FirstAnswers(
            mode="many_to_many",
            fronts=(),
            broker_id="",
            relay_app_id="",
            production=True,
            address="",
            names=(),
        )
    )
