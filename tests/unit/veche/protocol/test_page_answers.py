"""Answers that are given on pages, held against their prompts."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from tests.support.prompts import ALICE, BOT, MALLORY, NOW_MS, ROOM, a_prompt, said, standing
from tests.support.tables import each_row
from veche.protocol.answers import (
    Chosen,
    PromptState,
    RefusalReason,
    Refused,
    judge_answer,
    read_answer,
)
from veche.protocol.approval import AskedApproval, MandateShown
from veche.protocol.forms import Field, FieldKind, Form
from veche.protocol.ids import EventId, Ulid
from veche.protocol.inbound import PromptAnswer, Trust
from veche.protocol.prompts import Choice

FORM: Final = Form(fields=(Field(id="reason", kind=FieldKind.TEXT, label="Why?"),))
PROMPT: Final = a_prompt()
NONCE: Final = "n" * 32
SHOWN: Final = MandateShown(what="rule", text="A rule")
APPROVED: Final = PROMPT.model_copy(
    update={
        "choices": (
            Choice(
                id="pay",
                label="Pay",
                approve=AskedApproval(kind="mandate", nonce=NONCE, person=ALICE, shown=SHOWN),
            ),
            Choice(id="decline", label="Do not"),
        )
    }
)
ID: Final = Ulid(PROMPT.id)


def answer(choice: str | None = "pay", **changes: Any) -> PromptAnswer:
    one = PromptAnswer(
        bot=BOT,
        room_id=ROOM,
        event_id=EventId("page:x"),
        sender=ALICE,
        trust=Trust.VERIFIED,
        at_ms=NOW_MS,
        prompt=ID,
        choice=choice,
    )
    return attrs.evolve(one, **changes)


@pytest.mark.parametrize("event", [None, "$prompt"])
def test_a_page_may_answer_before_the_message_of_the_prompt_is_sent(event: str | None) -> None:
    assert judge_answer(answer(), standing(PROMPT, event)) == Chosen(ID, "pay", None, "page")


def test_a_form_is_filled_in_with_a_choice_or_without() -> None:
    asked, data = standing(a_prompt(form=FORM)), {"reason": "rent"}

    assert judge_answer(answer(data=data), asked) == Chosen(ID, "pay", data, "page")
    assert judge_answer(answer(None, data=data), asked) == Chosen(ID, None, data, "page")
    assert judge_answer(answer(None), asked) == Refused(ID, RefusalReason.MALFORMED)
    assert judge_answer(answer(data=data), standing(PROMPT)) == Chosen(ID, "pay", None, "page")


@each_row(
    ("state", "changes", "reason"),
    [
        (PromptState.OPEN, {"sender": MALLORY}, RefusalReason.OUT_OF_SCOPE),
        (PromptState.OPEN, {"choice": "everything"}, RefusalReason.UNKNOWN_CHOICE),
        (PromptState.OPEN, {"at_ms": NOW_MS + 60_000}, RefusalReason.LATE),
        (PromptState.CLOSED, {}, RefusalReason.LATE),
        (PromptState.ANSWERED, {}, RefusalReason.DOUBLED),
        (PromptState.EDITED, {}, RefusalReason.EDITED),
    ],
)
def test_what_does_not_count_in_the_room_does_not_count_on_a_page(
    state: PromptState, changes: dict[str, Any], reason: RefusalReason
) -> None:
    assert judge_answer(answer(**changes), standing(PROMPT, state=state)) == Refused(ID, reason)


@each_row("trust", Trust)
def test_a_page_needs_the_trust_that_the_prompt_asks_for(trust: Trust) -> None:
    found = judge_answer(answer(trust=trust), standing(a_prompt(min_trust="verified")))

    if trust >= Trust.VERIFIED:
        assert found == Chosen(ID, "pay", None, "page")
    else:
        assert found == Refused(ID, RefusalReason.TRUST_TOO_LOW)


def test_only_the_very_approval_that_was_asked_for_approves_a_choice() -> None:
    asked = standing(APPROVED)
    needed = Refused(ID, RefusalReason.APPROVAL_NEEDED, "pay")

    assert judge_answer(answer(trust=Trust.SIGNED, nonce=NONCE), asked) == Chosen(
        ID, "pay", None, "page", approved_by=NONCE
    )
    for trust, nonce in (
        (Trust.SIGNED, None),
        (Trust.SIGNED, "m" * 32),
        (Trust.VERIFIED, NONCE),
        (Trust.VERIFIED, None),
    ):
        assert judge_answer(answer(trust=trust, nonce=nonce), asked) == needed
    declined = judge_answer(answer("decline", trust=Trust.SIGNED, nonce=NONCE), asked)
    assert declined == Chosen(ID, "decline", None, "page")


def test_no_event_of_a_room_approves_a_choice_whatever_its_trust() -> None:
    content = {
        "msgtype": "m.text",
        "body": "Pay",
        "nonce": NONCE,
        "org.veche.answer": {"v": 1, "prompt": ID, "choice": "pay"},
        "m.relates_to": {"rel_type": "m.reference", "event_id": "$prompt"},
    }

    found = read_answer(said(content, trust=Trust.SIGNED), [standing(APPROVED)], NOW_MS)

    assert found == Refused(ID, RefusalReason.APPROVAL_NEEDED, "pay")
