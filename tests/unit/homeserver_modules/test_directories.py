"""How Synapse follows directories: what it keeps, and what it does not believe."""

import json
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import attrs
import pytest
from prometheus_client import REGISTRY
from synapse.module_api import ModuleApi
from synapse.module_api.errors import ConfigError
from twisted.internet.defer import Deferred

from homeserver_modules.directories.config import DirectorySection
from homeserver_modules.directories.follower import (
    ASK_EVERY_MS,
    BUNDLE_BYTES_MAX,
    READ_EVERY_MS,
    STALE_MS,
    Directories,
    Follower,
    UnknownDirectoryError,
    follower_of,
)
from homeserver_modules.official_accounts import OfficialAccounts
from tests.support.directories import DAY_MS, LOG, Written, account, signer
from tests.support.served_directory import Served
from tests.support.tables import each_row

HOUR_MS = 3_600_000
NAME = "Tax Office"
BOT = "@veche_town:veche.test"
KEY = Written().key().verifier.to_text()


def written() -> Written:
    directory = Written()
    directory.chain("town")
    directory.add(directory.said("names", "town", names=[NAME], appeal="there"))
    return directory


@attrs.define
class World:
    """The follower in one process of a Synapse, a directory, and a clock."""

    served: Served
    database: sqlite3.Connection
    now_ms: int
    protected: dict[str, frozenset[str]] = attrs.field(factory=dict)
    is_broken: bool = False
    is_index_broken: bool = False

    def process(self) -> Follower:
        api = create_autospec(ModuleApi)
        api.run_db_interaction = AsyncMock(side_effect=self._run)
        api.defer_to_thread = AsyncMock(side_effect=lambda work, *args: work(*args))
        api.http_client.get_file = AsyncMock(side_effect=self._get)
        follower = Follower(api, lambda: self.now_ms)
        Directories([self.section], follower, self._protect)
        return follower

    @property
    def section(self) -> DirectorySection:
        return DirectorySection.model_validate(self.served.config)

    def ask(self, process: Follower) -> None:
        self.now_ms += ASK_EVERY_MS
        done(process.ask())
        done(process.read())

    def _protect(self, names: Sequence[Any]) -> None:
        if self.is_index_broken:
            raise RuntimeError
        self.protected = {one.name: one.accounts for one in names}

    def _run(self, _desc: str, work: Callable[..., object], *args: object) -> object:
        if self.is_broken:
            raise sqlite3.OperationalError("gone")
        with self.database:
            return work(self.database.cursor(), *args)

    def _get(self, url: str, stream: Any, size: int) -> None:
        assert size == BUNDLE_BYTES_MAX
        status, body = self.served.answer(url)
        if status != 200:
            raise OSError(f"got {status}")
        stream.write(body)


def done(work: Coroutine[Deferred[Any], Any, Any]) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    return results[0]


@pytest.fixture
def world() -> Iterator[World]:
    directory = written()
    database = sqlite3.connect(":memory:")
    yield World(Served(directory, "http://x"), database, directory.at_ms)
    database.close()


def test_names_are_read_and_a_restart_needs_no_directory(world: World) -> None:
    world.ask(world.process())
    assert world.protected == {NAME: frozenset({BOT})}

    world.protected = {}
    world.served.fault = (500, b"")
    world.ask(world.process())

    assert world.protected == {NAME: frozenset({BOT})}


def test_another_process_reads_what_one_has_fetched(world: World) -> None:
    other = world.process()
    done(other.read())  # no table yet
    assert world.protected == {}

    world.ask(world.process())
    world.protected, asked = {}, world.served.asked
    done(other.read())

    assert world.protected == {NAME: frozenset({BOT})}
    assert world.served.asked == asked


def test_a_directory_that_is_not_there_yet_is_asked_again_at_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    process = world.process()
    world.served.fault = (500, b"")
    for _ in range(3):
        done(process.ask())
    assert world.served.asked == 3
    assert caplog.text.count("is not followed") == 1

    world.served.fault = None
    for _ in range(3):
        done(process.ask())
        done(process.read())

    assert world.served.asked == 4
    assert world.protected == {NAME: frozenset({BOT})}


def test_a_large_directory_comes_in_parts(world: World) -> None:
    directory = world.served.written
    for number in range(150):
        directory.add(directory.org(f"o{number}"))
    directory.add(directory.said("names", "o149", names=["Last Office"], appeal="there"))
    world.now_ms = directory.at_ms

    world.ask(world.process())

    assert set(world.protected) == {NAME, "Last Office"}
    assert world.served.asked == 2


def test_a_suspended_organisation_loses_its_names_and_a_new_account_has_them(world: World) -> None:
    directory, process = world.served.written, world.process()
    world.ask(process)
    words = {"reason": "A stolen key.", "appeal": "there"}
    directory.add(directory.said("suspend", "town", **words, until_ms=directory.at_ms + DAY_MS))
    world.ask(process)
    assert world.protected == {NAME: frozenset()}

    world.now_ms += DAY_MS
    done(process.read())

    assert world.protected == {NAME: frozenset({BOT})}


def test_modules_of_one_process_share_what_it_follows(world: World) -> None:
    process = world.process()
    other = Directories([world.section], process)
    assert not other.is_listed(BOT)

    world.ask(process)

    assert world.served.asked == 1
    assert other.is_listed(BOT)
    assert world.protected == {NAME: frozenset({BOT})}
    one, two = create_autospec(ModuleApi), create_autospec(ModuleApi)
    assert follower_of(one) is follower_of(one)
    assert follower_of(one) is not follower_of(two)


@pytest.mark.parametrize("change", [{"url": "http://y"}, {"quorum": 2}])
def test_modules_that_trust_a_directory_differently_stop_the_start(
    world: World, change: dict[str, Any]
) -> None:
    keys = [KEY, world.served.written.key(1).verifier.to_text()]
    section = DirectorySection.model_validate({**world.served.config, "keys": keys})
    process = Follower(create_autospec(ModuleApi))
    Directories([section], process)

    with pytest.raises(ConfigError, match="stands in two modules") as refused:
        Directories([section.model_copy(update=change)], process)

    assert refused.value.path == ["directories"]


def test_a_directory_is_known_once_all_of_it_is(world: World) -> None:
    directory = world.served.written
    for number in range(150):
        directory.add(directory.org(f"o{number}"))
    world.now_ms = directory.at_ms
    process = world.process()
    view = Directories([world.section], process)
    first, whole = (world.served.answer(f"?since={since}") for since in (0, 100))

    world.served.fault = first
    world.ask(process)
    assert view.is_listed(BOT)
    assert not view.are_known

    world.served.fault = whole
    world.ask(process)
    assert view.are_known


def test_a_module_whose_names_cannot_be_indexed_takes_nothing_from_the_others(
    world: World,
) -> None:
    process = world.process()
    view = Directories([world.section], process)
    world.is_index_broken = True
    world.ask(process)
    assert view.is_listed(BOT)
    assert world.protected == {}

    world.is_index_broken = False
    world.ask(process)
    assert world.protected == {NAME: frozenset({BOT})}


def lie(world: World, change: Callable[[dict[str, Any]], object]) -> None:
    _, body = world.served.answer("?since=2")
    told = json.loads(body)
    change(told)
    world.served.fault = (200, json.dumps(told).encode())


def shorter(world: World) -> None:
    lie(world, lambda one: one["entries"].clear())


def other_history(world: World) -> None:
    world.served.written = other = Written()
    other.chain("bank", "branch", "desk")
    other.add(other.said("names", "bank", names=["Another"], appeal="there"))


def other_key(world: World) -> None:
    forged = Written(log="else.test/veche/directory/v1/veche")
    forged.chain("bank")
    world.served.written = forged


@pytest.mark.parametrize(
    "wrong",
    [
        lambda world: setattr(world.served, "fault", (500, b"")),
        lambda world: setattr(world.served, "fault", (200, b"")),
        lambda world: setattr(world.served, "fault", (200, b"[]")),
        lambda world: setattr(world.served, "fault", (200, b"{" * 100_000)),
        lambda world: setattr(world.served, "fault", (200, b"\xff")),
        shorter,
        other_history,
        other_key,
        lambda world: lie(world, lambda one: one.update(checkpoint="x\n1\nAAAA\n\n")),
        lambda world: lie(world, lambda one: one.update(v=2)),
        lambda world: lie(world, lambda one: one["entries"][0].update(index=7)),
        lambda world: lie(world, lambda one: one["entries"][0].update(entry="{}")),
        lambda world: setattr(world, "is_broken", True),
    ],
)
def test_what_is_not_proven_changes_nothing(world: World, wrong: Callable[[World], None]) -> None:
    process = world.process()
    world.ask(process)
    directory = world.served.written
    directory.add(directory.org("bank", accounts=[account("@bank:veche.test")]))
    directory.add(directory.said("names", "bank", names=["Bank"], appeal="there"))
    wrong(world)

    world.ask(process)
    assert world.protected == {NAME: frozenset({BOT})}

    world.served.written, world.served.fault, world.is_broken = directory, None, False
    world.ask(process)
    assert set(world.protected) == {NAME, "Bank"}


def test_an_entry_that_breaks_a_rule_changes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    process, directory = world.process(), world.served.written
    assert directory.add_text(directory.signed(directory.org("bank"), signer("bank"))) is not None

    world.ask(process)

    assert world.protected == {NAME: frozenset({BOT})}
    assert f"entry 2 of {LOG} changes nothing" in caplog.text


def test_a_day_of_silence_is_an_alarm_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    process = world.process()
    world.ask(process)
    world.served.fault = (500, b"")

    def alarms_after(passed_ms: int) -> int:
        caplog.clear()
        world.now_ms += passed_ms
        world.ask(process)
        world.ask(process)
        return sum(one.levelno == logging.ERROR for one in caplog.records)

    assert alarms_after(23 * HOUR_MS) == 0
    assert alarms_after(2 * HOUR_MS) == 1
    assert alarms_after(HOUR_MS) == 0
    age_s = REGISTRY.get_sample_value("veche_homeserver_directory_age_seconds", {"directory": LOG})
    assert age_s == 26 * 3_600 + 6 * ASK_EVERY_MS / 1_000
    assert world.protected == {NAME: frozenset({BOT})}
    world.served.fault = None
    world.ask(process)
    world.served.fault = (500, b"")
    assert alarms_after(25 * HOUR_MS) == 1


GOOD = {"url": "https://veche.example", "keys": [KEY]}


@each_row(
    ("change", "key"),
    [
        ({"url": "veche.example"}, "url"),
        ({"url": "https://veche.example/path"}, "url"),
        ({"keys": []}, "keys"),
        ({"keys": ["x"]}, "0"),
        ({"keys": [KEY, KEY.replace("veche.test", "else.test")]}, "0"),
        ({"quorum": 2}, "0"),
        ({"quorum": 0}, "quorum"),
        ({"more": 1}, "more"),
    ],
)
def test_a_wrong_directory_in_the_configuration_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        OfficialAccounts.parse_config({"directories": [{**GOOD, **change}]})
    assert "directories" in (refused.value.path or ())
    assert key in (refused.value.path or ())


def test_a_directory_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="directories: one stands there twice"):
        OfficialAccounts.parse_config({"directories": [GOOD, GOOD]})


def test_what_is_asked_first_waits_for_what_the_database_has(world: World) -> None:
    world.ask(world.process())
    world.protected = {}
    process = world.process()
    [view] = process.views
    world.is_broken = True
    done(view.ready())  # no database: nothing is known, and nothing fails
    assert not view.is_listed(BOT)
    reads = process._api.run_db_interaction.call_count  # type: ignore[attr-defined]  # a mock
    for _ in range(100):  # what comes meanwhile does not ask again each time
        done(view.ready())
    assert process._api.run_db_interaction.call_count == reads  # type: ignore[attr-defined]

    world.is_broken = False
    world.now_ms += READ_EVERY_MS
    done(view.ready())

    assert view.is_listed(BOT)
    assert world.protected == {NAME: frozenset({BOT})}


def test_a_clock_that_was_wrong_for_a_while_stops_nobody_afterwards(world: World) -> None:
    process = world.process()
    world.ask(process)
    [view] = process.views
    world.now_ms += STALE_MS + DAY_MS
    world.ask(process)
    world.now_ms -= STALE_MS + DAY_MS
    with pytest.raises(UnknownDirectoryError):
        view.check_fresh(BOT)

    world.ask(process)

    view.check_fresh(BOT)


def test_those_that_wait_for_the_first_reading_do_not_read_an_entry_twice(world: World) -> None:
    world.ask(world.process())
    process = world.process()
    [view] = process.views
    [one] = view.followed
    api: Any = process._api
    waiting: list[tuple[Deferred[None], Any]] = []

    async def later(work: Callable[..., object], *args: object) -> object:
        answer: Deferred[None] = Deferred()
        waiting.append((answer, None))
        await answer
        return work(*args)

    api.defer_to_thread.side_effect = later
    both = [Deferred.fromCoroutine(view.ready()) for _ in range(2)]
    while waiting:
        waiting.pop(0)[0].callback(None)

    assert [type(one.result) for one in both] == [type(None)] * 2
    assert one.state.size == len(world.served.written.texts)
    assert view.is_listed(BOT)
