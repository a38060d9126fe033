"""One office for all stories of a test process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stories.office import Desk, Town, end_visits, in_town

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The demo's office, with Carol at its desk."""
    with in_town(tmp_path_factory.mktemp("town")) as one:
        yield one


@pytest.fixture
def desk(town: Town) -> Desk:
    """Carol's desk."""
    return town.desk


@pytest.fixture(autouse=True)
def visits() -> Iterator[None]:
    """Applicants leave after each story."""
    yield
    end_visits()
