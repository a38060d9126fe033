"""For whom a person speaks: for themselves, and for organisations whose clerks they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.texts.views import Party


def clerks_of(scene: Conversation, party: Party) -> list[UserId]:
    """List the clerks who speak for an organisation; nobody for a person."""
    section = scene.section.organisation(party.address)
    return [] if section is None else [UserId(one) for one in section.clerks]


def holders_of(scene: Conversation, person: UserId) -> list[int]:
    """Numbers of the holders for whom a person speaks, their own first."""
    served = [one.id for one in scene.section.organisations if person in one.clerks]
    return [scene.holder(person).id, *(scene.organisation(one).id for one in served)]
