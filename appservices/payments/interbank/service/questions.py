"""Where other institutions ask: whose question it is, what is done, what is signed in answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.conversation.service import naming
from appservices.payments.institutions.api import (
    ANSWER,
    PeerAnswer,
    PeerHead,
    PeerRecord,
    PeerStatement,
    Question,
    hash_of,
)
from appservices.payments.institutions.core import AGE_MS_MAX, origin_of
from appservices.payments.interbank.service import (
    comparing as peers_checking,
)
from appservices.payments.interbank.service import (
    invoices as invoices_abroad,
)
from appservices.payments.interbank.service import restoring
from appservices.payments.interbank.service import (
    taking as peers_taking,
)
from appservices.payments.peers import store
from appservices.payments.peers.core import In
from appservices.payments.peers.service import peers
from appservices.payments.witnesses.service import peers as peers_witnessing
from veche.acts.signed_tree import number_of
from veche.protocol.errors import BadSignatureError, ForbiddenError, MalformedError
from veche.protocol.ids import UserId
from veche.protocol.wire import parse
from veche.runtime import metrics
from veche.runtime.wake_event import WakeEvent
from veche.transparency.notes import log_of, signer_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.payments.config import PeerSection
    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.institutions.api import Packet
    from veche.runtime.database import Cursor

DECIDE_MS_MAX: Final = 3_000
"""How long an answer waits for the writer."""
_STATES: Final[Mapping[In, str]] = {
    In.HOLDING: "busy",
    In.READY: "ready",
    In.REFUSED: "refused",
    In.POSTING: "busy",
    In.DONE: "done",
    In.VOIDING: "busy",
    In.CANCELLED: "cancelled",
    In.STUCK: "busy",
}

_answered = metrics.counter(
    "veche_payment_peer_answers_total", "Questions of other institutions.", ["kind", "state"]
)


class PeerRefusedError(ForbiddenError):
    """A message comes from no agreed institution, or is not fresh; HTTP 403."""

    errcode = "ORG.VECHE.PEER_REFUSED"


@attrs.frozen
class Said:
    """The content of an answer, beside the fields that every answer has."""

    state: str
    code: str | None = None
    name: str | None = None
    receipt: Mapping[str, Any] | None = None
    statement: PeerStatement | None = None
    head: PeerHead | None = None
    seen: str | None = None
    records: Sequence[PeerRecord] | None = None


class PeerDesk:
    """Answers other institutions."""

    def __init__(self, parts: Parts) -> None:
        """Make it in the constructor of a service, since it listens to a channel.

        Args:
            parts: Of the institution.
        """
        self._host = parts.host
        self._parts = parts
        self._waiting: dict[str, set[WakeEvent]] = {}
        self._host.hear(store.CHANNEL, self._ring)

    async def take(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a question asks; the signed answer.

        Args:
            message: As received.

        Raises:
            PeerRefusedError: Nobody that there is an agreement with signed it, for us, now.
            MalformedError: It has another form.
        """
        peer, question = self.read(message)
        match question.kind:
            case "who":
                said = await self._who(peer, question)
            case "invoice" | "invoice_over":
                said = await self._invoice(peer, question)
            case "statement":
                said = await self._run(self._statement, peer, question)
            case "records":
                said = await self._run(self._records, peer, question)
            case _:
                said = await self._decided(peer, question, message)
        _answered.labels(question.kind, said.state).inc()
        return self.signed(peer, said, hash_of(message))

    def read(self, message: Mapping[str, Any]) -> tuple[PeerSection, Question]:
        """Read a question, once it is sure that this peer asks it, of us, and now.

        Raises:
            PeerRefusedError: As for ``take``.
            MalformedError: As for ``take``.
        """
        server = str(message.get("asker"))
        peer = self._parts.section.peer(server)
        if peer is None:
            raise PeerRefusedError("there is no agreement with this institution")
        try:
            name = signer_of(message, peer.verifiers())
        except BadSignatureError as e:
            raise PeerRefusedError(f"it is not signed by a key of {server} that is known") from e
        question = parse(Question, message, where="message")
        is_to_us = question.asked == self._host.server_name and log_of(name) == origin_of(server)
        if not is_to_us or abs(question.at_ms - self._host.now_ms()) > AGE_MS_MAX:
            raise PeerRefusedError("it is to somebody else, or not of this moment")
        needed = {
            "who": (question.address, question.currency),
            "prepare": (question.packet, question.expires_at_ms),
            "commit": (question.id, question.receipt),
            "cancel": (question.id,),
            "statement": (question.currency,),
            "records": (question.since_ms,),
            "invoice": (question.invoice,),
            "invoice_over": (question.over,),
        }[question.kind]
        if None in needed:
            raise MalformedError("message", f"lacks what {question.kind} needs")
        return peer, question

    async def _who(self, peer: PeerSection, question: Question) -> Said:
        address = str(question.address)
        why = await self._run(self._payable, peer, address, str(question.currency))
        name = await self._name(address) if why is None else None
        if name is None:
            return Said("unknown", code=why or peers_taking.NO_PAYEE)
        return Said("known", name=name)

    async def _invoice(self, peer: PeerSection, question: Question) -> Said:
        told = question.invoice
        is_here = told is not None and await self._name(told.addressee) is not None

        def run(txn: Cursor) -> Said:
            scene = self._parts.conversation(txn, cause_of(question), self._host.now_ms())
            return self.take_invoice(scene, peer, question, is_here)

        said: Said = await self._host.database.run("payments.peer", run)
        return said

    def take_invoice(
        self, scene: Conversation, peer: PeerSection, question: Question, is_here: bool
    ) -> Said:
        """Ask one of our people to pay an invoice, or not any more."""
        if question.kind == "invoice_over":
            is_heard = invoices_abroad.over(scene, peer, question)
            return Said("known" if is_heard else "busy")
        why = invoices_abroad.receive(scene, peer, question, is_here=is_here)
        if why == invoices_abroad.BUSY:
            return Said("busy")
        return Said("known") if why is None else Said("refused", code=why)

    async def _decided(
        self, peer: PeerSection, question: Question, message: Mapping[str, Any]
    ) -> Said:
        """Do something about a payment, and wait for the writer's word."""
        id_ = str(question.packet.id if question.packet is not None else question.id)
        is_here = True
        packet = question.packet
        # Who is known already is paid also while the homeserver is down.
        is_person = packet is not None and packet.invoice is None
        if packet and is_person and await self._run(self._is_new, id_, packet.payee.address):
            is_here = await self._name(packet.payee.address) is not None
        wake = WakeEvent(self._host.reactor)
        self._waiting.setdefault(id_, set()).add(wake)
        try:
            said: Said = await self._run(self.take_in, peer, question, message, is_here)
            until_ms = self._host.now_ms() + DECIDE_MS_MAX
            while said.state == "busy" and (left_ms := until_ms - self._host.now_ms()) > 0:
                await wake.wait(min(left_ms, DECIDE_MS_MAX))
                said = await self._run(self.state, peer, question)
        finally:
            self._waiting[id_].discard(wake)
            if not self._waiting[id_]:
                del self._waiting[id_]
        return said

    def take_in(
        self,
        scene: Conversation,
        peer: PeerSection,
        question: Question,
        message: Mapping[str, Any],
        is_here: bool,
    ) -> Said:
        """Do something about a payment, in a transaction; what is answered by its state."""
        done = True
        if question.kind == "prepare":
            peers_taking.prepare(scene, peer, question, message, is_here=is_here)
        elif question.kind == "commit":
            is_forgetful = number_of(scene.parts.receipts.signer.verifier.name) > 1
            done = peers_taking.commit(scene, peer, question, message, is_forgetful=is_forgetful)
        else:
            done = peers_taking.cancel(scene, peer, question, message)
        if not done:
            return Said("refused", code="contradiction")
        return self.state(scene, peer, question)

    def state(self, scene: Conversation, peer: PeerSection, question: Question) -> Said:
        """Answer with the state of a payment."""
        packet: Packet | None = question.packet
        id_ = str(packet.id if packet is not None else question.id)
        file = store.into(scene.txn, id_)
        if file is None:
            return Said("busy")
        holder = peers.institution(scene, peer.server)
        if packet is not None and not peers_taking.is_same(file, packet, holder):
            return Said("refused", code=peers_taking.DIFFERENT)
        receipt = peers_taking.receipt_of(scene, id_) if file.state is In.DONE else None
        return Said(_STATES[file.state], code=file.why, receipt=receipt)

    def _is_new(self, scene: Conversation, id_: str, address: str) -> bool:
        is_known = peers.known(scene, UserId(address)) is not None
        return not is_known and store.into(scene.txn, id_) is None

    def _payable(
        self, scene: Conversation, peer: PeerSection, address: str, currency: str
    ) -> str | None:
        return peers_taking.payable(scene, peer, address, currency)

    def _statement(self, scene: Conversation, peer: PeerSection, question: Question) -> Said:
        told = peers_checking.statement(scene, peer.server, str(question.currency))
        head = peers_witnessing.newest(scene, question.after)
        seen = peers_witnessing.seen(scene, peer.server)
        proof = restoring.newest_of(scene, peer.server)
        # Who asks may have begun a moment ago: look at once whether we know the same.
        if told is not None and peers_checking.is_long_ago(scene, peer.server, told.currency):
            peers_checking.soon(scene, peer.server, told.currency)
        if told is None:
            return Said("unknown", peers_taking.OTHER_CURRENCY, receipt=proof, head=head, seen=seen)
        return Said("known", receipt=proof, statement=told, head=head, seen=seen)

    def _records(self, scene: Conversation, peer: PeerSection, question: Question) -> Said:
        return Said("known", records=restoring.records(scene, peer, question.since_ms or 0))

    async def _name(self, address: str) -> str | None:
        """Return the display name of a person of ours; None if there is none, or not ours."""
        bot = self._parts.bot.user_id
        found = naming.user_named(address, bot)
        if found is None or found != UserId(address):
            return None
        return await naming.known_name(self._host.client, bot, found)

    async def _run(self, work: Any, *args: Any) -> Any:
        def run(txn: Cursor) -> Any:
            return work(self._parts.conversation(txn, "peer", self._host.now_ms()), *args)

        return await self._host.database.run("payments.peer", run)

    def signed(self, peer: PeerSection, said: Said, question: str) -> dict[str, Any]:
        """An answer, signed; ``question`` is the hash of what is answered."""
        statement, head = said.statement, said.head
        told = {
            "code": said.code,
            "name": said.name,
            "receipt": dict(said.receipt) if said.receipt is not None else None,
            "statement": statement.model_dump(mode="json") if statement is not None else None,
            "head": head.model_dump(mode="json") if head is not None else None,
            "seen": said.seen,
            "records": [one.model_dump(mode="json", exclude_none=True) for one in said.records]
            if said.records is not None
            else None,
        }
        body = {
            "v": 1,
            "type": ANSWER,
            "asker": peer.server,
            "asked": self._host.server_name,
            "at_ms": self._host.now_ms(),
            "question": question,
            "state": said.state,
            **{name: value for name, value in told.items() if value is not None},
        }
        parse(PeerAnswer, body, where="answer")
        return self._parts.receipts.signer.sign_object(body)

    def _ring(self, id_: str) -> None:
        """The writer has decided about a payment, or notifications may have been missed."""
        rung = self._waiting.get(id_, ()) if id_ else set().union(*self._waiting.values())
        for wake in list(rung):
            wake.set()


def cause_of(question: Question) -> str:
    """Return the cause id of a question's news, so that each is told once."""
    named = question.over or (question.invoice and question.invoice.card)
    about = f"{named.id} {named.version}" if named else ""
    return f"peer {question.asker} {question.kind} {about}"
