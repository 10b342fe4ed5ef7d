"""What is deployed holds together: docker-compose.yml, the files it mounts, the settings it gives the relay."""

from __future__ import annotations

import copy
import re
import subprocess
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
        (
            lambda c: c["services"]["haproxy"]["networks"]["inside"].update(ipv4_address="10.0.0.1"),
            "services.haproxy.networks.inside: 10.0.0.1 is in none of 172.31.250.0/24",
        ),
        (
            lambda c: c["networks"].clear() or c["services"]["haproxy"].pop("networks"),
            "services.relay.networks: inside is not defined",
        ),
        (
            lambda c: c["services"]["relay"]["depends_on"].update(grafana={}),
            "services.relay.depends_on: grafana is not in its profiles",
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

    assert {name for name in staying - {"relay", "relay-b"} if "healthcheck" not in COMPOSE["services"][name]} == set()
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_relay_is_told_to_stop_before_it_is_killed() -> None:
    """The grace period is longer than the drain."""
    settings = load(ROOT / "deploy/relay.toml", {})
    grace = COMPOSE["services"]["relay"]["stop_grace_period"]

    assert int(grace.removesuffix("s")) > settings.relay.drain_seconds


def test_the_settings_of_the_image_load_with_the_compose_environment() -> None:
    """deploy/relay.toml is valid, and the database's password is in no variable."""
    written = COMPOSE["services"]["relay"]["environment"]
    environment = {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for name, value in written.items()}
    settings = load(ROOT / "deploy/relay.toml", environment)

    assert settings.relay.workers == 1
    assert ledger_url(settings).get_secret_value().endswith("passfile=/run/secrets/pgpass")
    assert not [name for name, value in environment.items() if "PASSWORD" in name or ":@" in value]


def test_the_proxy_and_the_relays_know_each_other() -> None:
    """HAProxy's own address is believed, it asks the port of /readyz, and both relays are behind it and watched."""
    settings = load(ROOT / "deploy/relay.toml", {})
    proxy = (ROOT / "deploy/compose/haproxy.cfg").read_text(encoding="utf-8")
    monitors = (ROOT / "deploy/prometheus.yml").read_text(encoding="utf-8")
    address = COMPOSE["services"]["haproxy"]["networks"]["inside"]["ipv4_address"]
    monitor = str(settings.metrics.address).rpartition(":")[2]

    assert [str(network) for network in settings.listen.proxy_protocol_from] == [f"{address}/32"]
    assert f"check port {monitor} " in proxy
    for relay in ("relay", "relay-b"):
        assert proxy.count(f"server {relay} {relay}:50051\n") == 2
        assert f"{relay}:{monitor}" in monitors
        assert any(place.startswith(f"{relay}={relay}:") for place in settings.console.relays)


def test_the_proxy_of_the_containers_is_the_sample() -> None:
    """But for the names: what was tested with a real HAProxy is what is deployed."""
    sample = (ROOT / "deploy/proxies/haproxy-passthrough.cfg").read_text(encoding="utf-8")
    here = (ROOT / "deploy/compose/haproxy.cfg").read_text(encoding="utf-8")
    names = {"relay1 10.0.0.11": "relay relay", "relay2 10.0.0.12": "relay-b relay-b"}
    for old, new in names.items():
        sample = sample.replace(old, new)
    docker = "resolvers docker init-addr last,libc,none "
    section = here[here.index("# A container that is made anew") : here.index("defaults\n")]

    assert sample[sample.index("global\n") :] == here.replace(docker, "").replace(section, "")[here.index("global\n") :]


@pytest.mark.skipif(not Path("/usr/sbin/haproxy").exists(), reason="haproxy is not here: apt-get install -y haproxy")
def test_haproxy_takes_its_configuration() -> None:
    path = ROOT / "deploy/compose/haproxy.cfg"
    judged = subprocess.run(["/usr/sbin/haproxy", "-c", "-f", str(path)], capture_output=True, text=True, check=False)

    assert judged.returncode == 0, judged.stderr


def test_every_secret_is_in_the_manual() -> None:
    """Each file that compose mounts is made, or named, where operators read how."""
    said = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

    assert [name for name in COMPOSE["secrets"] if name not in said] == []


def test_make_up_starts_what_its_line_says() -> None:
    """Every profile but the demonstration, by the same words in Makefile, docker-compose.yml and docs/operations.md."""
    profiles = {name for service in COMPOSE["services"].values() for name in service.get("profiles", [])} - {"demo"}
    command = "docker compose " + "".join(f"--profile {name} " for name in sorted(profiles)) + "up --build -d"

    assert f"\t{command}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"# {command}\n" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert "make up " in (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def test_only_terminals_come_in_from_outside() -> None:
    """Everything else is published to this machine alone, or not at all."""
    published = {name: port for name, service in COMPOSE["services"].items() for port in service.get("ports", [])}

    assert [name for name, port in published.items() if not port.startswith("127.0.0.1:")] == ["haproxy"]


def test_the_image_gets_what_it_is_built_from() -> None:
    """Every file and folder that the Dockerfile copies is in the repository, and is let through by .dockerignore."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    }
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert {"hatch_build.py", "pyproject.toml", "relay", "terminal_client"} <= copied
    assert [name for name in copied if not (ROOT / name).exists() or f"!{name}" not in let_through] == []
