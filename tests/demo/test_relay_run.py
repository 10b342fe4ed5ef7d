"""The relay's process, from its start to its end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.relay_run import RelayRun, ready_port
from demo.relay_site import CommandFailed, clean_environment


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ('{"port": 41445, "tls": true, "event": "relay_ready"}', 41445),
        ('{"port": 41445, "event": "relay_draining"}', 0),
        ('{"event": "not relay_ready"}', 0),
        ("relay_ready, but no JSON", 0),
    ],
)
def test_the_port_is_in_the_line_that_says_ready(line: str, port: int) -> None:
    """No other line has it."""
    assert ready_port(line) == port


async def test_a_relay_that_cannot_start_is_told_at_once(state_dir: Path) -> None:
    """Without settings it ends; the failure does not wait for a deadline, and its words are kept."""
    async with RelayRun(state_dir, clean_environment(os.environ)) as relay:
        with pytest.raises(CommandFailed, match="ended before it served"):
            await relay.start()

    assert "relay.toml" in "\n".join(relay.last_lines)


async def test_a_relay_never_started_is_stopped_without_harm(state_dir: Path) -> None:
    """Leaving early is no failure."""
    async with RelayRun(state_dir, {}) as relay:
        assert relay.pid == 0


def test_the_users_own_relay_settings_do_not_leak_in() -> None:
    """Variables that configure a relay or a simulated counter are not passed on."""
    base = {
        "PATH": "/bin",
        "CTP_RELAY_CONFIG": "mine.toml",
        "CTP_RELAY__COUNTER__BROKER_ID": "1",
        "CTP_SIMCOUNTER_FRONT": "x",
    }

    assert clean_environment(base) == {"PATH": "/bin"}
