"""The key directory on PostgreSQL: news that cross answers, and devices that change their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred

from tests.integration.veche.runtime.crypto.desk import Desk, run
from tests.support.crypto_peers import ANNA, BOT, Side, identity
from veche.protocol.ids import UserId
from veche.runtime.crypto.tracking import (
    QUERY_USERS_MAX,
    UNREACHABLE_MS,
    Hooks,
    People,
    pin_identity,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.runtime.crypto.core.values import Json

pytestmark = pytest.mark.postgres


def refresh(desk: Desk, *users: str) -> None:
    run(desk.people.refresh(UserId(BOT), users or (ANNA,)))


def person(desk: Desk) -> Any:
    [row] = desk.database.execute(
        "SELECT master_key, queried_seq >= outdated_seq FROM crypto.person WHERE user_id = %s", ANNA
    )
    return row


def devices(desk: Desk) -> list[Any]:
    return desk.database.execute(
        "SELECT device_id, curve25519 FROM crypto.person_device ORDER BY device_id"
    )


def held_back(desk: Desk) -> list[Deferred[None]]:
    """Answers of the homeserver wait until the test lets them go, each as it was when asked."""
    waiting: list[Deferred[None]] = []
    call = desk.server.call

    async def later(method: str, path: str, **more: Any) -> Json:
        answer = await call(method, path, **more)
        gate: Deferred[None] = Deferred()
        waiting.append(gate)
        await gate
        return answer

    desk.server.call = later  # type: ignore[method-assign]  # a fake
    return waiting


def begin(desk: Desk) -> Deferred[None]:
    return Deferred.fromCoroutine(desk.people.refresh(UserId(BOT), [ANNA]))


def test_keys_are_stored_and_fresh(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1", identity(ANNA)))

    refresh(desk)

    assert person(desk) == (identity(ANNA).master_key, True)
    assert devices(desk) == [("ANNA1", anna.own.curve25519)]


def test_news_while_an_answer_is_on_its_way_ask_again(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    waiting = held_back(desk)
    begin(desk)
    run(desk.database.run("t", Hooks().member, "!room", ANNA, "join"))

    waiting[0].callback(None)

    assert person(desk) == (None, False)


def test_an_answer_that_comes_after_a_later_one_changes_nothing(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    waiting = held_back(desk)
    begin(desk)
    del desk.server.sides[ANNA, "ANNA1"]
    new = desk.add(Side(ANNA, "ANNA2"))
    run(desk.database.run("t", Hooks().member, "!room", ANNA, "join"))
    begin(desk)

    waiting[1].callback(None)
    waiting[0].callback(None)

    assert devices(desk) == [("ANNA2", new.own.curve25519)]
    assert person(desk) == (None, True)


def test_a_device_never_changes_its_keys_however_often_they_are_shown(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    refresh(desk)
    desk.add(Side(ANNA, "ANNA1"))

    for _ in range(3):
        refresh(desk)

    assert devices(desk) == [("ANNA1", anna.own.curve25519)]
    assert "changed their keys: ANNA1" in caplog.text


def test_a_server_that_failed_is_left_alone_for_a_while(desk: Desk) -> None:
    desk.server.unreachable.add(ANNA)
    refresh(desk)
    refresh(desk)
    asked = desk.server.calls.count("POST keys/query")
    is_unreachable = desk.people.is_unreachable(ANNA)
    desk.server.unreachable.clear()
    desk.add(Side(ANNA, "ANNA1"))
    desk.clock.advance(UNREACHABLE_MS / 1000)

    refresh(desk)

    assert (asked, is_unreachable) == (1, True)
    assert not desk.people.is_unreachable(ANNA)
    assert len(devices(desk)) == 1


def waiting(desk: Desk, user_id: str = ANNA) -> tuple[People, list[None], Callable[[], int]]:
    """A directory that waits for strangers, ends of its questions, and how often it asked."""
    stands_in: Any = desk.database
    client: Any = desk.server
    people, ended = People(stands_in, client, desk.clock, (1.0, 3.0)), list[None]()
    asking = Deferred.fromCoroutine(people.refresh(UserId(BOT), [user_id]))
    asking.addCallback(ended.append)
    return people, ended, lambda: desk.server.calls.count("POST keys/query")


def test_of_whom_nothing_is_known_is_asked_again_before_one_speaks(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.server.unreachable.add(ANNA)
    people, ended, asked = waiting(desk)
    first = (asked(), len(ended), people.is_unreachable(ANNA))

    desk.server.unreachable.clear()
    desk.clock.advance(1)

    assert first == (1, 0, False)
    assert (asked(), len(ended), people.is_unreachable(ANNA)) == (2, 1, False)
    assert len(devices(desk)) == 1


@pytest.mark.parametrize("has_identity", [True, False])
def test_whose_identity_comes_a_moment_after_the_devices_has_dealt_with_it(
    desk: Desk, has_identity: bool
) -> None:
    far = "@dave:far.test"
    desk.add(Side(far, "DAVE1"))
    people, ended, asked = waiting(desk, far)
    first = (asked(), len(ended))

    desk.add(Side(far, "DAVE1", identity(far) if has_identity else None))
    desk.clock.advance(1)

    assert first == (1, 0)
    assert (asked(), len(ended), people.is_unreachable(far)) == (2, 1, False)
    pinned = run(desk.database.run("t", pin_identity, UserId(far), 1))
    assert (pinned is not None) is has_identity
    run(people.refresh(UserId(BOT), [far]))
    assert asked() == 3


def test_a_stranger_whose_server_is_away_is_waited_for_once(desk: Desk) -> None:
    desk.server.unreachable.add(ANNA)
    people, ended, asked = waiting(desk)
    desk.clock.advance(1)
    desk.clock.advance(3)
    first = (asked(), len(ended), people.is_unreachable(ANNA))
    desk.clock.advance(UNREACHABLE_MS / 1000)

    run(people.refresh(UserId(BOT), [ANNA]))

    assert first == (3, 1, True)
    assert (asked(), people.is_unreachable(ANNA)) == (4, True)


def test_whose_devices_are_known_is_not_waited_for(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    refresh(desk)
    desk.server.unreachable.add(ANNA)

    people, ended, _ = waiting(desk)

    assert (len(ended), people.is_unreachable(ANNA)) == (1, True)


@pytest.mark.parametrize(
    ("count", "calls"), [(QUERY_USERS_MAX, 1), (QUERY_USERS_MAX + 1, 2), (0, 0)]
)
def test_people_are_asked_for_in_bounded_calls(desk: Desk, count: int, calls: int) -> None:
    run(desk.people.refresh(UserId(BOT), [f"@p{number}:veche.test" for number in range(count)]))

    assert desk.server.calls.count("POST keys/query") == calls


def test_nobody_without_identity_is_pinned(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    refresh(desk)

    assert run(desk.database.run("t", pin_identity, UserId(ANNA), 1)) is None
    assert run(desk.database.run("t", pin_identity, UserId("@never:x"), 1)) is None


def test_an_identity_is_pinned_once_with_its_time(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1", identity(ANNA)))
    refresh(desk)

    first = run(desk.database.run("t", pin_identity, UserId(ANNA), 1))
    second = run(desk.database.run("t", pin_identity, UserId(ANNA), 2))

    assert first == second == identity(ANNA).master_key
    assert desk.database.execute("SELECT pinned_at_ms FROM crypto.person") == [(1,)]
