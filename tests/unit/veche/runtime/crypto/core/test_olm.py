"""What devices say to one another: what is read, and everything that is refused."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
import vodozemac as vz

from tests.support.crypto_peers import ANNA, BOT, ROOM, Side, damaged, identity, refuses
from tests.support.tables import each_row
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.core import olm
from veche.runtime.crypto.core.values import (
    EVENT_BYTES_MAX,
    BadEventError,
    Json,
    Reason,
    WedgedError,
)


def pair() -> tuple[Side, Side]:
    """Anna, with a session to the bot."""
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")
    anna.meet(bot)
    return anna, bot


def payload(**change: Any) -> Json:
    """A right payload from Anna to the bot, changed."""
    anna, bot = pair()
    right: Json = {
        "type": "m.dummy",
        "content": {},
        "sender": ANNA,
        "sender_device": "ANNA1",
        "keys": {"ed25519": anna.own.ed25519},
        "recipient": BOT,
        "recipient_keys": {"ed25519": bot.own.ed25519},
        "sender_device_keys": anna.own.device_keys,
    }
    right["anna"], right["bot"] = anna, bot
    return {**right, **change}


def read(value: Json) -> olm.OlmPayload:
    anna, bot = value.pop("anna"), value.pop("bot")
    return olm.read_payload(json.dumps(value).encode(), ANNA, anna.own.curve25519, bot.own)


def test_a_message_is_read() -> None:
    anna, bot = pair()

    heard = bot.hear(anna.tell(bot, "m.dummy", {"a": 1}))

    assert (heard.event_type, heard.content, heard.sender) == ("m.dummy", {"a": 1}, ANNA)
    assert heard.sender_ed25519 == anna.own.ed25519


def test_every_part_of_an_envelope_is_checked() -> None:
    anna, bot = pair()
    content = anna.tell(bot, "m.dummy", {})["content"]

    for where, wrong in damaged(content):
        event = {"sender": ANNA, "content": wrong}
        assert refuses(BadEventError, bot.hear, event), where


@each_row("content", [None, 7, "text", [], {}])
def test_a_content_that_is_no_envelope_is_refused(content: object) -> None:
    with pytest.raises(BadEventError):
        olm.read_envelope(content, "key")


def test_a_body_at_the_limit_is_looked_at_and_one_beyond_is_not() -> None:
    anna, bot = pair()
    content = anna.tell(bot, "m.dummy", {})["content"]
    mine = content["ciphertext"][bot.own.curve25519]
    mine["body"] = "A" * EVENT_BYTES_MAX
    with pytest.raises(BadEventError) as at:
        olm.read_envelope(content, bot.own.curve25519)
    mine["body"] = "A" * (EVENT_BYTES_MAX + 1)
    with pytest.raises(BadEventError) as beyond:
        olm.read_envelope(content, bot.own.curve25519)

    assert (at.value.reason, beyond.value.reason) == (Reason.FORM, Reason.TOO_LARGE)


def test_a_message_for_another_device_is_refused() -> None:
    anna, bot = pair()
    other = Side(BOT, "BOT2")

    with pytest.raises(BadEventError) as e:
        other.hear(anna.tell(bot, "m.dummy", {}))

    assert e.value.reason is Reason.NOT_FOR_US


def test_messages_out_of_order_and_with_gaps_are_read() -> None:
    anna, bot = pair()
    bot.hear(anna.tell(bot, "m.dummy", {"n": 0}))
    bot.sessions[anna.own.curve25519][0].encrypt(b"answer")
    events = [anna.tell(bot, "m.dummy", {"n": n}) for n in range(1, 30)]

    order = [28, 3, 27, 4, 5, 1, 20]
    heard = [bot.hear(events[at]).content["n"] for at in order]

    assert heard == [at + 1 for at in order]


def test_a_message_read_twice_is_refused_the_second_time() -> None:
    anna, bot = pair()
    bot.hear(anna.tell(bot, "m.dummy", {}))
    answered = bot.tell(anna, "m.dummy", {})
    anna.hear(answered)
    normal = anna.tell(bot, "m.dummy", {})
    bot.hear(normal)

    with pytest.raises(WedgedError):
        bot.hear(normal)


@pytest.mark.parametrize("is_fallback", [False, True])
def test_a_pre_key_message_makes_one_session_only(is_fallback: bool) -> None:
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")
    anna.meet(bot, is_fallback=is_fallback)
    event = anna.tell(bot, "m.dummy", {})
    bot.hear(event)

    with pytest.raises(BadEventError) as e:
        bot.hear(event)

    assert e.value.reason is Reason.PRE_KEY_REPLAY
    assert len(bot.sessions[anna.own.curve25519]) == 1


def test_later_pre_key_messages_of_a_session_are_read_by_it() -> None:
    anna, bot = pair()

    heard = [bot.hear(anna.tell(bot, "m.dummy", {"n": n})).content["n"] for n in range(5)]

    assert heard == [0, 1, 2, 3, 4]
    assert len(bot.sessions[anna.own.curve25519]) == 1


def test_a_session_that_is_not_known_wedges() -> None:
    anna, bot = pair()
    bot.hear(anna.tell(bot, "m.dummy", {}))
    anna.hear(bot.tell(anna, "m.dummy", {}))
    bot.sessions.clear()

    with pytest.raises(WedgedError) as e:
        bot.hear(anna.tell(bot, "m.dummy", {}))

    assert e.value.sender_key == anna.own.curve25519


def test_a_pre_key_message_on_a_key_that_was_used_wedges() -> None:
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")
    claimed = bot.claimed()
    for _ in range(2):
        session = olm.open_session(anna.account, bot.peer(), claimed)
        anna.sessions.setdefault(bot.own.curve25519, []).insert(0, session)
    first = anna.tell(bot, "m.dummy", {})
    anna.sessions[bot.own.curve25519].reverse()
    bot.hear(first)

    with pytest.raises(WedgedError):
        bot.hear(anna.tell(bot, "m.dummy", {}))


def test_every_part_of_a_payload_is_checked() -> None:
    right = payload()
    anna, bot = right.pop("anna"), right.pop("bot")
    free = (
        "type = '~",  # any text may be a type
        "type = 'AAAA",
        "content = '{}",
        "sender_device missing",  # of no use to us
        "sender_device = ",
        "sender_device_keys missing",  # older clients have none
        "sender_device_keys = 'None'",
    )

    for where, wrong in damaged(right):
        if where.startswith(free):
            continue
        given = (json.dumps(wrong).encode(), ANNA, anna.own.curve25519, bot.own)
        assert refuses(BadEventError, olm.read_payload, *given), where


@each_row(
    ("change", "reason"),
    [
        ({"sender": "@eve:veche.test"}, Reason.WRONG_SENDER),
        ({"recipient": ANNA}, Reason.WRONG_RECIPIENT),
        ({"recipient_keys": {"ed25519": encode_base64(bytes(32))}}, Reason.WRONG_RECIPIENT),
        ({"keys": {}}, Reason.FORM),
        ({"keys": {"ed25519": encode_base64(bytes(32))}}, Reason.WRONG_DEVICE_KEYS),
        ({"type": ""}, Reason.FORM),
        ({"type": 7}, Reason.FORM),
        ({"content": []}, Reason.FORM),
        ({"sender_device_keys": "keys"}, Reason.WRONG_DEVICE_KEYS),
    ],
)
def test_a_payload_that_names_others_is_refused(change: Json, reason: Reason) -> None:
    with pytest.raises(BadEventError) as e:
        read(payload(**change))

    assert e.value.reason is reason


def test_device_keys_are_not_demanded() -> None:
    value = payload()
    del value["sender_device_keys"]

    assert read(value).event_type == "m.dummy"


@pytest.mark.parametrize("who", ["another device", "another person", "not signed by itself"])
def test_enclosed_device_keys_of_others_are_refused(who: str) -> None:
    value = payload()
    keys = {
        "another device": Side(ANNA, "ANNA2").own.device_keys,
        "another person": Side("@eve:veche.test", "ANNA1").own.device_keys,
        "not signed by itself": {**value["anna"].own.device_keys, "signatures": {}},
    }[who]

    with pytest.raises(BadEventError) as e:
        read({**value, "sender_device_keys": keys})

    assert e.value.reason is Reason.WRONG_DEVICE_KEYS


@each_row("plaintext", [b"", b"null", b"[]", b"\xff", b"[" * 50_000, b'{"a":'])
def test_a_plaintext_that_is_no_object_is_refused(plaintext: bytes) -> None:
    anna, bot = pair()

    with pytest.raises(BadEventError) as e:
        olm.read_payload(plaintext, ANNA, anna.own.curve25519, bot.own)

    assert e.value.reason is Reason.FORM


def test_a_room_key_is_read() -> None:
    anna, bot = pair()

    key = olm.read_room_key(bot.hear(anna.give_room_key(bot)))

    assert (key.room_id, key.session_id, key.first_index) == (ROOM, anna.group.session_id, 0)
    assert (key.sender, key.sender_curve25519) == (ANNA, anna.own.curve25519)
    assert key.sender_ed25519 == anna.own.ed25519


def test_every_part_of_a_room_key_is_checked() -> None:
    anna, bot = pair()
    heard = bot.hear(anna.give_room_key(bot))

    for where, wrong in damaged(heard.content):
        if where.startswith("room_id = '~"):
            continue  # any text may be a room id
        if where == "room_id = 'AAAA='":
            continue
        payload = attrs.evolve(heard, content=wrong)
        assert refuses(BadEventError, olm.read_room_key, payload), where


def test_a_room_key_under_the_id_of_another_session_is_refused() -> None:
    anna, bot = pair()
    content = {
        **olm_room_key(anna),
        "session_id": vz.GroupSession().session_id,
    }

    with pytest.raises(BadEventError) as e:
        olm.read_room_key(bot.hear(anna.tell(bot, "m.room_key", content)))

    assert e.value.reason is Reason.WRONG_SESSION_ID


def olm_room_key(side: Side) -> Json:
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": ROOM,
        "session_id": side.group.session_id,
        "session_key": side.group.session_key.to_base64(),
    }


def test_every_part_of_a_claimed_key_is_checked() -> None:
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")
    claimed = bot.claimed()

    for where, wrong in damaged(claimed):
        assert refuses(BadEventError, olm.open_session, anna.account, bot.peer(), wrong), where


@each_row("claimed", [None, 7, [], {}, {"curve25519:A": {"key": "k"}}])
def test_a_claim_without_one_signed_key_is_refused(claimed: object) -> None:
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")

    with pytest.raises(BadEventError):
        olm.open_session(anna.account, bot.peer(), claimed)


def test_two_claimed_keys_are_refused() -> None:
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")

    with pytest.raises(BadEventError) as e:
        olm.open_session(anna.account, bot.peer(), {**bot.claimed(), **bot.claimed()})

    assert e.value.reason is Reason.BAD_CLAIM


def test_a_one_time_key_of_somebody_else_is_refused() -> None:
    anna, bot, eve = Side(ANNA, "ANNA1"), Side(BOT, "BOT1"), Side("@eve:veche.test", "BOT1")

    with pytest.raises(BadEventError) as e:
        olm.open_session(anna.account, bot.peer(), eve.claimed())

    assert e.value.reason is Reason.BAD_CLAIM


def test_an_unsigned_curve25519_key_is_refused() -> None:
    anna, bot = Side(ANNA, "ANNA1"), Side(BOT, "BOT1")
    [(key_id, key)] = bot.claimed().items()

    with pytest.raises(BadEventError):
        olm.open_session(anna.account, bot.peer(), {key_id.removeprefix("signed_"): key})


def test_payloads_carry_the_device_keys_of_their_sender() -> None:
    anna, bot = Side(ANNA, "ANNA1", identity(ANNA)), Side(BOT, "BOT1")
    anna.meet(bot)
    event = anna.tell(bot, "m.dummy", {})
    message = olm.read_envelope(event["content"], bot.own.curve25519)

    _, plaintext = olm.decrypt(bot.account, [], message)

    assert json.loads(plaintext)["sender_device_keys"] == anna.own.device_keys


def test_a_session_goes_on_from_its_pickle_and_a_wrong_key_is_refused() -> None:
    anna, bot = pair()
    bot.hear(anna.tell(bot, "m.dummy", {}))
    pickle = bot.sessions[anna.own.curve25519][0].pickle(bytes(32))
    bot.sessions[anna.own.curve25519] = [vz.Session.from_pickle(pickle, bytes(32))]

    assert bot.hear(anna.tell(bot, "m.dummy", {"n": 2})).content == {"n": 2}
    with pytest.raises(vz.PickleException):
        vz.Session.from_pickle(pickle, b"x" * 32)
