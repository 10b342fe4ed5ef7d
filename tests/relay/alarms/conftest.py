"""A webhook for the tests of a way to a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.relay.alarms.robot import Robot


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as made:
        yield made
