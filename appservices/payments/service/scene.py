"""One transaction of the payments bot: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.speech import Speech
from appservices.payments.store import chats, holders
from veche.protocol import message
from veche.protocol.catalogue import Catalogue
from veche.protocol.message import NO_PAYLOAD
from veche.protocol.prompts import Prompt
from veche.runtime import people, prompts
from veche.runtime.crypto.tracking import is_encrypted
from veche.runtime.live import announce
from veche.runtime.matrix.store import readers
from veche.runtime.prompts import Asking, Closing
from veche.runtime.speak import Ground, Voice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.config import PaymentsSection
    from appservices.payments.service.peers_asking import PeerClient
    from appservices.payments.service.rails import Banking
    from appservices.payments.service.receipts import Receipts
    from appservices.payments.store.holders import Holder
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc, Payload
    from veche.protocol.prompts import Choice, TrustLabel
    from veche.runtime.approvals import Approvals
    from veche.runtime.database import Cursor
    from veche.runtime.host import Host
    from veche.runtime.prompts import Answered
    from veche.runtime.public import PageLinks
    from veche.runtime.sealing import Sealer
    from veche.runtime.service import BotAccount
    from veche.runtime.vault import Vault

CATALOGUE: Final = Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.payments")
"""Every text that payments and what they use can say."""

PURPOSE: Final = "payments"
AT_REQUEST: Final = "request of the person"
"""Basis of what is said to somebody who wrote to the bot, or whose money moved."""


@attrs.frozen
class Parts:
    """What all transactions share.

    Attributes:
        host: Client, database, devices, approvals.
        section: The institution.
        bot: Who speaks.
        vault: Seals names and purposes.
        receipts: Makes and signs receipts.
        banking: The institution's banks.
        sealer: Its seal; None: its statements carry none.
        peers: Asks other institutions; None: only in tests that have none.
    """

    host: Host
    section: PaymentsSection
    bot: BotAccount
    vault: Vault
    receipts: Receipts
    banking: Banking
    sealer: Sealer | None = None
    peers: PeerClient | None = None

    def scene(self, txn: Cursor, cause: str, now_ms: int) -> Scene:
        """The scene of a transaction.

        Args:
            txn: The transaction.
            cause: Id of what makes the bot act, see ``Voice``.
            now_ms: The moment of the cause, UTC.
        """
        return Scene(txn, Voice(txn, self.host.act_log, self.bot, cause, now_ms), self)


@attrs.frozen
class Scene:
    """One transaction.

    Attributes:
        txn: The transaction.
        voice: The bot, because of one cause.
        parts: What all transactions share.
    """

    txn: Cursor
    voice: Voice
    parts: Parts

    @property
    def now_ms(self) -> int:
        """Moment of the cause, UTC."""
        return self.voice.now_ms

    @property
    def section(self) -> PaymentsSection:
        """The institution."""
        return self.parts.section

    @property
    def vault(self) -> Vault:
        """Seals names and purposes."""
        return self.parts.vault

    @property
    def banking(self) -> Banking:
        """The institution's banks."""
        return self.parts.banking

    @property
    def approvals(self) -> Approvals:
        """Keys of persons, and what they approve."""
        return self.parts.host.approvals

    @property
    def links(self) -> PageLinks | None:
        """Addresses of the pages; None if there are none here."""
        return self.parts.host.links

    def prompt(
        self,
        person: UserId,
        choices: Sequence[Choice],
        lasts_ms: int,
        min_trust: TrustLabel = "e2ee",
    ) -> Prompt:
        """A new question to one person.

        Args:
            person: Who alone may answer.
            choices: What they may answer.
            lasts_ms: How long they may.
            min_trust: How sure the answer has to be theirs.
        """
        return Prompt(
            v=1,
            id=self.voice.fresh_ulid("prompt"),
            scope=(person,),
            expires_at_ms=self.now_ms + lasts_ms,
            min_trust=min_trust,
            choices=tuple(choices),
        )

    def language_of(self, person: UserId) -> str:
        """The language that a person chose, else that of the institution."""
        return people.read(self.txn, person, default_language=self.section.language).language

    def speech(self, person: UserId) -> Speech:
        """How to speak to a person."""
        return Speech(self.language_of(person), self.section.time_zone, CATALOGUE)

    def holder(self, person: UserId) -> Holder:
        """A person as the holder of accounts; kept now if they are new."""
        mark, sealed = self.vault.mark(person), self.vault.seal({"id": person})
        return holders.keep_holder(self.txn, mark, sealed, holders.PERSON, self.now_ms)

    def elsewhere(self, account: str) -> Holder:
        """Whoever has an account at a bank, by its number, as somebody who is paid."""
        mark = self.vault.mark(f"{holders.ELSEWHERE} {account}")
        sealed = self.vault.seal({"id": account})
        return holders.keep_holder(self.txn, mark, sealed, holders.ELSEWHERE, self.now_ms)

    def organisation(self, name: str) -> Holder:
        """An organisation as the holder of accounts, by its name in the log of acts."""
        mark = self.vault.mark(f"{holders.ORGANISATION} {name}")
        sealed = self.vault.seal({"id": name})
        return holders.keep_holder(self.txn, mark, sealed, holders.ORGANISATION, self.now_ms)

    def institution(self) -> Holder:
        """The institution itself as the holder of accounts."""
        mark, sealed = self.vault.mark(holders.INSTITUTION), self.vault.seal({"id": ""})
        return holders.keep_holder(self.txn, mark, sealed, holders.INSTITUTION, self.now_ms)

    def chat_of(self, person: UserId) -> RoomId | None:
        """The newest chat of a person in which they were welcomed, and are alone with the bot."""
        known = [one for one in chats.chats_of(self.txn, person) if one.is_greeted]
        return next((one.room_id for one in known if self.is_alone(one.room_id, person)), None)

    def is_alone(self, room_id: RoomId, person: UserId) -> bool:
        """Whether a chat is private, and the person is in it or invited."""
        present = {user_id for user_id, _ in readers(self.txn, room_id)}
        return person in present and self.is_private(room_id, person)

    def is_private(self, room_id: RoomId, person: UserId) -> bool:
        """Whether a chat is encrypted and nobody but the person reads along."""
        present = {user_id for user_id, _ in readers(self.txn, room_id)}
        others = present - {person, self.voice.bot.user_id}
        return is_encrypted(self.txn, room_id) and not others

    def tell(
        self,
        room_id: RoomId,
        person: UserId,
        doc: Doc,
        *,
        payload: Payload = NO_PAYLOAD,
        is_quiet: bool = False,
    ) -> None:
        """Say something to a person.

        Args:
            room_id: Where.
            person: To whom; it rings them.
            doc: What.
            payload: What rides beside it.
            is_quiet: Whether it notifies nobody.
        """
        stir(self.txn, person)
        if is_quiet:
            content = message.notice(doc, payload=payload)
        else:
            content = message.text(doc, mentions=[person], payload=payload)
        self.voice.say(room_id, content, ground(person))

    def ask(
        self,
        room_id: RoomId,
        person: UserId,
        prompt: Prompt,
        intro: Doc,
        *,
        about: str,
        purpose: Mapping[str, str],
        payload: Payload = NO_PAYLOAD,
    ) -> None:
        """Ask a person something; what has to be approved is kept.

        Args:
            room_id: Where.
            person: Whom.
            prompt: What.
            intro: What stands above its choices.
            about: The matter, by which it is found again.
            purpose: What its answer is about.
            payload: What rides beside it.
        """
        stir(self.txn, person)
        asking = Asking(
            room_id=room_id,
            prompt=prompt,
            intro=intro,
            language=self.language_of(person),
            ground=ground(person),
            about=about,
            purpose=purpose,
            mentions=[person],
            payload=payload,
        )
        self.approvals.ask(self.txn, self.voice, asking, CATALOGUE)

    def settle(self, answered: Answered, words: str) -> bool:
        """Let an answer count and show ``words`` in its question; False if it came second."""
        whose = ground(answered.inbound.sender)
        stir(self.txn, answered.inbound.sender)
        return prompts.settle(self.txn, self.voice, answered, words, whose)

    def close(self, about: str, person: UserId, words: str) -> None:
        """End the open questions to a person about a matter."""
        stir(self.txn, person)
        for kept in prompts.open_about(self.txn, self.voice.bot.user_id, about):
            prompts.close(self.txn, self.voice, kept, Closing(words), ground(person))


def wallet_topic(person: UserId) -> str:
    """What is announced when a person's wallet may look different."""
    return f"wallet {person}"


def stir(txn: Cursor, person: UserId) -> None:
    """Have the pages of a person look again: whatever happens to their money, they are told."""
    announce(txn, wallet_topic(person))


def ground(person: UserId) -> Ground:
    """On what ground the bot speaks to a person."""
    return Ground(person=person, purpose=PURPOSE, basis=AT_REQUEST)
