"""Messages in the room of a dispute or an escrow; most of them are between people.

The bot reads along for three things: answers to its questions, lines that begin with its word and
the number of the matter, and files of a side of a dispute, which are evidence. Words that reply to
nothing are talk, whatever they look like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.chats.service.chats import ANSWERS
from appservices.payments.conversation.core.commands import DISPUTE, ESCROW
from appservices.payments.conversation.service.conversation import PURPOSE
from appservices.payments.conversation.service.sent_files import is_file
from appservices.payments.disputes.core.dispute import LIVE
from appservices.payments.disputes.service import (
    asking as dispute_asking,
)
from appservices.payments.disputes.service import (
    evidence,
)
from appservices.payments.disputes.service import (
    orders as dispute_orders,
)
from appservices.payments.disputes.service import records as cases
from appservices.payments.disputes.texts.dispute import Side
from appservices.payments.escrows.service import (
    asking as escrow_asking,
)
from appservices.payments.escrows.service import (
    orders as escrow_orders,
)
from appservices.payments.escrows.service import (
    records as escrow_files,
)
from appservices.payments.rooms import store
from veche.bots import act_on_answer, commit_words, unconfirmed
from veche.chat import prompts
from veche.chat.attention import came_in_clear, is_edit, is_said
from veche.chat.sending import MEMBER, Ground
from veche.protocol.answers import Chosen
from veche.protocol.commands import HELP, read_command
from veche.protocol.talk import clear_doc
from veche.protocol.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.disputes.service.records import Case
    from appservices.payments.escrows.service.records import Deal
    from appservices.payments.rooms.store import Kind, Place
    from veche.protocol.commands import Command
    from veche.protocol.inbound import Inbound

COMMANDS: Final[Mapping[Kind, tuple[Command, ...]]] = {
    "dispute": (DISPUTE, HELP),
    "escrow": (ESCROW, HELP),
}
"""What is answered in the rooms of each kind."""
_BASIS: Final = "dispute of its sides"
_GONE: Final = frozenset({"leave", "ban"})
_VOICE: Final = ("org.matrix.msc3245.voice.v2", "org.matrix.msc3245.voice", "m.voice")


def receive(scene: Conversation, inbound: Inbound) -> bool:
    """Act on one event, if it is of the room of a dispute or an escrow; whether it is."""
    place = store.at(scene.txn, inbound.room_id)
    if place is None:
        return False
    if inbound.event_type == MEMBER:
        is_gone = mapping(inbound.content).get("membership") in _GONE
        if inbound.state_key == inbound.bot and is_gone:
            store.set_left(scene.txn, place.room_id)
        return True
    if place.kind == "dispute":
        _note_desk_words(scene, inbound, place)
    if is_said(inbound) and not is_edit(inbound):
        # Whoever does not take part is not heard, however they came in.
        if place.kind == "dispute":
            _in_dispute(scene, inbound, place)
        else:
            _in_escrow(scene, inbound, place)
    return True


def _note_desk_words(scene: Conversation, inbound: Inbound, place: Place) -> None:
    """Commit what the dispute desk says to both sides, in its own words: an act on each of them."""
    case = cases.lock(scene, place.matter_id)
    if case is None or case.side_of(inbound.sender, scene) is not Side.DESK:
        return
    persons = (case.view.payer.person, case.view.payee.person)
    role, about = "role:dispute_desk", case.dispute.id
    grounds = [Ground(one, PURPOSE, _BASIS, role, about) for one in persons if one is not None]
    commit_words(scene, inbound, "desk_says", grounds)


def _in_dispute(scene: Conversation, inbound: Inbound, place: Place) -> None:
    case = cases.lock(scene, place.matter_id)
    side = case.side_of(inbound.sender, scene) if case is not None else None
    if case is None or side is None:
        return
    typed = _typed(scene, inbound, place, case.view.number)
    if typed is not None:
        if _is_readable(scene, inbound):
            _order_in_dispute(scene, inbound, (case, side, place), typed)
    elif is_file(inbound):
        # A sender message is talk. Whoever decides gives no evidence.
        is_voice = any(key in inbound.content for key in _VOICE)
        if side is not Side.DESK and case.dispute.state in LIVE and not is_voice:
            evidence.take_for(scene, inbound, case.dispute.id)
    else:
        _answer(scene, inbound)


def _order_in_dispute(
    scene: Conversation, inbound: Inbound, seen: tuple[Case, Side, Place], typed: str
) -> None:
    case, side, place = seen
    if typed:
        problem = dispute_orders.say(scene, inbound.sender, case.dispute.id, typed.split())
        if problem is not None:
            dispute_orders.tell_problem(scene, inbound, problem, case.view.number)
        return
    dispute_asking.show_card(scene, case, place, is_anew=True)
    dispute_asking.show(scene, case, side, inbound.sender)


def _in_escrow(scene: Conversation, inbound: Inbound, place: Place) -> None:
    deal = escrow_files.lock(scene, place.matter_id)
    if deal is None or deal.voter_of(inbound.sender) is None:
        return
    typed = _typed(scene, inbound, place, deal.view.number)
    if typed is not None:
        if _is_readable(scene, inbound):
            _order_in_escrow(scene, inbound, (deal, place), typed)
        return
    _answer(scene, inbound)


def _order_in_escrow(
    scene: Conversation, inbound: Inbound, seen: tuple[Deal, Place], typed: str
) -> None:
    deal, place = seen
    if not typed:
        escrow_asking.show_card(scene, deal, place, is_anew=True)
    escrow_orders.act(scene, inbound, deal.escrow.id, typed)


def _typed(scene: Conversation, inbound: Inbound, place: Place, number: str) -> str | None:
    """Return the text after a command and the number of the matter; None if it is talk.

    Without the number a sentence may well begin with such a word.
    """
    language = scene.language_of(inbound.sender)
    parsed = read_command(inbound.content, COMMANDS[place.kind], language)
    if parsed is None:
        return None
    if parsed.command is HELP:
        return "" if not parsed.argument else None
    named, _, rest = parsed.argument.strip().partition(" ")
    return rest.strip() if named.upper() == number else None


def _is_readable(scene: Conversation, inbound: Inbound) -> bool:
    """Return whether a message counts; in clear or from a new device, anybody may write it."""
    clear = came_in_clear(scene.txn, inbound) and clear_doc(scene.localizer(inbound.sender))
    why = clear or unconfirmed(scene, inbound)
    if why is not None:
        scene.tell(inbound.room_id, inbound.sender, why)
    return why is None


def _answer(scene: Conversation, inbound: Inbound) -> None:
    """Act on an answer to a question, or say why it does not count."""
    heard = prompts.hear(scene.txn, inbound, is_talk=True)
    if not isinstance(heard.outcome, Chosen) or _is_readable(scene, inbound):
        act_on_answer(scene, heard, inbound, ANSWERS)
