"""`ctp-relay doctor`, and what `serve` refuses to start with."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import trustme
from typer.testing import CliRunner, Result

from relay.cli import doctor
from relay.cli.app import app
from relay.doctor.finding import FindingGravity
from relay.doctor.rows import counter, files, machine, tls

_OK = files.SECRETS_READABLE()
_WARNING = tls.TLS_OFF()
_GRAVE = machine.PORT_TAKEN(key="listen.address", address="127.0.0.1:1", by="1 (x)")


@pytest.mark.parametrize(
    ("found", "exit_code"),
    [([_OK], 0), ([_OK, _WARNING], 0), ([_WARNING, _GRAVE], 1), ([counter.FRONTS_UNREACHED(count=1)], 1)],
)
def test_the_exit_code_is_1_where_something_is_grave(
    monkeypatch: pytest.MonkeyPatch, found: list[object], exit_code: int
) -> None:
    """Warnings alone are 0."""
    monkeypatch.setattr(doctor, "examine_file", lambda _: found)

    assert CliRunner().invoke(app, ["doctor"]).exit_code == exit_code


def test_json_elsewhere_than_on_a_terminal() -> None:
    """With both languages and a name that scripts can look for; here there is no settings file."""
    result = CliRunner().invoke(app, ["doctor", "-c", "no.toml"])

    (finding,) = json.loads(result.stdout)
    assert (finding["name"], finding["gravity"]) == ("settings_wrong", "grave")
    assert finding["zh"].startswith("设置有误")
    assert "no such file" in finding["en"]


@pytest.mark.parametrize(
    ("language", "there", "not_there"),
    [
        ("both", ["已被占用", "cannot be used"], []),
        ("zh", ["已被占用"], ["has it"]),
        ("en", ["has it"], ["已被占用"]),
        ("auto in en_GB.UTF-8", ["has it"], ["已被占用"]),
        ("auto in zh_CN.UTF-8", ["已被占用"], ["has it"]),
    ],
)
def test_a_table_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    language: str,
    there: list[str],
    not_there: list[str],
) -> None:
    """As the option says, or else as the locale says."""
    monkeypatch.setenv("COLUMNS", "200")
    chosen, _, locale = language.partition(" in ")
    monkeypatch.setenv("LC_ALL", locale)
    doctor.show_findings([_OK, _WARNING, _GRAVE], doctor.FindingLanguage(chosen))

    shown = capsys.readouterr().out
    assert all(text in shown for text in there)
    assert not any(text in shown for text in not_there)
    assert shown.splitlines()[-1]


def _serve(config: Path) -> Result:
    return CliRunner().invoke(app, ["serve", "-c", str(config)])


def test_serve_refuses_what_is_grave_with_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both languages, before anything is made; settings come before the machine in the exit code."""
    monkeypatch.setenv("COLUMNS", "400")
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "relay.crt")
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(tmp_path / "relay.key")
    (tmp_path / "relay.key").chmod(0o600)
    (tmp_path / "code.secret").touch(mode=0o600)
    (tmp_path / "code.secret").write_text("ABCDEFGHJKLMNPQ1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = tmp_path / "relay.toml"
        config.write_text(
            f'[relay]\nstate_dir = "state"\n[listen]\naddress = "127.0.0.1:{taken.getsockname()[1]}"\n'
            'tls_certificate = "relay.crt"\ntls_key = "relay.key"\n[counter]\nfronts = ["tcp://127.0.0.1:9"]\n'
            'broker_id = "9999"\nrelay_app_id = "x"\nrelay_auth_code_file = "code.secret"\n'
        )
        both = _serve(config)
        issued.private_key_pem.write_to_path(tmp_path / "relay.key")
        port = _serve(config)

    assert (both.exit_code, port.exit_code) == (3, 1)
    assert "密钥与证书不相符" in both.stderr
    assert "cannot be used" in both.stderr
    assert "密钥与证书不相符" not in port.stderr
    assert not (tmp_path / "state").exists()


def test_gravest_first_is_what_counts() -> None:
    """A finding's gravity and whether it keeps the relay from serving are two things."""
    finding = counter.FRONTS_UNREACHED(count=2)

    assert (finding.gravity, finding.refuses) == (FindingGravity.GRAVE, False)
