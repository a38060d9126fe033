"""A house of payments for the tests of one module; those that want another one have their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.appservices.payments.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def house() -> Iterator[Stage]:
    with Stage.running() as one:
        yield one


@pytest.fixture
def stage(house: Stage) -> Iterator[Stage]:
    """The house, in which nothing is set aside and both have what they began with."""
    yield house
    assert house.holds() == 0
    house.even_out()
    house.heard.said.clear()
    house.heard.asked.clear()
