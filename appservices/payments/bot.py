"""Payments as a service of the runtime: the bot, and what reaches it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from appservices.payments.banks.service import banking_of
from appservices.payments.bulk.service import bulk
from appservices.payments.cases import jobs as setting_aside
from appservices.payments.cases.service import talk as case_talk
from appservices.payments.chats.service.chats import ANSWERS, hear, hear_page
from appservices.payments.config import BOT_LOCALPART
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.faults import service as faults
from appservices.payments.institutions.service.client import API_PATH, PeerClient
from appservices.payments.institutions.service.describing import PAYMENTS_PATH, described
from appservices.payments.interbank.service import (
    banks as peers_bank,
)
from appservices.payments.interbank.service import (
    comparing as peers_checking,
)
from appservices.payments.interbank.service import restoring
from appservices.payments.interbank.service import (
    settling as peers_settling,
)
from appservices.payments.interbank.service import (
    taking as peers_taking,
)
from appservices.payments.interbank.service.questions import PeerDesk
from appservices.payments.jobs import handlers
from appservices.payments.ledger.service.attempts import Attempts
from appservices.payments.ledger.service.writer import Writer
from appservices.payments.organisations.service.callers import organisation_keys
from appservices.payments.organisations.service.feed import PaymentFeed, rules_of
from appservices.payments.organisations.service.news import EVENT, EventJob
from appservices.payments.paying.service import held, settling
from appservices.payments.peers.service import sending as peers_sending
from appservices.payments.postings.service import grants, moving
from appservices.payments.proofs.service.heads import TREE, Heads
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.topups.service import news as bank_news
from appservices.payments.witnesses.service import heads_room
from veche.acts import histories
from veche.acts.histories import RestoredError
from veche.api.sealing_client import sealer_of
from veche.bots import check_topics, log_undelivered, receive
from veche.messaging.service import BotAccount
from veche.messaging.webhooks import Webhooks
from veche.protocol.ids import UserId
from veche.runtime.files.pictures import read_picture
from veche.runtime.vault import Vault
from veche.transparency.notes import read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.banks.service import BankNews
    from appservices.payments.config import PaymentsSection
    from appservices.payments.ledger.service.attempts import Attempt
    from appservices.payments.ledger.service.sessions import Sessions
    from appservices.payments.ledger.service.work import Outcome
    from veche.acts.histories import Finding
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered
    from veche.transparency.notes import VerifierKey

logger = logging.getLogger(__name__)


class Payments:
    """One institution, whose bot serves persons in their chats with it.

    Attributes:
        callers: The organisations that may ask over HTTP.
        webhooks: Sends them their events.
        banking: The institution's banks.
        desk: Answers other institutions.
    """

    def __init__(
        self, host: BotPorts, section: PaymentsSection, sessions: Sessions | None = None
    ) -> None:
        """Make the service.

        Args:
            host: What it lives in.
            section: Its configuration.
            sessions: By which the ledger is written; None: of PostgreSQL, where the host has it.

        Raises:
            ConfigError: The key of an organisation cannot be read.
        """
        check_topics(Parts.profile.topics, ANSWERS)
        bot = BotAccount(
            UserId(f"@{BOT_LOCALPART}:{host.server_name}"),
            section.name_in(section.language),
            section.id,
            read_picture(section.avatar),
        )
        self._host = host
        self._section = section
        seed = host.seed("payments.receipts")
        receipts = Receipts(host.server_name, seed, host.witnesses, host.logs.history)
        host.logs.add(receipts.signer.verifier.name, TREE)
        vault = Vault(host.seed("payments"))
        self.banking = banking_of(host.database, host.reactor, section, vault, self._hear_of_bank)
        sealer = sealer_of(host.reactor, section.seal, section.id)
        client = PeerClient(host, section, receipts.signer)
        self._parts = Parts(host, section, bot, vault, receipts, self.banking, sealer, client)
        self.desk = PeerDesk(self._parts)
        self.callers = organisation_keys(section.organisations, section.language)
        feed = PaymentFeed(vault)
        self.webhooks = Webhooks(host, feed, receipts.signer, rules_of(section))
        self._handlers = {**handlers(self._parts), EVENT: EventJob(self._parts)}
        self._writer = Writer(sessions or host.dsn, host.reactor, expired=held.expired)
        self._handlers |= self.banking.job_handlers()
        settles = {
            moving.KIND: self._settle,
            **bulk.settles(self._parts),
            **setting_aside.settles(self._parts),
            **held.settles(self._parts),
            **peers_taking.settles(self._parts),
            **peers_settling.settles(self._parts),
            **self.banking.settles(),
        }
        self._attempts = Attempts(host, self._writer, settles, self._tell_of_fault)
        told = (self._post_heads, receipts.vouched, host.logs.last_signed)
        self._heads = Heads(host, self._writer, receipts.signer, *told)

    @property
    def bots(self) -> Sequence[BotAccount]:
        """The payments bot."""
        return [self._parts.bot]

    @property
    def parts(self) -> Parts:
        """Parts that all its transactions share."""
        return self._parts

    @property
    def receipt_keys(self) -> Sequence[VerifierKey]:
        """Keys that check receipts and published heads, the present one first."""
        old = [read_verifier_key(text) for text in self._section.old_receipt_keys]
        return [*self._parts.receipts.keys, *old]

    def described(self, now_ms: int) -> dict[str, Any]:
        """Build the institution's signed public description."""
        host = self._host
        return described(
            self._section,
            self._parts.receipts.signer,
            self.receipt_keys,
            witnesses=self._parts.receipts.vouched.keys,
            server=host.server_name,
            url=host.public_url or "",
            paths=(PAYMENTS_PATH, API_PATH),
            bot=self._parts.bot.user_id,
            heads_room=heads_room.address(self._section, host.server_name),
            now_ms=now_ms,
        )

    def job_handlers(self) -> Mapping[str, JobHandler]:
        """Chats, names of payees, clocks."""
        return self._handlers

    async def started(self) -> None:
        """Stand by as the writer; let accounts have the money that they begin with."""
        self._writer.start()
        self._host.at_stop(self._writer.stop)
        self._attempts.start()
        self._heads.start()
        self.webhooks.start()
        if self._parts.sealer is not None:
            self._host.at_stop(self._parts.sealer.close)
        await self._host.database.run("payments.start", self._start, self._host.now_ms())

    async def restored(self) -> Sequence[Finding]:
        """List heads, payments and orders that others know and this database lacks."""
        found = [*await restoring.in_room(self._parts), *await restoring.at_peers(self._parts)]
        return [*found, *await self.banking.restored()]

    def after_restore(self) -> Sequence[str]:
        """Look at the books, tell institutions the new key, and say what happened."""
        return (
            "look at veche ledger check, peers and reconcile",
            "give each other institution what `veche ledger key` shows",
            "publish what happened: people whose payments are lost have receipts of them",
        )

    async def ask_others(self) -> None:
        """Make sure that others know no more of this ledger, before anything is paid.

        Raises:
            RestoredError: They do.
        """
        found = await restoring.in_room(self._parts)
        if self._host.logs.is_adopted:
            found += await restoring.at_peers(self._parts)
            found += await self.banking.restored()
        known = [one for one in found if one.is_lost]
        for one in known:
            await self._host.database.run(
                "payments.restored", histories.stop, one.words, self._host.now_ms()
            )
        if known:
            raise RestoredError("; ".join(one.words for one in known))

    def receive(self, txn: Cursor, inbound: Inbound) -> None:
        """Act on one event that reached the bot."""
        scene = self._parts.conversation(txn, inbound.event_id, inbound.at_ms)
        if not case_talk.receive(scene, inbound):
            receive(scene, inbound, hear)

    def receive_page(self, txn: Cursor, act: PageAct) -> None:
        """Act on what a person did on a page."""
        hear_page(self._parts.conversation(txn, act.event_id, act.at_ms), act)

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:  # noqa: ARG002 -- of the protocol
        """Learn that something it said never arrives: what was paid stands in the history."""
        log_undelivered(undelivered)

    def _settle(self, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        scene = self._parts.conversation(txn, f"attempt {attempt.about}", outcome.at_ms)
        settling.settle(scene, attempt.about, outcome)

    def _tell_of_fault(self, txn: Cursor, attempt: Attempt, now_ms: int) -> None:
        scene = self._parts.conversation(txn, f"fault {attempt.kind} {attempt.about}", now_ms)
        faults.tell(scene, attempt)

    def _hear_of_bank(self, txn: Cursor, news: BankNews) -> None:
        bank_news.hear(self._parts, txn, news)

    def _post_heads(self, txn: Cursor, now_ms: int) -> None:
        heads_room.post(self._parts.conversation(txn, f"heads {now_ms}", now_ms))

    def _start(self, txn: Cursor, now_ms: int) -> None:
        self.banking.start(txn, now_ms)
        scene = self._parts.conversation(txn, "start", now_ms)
        grants.issue(scene)
        peers_checking.start(scene)
        peers_sending.start(scene)
        heads_room.start(scene)
        peers_bank.start(scene)
