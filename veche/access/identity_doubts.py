"""Messages to people whose identity or device differs from the one that dealt with us.

Two messages, in this order: to the devices of before, that there is something new, and a code by
which one of them confirms it; then to what is new, how to get on. The second one is all that a
device can read which nobody confirmed, so it says nothing that only the person may know. Nothing
else can read it, so whoever shows it to an office has that device, and not only heard of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from veche.access.approvals import identities
from veche.chat import people
from veche.chat.attention import is_edit
from veche.chat.attention import is_said as is_message
from veche.chat.bot_accounts import private_chats, sender_of
from veche.chat.sending import Ground
from veche.messaging.outbox import is_said
from veche.protocol import message
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import effect_id
from veche.protocol.inbound import DeviceStanding
from veche.protocol.message import Link, Mono, Paragraph
from veche.protocol.texts.catalogue import N_, Catalogue
from veche.runtime.crypto.tracking import may_confirm, sender_key, unconfirmed
from veche.runtime.ports import EVERY_DEVICE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.access.approvals import Offer, Parts
    from veche.acts import ActLog
    from veche.chat.sending import Sender
    from veche.messaging.inbox.store import Claim, Item
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor

OFFERS_MAX: Final = 5
"""New devices of one person that one event tells of."""

_CATALOGUE: Final = Catalogue.load("veche.access")
_DEFAULT_LANGUAGE: Final = "en"
_YES: Final = re.compile(r"\s*(?:yes|ja|да|так)[\s,:]+(\d{4})\s*[.!]?\s*", re.IGNORECASE)
_OF_BEFORE: Final = frozenset({DeviceStanding.IDENTITY_CHANGED, DeviceStanding.NO_IDENTITY})


class Doubts:
    """Tells persons, and hears what their devices of before answer."""

    def __init__(self, act_log: ActLog, parts: Parts) -> None:
        """Make it.

        Args:
            act_log: Commits the acts: what a bot tells a person is one.
            parts: Of approvals: how a person confirms a new identity or device.
        """
        self._act_log = act_log
        self._parts = parts

    def came(self, txn: Cursor, person: UserId, now_ms: int) -> None:
        """Tell a person, where they chat, of what came and is not confirmed."""
        for bot, room_id in private_chats(txn, person)[:1]:
            self._tell_all(txn, bot, room_id, person, now_ms)

    def heard(self, txn: Cursor, claim: Claim, item: Item, inbound: Inbound, now_ms: int) -> bool:
        """Act on a message of a device that is not simply the person's.

        Returns:
            Whether it was the answer to our question, which nobody else has to hear.
        """
        standing, person = inbound.standing, item.sender
        if standing in _OF_BEFORE and self._is_answer(txn, claim, item, inbound, now_ms):
            return True
        if standing is DeviceStanding.UNSIGNED:
            self._tell_unsigned(txn, claim, item, now_ms)
        elif standing in (DeviceStanding.IDENTITY_CHANGED, DeviceStanding.LATE):
            self._tell_all(txn, claim.bot, claim.room_id, person, now_ms)
        return False

    def _is_answer(
        self, txn: Cursor, claim: Claim, item: Item, inbound: Inbound, now_ms: int
    ) -> bool:
        """Return whether an older device said *yes* with a code; if so, its confirmation counts."""
        body = inbound.content.get("body")
        found = _YES.fullmatch(body) if isinstance(body, str) else None
        if found is None or not is_message(inbound) or is_edit(inbound):
            return False
        person = item.sender
        if not unconfirmed(txn, person):
            return False
        if not may_confirm(txn, claim.bot, item.event):
            words = N_("Only a device by which you dealt with me before can confirm this.")
        elif not identities.confirm_by_code(txn, self._parts, person, found[1], now_ms):
            words = N_("This is not the code of what is to be confirmed. Please look at it again.")
        else:
            return True
        doc = (Paragraph(_CATALOGUE.text(_language(txn, person), words)),)
        sender = sender_of(txn, self._act_log, claim.bot, f"no code {item.event_id}", now_ms)
        sender.say(claim.room_id, message.text(doc, mentions=[person]), _ground(person))
        return True

    def _tell_all(
        self, txn: Cursor, bot: UserId, room_id: RoomId, person: UserId, now_ms: int
    ) -> None:
        """Tell of each thing that is not confirmed; of each once a room."""
        found: Sequence[str | None] = list(unconfirmed(txn, person))[:OFFERS_MAX]
        for candidate in found or [None]:
            cause = f"identity {person} {candidate}"
            sender = self._fresh_voice(txn, bot, room_id, cause, now_ms)
            if sender is None:
                continue
            offer = identities.offer(txn, self._parts, person, candidate, now_ms)
            language = _language(txn, person)
            if offer.code is not None:
                doc = _question_doc(offer, language)
                sender.say(room_id, message.text(doc, mentions=[person]), _ground(person))
            content = message.text(_offer_doc(offer, language), mentions=[person])
            sender.say(room_id, content, _ground(person), audience=candidate)

    def _tell_unsigned(self, txn: Cursor, claim: Claim, item: Item, now_ms: int) -> None:
        """Tell who writes from a device that they have not confirmed; once a device and room."""
        person = item.sender
        cause = f"unsigned {person} {sender_key(txn, claim.bot, item.event)}"
        sender = self._fresh_voice(txn, claim.bot, claim.room_id, cause, now_ms)
        if sender is None:
            return
        words = _CATALOGUE.text(
            _language(txn, person),
            "You wrote from a device that you have not confirmed, so my answers cannot be read"
            " there. Please confirm it in the settings of your client: with another device of"
            " yours, or with your recovery key. You can read there what I say after that.",
        )
        content = message.text((Paragraph(words),), mentions=[person])
        sender.say(claim.room_id, content, _ground(person), audience=EVERY_DEVICE)

    def _fresh_voice(
        self, txn: Cursor, bot: UserId, room_id: RoomId, cause: str, now_ms: int
    ) -> Sender | None:
        """The sender of a bot, unless it said this in the room before, or never started."""
        if is_said(txn, room_id, effect_id(bot, cause, 1)):
            return None
        try:
            return sender_of(txn, self._act_log, bot, cause, now_ms)
        except UnavailableError:
            return None  # a bot that this version never started: nobody would send it


def _language(txn: Cursor, person: UserId) -> str:
    return people.read(txn, person, default_language=_DEFAULT_LANGUAGE).language


def _ground(person: UserId) -> Ground:
    return Ground(person, purpose="help", basis="message of the person")


def _question_doc(offer: Offer, language: str) -> Doc:
    """Write the question to a person's older devices."""
    words = (
        N_(
            "Somebody uses your account with a new device, which you have not confirmed here. Is"
            " it you? Only then reply here, on this device:"
        )
        if offer.device
        else N_(
            "Your account got a new identity, which you have not confirmed here. Was it you? Only"
            " then reply here, on this device:"
        )
    )
    yes = _CATALOGUE.text(language, "yes")
    no = _CATALOGUE.text(
        language,
        "If it was not you, do not reply, and ask a human being: whoever runs your homeserver may"
        " be trying to act as you. Until it is confirmed I send no links, codes or documents.",
    )
    new = (" ", Mono(offer.device)) if offer.device else ()
    text = _CATALOGUE.text(language, words)
    return (Paragraph(text, *new, "\n", Mono(f"{yes} {offer.code}")), Paragraph(no))


def _offer_doc(offer: Offer, language: str) -> Doc:
    """Write the effects of a new identity or device, and what the person can do."""
    if offer.device:
        words = _CATALOGUE.text(
            language,
            "You dealt with me by other devices before. My answers cannot be read on a new one"
            " until it is confirmed.",
        )
    else:
        words = _CATALOGUE.text(
            language,
            "The identity of your account is another one now. If you did not reset it yourself,"
            " somebody else may use your account: please ask a human being. Until your new"
            " identity is confirmed, nothing counts that needs a verified device.",
        )
    doc: list[Paragraph] = [Paragraph(words)]
    if offer.fingerprint is None:
        gone = _CATALOGUE.text(
            language, "You have none at present: please set up recovery in your client first."
        )
        return (*doc, Paragraph(gone))
    if offer.code is not None:
        asked = _CATALOGUE.text(
            language,
            "If you have a device that you used here before: I asked there, please answer there.",
        )
        doc.append(Paragraph(asked))
    number = Paragraph(_CATALOGUE.text(language, "The new one:"), "\n", Mono(offer.fingerprint))
    if offer.url is not None:
        confirm = _CATALOGUE.text(
            language,
            "Only if you reset it yourself: confirm it with your key, within a day on this page,"
            " later on the page of your keys.",
        )
        return (*doc, Paragraph(Link(confirm, offer.url)), number)
    seen = _CATALOGUE.text(
        language,
        "Only if it was you: show the office who you are, and this message on your device. The"
        " operator of this service confirms it by this number:",
    )
    return (*doc, Paragraph(seen, "\n", Mono(offer.fingerprint)))
