"""One transaction of the signing bot: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.core.speech import Speech
from appservices.signing.service.tokens import SEED, key_text, token_of
from appservices.signing.store import chats, events, sessions
from veche.protocol import message
from veche.protocol.catalogue import Catalogue
from veche.protocol.documents_json import doc_from_json, doc_to_json
from veche.protocol.message import NO_PAYLOAD, RelationKind
from veche.protocol.prompts import Prompt
from veche.protocol.unpadded import from_unpadded, unpadded
from veche.runtime import people, prompts
from veche.runtime.crypto.tracking import is_encrypted
from veche.runtime.live import announce
from veche.runtime.matrix.store import readers
from veche.runtime.outbox import Relation
from veche.runtime.prompts import Asking
from veche.runtime.speak import Ground, Voice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.config import SessionsSection, SigningSection
    from appservices.signing.core.records import Member, Session
    from appservices.signing.service.authorities import Authorities
    from appservices.signing.service.sealing import Seals
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.message import Doc, Payload
    from veche.protocol.prompts import Choice, TrustLabel
    from veche.runtime.approvals import Approvals
    from veche.runtime.database import Cursor
    from veche.runtime.host import Host
    from veche.runtime.keys.pool import SigningPool
    from veche.runtime.prompts import Answered, Kept
    from veche.runtime.public import PageLinks
    from veche.runtime.service import BotAccount
    from veche.runtime.vault import Vault

CATALOGUE: Final = Catalogue.load(
    "veche.protocol",
    "veche.protocol.forms",
    "appservices.signing.core.papers",
    "appservices.signing",
)
"""Every text that signing and what it uses can say."""

PURPOSE: Final = "signing"
_INTRO: Final = "intro"
"""In the purpose of a question: what stands above it, sealed."""
AT_REQUEST: Final = "request of the person"
"""Basis of what is said to somebody who wrote to the bot, or whom somebody asks to sign."""


@attrs.frozen
class Parts:
    """What all transactions share.

    Attributes:
        host: Client, database, devices, approvals.
        section: Of the bot.
        signing: The whole section of signing.
        bot: Who speaks.
        vault: Seals titles, names, reasons and the keys of files.
        authorities: What signs certificates, stamps and seals.
        seals: Seals and stamps of this site.
        pool: The threads in which keys sign.
    """

    host: Host
    section: SessionsSection
    signing: SigningSection
    bot: BotAccount
    vault: Vault
    authorities: Authorities
    seals: Seals
    pool: SigningPool

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
    def section(self) -> SessionsSection:
        """Of the bot."""
        return self.parts.section

    @property
    def vault(self) -> Vault:
        """Seals titles, names, reasons and the keys of files."""
        return self.parts.vault

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
        *,
        min_trust: TrustLabel = "e2ee",
        is_single_use: bool = True,
    ) -> Prompt:
        """A new question to one person.

        Args:
            person: Who alone may answer.
            choices: What they may answer.
            lasts_ms: How long they may.
            min_trust: How sure the answer has to be theirs.
            is_single_use: One answer ends it.
        """
        return Prompt(
            v=1,
            id=self.voice.fresh_ulid("prompt"),
            scope=(person,),
            single_use=is_single_use,
            expires_at_ms=self.now_ms + lasts_ms,
            min_trust=min_trust,
            choices=tuple(choices),
        )

    def language_of(self, person: UserId) -> str:
        """The language that a person chose, else that of the bot."""
        return people.read(self.txn, person, default_language=self.section.language).language

    def speech(self, person: UserId) -> Speech:
        """How to speak to a person."""
        return Speech(self.language_of(person), self.section.time_zone, CATALOGUE)

    # Sessions

    def session(self, session_id: str) -> Session | None:
        """A session, which nobody else steps until the transaction ends; None: no such."""
        return sessions.lock(self.txn, self.vault, session_id)

    def save(self, session: Session) -> Session:
        """Keep a session that is locked, and have its pages look again."""
        sessions.save(self.txn, self.vault, session, self.now_ms)
        announce(self.txn, session_topic(session.id))
        return session

    def record(
        self,
        session: Session,
        what: str,
        party: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Keep that something happened in a session; see ``store.events``."""
        if not session.requester.startswith("@"):
            events.wait_turn(self.txn, session.requester)
        events.add(
            self.txn, self.vault, session.id, what, self.now_ms, party=party, details=details
        )
        announce(self.txn, requester_topic(session.requester))

    def page_of(self, session: Session, member: Member) -> str | None:
        """Address of the page on which a party signs; None if there are no pages here."""
        if self.links is None:
            return None
        token = token_of(self.parts.host.seed(SEED), session.id, member)
        key = key_text(session.matter.key)
        return self.links.sign(f"s={session.id}&p={member.id}&t={token}&k={key}")

    # Chats

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

    # Speaking

    def tell(
        self,
        room_id: RoomId,
        person: UserId,
        doc: Doc,
        *,
        payload: Payload = NO_PAYLOAD,
        is_quiet: bool = False,
    ) -> EffectId:
        """Say something to a person.

        Args:
            room_id: Where.
            person: To whom; it rings them.
            doc: What.
            payload: What rides beside it.
            is_quiet: Whether it notifies nobody.
        """
        if is_quiet:
            content = message.notice(doc, payload=payload)
        else:
            content = message.text(doc, mentions=[person], payload=payload)
        return self.voice.say(room_id, content, ground(person))

    def change(
        self, room_id: RoomId, person: UserId, said: EffectId, content: message.Content
    ) -> None:
        """Put other words in the place of what was said."""
        relation = Relation(RelationKind.REPLACE, said)
        self.voice.say(room_id, message.edit(content), ground(person), relation=relation)

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
    ) -> EffectId:
        """Ask a person something.

        Args:
            room_id: Where.
            person: Whom.
            prompt: What.
            intro: What stands above its choices.
            about: The matter, by which it is found again.
            purpose: What its answer is about.
            payload: What rides beside it.
        """
        # It has titles, names, questions, and the link with the key of the files.
        sealed = unpadded(self.vault.seal({_INTRO: doc_to_json(intro)}))
        asking = Asking(
            room_id=room_id,
            prompt=prompt,
            intro=intro,
            language=self.language_of(person),
            ground=ground(person),
            about=about,
            purpose={**purpose, _INTRO: sealed},
            mentions=[person],
            payload=payload,
            kept_intro=(),
        )
        return prompts.ask(self.txn, self.voice, asking, CATALOGUE)

    def settle(self, answered: Answered, words: str) -> bool:
        """Let an answer count and show ``words`` in its question; False if it came second."""
        whose = ground(answered.inbound.sender)
        answered = attrs.evolve(answered, kept=self._with_intro(answered.kept))
        return prompts.settle(self.txn, self.voice, answered, words, whose)

    def close(self, about: str, person: UserId, words: str) -> None:
        """End the open questions to a person about a matter."""
        for kept in prompts.open_about(self.txn, self.voice.bot.user_id, about):
            self.close_one(kept, person, words)

    def close_one(self, kept: Kept, person: UserId, words: str) -> None:
        """End one question to a person."""
        closing = prompts.Closing(words)
        prompts.close(self.txn, self.voice, self._with_intro(kept), closing, ground(person))

    def _with_intro(self, kept: Kept) -> Kept:
        """A question with what stands above it, which is only kept sealed."""
        sealed = kept.purpose.get(_INTRO)
        if not isinstance(sealed, str):
            return kept
        return attrs.evolve(
            kept, intro=doc_from_json(self.vault.open(from_unpadded(sealed))[_INTRO])
        )


def session_topic(session_id: str) -> str:
    """What is announced when a session may look different."""
    return f"signing {session_id}"


def requester_topic(requester: str) -> str:
    """What is announced when something has happened in a session of somebody."""
    return f"signing of {requester}"


def ground(person: UserId) -> Ground:
    """On what ground the bot speaks to a person."""
    return Ground(person=person, purpose=PURPOSE, basis=AT_REQUEST)
