"""Files that persons send: they count once they were fetched and are what they are said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.agency.cases.core.states import State
from appservices.agency.files.jobs import GIVE_UP_MS
from appservices.agency.files.service import CHECK_FILE, QUEUED_MAX, SLOW_MS
from tests.integration.appservices.agency.town import ALICE, CHAT, JPEG_DATA, STAFF, words_of
from veche.protocol.errors import UnavailableError
from veche.protocol.prompts import ANSWER_KEY
from veche.runtime.crypto.attachments import encrypt_file
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from tests.integration.appservices.agency.town import Town

SILENT = UnavailableError("no answer", retry_after_ms=0)
PHOTO_IS_OLD = "Please check your answers"


def asked_for_photo(town: Town) -> Town:
    """The last question of the form, which a photo answers."""
    town.started()
    for words in ("Anna Weber", "12 March 2020", "Travel"):
        town.write(CHAT, ALICE, words)
    return town


def parking(town: Town, *fields: dict[str, Any]) -> None:
    """A service with these fields, begun."""
    staff = [{**STAFF[0], "desks": ["parking"]}, STAFF[2]]
    town.opened(services=[town.service_file("parking", form=list(fields))], staff=staff)
    town.started()


def sent_while_silent(town: Town, *, name: str = "old.jpg") -> dict[str, Any]:
    """A photo is sent while the homeserver gives out no files."""
    town.host.client.no_download = SILENT
    photo = town.attached(name=name)
    with pytest.raises(UnavailableError):
        town.hear(CHAT, ALICE, photo)
    return photo


def wait(town: Town, words: str) -> None:
    """Write while the file's job still fails."""
    with pytest.raises(UnavailableError):
        town.write(CHAT, ALICE, words)


def values(town: Town) -> Any:
    [(form, answers)] = town.sql("SELECT kept->'form', kept->'answers' FROM agency.case_file")
    return form["values"] if form else answers


def waiting(town: Town) -> int:
    [(count,)] = town.sql("SELECT count(*) FROM agency.held")
    return int(count)


def test_a_file_has_its_true_size_and_kind(town: Town) -> None:
    asked_for_photo(town)
    photo = town.attached(mimetype="image/png")
    photo["info"]["size"] = 7

    town.hear(CHAT, ALICE, photo)

    photo_value = next(one for one in values(town).values() if isinstance(one, dict))
    assert photo_value["size_bytes"] == len(JPEG_DATA)
    assert photo_value["mimetype"] == "image/jpeg"
    assert photo_value["file"] == photo["file"]
    assert town.sql("SELECT 1 FROM runtime.errand WHERE kind LIKE 'agency.file%%'") == []


def test_a_file_without_encryption_is_looked_at_too(town: Town) -> None:
    asked_for_photo(town)
    said = words_of(town.hear(CHAT, ALICE, town.attached(b"no photo", is_encrypted=False)))
    assert "The file arrived damaged" in said

    said = words_of(town.hear(CHAT, ALICE, town.attached(is_encrypted=False)))

    assert PHOTO_IS_OLD in said


def test_a_file_that_is_not_what_was_sent_does_not_count(town: Town) -> None:
    asked_for_photo(town)
    stored = town.host.client.stored
    changed, cut, gone = (town.attached() for _ in range(3))
    stored[changed["file"]["url"]] = b"x" * len(JPEG_DATA)
    stored[cut["file"]["url"]] = stored[cut["file"]["url"]][:-1]
    gone["file"]["url"] = "mxc://veche.test/gone"
    other_key = town.attached()
    other_key["file"]["key"] = encrypt_file(b"")[1]["key"]
    no_photo, empty = town.attached(b"GIF89a"), town.attached(b"")
    before = values(town)

    for photo in (changed, cut, other_key, no_photo, empty):
        said = words_of(town.hear(CHAT, ALICE, photo))
        assert "The file arrived damaged" in said
        assert "4 of 4" in said
    assert "is not on the server any more" in words_of(town.hear(CHAT, ALICE, gone))

    assert values(town) == before
    assert PHOTO_IS_OLD in words_of(town.hear(CHAT, ALICE, town.attached()))


def test_what_a_field_allows_is_held_against_the_true_file(town: Town) -> None:
    field: dict[str, Any] = {"id": "paper", "kind": "file", "label": {"en": "Paper"}}
    field |= {"bytes_max": 100, "mimetypes": ["application/pdf"]}
    parking(town, field)
    image = town.attached(b"\xff\xd8\xff", mimetype="application/pdf")
    large = town.attached(b"%PDF-" + bytes(200), mimetype="application/pdf")
    large["info"]["size"] = 5

    assert "This kind of file can't be used" in words_of(town.hear(CHAT, ALICE, image))
    assert "This file is too large" in words_of(town.hear(CHAT, ALICE, large))
    assert not values(town)


def test_the_error_is_in_the_language_of_the_person(town: Town) -> None:
    asked_for_photo(town)
    town.write(CHAT, ALICE, "!language de")

    said = words_of(town.hear(CHAT, ALICE, town.attached(b"no photo")))

    assert "Die Datei ist beschädigt angekommen" in said


def test_what_is_said_after_a_file_waits_for_it(town: Town) -> None:
    asked_for_photo(town)
    sent_while_silent(town)
    before = len(town.said)
    wait(town, "\0\ud800")
    wait(town, "submit")
    wait(town, "!help")
    assert "You can write" in words_of(town.said[before:])
    assert PHOTO_IS_OLD not in words_of(town.said[before:])
    assert waiting(town) == 3

    town.host.client.no_download = None
    said = words_of(town.settle())

    assert said.index(PHOTO_IS_OLD) < said.index("We have it")
    assert town.case().state == State.SUBMITTED.value
    assert any(isinstance(value, dict) for value in values(town).values())
    assert waiting(town) == 0


def test_several_files_count_in_their_order(town: Town) -> None:
    fields = [{"id": id_, "kind": "photo", "label": {"en": id_}} for id_ in ("front", "back")]
    parking(town, *fields)
    sent_while_silent(town, name="one.jpg")
    with pytest.raises(UnavailableError):
        town.hear(CHAT, ALICE, town.attached(name="two.jpg"))
    wait(town, "submit")

    town.host.client.no_download = None
    town.settle()

    assert [values(town)[id_]["name"] for id_ in ("front", "back")] == ["one.jpg", "two.jpg"]
    assert town.case().state == State.SUBMITTED.value


def test_a_homeserver_that_does_not_answer_is_asked_for_a_while(town: Town) -> None:
    asked_for_photo(town)
    sent_while_silent(town)
    town.host.client.no_download = MatrixError(502, {})
    [(check,)] = town.sql("SELECT errand_id FROM runtime.errand WHERE kind = %s", CHECK_FILE)
    later = town.now_ms + GIVE_UP_MS
    town.sql("UPDATE runtime.errand SET due_at_ms = %s WHERE errand_id = %s", later, check)

    said = words_of(town.pass_time(SLOW_MS))
    assert "Your server has not given me the file old.jpg yet." in said
    said = words_of(town.pass_time(GIVE_UP_MS))

    assert "Your server did not give me the file. Please send it again later." in said
    assert waiting(town) == 0


def test_not_everything_waits(town: Town) -> None:
    asked_for_photo(town)
    sent_while_silent(town)
    for _ in range(QUEUED_MAX - 1):
        wait(town, "x")
    before = len(town.said)

    wait(town, "one too many")

    assert "I am still looking at the file" in words_of(town.said[before:])
    assert waiting(town) == QUEUED_MAX


def test_a_damaged_file_is_not_added_to_a_case(town: Town) -> None:
    town.submitted()
    room = town.case().room

    said = words_of(town.hear(room, ALICE, town.attached(b"no photo")))

    assert "The file arrived damaged" in said
    [(files,)] = town.sql("SELECT kept->'files' FROM agency.case_file")
    assert files == []


def test_a_damaged_file_does_not_answer_the_desk(town: Town) -> None:
    town.claimed()
    town.ask_person("A photo?")

    said = town.hear(town.case().room, ALICE, town.attached(b"no photo"))

    assert "The file arrived damaged" in words_of(said)
    assert town.case().state == State.NEEDS_MORE.value


def test_a_file_that_was_not_sent_to_the_room_answers_nothing(town: Town) -> None:
    asked_for_photo(town)
    field = town.question("form").prompt["form"]["fields"][-1]["id"]

    data = {field: {"mxc": "mxc://veche.test/x", "name": "x.jpg", "mimetype": "image/jpeg"}}
    question = town.question("form")
    content = {
        "msgtype": "m.text",
        "body": "filled in",
        ANSWER_KEY: {"v": 1, "prompt": question.prompt["id"], "data": data},
        "m.relates_to": {"rel_type": "m.reference", "event_id": question.event_id},
    }

    said = town.hear(CHAT, ALICE, content)

    assert "Please send a photo here, as an attachment." in words_of(said)
    assert field not in values(town)
