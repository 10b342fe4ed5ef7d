"""The library's safe levels: what its config is given, and what is refused before that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from relay.counter.ufx.safe_level import safe_section
from relay.counter.ufx.t2.connection import T2Connection
from relay.counter.ufx.t2.library import T2Library
from relay.counter.ufx.t2.vtable import INT, TEXT, Held
from relay.settings.file import SettingsInvalid
from relay.settings.ufx_section import UfxSettings
from tests.relay.counter.ufx.t2.conftest import library

__all__ = ["library"]
_GET_TEXT, _GET_NUMBER = 2, 3
SECRET = "kept to itself"


def settings(**more: Any) -> UfxSettings:
    return UfxSettings(servers=("127.0.0.1:9003",), library=Path("libt2sdk.so"), **more)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_each_level_gives_what_the_library_asks_for(tmp_path: Path) -> None:
    """By the library's own names; none gives nothing."""
    password = private(tmp_path / "password", f"{SECRET}\n")
    certificate, authority = private(tmp_path / "relay.pfx", "x"), private(tmp_path / "ca.crt", "x")
    by_password = settings(safe_level="pwd", safe_client_id="relay", safe_password_file=password)
    by_certificate = settings(
        safe_level="ssl", safe_certificate=certificate, safe_password_file=password, safe_authority=authority
    )

    assert safe_section(settings()) == {}
    assert safe_section(by_password) == {"safe_level": "pwd", "client_id": "relay", "comm_pwd": SECRET}
    assert safe_section(by_certificate) == {
        "safe_level": "ssl",
        "cert_pwd": SECRET,
        "cert_file": str(certificate),
        "ca_file": str(authority),
        "check_server_cert": "1",
    }


def test_the_library_has_them(library: T2Library, tmp_path: Path) -> None:
    """Its own config gives back what it was given, also as a number."""
    certificate, authority = private(tmp_path / "relay.pfx", "x"), private(tmp_path / "ca.crt", "x")
    given = safe_section(settings(safe_level="ssl", safe_certificate=certificate, safe_authority=authority))
    config = Held(library.exports.new_config(), "config")
    try:
        T2Connection._set(config, "safe", given)
        said = {
            name: config.call(_GET_TEXT, TEXT, (TEXT, b"safe"), (TEXT, name.encode()), (TEXT, b"")).decode()
            for name in given
        }
        checks = config.call(_GET_NUMBER, INT, (TEXT, b"safe"), (TEXT, b"check_server_cert"), (INT, 0))
    finally:
        config.release()

    assert said == given
    assert checks == 1


@pytest.mark.parametrize(
    ("more", "setting"),
    [
        ({"safe_level": "pwd", "safe_client_id": "r", "safe_password_file": "gone"}, "safe_password_file"),
        ({"safe_level": "ssl", "safe_certificate": "gone"}, "safe_certificate"),
        ({"safe_level": "ssl", "safe_certificate": "open"}, "safe_certificate"),
        ({"safe_level": "ssl", "safe_certificate": "there", "safe_authority": "gone"}, "safe_authority"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_setting(
    more: dict[str, str], setting: str, tmp_path: Path
) -> None:
    """Missing, or open to others; no secret is repeated."""
    private(tmp_path / "there", SECRET)
    private(tmp_path / "open", SECRET).chmod(0o644)
    files = {
        name: tmp_path / value if name not in {"safe_level", "safe_client_id"} else value
        for name, value in more.items()
    }

    with pytest.raises(SettingsInvalid) as refused:
        safe_section(settings(**files))

    assert [problem.startswith(f"counter.ufx.{setting}: ") for problem in refused.value.problems] == [True]
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "needs"),
    [
        ({"safe_level": "pwd"}, "safe_client_id and safe_password_file"),
        ({"safe_level": "ssl"}, "safe_certificate"),
        ({"night_from": "25:00"}, "night_from"),
    ],
)
def test_what_a_level_needs_is_said(more: dict[str, str], needs: str) -> None:
    """Before anything is read."""
    with pytest.raises(ValidationError, match=needs):
        settings(**more)
