"""Sealing on PostgreSQL: who gets the key, rotation, crashes, and what is never used twice."""

from __future__ import annotations

import contextlib
import random
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import vodozemac as vz
from psycopg2.errors import SerializationFailure

from tests.integration.veche.runtime.crypto.desk import Broken, Desk, Server, run
from tests.support.crypto_peers import ANNA, BOT, ROOM, Side, identity
from veche.protocol.errors import TooLargeError, UnavailableError
from veche.protocol.ids import RoomId
from veche.runtime.crypto.claims import CLAIM_RETRY_MS
from veche.runtime.crypto.core import megolm
from veche.runtime.crypto.core.rotation import AGE_MS_MAX, MESSAGES_MAX
from veche.runtime.crypto.sealing import NotEncryptedError
from veche.runtime.crypto.to_device import ATTEMPTS_MAX, DEVICES_A_ROW_MAX
from veche.runtime.crypto.tracking import OWN_UNREACHABLE_MS, Hooks
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.database import connect
from veche.runtime.matrix.client import MatrixError
from veche.runtime.ports import NotPrepared

if TYPE_CHECKING:
    from veche.runtime.crypto.core.values import Json
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

BORIS = "@boris:veche.test"


def read(side: Side, sealed: Json, room_id: str = ROOM) -> str:
    """What a device reads with the newest key that fits."""
    for content in side.inbox("m.room_key"):
        if content["session_id"] == sealed["session_id"]:
            session = vz.InboundGroupSession(vz.SessionKey(content["session_key"]))
            payload = megolm.decrypt(session, megolm.read_event(sealed), room_id)
            return str(payload.content["body"])
    raise AssertionError("no key came")


def test_a_reader_reads(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)

    sealed = desk.say("Invoice 42")

    assert read(anna, sealed) == "Invoice 42"
    assert desk.sealer.unreadable_by(RoomId(ROOM)) == ()


def test_the_usual_message_asks_nobody_and_takes_two_statements(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.say("first")
    desk.server.calls.clear()
    desk.database.log.clear()

    sealed = desk.say("second")

    assert desk.server.calls == []
    assert desk.database.log == ["seal"]
    assert read(anna, sealed) == "second"


def test_only_signed_devices_of_a_person_with_identity_get_the_key(desk: Desk) -> None:
    signed = desk.add(Side(ANNA, "ANNA1", identity(ANNA)))
    unsigned = desk.add(Side(ANNA, "ANNA2"))
    desk.room(ANNA)

    sealed = desk.say()
    desk.say()

    assert read(signed, sealed) == "hello"
    assert unsigned.inbox("m.room_key") == []
    [refusal] = unsigned.inbox("m.room_key.withheld")
    assert (refusal["code"], refusal["session_id"]) == ("m.unverified", sealed["session_id"])


def test_a_new_device_gets_the_session_from_its_present_index(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    first = desk.say("before")
    second = desk.add(Side(ANNA, "ANNA2"))
    desk.hear()
    desk.step(desk.answer(changed=[ANNA]))

    sealed = desk.say("after")

    assert sealed["session_id"] == first["session_id"]
    assert read(second, sealed) == "after"
    with pytest.raises(megolm.UnknownIndexError):
        read(second, first)


def test_news_between_preparing_and_sealing_ask_for_another_preparation(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.say()
    desk.prepare()
    desk.step(desk.answer(changed=[ANNA]))

    with pytest.raises(NotPrepared):
        desk.seal()
    desk.prepare()

    assert desk.seal()


def test_a_reader_who_comes_unprepared_asks_for_another_preparation(desk: Desk) -> None:
    desk.room()
    desk.say()
    boris = desk.add(Side(BORIS, "BORIS1"))
    desk.member(BORIS)

    with pytest.raises(NotPrepared):
        desk.seal()

    assert read(boris, desk.say("now")) == "now"


@pytest.mark.parametrize("membership", ["leave", "ban"])
def test_the_session_changes_when_a_reader_goes(desk: Desk, membership: str) -> None:
    anna, boris = desk.add(Side(ANNA, "ANNA1")), desk.add(Side(BORIS, "BORIS1"))
    desk.room(ANNA, BORIS)
    first = desk.say()
    desk.member(BORIS, membership)

    second = desk.say("without Boris")

    assert second["session_id"] != first["session_id"]
    assert read(anna, second) == "without Boris"
    with pytest.raises(AssertionError, match="no key came"):
        read(boris, second)


def test_the_session_changes_when_a_device_goes(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    gone = desk.add(Side(ANNA, "ANNA2"))
    desk.room(ANNA)
    first = desk.say()
    del desk.server.sides[gone.user_id, gone.device_id]
    desk.step(desk.answer(changed=[ANNA]))

    assert desk.say()["session_id"] != first["session_id"]


def test_the_session_changes_when_an_identity_changes(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1", identity(ANNA)))
    desk.room(ANNA)
    first = desk.say()
    desk.server.sides[ANNA, "ANNA1"].identity = identity(ANNA, 2)
    desk.step(desk.answer(changed=[ANNA]))

    assert desk.say()["session_id"] != first["session_id"]


def test_the_session_changes_after_as_many_messages_or_days(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    ids = [desk.say()["session_id"] for _ in range(MESSAGES_MAX + 1)]
    desk.clock.advance(AGE_MS_MAX / 1000)

    later = desk.say()["session_id"]

    assert len(set(ids[:MESSAGES_MAX])) == 1
    assert ids[-1] not in ids[:-1]
    assert later != ids[-1]


def test_the_session_changes_with_the_history_visibility(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    first = desk.say()
    same = Hooks().visibility

    run(desk.database.run("t", same, ROOM, "shared"))
    second = desk.say()
    run(desk.database.run("t", same, ROOM, "joined"))
    third = desk.say()

    assert first["session_id"] == second["session_id"] != third["session_id"]


@pytest.mark.parametrize(("visibility", "is_read"), [("shared", True), ("joined", False)])
def test_who_is_only_invited_reads_unless_history_is_for_joined_only(
    desk: Desk, visibility: str, is_read: bool
) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room()
    desk.member(ANNA, "invite")
    run(desk.database.run("t", Hooks().visibility, ROOM, visibility))

    sealed = desk.say()

    assert bool(anna.inbox("m.room_key")) is is_read
    assert not is_read or read(anna, sealed) == "hello"


def test_who_is_only_invited_is_asked_for_at_each_message(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room()
    desk.member(ANNA, "invite")
    desk.say("first")
    second = desk.add(Side(ANNA, "ANNA2"))  # announced in no way

    sealed = desk.say("second")

    assert read(second, sealed) == "second"


def test_a_device_without_one_time_key_is_told_and_tried_again_later(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.server.claimless.add("ANNA1")
    desk.room(ANNA)
    desk.say()
    desk.say()
    claims = desk.server.calls.count("POST keys/claim")
    unreadable = desk.sealer.unreadable_by(RoomId(ROOM))
    desk.server.claimless.clear()
    desk.clock.advance(CLAIM_RETRY_MS / 1000)

    sealed = desk.say("now")

    assert claims == 1
    assert unreadable == (ANNA,)
    assert [one["code"] for one in anna.inbox("m.room_key.withheld")] == ["m.no_olm"]
    assert read(anna, sealed) == "now"


def test_a_server_that_does_not_answer_holds_up_nobody(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.server.unreachable.add("@far:elsewhere.test")
    desk.room(ANNA, "@far:elsewhere.test")

    sealed = desk.say()

    assert read(anna, sealed) == "hello"
    assert desk.sealer.unreadable_by(RoomId(ROOM)) == ("@far:elsewhere.test",)


def test_last_known_devices_serve_while_a_server_does_not_answer(desk: Desk) -> None:
    far = "@far:elsewhere.test"
    side = desk.add(Side(far, "FAR1"))
    desk.room(far)
    desk.say()
    desk.step(desk.answer(changed=[far]))
    desk.server.unreachable.add(far)

    assert read(side, desk.say("still")) == "still"


@pytest.mark.parametrize("failing", ["keys/query", "keys/claim"])
def test_while_our_homeserver_tells_no_keys_its_people_miss_nothing(
    desk: Desk, failing: str
) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.server.failing.add(failing)
    with pytest.raises(UnavailableError, match="the homeserver"):
        desk.say("lost")
    desk.server.failing.clear()
    desk.clock.advance(OWN_UNREACHABLE_MS / 1000)

    assert read(anna, desk.say("still")) == "still"


def test_without_any_answer_the_message_still_goes_to_those_of_other_servers(desk: Desk) -> None:
    desk.room("@far:elsewhere.test")
    desk.server.failing |= {"keys/query", "keys/claim"}

    assert desk.say()["ciphertext"]


def test_a_room_that_was_never_encrypted_is_refused(desk: Desk) -> None:
    desk.member(BOT)

    with pytest.raises(NotEncryptedError):
        desk.seal()


def test_a_plain_room_is_remembered_until_it_is_encrypted(desk: Desk) -> None:
    def is_encrypted(*, is_again: bool = False) -> bool:
        txn = desk.database.connection.cursor()
        txn.is_again = is_again
        return desk.sealer.is_encrypted(txn, RoomId(ROOM))

    assert not is_encrypted()
    assert not is_encrypted()
    desk.room()

    # It is taken for plain, and the transaction demands it in vain.
    with pytest.raises(SerializationFailure, match="is encrypted"):
        is_encrypted()
    desk.database.connection.rollback()

    assert is_encrypted(is_again=True)
    assert is_encrypted()


def seal_now(desk: Desk, *bodies: str, is_again: bool = False) -> list[Json]:
    """Seal messages as the worker does, in one transaction."""

    def seal(txn: Cursor) -> list[Json]:
        txn.is_again = is_again
        contents = [{"msgtype": "m.text", "body": body} for body in bodies]
        rest: Any = ({}, desk.now_ms)
        kind, now = "m.room.message", desk.sealer.seal_now
        return [now(txn, RoomId(ROOM), kind, content, *rest) for content in contents]

    return run(desk.database.run("seal", seal))


def test_what_is_sealed_at_once_is_read_in_order(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    first = desk.say()

    sealed = seal_now(desk, "one", "two")

    assert [read(anna, one) for one in (first, *sealed)] == ["hello", "one", "two"]
    assert desk.database.execute("SELECT message_count FROM crypto.room_key_out") == [(3,)]


@pytest.mark.parametrize(
    ("change", "is_sealed_then"),
    [
        ("UPDATE crypto.person SET outdated_seq = queried_seq + 1", False),
        ("UPDATE runtime.room_member SET membership = 'leave' WHERE user_id LIKE '@anna%%'", False),
        ("UPDATE crypto.device SET writer_epoch = writer_epoch + 1", False),
        ("UPDATE crypto.device SET retired_at_ms = 1", False),
        ("DELETE FROM crypto.room_key_out", False),
        ("UPDATE crypto.room_key_out SET session_id = 'another'", False),
        ("UPDATE crypto.room_key_out SET message_count = 7", False),
        ("UPDATE crypto.room SET rotation_messages = 1", False),
        ("UPDATE crypto.room SET rotation_messages = 50", True),
    ],
)
def test_for_what_a_session_was_settled_is_demanded(
    desk: Desk, change: str, is_sealed_then: bool
) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.say()
    with desk.database.connection, desk.database.connection.cursor() as txn:
        txn.execute(change)

    with pytest.raises(SerializationFailure):
        seal_now(desk, "at once")
    with contextlib.nullcontext() if is_sealed_then else pytest.raises(NotPrepared):
        seal_now(desk, "again", is_again=True)
    if is_sealed_then:
        assert seal_now(desk, "and at once, from then on")


def test_a_device_that_is_busy_is_not_waited_for(desk: Desk, dsn: str) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.say()
    with closing(connect(dsn)) as other, other.cursor() as txn:
        txn.execute("SELECT 1 FROM crypto.device FOR UPDATE")

        with pytest.raises(SerializationFailure):
            seal_now(desk, "at once")
        with pytest.raises(NotPrepared):
            seal_now(desk, "again", is_again=True)


def test_a_payload_over_the_limit_spends_no_index(desk: Desk) -> None:
    desk.room()
    desk.say()

    with pytest.raises(TooLargeError):
        desk.seal("x" * 40_000)

    assert desk.database.execute("SELECT message_count FROM crypto.room_key_out") == [(1,)]


def test_a_rolled_back_seal_leaves_no_gap_and_no_second_use(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.say("first")
    desk.database.fail_next = 1
    with pytest.raises(Broken):
        desk.seal("lost")

    sealed = desk.say("second")

    assert megolm_index(sealed) == 1
    assert read(anna, sealed) == "second"


def test_a_rolled_back_first_seal_shares_the_key_again(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.prepare()
    desk.database.fail_next = 1
    with pytest.raises(Broken):
        desk.seal("lost")

    assert read(anna, desk.say("kept")) == "kept"


def test_keys_that_were_committed_leave_from_the_next_process(desk: Desk, dsn: str) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.prepare()
    sealed = desk.seal("sealed, and then the process died")

    again = Desk(dsn, desk.server)
    run(again.sealer.deliver(RoomId(ROOM)))
    again.server.delivered()

    assert read(anna, sealed) == "sealed, and then the process died"
    assert again.database.execute("SELECT * FROM crypto.to_device_out") == []
    again.close()


def test_keys_that_did_not_leave_are_sent_again_under_the_same_id(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.prepare()
    desk.seal()
    desk.server.failing.add("sendToDevice")
    for _ in range(2):
        with pytest.raises(Exception, match="no answer"):
            run(desk.sealer.deliver(RoomId(ROOM)))
    desk.server.failing.clear()

    run(desk.sealer.deliver(RoomId(ROOM)))

    paths = {call for call in desk.server.calls if "sendToDevice" in call}
    assert len(paths) == 1


@pytest.mark.parametrize(
    ("status", "errcode", "is_dropped"),
    [
        (413, "M_TOO_LARGE", True),
        (429, "M_LIMIT_EXCEEDED", False),
        (400, "M_UNKNOWN_DEVICE", False),
        (502, "M_UNKNOWN", False),
    ],
)
def test_a_request_to_devices_that_is_refused_for_good_is_dropped_after_some_attempts(
    desk: Desk, status: int, errcode: str, is_dropped: bool
) -> None:
    desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    desk.prepare()
    desk.seal()

    async def refuse(*_: Any, **__: Any) -> Json:
        raise MatrixError(status, {"errcode": errcode})

    desk.server.call = refuse  # type: ignore[method-assign]  # a fake
    for _ in range(ATTEMPTS_MAX - 1):
        with pytest.raises(MatrixError):
            run(desk.sealer.deliver(RoomId(ROOM)))
    with contextlib.nullcontext() if is_dropped else pytest.raises(MatrixError):
        run(desk.sealer.deliver(RoomId(ROOM)))

    left = desk.database.execute("SELECT attempts FROM crypto.to_device_out")
    assert bool(left) is not is_dropped


def test_an_old_writer_seals_nothing(desk: Desk, dsn: str) -> None:
    desk.room()
    desk.say()
    new = Desk(dsn, desk.server)

    with pytest.raises(LostWriterError):
        desk.seal()
    with pytest.raises(LostWriterError):
        run(desk.writer.run("t", lambda _txn: None))

    assert desk.writer.is_lost
    assert new.say()
    new.close()


def test_a_new_writer_goes_on_with_the_session_where_it_was(desk: Desk, dsn: str) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    first = desk.say("first")
    new = Desk(dsn, desk.server)

    second = new.say("second")

    assert second["session_id"] == first["session_id"]
    assert megolm_index(second) == 1
    assert read(anna, second) == "second"
    new.close()


def test_keys_for_many_devices_leave_in_several_requests(desk: Desk) -> None:
    sides = [desk.add(Side(ANNA, f"A{n}")) for n in range(DEVICES_A_ROW_MAX + 1)]
    desk.room(ANNA)

    sealed = desk.say()

    sends = [call for call in desk.server.calls if "sendToDevice" in call]
    assert len(sends) == 2
    assert {read(side, sealed) for side in sides} == {"hello"}


def test_two_devices_that_claim_one_key_never_share_a_ratchet_state(desk: Desk) -> None:
    anna = Side(ANNA, "ANNA1")
    twin = Side("@eve:veche.test", "EVE1", None, anna.account)
    desk.add(anna)
    desk.add(twin)
    desk.room(ANNA, "@eve:veche.test")
    desk.prepare()
    desk.seal()

    run(desk.sealer.deliver(RoomId(ROOM)))

    bodies = [
        content["ciphertext"][anna.own.curve25519]["body"]
        for _, _, messages in desk.server.sent
        for devices in messages.values()
        for content in devices.values()
    ]
    assert len(bodies) == len(set(bodies)) == 2


@pytest.mark.parametrize("seed", range(6))
def test_in_no_order_of_events_is_an_index_used_twice_or_a_message_unread(
    dsn: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 -- of a test, to be repeated
    server = Server()
    desk = Desk(dsn, server)
    anna = desk.add(Side(ANNA, "ANNA1"))
    desk.room(ANNA)
    used: dict[tuple[str, int], str] = {}
    for number in range(60):
        step = chance.randrange(8)
        if step == 0:
            desk.close()
            desk = Desk(dsn, server)
        elif step == 1:
            desk.database.fail_next = chance.randrange(1, 3)
        elif step == 2:
            name = f"B{number}"
            server.sides = {who: side for who, side in server.sides.items() if who[0] != BORIS}
            server.sides[BORIS, name] = Side(BORIS, name)
        try:
            if step == 3:
                desk.member(BORIS, chance.choice(["join", "leave"]))
            elif step == 4:
                desk.step(desk.answer(changed=[ANNA]))
            sealed = desk.say(f"message {number}")
        except (Broken, NotPrepared):
            continue
        place = (sealed["session_id"], megolm_index(sealed))
        assert place not in used
        used[place] = f"message {number}"
        assert read(anna, sealed) == used[place]
    desk.close()
    assert len(used) > 20


def megolm_index(sealed: Json) -> int:
    """The index that a sealed content used."""
    return vz.MegolmMessage.from_base64(sealed["ciphertext"]).message_index()
