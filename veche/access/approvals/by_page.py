"""Approvals that a page asks for, once it has shown what they are of: no prompt asks for them.

What a signature of a document names is a key that the page has just made, so it cannot stand in a
message beforehand. A page that asks again means the newer one: the open one before it is forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.access.approvals import store
from veche.access.approvals.core import MINUTE_MS, Asked, AskedState
from veche.access.approvals.parts import fresh_nonce
from veche.protocol.approval import AskedApproval, MandateShown, shown_bytes

if TYPE_CHECKING:
    from veche.protocol.approval import SignatureShown
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

SIGNATURE_ASKED_MS: Final = 5 * MINUTE_MS
"""How long a signature can be approved after its page asked for it (signing §3.3)."""


def ask_mandate(
    txn: Cursor,
    person: UserId,
    shown: MandateShown,
    now_ms: int,
    *,
    lasts_ms: int = SIGNATURE_ASKED_MS,
    instead_of: str | None = None,
) -> AskedApproval:
    """Ask for a mandate, in place of an earlier one of the same.

    Args:
        txn: The transaction.
        person: The person whose key has to sign.
        shown: What their page shows.
        now_ms: UTC.
        lasts_ms: How long it can be approved.
        instead_of: The ``what`` of those that it replaces, as a pattern of LIKE; its own if None.
    """
    store.forget_open_mandate(txn, person, shown.what if instead_of is None else instead_of)
    return _ask(txn, person, shown, now_ms, lasts_ms)


def ask_signature(txn: Cursor, person: UserId, shown: SignatureShown, now_ms: int) -> AskedApproval:
    """Ask for the approval of a signature, in place of an earlier one in the same session.

    Raises:
        MalformedError: It is more than can be shown.
    """
    store.forget_open_signature(txn, person, shown.session, shown.party)
    return _ask(txn, person, shown, now_ms, SIGNATURE_ASKED_MS)


def _ask(
    txn: Cursor, person: UserId, shown: MandateShown | SignatureShown, now_ms: int, lasts_ms: int
) -> AskedApproval:
    kept = Asked(
        nonce=fresh_nonce(),
        person=person,
        kind="mandate" if isinstance(shown, MandateShown) else "signature",
        shown=shown_bytes(shown),
        prompt_id=None,
        choice=None,
        state=AskedState.OPEN,
        expires_at_ms=now_ms + lasts_ms,
    )
    store.add_asked(txn, kept, now_ms)
    return AskedApproval(kind=kept.kind, nonce=kept.nonce, person=person, shown=shown)
