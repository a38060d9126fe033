"""Rooms of disputes and escrows on the real ledger and tables; no homeserver is needed here."""

from __future__ import annotations

import base64
import itertools
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from appservices.payments.cases.service import making as case_jobs
from appservices.payments.cases.service import talk as case_talk
from appservices.payments.cases.service.making import MakeRoom
from appservices.payments.disputes.service import disputes
from appservices.payments.disputes.service.evidence import TAKE, TakeEvidence
from appservices.payments.escrows.service import escrows
from appservices.payments.rooms import service as case_rooms
from tests.integration.appservices.payments.stage import (
    ALICE,
    BOB,
    CAROL,
    CLERK,
    DAY_MS,
    Stage,
)
from tests.integration.appservices.payments.trust import join
from tests.support.postgres import execute
from veche.protocol.ids import EventId, RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.tracking import pin_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.postgres

JUDGE: Final = UserId("@judge:veche.test")
STRANGER: Final = UserId("@stranger:veche.test")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def house() -> Iterator[Stage]:
    with Stage.running(dispute_appeal_desk=[JUDGE]) as one:
        yield one


@pytest.fixture
def stage(house: Stage) -> Iterator[Stage]:
    """The house, in which nothing is set aside and both have what they began with."""
    yield house
    assert house.holds() == 0
    house.even_out()
    execute(house.dsn, "DELETE FROM runtime.errand")
    for heard in (house.heard.said, house.heard.asked, house.heard.files, house.heard.invited):
        heard.clear()


def disputed(stage: Stage) -> str:
    """Alice disputes 50 EUR that she paid Bob; the number."""
    number = stage.paid(5_000)
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()
    return number


def opened(stage: Stage, table: str, *absent: UserId) -> RoomId:
    """The room of the newest dispute or escrow, which all join but who is absent."""
    room_id = RoomId(f"!room{next(_numbers)}:veche.test")
    matter_id = stage.row(table)["id"]
    with stage.scene() as scene:
        pin_encrypted(scene.txn, room_id, {})
        case_jobs.open_room(scene, cast("Any", table), matter_id, room_id)
        for room, person in stage.heard.invited:
            join(scene, room, person, "leave" if person in absent else "join")
    return room_id


def hear(
    stage: Stage,
    person: UserId,
    room_id: RoomId,
    content: Mapping[str, Any] | str,
    *,
    standing: DeviceStanding = DeviceStanding.VERIFIED,
) -> bool:
    """Somebody says something in a room; whether it is one of these."""
    if isinstance(content, str):
        content = {"msgtype": "m.text", "body": content}
    inbound: Any = SimpleNamespace(
        bot=stage.parts.bot.user_id,
        sender=person,
        room_id=room_id,
        event_id=EventId(f"$room{next(_numbers)}"),
        event_type="m.room.message",
        content=content,
        state_key=None,
        at_ms=stage.now_ms,
        standing=standing,
        trust=Trust.E2EE,
    )
    with stage.scene() as scene:
        return case_talk.receive(scene, inbound)


def said_in(stage: Stage, room_id: RoomId) -> list[str]:
    """What the bot said to all in a room, edits by their new words."""
    found = [content for room, content in stage.heard.files if room == room_id]
    return [str(one.get("m.new_content", one)["body"]) for one in found]


def withdrawn(stage: Stage) -> None:
    stage.answer(ALICE, "withdraw")
    stage.write()


def wanted(stage: Stage, kind: str) -> list[tuple[Any, ...]]:
    return execute(stage.dsn, "SELECT payload, due_at_ms FROM runtime.errand WHERE kind = %s", kind)


def test_a_room_is_wanted_once_the_money_is_set_aside_and_only_then(stage: Stage) -> None:
    number = stage.paid(5_000)
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    assert wanted(stage, case_rooms.MAKE) == []
    stage.write()
    [(payload, _)] = wanted(stage, case_rooms.MAKE)
    assert payload == {"kind": "dispute", "matter": stage.row("dispute")["id"]}
    withdrawn(stage)

    parts: Any = SimpleNamespace(
        conversation=stage.scene_of, host=SimpleNamespace(now_ms=lambda: stage.now_ms)
    )
    job: Any = SimpleNamespace(id="late", payload=payload)
    with stage.scene() as scene:
        assert MakeRoom(parts)._read(scene.txn, job) is None
        MakeRoom(parts).finish(scene.txn, job, {"room": None}, stage.now_ms)
    assert stage.heard.invited == []


def test_both_and_who_decides_are_let_in_and_nobody_else(stage: Stage) -> None:
    disputed(stage)
    room_id = opened(stage, "dispute")

    assert stage.heard.invited == [(room_id, one) for one in (ALICE, BOB, CLERK)]
    [card] = said_in(stage, room_id)
    assert "Set aside: 50.00 EUR" in card
    assert "Bob has until" in card
    withdrawn(stage)
    assert "It is over." in said_in(stage, room_id)[-2]
    assert said_in(stage, room_id)[-1] == "Alice took it back; Bob has the amount again."


@pytest.mark.parametrize("words", ["2", "yes", "Do not give it back", "dispute it all", "dispute"])
def test_talk_changes_nothing(stage: Stage, words: str) -> None:
    disputed(stage)
    room_id = opened(stage, "dispute")
    told = len(stage.heard.said)
    assert hear(stage, BOB, room_id, words)
    assert hear(stage, ALICE, room_id, words)

    assert stage.row("dispute")["state"] == "open"
    assert len(stage.heard.said) == told
    withdrawn(stage)


def test_what_the_desk_says_is_an_act_on_both_sides(stage: Stage) -> None:
    disputed(stage)
    room_id = opened(stage, "dispute")

    def acts() -> list[dict[str, Any]]:
        rows = execute(stage.dsn, "SELECT opening FROM runtime.act")
        return [json.loads(str(opening)) for (opening,) in rows]

    before = acts()
    for person in (ALICE, BOB, STRANGER, JUDGE, CAROL):
        assert hear(stage, person, room_id, "it is as I say")
    clear = DeviceStanding.NOT_ENCRYPTED
    assert hear(stage, CLERK, room_id, "in clear", standing=clear)
    assert len(acts()) == len(before)
    edit = {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": "m.replace"}}
    for content in ("Please send the receipt.", edit, {"msgtype": "m.notice", "body": "y"}):
        assert hear(stage, CLERK, room_id, content)

    made = [one for one in acts() if one not in before]
    assert len(made) == 6
    assert {one["actor"] for one in made} == {"role:dispute_desk"}
    assert {one["case"] for one in made} == {stage.row("dispute")["id"]}
    assert len({one["subject"] for one in made}) == 2
    withdrawn(stage)


def test_a_line_with_the_number_counts_of_who_takes_part_alone(stage: Stage) -> None:
    number = disputed(stage)
    room_id = opened(stage, "dispute")
    for person in (STRANGER, JUDGE, CAROL):
        assert hear(stage, person, room_id, f"dispute {number} it did")
    clear = DeviceStanding.NOT_ENCRYPTED
    assert hear(stage, BOB, room_id, f"dispute {number} it did", standing=clear)
    edit = {
        "msgtype": "m.text",
        "body": f"dispute {number} it did",
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"},
    }
    assert hear(stage, BOB, room_id, edit)
    assert stage.row("dispute")["state"] == "open"
    assert hear(stage, BOB, room_id, f"dispute {number.lower()} it did")

    assert stage.row("dispute")["state"] == "at_desk"
    assert "it did" in said_in(stage, room_id)[-2]
    assert hear(stage, CLERK, room_id, f"dispute {number} 60 EUR too much")
    assert "more than can still go back" in stage.told(CLERK)[-1]
    assert hear(stage, CLERK, room_id, f"dispute {number} none it came")
    stage.answer(CLERK, "decide")
    assert not hear(stage, BOB, RoomId("!other:veche.test"), f"dispute {number} x")
    stage.answer(ALICE, "withdraw")
    stage.write()


def test_who_decides_an_appeal_comes_then_and_finds_a_card(stage: Stage) -> None:
    number = disputed(stage)
    room_id = opened(stage, "dispute")
    stage.say(BOB, "dispute", f"{number} it did")
    stage.say(CLERK, "dispute", f"{number} none it came")
    stage.answer(CLERK, "decide")
    stage.heard.invited.clear()
    stage.heard.files.clear()
    hear(stage, ALICE, room_id, f"dispute {number} look again")

    assert stage.heard.invited == [(room_id, JUDGE)]
    old, new, news = (content for room, content in stage.heard.files if room == room_id)
    assert "further down" in old["m.new_content"]["body"]
    assert "m.new_content" not in new
    assert "look again" in new["body"]
    assert "others decide until" in news["body"]
    withdrawn(stage)


def test_who_has_left_is_asked_in_their_chat_and_is_called_back(stage: Stage) -> None:
    number = disputed(stage)
    room_id = opened(stage, "dispute", BOB)
    stage.heard.invited.clear()
    stage.say(BOB, "dispute", number)

    assert stage.heard.invited == [(room_id, BOB)]
    assert "Bob has until" in said_in(stage, room_id)[-1]
    stage.say(BOB, "dispute", number)
    assert stage.heard.invited == [(room_id, BOB)]
    stage.answer(BOB, "agree")
    stage.write()
    assert "Bob gave 50.00 EUR back." in said_in(stage, room_id)[-1]


def test_a_file_in_the_room_is_evidence_of_a_side_and_a_voice_message_is_not(
    stage: Stage,
) -> None:
    disputed(stage)
    room_id = opened(stage, "dispute")
    file = {"v": "v2", "url": "mxc://veche.test/x", "iv": "A" * 22, "hashes": {"sha256": "A" * 43}}
    key = {"kty": "oct", "alg": "A256CTR", "ext": True, "k": "A" * 43, "key_ops": []}
    photo = {
        "msgtype": "m.image",
        "body": "photo.png",
        "info": {"mimetype": "image/png", "size": 100},
        "file": {**file, "key": key},
    }
    hear(stage, CLERK, room_id, photo)
    hear(stage, ALICE, room_id, {**photo, "org.matrix.msc3245.voice": {}})
    assert wanted(stage, TAKE) == []
    hear(stage, ALICE, room_id, photo)
    [(payload, _)] = wanted(stage, TAKE)
    assert (payload["room"], payload["person"]) == (room_id, ALICE)
    withdrawn(stage)
    hear(stage, BOB, room_id, photo)
    assert len(wanted(stage, TAKE)) == 1


def test_evidence_from_a_chat_is_put_into_the_room_once(stage: Stage) -> None:
    number = disputed(stage)
    room_id = opened(stage, "dispute", CLERK)
    stage.say(BOB, "dispute", f"{number} it did")
    claims = {"name": "vase.png", "file": {"url": "mxc://veche.test/y"}}
    job: Any = SimpleNamespace(
        id="evidence",
        payload={
            "dispute": stage.row("dispute")["id"],
            "person": ALICE,
            "room": f"!{ALICE[1:]}",
            "sealed": base64.b64encode(stage.parts.vault.seal(claims)).decode(),
        },
    )
    stage.heard.files.clear()
    parts: Any = SimpleNamespace(conversation=stage.scene_of, vault=stage.parts.vault)
    found = {"sha256": "ab" * 32, "size_bytes": 5, "mimetype": "image/png"}
    with stage.scene() as scene:
        TakeEvidence(parts).finish(scene.txn, job, found, stage.now_ms)

    files = [room for room, content in stage.heard.files if content["msgtype"] == "m.image"]
    assert sorted(files) == sorted([room_id, f"!{CLERK[1:]}"])
    assert any("ab" * 32 in words for words in said_in(stage, room_id))
    withdrawn(stage)


def test_a_day_before_the_end_those_are_called_who_are_to_answer(stage: Stage) -> None:
    disputed(stage)
    room_id = opened(stage, "dispute")
    found = stage.row("dispute")
    [(payload, at_ms)] = wanted(stage, case_rooms.REMIND)
    assert at_ms == found["due_at_ms"] - DAY_MS
    assert payload == {"kind": "dispute", "matter": found["id"], "due_at_ms": found["due_at_ms"]}
    with stage.scene() as scene:
        case_jobs.remind(scene, "dispute", found["id"], found["due_at_ms"] + 1)
        case_jobs.remind(scene, "dispute", found["id"], found["due_at_ms"])

    [reminder] = [one for _, one in stage.heard.files if "nearly over" in one["body"]]
    assert reminder["m.mentions"] == {"user_ids": [BOB]}
    stage.now_ms = found["due_at_ms"]
    stage.ring(disputes.fire_timer, found["id"])
    with stage.scene() as scene:
        case_jobs.remind(scene, "dispute", found["id"], found["due_at_ms"])
    assert sum("nearly over" in words for words in said_in(stage, room_id)) == 1
    withdrawn(stage)


def test_the_bot_goes_thirty_days_after_the_end(stage: Stage) -> None:
    number = disputed(stage)
    room_id = opened(stage, "dispute")
    withdrawn(stage)
    hear(stage, ALICE, room_id, f"dispute {number}")

    [(payload, at_ms)] = wanted(stage, case_rooms.LEAVE)
    assert payload == {"room": room_id}
    assert at_ms == stage.now_ms + 30 * DAY_MS


def test_an_escrow_is_decided_in_its_room(stage: Stage) -> None:
    stage.say(ALICE, "escrow", "bob 100 EUR bicycle; arbiter carol")
    for person in (BOB, CAROL):
        stage.answer(person, "join")
    stage.answer(ALICE, "fund")
    stage.write()
    number = stage.row("escrow")["id"][-8:]
    room_id = opened(stage, "escrow")
    assert stage.heard.invited == [(room_id, one) for one in (ALICE, BOB, CAROL)]
    for words in (f"escrow {number} share 60", "I say: release it", "1"):
        hear(stage, ALICE, room_id, words)
    stage.answer(ALICE, "vote.6000")
    assert "Alice decided. 60.00 EUR to Bob" in said_in(stage, room_id)[-1]
    hear(stage, STRANGER, room_id, f"escrow {number} release")
    hear(stage, CAROL, room_id, f"escrow {number} share 60")
    stage.answer(CAROL, "vote.6000")
    stage.write()

    assert stage.row("escrow")["state"] == "shared"
    assert "It is over." in said_in(stage, room_id)[-2]
    assert wanted(stage, escrows.CLOCK)
