"""One key of the monitoring center for all counters of these tests: making one takes a tenth of a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simcounter.tmdb import MonitoringKey


@pytest.fixture(scope="module", autouse=True)
def one_key() -> Iterator[None]:
    key = MonitoringKey.generate()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MonitoringKey, "generate", lambda: key)
        yield
