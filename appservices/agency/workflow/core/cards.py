"""Result of a step: the case, and its effects with the cards brought up to date first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.agency.cases.core.effects import SetClock, UpdateCard, UpdateDeskCard
from appservices.agency.cases.core.turn import Outcome
from appservices.agency.desk.texts import desk_card_doc
from appservices.agency.workflow.texts import card_doc, card_of

if TYPE_CHECKING:
    from appservices.agency.cases.core.effects import Effect
    from appservices.agency.cases.core.turn import Turn


def outcome(turn: Turn) -> Outcome:
    """Return the case and the effects, with the cards brought up to date first."""
    set_before = set(turn.before.timers)
    clocks = [SetClock(timer) for timer in turn.case.timers if timer not in set_before]
    return Outcome(turn.case, (*_cards(turn), *turn.effects, *clocks))


def _cards(turn: Turn) -> list[Effect]:
    cards: list[Effect] = []
    if turn.case.has_room:
        doc = card_doc(turn.definition, turn.case, turn.context)
        card = card_of(turn.definition, turn.case, turn.context)
        before = card_of(turn.definition, turn.before, turn.context)
        if not turn.before.has_room or card != before:
            cards.append(UpdateCard(doc, card))
    if turn.before.is_at_desk:
        desk_doc = desk_card_doc(turn.definition, turn.case, turn.context)
        if desk_doc != desk_card_doc(turn.definition, turn.before, turn.context):
            cards.append(UpdateDeskCard(turn.definition.desk, desk_doc))
    return cards
