"""Reception of events by a chat bot, and the answers that are the same for all bots."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from veche.access.sessions import PAGE_COMMANDS
from veche.bots.bounds import answer_invitation
from veche.bots.conversation import Conversation
from veche.chat.attention import came_in_clear, is_edit, is_said
from veche.chat.sending import MEMBER
from veche.messaging import jobs
from veche.protocol.commands import language_named
from veche.protocol.inbound import DeviceStanding
from veche.protocol.refusals import RefusalReason, refusal_text
from veche.protocol.talk import clear_doc, edit_doc, language_doc, languages_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.protocol.commands import Command
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer
    from veche.runtime.ports import Undelivered

logger = logging.getLogger(__name__)

_GONE: Final = frozenset({"leave", "ban"})

_WITHHELD: Final = frozenset({DeviceStanding.UNKNOWN, DeviceStanding.UNSIGNED, DeviceStanding.LATE})
"""Devices that read nothing of ours: a homeserver can add such ones to an account."""

C = TypeVar("C", bound=Conversation[Any])
C_contra = TypeVar("C_contra", bound=Conversation[Any], contravariant=True)


class Hear(Protocol[C_contra]):
    """Acts on what a person says in their chat."""

    def __call__(self, scene: C_contra, inbound: Inbound, /, *, is_greeted: bool) -> None:
        """Act.

        Args:
            scene: The transaction.
            inbound: What; a message, a file, or an answer to a question.
            is_greeted: They were welcomed there.
        """


def join_kind(purpose: str) -> str:
    """The kind of the jobs by which a bot goes into chats that persons began."""
    return purpose + jobs.JOIN_SUFFIX


def receive(scene: C, inbound: Inbound, hear: Hear[C]) -> None:
    """Act on one event that reached the bot."""
    if inbound.event_type == MEMBER:
        _follow(scene, inbound)
    elif is_said(inbound):
        chat = scene.parts.chats.read(scene.txn, inbound.room_id)
        if chat is not None and chat.person == inbound.sender:
            hear(scene, inbound, is_greeted=chat.is_greeted)


def _follow(scene: Conversation[Any], inbound: Inbound) -> None:
    """Follow an invitation to a chat; forget a chat that the bot was shown out of."""
    membership, chats = inbound.content.get("membership"), scene.parts.chats
    if inbound.state_key != inbound.bot:
        return
    if membership == "invite":
        known = [one.room_id for one in chats.of(scene.txn, inbound.sender)]
        kind, payload = join_kind(scene.parts.profile.purpose), {"bot": inbound.bot}
        if answer_invitation(scene.txn, inbound, known, kind, payload):
            chats.keep(scene.txn, inbound.room_id, inbound.sender, scene.now_ms)
    elif membership in _GONE:
        chats.drop(scene.txn, inbound.room_id)


def log_undelivered(undelivered: Undelivered) -> None:
    """Note that something that was said never arrives."""
    logger.warning(
        "%s in %s never arrives: %s",
        undelivered.effect_id,
        undelivered.room_id,
        undelivered.reason.value,
    )


def page_commands(scene: Conversation[Any]) -> tuple[Command, ...]:
    """Return the commands that every bot answers where there are pages."""
    return PAGE_COMMANDS if scene.links is not None else ()


def doubt(
    scene: Conversation[Any],
    inbound: Inbound,
    private_doc: Callable[[Localizer], Doc],
) -> Doc | None:
    """Why nothing is done of what was said; None if it counts.

    Args:
        scene: The transaction.
        inbound: What was said.
        private_doc: That others read along.
    """
    if not scene.is_private(inbound.room_id, inbound.sender):
        return private_doc(scene.localizer(inbound.sender))
    return why_ignored(scene, inbound) or unconfirmed(scene, inbound)


def unconfirmed(scene: Conversation[Any], inbound: Inbound) -> Doc | None:
    """Say that a device is not its sender's for sure; None if it can read what we say."""
    if inbound.standing not in _WITHHELD:
        return None
    catalogue, language = scene.parts.profile.catalogue, scene.language_of(inbound.sender)
    reason = RefusalReason.TRUST_TOO_LOW
    return refusal_text(reason, catalogue, language, standing=inbound.standing)


def why_ignored(scene: Conversation[Any], inbound: Inbound) -> Doc | None:
    """Say why nothing is done of what was said, wherever that is; None if it counts.

    What came in clear into an encrypted room may be by anybody. An edit would undo what counted.
    """
    if came_in_clear(scene.txn, inbound):
        return clear_doc(scene.localizer(inbound.sender))
    return edit_doc(scene.localizer(inbound.sender)) if is_edit(inbound) else None


def choose_language(scene: Conversation[Any], room_id: RoomId, person: UserId, named: str) -> None:
    """Speak another language with a person from now on, or say which there are."""
    language = language_named(named) if named else None
    if language is None:
        scene.tell(room_id, person, (languages_line(),))
        return
    scene.choose_language(person, language)
    scene.tell(room_id, person, language_doc(scene.localizer(person)), is_quiet=True)
