"""What is deployed holds together: docker-compose.yml, the files it mounts, the settings it gives the relay."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.settings.file import ledger_url, load
from scripts.compose import problems

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_the_compose_file_holds_together() -> None:
    """Every name used is defined, every name defined is used, every committed file is there."""
    assert problems(COMPOSE, ROOT) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda c: c["services"]["relay"]["secrets"].append("extra"), "services.relay.secrets: extra is not defined"),
        (lambda c: c["secrets"].update(old={"file": "deploy/secrets/x"}), "secrets.old: no service uses it"),
        (
            lambda c: c["configs"]["relay"].update(file="deploy/no.toml"),
            "configs.relay: there is no file deploy/no.toml",
        ),
        (lambda c: c["services"].pop("postgres"), "services.database.depends_on: postgres is not a service"),
        (
            lambda c: c["services"]["relay"]["build"].update(target="no"),
            "services.relay.build: the Dockerfile has no stage no",
        ),
        (lambda c: c["services"]["postgres"].update(image="postgres"), "services.postgres.image: say which version"),
    ],
)
def test_a_loose_end_is_named(spoil: Callable[[dict[str, Any]], object], told: str) -> None:
    """What does not fit is told by the place where it stands."""
    compose = copy.deepcopy(COMPOSE)
    spoil(compose)

    assert told in problems(compose, ROOT)


def test_every_service_that_stays_is_watched() -> None:
    """The relay's health check is in its image; the others have one in the compose file."""
    staying = {name for name, service in COMPOSE["services"].items() if service.get("restart")}

    assert {name for name in staying - {"relay"} if "healthcheck" not in COMPOSE["services"][name]} == set()
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_relay_is_told_to_stop_before_it_is_killed() -> None:
    """The grace period is longer than the drain."""
    settings = load(ROOT / "deploy/relay.toml", {})
    grace = COMPOSE["services"]["relay"]["stop_grace_period"]

    assert int(grace.removesuffix("s")) > settings.relay.drain_seconds


def test_the_settings_of_the_image_load_with_the_compose_environment() -> None:
    """deploy/relay.toml is valid, and the database's password is in no variable."""
    environment = COMPOSE["services"]["relay"]["environment"]
    settings = load(ROOT / "deploy/relay.toml", environment)

    assert ledger_url(settings).get_secret_value().endswith("passfile=/run/secrets/pgpass")
    assert not [name for name, value in environment.items() if "PASSWORD" in name or ":@" in value]


def test_the_image_gets_what_it_is_built_from() -> None:
    """Every file and folder that the Dockerfile copies is in the repository, and is let through by .dockerignore."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    }
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert {"hatch_build.py", "pyproject.toml", "relay", "terminal_client"} <= copied
    assert [name for name in copied if not (ROOT / name).exists() or f"!{name}" not in let_through] == []
