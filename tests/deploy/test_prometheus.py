"""The rules and the dashboard: taken by Prometheus' own tool, about metrics there are, and leading to the manual."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from codegen.pages.monitoring import rules
from relay.metrics.rows import ROWS

ROOT = Path(__file__).resolve().parents[2]
RULES, DASHBOARD = ROOT / "deploy/prometheus/rules.yml", ROOT / "deploy/grafana/ctp-relay.json"
NAME = re.compile(r"\bctp_relay_[a-z_]+")


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool") or next(iter((ROOT / ".cache/prometheus").glob("**/promtool")), None)
    if program is None:
        pytest.skip("promtool is not installed: scripts/set-up brings it from Debian's package prometheus")
    done = subprocess.run([str(program), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules() -> None:
    """Expressions, durations, templates."""
    promtool("check", "rules", str(RULES))


def test_the_rules_alert_when_they_should_and_not_before() -> None:
    """Prometheus' own unit tests of them."""
    promtool("test", "rules", "deploy/prometheus/rules_test.yml")


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=lambda file: file.name)
def test_every_metric_they_name_is_shown_by_the_relay(file: Path) -> None:
    """One that was renamed would never alert again, without a word."""
    shown = {row.full_name(name) for name, row in ROWS.items()}
    shown |= {f"ctp_relay_{name}_bucket" for name, row in ROWS.items() if row.kind == "histogram"}
    named = set(NAME.findall(file.read_text(encoding="utf-8")))

    assert named
    assert sorted(named - shown) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_runbook_is_in_the_manual(language: str) -> None:
    """A person with a telephone at 08:55 follows the link."""
    for page, anchor in re.findall(r"docs/manual/zh/([\w-]+\.md)(?:#([\w-]+))?", rules()):
        text = (ROOT / "docs/manual" / language / page).read_text(encoding="utf-8")
        assert not anchor or f'<a id="{anchor}"></a>' in text, f"{language}: {page}#{anchor}"


def test_the_panels_of_the_dashboard_do_not_lie_over_one_another() -> None:
    """And each has a title in both languages."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}

    assert len(places) == len(panels) == len({panel["id"] for panel in panels})
    assert all(re.search(r"[\u4e00-\u9fff].* / \w", panel["title"]) or "CPU" in panel["title"] for panel in panels)
