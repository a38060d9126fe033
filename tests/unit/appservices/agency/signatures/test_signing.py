"""The step `sign`: how it is written, who is asked, and what becomes of the document."""

from __future__ import annotations

from typing import Any, Final

import pytest

from appservices.agency.cases.core.case_json import from_json, to_json
from appservices.agency.cases.core.effects import (
    AskSignatures,
    Escalate,
    FetchSigned,
    GiveUpSignatures,
    SendDocument,
    TellDesk,
    TellPerson,
    UpdateCard,
)
from appservices.agency.cases.core.inputs import (
    AllSigned,
    Approve,
    Claim,
    DocumentFailed,
    DocumentMade,
    NotSigned,
    Retry,
    RoomMade,
    SignaturesAsked,
    SigningFailed,
    Status,
    Why,
)
from appservices.agency.cases.core.states import State, TimerKind
from appservices.agency.language.core.definition import ServiceDefinition, Signer, SignStep
from appservices.agency.language.core.language import read_service
from appservices.agency.language.core.problems import ServiceFileError
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    CLERK,
    HEAD,
    Play,
    dumped,
    filled,
    said,
    service,
    service_data,
)

SIGN: Final[dict[str, Any]] = {
    "step": "sign",
    "by": ["person", "clerk"],
    "law": "Permits Act, section 5",
    "due_days": 14,
}
FORM: Final = {"step": "form"}
REVIEW: Final = {"step": "review"}
RESULT: Final = {"document": {"template": "x.typ", "title": {"en": "Permit"}}}
SESSION: Final = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3"
OTHER_SESSION: Final = "01KAV3Z8K4Q6V5W7X9Y0A1B2C4"


def signs(*steps: dict[str, Any], **changes: Any) -> ServiceDefinition:
    return service(steps=list(steps or (FORM, REVIEW, SIGN)), **{"result": RESULT, **changes})


def approved(definition: ServiceDefinition | None = None) -> Play:
    play = Play.opened(definition or signs()).do(filled({"plate": "A"}), RoomMade())
    return play.do(Claim(CLERK), Approve(CLERK))


def sent() -> Play:
    return approved().do(SignaturesAsked(1, SESSION))


def test_it_says_who_signs_by_which_law_and_until_when() -> None:
    *_, step = signs().steps

    assert isinstance(step, SignStep)
    assert (step.by, step.due_days) == ((Signer.PERSON, Signer.CLERK), 14)
    assert step.law.text("en") == "Permits Act, section 5"
    assert signs().signs


@each_row(
    ("changes", "wrong"),
    [
        ({"by": None}, "by is missing"),
        ({"by": ["mayor"]}, "not known here"),
        ({"by": ["person", "person"]}, "signs twice"),
        ({"law": None}, "law is missing"),
        ({"due_days": None}, "due_days is missing"),
        ({"due_days": 181}, "180"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], wrong: str) -> None:
    step = {key: value for key, value in (SIGN | changes).items() if value is not None}
    data = service_data(steps=[FORM, REVIEW, step], result=RESULT)

    with pytest.raises(ServiceFileError) as caught:
        read_service(dumped(data))
    assert any(wrong in str(one) for one in caught.value.problems), caught.value


def test_it_needs_a_document_a_decision_before_it_and_a_clerk_who_signs() -> None:
    with pytest.raises(ServiceFileError, match="no document is declared"):
        signs(result=None)
    with pytest.raises(ServiceFileError, match="made before anybody decided"):
        signs(FORM, SIGN, REVIEW)
    decide = {"step": "decide", "decision": "approve"}
    with pytest.raises(ServiceFileError, match="no clerk approves"):
        signs(FORM, decide, SIGN, review=None, refusal=None)
    assert signs(FORM, decide, {**SIGN, "by": ["person"]}, review=None, refusal=None).signs


def test_after_the_approval_the_document_is_sent_to_be_signed_and_not_delivered() -> None:
    play = approved()

    assert play.state is State.SIGNING
    [asked] = [one for one in play.outcome.effects if isinstance(one, AskSignatures)]
    assert asked.number == 1
    assert asked.data["facts"]["case"] == play.outcome.case.id
    assert "SendDocument" not in play.kinds()
    kept = play.outcome.case.signatures
    assert kept is not None
    assert kept.clerk == CLERK.id
    assert play.outcome.case.due_at_ms is None


def test_the_desk_reads_that_its_clerk_still_has_to_sign() -> None:
    by_person = approved(signs(FORM, REVIEW, {**SIGN, "by": ["person"]}))

    assert f"Decided: approved. {CLERK.id} still has to sign" in said(
        approved().outcome.effects, TellDesk
    )
    assert "This case is closed: approved." in said(by_person.outcome.effects, TellDesk)


def test_the_person_is_told_who_signs_and_until_when() -> None:
    play = sent()

    words = said(play.outcome.effects, TellPerson)
    for part in (
        "Signed by: you, the office",
        "By the rule: Permits Act, section 5",
        "the signing bot asks you",
        "If it is not signed by then, the case expires.",
    ):
        assert part in words
    [card] = [one for one in play.outcome.effects if isinstance(one, UpdateCard)]
    assert card.card.state == "signing"


@pytest.mark.parametrize("heard", [Status(), Why()])
def test_it_says_what_is_waited_for(heard: Status | Why) -> None:
    assert "Sign the document until" in sent().do(heard).said()


def test_once_everyone_has_signed_the_signed_file_is_the_document() -> None:
    play = sent().do(AllSigned(1, SESSION))
    assert play.state is State.DECIDED_YES
    assert FetchSigned(SESSION) in play.outcome.effects
    assert "Everyone has signed" in play.said()

    assert play.do(DocumentMade("a" * 64, 10)).state is State.SERVED
    [delivered] = [one for one in play.outcome.effects if isinstance(one, SendDocument)]
    assert (delivered.issued.sha256, delivered.issued.title) == ("a" * 64, "Permit")


def test_a_signed_file_that_cannot_be_fetched_is_fetched_again_and_never_made_anew() -> None:
    play = sent().do(
        AllSigned(1, SESSION), DocumentFailed("the service does not answer"), Retry(HEAD)
    )

    assert FetchSigned(SESSION) in play.outcome.effects
    assert "MakeDocument" not in play.kinds()


@pytest.mark.parametrize(
    ("is_late", "state", "words"),
    [(True, State.EXPIRED, "not signed in time"), (False, State.WITHDRAWN, "did not sign it")],
)
def test_without_signatures_there_is_no_document(is_late: bool, state: State, words: str) -> None:
    play = sent().do(NotSigned(1, SESSION, is_late=is_late))

    assert play.state is state
    assert words in play.said()
    assert play.outcome.case.documents == ()


def test_if_nothing_is_heard_in_time_it_is_taken_back() -> None:
    play = sent().ring(TimerKind.EXPIRY)

    assert play.state is State.EXPIRED
    assert GiveUpSignatures(SESSION) in play.outcome.effects


def test_what_comes_twice_or_late_changes_nothing() -> None:
    play = sent()
    case = play.outcome.case
    for heard in (
        AllSigned(2, SESSION),
        SignaturesAsked(1, SESSION),
        NotSigned(3, SESSION, is_late=True),
        # Whoever asks for signatures in the organisation's name chooses what they refer to.
        AllSigned(1, OTHER_SESSION),
        NotSigned(1, OTHER_SESSION, is_late=False),
    ):
        assert play.do(heard).outcome.case is case
    signed = play.do(AllSigned(1, SESSION)).outcome.case
    assert play.do(AllSigned(1, SESSION)).outcome.case is signed
    assert play.do(NotSigned(1, SESSION, is_late=True)).outcome.case is signed


def test_where_it_cannot_be_sent_the_office_mends_it() -> None:
    play = approved().do(SigningFailed(1, "there is no seal"))
    [up] = [one for one in play.outcome.effects if isinstance(one, Escalate)]
    assert "there is no seal" in said((up,))
    assert "The office knows and mends it." in play.said()

    play.do(Retry(HEAD))
    assert "AskSignatures" in play.kinds()
    assert play.do(Retry(HEAD)).outcome.refusal is not None


def test_a_case_of_an_earlier_release_has_no_signatures() -> None:
    play = Play.opened()
    kept = to_json(play.outcome.case)
    del kept["signatures"], kept["decided_by"]

    assert from_json(kept) == play.outcome.case
