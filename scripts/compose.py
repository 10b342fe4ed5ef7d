"""Whether docker-compose.yml holds together.

`docker compose config` judges it where the plugin is here. Where it is not, that is said, and what can be
judged without it is: every name that one part uses and another defines, and the files they come from.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import yaml

_FILE = "docker-compose.yml"
_NOT_COMMITTED = "deploy/secrets/"


def problems(compose: dict[str, Any], root: Path) -> list[str]:
    """What is used and not defined, defined and not used, or not on disk; one line each."""
    services: dict[str, dict[str, Any]] = compose["services"]
    found = [line for name, service in services.items() for line in _of_service(name, service, compose, root)]
    for kind in ("secrets", "configs"):
        for name, definition in compose.get(kind, {}).items():
            path = Path(definition["file"]).as_posix()
            if not path.startswith(_NOT_COMMITTED) and not (root / path).is_file():
                found.append(f"{kind}.{name}: there is no file {path}")
            if not any(name in _names(service.get(kind, [])) for service in services.values()):
                found.append(f"{kind}.{name}: no service uses it")
    return found


def _of_service(name: str, service: dict[str, Any], compose: dict[str, Any], root: Path) -> Iterator[str]:
    for kind in ("secrets", "configs", "volumes", "networks"):
        for used in _names(service.get(kind, [])):
            if used not in compose.get(kind, {}):
                yield f"services.{name}.{kind}: {used} is not defined"
    for needed in service.get("depends_on", []):
        if needed not in compose["services"]:
            yield f"services.{name}.depends_on: {needed} is not a service"
        elif not set(compose["services"][needed].get("profiles", [])) <= set(service.get("profiles", [])):
            yield f"services.{name}.depends_on: {needed} is not in its profiles"
    yield from _addresses(name, service, compose)
    target = service.get("build", {}).get("target")
    if target and f" AS {target}\n" not in (root / "Dockerfile").read_text(encoding="utf-8"):
        yield f"services.{name}.build: the Dockerfile has no stage {target}"
    if not target and ":" not in service["image"]:
        yield f"services.{name}.image: say which version"


def _addresses(name: str, service: dict[str, Any], compose: dict[str, Any]) -> Iterator[str]:
    """A fixed address must be in its network, which says its own subnet."""
    networks = service.get("networks", [])
    for network, options in networks.items() if isinstance(networks, dict) else ():
        subnets = [part["subnet"] for part in compose["networks"][network]["ipam"]["config"]]
        address = ip_address(options["ipv4_address"])
        if not any(address in ip_network(subnet) for subnet in subnets):
            yield f"services.{name}.networks.{network}: {address} is in none of {', '.join(subnets)}"


def _names(entries: Iterable[Any]) -> set[str]:
    """Names of the named ones: `pgpass`, `{source: relay}`, `state:/path`; paths of the host are not names."""
    names = {e["source"] if isinstance(e, dict) else str(e).split(":", 1)[0] for e in entries}
    return {name for name in names if not name.startswith((".", "/"))}


def _plugin_is_here() -> bool:
    try:
        return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0  # noqa: S607
    except FileNotFoundError:
        return False


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    if _plugin_is_here():
        return subprocess.run(["docker", "compose", "-f", _FILE, "config", "--quiet"], cwd=root, check=False).returncode  # noqa: S607
    print("docker compose is not here: `docker compose config` skipped, names and files checked instead")
    found = problems(yaml.safe_load((root / _FILE).read_text(encoding="utf-8")), root)
    for line in found:
        print(f"{_FILE}: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
