"""A worker has a place of its own, and its share of what holds for the machine; and who may have several."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.doctor import machine
from relay.doctor.case import Case
from relay.settings import file as settings_file
from relay.settings.settings import Settings
from relay.workers.worker_settings import SHARED_COUNTS, SHARED_RATES, WorkerPlace, is_workers_own, worker_settings

URL = "postgresql+psycopg://relay@127.0.0.1/relay"
TEXT = """
[relay]
state_dir = "state"
workers = {workers}
mode = "{mode}"
[listen]
plaintext_on_loopback = true
[counter]
fronts = ["tcp://127.0.0.1:1"]
broker_id = "9999"
relay_app_id = "relay_1.0"
[counter.operator]
user_id = "op"
[ledger]
url = "{url}"
[metrics]
address = "127.0.0.1:9100"
"""


def settings(tmp_path: Path, workers: int = 4, mode: str = "many_to_many", url: str = URL) -> Settings:
    file = tmp_path / "relay.toml"
    file.write_text(TEXT.format(workers=workers, mode=mode, url=url), encoding="utf-8")
    return settings_file.load(file, {})


def test_two_workers_share_no_place(tmp_path: Path) -> None:
    """But the key of the auth codes, the key that signs, and the root of the flow files, which is swept for all."""
    of = settings(tmp_path)
    first, second = (worker_settings(of, WorkerPlace(number)) for number in (1, 2))

    for place in (settings_file.control_socket, lambda one: one.relay.state_dir, lambda one: one.relay.name):
        assert len({str(place(one)) for one in (of, first, second)}) == 3
    for shared in (settings_file.secrets_key_file, settings_file.signing_key_file, settings_file.flow_dir):
        assert shared(first) == shared(second) == shared(of)
    assert first.metrics.address != second.metrics.address


def test_no_relay_can_be_named_as_a_worker(tmp_path: Path) -> None:
    """Its chain is its own: two relays on one database may be called relay and relay-1."""
    name = worker_settings(settings(tmp_path), WorkerPlace(1)).relay.name

    with pytest.raises(ValueError, match="pattern"):
        Settings.model_validate({"relay": {"name": name}, "counter": {}})


def test_what_the_machine_may_do_is_divided(tmp_path: Path) -> None:
    """All workers together do what one process may."""
    of = settings(tmp_path)
    workers = [worker_settings(of, WorkerPlace(number)) for number in range(1, 5)]

    for section, names in (*SHARED_COUNTS.items(), *SHARED_RATES.items()):
        for name in names:
            of_each = [getattr(getattr(worker, section), name) for worker in workers]
            assert sum(of_each) <= getattr(getattr(of, section), name)
            assert min(of_each) > 0
    assert {worker.max_sessions for worker in workers} == {of.max_sessions}


def test_what_each_has_for_itself_is_known_by_its_key(tmp_path: Path) -> None:
    """It is left out of the settings in force of all."""
    of = settings(tmp_path)

    assert is_workers_own(of, "relay.name")
    assert is_workers_own(of, "counter.inits_per_second")
    assert not is_workers_own(of, "relay.mode")


def test_several_need_a_database_for_several(tmp_path: Path) -> None:
    """SQLite serves one process only; and in many-to-one one operator serves all."""
    with pytest.raises(
        settings_file.SettingsInvalid, match=r"relay\.workers: more than one need PostgreSQL in ledger\.url"
    ):
        settings(tmp_path, url="sqlite:////tmp/none.sqlite3")
    with pytest.raises(settings_file.SettingsInvalid, match=r"relay\.workers: must be 1 in many_to_one"):
        settings(tmp_path, mode="many_to_one")
    assert settings(tmp_path, workers=1, mode="many_to_one", url="sqlite:////tmp/none.sqlite3").relay.workers == 1


def test_what_each_worker_counts_for_itself_is_said(tmp_path: Path) -> None:
    """The doctor names what the relay as a whole allows; of one process there is nothing to say."""
    several, one = (
        list(machine.check_workers(Case(settings(tmp_path, workers), starting=True, running=None)))
        for workers in (3, 1)
    )

    assert [finding.facts for finding in several] == [{"workers": 3, "sessions": 12, "refusals": 3}]
    assert one == []
