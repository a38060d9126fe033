"""Movements between two institutions in terms of ISO 20022, and comparing both books.

A payment is a credit transfer (pacs.008), a refund the return of one (pacs.004), what became of it
a status (pacs.002). Source: design of Veche, payments §9.4.
"""

from __future__ import annotations

import enum
import hashlib
import uuid
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

PACS_002: Final = "pacs.002.001.10"
PACS_004: Final = "pacs.004.001.09"
PACS_008: Final = "pacs.008.001.08"
MESSAGES: Final = (PACS_002, PACS_004, PACS_008)
"""All three of ISO 20022's release of 2019, on which SEPA, large-value systems and CBPR+ agree."""
TXS_MAX: Final = 5_000
"""Payments of one message: about 10 MB, a third of what is read."""
LINES_MAX: Final = 200_000
"""Payments that are compared at once."""
AGENT_CHARACTERS_MAX: Final = 35
REASONS: Final[Mapping[str, str]] = {
    "no_such_payee": "AC03",
    "other_currency": "AM03",
    "closed": "AG10",
    "no_credit": "AM23",
    "expired": "AB06",
    "different_content": "DU03",
    "not_yours": "RC03",
    "bad_amount": "AM12",
    "invoice_over": "AEXR",
    "invoice_paid": "AM05",
}
"""ISO 20022's external codes of a status' reason, for why an institution says no."""
REASON_ELSE: Final = "MS03"
"""Not specified, by the institution."""


class Standing(enum.Enum):
    """The outcome of a payment, by its status in ISO 20022."""

    CREDITED = "ACCC"
    """Who is paid has it."""
    PAID = "ACSC"
    """Who pays has paid it; that the other has it is not known here, or not so yet."""
    REFUSED = "RJCT"
    """The institution of who is paid said no."""
    TAKEN_BACK = "CANC"
    """The institution of who pays took it back before it was paid."""

    @property
    def is_paid(self) -> bool:
        """Return whether it counts as owed."""
        return self in {Standing.CREDITED, Standing.PAID}


@attrs.frozen
class Original:
    """The payment that a refund returns.

    Attributes:
        id: Id of the payment.
        amount_minor: Of it; None: it is not known here.
        on: When it was paid; None: it is not known here.
    """

    id: str
    amount_minor: int | None = None
    on: dt.date | None = None


@attrs.frozen
class Stated:
    """One side's statement of a payment; both sides must make the same.

    Attributes:
        id: Of the payment, at both.
        payer_at: Server of the institution that pays, or its ``agent_id`` where it is long.
        payee_at: The same of the one that is paid.
        standing: What became of it.
        currency: ISO 4217; empty: it is not known.
        amount_minor: None: it is not known.
        on: The day that it counts for: of the block of the paying ledger, UTC; of what was not
            paid, of its id.
        original: What it gives back, if it is a refund.
    """

    id: str
    payer_at: str
    payee_at: str
    standing: Standing
    currency: str
    amount_minor: int | None
    on: dt.date
    original: Original | None = None

    @property
    def message(self) -> str:
        """Which message it is."""
        return PACS_008 if self.original is None else PACS_004

    @property
    def core(self) -> tuple[object, ...]:
        """Fields on which both sides must agree."""
        of = self.original.id if self.original is not None else None
        agents = agent_id(self.payer_at), agent_id(self.payee_at)
        return *agents, self.currency, self.amount_minor, self.on, of


@attrs.frozen
class InterbankPayment(Stated):
    """A payment between two institutions, by the books of one.

    Attributes:
        payer: Pseudonym of who pays, at most 34 characters.
        payee: Pseudonym of who is paid.
        paid_at_ms: By the paying ledger, UTC; None: it was not paid.
        credited_at_ms: By the ledger of the other, UTC; None: it was not, or that is not known.
        reason: Of what was refused: as in ``REASONS``.
        invoice: Which one it pays.
    """

    payer: str = ""
    payee: str = ""
    paid_at_ms: int | None = None
    credited_at_ms: int | None = None
    reason: str = ""
    invoice: str | None = None


@attrs.frozen
class Told:
    """A message of another institution.

    Attributes:
        name: Which.
        id: Its ``MsgId``.
        made_at_ms: When it says that it was made, UTC.
        payments: What it says; a status of what was paid has neither amount nor day of its own.
    """

    name: str
    id: str
    made_at_ms: int
    payments: Sequence[Stated]


class Whereabouts(enum.Enum):
    """The known facts about a payment that our books lack on the compared days."""

    OPEN = "open"
    """It is not over here: the word of the other is on its way."""
    NOT_PAID = "not_paid"
    OTHER_DAY = "other_day"


@attrs.frozen
class Difference:
    """A difference between the statements of two institutions.

    Attributes:
        id: Id of the payment.
        what: In English, for an operator.
        ours: What our books say; None: nothing.
        theirs: What theirs say; None: nothing.
        is_explained: It is on its way: no fault.
    """

    id: str
    what: str
    ours: Stated | None
    theirs: Stated | None
    is_explained: bool = False


@attrs.frozen
class Claims:
    """All that another institution said, message by message.

    Attributes:
        paid: By id, from its pacs.008 and pacs.004.
        statuses: By id, from its pacs.002.
        made_at_ms: When the first of them was made, UTC.
    """

    paid: Mapping[str, Stated]
    statuses: Mapping[str, Stated]
    made_at_ms: int


def agent_id(server: str) -> str:
    """By what an institution is named in ``FinInstnId/Othr/Id``: its server, cut by a digest."""
    if len(server) <= AGENT_CHARACTERS_MAX:
        return server
    return f"sha256-{hashlib.sha256(server.encode()).hexdigest()[:28]}"


def uetr(payment_id: str) -> str:
    """The end-to-end reference of a payment: the same at both, in the form of a UUID 4."""
    digest = hashlib.sha256(b"veche uetr " + payment_id.encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def reason_of(code: str | None) -> str:
    """The code of ISO 20022 for why an institution says no."""
    return REASONS.get(code or "", REASON_ELSE)


def compare(
    ours: Mapping[str, InterbankPayment],
    claims: Claims,
    known: Mapping[str, Whereabouts],
    own: str,
) -> Iterator[Difference]:
    """Where the books of two institutions differ, by id.

    Args:
        ours: By our books, of the days that are compared.
        claims: What the other says of the same days.
        known: Of what it names and our books do not have on these days.
        own: Our server.
    """
    for id_ in sorted({*ours, *claims.paid, *claims.statuses}):
        our, paid, status = ours.get(id_), claims.paid.get(id_), claims.statuses.get(id_)
        what, is_explained = _contradiction(paid, status), False
        if what is None and paid is not None:
            what, is_explained = _paid_there(our, paid, known.get(id_), own)
        elif what is None and our is not None and our.standing.is_paid:
            what = "paid here, not there" if status is not None else "only in ours"
            is_explained = status is None and _is_unheard(our, claims, own)
        elif what is None:
            what = _not_paid(our, status, known.get(id_))
        if what is not None:
            yield Difference(id_, what, our, paid or status, is_explained)


def _contradiction(paid: Stated | None, status: Stated | None) -> str | None:
    """Return how the other side contradicts itself."""
    if paid is not None and status is None:
        return "its status is missing from theirs"
    if paid is None and status is not None and status.standing.is_paid:
        return "theirs have its status and not the payment"
    if paid is not None and status is not None and not status.standing.is_paid:
        return "theirs say that it is paid, and that it is not"
    return None


def _paid_there(
    our: InterbankPayment | None, paid: Stated, known: Whereabouts | None, own: str
) -> tuple[str | None, bool]:
    """Compare a payment that the other has as paid; return also if it is only on its way."""
    if our is None and known is Whereabouts.OPEN and paid.payee_at == agent_id(own):
        return "paid there, on its way to here", True
    if our is None and known is None:
        return "only in theirs", False
    if our is None and known is Whereabouts.OTHER_DAY:
        return "of another day here", False
    if our is None or not our.standing.is_paid:
        return "paid there, not here", False
    return (None if our.core == paid.core else "not the same"), False


def _not_paid(
    our: InterbankPayment | None, status: Stated | None, known: Whereabouts | None
) -> str | None:
    """Compare a payment that neither side has as paid on these days."""
    if our is None and known is Whereabouts.OTHER_DAY:
        return "not paid there, paid here on another day"
    if our is None:
        return "only in theirs" if known is None else None
    # Of what was taken back, the other may never have heard but that.
    if status is None:
        return None if our.standing is Standing.TAKEN_BACK else "only in ours"
    are_known = None not in {our.amount_minor, status.amount_minor}
    return "not the same" if are_known and _amount(our) != _amount(status) else None


def _is_unheard(our: InterbankPayment, claims: Claims, own: str) -> bool:
    """Return whether the other side wrote before it could know of our payment."""
    if our.payer_at != own:
        return False
    # A message has its moment to the second.
    return our.credited_at_ms is None or our.credited_at_ms >= claims.made_at_ms


def _amount(of: Stated) -> tuple[str, int | None]:
    return of.currency, of.amount_minor
