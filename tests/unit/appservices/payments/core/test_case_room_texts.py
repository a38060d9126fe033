"""What stands in the room of a dispute or an escrow, in each language and state."""

from __future__ import annotations

import attrs

from appservices.payments.conversation.core.commands import DISPUTE, ESCROW
from appservices.payments.disputes.core.dispute import LIVE, DisputeState, End
from appservices.payments.disputes.core.dispute import OVER as DISPUTE_OVER
from appservices.payments.disputes.texts import room as disputes
from appservices.payments.disputes.texts.dispute import Side
from appservices.payments.escrows.core.escrow import OVER as ESCROW_OVER
from appservices.payments.escrows.core.escrow import EscrowState, Role
from appservices.payments.escrows.core.order import RELEASE, RETURN, SHARE
from appservices.payments.escrows.texts import room as escrows
from appservices.payments.rooms.texts import moved_doc
from appservices.payments.transfers.texts.views import Party
from tests.support.tables import each_row
from tests.unit.appservices.payments.core.test_aside_texts import dispute, escrow, localizer
from veche.protocol.commands import HELP, read_command
from veche.protocol.message import Bold, Doc, Facts, body
from veche.protocol.texts.catalogue import LANGUAGES

NUMBER = "1Q2W3E4R"


def ways(doc: Doc) -> list[str]:
    """What the card says can be written: the values of its last facts."""
    found = [block for block in doc if isinstance(block, Facts)][-1]
    return ["".join(getattr(span, "text", str(span)) for span in value) for _, value in found.facts]


@each_row("language", LANGUAGES)
@each_row("state", DisputeState)
def test_the_card_of_a_dispute_names_only_lines_that_are_understood(
    state: DisputeState, language: str
) -> None:
    end = End.DECIDED if state in {DisputeState.ENDING, DisputeState.CLOSED} else None
    said = localizer(language)
    doc = disputes.dispute_card(dispute(state, end), said)

    assert (said.text("To see this again") in body(doc)) == (state in LIVE)
    over = "It is over. This room stays yours; nothing that is said here counts."
    assert (said.text(over) in body(doc)) == (state in DISPUTE_OVER)
    for line in ways(doc) if state in LIVE else ():
        parsed = read_command({"msgtype": "m.text", "body": line}, (DISPUTE, HELP), language)
        assert parsed is not None, line
        assert parsed.argument.split()[0] == NUMBER


@each_row("language", LANGUAGES)
@each_row("state", EscrowState)
def test_the_card_of_an_escrow_names_only_lines_that_are_understood(
    state: EscrowState, language: str
) -> None:
    said = localizer(language)
    doc = escrows.escrow_card(escrow(state), said)

    is_open = state is EscrowState.FUNDED
    assert (said.text("To see this again") in body(doc)) == is_open
    over = "It is over. This room stays yours; nothing that is said here counts."
    assert (said.text(over) in body(doc)) == (state in ESCROW_OVER)
    if is_open:
        lines = [
            read_command({"msgtype": "m.text", "body": line}, (ESCROW, HELP), language)
            for line in ways(doc)
        ]
        arguments = [one.argument.split() for one in lines if one is not None]
        assert [one[0] for one in arguments] == [NUMBER] * 4
        wishes = [one[1] for one in arguments[:3]]
        assert [wishes[0] in RELEASE, wishes[1] in RETURN, wishes[2] in SHARE] == [True] * 3


def test_what_an_organisation_cannot_do_in_the_room_is_said() -> None:
    view = attrs.evolve(dispute(DisputeState.OPEN), payee=Party("bakery", "Bakery"))
    words = body(disputes.dispute_card(view, localizer("en")))

    assert "Bakery answers by its program, and does not read here." in words
    assert "if they are sent here by: Alice." in words


@each_row("language", LANGUAGES)
def test_questions_news_and_reminders_are_said_in_each_language(language: str) -> None:
    said, seen = localizer(language), dispute(DisputeState.AT_DESK)
    deal = escrow(EscrowState.FUNDED)
    moment = said.moment(seen.dispute.due_at_ms or 0)

    for side in Side:
        assert body(disputes.dispute_question(seen, side, Bold("Ann"), said)).startswith("Ann: ")
    assert moment in body(disputes.dispute_news(seen, said))
    assert moment in body(disputes.dispute_reminder(seen, said))
    assert body(escrows.escrow_question(deal, Role.BUYER, Bold("Ann"), said)).startswith("Ann: ")
    assert said.moment(deal.escrow.ends_at_ms) in body(escrows.escrow_reminder(deal, said))
    assert body(escrows.escrow_news(deal, said))
    assert body(moved_doc(said))
