"""What a changed settings file changes in a running relay, and what it does not."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from relay.reloading import Reloading, Take
from relay.settings.file import SettingsInvalid
from relay.settings.settings import Settings
from tests.relay.evidence import KeptEvidence
from tests.relay.test_server import settings


class Running:
    """A relay whose settings file a test rewrites."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.file: Settings | SettingsInvalid = settings(state_dir)
        self.evidence = KeptEvidence()
        self.taken: list[object] = []

    def reloading(self, takes: dict[str, Take] | None = None) -> Reloading:
        known: dict[str, Take] = {
            "log.level": lambda new: self.taken.append(new.log.level),
            "sessions": lambda new: self.taken.append(new.sessions.linger_seconds),
        }
        files: dict[str, Take] = {"certificate": lambda _: self.taken.append("certificate")}
        return Reloading(settings(self.state_dir), self._load, takes or known, files, self.evidence)

    def _load(self) -> Settings:
        if isinstance(self.file, SettingsInvalid):
            raise self.file
        return self.file


async def test_what_can_change_is_taken_and_the_rest_is_named(state_dir: Path) -> None:
    """By key and never by value; files of their own are read every time."""
    running = Running(state_dir)
    reloading = running.reloading()
    running.file = settings(
        state_dir, log={"level": "debug"}, sessions={"linger_seconds": 5}, counter={"broker_id": "8888"}
    )

    await reloading.reload()
    await reloading.reload()

    first, second = [data for _, _, data in running.evidence.entries]
    assert running.taken == ["debug", 5, "certificate", "certificate"]
    assert first == {"taken": ["log.level", "sessions.linger_seconds"], "needs_restart": ["counter.broker_id"]}
    assert second == {"taken": [], "needs_restart": ["counter.broker_id"]}


async def test_a_file_that_cannot_be_used_changes_nothing(state_dir: Path) -> None:
    """It is said which key is wrong, and the relay goes on as it is."""
    running = Running(state_dir)
    reloading = running.reloading()
    running.file = SettingsInvalid("relay.toml", ["log.level: must be debug or info"])

    with capture_logs() as lines:
        await reloading.reload()

    assert running.taken == []
    assert lines[0]["event"] == "settings_not_reloaded"
    assert lines[0]["problems"] == ["log.level: must be debug or info"]
    assert running.evidence.entries == []


async def test_one_setting_that_cannot_be_taken_does_not_keep_the_others_from_theirs(state_dir: Path) -> None:
    """It counts among those that wait for a restart."""

    def fails(_: Settings) -> None:
        raise OSError("relay.key: No such file")

    running = Running(state_dir)
    reloading = running.reloading({"log": fails, "sessions": lambda new: running.taken.append("sessions")})
    running.file = settings(state_dir, log={"level": "debug"}, sessions={"linger_seconds": 5})

    await reloading.reload()

    assert running.taken == ["sessions", "certificate"]
    assert running.evidence.data("relay_reloaded")["needs_restart"] == ["log.level"]
