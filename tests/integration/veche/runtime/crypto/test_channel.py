"""The crypto channel on PostgreSQL: what comes, in what order it is stored, and bad events."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest

from tests.integration.veche.runtime.crypto.desk import Broken, Desk, run, unknown_pos
from tests.support.crypto_peers import ANNA, BOT, ROOM, Side, damaged, identity
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import UserId
from veche.runtime.crypto.channel import (
    EVENTS_A_POLL,
    FALLBACK_AGE_MS_MAX,
    SILENCE_MS_MAX,
    NoChannelError,
    OlderAccountError,
)
from veche.runtime.crypto.core import megolm
from veche.runtime.crypto.core.values import OLM_SESSIONS_MAX
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.matrix.client import MatrixError

pytestmark = pytest.mark.postgres

EVE = "@eve:veche.test"


def met(desk: Desk) -> Side:
    """A device of Anna that has a session with the bot."""
    anna = desk.add(Side(ANNA, "ANNA1"))
    anna.meet(desk.side())
    return anna


def keys(desk: Desk) -> int:
    return len(desk.database.execute("SELECT 1 FROM crypto.room_key_in"))


def stored(desk: Desk) -> Any:
    [row] = desk.database.execute("SELECT position, to_device_since FROM crypto.device")
    return row


def outdated(desk: Desk) -> set[str]:
    rows = desk.database.execute(
        "SELECT user_id FROM crypto.person WHERE queried_seq < outdated_seq"
    )
    return {row[0] for row in rows}


def test_a_room_key_is_kept_and_its_rooms_are_woken(desk: Desk) -> None:
    anna = met(desk)

    desk.step(desk.answer(anna.give_room_key(desk.side()), pos="4", since="9"))

    assert keys(desk) == 1
    assert desk.ports.woken == [(ROOM, anna.group.session_id)]
    assert stored(desk) == ("4", "9")


def test_no_damaged_event_stops_the_batch(desk: Desk) -> None:
    anna = met(desk)
    event = anna.tell(desk.side(), "m.dummy", {})
    bad: list[Any] = [wrong for _, wrong in damaged(event)]
    bad = [*bad, None, 7, "text", [], {"type": "m.room_key", "sender": ANNA, "content": {}}]

    for start in range(0, len(bad), 50):
        desk.step(desk.answer(*bad[start : start + 50]))
    desk.step(desk.answer(*bad[:20], anna.give_room_key(desk.side())))

    assert keys(desk) == 1


def test_every_damaged_room_key_is_dropped(desk: Desk) -> None:
    anna = met(desk)
    content = megolm.room_key_content(anna.group, ROOM)
    events = [
        anna.tell(desk.side(), "m.room_key", wrong)
        for where, wrong in damaged(content)
        if not where.startswith("room_id = '") or "''" in where
    ]
    events = [event for event in events if len(str(event)) < 60_000]

    for start in range(0, len(events), 20):
        desk.step(desk.answer(*events[start : start + 20]))

    assert keys(desk) == 0


def test_a_room_key_under_a_false_sender_is_dropped(desk: Desk) -> None:
    anna = met(desk)

    desk.hear({**anna.give_room_key(desk.side()), "sender": EVE})

    assert keys(desk) == 0


def test_a_room_key_of_another_device_does_not_take_a_place(desk: Desk) -> None:
    anna, eve = met(desk), Side(EVE, "EVE1")
    eve.meet(desk.side())
    desk.hear(anna.give_room_key(desk.side()))
    stolen = megolm.room_key_content(anna.group, ROOM)

    desk.hear(eve.tell(desk.side(), "m.room_key", stolen))

    assert desk.database.execute("SELECT sender FROM crypto.room_key_in") == [(ANNA,)]


def test_a_later_room_key_does_not_replace_an_earlier_one(desk: Desk) -> None:
    anna = met(desk)
    desk.hear(anna.give_room_key(desk.side()))
    anna.write("$1")

    desk.hear(anna.give_room_key(desk.side()))

    assert desk.database.execute("SELECT first_index FROM crypto.room_key_in") == [(0,)]


def test_an_earlier_room_key_replaces_a_later_one(desk: Desk) -> None:
    anna = met(desk)
    early = anna.give_room_key(desk.side())
    anna.write("$1")
    desk.hear(anna.give_room_key(desk.side()))

    desk.hear(early)

    assert desk.database.execute("SELECT first_index FROM crypto.room_key_in") == [(0,)]


def test_a_replayed_pre_key_message_makes_no_session(desk: Desk) -> None:
    anna = met(desk)
    event = anna.give_room_key(desk.side())
    desk.hear(event, event)

    desk.hear(event)

    assert len(desk.database.execute("SELECT 1 FROM crypto.olm_session")) == 1


def test_the_sixth_session_of_a_device_replaces_the_one_silent_for_longest(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    for _ in range(OLM_SESSIONS_MAX + 1):
        anna.meet(desk.side())
        desk.hear(anna.tell(desk.side(), "m.dummy", {}))
        desk.clock.advance(1)
    ids = [session.session_id for session in anna.sessions[desk.writer.own.curve25519]]

    rows = desk.database.execute("SELECT session_id FROM crypto.olm_session")

    assert {row[0] for row in rows} == set(ids[:OLM_SESSIONS_MAX])


def test_the_newest_received_session_is_used_to_answer(desk: Desk) -> None:
    anna = met(desk)
    desk.hear(anna.tell(desk.side(), "m.dummy", {}))
    desk.clock.advance(1)
    anna.meet(desk.side())
    desk.hear(anna.tell(desk.side(), "m.dummy", {}))
    desk.clock.advance(1)
    desk.room(ANNA)

    desk.say()

    newest = anna.sessions[desk.writer.own.curve25519][0]
    assert anna.inbox("m.room_key")
    assert newest.session_id == anna.sessions[desk.writer.own.curve25519][0].session_id


def test_messages_come_in_any_order(desk: Desk) -> None:
    anna = met(desk)
    desk.hear(anna.tell(desk.side(), "m.dummy", {}))
    events = []
    for number in range(5):
        anna.group = type(anna.group)()
        events.append(anna.give_room_key(desk.side()))
        assert number is not None

    desk.hear(*[events[at] for at in (4, 0, 3)])
    desk.hear(*[events[at] for at in (2, 1)])

    assert keys(desk) == 5


@pytest.mark.parametrize(
    "kind", ["m.room_key_request", "m.forwarded_room_key", "m.secret.send", "m.unheard.of"]
)
def test_requests_for_keys_are_never_answered(desk: Desk, kind: str) -> None:
    anna = met(desk)

    desk.hear(anna.tell(desk.side(), kind, {"a": 1}))

    assert desk.database.execute("SELECT 1 FROM crypto.to_device_out") == []
    assert keys(desk) == 0


def test_a_withheld_key_is_remembered_for_the_words_of_a_hint(desk: Desk) -> None:
    content = {"code": "m.unverified", "room_id": ROOM, "session_id": "s"}

    desk.hear({"type": "m.room_key.withheld", "sender": ANNA, "content": content})

    assert desk.writer.withheld == {(ROOM, "s"): "m.unverified"}


def test_a_rolled_back_answer_is_taken_again_with_the_same_account(desk: Desk) -> None:
    anna = met(desk)
    event = anna.give_room_key(desk.side())
    desk.database.fail_next = 1
    with pytest.raises(Broken):
        desk.hear(event)

    desk.hear(event)

    assert keys(desk) == 1


def test_a_process_that_dies_after_the_commit_does_not_take_it_twice(desk: Desk, dsn: str) -> None:
    anna = met(desk)
    event = anna.give_room_key(desk.side())
    desk.hear(event)

    again = Desk(dsn, desk.server)
    again.hear(event)

    assert keys(again) == 1
    assert len(again.database.execute("SELECT 1 FROM crypto.olm_session")) == 1
    again.close()


def test_an_old_writer_takes_nothing(desk: Desk, dsn: str) -> None:
    anna = met(desk)
    event = anna.give_room_key(desk.side())
    new = Desk(dsn, desk.server)

    with pytest.raises(LostWriterError):
        desk.hear(event)

    assert stored(desk) == (None, None)
    new.hear(event)
    assert keys(new) == 1
    new.close()


def test_news_of_devices_make_people_outdated(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    run(desk.people.refresh(UserId(BOT), [ANNA]))
    assert outdated(desk) == set()

    desk.step(desk.answer(changed=[ANNA]))

    assert outdated(desk) == {ANNA}
    assert anna


def test_who_left_every_room_is_forgotten_but_for_the_pin(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1", identity(ANNA)))
    desk.add(Side(EVE, "EVE1"))
    run(desk.people.refresh(UserId(BOT), [ANNA, EVE]))
    desk.database.execute("UPDATE crypto.person SET master_pinned = 'p' WHERE user_id = %s", ANNA)

    desk.step(desk.answer(left=[ANNA, EVE]))

    assert desk.database.execute("SELECT user_id, master_pinned FROM crypto.person") == [
        (ANNA, "p")
    ]
    assert desk.database.execute("SELECT 1 FROM crypto.person_device") == []


def test_who_left_and_is_still_in_a_room_of_ours_is_kept(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    run(desk.people.refresh(UserId(BOT), [ANNA]))

    desk.step(desk.answer(left=[ANNA]))

    assert len(desk.database.execute("SELECT 1 FROM crypto.person_device")) == 1
    assert outdated(desk) == {ANNA, BOT}


def test_a_lost_position_outdates_everybody_and_keeps_the_to_device_place(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    run(desk.people.refresh(UserId(BOT), [ANNA]))
    desk.step(desk.answer(pos="4", since="9"))

    desk.step(unknown_pos())

    assert stored(desk) == (None, "9")
    assert outdated(desk) == {ANNA}


def test_a_homeserver_without_the_channel_is_a_clear_error(desk: Desk) -> None:
    missing = MatrixError(404, {"errcode": "M_UNRECOGNIZED"})

    with pytest.raises(NoChannelError, match="MSC4186"):
        desk.step(missing)


def test_an_answer_that_does_not_come_moves_nothing(desk: Desk) -> None:
    desk.step(desk.answer(pos="4", since="9"))

    with pytest.raises(UnavailableError):
        desk.step(UnavailableError("no answer", retry_after_ms=1))

    assert stored(desk) == ("4", "9")


@pytest.mark.parametrize(("server_has", "uploaded"), [(25, None), (24, 26), (0, 50)])
def test_one_time_keys_are_refilled_below_the_mark(
    desk: Desk, server_has: int, uploaded: int | None
) -> None:
    published(desk)

    desk.step(desk.answer(keys=server_has))

    made = [len(body["one_time_keys"]) for body in desk.server.uploads]
    assert made == ([] if uploaded is None else [uploaded])


def test_a_used_fallback_key_is_replaced(desk: Desk) -> None:
    published(desk)

    desk.step(desk.answer(is_fallback_used=True))

    assert [len(body["fallback_keys"]) for body in desk.server.uploads] == [1]


def test_a_fallback_key_is_replaced_every_week_across_restarts(desk: Desk, dsn: str) -> None:
    published(desk)
    desk.step(desk.answer())
    before = len(desk.server.uploads)
    again = Desk(dsn, desk.server)
    again.clock.advance(FALLBACK_AGE_MS_MAX / 1000 + 1)
    again.step(again.answer())
    again.step(again.answer())

    assert before == 0
    assert [len(body["fallback_keys"]) for body in desk.server.uploads] == [1]
    again.close()


def test_keys_whose_upload_failed_are_the_same_the_next_time(desk: Desk) -> None:
    published(desk)
    desk.server.failing.add("keys/upload")
    with pytest.raises(UnavailableError):
        desk.step(desk.answer(keys=0))
    made = desk.side().account.one_time_keys
    desk.server.failing.clear()

    desk.step(desk.answer(keys=0))

    [body] = desk.server.uploads
    assert len(made) == 50
    assert {f"signed_curve25519:{name}" for name in made} == set(body["one_time_keys"])


def test_keys_that_the_server_has_otherwise_tell_of_a_backup(desk: Desk) -> None:
    published(desk)
    desk.server.call = refusing_upload(desk.server.call)  # type: ignore[method-assign]  # a fake

    with pytest.raises(OlderAccountError):
        desk.step(desk.answer(keys=0))


def test_a_silent_channel_starts_anew_after_an_hour(desk: Desk) -> None:
    desk.step(desk.answer(pos="4", since="9", keys=50))
    desk.clock.advance(SILENCE_MS_MAX / 1000)
    desk.step(desk.answer(pos="5", since="9", keys=48))
    before = stored(desk)
    desk.clock.advance(1)
    desk.step(desk.answer(pos="6", since="9", keys=48))

    assert before == ("5", "9")
    assert stored(desk) == (None, None)


def test_a_full_answer_is_followed_at_once(desk: Desk) -> None:
    timeouts = []
    call = desk.server.call

    async def noting(method: str, path: str, **more: Any) -> Any:
        timeouts.append(more.get("query", {}).get("timeout"))
        return await call(method, path, **more)

    desk.server.call = noting  # type: ignore[method-assign]  # a fake
    desk.step(desk.answer())
    desk.step(desk.answer(*[{"type": "x", "sender": ANNA}] * EVENTS_A_POLL))
    desk.step(desk.answer())

    # The first one too: whether anything is there is not known before it.
    assert timeouts == ["0", "30000", "0"]


def test_it_has_caught_up_once_an_answer_brought_all_there_was(desk: Desk) -> None:
    full = [{"type": "x", "sender": ANNA}] * EVENTS_A_POLL
    seen = [desk.channel.is_caught_up]
    for answer in (desk.answer(*full), desk.answer(*full[1:])):
        desk.step(answer)
        seen.append(desk.channel.is_caught_up)

    assert seen == [False, False, True]


@pytest.mark.parametrize(
    "failure", [unknown_pos(), UnavailableError("no answer", retry_after_ms=1)]
)
def test_it_has_not_caught_up_after_a_failure(desk: Desk, failure: Exception) -> None:
    desk.step(desk.answer())
    with contextlib.suppress(UnavailableError):
        desk.step(failure)

    assert not desk.channel.is_caught_up


def published(desk: Desk) -> None:
    """As after the start: nothing waits to be uploaded."""

    def mark(txn: Any) -> None:
        desk.writer.changing_account(txn).mark_keys_as_published()
        desk.writer.save_account(txn)

    run(desk.writer.run("t", mark))


def refusing_upload(call: Any) -> Any:
    async def refuse(method: str, path: str, **more: Any) -> Any:
        if path.endswith("keys/upload"):
            error = "One time key signed_curve25519:A already exists. Old key: …"
            raise MatrixError(400, {"errcode": "M_UNKNOWN", "error": error})
        return copy.copy(await call(method, path, **more))

    return refuse
