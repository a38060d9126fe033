from __future__ import annotations

import json

import attrs
import pytest

from appservices.agency.cases.core import case_json
from appservices.agency.cases.core.case import AddedFile, Case, Fee, FeeState, HistoryEntry, Refusal
from appservices.agency.cases.core.export import export
from appservices.agency.cases.core.states import OVER, Happened, State
from appservices.agency.desk.texts import desk_card_doc
from appservices.agency.offices.core.office import Role
from appservices.agency.wiping.core import wiped
from appservices.agency.workflow.texts import card_doc, status_doc, why_doc
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import NOW_MS, context, example, served
from veche.protocol.errors import RefusedError
from veche.protocol.message import body

SECRETS = ("Anna Muster", "private words", "the-key", "carol", "photo.jpg", "https://pay")
LATER_MS = NOW_MS + 4_000 * 24 * 3600 * 1000


def a_case() -> Case:
    """A case that is closed, with all that may be private in it."""
    case = served().outcome.case
    file = {"name": "photo.jpg", "sha256": "s" * 43, "file": {"key": "the-key"}, "mxc": "mxc://x/y"}
    fee = Fee(
        1, 0, 1250, "EUR", NOW_MS, State.SUBMITTED, FeeState.PAID, "REF", "https://pay.example.org"
    )
    told = HistoryEntry(
        NOW_MS, Role.CLERK, State.CLOSED, Happened.QUESTION_ANSWERED, "private words"
    )
    return attrs.evolve(
        case,
        state=State.CLOSED,
        clerk="carol",
        first_approval="carol",
        asked_text="private words",
        refusal=Refusal("code", "a law", "private words", NOW_MS),
        files=(AddedFile(NOW_MS, file),),
        fees=(fee,),
        history=(*case.history, told),
    )


CASE = a_case()
LEFT = wiped(CASE, LATER_MS)


def dumped(case: Case) -> str:
    return json.dumps(case_json.to_json(case), ensure_ascii=False)


def test_nothing_private_of_a_case_is_left() -> None:
    before, after = dumped(CASE), dumped(LEFT)

    assert [secret for secret in SECRETS if secret not in before] == []
    assert [secret for secret in SECRETS if secret in after] == []


def test_what_proves_it_stays() -> None:
    assert LEFT.documents == CASE.documents
    assert [added.file for added in LEFT.files] == [{"sha256": "s" * 43}]
    assert [(one.at_ms, one.role, one.happened, one.state) for one in LEFT.history] == [
        (one.at_ms, one.role, one.happened, one.state) for one in CASE.history
    ]
    assert (LEFT.id, LEFT.state, LEFT.subject, LEFT.digest, LEFT.submitted_at_ms) == (
        (CASE.id, CASE.state, CASE.subject, CASE.digest, CASE.submitted_at_ms)
    )
    assert LEFT.refusal == Refusal("code", "a law", "", NOW_MS)
    assert LEFT.fees[0].amount == CASE.fees[0].amount


def test_every_field_of_a_case_was_thought_of() -> None:
    """A new field is either wiped or one of these."""
    stays = {
        "id",
        "service",
        "digest",
        "subject",
        "office",
        "state",
        "opened_at_ms",
        "has_room",
        "step",
        "is_approved",
        "submitted_at_ms",
        "due_at_ms",
        "days_left",
        "timers",
        "is_at_desk",
        "asked_count",
        "documents",
        "serial",
        "wiped_at_ms",
    }
    names = {field.name for field in attrs.fields(Case)}
    empty = attrs.evolve(LEFT, history=(), files=(), fees=(), refusal=None)

    gone = {name for name in names - stays if not getattr(empty, name)}

    assert gone == names - stays


@each_row("state", list(State))
def test_only_a_case_that_is_over_is_wiped(state: State) -> None:
    case = attrs.evolve(CASE, state=state)

    if state in OVER:
        assert wiped(case, LATER_MS).state is state
    else:
        with pytest.raises(RefusedError):
            wiped(case, LATER_MS)


def test_a_case_that_was_wiped_is_kept_and_read_as_it_is() -> None:
    assert case_json.from_json(case_json.to_json(LEFT)) == LEFT
    older = case_json.to_json(CASE)
    del older["wiped_at_ms"]
    assert case_json.from_json(older) == CASE


def test_the_person_is_told_that_it_is_gone_and_what_is_left() -> None:
    here, definition = context(LATER_MS), example()
    gone = "Nothing. Its answers, texts and files were removed on 6 November 2036"

    for doc in (card_doc, status_doc, why_doc):
        assert gone in body(doc(definition, LEFT, here))
        assert gone not in body(doc(definition, CASE, here))
    assert "SHA-256 of the file: " + "a" * 64 in body(card_doc(definition, LEFT, here))
    assert "private words" not in body(why_doc(definition, LEFT, here))
    assert "by the rules of the service" not in body(why_doc(definition, LEFT, here))


def test_the_desk_is_told_that_it_is_gone() -> None:
    here, definition = context(LATER_MS), example()

    assert "Content removed: 6 November 2036" in body(desk_card_doc(definition, LEFT, here))
    assert "Content removed" not in body(desk_card_doc(definition, CASE, here))


def test_the_export_says_that_it_was_wiped() -> None:
    data = export(example(), LEFT, context(LATER_MS))

    assert data["wiped_at_ms"] == LATER_MS
    assert data["answers"] == {}
    assert data["documents"][0]["sha256"] == "a" * 64
    assert export(example(), CASE, context(LATER_MS))["wiped_at_ms"] is None
