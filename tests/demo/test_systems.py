"""The table of counter systems: each can be asked for, has both modes, and says what it needs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import typer

from ctpabi import locale
from ctpabi.locale import LocaleMissing
from ctpabi.shim import substitute
from demo import systems
from demo.__main__ import SystemName, app
from demo.cast import CASTS
from demo.systems import SYSTEMS, SystemMissing

ROOT = Path(__file__).parents[2]


def test_each_system_has_a_row_a_cast_and_a_name() -> None:
    """And both modes, once."""
    assert set(SYSTEMS) == set(CASTS) == {name.value for name in SystemName}
    assert {tuple(cast.mode for cast in casts) for casts in CASTS.values()} == {("many_to_many", "many_to_one")}
    assert {cast.system for casts in CASTS.values() for cast in casts} == set(SYSTEMS)


def test_without_hundsuns_library_the_words_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing else is used in its place."""
    monkeypatch.setattr(systems, "T2SDK", tmp_path / "libt2sdk.so")

    with pytest.raises(SystemMissing, match="T2SDK"):
        SYSTEMS["ufx"].needs()


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_the_vendors_locale_is_built_once_and_before_the_relays(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Relays of both modes start at the same time; each would build it, and a slow machine let neither come to its end."""
    ensured: list[str] = []
    monkeypatch.setattr(locale, "ensure", lambda: ensured.append(name))
    monkeypatch.setattr(systems, "build", lambda _: tmp_path)
    monkeypatch.setattr(substitute, "installed", lambda **_: None)
    monkeypatch.setattr(systems, "program_environment", lambda environment, **_: environment)

    SYSTEMS[name].relay_environment(tmp_path / "tmp")

    assert ensured == [name]


def test_a_machine_without_the_locale_and_its_compiler_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the command that helps, and without a traceback."""

    def missing() -> None:
        raise LocaleMissing("apt-get install -y locales")

    monkeypatch.setattr(locale, "ensure", missing)

    with pytest.raises(SystemMissing, match="apt-get install"):
        SYSTEMS["cts"].relay_environment(tmp_path / "tmp")


@pytest.mark.parametrize("target", ["demo", "demo-json"])
@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_make_names_each_system_to_set_up_and_demonstration(target: str, name: str) -> None:
    """As `make -n` writes it; what is not said is CTP."""
    said = subprocess.run(
        ["make", "-n", target, *([f"SYSTEM={name}"] if name != "ctp" else [])],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "CTP_RELAY_VENV"))},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()  # fmt: skip

    json = " --json" if target == "demo-json" else ""
    assert said == [f"scripts/set-up demo {name}", f".venv/bin/python -m demo --system {name}{json}"]
    parsed = typer.main.get_command(app).make_context("demo", said[1].split()[3:])
    assert (parsed.params["system"], parsed.params["as_json"]) == (SystemName(name), bool(json))
