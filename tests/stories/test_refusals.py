"""What does not count, and what the person is told; in a town that asks for verified devices."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from appservices.agency import demo as office_demo
from tests.stories.office import Room, in_town
from tests.support.calls import request
from tests.support.people import ClientError
from tests.support.processes import ROOT
from tests.support.services import OFFICE
from veche.protocol.prompts import ANSWER_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stories.office import Applicant, Town
    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

DEFINITIONS: Final = ROOT / "config" / "services"
PHOTO_BYTES_MAX: Final = 1 << 20
UNCHANGED: Final = "Nothing has changed."


def write_services(folder: Path) -> Path:
    """The demo's service, for verified devices only and with small photos."""
    path = folder / "birth-certificate-copy.yaml"
    shutil.copytree(DEFINITIONS, folder, dirs_exist_ok=True)
    service = yaml.safe_load((DEFINITIONS / path.name).read_text())
    service["who"] = {"min_trust": "verified"}
    service["form"][-1]["bytes_max"] = PHOTO_BYTES_MAX
    path.write_text(yaml.safe_dump(service, allow_unicode=True, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose office submits nothing from a device that is not verified."""
    folder = tmp_path_factory.mktemp("strict")
    sections = {"agency": office_demo.agency_section(write_services(folder))}
    with in_town(folder / "town", sections=sections) as one:
        yield one


def answered(question: Message, choice: str) -> dict[str, object]:
    prompt = question.content["org.veche.prompt"]
    return {
        "msgtype": "m.text",
        "body": "My answer",
        ANSWER_KEY: {"v": 1, "prompt": prompt["id"], "choice": choice},
        "m.relates_to": {"rel_type": "m.reference", "event_id": question.event_id},
    }


def at_review(applicant: Applicant) -> Applicant:
    applicant.begin()
    applicant.fill()
    return applicant


def test_an_answer_to_a_replaced_question_is_late(strict: Town) -> None:
    alice = strict.applicant()
    old = alice.chat.expect("What do you need?")
    alice.chat.say("menu")
    alice.chat.expect("What do you need?")
    alice.chat.answer(old, choice="birth-certificate-copy")

    refusal = alice.chat.expect("This question").body
    assert "This question is closed; your answer came too late." in refusal
    assert UNCHANGED in refusal
    assert "It takes at most" not in "".join(m.body for m in alice.chat.said())


def test_an_edit_of_an_answer_changes_nothing(strict: Town) -> None:
    alice = strict.applicant()
    question = alice.chat.expect("What do you need?")
    alice.chat.choose(question, "birth-certificate-copy")
    intro = alice.chat.expect("It takes at most")
    event = alice.chat.choose(intro, "menu")
    alice.chat.expect("What do you need?")
    alice.person.edit(alice.chat.room, event, "1")
    alice.chat.say("status")
    alice.chat.expect("You have no open cases with this office.")

    assert not any("1 of 4" in message.body for message in alice.chat.said())


def test_of_two_devices_that_press_at_once_one_counts(strict: Town) -> None:
    alice = strict.applicant()
    alice.choose("What do you need?", "birth-certificate-copy")
    question = alice.chat.expect("It takes at most")
    with alice.person.new_device(is_verified=True) as other:
        other.wait_for_member(alice.chat.room, OFFICE)
        presses = [
            threading.Thread(
                target=device.send_content, args=(alice.chat.room, answered(question, choice))
            )
            for device, choice in ((alice.person, "start"), (other, "start"))
        ]
        for press in presses:
            press.start()
        for press in presses:
            press.join()
        alice.chat.expect("1 of 4")
        alice.chat.expect("This question has been answered already; the first answer counts.")

    assert sum("1 of 4" in message.body for message in alice.chat.said()) == 1


def test_an_unverified_device_fills_in_but_does_not_submit(strict: Town) -> None:
    alice = at_review(strict.applicant(is_verified=False))
    alice.chat.say("submit")
    refusal = alice.chat.expect(UNCHANGED)

    assert "verified" in refusal.body
    assert not any("We have it." in message.body for message in alice.chat.said())


def test_what_an_unverified_device_began_a_verified_one_submits(strict: Town) -> None:
    alice = strict.applicant()
    with alice.person.new_device() as other:
        other.wait_for_member(alice.chat.room, OFFICE)
        alice = at_review(alice)
        other.send(alice.chat.room, "submit")
        refusal = alice.chat.expect(UNCHANGED)
        told = other.wait_for(alice.chat.room, "confirm it in the settings of your client")
        number, case = alice.submit()

    assert told.is_readable, "who has not confirmed a device cannot read there how to do it"
    assert "verified" in refusal.body
    assert number in case.said()[0].body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            {"info": {"mimetype": "image/jpeg", "size": PHOTO_BYTES_MAX + 1}},
            "The most is 1 MB.",
            id="too large",
        ),
        pytest.param(
            {"info": {"mimetype": "application/zip", "size": 100}},
            "kind",
            marks=pytest.mark.long,
            id="of another kind",
        ),
        pytest.param(
            {"file": {"v": "v2", "url": "mxc://x/y"}},
            "did not arrive whole",
            marks=pytest.mark.long,
            id="without its key",
        ),
    ],
)
def test_a_photo_that_cannot_be_taken_is_refused(
    strict: Town, content: dict[str, object], words: str
) -> None:
    alice = at_review(strict.applicant())
    alice.chat.say("4")
    alice.chat.expect("4 of 4")
    alice.person.send_file(alice.chat.room, "old.jpg", b"data", "image/jpeg", content=content)
    refusal = alice.chat.expect("A photo of an older copy, if you have one: ")

    assert words in refusal.body


def test_a_photo_that_arrived_damaged_is_sent_again(strict: Town) -> None:
    alice = at_review(strict.applicant())
    alice.chat.say("4")
    alice.chat.expect("4 of 4")
    image = b"\xff\xd8\xff\xe0 a photo"
    event = alice.person.send_file(alice.chat.room, "whole.jpg", image, "image/jpeg")
    alice.chat.expect("whole.jpg")
    alice.chat.say("4")
    alice.chat.expect("4 of 4")
    sent = next(m for m in alice.person.messages(alice.chat.room) if m.event_id == event)
    damaged = {**sent.content["file"], "hashes": {"sha256": "A" * 43}}
    more = {"file": damaged}
    alice.person.send_file(alice.chat.room, "damaged.jpg", image, "image/jpeg", content=more)
    refusal = alice.chat.expect("The file arrived damaged")

    assert "Please send it again." in refusal.body
    assert "damaged.jpg" not in "".join(m.body for m in alice.chat.said())


def test_an_event_that_is_too_large_stops_nothing(strict: Town) -> None:
    alice = strict.applicant()
    alice.chat.expect("What do you need?")
    with pytest.raises(ClientError, match="TOO_LARGE"):
        alice.chat.say("x" * 70 * 1024)
    alice.chat.say("x" * 30 * 1024)
    alice.chat.expect("I did not understand this")
    alice.chat.say("help")

    alice.chat.expect("You can write")


def test_a_room_without_encryption_gets_no_service(strict: Town) -> None:
    person = strict.house.person("olga")
    chat = Room(person, person.create_dm(OFFICE, is_encrypted=False))
    chat.expect("This chat is not encrypted")
    chat.say("menu")
    warning = chat.expect("This chat is not encrypted")

    assert "Copy of a birth certificate" in warning.body
    assert "with encryption on" in warning.body


def test_a_message_in_clear_in_an_encrypted_room_does_not_count(strict: Town) -> None:
    alice = strict.applicant()
    alice.chat.expect("What do you need?")
    path = f"/_matrix/client/v3/rooms/{alice.chat.room}/send/m.room.message/{time.monotonic_ns()}"
    plain = {"msgtype": "m.text", "body": "1"}
    url = alice.person.url + path
    answer = request("PUT", url, token=alice.person.access_token, body=plain)
    warning = alice.chat.expect("Your message came without encryption")

    assert answer.status == 200
    assert "does not count" in warning.body
    assert not any("It takes at most" in message.body for message in alice.chat.said())


def test_where_others_listen_nothing_is_asked_and_nobody_is_heard(strict: Town) -> None:
    alice = strict.applicant()
    question = alice.chat.expect("What do you need?")
    mallory = strict.house.person("mallory")
    alice.person.invite(alice.chat.room, mallory.user_id)
    [room] = mallory.accept_invites()
    mallory.wait_for_member(room, OFFICE)
    mallory.send_content(room, answered(question, "birth-certificate-copy"))
    alice.chat.say("1")
    warning = alice.chat.expect("Others are in this room.")

    assert "with me alone" in warning.body
    assert not any("It takes at most" in message.body for message in alice.chat.said())
