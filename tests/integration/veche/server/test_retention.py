"""What questions showed goes in time, and what refuses a late answer stays a while longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.veche.prompt_room import PromptRoom
from tests.support.postgres import database
from tests.support.prompts import ALICE, NOW_MS, a_prompt
from veche.chat.prompts import store
from veche.protocol.answers import Refused
from veche.protocol.refusals import RefusalReason
from veche.runtime.database.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.protocol.prompts import Prompt

LATER_MS: Final = NOW_MS + 1
SECRETS: Final = ("12.50 EUR", "Pay?", "Bakery")
"""What the choices, the intro and the purpose of a question say."""


@pytest.fixture
def room() -> Iterator[PromptRoom]:
    with database(*KERNEL_SETS) as dsn:
        room = PromptRoom(dsn)
        yield room
        room.close()


def asked(room: PromptRoom, name: str = "one") -> Prompt:
    return room.ask(a_prompt(name=name), payee="Bakery", topic="bill")


def answer(prompt: Prompt, room: PromptRoom, choice: str = "pay") -> dict[str, Any]:
    return {
        "org.veche.answer": {"v": 1, "prompt": prompt.id, "choice": choice},
        "m.relates_to": {"rel_type": "m.reference", "event_id": room.event_of(prompt)},
    }


def words(room: PromptRoom) -> str:
    """All that the table of questions has."""
    room.txn.execute("SELECT string_agg(p::text, ' ') FROM runtime.prompt AS p")
    [(found,)] = room.txn.fetchall()
    return str(found or "")


def test_what_an_answered_question_showed_is_wiped_and_open_ones_stay(room: PromptRoom) -> None:
    prompt, still_open = asked(room), asked(room, "two")
    room.settle(room.hear(answer(prompt, room)))
    early = store.wipe_closed(room.txn, NOW_MS)

    count = store.wipe_closed(room.txn, LATER_MS)

    assert (early, count, store.wipe_closed(room.txn, LATER_MS)) == (0, 1, 0)
    room.txn.execute(
        "DELETE FROM runtime.prompt WHERE prompt_id = %s RETURNING prompt::text", (still_open.id,)
    )
    assert "12.50 EUR" in room.txn.fetchall()[0][0]
    assert [secret for secret in SECRETS if secret in words(room)] == []


@pytest.mark.parametrize("is_wiped", [False, True])
def test_a_late_answer_is_refused_as_before(room: PromptRoom, is_wiped: bool) -> None:
    prompt = asked(room)
    content = answer(prompt, room)
    room.settle(room.hear(content))
    if is_wiped:
        store.wipe_closed(room.txn, LATER_MS)

    again = room.hear(content)

    assert isinstance(again.outcome, Refused)
    assert again.outcome.reason is RefusalReason.DOUBLED
    assert again.kept is not None
    assert (again.kept.prompt.scope, again.kept.prompt.expires_at_ms) == (
        (ALICE,),
        prompt.expires_at_ms,
    )


def test_a_question_that_was_left_open_is_closed_once_it_expired(room: PromptRoom) -> None:
    prompt = asked(room)

    early = store.close_left_open(room.txn, prompt.expires_at_ms)
    count = store.close_left_open(room.txn, prompt.expires_at_ms + 1)

    assert (early, count) == (0, 1)
    assert not room.kept(prompt).is_open
    assert store.wipe_closed(room.txn, prompt.expires_at_ms + 1) == 1


def test_only_what_was_wiped_is_forgotten(room: PromptRoom) -> None:
    prompt = asked(room)
    asked(room, "two")
    room.settle(room.hear(answer(prompt, room)))
    before = store.forget(room.txn, LATER_MS)
    store.wipe_closed(room.txn, LATER_MS)

    after = store.forget(room.txn, LATER_MS)

    assert (before, after) == (0, 1)
    room.txn.execute("SELECT count(*) FROM runtime.prompt")
    assert room.txn.fetchall() == [(1,)]


def test_one_call_changes_no_more_than_a_batch(
    room: PromptRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HOUSEKEEPING_ROWS_MAX", 2)
    for name in ("one", "two", "three"):
        room.settle(room.hear(answer(asked(room, name), room)))

    counts = [store.wipe_closed(room.txn, LATER_MS) for _ in range(3)]

    assert counts == [2, 1, 0]
