"""Shared parts of all work on banks: banks, vault, ledger accounts, news."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Any

import attrs

from appservices.payments.banks.core.moves import Books
from appservices.payments.banks.core.port import BankOrder, Party, Signed
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.ledger.core.requests import opening
from veche.protocol.ids import ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.banks.core.moves import Held
    from appservices.payments.banks.core.port import Rail
    from appservices.payments.ledger.core import Account
    from veche.protocol.ids import Ulid
    from veche.runtime.database import Cursor, Database
    from veche.runtime.vault import Vault


class NewsKind(enum.Enum):
    """The kind of a bank's news."""

    HELD = "held"
    """A payout has its hold and goes to the bank."""
    NO_COVER = "no cover"
    """A payout got no hold: nothing happens."""
    SILENT = "silent"
    """The bank has said nothing of a payout for days; an operator asks it."""
    BOOKED = "booked"
    REJECTED = "rejected"
    RETURNED = "returned"
    CONFLICT = "conflict"
    CREDITED = "credited"
    """Something came in for somebody."""


@attrs.frozen
class BankNews:
    """News of a bank for features, in the transaction in which it becomes true.

    Attributes:
        kind: What it is.
        about: Id of the order, or of what was expected.
        account: In the ledger, of who pays or is paid.
        amount_minor: Of it.
        at_ms: When, UTC.
        code: The bank's word for why not, or empty.
        line: Key of the line by which it came in; empty for news of orders.
    """

    kind: NewsKind
    about: str
    account: int
    amount_minor: int
    at_ms: int
    code: str = ""
    line: str = ""


@attrs.frozen
class Bank:
    """A bank of the configuration.

    Attributes:
        name: By which it is kept.
        own: Our account there.
        currency: Of it.
        rail: The way to it.
    """

    name: str
    own: Party
    currency: str
    rail: Rail


@attrs.frozen
class Desk:
    """The parts that handlers and features share.

    Attributes:
        database: Where everything is.
        vault: Seals names and accounts of others; gives ids that nobody can guess.
        banks: By name.
        tell: Told of news; may run again, as its transaction.
    """

    database: Database
    vault: Vault
    banks: Mapping[str, Bank]
    tell: Callable[[Cursor, BankNews], None]

    def books(self, txn: Cursor, ledger: int, now_ms: int) -> tuple[Books, list[Account]]:
        """The institution's accounts that banks move, and those that are to be opened first."""
        mark, sealed = self.vault.mark(holders.INSTITUTION), self.vault.seal({"id": ""})
        institution = holders.keep_holder(txn, mark, sealed, holders.INSTITUTION, now_ms)
        codes = (
            AccountCode.BANK,
            AccountCode.PAYOUT_CLEARING,
            AccountCode.SUSPENSE,
            AccountCode.OPENING,
        )
        rows = [holders.keep_account(txn, institution.id, ledger, code) for code in codes]
        new = [opening(row.id, ledger, row.code) for row in rows if not row.is_opened]
        return Books(ledger, *(row.id for row in rows)), new

    def new_id(self, at_ms: int, cause: str) -> Callable[[str], Ulid]:
        """Ids of transfers: of a cause and a part always the same."""
        return lambda part: ulid(at_ms, self.vault.chance(f"bank {cause} {part}"))


def packed(order: BankOrder) -> dict[str, Any]:
    """Return the part of an order that is sealed: payee and purpose."""
    values: dict[str, Any] = {
        "name": order.other.name,
        "account": order.other.account,
        "bic": order.other.bic,
        "reference": order.reference,
        "text": order.text,
    }
    if order.mandate is not None:
        values["mandate"] = {
            **attrs.asdict(order.mandate),
            "signed_on": order.mandate.signed_on.isoformat(),
        }
    return values


def unpacked(bank: Bank, held: Held, values: Mapping[str, Any]) -> BankOrder:
    """The order whose sealed part is ``values``."""
    signed = values.get("mandate")
    mandate = None
    if signed is not None:
        mandate = Signed(**{**signed, "signed_on": dt.date.fromisoformat(signed["signed_on"])})
    return BankOrder(
        held.id,
        held.kind,
        bank.own,
        Party(values["name"], values["account"], values["bic"]),
        held.amount_minor,
        bank.currency,
        values["reference"],
        values["text"],
        mandate,
    )
