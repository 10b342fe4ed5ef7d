"""Programs of others in an environment of their own, and the relays of the end-to-end tests for them to trade through.

`make integrations-test` makes that environment and sets the variable below; without it these tests are skipped by name.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import mode, shared_site, shim, site, start_site, tls
from tests.test_house import ROOT

__all__ = ["mode", "shared_site", "shim", "site", "start_site", "tls"]

WANTED = "CTP_RELAY_INTEGRATIONS_TEST"
ENVIRONMENT = ROOT / ".cache/integrations"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip before anything is started for them."""
    if os.environ.get(WANTED):
        return
    skip = pytest.mark.skip(reason="needs programs of others, such as vn.py; to run it: make integrations-test")
    for item in items:
        if "programs_python" in getattr(item, "fixturenames", ()):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def programs_python() -> Path:
    """The interpreter that has vn.py and the other programs."""
    python = ENVIRONMENT / "bin/python"
    if not (ENVIRONMENT / ".set-up").is_file():
        pytest.skip("the environment .cache/integrations is not there; to make it: make integrations-test")
    return python
