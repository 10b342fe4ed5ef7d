"""The manifests hold together, keep to the strictest pod security, and give the relay a state directory that it takes."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.settings.file import load
from relay.settings.file_modes import why_changeable
from relay.settings.secret_files import SecretFileRefused, read_secret

MANIFESTS = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
_WANTED = {
    "StatefulSet": {"serviceName", "replicas", "selector", "template", "volumeClaimTemplates"},
    "Service": {"selector", "ports"},
    "PodDisruptionBudget": {"maxUnavailable", "selector"},
    "NetworkPolicy": {"podSelector", "policyTypes", "ingress", "egress"},
    "ServiceMonitor": {"selector", "endpoints"},
    "Job": {"template", "backoffLimit"},
}
"""what the spec of each kind must have here"""
Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    return [found for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found]


def manifests() -> Iterator[Document]:
    """Every resource, as it is written."""
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from documents(path)


def the(kind: str) -> Document:
    """The only one of this kind."""
    (found,) = [document for document in manifests() if document["kind"] == kind]
    return found


def pods() -> Iterator[Document]:
    for kind in ("StatefulSet", "Job"):
        yield the(kind)["spec"]["template"]


def test_every_resource_has_what_its_kind_wants() -> None:
    """Version, name, and the members without which it is refused or does nothing."""
    for document in manifests():
        assert document["apiVersion"]
        assert document["metadata"]["name"].startswith("ctp-relay")
        assert _WANTED[document["kind"]] <= set(document["spec"]), document["kind"]


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in MANIFESTS.rglob("kustomization.yaml")))
def test_what_a_kustomization_names_is_there(folder: str) -> None:
    (wanted,) = documents(MANIFESTS / folder / "kustomization.yaml")
    files = [name for made in wanted.get("configMapGenerator", []) for name in made["files"]]
    named = [*wanted.get("resources", []), *wanted.get("components", []), *files]
    targets = {(patch["target"]["kind"], patch["target"]["name"]) for patch in wanted.get("patches", [])}
    listed = {path.name for path in (MANIFESTS / folder).iterdir()} - {"kustomization.yaml"}

    assert [name for name in named if not (MANIFESTS / folder / name).exists()] == []
    assert listed <= set(named), "a file that nothing uses"
    assert targets <= {(document["kind"], document["metadata"]["name"]) for document in manifests()}


def test_what_is_selected_mounted_and_probed_is_there() -> None:
    """Labels, ports and volumes by their names."""
    pod = the("StatefulSet")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    services = [document for document in manifests() if document["kind"] == "Service"]

    for service in services:
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert the("StatefulSet")["spec"]["serviceName"] in {service["metadata"]["name"] for service in services}
    for name in ("StatefulSet", "PodDisruptionBudget"):
        assert the(name)["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("readiness", "startup", "liveness")} <= ports
    for template in pods():
        claims = [claim["metadata"]["name"] for claim in the("StatefulSet")["spec"]["volumeClaimTemplates"]]
        there = {volume["name"] for volume in template["spec"]["volumes"]} | set(claims)
        mounted = {mount["name"] for made in template["spec"]["containers"] for mount in made["volumeMounts"]}
        assert mounted <= there


def test_pods_keep_to_the_restricted_standard() -> None:
    """Kubernetes' strictest one: no root, no capabilities, no escalation, the runtime's system calls; and nothing to write to."""
    for template in pods():
        spec = template["spec"]
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, 10001)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} <= {"configMap", "secret", "emptyDir"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_the_probes_ask_what_they_are_for_and_leave_time_to_drain() -> None:
    """Readiness moves terminals, liveness restarts; the second one knows nothing of the counter, and outlasts a drain."""
    pod = the("StatefulSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain = load(MANIFESTS / "example" / "relay.toml", _environment()).relay.drain_seconds
    liveness = container["livenessProbe"]
    before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])

    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert liveness["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > drain + 60
    assert pod["terminationGracePeriodSeconds"] > before + drain + 60


def test_the_settings_load_and_their_secrets_are_named() -> None:
    """With the StatefulSet's variables; each secret file is among those that the example says to make."""
    settings = load(MANIFESTS / "example" / "relay.toml", _environment())
    said = (MANIFESTS / "example" / "kustomization.yaml").read_text(encoding="utf-8")
    files = [settings.listen.tls_certificate, settings.listen.tls_key, settings.counter.relay_auth_code_file]

    assert settings.relay.name == "ctp-relay-0"
    assert settings.listen.address.endswith(":50051")
    for file in [*files, settings.directory.secrets_key_file]:
        assert str(file).startswith("/run/secrets/ctp-relay/")
        assert f"--from-file={Path(str(file)).name}" in said
    assert "--from-file=ledger_url" in said


def test_a_volume_of_the_pods_group_is_taken_and_an_open_one_is_mended(tmp_path: Path) -> None:
    """fsGroup leaves a root the group writes, which is in order; one that all write is refused until the component's command ran."""
    volume = tmp_path / "volume"
    volume.mkdir()
    state = volume / Path(_environment()["CTP_RELAY__RELAY__STATE_DIR"]).name
    volume.chmod(0o2775)
    assert why_changeable(state) == ""
    volume.chmod(0o777)
    assert why_changeable(state)

    (component,) = documents(MANIFESTS / "writable-volumes" / "kustomization.yaml")
    ((operation,),) = [yaml.safe_load(patch["patch"]) for patch in component["patches"]]
    (container,) = operation["value"]
    *command, place = container["command"]
    subprocess.run([*command, str(volume)], check=True)

    assert place in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert why_changeable(state) == ""
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["FOWNER"]}


def test_the_group_is_given_files_once_and_not_at_every_start(tmp_path: Path) -> None:
    """`Always` adds read and write for the group to every file; a key like that is refused."""
    key = tmp_path / "secrets.key"
    key.write_text("secret", encoding="utf-8")
    key.chmod(0o440)
    assert read_secret(key)
    key.chmod(stat.S_IMODE(key.stat().st_mode) | 0o660)
    with pytest.raises(SecretFileRefused):
        read_secret(key)

    context = the("StatefulSet")["spec"]["template"]["spec"]["securityContext"]
    assert (context["fsGroup"], context["fsGroupChangePolicy"]) == (10001, "OnRootMismatch")


@pytest.mark.parametrize("folder", ["relay", "example", "database-upgrade"])
def test_kustomize_renders_it(folder: str) -> None:
    """By the program itself; the image and the fronts of the example are in what it makes."""
    program = shutil.which("kubectl") or shutil.which("kustomize")
    if program is None:
        pytest.skip("kubectl is not here; to have it: https://kubernetes.io/docs/tasks/tools/")
    command = [program, "kustomize"] if program.endswith("kubectl") else [program, "build"]
    made = subprocess.run([*command, str(MANIFESTS / folder)], capture_output=True, text=True, check=False, timeout=120)

    assert made.returncode == 0, made.stderr
    rendered = list(yaml.safe_load_all(made.stdout))
    if folder == "example":
        text = json.dumps(rendered)
        assert "registry.example.net/ctp-relay:0.1.0" in text
        assert "198.51.100.10/32" in text
        assert {document["metadata"]["namespace"] for document in rendered} == {"ctp-relay"}


def _environment() -> dict[str, str]:
    """The variables of the first pod; what comes from a Secret is made up."""
    (container,) = the("StatefulSet")["spec"]["template"]["spec"]["containers"]
    made_up = {"metadata.name": "ctp-relay-0", "ledger_url": "postgresql+psycopg://ctp_relay@db/ctp_relay"}
    found: dict[str, str] = {}
    for variable in container["env"]:
        source = variable.get("valueFrom", {})
        wanted = source.get("fieldRef", {}).get("fieldPath") or source.get("secretKeyRef", {}).get("key")
        found[variable["name"]] = variable.get("value") or made_up[wanted]
    return found
