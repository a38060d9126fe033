"""What people should be told of names: kept once a day, not too much of it, until it is told."""

import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest
from synapse.module_api import ModuleApi
from twisted.internet.defer import Deferred

from homeserver_modules.official_accounts import notices
from homeserver_modules.official_accounts.core.guard import Match, Rule
from homeserver_modules.official_accounts.notices import A_DAY_MAX, DAY_MS, KEPT_MS, Notices
from veche.contracts.directory.snapshot import ProtectedName

ANNA = "@anna:veche.test"
MATCH = Match(Rule.NEAR, ProtectedName("Tax Office", "", frozenset(), "there"))
NOW_MS = 1_790_000_000_000


def done(work: Coroutine[Deferred[Any], Any, Any]) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    return results[0]


class Process:
    """A process of a Synapse, all with one database and clock."""

    def __init__(self, database: sqlite3.Connection) -> None:
        api = create_autospec(ModuleApi)

        def run(_desc: str, work: Callable[..., object], *args: object) -> object:
            with database:
                return work(database.cursor(), *args)

        api.run_db_interaction = AsyncMock(side_effect=run)
        self.notices = Notices(api, "veche")

    def add(self, about: str, kind: str = notices.NEAR_MISS, match: Match = MATCH) -> None:
        done(self.notices.add(kind, ANNA, about, match))

    def ask(self, *told: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = done(self.notices.answer({"told": list(told)}))["notices"]
        return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def set_to(at_ms: int) -> None:
        monkeypatch.setattr(notices, "now_ms", lambda: at_ms)

    set_to(NOW_MS)
    return set_to


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    one = sqlite3.connect(":memory:")
    yield one
    one.close()


def test_the_same_is_told_once_a_day_whoever_keeps_it(
    database: sqlite3.Connection, clock: Callable[[int], None]
) -> None:
    one, two = Process(database), Process(database)
    one.add("@x:else.test")
    two.add("@x:else.test")
    [told] = two.ask()
    assert (told["kind"], told["person"], told["about"]) == ("near_miss", ANNA, "@x:else.test")
    assert (told["name"], told["rule"], told["appeal"]) == ("Tax Office", "near", "there")
    # Until it is told it is given again; then never.
    assert one.ask() == [told]
    assert two.ask(told["id"]) == one.ask() == []
    one.add("@x:else.test")
    assert one.ask() == []

    clock(NOW_MS + DAY_MS)
    two.add("@x:else.test")
    [again] = one.ask()
    assert again["id"] != told["id"]


def test_nobody_is_warned_of_thousands_a_day(
    database: sqlite3.Connection, clock: Callable[[int], None]
) -> None:
    process = Process(database)
    for number in range(1_000):
        process.add(f"@x{number}:else.test")
    assert len(process.ask()) == A_DAY_MAX
    bank = Match(Rule.NEAR, ProtectedName("Town Bank", "", frozenset(), "there"))
    process.add("@bank:else.test", match=bank)
    assert [one["name"] for one in process.ask()] == ["Tax Office"] * A_DAY_MAX + ["Town Bank"]
    clock(NOW_MS + DAY_MS)
    process.add("@y:else.test")
    assert len(process.ask()) == A_DAY_MAX + 2

    clock(NOW_MS + KEPT_MS + 2 * DAY_MS)
    assert process.ask() == []
