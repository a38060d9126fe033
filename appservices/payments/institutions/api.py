"""Protocol between institutions: signed questions by HTTP, signed answers in their replies.

Both are envelopes (``veche.transparency.envelope``), by the key that signs the institution's
receipts and published heads; each side has the keys of the other in its configuration. A
question names who asks, who is asked and the moment; an answer names the question by its hash, so
it is good for no other. A question may come again, and out of order: what it is about
has an id, and the same id with another content is refused. Source: design of Veche, payments §9.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from veche.contracts.payments.invoice import InvoiceCard
from veche.contracts.payments.invoice_api import REASON_CHARACTERS_MAX
from veche.protocol.canonical import INTEGER_MAX, canonical
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import Wire
from veche.transparency.fields import HEAD_PATH_MAX, Hash
from veche.transparency.notes import NOTE_BYTES_MAX, SIZE_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

QUESTION: Final = "org.veche.peer.question"
ANSWER: Final = "org.veche.peer.answer"
PACKETS_MAX: Final = 500
"""Packets that a statement lists."""
NAME_CHARACTERS_MAX: Final = 255
WORDS_CHARACTERS_MAX: Final = 140
RECORDS_MAX: Final = 10
"""Payments of one answer to ``records``: an answer has at most 64 KiB."""

At = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
Minor = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
ServerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:\[\]-]{1,230}$")]
Address = Annotated[str, Field(pattern=r"^@[^:\s]{1,255}:\S{1,230}$", max_length=255)]
PartyAddress = Annotated[str, Field(pattern=r"^@?[^:\s]{1,255}:\S{1,230}$", max_length=255)]
Named = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]


class PeerParty(Wire):
    """Somebody of a payment.

    Attributes:
        address: Matrix id; of an organisation ``name:server``.
        name: As their institution knows them.
    """

    address: PartyAddress
    name: Named


class InvoiceName(Wire):
    """An invoice in one version.

    Attributes:
        id: Of the invoice.
        version: From 1.
    """

    id: WireUlid
    version: Annotated[int, Field(ge=1, le=INTEGER_MAX)]


class InvoiceOver(InvoiceName):
    """An invoice that cannot be paid any more.

    Attributes:
        reason: Why it was taken back.
    """

    reason: Annotated[str, Field(max_length=REASON_CHARACTERS_MAX)] | None = None


class PeerInvoice(Wire):
    """An invoice of an organisation of one institution to a person of the other.

    Attributes:
        addressee: Who is asked to pay.
        card: The invoice.
    """

    addressee: Address
    card: InvoiceCard


class Packet(Wire):
    """A payment from one institution to another.

    Attributes:
        id: Of the payment; the same at both.
        amount: What the payee gets.
        payer: At the institution that asks.
        payee: At the institution that is asked.
        reference: Purpose; may be empty.
        refund_of: Of a refund: the payment that it gives back.
        invoice: Which invoice it pays, of an organisation of the institution that is asked.
    """

    id: WireUlid
    amount: Money
    payer: PeerParty
    payee: PeerParty
    reference: Annotated[str, Field(max_length=WORDS_CHARACTERS_MAX)]
    refund_of: WireUlid | None = None
    invoice: InvoiceName | None = None


class Question(Wire):
    """A question from one institution to another, beside ``signatures``.

    Attributes:
        v: 1.
        type: ``org.veche.peer.question``.
        asker: Server name of the institution that asks.
        asked: Server name of the institution that is asked.
        at_ms: When, UTC.
        kind: ``who``: whether somebody can be paid. ``prepare``: say whether a payment will be
            taken, and keep to it. ``commit``: it is paid. ``cancel``: it is not, and will not be.
            ``statement``: what you know of what we pay you, and you us. ``invoice``: ask one of
            your people to pay this. ``invoice_over``: it cannot be paid any more. ``records``:
            what was paid between us, with what proves it: my database was restored.
        address: Of ``who``: about whom.
        currency: Of ``who`` and ``statement``.
        expires_at_ms: Of ``prepare``: a payment that is not prepared by then is refused.
        packet: Of ``prepare``; of ``commit`` too, for one that has forgotten it.
        id: Of ``commit`` and ``cancel``: of the payment.
        receipt: Of ``commit``: that the ledger of who asks has it (``Receipt``).
        invoice: Of ``invoice``.
        over: Of ``invoice_over``.
        since_ms: Of ``records``: paid then or later, UTC.
        after: Of ``statement``: how many blocks the head has that who asks knows; 0: it knows none.
    """

    v: Literal[1]
    type: Literal["org.veche.peer.question"]
    asker: ServerName
    asked: ServerName
    at_ms: At
    kind: Literal[
        "who", "prepare", "commit", "cancel", "statement", "invoice", "invoice_over", "records"
    ]
    address: Address | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    packet: Packet | None = None
    expires_at_ms: At | None = None
    id: WireUlid | None = None
    receipt: dict[str, Any] | None = None
    invoice: PeerInvoice | None = None
    over: InvoiceOver | None = None
    since_ms: At | None = None
    after: Annotated[int, Field(ge=0, le=SIZE_MAX)] = 0


class PeerFlow(Wire):
    """One institution's view of its payments to the other, in one currency.

    Attributes:
        moved: Minor units that it has moved, ever.
        held: Set aside for packets that wait.
        waiting: Amounts of the packets that are on their way, by id.
    """

    moved: Minor
    held: Minor
    waiting: Annotated[dict[WireUlid, Minor], Field(max_length=PACKETS_MAX)]


class PeerStatement(Wire):
    """One institution's view of another, in one currency.

    Attributes:
        currency: Which.
        ours: What it pays the other.
        yours: What the other pays it.
    """

    currency: str
    ours: PeerFlow
    yours: PeerFlow


class PeerHead(Wire):
    """The newest published head of a ledger.

    Attributes:
        checkpoint: Signed note: origin, how many blocks, root.
        consistency: Proof (RFC 6962) that it begins with the head that who asks knows; empty if
            that is the same, or if it is not so.
    """

    checkpoint: Annotated[str, Field(min_length=1, max_length=NOTE_BYTES_MAX)]
    consistency: Annotated[list[Hash], Field(max_length=HEAD_PATH_MAX)]


class PeerRecord(Wire):
    """A payment between two institutions, with the proof of the one that paid.

    Attributes:
        at_ms: When who answers kept it, UTC.
        commit: The question ``commit`` of the one that paid, as it signed it.
        prepare: Its question ``prepare``, where that has the packet.
    """

    at_ms: At
    commit: dict[str, Any]
    prepare: dict[str, Any] | None = None


class PeerAnswer(Wire):
    """An answer, beside ``signatures``.

    Attributes:
        v: 1.
        type: ``org.veche.peer.answer``.
        asker: Server name of the institution that asked.
        asked: Server name of the institution that answers.
        at_ms: When, UTC.
        question: SHA-256 of the canonical question, with its signatures.
        state: Of a payment: ``ready`` is yes to ``prepare``, ``refused`` is no, ``done``: the payee
            has it, ``cancelled``: that it is cancelled is known; ``busy``: not decided yet, ask
            again. Of other questions ``known`` or ``unknown``.
        code: Of ``refused`` and ``unknown``: why, for programs.
        name: Of ``who``: what they are called.
        receipt: Of ``done``: that the ledger of who answers has it (``Receipt``). Of
            ``statement``: of the newest payment of who asks to who answers, by the ledger of who
            asks.
        records: Of ``records``: the oldest, in their order.
        statement: Of ``statement``.
        head: Of ``statement``, once there is one.
        seen: Of ``statement``: the last head of who asks that who answers has witnessed, as a note
            with both signatures.
    """

    v: Literal[1]
    type: Literal["org.veche.peer.answer"]
    asker: ServerName
    asked: ServerName
    at_ms: At
    question: Hash
    state: Literal["known", "unknown", "ready", "refused", "done", "cancelled", "busy"]
    code: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None = None
    name: Named | None = None
    receipt: dict[str, Any] | None = None
    statement: PeerStatement | None = None
    head: PeerHead | None = None
    seen: Annotated[str, Field(min_length=1, max_length=NOTE_BYTES_MAX)] | None = None
    records: Annotated[list[PeerRecord], Field(max_length=RECORDS_MAX)] | None = None


class Envelope(Wire):
    """The body of a question, and of its answer.

    Attributes:
        message: What was signed, with its ``signatures``.
    """

    message: dict[str, Any]


def hash_of(message: Mapping[str, Any]) -> str:
    """SHA-256 of a message with its signatures, unpadded base64.

    Raises:
        MalformedError: It has no canonical JSON.
    """
    return encode_base64(hashlib.sha256(canonical(message, where="message")).digest())
