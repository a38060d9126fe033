"""The keys of all persons and what they approve: the object that services and pages speak to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.access.approvals import asking, codes, enrolling, identities, store, taking, texts
from veche.access.approvals.core import AskedState, Enrolment, Key, KeyKind, Rules
from veche.access.approvals.errors import ApprovalError
from veche.access.approvals.evidence import exported
from veche.access.approvals.parts import Parts
from veche.access.approvals.sites import site_of
from veche.protocol.money import parse_money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.access.approvals.store import Evidence
    from veche.access.approvals.taking import Outcome, Taken
    from veche.acts import ActLog
    from veche.chat.prompts import Asking, Heard
    from veche.chat.sending import Sender
    from veche.messaging.jobs import JobHandler
    from veche.protocol.approval import AskedApproval, Kind, Proof, Shown, SignedApproval
    from veche.protocol.errors import VecheError
    from veche.protocol.ids import EffectId, UserId
    from veche.protocol.inbound import Inbound
    from veche.protocol.prompts import Prompt
    from veche.protocol.texts.catalogue import Catalogue
    from veche.runtime.config import ApprovalsSection, ChatsSection
    from veche.runtime.database import Cursor, Database
    from veche.runtime.web.public import PageLinks

ENROLMENTS_KEPT_MS: Final = 24 * 3600 * 1000
"""How long the row of an enrolment stays; longer than the hour in which they are counted."""
SHOWN_KEPT_MS: Final = 24 * 3600 * 1000
"""How long what was shown stays of what was never approved."""
ASKED_KEPT_MS: Final = 90 * 24 * 3600 * 1000
"""How long it is known how an approval ended; evidence is kept for ever."""


@attrs.frozen
class AskedView:
    """An approval as its page sees it.

    Attributes:
        state: With what is known of its question.
        asked: None once it is not open.
        keys: Of the person; only those that are not revoked.
        held: Ids of those that are too new to approve this.
        new_key_waits_ms: How long a key that is made now waits before it may approve this.
    """

    state: AskedState
    asked: AskedApproval | None
    expires_at_ms: int | None
    keys: Sequence[Key]
    held: frozenset[str] = frozenset()
    new_key_waits_ms: int = 0


class Approvals:
    """Keys, approvals and limits; all of it is rows, so that every process knows them.

    Methods that take a ``txn`` are part of the caller's transaction.

    Attributes:
        parts: What functions of this package are given that need no more, such as ``limits.views``.
    """

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        act_log: ActLog,
        links: PageLinks | None,
        rules: Rules,
        *,
        key: bytes,
        public_url: str | None = None,
    ) -> None:
        """Make it of what ``Parts`` has; without pages, at ``public_url``, there are no keys."""
        self._database = database
        self._reactor = reactor
        self.parts = Parts(act_log, links, rules, key, site_of(public_url))

    @property
    def has_passkeys(self) -> bool:
        """Return whether browsers make passkeys for our address."""
        return self.parts.site is not None

    # For services

    def asked(self, sender: Sender, person: UserId, kind: Kind, shown: Shown) -> AskedApproval:
        """Build the approval that a person is asked for, for ``Choice.approve``; see ``asking``."""
        return asking.asked_approval(self.parts, sender, person, kind, shown)

    def ask(self, txn: Cursor, sender: Sender, question: Asking, catalogue: Catalogue) -> EffectId:
        """As ``prompts.ask``, for every prompt: choices to be approved are kept; see ``asking``."""
        return asking.ask(txn, self.parts, sender, question, catalogue)

    def hear(
        self,
        txn: Cursor,
        inbound: Inbound,
        *,
        thread: EffectId | None = None,
        is_dialogue: bool = False,
    ) -> Heard:
        """As ``prompts.hear``, where payments are asked for: codes are answers; see ``codes``."""
        return codes.hear(txn, self.parts, inbound, thread=thread, is_dialogue=is_dialogue)

    def page_of(self, prompt: Prompt | None, choice_id: str | None) -> str | None:
        """The page where a choice is approved; None if it needs none, or there are no pages."""
        choice = prompt.choice(choice_id) if prompt is not None else None
        if choice is None or choice.approve is None or self.parts.links is None:
            return None
        return self.parts.links.approve(choice.approve.nonce)

    def authorised(self, txn: Cursor, nonce: str | None) -> Evidence:
        """Read the evidence of an approval that still counts; see ``taking.authorised``."""
        return taking.authorised(txn, self.parts, nonce)

    def exported(self, txn: Cursor, nonce: str) -> dict[str, Any] | None:
        """Export what was approved or declined, with its key; None if there is nothing.

        It is a record that anybody can check without us. It allows nothing: see ``authorised``.
        """
        evidence = store.evidence_of(txn, self.parts.vault, nonce)
        if evidence is None:
            return None
        key = store.key_of(txn, evidence.key_id) if evidence.key_id is not None else None
        return exported(evidence, key, self.parts.site)

    # Approving

    def take(self, txn: Cursor, signed: SignedApproval, now_ms: int) -> Taken:
        """Take a signed approval; see ``taking.take``."""
        return taking.take(txn, self.parts, signed, now_ms)

    async def take_now(self, signed: SignedApproval, language: str) -> Outcome:
        """As ``take``, in a transaction of its own.

        Raises:
            VecheError: It was refused; nothing has changed but the log.
        """
        taken = await self._database.run("approval", self.take, signed, self._now_ms())
        if isinstance(taken.outcome, str):
            return taken.outcome
        raise said(taken.outcome, language)

    def view(self, txn: Cursor, nonce: str, now_ms: int) -> AskedView | None:
        """Return what was asked under a nonce; None if nothing was."""
        found = store.asked_of(txn, nonce, now_ms)
        if found is None:
            return None
        asked = found[0]
        if asked.state is not AskedState.OPEN or asked.shown is None:
            return AskedView(asked.state, None, asked.expires_at_ms, ())
        if not identities.is_current(txn, asked):
            return AskedView(AskedState.CLOSED, None, asked.expires_at_ms, ())
        keys = [key for key in store.keys_of(txn, asked.person) if key.revoked_at_ms is None]
        approval, rules = asking.approval_asked(asked, asked.shown), self.parts.rules
        held = [key.id for key in keys if taking.is_key_held(txn, key, approval, now_ms, rules)]
        waits_ms = rules.key_hold_ms if approval.kind in rules.held else 0
        return AskedView(
            asked.state, approval, asked.expires_at_ms, keys, frozenset(held), waits_ms
        )

    # Keys

    def begin(
        self,
        txn: Cursor,
        person: UserId,
        kind: KeyKind,
        label: str,
        public: bytes | None,
        now_ms: int,
    ) -> tuple[Enrolment, dict[str, Any] | None]:
        """Begin to enrol a key; with what the browser is told to make it, if it is a passkey.

        See ``enrolling.begin``.
        """
        enrolment = enrolling.begin(txn, self.parts, person, kind, label, public, now_ms)
        site = self.parts.site
        if kind is not KeyKind.WEBAUTHN or site is None:
            return enrolment, None
        return enrolment, enrolling.options(txn, site, enrolment, self.parts.key)

    async def finish(
        self, person: UserId, enrolment_id: str, code: str, proof: Proof, language: str
    ) -> Key:
        """Enrol the key, if the code is right and the key signed.

        Raises:
            ApprovalError: It is refused; a wrong code counts.
            BadSignatureError: The key did not sign for this.
        """
        got = await self._database.run(
            "key code",
            enrolling.finish,
            self.parts,
            person,
            enrolment_id,
            code,
            proof,
            self._now_ms(),
        )
        if isinstance(got, Key):
            return got
        raise said(got, language)

    def revoke(self, txn: Cursor, person: UserId, key_id: str, now_ms: int) -> Key:
        """Revoke a key; see ``enrolling.revoke``."""
        return enrolling.revoke(txn, self.parts, person, key_id, now_ms)

    # For the host

    def seal_evidence(self, txn: Cursor, _before_ms: int) -> int:
        """Seal what an earlier release has kept in clear, however new: some of it; how many."""
        return store.seal_evidence(txn, self.parts.vault)

    def job_handlers(self, bots: Iterable[UserId] = ()) -> dict[str, JobHandler]:
        """Return what is done later, for the host's jobs.

        Args:
            bots: Of the host. Those whose service has a handler for revoked keys take its own.
        """
        ignored = enrolling.IgnoredJob()
        return {
            enrolling.HOLD: enrolling.HoldEnded(self.parts),
            **{enrolling.revocation_kind(bot): ignored for bot in bots},
        }

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


def rules_of(section: ApprovalsSection, chats: ChatsSection | None = None) -> Rules:
    """Return the rules that a configuration sets; without ``chats`` the default of reactions."""

    def minor(amounts: Mapping[str, str]) -> dict[str, int]:
        return {
            currency: parse_money(amount, currency=currency).minor
            for currency, amount in amounts.items()
        }

    return Rules(
        key_hold_ms=section.key_hold_ms,
        held=frozenset(section.held),
        small_limits=minor(section.small_limits),
        code_limits=minor(section.code_limit_max),
        reactions=chats.number_reactions if chats is not None else "first",
    )


def said(error: VecheError, language: str) -> VecheError:
    """An error in a language."""
    return error.told(texts.CATALOGUE, language) if isinstance(error, ApprovalError) else error
