"""The answers of several workers as one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from ctprelay.v1 import admin_pb2 as pb
from relay.workers.monitor import labelled
from relay.workers.together import alarms_together, locks_together, reload_together, status_together


def status(ready: bool, sessions: int, **further: object) -> pb.RelayStatus:
    return pb.RelayStatus(
        mode="many_to_many",
        readiness=pb.Readiness(ready=ready, reason="" if ready else "counter_unavailable"),
        sessions=pb.SessionCounts(total=sessions, most=50),
        ledger=pb.LedgerState(committed=10, lag_seconds=float(sessions)),
        **further,  # type: ignore[arg-type]
    )


def test_counts_are_added_up_and_one_that_is_ready_decides() -> None:
    """A login can succeed where one worker takes it."""
    together = status_together([status(False, 1), status(True, 2)])

    assert together.readiness.ready
    assert (together.sessions.total, together.sessions.most, together.ledger.committed) == (3, 100, 20)
    assert together.ledger.lag_seconds == 2.0
    assert not status_together([status(False, 1), status(False, 2)]).readiness.ready


def test_a_fault_of_one_is_a_fault_and_stands_once() -> None:
    """As it began first; grave where it is so at one. A pause of one is said, too."""
    late = pb.Fault(kind="database_down", since="2026-01-01T10:00:00", grave=True)
    early = pb.Fault(kind="database_down", since="2026-01-01T09:00:00")
    found = status_together([status(True, 1, faults=[late]), status(True, 1, faults=[early])])
    paused = status_together([status(True, 1), status(True, 1, paused=pb.LoginPause(paused=True, by="op"))])

    assert [(fault.since, fault.grave) for fault in found.faults] == [("2026-01-01T09:00:00", True)]
    assert paused.paused.by == "op"


def test_figures_are_added_up_but_for_states_and_what_is_scarce() -> None:
    """Two workers with the same fault have one."""
    values = {"orders": (1.0, 2.0), "fault_front_down": (1.0, 1.0), "disk_free_bytes": (5.0, 5.0)}
    parts = [
        status(True, 1, figures=[pb.Figure(name=name, value=pair[at]) for name, pair in values.items()])
        for at in (0, 1)
    ]
    found = {figure.name: figure.value for figure in status_together(parts).figures}

    assert found == {"orders": 3.0, "fault_front_down": 1.0, "disk_free_bytes": 5.0}


def test_a_setting_is_in_force_where_all_workers_have_it() -> None:
    """What one could not take is a problem."""
    problem = pb.ReloadProblem(key="log.level", why="no")
    found = reload_together(
        [
            pb.ReloadResponse(applied=["a", "b"], needs_restart=["c"]),
            pb.ReloadResponse(applied=["a"], problems=[problem]),
        ]
    )

    assert (list(found.applied), list(found.needs_restart)) == (["a"], ["c"])
    assert list(found.problems) == [problem]


def test_locks_and_alarms_of_all() -> None:
    """A lock that two workers have is one, with the longer time; alarms are the newest of all."""
    locks = locks_together(
        [[pb.Lock(subject="s", name="n", seconds_left=1)], [pb.Lock(subject="s", name="n", seconds_left=9)]]
    )
    alarms = alarms_together([pb.ListAlarmsResponse(alarms=[pb.Alarm(at=at)]) for at in ("1", "3", "2")], 2)

    assert [(lock.name, lock.seconds_left) for lock in locks] == [("n", 9.0)]
    assert [alarm.at for alarm in alarms.alarms] == ["3", "2"]


def test_each_family_is_there_once_with_the_worker_as_a_label() -> None:
    """Prometheus refuses a family that is begun twice; the supervisor's own process has no label."""
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    text = generate_latest(own).decode() + '# TYPE a counter\na_total{b="c"} 1.0\n'

    class Shown:
        def collect(self) -> object:
            return labelled({1: text, 2: text}, own.collect())

    registry = CollectorRegistry()
    registry.register(Shown())  # type: ignore[arg-type]
    shown = generate_latest(registry).decode()

    assert shown.count("# TYPE process_open_fds gauge") == 1
    assert [line.split("}")[0] for line in shown.splitlines() if line.startswith("a_total")] == [
        'a_total{b="c",worker="1"',
        'a_total{b="c",worker="2"',
    ]
    assert sum(line.startswith("process_open_fds") for line in shown.splitlines()) == 3
