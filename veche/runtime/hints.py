"""What persons are told of messages that reached no service: unread ones, and those given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol import message
from veche.protocol.catalogue import Catalogue
from veche.protocol.ids import effect_id
from veche.protocol.message import Link, Mono, Paragraph, RelationKind
from veche.runtime import people
from veche.runtime.crypto.recovery import HintKind
from veche.runtime.crypto.tracking import master_key
from veche.runtime.inbox.store import session_came
from veche.runtime.outbox import Relation, is_said
from veche.runtime.speak import Ground, Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.runtime.acts import ActLog
    from veche.runtime.approvals import Offer
    from veche.runtime.crypto.recovery import Hint
    from veche.runtime.database import Cursor
    from veche.runtime.inbox.store import Claim, Item
    from veche.runtime.service import BotAccount

_CATALOGUE: Final = Catalogue.load("veche.runtime")
_DEFAULT_LANGUAGE: Final = "en"


class Hints:
    """Carries what the devices and the inbox of a process have to say."""

    def __init__(
        self,
        bots: Mapping[UserId, BotAccount],
        log: ActLog,
        offer_identity: Callable[[Cursor, UserId, int], Offer],
    ) -> None:
        """Make it.

        Args:
            bots: The bots of this process, by user id.
            log: Commits the acts: what a bot tells a person is one.
            offer_identity: How a person confirms a new identity.
        """
        self._bots = dict(bots)
        self._log = log
        self._offer_identity = offer_identity

    def wake(
        self, txn: Cursor, bot: UserId, room_id: RoomId, session_ids: Sequence[str], now_ms: int
    ) -> None:
        """Room keys came: the events that wait for them can be opened."""
        session_came(txn, bot, room_id, session_ids, now_ms)

    def hint(self, txn: Cursor, bot: UserId, hint: Hint, now_ms: int) -> None:
        """Tell a person that their message was not read, and what to do."""
        voice = Voice(txn, self._log, self._bots[bot], f"unread {hint.event_id}", now_ms)
        doc = _doc(hint, _language(txn, hint.sender))
        content = message.text(doc, mentions=[hint.sender])
        voice.say(hint.room_id, content, _ground(hint.sender))

    def given_up(self, txn: Cursor, claim: Claim, item: Item, now_ms: int) -> None:
        """Tell a person that nothing was done about their message, since it failed each time."""
        voice = Voice(txn, self._log, self._bots[claim.bot], f"given up {item.event_id}", now_ms)
        words = _CATALOGUE.text(
            _language(txn, item.sender),
            "I could not process your message because of a fault on our side. Nothing was done."
            " Please write it again, or ask a human being.",
        )
        content = message.text((Paragraph(words),), mentions=[item.sender])
        reply = Relation(RelationKind.REPLY, item.event_id)
        voice.say(claim.room_id, content, _ground(item.sender), relation=reply)

    def doubted(self, txn: Cursor, claim: Claim, item: Item, now_ms: int) -> None:
        """Tell a person whose identity is not the pinned one what follows; once a room."""
        identity = master_key(txn, item.sender)
        cause = f"identity {item.sender} {identity}"
        if is_said(txn, claim.room_id, effect_id(claim.bot, cause, 1)):
            return
        offer = self._offer_identity(txn, item.sender, now_ms)
        voice = Voice(txn, self._log, self._bots[claim.bot], cause, now_ms)
        doc = _doubted_doc(offer, _language(txn, item.sender))
        voice.say(claim.room_id, message.text(doc, mentions=[item.sender]), _ground(item.sender))


def _language(txn: Cursor, person: UserId) -> str:
    return people.read(txn, person, default_language=_DEFAULT_LANGUAGE).language


def _ground(person: UserId) -> Ground:
    return Ground(person, purpose="help", basis="message of the person")


def _doubted_doc(offer: Offer, language: str) -> Doc:
    """What follows from a changed identity, and how the person gets on."""
    words = Paragraph(
        _CATALOGUE.text(
            language,
            "The identity of your account is another one now. If you did not reset it yourself,"
            " somebody else may use your account: please ask a human being. What needs a verified"
            " device does not count until your new identity is confirmed.",
        )
    )
    if offer.fingerprint is None:
        gone = _CATALOGUE.text(
            language, "You have none at present: please set up recovery in your client first."
        )
        return (words, Paragraph(gone))
    if offer.url is not None:
        confirm = _CATALOGUE.text(
            language,
            "Only if you reset it yourself: confirm it with your key, within a day on this page,"
            " later on the page of your keys.",
        )
        number = _CATALOGUE.text(language, "The new identity:")
        return (
            words,
            Paragraph(confirm, "\n", Link(offer.url, offer.url)),
            Paragraph(number, "\n", Mono(offer.fingerprint)),
        )
    seen = _CATALOGUE.text(
        language,
        "Only if you reset it yourself: show the office who you are, and this message on your"
        " device. Whoever runs this service confirms the new identity by this number:",
    )
    return (words, Paragraph(seen, "\n", Mono(offer.fingerprint)))


def _doc(hint: Hint, language: str) -> Doc:
    if hint.kind is HintKind.SEND_AGAIN:
        again = _CATALOGUE.text(
            language, "I could not read your last message. Please send it again."
        )
        return (Paragraph(again),)
    refuses = _CATALOGUE.text(
        language,
        "Your client does not give this bot the keys to your messages. Compare this fingerprint of"
        " the bot with the one its office publishes, and verify the bot in your client:",
    )
    return (Paragraph(refuses, "\n", Mono(hint.fingerprint)),)
