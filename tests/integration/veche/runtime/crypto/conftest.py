"""A migrated database and a desk on it, for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.veche.runtime.crypto.desk import Desk, Server
from tests.support.postgres import database
from veche.runtime.database.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dsn() -> Iterator[str]:
    with database(*KERNEL_SETS) as url:
        yield url


@pytest.fixture
def desk(dsn: str) -> Iterator[Desk]:
    desk = Desk(dsn, Server())
    yield desk
    desk.close()
