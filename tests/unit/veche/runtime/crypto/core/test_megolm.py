"""What is said in rooms: what is read, and everything that is refused."""

from __future__ import annotations

from typing import Any

import pytest
import vodozemac as vz

from tests.support.crypto_peers import ANNA, ROOM, Side, damaged, refuses
from tests.support.tables import each_row
from veche.protocol.errors import TooLargeError
from veche.runtime.crypto.core import megolm
from veche.runtime.crypto.core.values import (
    EVENT_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    BadEventError,
    Json,
    Reason,
)


def read(session: vz.InboundGroupSession, event: Json, room_id: str = ROOM) -> Any:
    return megolm.decrypt(session, megolm.read_event(event["content"]), room_id)


def test_a_message_is_read() -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()

    payload = read(session, anna.write("$1", "hello"))

    assert (payload.event_type, payload.message_index) == ("m.room.message", 0)
    assert payload.content["body"] == "hello"


def test_messages_are_read_in_any_order_and_more_than_once() -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()
    events = [anna.write(f"${n}", str(n)) for n in range(5)]

    bodies = [read(session, events[at]).content["body"] for at in (4, 0, 2, 2, 1)]

    assert bodies == ["4", "0", "2", "2", "1"]


def test_reading_changes_no_session() -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()
    before = session.pickle(bytes(32))
    read(vz.InboundGroupSession.from_pickle(before, bytes(32)), anna.write("$1"))

    again = vz.InboundGroupSession.from_pickle(before, bytes(32))
    assert again.first_known_index == session.first_known_index == 0


def test_a_message_before_the_key_is_told_apart() -> None:
    anna = Side(ANNA, "ANNA1")
    early = anna.write("$1")
    session = anna.inbound()

    with pytest.raises(megolm.UnknownIndexError):
        read(session, early)
    assert read(session, anna.write("$2")).message_index == 1


def test_every_part_of_an_event_is_checked() -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()
    content = anna.write("$1")["content"]
    hints = ("sender_key", "device_id")  # not authenticated, not looked at
    unknown = ("session_id = '~", "session_id = 'AAAA")  # any text may be an unknown session

    for where, wrong in damaged(content):
        if where.startswith((*hints, *unknown)):
            continue
        assert refuses(BadEventError, read, session, {"content": wrong}), where


@each_row("content", [None, 7, "text", [], {}])
def test_a_content_of_another_kind_is_refused(content: object) -> None:
    with pytest.raises(BadEventError):
        megolm.read_event(content)


def test_a_ciphertext_at_the_limit_is_looked_at_and_one_beyond_is_not() -> None:
    content = Side(ANNA, "ANNA1").write("$1")["content"]

    for characters, reason in (
        (EVENT_BYTES_MAX, Reason.FORM),
        (EVENT_BYTES_MAX + 1, Reason.TOO_LARGE),
    ):
        with pytest.raises(BadEventError) as e:
            megolm.read_event({**content, "ciphertext": "A" * characters})
        assert e.value.reason is reason


def test_a_message_moved_to_another_room_is_refused() -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()

    with pytest.raises(BadEventError) as e:
        read(session, anna.write("$1"), "!other")

    assert e.value.reason is Reason.WRONG_ROOM


def test_a_message_of_another_session_is_refused() -> None:
    with pytest.raises(BadEventError) as e:
        read(Side(ANNA, "ANNA1").inbound(), Side(ANNA, "ANNA2").write("$1"))

    assert e.value.reason is Reason.BAD_CIPHERTEXT


@each_row(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 30_000,
        b'{"room_id":"!room"}',
        b'{"room_id":"!room","type":7,"content":{}}',
        b'{"room_id":"!room","type":"","content":{}}',
        b'{"room_id":"!room","type":"a\\u0000","content":{}}',
        b'{"room_id":"!room","type":"m.room.message","content":[]}',
        b'{"room_id":["!room"],"type":"m.room.message","content":{}}',
    ],
)
def test_a_payload_of_a_wrong_form_is_refused(payload: bytes) -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()
    content = megolm.encrypt(anna.group, anna.own, payload, None, {})

    with pytest.raises(BadEventError):
        read(session, {"content": content})


def test_a_relation_beside_the_ciphertext_is_taken_in_unless_one_is_inside() -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()
    outside: Json = {"rel_type": "m.annotation", "event_id": "$outside"}
    inside: Json = {"rel_type": "m.replace", "event_id": "$inside"}

    without = anna.write("$1")
    without["content"]["m.relates_to"] = outside
    with_one = anna.write("$2", "hello", **{"m.relates_to": inside})
    with_one["content"]["m.relates_to"] = outside

    assert read(session, without).content["m.relates_to"] == outside
    assert read(session, with_one).content["m.relates_to"] == inside


def test_a_relation_is_sealed_and_in_clear() -> None:
    anna = Side(ANNA, "ANNA1")
    session = anna.inbound()
    relation: Json = {"rel_type": "m.thread", "event_id": "$1"}

    event = anna.write("$2", "hello", **{"m.relates_to": relation})

    assert event["content"]["m.relates_to"] == relation
    del event["content"]["m.relates_to"]
    assert read(session, event).content["m.relates_to"] == relation


def test_keys_beside_never_replace_those_of_the_encryption() -> None:
    anna = Side(ANNA, "ANNA1")
    beside = {"ciphertext": "x", "algorithm": "x", "session_id": "x", "org.veche.act": {"v": 1}}

    sealed = megolm.encrypt(anna.group, anna.own, b"{}", None, beside)

    assert sealed["org.veche.act"] == {"v": 1}
    assert sealed["session_id"] == anna.group.session_id
    assert sealed["algorithm"] == "m.megolm.v1.aes-sha2"
    assert sealed["ciphertext"] != "x"


def test_a_payload_at_the_limit_is_sealed_and_one_beyond_is_refused() -> None:
    least = len(megolm.payload_bytes(ROOM, "m.room.message", {"body": ""}))
    at = {"body": "x" * (PAYLOAD_BYTES_MAX - least)}

    assert len(megolm.payload_bytes(ROOM, "m.room.message", at)) == PAYLOAD_BYTES_MAX
    with pytest.raises(TooLargeError):
        megolm.payload_bytes(ROOM, "m.room.message", {"body": at["body"] + "x"})


def test_a_session_is_shared_from_its_present_index_on() -> None:
    anna = Side(ANNA, "ANNA1")
    early = anna.write("$1")
    content = megolm.room_key_content(anna.group, ROOM)
    session = vz.InboundGroupSession(vz.SessionKey(content["session_key"]))

    assert session.session_id == content["session_id"] == anna.group.session_id
    assert session.first_known_index == 1
    with pytest.raises(megolm.UnknownIndexError):
        read(session, early)


@pytest.mark.parametrize(("code", "is_of_room"), [("m.unverified", True), ("m.no_olm", False)])
def test_a_refusal_names_the_session_unless_no_channel_exists(code: str, is_of_room: bool) -> None:
    anna = Side(ANNA, "ANNA1")

    content = megolm.withheld_content(anna.own, ROOM, "session", code)

    assert content["code"] == code
    assert content["sender_key"] == anna.own.curve25519
    assert ("session_id" in content, "room_id" in content) == (is_of_room, is_of_room)


def test_the_first_key_at_a_place_is_kept() -> None:
    assert megolm.check_room_key(None, ANNA, "key", 5)


@pytest.mark.parametrize(("first_index", "is_kept"), [(3, True), (5, False), (7, False)])
def test_a_later_key_never_replaces_an_earlier_one(first_index: int, is_kept: bool) -> None:
    assert megolm.check_room_key((ANNA, "key", 5), ANNA, "key", first_index) is is_kept


@pytest.mark.parametrize("other", [("@eve:veche.test", "key"), (ANNA, "other")])
def test_a_key_of_another_device_never_takes_a_place(other: tuple[str, str]) -> None:
    with pytest.raises(BadEventError) as e:
        megolm.check_room_key((ANNA, "key", 5), *other, 0)

    assert e.value.reason is Reason.STOLEN_SESSION
