"""The committed catalog."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Catalog
from ctpabi.catalog.data import load_catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()
