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
BAD_PHOTOS: Final[tuple[tuple[dict[str, object], str], ...]] = (
    ({"info": {"mimetype": "image/jpeg", "size": PHOTO_BYTES_MAX + 1}}, "The most is 1 MB."),
    ({"info": {"mimetype": "application/zip", "size": 100}}, "kind"),
    ({"file": {"v": "v2", "url": "mxc://x/y"}}, "did not arrive whole"),
)
"""What is sent as a photo, and the words that refuse it."""


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


def test_what_does_not_count_at_the_menu_changes_nothing(strict: Town) -> None:
    alice = strict.applicant()
    question = alice.chat.expect("What do you need?")
    alice.chat.choose(question, "birth-certificate-copy")
    event = alice.chat.choose(alice.chat.expect("It takes at most"), "menu")
    old = alice.chat.expect("What do you need?")
    is_edited_late(alice, event)
    is_answered_late(alice, old)
    is_written_in_clear(alice)
    is_too_large(alice)
    # Last, since this room is of no use any more.
    is_heard_by_others(strict, alice, old)

    said = [message.body for message in alice.chat.said()]
    assert sum("It takes at most" in body for body in said) == 1
    assert not any("1 of 4" in body for body in said)


def is_edited_late(alice: Applicant, event: str) -> None:
    """An edit of an answer changes nothing."""
    alice.person.edit(alice.chat.room, event, "1")
    alice.chat.say("status")
    alice.chat.expect("You have no open cases with this office.")


def is_answered_late(alice: Applicant, old: Message) -> None:
    """The answer to a question that another one has replaced is late."""
    alice.chat.say("menu")
    alice.chat.expect("What do you need?")
    alice.chat.answer(old, choice="birth-certificate-copy")
    refusal = alice.chat.expect("This question").body
    assert "This question is closed; your answer came too late." in refusal
    assert UNCHANGED in refusal


def is_written_in_clear(alice: Applicant) -> None:
    """A message in clear in an encrypted room does not count."""
    path = f"/_matrix/client/v3/rooms/{alice.chat.room}/send/m.room.message/{time.monotonic_ns()}"
    plain = {"msgtype": "m.text", "body": "1"}
    url = alice.person.url + path
    answer = request("PUT", url, token=alice.person.access_token, body=plain)
    assert answer.status == 200
    warning = alice.chat.expect("Your message came without encryption")
    assert "does not count" in warning.body


def is_too_large(alice: Applicant) -> None:
    """An event that is too large stops nothing."""
    with pytest.raises(ClientError, match="TOO_LARGE"):
        alice.chat.say("x" * 70 * 1024)
    alice.chat.say("x" * 30 * 1024)
    alice.chat.expect("I did not understand this")
    alice.chat.say("help")
    alice.chat.expect("You can write")


def is_heard_by_others(town: Town, alice: Applicant, question: Message) -> None:
    """Where others listen nothing is asked, and nobody is heard."""
    mallory = town.house.person("mallory")
    alice.person.invite(alice.chat.room, mallory.user_id)
    [room] = mallory.accept_invites()
    mallory.wait_for_member(room, OFFICE)
    mallory.send_content(room, answered(question, "birth-certificate-copy"))
    alice.chat.say("1")
    warning = alice.chat.expect("Others are in this room.")
    assert "with me alone" in warning.body


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


@pytest.mark.long
def test_an_unverified_device_fills_in_but_does_not_submit(strict: Town) -> None:
    alice = at_review(strict.applicant(is_verified=False))
    alice.chat.say("submit")
    refusal = alice.chat.expect(UNCHANGED)

    assert "verified" in refusal.body
    assert not any("We have it." in message.body for message in alice.chat.said())


def test_photos_that_cannot_be_taken_are_refused_and_a_verified_device_submits(
    strict: Town,
) -> None:
    alice = at_review(strict.applicant())
    photos_are_refused(alice)
    whole_photo_is_taken_and_a_damaged_one_is_not(alice)
    with alice.person.new_device() as other:
        other.wait_for_member(alice.chat.room, OFFICE)
        other.send(alice.chat.room, "submit")
        refusal = alice.chat.expect(UNCHANGED)
        told = other.wait_for(alice.chat.room, "confirm it in the settings of your client")
        number, case = alice.submit()

    assert told.is_readable, "who has not confirmed a device cannot read there how to do it"
    assert "verified" in refusal.body
    assert number in case.said()[0].body


def photos_are_refused(alice: Applicant) -> None:
    """The question for the photo stays open while what comes cannot be taken."""
    alice.chat.say("4")
    alice.chat.expect("4 of 4")
    for content, words in BAD_PHOTOS:
        alice.person.send_file(alice.chat.room, "old.jpg", b"data", "image/jpeg", content=content)
        refusal = alice.chat.expect("A photo of an older copy, if you have one: ")
        assert words in refusal.body


def whole_photo_is_taken_and_a_damaged_one_is_not(alice: Applicant) -> None:
    """A photo that arrived damaged is to be sent again."""
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
    alice.chat.say("skip")
    alice.chat.expect("whole.jpg")


def test_a_room_without_encryption_gets_no_service(strict: Town) -> None:
    person = strict.house.person("olga")
    chat = Room(person, person.create_dm(OFFICE, is_encrypted=False))
    chat.expect("This chat is not encrypted")
    chat.say("menu")
    warning = chat.expect("This chat is not encrypted")

    assert "Copy of a birth certificate" in warning.body
    assert "with encryption on" in warning.body
