"""Receipts: the payload by which an institution proves that a payment was made.

Services of payments check one (``appservices/payments/proofs/core/receipts.py``), and browsers
(``appservices/widgets/static/verify``). Source: design of Veche, payments §6.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire
from veche.transparency.fields import HEAD_PATH_MAX, Hash, SignedNote

RECEIPT_KEY: Final = "org.veche.receipt"
RECEIPT_BYTES_MAX: Final = 65_536
"""Largest file that is looked at: an event is not larger."""
ENTRY_CHARACTERS_MAX: Final = 1_024
PATH_MAX: Final = 32
"""Longest inclusion proof in a block."""
PAYEE_CHARACTERS_MAX: Final = 255
REFERENCE_CHARACTERS_MAX: Final = 140
SERVER: Final = r"^[!-~]{1,230}$"
"""Name of a server."""
PLACES: Final = 8_192
"""``pos`` of an entry is the number of its block times this, plus its place in it."""

At = Annotated[int, Field(ge=0, le=INTEGER_MAX)]


class LedgerBlock(Wire):
    """A block of a ledger, as its head commits to it.

    Attributes:
        seq: Number of the block, from 1.
        at_ms: Ledger time, UTC.
        n: How many entries it has.
        prev: Head of the block before, SHA-256.
        root: RFC 6962 root over its entries.
    """

    seq: Annotated[int, Field(ge=1, le=INTEGER_MAX // PLACES)]
    at_ms: At
    n: Annotated[int, Field(ge=1, le=PLACES)]
    prev: Hash
    root: Hash


class LedgerProof(Wire):
    """Proof that an entry is in a block of a ledger.

    Attributes:
        leaf: The entry, canonical JSON, as the ledger recorded it.
        index: Its place among the entries of the block, from 0.
        block: The block.
        path: Inclusion proof (RFC 6962), from the entry upwards.
    """

    leaf: Annotated[str, Field(min_length=2, max_length=ENTRY_CHARACTERS_MAX)]
    index: Annotated[int, Field(ge=0, le=PLACES - 1)]
    block: LedgerBlock
    path: Annotated[list[Hash], Field(max_length=PATH_MAX)]


class Published(Wire):
    """Proof that a block is in a published head of its ledger.

    Attributes:
        path: Inclusion proof (RFC 6962) of the block's head, the entry ``seq`` - 1.
        checkpoint: The published head: a signed note.
    """

    path: Annotated[list[Hash], Field(max_length=HEAD_PATH_MAX)]
    checkpoint: SignedNote


class Between(Wire):
    """The servers of the two institutions between which a payment goes.

    Attributes:
        payer: Server of the payer's account.
        payee: Server of the payee's account.
    """

    payer: Annotated[str, Field(pattern=SERVER)]
    payee: Annotated[str, Field(pattern=SERVER)]


class Receipt(Wire):
    """A receipt: signed by the institution in the name of its ledger (an envelope).

    Beside these it has ``signatures``, and in ``unsigned.published`` may have what ``Published``
    says. The key of an envelope is ``ed25519:<id>``, with the id of the verifier key.

    Attributes:
        v: 1.
        id: Id of the transfer.
        payment: Id of the payment.
        payer_ref: Pseudonym of the payer, another one for each payee.
        payee: The payee.
        amount: Amount that they got.
        at_ms: When, UTC.
        reference: Purpose; may be empty.
        refund_of: For a refund: the receipt of the refunded payment.
        lines_sha256: For an invoice: SHA-256 of its lines.
        between: For a payment between two institutions: the two institutions. Each makes its own
            receipt, for its own ledger, with the same ``payment``.
        ledger_proof: Proof that the ledger has it.
    """

    v: Annotated[int, Field(ge=1, le=1)]  # Literal[1] would take true for it, and no browser does
    id: WireUlid
    payment: WireUlid
    payer_ref: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{21}[AQgw]$")]
    payee: Annotated[str, Field(min_length=1, max_length=PAYEE_CHARACTERS_MAX)]
    amount: Money
    at_ms: At
    reference: Annotated[str, Field(max_length=REFERENCE_CHARACTERS_MAX)]
    refund_of: WireUlid | None = None
    lines_sha256: Hash | None = None
    between: Between | None = None
    ledger_proof: LedgerProof
