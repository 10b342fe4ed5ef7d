"""Programs of the kinds that people have, unmodified, by the runner behind a relay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.site import Site
from tests.integrations.openctp_dropin.runs import behind
from tests.test_house import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")
SCRIPT = ROOT / "tests/e2e/programs/openctp_script.py"


async def test_a_day_of_trading_ends_as_without_a_relay(site: Site, tmp_path: Path) -> None:
    """The script with a broker's address inside: what is refused is refused, and account, positions and trades come."""
    ended = await behind(site, tmp_path, [SCRIPT])

    assert ended.status == 0, ended.errors
    found = json.loads(ended.output)
    assert found["refused"] == [30]
    assert all(found[name] for name in ("account", "positions", "trades"))
