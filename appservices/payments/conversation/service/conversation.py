"""One transaction of the payments bot: who speaks, to whom, in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.config import PaymentsSection
from appservices.payments.conversation import store as chats
from appservices.payments.conversation.core.commands import COMMANDS
from appservices.payments.conversation.core.topics import Topic
from appservices.payments.holders import store as holders
from veche.bots import BotProfile, ChatParts
from veche.bots import Conversation as BotConversation
from veche.protocol.texts.catalogue import Catalogue
from veche.runtime.live import announce
from veche.runtime.widget import widget_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.banks.service import Banking
    from appservices.payments.holders.store import Holder
    from appservices.payments.institutions.service.client import PeerClient
    from appservices.payments.proofs.service.receipts import Receipts
    from veche.api.sealing_client import Sealer
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

CATALOGUE: Final = Catalogue.load("veche.protocol", "veche.protocol.forms", "appservices.payments")
"""Every text that payments and what they use can say."""

PURPOSE: Final = "payments"


@attrs.frozen
class Parts(ChatParts[PaymentsSection]):
    """The parts that all transactions share.

    Attributes:
        receipts: Makes and signs receipts.
        banking: The institution's banks.
        sealer: Its seal; None: its statements carry none.
        peers: Asks other institutions; None: only in tests that have none.
    """

    profile = BotProfile(PURPOSE, CATALOGUE, COMMANDS, chats.CHATS, frozenset(Topic))
    receipts: Receipts
    banking: Banking
    sealer: Sealer | None = None
    peers: PeerClient | None = None

    def conversation(self, txn: Cursor, cause: str, now_ms: int) -> Conversation:
        """Begin a transaction of the bot; see ``ChatParts``."""
        return Conversation(txn, self.sender(txn, cause, now_ms), self)

    def widget(self, language: str) -> Sequence[Mapping[str, Any]]:
        """State that shows the wallet in a chat; none where there are no pages."""
        links = self.host.links
        url = links.widget("wallet") if links is not None else None
        return widget_state(url, self.bot.user_id, self.section.name_in(language))


@attrs.frozen
class Conversation(BotConversation[PaymentsSection]):
    """One transaction."""

    parts: Parts

    @property
    def banking(self) -> Banking:
        """The institution's banks."""
        return self.parts.banking

    def holder(self, person: UserId) -> Holder:
        """A person as the holder of accounts; kept now if they are new."""
        mark, sealed = self.vault.mark(person), self.vault.seal({"id": person})
        return holders.keep_holder(self.txn, mark, sealed, holders.PERSON, self.now_ms)

    def bank_account_holder(self, account: str) -> Holder:
        """Keep the owner of an account at a bank, by its number, as a holder."""
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

    def announce_change(self, person: UserId) -> None:
        """Have the pages of a person look again: whatever happens to their money, they are told."""
        announce_change(self.txn, person)


def wallet_topic(person: UserId) -> str:
    """Return the topic announced when a person's wallet may look different."""
    return f"wallet {person}"


def announce_change(txn: Cursor, person: UserId) -> None:
    """Have the pages of a person look again: whatever happens to their money, they are told."""
    announce(txn, wallet_topic(person))
