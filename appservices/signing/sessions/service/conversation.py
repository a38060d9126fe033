"""One transaction of the signing bot: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.config import SessionsSection
from appservices.signing.sessions.core.commands import COMMANDS
from appservices.signing.sessions.core.topics import Topic
from appservices.signing.sessions.service.tokens import SEED, key_text, token_of
from appservices.signing.sessions.store import chats, events, sessions
from veche.bots import BotProfile, ChatParts
from veche.bots import Conversation as BotConversation
from veche.protocol.message_json import doc_from_json, doc_to_json
from veche.protocol.texts.catalogue import Catalogue
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.runtime.live import announce
from veche.runtime.widget import widget_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.config import SigningSection
    from appservices.signing.keys import SigningPool
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.stamps.service.sealing import Seals
    from veche.chat.prompts import Asking, Kept
    from veche.runtime.database import Cursor

CATALOGUE: Final = Catalogue.load(
    "veche.protocol",
    "veche.protocol.forms",
    "appservices.signing.papers",
    "appservices.signing",
)
"""Every text that signing and what it uses can say."""

PURPOSE: Final = "signing"
_INTRO: Final = "intro"
"""In the purpose of a question: what stands above it, sealed."""


@attrs.frozen
class Parts(ChatParts[SessionsSection]):
    """The parts that all transactions share.

    Attributes:
        signing: The whole section of signing.
        authorities: What signs certificates, stamps and seals.
        seals: Seals and stamps of this site.
        pool: The threads in which keys sign.
    """

    profile = BotProfile(PURPOSE, CATALOGUE, COMMANDS, chats.CHATS, frozenset(Topic))
    signing: SigningSection
    authorities: Authorities
    seals: Seals
    pool: SigningPool

    def conversation(self, txn: Cursor, cause: str, now_ms: int) -> Conversation:
        """One transaction; see ``ChatParts``."""
        return Conversation(txn, self.sender(txn, cause, now_ms), self)

    def widget(self, language: str) -> Sequence[Mapping[str, Any]]:
        """State that shows what waits for a signature in a chat; none where there are no pages."""
        links = self.host.links
        url = links.widget("sign") if links is not None else None
        return widget_state(url, self.bot.user_id, self.section.name_in(language))


@attrs.frozen
class Conversation(BotConversation[SessionsSection]):
    """One transaction."""

    parts: Parts

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
        is_organisation = not session.requester.startswith("@")
        if is_organisation:
            events.wait_turn(self.txn, session.requester)
        events.add(
            self.txn, self.vault, session.id, what, self.now_ms, party=party, details=details
        )
        if is_organisation:
            self.tell_organisation(session.requester)

    def tell_organisation(self, requester: str) -> None:
        """Let whoever waits for the events of an organisation look again."""
        announce(self.txn, requester_topic(requester))
        events.wake(self.txn)

    def page_of(self, session: Session, member: Member) -> str | None:
        """Address of the page on which a party signs; None if there are no pages here."""
        if self.links is None:
            return None
        token = token_of(self.parts.host.seed(SEED), session.id, member)
        if session.is_blind:
            # The key is in the link that whoever asks sends themselves.
            return self.links.page("sign", fragment=f"s={session.id}&p={member.id}&t={token}")
        key = key_text(session.subject.key)
        return self.links.page("sign", fragment=f"s={session.id}&p={member.id}&t={token}&k={key}")

    # Questions: they have titles, names, and the link with the key of the files, so what stands
    # above their choices is only kept sealed.

    def kept(self, asking: Asking) -> Asking:
        """A question with what stands above it sealed."""
        sealed = encode_base64(self.vault.seal({_INTRO: doc_to_json(asking.intro)}))
        purpose = {**asking.purpose, _INTRO: sealed}
        return attrs.evolve(asking, purpose=purpose, kept_intro=())

    def whole(self, kept: Kept) -> Kept:
        """A question with what stands above it."""
        sealed = kept.purpose.get(_INTRO)
        if not isinstance(sealed, str):
            return kept
        intro = doc_from_json(self.vault.open(decode_base64(sealed))[_INTRO])
        return attrs.evolve(kept, intro=intro)


def session_topic(session_id: str) -> str:
    """Return the topic announced when a session may look different."""
    return f"signing {session_id}"


def requester_topic(requester: str) -> str:
    """Return the topic announced on news of a requester's session."""
    return f"signing of {requester}"
