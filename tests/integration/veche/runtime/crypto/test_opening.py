"""Reading room events on PostgreSQL: who is believed how far, replays, and what waits."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from psycopg2.errors import LockNotAvailable

from tests.integration.veche.runtime.crypto.desk import Broken, Desk, run
from tests.integration.veche.runtime.crypto.house import OPERATOR_KEY
from tests.support.crypto_peers import ANNA, BOT, Side, identity
from veche.protocol.ids import RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.keys import OperatorKey, WrongOperatorKeyError
from veche.runtime.crypto.opening import Opener
from veche.runtime.crypto.start import replace_device
from veche.runtime.crypto.store.devices import is_epoch
from veche.runtime.crypto.tracking import pin_identity, renew_identity
from veche.runtime.database import connect
from veche.runtime.ports import NeedsDevices, RefusedEvent, WaitsForKey

if TYPE_CHECKING:
    from veche.runtime.crypto.core.values import Json

pytestmark = pytest.mark.postgres

EVE = "@eve:veche.test"


def known(desk: Desk, side: Side) -> Side:
    """A device of a person, asked for, whose room key the bot has."""
    desk.add(side)
    bot = desk.side()
    if bot.own.curve25519 not in side.sessions:
        side.meet(bot)
    desk.hear(side.give_room_key(bot))
    run(desk.people.refresh(UserId(BOT), [side.user_id]))
    return side


def refusal(desk: Desk, event: Json) -> str:
    with pytest.raises(RefusedEvent) as e:
        desk.open(event)
    return e.value.reason


def test_a_message_waits_for_its_key_and_is_read_after(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    anna.meet(desk.side())
    key = anna.give_room_key(desk.side())
    event = anna.write("$1", "please pay my tax")
    with pytest.raises(WaitsForKey) as e:
        desk.open(event)
    desk.hear(key)
    with pytest.raises(NeedsDevices) as asks:
        desk.open(event)
    run(desk.people.refresh(UserId(BOT), [asks.value.user_id]))

    opened = desk.open(event)

    assert e.value.session_id == anna.group.session_id
    assert desk.ports.woken == [("!room", anna.group.session_id)]
    assert opened.content["body"] == "please pay my tax"
    assert (opened.trust, opened.standing) == (Trust.E2EE, DeviceStanding.NO_IDENTITY)


def test_a_key_that_came_meanwhile_is_found_and_no_other(desk: Desk) -> None:
    anna = desk.add(Side(ANNA, "ANNA1"))
    anna.meet(desk.side())
    key = anna.give_room_key(desk.side())
    with pytest.raises(WaitsForKey) as e:
        desk.open(anna.write("$1", "please pay my tax"))
    where = UserId(BOT), RoomId("!room")

    def has_come(wanted: WaitsForKey) -> bool:
        return run(desk.database.run("t", desk.opener.has_come, *where, wanted))

    before = has_come(e.value)
    desk.hear(key)

    session = e.value.session_id
    assert (before, has_come(e.value)) == (False, True)
    # It is there from its first message on: whoever wants an even earlier one waits.
    assert not has_come(WaitsForKey(session, 0))
    assert has_come(WaitsForKey(session, 1))
    assert not has_come(WaitsForKey("another"))


def test_who_looks_for_keys_waits_for_whoever_stores_some(desk: Desk) -> None:
    settled, bot = desk.opener.settled, UserId(BOT)
    run(desk.database.run("t", settled, bot))
    dsn = desk.database.connection.dsn
    with closing(connect(dsn)) as channel, channel.cursor() as storing:
        storing.execute("SELECT device_no, writer_epoch FROM crypto.device")
        assert is_epoch(storing, *storing.fetchall()[0])
        with closing(connect(dsn)) as other, other.cursor() as txn:
            txn.execute("SET lock_timeout = 100")  # what the address says goes before
            other.commit()
            with pytest.raises(LockNotAvailable):
                settled(txn, bot)
            other.rollback()
            channel.commit()
            settled(txn, bot)


def test_a_plain_event_is_believed_as_little_as_can_be(desk: Desk) -> None:
    event = {"type": "m.room.message", "event_id": "$1", "room_id": "!room", "sender": ANNA}

    opened = desk.open({**event, "content": {"body": "x"}})
    odd = desk.open({**event, "content": None})

    assert (opened.trust, opened.standing) == (Trust.ANY, DeviceStanding.NOT_ENCRYPTED)
    assert (opened.event_type, opened.content) == ("m.room.message", {"body": "x"})
    assert odd.content == {}


def test_a_signed_device_is_verified_pinned_or_not(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1", identity(ANNA)))

    before = desk.open(anna.write("$1"))
    pinned = run(desk.database.run("t", pin_identity, UserId(ANNA), 1))
    after = desk.open(anna.write("$2"))

    assert pinned == identity(ANNA).master_key
    assert {before.standing, after.standing} == {DeviceStanding.VERIFIED}


def test_an_unsigned_device_of_a_person_with_identity_is_told_apart(desk: Desk) -> None:
    desk.add(Side(ANNA, "ANNA1", identity(ANNA)))
    second = known(desk, Side(ANNA, "ANNA2"))

    opened = desk.open(second.write("$1"))

    assert (opened.trust, opened.standing) == (Trust.E2EE, DeviceStanding.UNSIGNED)


def test_a_changed_identity_is_not_believed_until_the_pin_is_renewed(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1", identity(ANNA)))
    run(desk.database.run("t", pin_identity, UserId(ANNA), 1))
    anna.identity = identity(ANNA, 2)
    desk.step(desk.answer(changed=[ANNA]))
    run(desk.people.refresh(UserId(BOT), [ANNA]))

    changed = desk.open(anna.write("$1"))
    kept = run(desk.database.run("t", pin_identity, UserId(ANNA), 2))
    again = desk.open(anna.write("$2"))
    new = identity(ANNA, 2).master_key
    assert not run(desk.database.run("t", renew_identity, UserId(ANNA), "some other", 3))
    assert run(desk.database.run("t", renew_identity, UserId(ANNA), new, 3))
    renewed = desk.open(anna.write("$3"))

    assert (changed.trust, changed.standing) == (Trust.E2EE, DeviceStanding.IDENTITY_CHANGED)
    assert kept == identity(ANNA).master_key
    assert again.standing is DeviceStanding.IDENTITY_CHANGED
    assert renewed.standing is DeviceStanding.VERIFIED


def test_an_identity_that_vanished_is_not_that_of_an_older_client(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1", identity(ANNA)))
    run(desk.database.run("t", pin_identity, UserId(ANNA), 1))
    anna.identity = None
    desk.step(desk.answer(changed=[ANNA]))
    run(desk.people.refresh(UserId(BOT), [ANNA]))

    assert desk.open(anna.write("$1")).standing is DeviceStanding.IDENTITY_CHANGED


def test_an_unknown_device_is_asked_for_once_and_then_told_apart(desk: Desk) -> None:
    anna = Side(ANNA, "ANNA1")
    anna.meet(desk.side())
    desk.hear(anna.give_room_key(desk.side()))
    event = anna.write("$1")
    asked = 0
    for _ in range(5):
        try:
            opened = desk.open(event)
            break
        except NeedsDevices as e:
            asked += 1
            run(desk.people.refresh(UserId(BOT), [e.user_id]))

    assert asked == 1
    assert (opened.trust, opened.standing) == (Trust.E2EE, DeviceStanding.UNKNOWN)


def test_a_device_that_is_newer_than_the_directory_is_found(desk: Desk) -> None:
    known(desk, Side(ANNA, "ANNA1"))
    second = Side(ANNA, "ANNA2")
    second.meet(desk.side())
    desk.hear(second.give_room_key(desk.side()))
    desk.add(second)
    event = second.write("$1")
    with pytest.raises(NeedsDevices):
        desk.open(event)
    run(desk.people.refresh(UserId(BOT), [ANNA]))

    assert desk.open(event).standing is DeviceStanding.NO_IDENTITY


def test_a_device_that_claims_another_signing_key_is_unknown(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))
    desk.database.execute("UPDATE crypto.room_key_in SET sender_ed25519 = 'other'")
    event = anna.write("$1")
    with pytest.raises(NeedsDevices):
        desk.open(event)
    run(desk.people.refresh(UserId(BOT), [ANNA]))

    assert desk.open(event).standing is DeviceStanding.UNKNOWN


def test_a_twin_of_a_device_under_another_signing_key_takes_nothing_away(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1", identity(ANNA)))
    desk.database.execute(
        "INSERT INTO crypto.person_device SELECT user_id, 'AAA', curve25519, 'other', FALSE"
        " FROM crypto.person_device"
    )

    assert desk.open(anna.write("$1")).standing is DeviceStanding.VERIFIED


def test_news_are_asked_for_before_a_message_is_judged(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1", identity(ANNA)))
    desk.step(desk.answer(changed=[ANNA]))

    with pytest.raises(NeedsDevices):
        desk.open(anna.write("$1"))


def test_a_server_that_does_not_answer_holds_up_no_message(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1", identity(ANNA)))
    desk.step(desk.answer(changed=[ANNA]))
    desk.server.failing.add("keys/query")
    run(desk.people.refresh(UserId(BOT), [ANNA]))

    assert desk.open(anna.write("$1")).standing is DeviceStanding.VERIFIED


def test_the_same_event_again_is_no_replay_but_another_is(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))
    event = anna.write("$1")
    desk.open(event)
    desk.open(event)

    assert refusal(desk, {**event, "event_id": "$2"}) == "replay"


def test_messages_are_read_in_any_order_from_the_session_in_memory(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))
    events = [anna.write(f"${n}", str(n)) for n in range(4)]

    bodies = [desk.open(events[n]).content["body"] for n in (2, 0, 3, 1)]

    assert bodies == ["2", "0", "3", "1"]
    assert refusal(desk, {**events[0], "event_id": "$again"}) == "replay"


def test_a_rolled_back_reading_leaves_no_trace(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))
    event = anna.write("$1")
    desk.database.fail_next = 1
    with pytest.raises(Broken):
        desk.open(event)

    assert desk.open({**event, "event_id": "$2"}).content["body"] == "hello"


def test_a_session_of_somebody_else_is_refused(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))

    assert refusal(desk, {**anna.write("$1"), "sender": EVE}) == "stolen_session"


def test_a_message_moved_to_another_room_waits_for_a_key_that_never_comes(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))

    with pytest.raises(WaitsForKey):
        desk.open({**anna.write("$1"), "room_id": "!other"})


def test_a_key_given_for_another_room_does_not_open_a_message_moved_there(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))
    desk.database.execute("UPDATE crypto.room_key_in SET room_id = '!other'")

    assert refusal(desk, {**anna.write("$1"), "room_id": "!other"}) == "wrong_room"


def test_a_message_before_the_key_waits(desk: Desk) -> None:
    anna = Side(ANNA, "ANNA1")
    early = anna.write("$1")
    known(desk, anna)

    with pytest.raises(WaitsForKey):
        desk.open(early)


def test_an_earlier_key_that_comes_later_opens_it(desk: Desk) -> None:
    anna = Side(ANNA, "ANNA1")
    anna.meet(desk.side())
    first = anna.give_room_key(desk.side())
    early = anna.write("$1", "early")
    known(desk, anna)

    desk.hear(first)

    assert desk.open(early).content["body"] == "early"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "form"), ({}, "algorithm"), ({"algorithm": "x"}, "algorithm"), ("text", "form")],
)
def test_an_encrypted_event_of_another_form_is_refused(
    desk: Desk, content: object, why: str
) -> None:
    event = {"type": "m.room.encrypted", "event_id": "$1", "room_id": "!room", "sender": ANNA}

    assert refusal(desk, {**event, "content": content}) == why


def test_keys_of_a_retired_device_still_read(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))
    run(desk.database.run("t", replace_device, OPERATOR_KEY, BOT, desk.now_ms))
    run(desk.people.refresh(UserId(BOT), [ANNA]))

    assert desk.open(anna.write("$1")).content["body"] == "hello"


def test_another_bot_does_not_read_with_our_keys(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))

    with pytest.raises(WaitsForKey):
        run(desk.database.run("t", desk.opener, UserId("@veche_other:x"), anna.write("$1")))


def test_another_operator_key_is_a_clear_error(desk: Desk) -> None:
    anna = known(desk, Side(ANNA, "ANNA1"))
    other = Opener(OperatorKey(b"o" * 32), desk.people)

    with pytest.raises(WrongOperatorKeyError):
        run(desk.database.run("t", other, UserId(BOT), anna.write("$1")))
