"""Clocks, jobs that are repeated or refused, documents that fail, exports."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from appservices.agency.cases.core.states import State
from appservices.agency.documents.service import MAKE_DOCUMENT
from appservices.agency.workflow.service.effect_handlers import CLOCK, MAKE_ROOM, SEND_EXPORT
from tests.integration.appservices.agency.town import (
    ALICE,
    CAROL,
    CHAT,
    DAY_MS,
    EXAMPLE,
    HENRIETTE,
    HOUR_MS,
    new_words,
    opened_file,
    words_of,
)
from tests.support.act_chain import check_chain
from veche.protocol.errors import UnavailableError
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.matrix.client import MatrixError
from veche.transparency import envelope
from veche.transparency.act_proof import ActProofError, verify_acts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.appservices.agency.town import Said, Town
    from veche.messaging.jobs import Job


def fill(town: Town, *answers: str) -> list[Said]:
    said = []
    for answer in answers:
        said += town.write(CHAT, ALICE, answer)
    return said


# Clocks.


def test_a_form_that_is_not_finished_is_brought_to_mind_and_expires(town: Town) -> None:
    town.started()

    reminded = words_of(town.pass_time(29 * DAY_MS + 20 * HOUR_MS), CHAT)
    assert reminded
    assert town.case().state == State.DRAFT.value
    town.pass_time(2 * DAY_MS)

    assert town.case().state == State.EXPIRED.value
    assert "What do you need?" in words_of(fill(town, "hello"))


def test_a_desk_is_reminded_the_day_before(town: Town) -> None:
    town.submitted()

    said = words_of(town.pass_time(6 * DAY_MS), town.desk())

    assert "due on 1 December 2025" in said


def test_a_missed_deadline_is_handed_up_to_who_has_the_duty(town: Town) -> None:
    """The head of the office works at another desk, and is let into this one."""
    town.submitted()
    desk, room = town.desk(), town.case().room

    said = town.pass_time(9 * DAY_MS)

    assert "The deadline was missed" in words_of(said, desk)
    assert [one.state_key for one in said if one.type == "m.room.member"] == [HENRIETTE]
    assert words_of(said, room)
    claim = town.question("claim")
    assert claim.prompt["scope"] == [HENRIETTE]
    town.press(claim, HENRIETTE, "claim")
    assert town.case().clerk == "henriette"


def test_silence_in_the_end_means_what_the_service_says(town: Town) -> None:
    town.submitted()

    said = words_of(town.pass_time(20 * DAY_MS), town.case().room)

    assert town.case().state == State.DECIDED_NO.value
    assert "Administrative Court" in said


def test_a_question_that_nobody_answers_is_handed_up(town: Town) -> None:
    town.submitted()
    town.write(town.case().room, ALICE, "!human Hello?")

    said = town.pass_time(4 * DAY_MS)

    assert "not answered in time" in words_of(said, town.desk())


def test_a_person_who_does_not_answer_the_desk_loses_the_case(town: Town) -> None:
    town.claimed()
    town.ask_person("Which hospital?")

    town.pass_time(16 * DAY_MS)

    assert town.case().state == State.EXPIRED.value


def test_a_clock_that_was_set_anew_does_not_ring(town: Town) -> None:
    town.submitted()
    case_id = town.case().id
    before = len(town.said)
    payload = json.dumps(
        {"bot": town.agency.bots[0].user_id, "case": case_id, "timer": "overdue", "serial": 0}
    )
    town.sql(
        "INSERT INTO runtime.errand (errand_id, kind, payload, due_at_ms) VALUES (%s, %s, %s, 0)",
        "f" * 32,
        CLOCK,
        payload,
    )

    town.settle()

    assert town.said[before:] == []


def test_a_closed_case_is_only_read(town: Town) -> None:
    town.claimed()
    town.press(town.question("decide"), CAROL, "approve")
    town.pass_time(40 * DAY_MS)

    assert town.case().state == State.CLOSED.value
    room = town.case().room
    assert "closed" in words_of(town.write(room, ALICE, "status"), room)
    assert "no open cases" in words_of(fill(town, "status"))
    assert town.open_topics() == []


# JobRunner.


def job_of(town: Town, kind: str) -> Job:
    """The job of a kind that is due; nothing is done yet."""
    job = town.next_job()
    assert job is not None
    assert job.kind == kind
    return job


@pytest.fixture
def held(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town where jobs are left undone until a test does them."""
    town.started()
    fill(town, "Anna Weber", "12 March 2020", "Travel", "skip")
    monkeypatch.setattr(type(town), "settle", lambda self: self._leave())
    return town


def test_a_room_that_was_made_twice_is_one(held: Town) -> None:
    held.write(CHAT, ALICE, "submit")
    job = job_of(held, MAKE_ROOM)
    handler = held.agency.job_handlers()[MAKE_ROOM]

    first = held.wait(handler.perform(job))
    second = held.wait(handler.perform(job))

    assert first == second
    held.perform(job)
    assert held.case().room_id == first["room"]


def test_while_the_room_is_made_one_can_withdraw(held: Town) -> None:
    held.write(CHAT, ALICE, "submit")
    job = job_of(held, MAKE_ROOM)
    held.write(CHAT, ALICE, "!withdraw")
    held.press(held.question("withdraw"), ALICE, "withdraw")

    held.perform(job)
    held._leave()

    case = held.case()
    assert case.state == State.WITHDRAWN.value
    assert case.desk_effect is None
    assert "withdrawn" in words_of(held.said, case.room).lower()


def test_a_homeserver_that_does_not_answer_is_asked_again(held: Town) -> None:
    held.write(CHAT, ALICE, "submit")
    job = job_of(held, MAKE_ROOM)
    held.host.client.error = MatrixError(502, {})
    with pytest.raises(MatrixError):
        held.perform(job)
    assert held.next_job() == job

    held.host.client.error = None
    held.perform(job)

    assert held.case().room_id is not None


def test_an_errand_for_a_case_that_is_none_is_refused(town: Town) -> None:
    payload = json.dumps(
        {"bot": town.agency.bots[0].user_id, "case": "none", "name": "x", "filename": "x"}
    )
    for kind in (MAKE_ROOM, MAKE_DOCUMENT, SEND_EXPORT):
        town.sql(
            "INSERT INTO runtime.errand (errand_id, kind, payload, due_at_ms)"
            " VALUES (%s, %s, %s, 0)",
            kind,
            kind,
            payload,
        )

    town.settle()

    assert town.next_job() is None


def test_an_errand_waits_while_another_process_speaks(town: Town) -> None:
    def device_id(bot: object) -> Any:
        raise UnavailableError(f"another process speaks for {bot}", retry_after_ms=1)

    town.host.device_id = device_id  # type: ignore[method-assign]  # of a fake

    with pytest.raises(UnavailableError):
        town.begin_chat()
    assert town.next_job() is not None


# Documents.


def broken_service(folder: Path) -> Path:
    """The example with a template that does not work."""
    path = folder / EXAMPLE.name
    path.write_text(EXAMPLE.read_text())
    (folder / EXAMPLE.with_suffix(".typ").name).write_text("#nothing-of-the-kind()")
    return path


def test_a_document_that_cannot_be_made_is_handed_up(town: Town, tmp_path: Path) -> None:
    town.opened(services=[broken_service(tmp_path)])
    town.claimed()

    said = town.press(town.question("decide"), CAROL, "approve")

    assert town.case().state == State.DECIDED_YES.value
    assert "could not be made" in words_of(said, town.desk())
    retry = town.question("retry")
    assert retry.prompt["scope"] == [HENRIETTE]
    assert town.host.client.uploads == []


def test_a_document_is_made_again_at_the_desk(town: Town, tmp_path: Path) -> None:
    """The case ends on the template with which it began: mending it takes a new case; but what
    failed for another reason is made the second time."""
    town.opened(services=[broken_service(tmp_path)])
    town.claimed()
    town.press(town.question("decide"), CAROL, "approve")
    template = EXAMPLE.with_suffix(".typ")
    kept = json.dumps({template.name: template.read_text()})
    town.sql("UPDATE agency.definition SET templates = %s", kept)

    town.press(town.question("retry"), HENRIETTE, "retry")

    assert town.case().state == State.SERVED.value
    assert "retry" not in town.open_topics()


def test_a_document_is_the_same_when_it_is_made_again(
    held: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    held.write(CHAT, ALICE, "submit")
    held.press(held.question("claim"), CAROL, "claim")
    monkeypatch.setattr(type(held), "settle", lambda self: self._leave())
    held.press(held.question("decide"), CAROL, "approve")
    job = job_of(held, MAKE_DOCUMENT)
    handler = held.agency.job_handlers()[MAKE_DOCUMENT]

    first = held.wait(handler.perform(job))
    held.now_ms += HOUR_MS
    second = held.wait(handler.perform(job))

    assert first["sha256"] == second["sha256"]
    assert first["file"] != second["file"]  # each upload has a key of its own


def test_what_was_sent_is_what_was_made(town: Town) -> None:
    town.claimed()
    said = town.press(town.question("decide"), CAROL, "approve")
    [sent] = [one for one in said if one.content.get("msgtype") == "m.file"]

    data = opened_file(town.host.client.uploads[-1], sent.content["file"])

    assert data.startswith(b"%PDF-")
    assert sent.content["info"]["size"] == len(data)


# Exports.


def exported(town: Town) -> Any:
    """What the person got, decrypted."""
    town.claimed()
    said = town.write(town.case().room, ALICE, "export")
    [sent] = [one for one in said if one.content.get("msgtype") == "m.file"]
    assert sent.room_id == town.case().room
    return json.loads(opened_file(town.host.client.uploads[-1], sent.content["file"]))


def keys_of(whole: Any) -> dict[str, bytes]:
    return {name: decode_base64(key) for name, key in whole["keys"].items()}


def test_an_export_is_signed_by_the_organisation(town: Town) -> None:
    whole = exported(town)

    assert whole["signer"] == "lindenau"
    envelope.verify(whole, "lindenau", keys_of(whole))


def test_an_export_that_was_changed_does_not_verify(town: Town) -> None:
    whole = exported(town)
    changed = copy.deepcopy(whole)
    changed["org.veche.signed"]["answers"]["child_name"] = "Ben Weber"

    with pytest.raises(Exception, match=r"."):
        envelope.verify(changed, "lindenau", keys_of(whole))


def test_an_export_holds_the_case_and_no_names_of_the_staff(town: Town) -> None:
    case = exported(town)["org.veche.signed"]

    assert case["answers"]["child_name"] == "Anna Weber"
    assert case["history"][-1]["role"] == "clerk"
    assert "carol" not in json.dumps(case)
    assert ALICE not in json.dumps(case)


def test_an_export_proves_what_the_office_did_to_the_person(town: Town) -> None:
    whole = exported(town)
    key = town.host.act_heads.signer("lindenau").verifier

    proven = verify_acts(whole, [key])

    case = whole["org.veche.signed"]
    assert proven.organisation == "lindenau"
    assert {one.case for one in proven.acts} == {case["id"]}
    assert {one.subject for one in proven.acts} == {case["subject"]}
    acts = [said.opening["opening"] for said in town.said]
    ids = {act["id"] for act in acts if act.get("case") == case["id"] and act["subject"]}
    # The last one is the message that the export came with.
    assert len(proven.acts) == len(ids) - 1 > 1
    changed = copy.deepcopy(whole)
    changed["org.veche.acts"]["acts"][0]["opening"]["basis"] = "another law"
    with pytest.raises(ActProofError):
        verify_acts(changed, [key])


# All of it.


def test_at_the_end_the_log_of_acts_is_whole(town: Town) -> None:
    town.claimed()
    town.press(town.question("decide"), CAROL, "approve")
    town.pass_time(40 * DAY_MS)

    count = town.run(check_chain, "lindenau")

    assert count == len(town.said)
    assert town.sql("SELECT count(*) FROM runtime.act_spent") == [(count,)]
    assert new_words(town.said)
