"""One transaction of a bot that people chat with: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeVar

import attrs

from veche.access.approvals import revoked_among
from veche.chat import people, prompts
from veche.chat.prompts import Asking, Closing
from veche.chat.sending import Ground, Sender
from veche.messaging.outbox import Relation
from veche.protocol import message
from veche.protocol.bridged import bridge_of
from veche.protocol.message import NO_PAYLOAD, RelationKind
from veche.protocol.prompts import Prompt
from veche.protocol.refusals import APPROVAL_REVOKED
from veche.protocol.texts.localizer import Localizer
from veche.runtime.crypto.tracking import is_encrypted
from veche.runtime.matrix.store import expect_member, readers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from veche.access.approvals import Approvals
    from veche.bots.ports import BotPorts
    from veche.bots.store import Chats
    from veche.chat.prompts import Answered, Kept
    from veche.messaging.service import BotAccount
    from veche.protocol.commands import Command
    from veche.protocol.ids import EffectId, RoomId, UserId
    from veche.protocol.message import Doc, Payload
    from veche.protocol.prompts import Choice, TrustLabel
    from veche.protocol.texts.catalogue import Catalogue
    from veche.runtime.database import Cursor
    from veche.runtime.vault import Vault
    from veche.runtime.web.public import PageLinks

AT_REQUEST: Final = "request of the person"
"""Basis of what is said to somebody who wrote to the bot, or whom its matters concern."""


class BotSection(Protocol):
    """Configuration of a bot: how it speaks."""

    @property
    def language(self) -> str:
        """Language for people who have chosen none."""

    @property
    def time_zone(self) -> str:
        """In which it tells times."""

    def name_in(self, language: str) -> str:
        """Return its name in a language."""


@attrs.frozen
class BotProfile:
    """The traits of a bot that are the same in every installation.

    Attributes:
        purpose: Code of what it is for: of its acts, and before the kinds of its jobs.
        catalogue: Every text that it and what it uses can say.
        commands: What it answers, in the order in which help shows them.
        chats: Whose chat with it a room is.
        topics: What it asks about: the ``topic`` of the purpose of each of its questions.
    """

    purpose: str
    catalogue: Catalogue
    commands: Sequence[Command]
    chats: Chats
    topics: Collection[str] = ()


S = TypeVar("S", bound=BotSection)


@attrs.frozen
class ChatParts(Generic[S]):
    """The parts that all transactions of a bot share.

    Attributes:
        profile: What of it is the same everywhere.
        host: Client, database, devices, approvals.
        section: Its configuration.
        bot: Who speaks.
        vault: Seals what the database keeps of persons.
    """

    profile: ClassVar[BotProfile]
    host: BotPorts
    section: S
    bot: BotAccount
    vault: Vault

    @property
    def chats(self) -> Chats:
        """The registry of this bot's chats: which person each room belongs to."""
        return self.profile.chats

    def conversation(self, txn: Cursor, cause: str, now_ms: int) -> Conversation[S]:
        """Begin what the bot does in a transaction, at the moment of a cause: see ``Sender``."""
        raise NotImplementedError

    def sender(self, txn: Cursor, cause: str, now_ms: int) -> Sender:
        """Let the bot speak; see ``conversation``."""
        return Sender(txn, self.host.act_log, self.bot, cause, now_ms)

    def widget(self, language: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 -- for those that have one
        """State that shows a page in the chats; none where the bot has none."""
        return ()


class Reply(Protocol):
    """Where a person learns what came of what they did: where they wrote it, or on their page."""

    def refuse(
        self,
        scene: Conversation[Any],
        at: tuple[RoomId, UserId],
        doc: Doc,
        reason: str,
        ground: Ground | None = None,
        /,
    ) -> None:
        """Tell them that it does not count, why in words, and for programs by ``reason``.

        ``at`` is the room in which they did it, or could have done it; and who they are.
        Without ``ground`` that of the conversation counts.
        """

    def made(self, scene: Conversation[Any], made_id: str, /) -> None:
        """Tell them the id of what they have begun, which a room shows by itself."""


class RoomReply:
    """Tells a person in the room, where nobody waits for it on a page."""

    def refuse(
        self,
        scene: Conversation[Any],
        at: tuple[RoomId, UserId],
        doc: Doc,
        _reason: str,
        ground: Ground | None = None,
        /,
    ) -> None:
        """Say it to the person."""
        room_id, person = at
        scene.tell(room_id, person, doc, ground=ground)

    def made(self, _scene: Conversation[Any], _made_id: str, /) -> None:
        """Say nothing: it is seen in the room."""


@attrs.frozen
class Conversation(Generic[S]):
    """One transaction.

    Attributes:
        txn: The transaction.
        sender: The bot, because of one cause.
        parts: What all transactions share.
        reply: Where the person learns what came of what they did.
    """

    txn: Cursor
    sender: Sender
    parts: ChatParts[S]
    reply: Reply = attrs.field(factory=RoomReply, kw_only=True)
    _languages: dict[UserId, str] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    @property
    def now_ms(self) -> int:
        """Moment of the cause, UTC."""
        return self.sender.now_ms

    @property
    def section(self) -> S:
        """The bot's configuration."""
        return self.parts.section

    @property
    def vault(self) -> Vault:
        """Seals what the database keeps of persons."""
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
        """A new question to one person."""
        return Prompt(
            v=1,
            id=self.sender.fresh_ulid("prompt"),
            scope=(person,),
            single_use=is_single_use,
            expires_at_ms=self.now_ms + lasts_ms,
            min_trust=min_trust,
            choices=tuple(choices),
        )

    def language_of(self, person: UserId) -> str:
        """The language that a person chose, else that of the bot; read once a transaction."""
        if person not in self._languages:
            known = people.read(self.txn, person, default_language=self.section.language)
            self._languages[person] = known.language
        return self._languages[person]

    def choose_language(self, person: UserId, language: str) -> None:
        """Speak another language with a person from now on."""
        people.choose_language(self.txn, person, language)
        self._languages[person] = language

    def localizer(self, person: UserId) -> Localizer:
        """How to speak to a person."""
        catalogue = self.parts.profile.catalogue
        return Localizer(self.language_of(person), self.section.time_zone, catalogue)

    def ground(self, person: UserId) -> Ground:
        """On what ground the bot speaks to a person."""
        return Ground(person=person, purpose=self.parts.profile.purpose, basis=AT_REQUEST)

    # Chats

    def chat_of(self, person: UserId, *, is_greeted: bool = True) -> RoomId | None:
        """The newest chat of a person in which they are alone with the bot."""
        known = self.parts.chats.of(self.txn, person)
        rooms = [one.room_id for one in known if one.is_greeted or not is_greeted]
        return next((one for one in rooms if self.is_alone(one, person)), None)

    def is_alone(self, room_id: RoomId, person: UserId) -> bool:
        """Return whether a chat is private, and the person is in it or invited."""
        return person in self.present(room_id) and self.is_private(room_id, person)

    def is_private(self, room_id: RoomId, person: UserId) -> bool:
        """Return whether a chat is encrypted and read only by the person or their bridge."""
        own = {person, self.sender.bot.user_id, bridge_of(person, self.parts.host.bridges)}
        return is_encrypted(self.txn, room_id) and self.present(room_id) <= own

    def is_bridged(self, person: UserId) -> bool:
        """Return whether a person comes by a bridge, and has no client."""
        return bridge_of(person, self.parts.host.bridges) is not None

    def present(self, room_id: RoomId) -> set[UserId]:
        """List who is in a room, or invited."""
        return {user_id for user_id, _ in readers(self.txn, room_id)}

    def let_in(self, room_id: RoomId, person: UserId) -> None:
        """Invite a person into a room of the bot's; what is said from now on is for them too."""
        self.sender.set_membership(room_id, person, "invite", self.ground(person))
        # The invitation is on its way, so what follows it may be said.
        expect_member(self.txn, room_id, person, "invite")

    # Speaking

    def announce_change(self, person: UserId) -> None:
        """Have whatever shows a person's matters look again; each word to them does."""

    def tell(
        self,
        room_id: RoomId,
        person: UserId,
        doc: Doc,
        *,
        ground: Ground | None = None,
        payload: Payload = NO_PAYLOAD,
        is_quiet: bool = False,
    ) -> EffectId:
        """Say something to a person, and ring them unless it is quiet."""
        self.announce_change(person)
        ground = ground or self.ground(person)
        return self.say(room_id, doc, ground, mentions=[person], payload=payload, is_quiet=is_quiet)

    def say(
        self,
        room_id: RoomId,
        doc: Doc,
        ground: Ground,
        *,
        thread: EffectId | None = None,
        mentions: Sequence[UserId] = (),
        payload: Payload = NO_PAYLOAD,
        is_quiet: bool = False,
    ) -> EffectId:
        """Say something in a room of several people, or on a ground of its own.

        It rings whom it mentions, unless it is quiet; ``thread`` is the message it belongs under.
        """
        if is_quiet:
            content = message.notice(doc, payload=payload)
        else:
            content = message.text(doc, mentions=mentions, payload=payload)
        relation = Relation(RelationKind.THREAD, thread) if thread else None
        return self.sender.say(room_id, content, ground, relation=relation)

    def change(
        self, room_id: RoomId, person: UserId, said: EffectId, content: message.Content
    ) -> None:
        """Put other words in the place of what was said."""
        relation = Relation(RelationKind.REPLACE, said)
        self.sender.say(room_id, message.edit(content), self.ground(person), relation=relation)

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
        """Ask a person something; what has to be approved is kept.

        It is found again by the matter that it is ``about``; ``purpose`` says what its answer is
        about, with its ``topic``.
        """
        self.announce_change(person)
        asking = Asking(
            room_id=room_id,
            prompt=prompt,
            intro=intro,
            language=self.language_of(person),
            ground=self.ground(person),
            about=about,
            purpose=purpose,
            mentions=[person],
            payload=payload,
        )
        return self.put(asking)

    def put(self, asking: Asking) -> EffectId:
        """Put a question as it is; what has to be approved is kept.

        Raises:
            ValueError: The bot never asks about its topic: a bug of the caller.
        """
        topic = asking.purpose["topic"]
        if topic not in self.parts.profile.topics:
            raise ValueError(f"no handler is registered for the topic {topic}")
        catalogue = self.parts.profile.catalogue
        return self.approvals.ask(self.txn, self.sender, self.kept(asking), catalogue)

    def kept(self, asking: Asking) -> Asking:
        """A question as it is kept: for those that keep less than is said."""
        return asking

    def whole(self, kept: Kept) -> Kept:
        """A question as it was asked; undoes ``kept``."""
        return kept

    def settle(self, answered: Answered, words: str, ground: Ground | None = None) -> bool:
        """Let an answer count and show ``words`` in its question; False if it does not count.

        It does not if another was first, or if the key that approved it was revoked since: then the
        question says so.

        Args:
            answered: The answer.
            words: What the question shows from now on.
            ground: Why the organisation may say so; None: see ``ground``.
        """
        person, nonce = answered.inbound.sender, answered.chosen.approved_by
        self.announce_change(person)
        if nonce is not None and revoked_among(self.txn, [nonce]):
            self.close_one(answered.kept, person, self.localizer(person).text(APPROVAL_REVOKED))
            return False
        answered = attrs.evolve(answered, kept=self.whole(answered.kept))
        ground = ground or self.ground(person)
        return prompts.settle(self.txn, self.sender, answered, words, ground)

    def close(self, about: str, person: UserId, words: str) -> None:
        """End the open questions to a person about a matter."""
        self.announce_change(person)
        for kept in prompts.open_about(self.txn, self.sender.bot.user_id, about):
            self.close_one(kept, person, words)

    def close_one(self, kept: Kept, person: UserId, words: str) -> None:
        """End one question to a person."""
        self.end(kept, Closing(words), self.ground(person))

    def end(self, kept: Kept, closing: Closing, ground: Ground) -> None:
        """End one question, on a ground of its own."""
        prompts.close(self.txn, self.sender, self.whole(kept), closing, ground)
