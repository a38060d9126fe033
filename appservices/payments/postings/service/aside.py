"""The accounts between which escrows and disputes set money aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.holders import store as holders
from appservices.payments.ledger.core.requests import opening
from appservices.payments.postings.service import moving

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.core import Account, AccountCode


def own(scene: Conversation, holder_id: int, ledger: int) -> holders.AccountRow:
    """The account that a holder pays and is paid with; it gets a number now if there is none."""
    code = moving.account_code(holders.holder(scene.txn, holder_id).kind)
    return holders.keep_account(scene.txn, holder_id, ledger, code)


def aside(scene: Conversation, ledger: int, code: AccountCode) -> holders.AccountRow:
    """The institution's account for what is set aside."""
    return holders.keep_account(scene.txn, scene.institution().id, ledger, code)


def new_ones(*rows: holders.AccountRow) -> list[Account]:
    """Those that the ledger has yet to open."""
    return [opening(one.id, one.ledger, one.code) for one in rows if not one.is_opened]
