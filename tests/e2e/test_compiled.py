"""The relay with its order path as machine code; `make test-compiled` runs the whole contract and the random histories on it."""

from __future__ import annotations

import json

import pytest

from relay.compiled import build
from relay.counter.port import Mode
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, trade

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_the_main_job_runs_as_machine_code(start_site: StartRelay, mode: Mode) -> None:
    """A terminal logs in and trades, and the log says what ran. The parts are compiled here where they are not yet: a minute."""
    parts = build.compile_here()
    site = await start_site(mode, relay__compiled="on")

    async with site.logged_in(INVESTORS[0]) as terminal:
        assert (await trade(terminal)).investor_id == INVESTORS[0]

    lines = [
        json.loads(line) for line in site.relay.output_file.read_text().splitlines() if "order_path_chosen" in line
    ]
    assert [(line["path"], line["why"]) for line in lines] == [("compiled", parts.name)]
