"""What one look finds: on disk, in the database, of the certificate, the descriptors and the fronts."""

from __future__ import annotations

import datetime as dt
import os
import resource
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine

from relay.database.database import open_database, upgrade
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.logs.alarms import AlarmName, Alarms
from relay.watch import checks
from relay.watch.watching import SERVED, Watching

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def test_a_disk_with_room_is_neither_low_nor_full_and_keeps_nothing_of_the_look(tmp_path: Path) -> None:
    """A look must not leave a file behind."""
    state = checks.look_at_disk(tmp_path, 0, 0)

    assert (state.why_low, state.why_full, list(tmp_path.iterdir())) == ("", "", [])
    assert state.free_bytes > 0


def test_full_goes_before_low(tmp_path: Path) -> None:
    """One of them stands, the graver one."""
    much = 2**62

    low, full = checks.look_at_disk(tmp_path, much, 0), checks.look_at_disk(tmp_path, much, much)

    assert (bool(low.why_low), bool(low.why_full)) == (True, False)
    assert (bool(full.why_low), bool(full.why_full)) == (False, True)


def test_a_database_that_may_only_be_read_is_found(tmp_path: Path) -> None:
    """A standby answers every question and takes no entry."""
    file = tmp_path / "relay.sqlite3"
    engine = open_database(SecretStr(f"sqlite:///{file}"))
    upgrade(engine)
    well = checks.why_not_writable(engine)
    engine.dispose()
    reader = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    why = checks.why_not_writable(reader)
    reader.dispose()

    assert well == ""
    assert why


@pytest.mark.parametrize(
    ("left", "expired", "expiring"), [(-1, True, False), (0, True, False), (3, False, True), (31, False, False)]
)
def test_a_certificate_warns_before_its_end(left: int, expired: bool, expiring: bool) -> None:
    """In days; one of the two at most."""
    found = checks.certificate_state(NOW + dt.timedelta(days=left), NOW, 30)

    assert tuple(map(bool, found)) == (expired, expiring)


def test_descriptors_are_low_near_their_limit_and_gone_at_it() -> None:
    """Not while many are left; gone is where no session at the counter can be made."""
    assert checks.descriptors_state(100, 1000) == ("", "")
    assert checks.descriptors_state(950, 1000) == ("", "950 of 1000 are used")
    assert checks.descriptors_state(995, 1000) == ("995 of 1000 are used", "")
    assert checks.descriptors_state(60, 80) == ("", "60 of 80 are used")


def test_a_process_without_descriptors_says_so_and_nothing_of_a_front(free_port: int) -> None:
    """The front that could not be tried is not said to be down."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    had = checks.why_no_descriptor()
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        used, most = checks.descriptors_used()
        lacking = checks.why_no_descriptor()
        with pytest.raises(OSError, match="Too many open files"):
            checks.why_no_front([f"tcp://127.0.0.1:{free_port}"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert (had, lacking, used) == ("", "Too many open files", most)


def test_one_front_that_accepts_is_enough(free_port: int) -> None:
    """The relay uses whichever is there."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        fronts = [f"tcp://127.0.0.1:{free_port}", f"tcp://127.0.0.1:{there.getsockname()[1]}"]
        assert checks.why_no_front(fronts) == ""

    assert f"127.0.0.1:{free_port}" in checks.why_no_front(fronts[:1])


@pytest.mark.parametrize(
    ("left", "stage"),
    [
        (dt.timedelta(days=29), 0),
        (dt.timedelta(days=7), 7),
        (dt.timedelta(days=1, seconds=1), 7),
        (dt.timedelta(hours=3), 1),
        (dt.timedelta(0), 0),
    ],
)
def test_the_alarms_before_a_certificates_end(left: dt.timedelta, stage: int) -> None:
    """At seven days and at one; the fault is there from thirty on, and another one at the end."""
    now = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)

    assert checks.certificate_stage(now + left, now) == stage


def test_each_alarm_before_a_certificates_end_is_given_once() -> None:
    """Whatever the period of the looks is; a new certificate begins anew."""
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=6)
    alarms, faults = Alarms(), Faults()
    settings = SimpleNamespace(watch=SimpleNamespace(certificate_days=30.0))
    expiries = {SERVED: lambda: until}
    parts = SimpleNamespace(expiries=expiries, alarms=alarms, faults=faults)
    watching = Watching(settings, parts)  # type: ignore[arg-type]
    for _ in range(3):
        watching.certificate()
    assert alarms.count(AlarmName.CERTIFICATE_ENDS) == 1

    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=20)
    watching.certificate()
    watching.certificate()
    assert alarms.count(AlarmName.CERTIFICATE_ENDS) == 2
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=90)
    watching.certificate()
    assert alarms.count(AlarmName.CERTIFICATE_ENDS) == 2
    assert not faults.now()


def test_every_certificate_is_watched_and_only_the_served_one_keeps_terminals_away() -> None:
    """The admin API's, and those of clients' authorities, are said by their setting; one that expires soon, too."""
    now = dt.datetime.now(dt.UTC)
    alarms, faults = Alarms(), Faults()
    ends = {
        SERVED: now + dt.timedelta(days=300),
        "admin.certificate": now - dt.timedelta(hours=1),
        "listen.client_ca": now + dt.timedelta(days=6),
    }
    expiries = {key: (lambda until=until: until) for key, until in ends.items()}
    settings = SimpleNamespace(watch=SimpleNamespace(certificate_days=30.0))
    watching = Watching(settings, SimpleNamespace(expiries=expiries, alarms=alarms, faults=faults))  # type: ignore[arg-type]
    watching.certificate()
    whys = {stands.fault: stands.why for stands in faults.now()}

    assert set(whys) == {Fault.OTHER_CERTIFICATE_EXPIRED, Fault.CERTIFICATE_EXPIRING}
    assert whys[Fault.OTHER_CERTIFICATE_EXPIRED].startswith("admin.certificate: expired")
    assert whys[Fault.CERTIFICATE_EXPIRING].startswith("listen.client_ca: 6.0 days")
    assert (faults.keeping_from_ready(), alarms.count(AlarmName.CERTIFICATE_ENDS)) == ((), 1)


def test_orders_that_are_not_recorded_are_a_fault_until_they_are_again() -> None:
    """Also where no order comes that would find it."""
    why, faults = ["4 entries were waiting for the database"], Faults()
    parts = SimpleNamespace(trail=SimpleNamespace(why_losing=lambda: why[0]), faults=faults)
    watching = Watching(SimpleNamespace(), parts)  # type: ignore[arg-type]
    watching.order_trail()
    begun = faults.stands(Fault.ORDERS_NOT_RECORDED)
    why[0] = ""
    watching.order_trail()

    assert begun
    assert not faults.now()


def test_looks_follow_the_settings_that_were_read_last(tmp_path: Path) -> None:
    """A reload changes limits and periods of the looks that go on."""

    def settings(megabytes: int, period: float) -> SimpleNamespace:
        watch = SimpleNamespace(
            disk_low_megabytes=megabytes, disk_full_megabytes=0, period_seconds=period, clock_offset_seconds=period
        )
        return SimpleNamespace(watch=watch, relay=SimpleNamespace(state_dir=tmp_path))

    faults, clock = Faults(), SimpleNamespace(tolerance=0.0)
    parts = SimpleNamespace(faults=faults, clock=clock)
    watching = Watching(settings(0, 5.0), parts)  # type: ignore[arg-type]
    watching.disk()
    before = (faults.stands(Fault.DISK_LOW), watching.period())
    watching.take(settings(10**12, 7.0))  # type: ignore[arg-type]
    watching.disk()

    assert before == (False, 5.0)
    assert (faults.stands(Fault.DISK_LOW), watching.period(), clock.tolerance) == (True, 7.0, 7.0)
