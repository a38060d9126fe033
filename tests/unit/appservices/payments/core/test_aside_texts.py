"""What is said of escrows and disputes, in each language; and no answer is a command."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import attrs

from appservices.payments.conversation.core.commands import COMMANDS
from appservices.payments.disputes.core.dispute import Dispute, DisputeState, End
from appservices.payments.disputes.core.order import DisputeProblem, read_decision, read_dispute
from appservices.payments.disputes.texts import dispute as dispute_texts
from appservices.payments.disputes.texts.dispute import DisputeView, Side
from appservices.payments.escrows.core.escrow import (
    HOLDING,
    OVER,
    VOTERS_MAX,
    Escrow,
    EscrowState,
    OnSilence,
    Role,
    Voter,
)
from appservices.payments.escrows.core.order import EscrowOrder, EscrowProblem, Now, read_escrow
from appservices.payments.escrows.texts import escrow as escrow_texts
from appservices.payments.escrows.texts.escrow import ADDRESSES_CHARACTERS_MAX, EscrowView
from appservices.payments.transfers.texts.views import Party
from tests.support.tables import each_row
from veche.protocol.approval import TEXT_CHARACTERS_MAX, showable
from veche.protocol.commands import read_command
from veche.protocol.message import body
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue
from veche.protocol.texts.localizer import Localizer

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOGUE = Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.payments")
LABELS = (
    *("Take part", "Do not take part", "Stop it", "Not now", "Put it aside"),
    *("Do not put it aside", "Yes, dispute it", "Do not dispute it", "Take the dispute back"),
    *("Do not give it back", "Decide so", "Not so"),
)
ALICE, BOB, CAROL = (Party(f"@{one}:veche.test", one.title()) for one in ("alice", "bob", "carol"))


def localizer(language: str) -> Localizer:
    return Localizer(language, "Europe/Berlin", CATALOGUE)


def escrow(state: EscrowState, **more: Any) -> EscrowView:
    outcomes = {
        EscrowState.ENDING: 600,
        EscrowState.SHARED: 600,
        EscrowState.RELEASED: 1000,
        EscrowState.RETURNED: 0,
    }
    voters = (
        Voter(1, Role.BUYER, has_agreed=True, to_seller=600, approved_by="x"),
        Voter(2, Role.SELLER, has_agreed=False),
        Voter(3, Role.ARBITER, has_agreed=True),
    )
    one = Escrow(
        id="01KAXV3Q0G000000001Q2W3E4R",
        state=state,
        buyer=1,
        seller=2,
        ledger=1,
        amount_minor=1000,
        k=2,
        voters=voters
        if state in HOLDING
        else tuple(attrs.evolve(v, to_seller=None) for v in voters),
        on_silence=OnSilence.RETURN,
        asked_at_ms=1,
        ends_at_ms=1_790_000_000_000,
        due_at_ms=None if state in OVER else 1_780_000_000_000,
        to_seller=outcomes.get(state),
    )
    return EscrowView(attrs.evolve(one, **more), (ALICE, BOB, CAROL), "EUR", "bicycle")


def dispute(state: DisputeState, end: End | None = None) -> DisputeView:
    one = Dispute(
        id="01KAXV3Q0G000000001Q2W3E4S",
        payment_id="01KAXV3Q0G000000001Q2W3E4R",
        state=state,
        payer=1,
        payee=2,
        ledger=1,
        amount_minor=1000,
        held_minor=700,
        given_minor=None if end is None else 300,
        end=end,
        asked_at_ms=1,
        due_at_ms=1_790_000_000_000,
        approved_by=None if state is DisputeState.EXPIRED else "nonce",
    )
    return DisputeView(one, ALICE, BOB, "EUR", "vase", "broken", "whole", "fair")


@each_row("language", LANGUAGES)
def test_no_answer_to_a_question_is_a_command(language: str) -> None:
    said = localizer(language)
    labels = [CATALOGUE.text(language, label) for label in LABELS]
    labels += [said.text("Yes, give back {amount}", amount=said.money(500, "EUR"))]
    view = escrow(EscrowState.FUNDED)
    labels += [escrow_texts.split_words(view, minor, said) for minor in (0, 600, 1000)]

    for label in labels:
        for words in (label, label.removesuffix(".")):
            found = read_command({"msgtype": "m.text", "body": words}, COMMANDS, language)
            assert found is None, words


@each_row("language", LANGUAGES)
def test_each_state_of_an_escrow_is_said_to_everybody(language: str) -> None:
    for state, role in itertools.product(EscrowState, Role):
        for why in ("no_cover", "frozen", "over_day_limit", "guarded", "too_late", "failed"):
            view = escrow(state, why=why if state is EscrowState.REFUSED else None)
            text = body(escrow_texts.state_doc(view, role, localizer(language)))
            assert "1Q2W3E4R" in text
            assert "bicycle" in text


def test_only_the_buyer_learns_why_nothing_was_put_aside() -> None:
    view = escrow(EscrowState.REFUSED, why="no_cover")
    buyer, seller = (
        body(escrow_texts.state_doc(view, role, localizer("en")))
        for role in (Role.BUYER, Role.SELLER)
    )

    assert "You have not enough for it." in buyer
    assert "enough" not in seller


@each_row("language", LANGUAGES)
def test_what_is_signed_of_an_escrow_can_be_shown_however_long_the_names_are(
    language: str,
) -> None:
    length = ADDRESSES_CHARACTERS_MAX // VOTERS_MAX
    parties = tuple(
        Party(f"@{number}{'x' * length}"[: length - 5] + ":v.te", "W" * 200)
        for number in range(VOTERS_MAX)
    )
    roles = (Role.BUYER, Role.SELLER, *([Role.ARBITER] * (VOTERS_MAX - 2)))
    voters = tuple(Voter(n, role, has_agreed=True) for n, role in enumerate(roles))
    few = escrow(EscrowState.AGREED, voters=voters, k=5)
    view = attrs.evolve(few, parties=parties, reference="x" * 70)

    funding = escrow_texts.shown_funding(view, localizer(language))
    vote = escrow_texts.shown_vote(view, 600, localizer(language))
    for text in (funding, vote):
        assert len(text) <= TEXT_CHARACTERS_MAX
        assert showable(text) == text
    # Who signs is "I".
    for one in parties[1:]:
        assert one.address in funding


@each_row("language", LANGUAGES)
def test_what_is_signed_to_decide_says_who_gets_what(language: str) -> None:
    said = localizer(language)
    text = escrow_texts.shown_vote(escrow(EscrowState.FUNDED), 600, said)

    for words in ("1Q2W3E4R", ALICE.address, BOB.address, said.money(600, "EUR")):
        assert words in text
    assert said.money(400, "EUR") in text


@each_row("language", LANGUAGES)
def test_each_state_of_a_dispute_is_said_to_each_side(language: str) -> None:
    for view, side in itertools.product(_disputes(), Side):
        text = body(dispute_texts.dispute_doc(view, side, localizer(language)))
        for words in ("1Q2W3E4R", "vase", "broken", "whole", "fair"):
            assert words in text


def _disputes() -> Iterator[DisputeView]:
    for state in DisputeState:
        if state in {DisputeState.ENDING, DisputeState.CLOSED}:
            yield from (dispute(state, end) for end in End)
        else:
            yield dispute(state)


@each_row("language", LANGUAGES)
def test_what_is_wrong_is_said_with_what_would_be_right(language: str) -> None:
    said = localizer(language)
    now = Now(1_790_000_000_000, language, "Europe/Berlin")
    for problem in EscrowProblem:
        text = body(escrow_texts.problem_doc(problem, "EUR", said))
        plain = text.splitlines()[1].partition(" ")[2]
        assert isinstance(read_escrow(plain, ["EUR"], now), EscrowOrder)
        full = text.splitlines()[2].partition(" ")[2]
        assert isinstance(read_escrow(full, ["EUR"], now), EscrowOrder | EscrowProblem)
        assert read_escrow(full, ["EUR"], now) is not EscrowProblem.BAD_RULE
    for wrong in DisputeProblem:
        lines = body(dispute_texts.dispute_problem_doc(wrong, "1Q2W3E4R", "EUR", said)).splitlines()
        if len(lines) > 1:
            _, number, *words = lines[1].split()
            assert number == "1Q2W3E4R"
            assert getattr(read_dispute(words, "EUR"), "amount_minor", None) == 500
    example = dispute_texts.decision_example("1Q2W3E4R", said.money(500, "EUR"), said).split()
    assert getattr(read_decision(example[2:], "EUR", 500), "amount_minor", None) == 500
