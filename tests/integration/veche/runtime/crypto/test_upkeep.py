"""Recovery, wiping, and what an operator does, on PostgreSQL."""

from __future__ import annotations

from typing import Any

import psycopg2.errors
import pytest

from tests.integration.veche.runtime.crypto.desk import Broken, Desk, run
from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY
from tests.support.crypto_peers import ANNA, BOT, ROOM, Side
from veche.protocol.errors import RefusedError, UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.crypto import maintenance
from veche.runtime.crypto.claims import CLAIM_RETRY_MS
from veche.runtime.crypto.core.identity import new_identity
from veche.runtime.crypto.core.rotation import AGE_MS_MAX, Limits
from veche.runtime.crypto.keys import OperatorKey, WrongOperatorKeyError
from veche.runtime.crypto.recovery import (
    ASKED_KEPT_MS,
    ROOM_KEY_KEPT_MS,
    UNWEDGE_PAUSE_MS,
    WAITING_MAX,
    HintKind,
)
from veche.runtime.crypto.store import rooms
from veche.runtime.crypto.tracking import Hooks, is_encrypted, pin_encrypted
from veche.runtime.crypto.writer import LostWriterError

pytestmark = pytest.mark.postgres

NEW_KEY = OperatorKey(b"n" * 32)


def unread(desk: Desk, side: Side, event_id: str = "$1") -> None:
    """The inbox tells of a message whose key did not come."""
    event = side.write(event_id)
    run(desk.database.run("t", Hooks().unreadable, UserId(BOT), event, desk.now_ms))


def recover(desk: Desk) -> None:
    run(desk.recovery.round(desk.now_ms))
    desk.server.delivered()


def known(desk: Desk) -> Side:
    anna = desk.add(Side(ANNA, "ANNA1"))
    run(desk.people.refresh(UserId(BOT), [ANNA]))
    return anna


def test_an_unread_message_brings_a_dummy_and_a_hint(desk: Desk) -> None:
    anna = known(desk)
    unread(desk, anna)

    recover(desk)

    assert anna.inbox("m.dummy") == [{}]
    [hint] = desk.ports.hints
    assert (hint.kind, hint.room_id, hint.event_id) == (HintKind.SEND_AGAIN, ROOM, "$1")
    assert hint.sender == ANNA
    assert desk.database.execute("SELECT 1 FROM crypto.unreadable") == []


def test_a_new_device_whose_news_was_lost_is_served_after_a_day(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.say()
    second = desk.add(Side(ANNA, "ANNA2"))  # and the homeserver says nothing of it

    recover(desk)
    desk.say()
    early = second.inbox("m.room_key")
    desk.clock.advance(ASKED_KEPT_MS / 1000 + 1)
    recover(desk)
    desk.say()

    assert early == []
    assert len(second.inbox("m.room_key")) == 1
    assert second.inbox("m.room_key.withheld") == []


def test_who_shares_no_room_with_the_bot_is_not_asked_for_anew(desk: Desk) -> None:
    known(desk)
    desk.clock.advance(ASKED_KEPT_MS / 1000 + 1)

    recover(desk)

    outdated = "SELECT user_id FROM crypto.person WHERE queried_seq < outdated_seq"
    assert desk.database.execute(outdated) == []


def test_nobody_is_told_while_the_key_may_still_come(desk: Desk) -> None:
    anna = known(desk)
    unread(desk, anna)

    run(desk.recovery.round(desk.now_ms, is_caught_up=False))
    desk.server.delivered()

    assert (anna.inbox("m.dummy"), desk.ports.hints) == ([], [])
    recover(desk)
    assert len(desk.ports.hints) == 1


def test_nobody_is_told_of_a_message_whose_key_came_late(desk: Desk) -> None:
    anna = known(desk)
    anna.meet(desk.side())
    unread(desk, anna)
    desk.hear(anna.give_room_key(desk.side()))

    recover(desk)

    assert (anna.inbox("m.dummy"), desk.ports.hints) == ([], [])
    assert desk.database.execute("SELECT 1 FROM crypto.unreadable") == []


def test_a_key_that_was_there_already_does_not_hide_an_unread_message(desk: Desk) -> None:
    anna = known(desk)
    anna.meet(desk.side())
    desk.hear(anna.give_room_key(desk.side()))
    desk.clock.advance(1)
    unread(desk, anna)

    recover(desk)

    assert len(desk.ports.hints) == 1


def test_a_dummy_goes_once_an_hour_and_a_hint_each_time(desk: Desk, dsn: str) -> None:
    anna = known(desk)
    unread(desk, anna, "$1")
    recover(desk)
    again = Desk(dsn, desk.server)
    unread(again, anna, "$2")
    recover(again)
    before = len(anna.inbox("m.dummy"))
    again.clock.advance(UNWEDGE_PAUSE_MS / 1000)
    unread(again, anna, "$3")
    recover(again)

    assert (before, len(anna.inbox("m.dummy"))) == (1, 2)
    assert [hint.event_id for hint in again.ports.hints] == ["$2", "$3"]
    again.close()


@pytest.mark.parametrize("moment", ["crypto.unwedge", "crypto.claim", "crypto.dummies"])
def test_a_dummy_that_a_kill_kept_back_goes_from_the_next_process(
    desk: Desk, dsn: str, moment: str
) -> None:
    anna = known(desk)
    unread(desk, anna)
    desk.database.fail_at = moment
    with pytest.raises(Broken):
        recover(desk)
    assert anna.inbox("m.dummy") == []

    after = Desk(dsn, desk.server)
    recover(after)

    assert anna.inbox("m.dummy") == [{}]
    assert len(after.ports.hints) == 1
    after.close()


def test_a_wedged_device_is_not_forgotten_where_a_round_fails(desk: Desk) -> None:
    anna = known(desk)
    desk.recovery.note_wedged([(ANNA, anna.own.curve25519)])
    desk.database.fail_at = "crypto.dummies"
    with pytest.raises(Broken):
        recover(desk)
    desk.database.fail_at = ""

    recover(desk)

    assert anna.inbox("m.dummy") == [{}]


def test_a_device_that_gave_no_key_is_asked_again_soon_when_it_is_wedged_still(desk: Desk) -> None:
    anna = known(desk)
    wedged = [(ANNA, anna.own.curve25519)]
    desk.server.claimless.add("ANNA1")
    for _ in range(2):
        desk.recovery.note_wedged(wedged)
        recover(desk)
    asked = desk.server.calls.count("POST keys/claim")
    desk.server.claimless.clear()
    desk.clock.advance(CLAIM_RETRY_MS / 1000)

    desk.recovery.note_wedged(wedged)
    recover(desk)

    assert asked == 1
    assert anna.inbox("m.dummy") == [{}]


def test_after_the_dummy_the_person_can_reach_us_again(desk: Desk) -> None:
    anna = known(desk)
    anna.meet(desk.side())
    desk.hear(anna.tell(desk.side(), "m.dummy", {}))
    desk.room(ANNA)
    desk.say()
    desk.database.execute("DELETE FROM crypto.olm_session")
    taken = desk.hear(anna.give_room_key(desk.side()))
    desk.recovery.note_wedged(taken.wedged)
    recover(desk)

    desk.hear(anna.give_room_key(desk.side()))

    assert taken.wedged == {(ANNA, anna.own.curve25519)}
    assert len(desk.database.execute("SELECT 1 FROM crypto.room_key_in")) == 1


def test_a_person_who_was_never_asked_for_gets_a_dummy_too(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    unread(desk, anna)

    recover(desk)

    assert anna.inbox("m.dummy") == [{}]


def test_a_wedged_device_is_the_only_one_that_gets_a_dummy(desk: Desk) -> None:
    anna = known(desk)
    other = desk.add(Side(ANNA, "ANNA2"))
    desk.step(desk.answer(changed=[ANNA]))
    run(desk.people.refresh(UserId(BOT), [ANNA]))
    desk.recovery.note_wedged([(ANNA, anna.own.curve25519)])

    recover(desk)

    assert (len(anna.inbox("m.dummy")), len(other.inbox("m.dummy"))) == (1, 0)


@pytest.mark.parametrize("code", ["m.unverified", "m.blacklisted"])
def test_a_client_that_refuses_the_bot_is_named_in_the_hint(desk: Desk, code: str) -> None:
    anna = known(desk)
    content = {"code": code, "room_id": ROOM, "session_id": anna.group.session_id}
    desk.hear({"type": "m.room_key.withheld", "sender": ANNA, "content": content})
    unread(desk, anna)

    recover(desk)

    [hint] = desk.ports.hints
    assert (hint.kind, hint.fingerprint) == (HintKind.CLIENT_REFUSES, "finger print")


def test_a_hint_that_could_not_be_written_comes_again(desk: Desk) -> None:
    anna = known(desk)
    unread(desk, anna)
    recover_after = desk.database.log.count("crypto.hints")
    desk.ports.is_failing = True
    with pytest.raises(UnavailableError):
        recover(desk)
    desk.ports.is_failing = False

    recover(desk)

    assert len(desk.ports.hints) == 1
    assert desk.database.log.count("crypto.hints") == recover_after + 2


def test_unread_messages_are_looked_at_in_bounded_rounds(desk: Desk) -> None:
    anna = known(desk)
    for number in range(WAITING_MAX + 1):
        unread(desk, anna, f"${number}")

    recover(desk)
    first = len(desk.ports.hints)
    recover(desk)

    assert (first, len(desk.ports.hints)) == (WAITING_MAX, WAITING_MAX + 1)


def test_an_old_writer_recovers_nothing(desk: Desk, dsn: str) -> None:
    anna = known(desk)
    unread(desk, anna)
    new = Desk(dsn, desk.server)

    with pytest.raises(LostWriterError):
        recover(desk)

    assert desk.ports.hints == []
    new.close()


def test_room_keys_are_wiped_with_their_seen_messages_when_they_are_old(desk: Desk) -> None:
    anna = known(desk)
    anna.meet(desk.side())
    desk.hear(anna.give_room_key(desk.side()))
    desk.open(anna.write("$1"))
    recover(desk)
    kept = desk.database.execute("SELECT 1 FROM crypto.message_seen")
    desk.clock.advance(ROOM_KEY_KEPT_MS / 1000 + 1)

    recover(desk)

    assert len(kept) == 1
    assert desk.database.execute("SELECT 1 FROM crypto.room_key_in") == []
    assert desk.database.execute("SELECT 1 FROM crypto.message_seen") == []


# Rooms


def test_a_room_once_encrypted_stays_so(desk: Desk) -> None:
    room = RoomId(ROOM)
    run(desk.database.run("t", pin_encrypted, room, {"rotation_period_msgs": 5}))
    run(desk.database.run("t", Hooks().encrypted, room, {}))

    with pytest.raises(psycopg2.errors.CheckViolation):
        desk.database.execute("UPDATE crypto.room SET is_encrypted = FALSE")
    with pytest.raises(psycopg2.errors.CheckViolation):
        desk.database.execute("DELETE FROM crypto.room")

    assert run(desk.database.run("t", is_encrypted, room))
    found = desk.database.execute("SELECT rotation_ms, rotation_messages FROM crypto.room")
    assert found == [(AGE_MS_MAX, 5)]


def test_an_empty_setting_encrypts_nothing(desk: Desk) -> None:
    run(desk.database.run("t", Hooks().encrypted, ROOM, {}))

    assert not run(desk.database.run("t", is_encrypted, RoomId(ROOM)))
    assert not run(desk.database.run("t", desk.sealer.is_encrypted, RoomId(ROOM)))


def test_the_visibility_of_a_room_that_is_not_encrypted_is_kept_for_later(desk: Desk) -> None:
    run(desk.database.run("t", Hooks().visibility, ROOM, "joined"))
    run(desk.database.run("t", rooms.pin_encrypted, ROOM, Limits()))

    found = desk.database.execute("SELECT is_encrypted, history_visibility FROM crypto.room")
    assert found == [(True, "joined")]
    assert run(desk.database.run("t", desk.sealer.is_encrypted, RoomId(ROOM)))


# What an operator does


def test_a_new_device_has_the_same_identity_and_no_ratchet_of_the_old(desk: Desk, dsn: str) -> None:
    anna = known(desk)
    desk.room(ANNA)
    before = desk.say()
    device_id = run(desk.database.run("t", maintenance.new_device, OPERATOR_KEY, BOT, desk.now_ms))
    with pytest.raises(LostWriterError):
        desk.seal()

    new = Desk(dsn, desk.server)
    after = new.say("again")

    assert new.writer.own.device_id == device_id != desk.writer.own.device_id
    assert new.writer.own.curve25519 != desk.writer.own.curve25519
    assert before["session_id"] != after["session_id"]
    assert anna.inbox("m.room_key")[-1]["session_id"] == after["session_id"]
    assert len(new.database.execute("SELECT 1 FROM crypto.identity")) == 1
    new.close()


def test_a_resync_forgets_the_place_and_outdates_everybody(desk: Desk) -> None:
    known(desk)
    desk.step(desk.answer(pos="4", since="9"))

    run(desk.database.run("t", maintenance.resync, BOT))

    [row] = desk.database.execute(
        "SELECT position, to_device_since, fallback_made_at_ms FROM crypto.device"
    )
    assert row == (None, None, None)
    assert desk.database.execute("SELECT queried_seq < outdated_seq FROM crypto.person") == [
        (True,)
    ]
    with pytest.raises(LostWriterError):
        desk.step(desk.answer())


@pytest.mark.parametrize("what", ["new_device", "resync", "export_master"])
def test_a_bot_that_is_not_there_is_refused(desk: Desk, what: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "new_device": (OPERATOR_KEY, "@no:x", 1),
        "resync": ("@no:x",),
        "export_master": (OPERATOR_KEY, "@no:x"),
    }

    with pytest.raises(maintenance.NoSuchBotError):
        run(desk.database.run("t", getattr(maintenance, what), *arguments[what]))


def test_the_master_is_exported_once_and_gone(desk: Desk) -> None:
    export = maintenance.export_master
    with pytest.raises(RefusedError, match="not public"):
        run(desk.database.run("t", export, OPERATOR_KEY, BOT))
    desk.database.execute("UPDATE crypto.identity SET published_at_ms = 1")

    seed = run(desk.database.run("t", export, OPERATOR_KEY, BOT))

    [row] = desk.database.execute("SELECT master_key, seeds_sealed FROM crypto.identity")
    left = OPERATOR_KEY.open(BOT, row[0], bytes(row[1]), OPERATOR_KEY.name)
    assert new_identity(BOT, (decode_base64(seed), bytes(32), bytes(32))).master_key == row[0]
    assert set(left.seeds) == {"self_signing", "user_signing"}
    with pytest.raises(RefusedError, match="exported before"):
        run(desk.database.run("t", export, OPERATOR_KEY, BOT))


def test_a_new_operator_key_opens_everything_and_the_old_one_nothing(desk: Desk, dsn: str) -> None:
    anna = known(desk)
    anna.meet(desk.side())
    desk.room(ANNA)
    desk.hear(anna.give_room_key(desk.side()))
    before = desk.say("before")
    rekey = maintenance.rekey

    done = run(desk.database.run("t", rekey, OPERATOR_KEY, NEW_KEY))
    again = run(desk.database.run("t", rekey, OPERATOR_KEY, NEW_KEY))

    assert (done.identity_count, done.device_count) == (1, 1)
    assert (again.identity_count, again.device_count) == (0, 0)
    with pytest.raises(LostWriterError):
        desk.seal()
    with pytest.raises(WrongOperatorKeyError):
        Desk(dsn, desk.server)
    new = Desk(dsn, desk.server, NEW_KEY)
    after = new.say("after")
    assert after["session_id"] == before["session_id"]
    assert new.open(anna.write("$1")).content["body"] == "hello"
    new.close()


def test_a_rekey_from_a_wrong_key_changes_nothing(desk: Desk) -> None:
    with pytest.raises(WrongOperatorKeyError):
        run(desk.database.run("t", maintenance.rekey, OperatorKey(b"w" * 32), NEW_KEY))

    assert desk.database.execute("SELECT pickled_under FROM crypto.device") == [
        (OPERATOR_KEY.name,)
    ]
