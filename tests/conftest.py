"""What every test may lean on: the vendor's locale, a free port, a state directory, quick property tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ctpabi import locale
from relay.compiled import choice
from tests.ports import unused_port
from tests.slow_files import SlowFiles

# At home every run looks elsewhere; in CI the same commit gives the same answer.
# No clock judges: neither an example's time nor how long it takes to make some, which a busy machine decides.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _PATIENT, max_examples=50, derandomize="CI" in os.environ)
settings.register_profile("deep", _PATIENT, max_examples=2000)


_LONGEST = ("tests/chaos/", "tests/stateful/", "tests/e2e/test_workers.py")


def pytest_configure(config: pytest.Config) -> None:
    """The binding aborts the process without its locale, so it is made ready before any test module is imported."""
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
    locale.ensure()
    config.pluginmanager.register(SlowFiles(), "slow_files")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process is left alone with them at the end; long proofs where they are asked for."""
    if not os.environ.get("CTP_RELAY_LONG_TESTS"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="a long proof; to run it: make test-long"))
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


@pytest.fixture(scope="session", autouse=True)
def _order_path_stays() -> Iterator[None]:
    """A command that a test runs in its own process does not change what the tests after it run: `-p tests.compiled_parts` does, or nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "choose", lambda _: choice.chosen())
        yield


@pytest.fixture
def free_port() -> int:
    """A loopback TCP port that was free a moment ago; prefer port 0 where the server can say what it got."""
    return unused_port()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """An empty directory of mode 0700, as `relay.state_dir` wants it."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    return directory
