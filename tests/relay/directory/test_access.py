"""Look-ups off the loop."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy.exc import OperationalError

from relay.admission.verifier import VerifierUnavailable
from relay.directory.access import DirectoryAccess, DirectoryUnavailable


async def test_work_is_done_off_the_loop() -> None:
    """The loop's thread goes on serving."""
    with DirectoryAccess() as access:
        assert await access.run(threading.get_ident) != threading.get_ident()


async def test_a_failing_database_is_unavailable_and_says_why_to_the_log_only() -> None:
    """The terminal hears that the directory cannot be read, not which server failed."""

    def fail() -> None:
        raise OperationalError("SELECT 1", {}, OSError("server 10.1.2.3 is down"))

    with DirectoryAccess() as access, pytest.raises(DirectoryUnavailable) as caught:
        await access.run(fail)

    assert "10.1.2.3" in caught.value.why
    assert "10.1.2.3" not in str(caught.value)


async def test_other_errors_pass() -> None:
    """A fault of ours stays visible."""

    def fail() -> None:
        raise ZeroDivisionError

    with DirectoryAccess() as access, pytest.raises(ZeroDivisionError):
        await access.run(fail)


async def test_slow_and_too_many_look_ups_are_refused() -> None:
    """After the deadline, and at once when too many wait."""
    go = threading.Event()
    with DirectoryAccess(threads=1, timeout=0.05, most_waiting=2) as access:
        waiting = [asyncio.ensure_future(access.run(lambda: go.wait(20))) for _ in range(3)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        go.set()

    assert [type(result) for result in results] == [DirectoryUnavailable] * 3
    assert "2 look-ups" in str([getattr(result, "why", "") for result in results])


def test_both_kinds_of_unavailable_are_refusals_of_the_relay() -> None:
    """With a time after which to come again."""
    refusals = [error.refusal for error in (DirectoryUnavailable("why"), VerifierUnavailable("why"))]

    assert [refusal.reason for refusal in refusals] == ["directory_unavailable", "verifier_unavailable"]
    assert all(refusal.retry_after_seconds > 0 for refusal in refusals)
