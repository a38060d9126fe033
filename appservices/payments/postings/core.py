"""Money that is set aside, as transfers: let go of, or given back the way it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.ledger.core import Transfer, TransferFlag, ledger_id

if TYPE_CHECKING:
    from veche.protocol.ids import Ulid

HOLD: Final = "hold"
END: Final = "end"
"""Part of the transfer that posts what is set aside."""
LET_GO: Final = "let go"
"""Part of the transfer that lets go of all of it."""
OUT: Final = "out"
"""Part of the transfer out of the escrow account, where a refund goes back through it."""


def void(hold: Ulid, id_: Ulid) -> Transfer:
    """Build the transfer that releases all that is set aside."""
    return Transfer(id=ledger_id(id_), flags=TransferFlag.VOID, pending_id=ledger_id(hold))


def back_out(refund: Transfer, buyer: int, posted: Ulid, id_: Ulid) -> Transfer:
    """The second half of a refund of what an escrow released: back the way it came.

    Args:
        refund: From the seller into the escrow account.
        buyer: The buyer's account.
        posted: The transfer that posted it into the escrow account.
        id_: Of the second transfer.
    """
    return refund._replace(
        id=ledger_id(id_),
        debit_id=refund.credit_id,
        credit_id=buyer,
        refund_of=ledger_id(posted),
    )
