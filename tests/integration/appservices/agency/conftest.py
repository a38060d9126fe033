"""A town with its own database for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.appservices.agency.town import Town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """An office that has just opened."""
    with Town(tmp_path) as town:
        yield town
