"""Signatures of documents: approvals that a page asks for, once it has shown the document.

What is signed names a key that the page has just made, so it cannot stand in a message beforehand:
no prompt asks for it, and its page hands it to the service of signing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol.approval import AskedApproval, shown_bytes
from veche.runtime.approvals import store
from veche.runtime.approvals.core import MINUTE_MS, Asked, AskedState
from veche.runtime.approvals.parts import fresh_nonce

if TYPE_CHECKING:
    from veche.protocol.approval import MandateShown, SignatureShown
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

SIGNATURE_ASKED_MS: Final = 5 * MINUTE_MS
"""How long a signature can be approved after its page asked for it (signing §3.3)."""


def ask_mandate(txn: Cursor, person: UserId, shown: MandateShown, now_ms: int) -> AskedApproval:
    """Ask for a mandate that a page hands to the service; in place of an earlier one of the same.

    Args:
        txn: The transaction.
        person: Whose key has to sign.
        shown: What their page shows.
        now_ms: UTC.
    """
    nonce = fresh_nonce()
    kept = Asked(
        nonce=nonce,
        person=person,
        kind="mandate",
        shown=shown_bytes(shown),
        prompt_id=None,
        choice=None,
        state=AskedState.OPEN,
        expires_at_ms=now_ms + SIGNATURE_ASKED_MS,
    )
    store.forget_open_mandate(txn, person, shown.what)
    store.add_asked(txn, kept, now_ms)
    return AskedApproval(kind="mandate", nonce=nonce, person=person, shown=shown)


def ask(txn: Cursor, person: UserId, shown: SignatureShown, now_ms: int) -> AskedApproval:
    """Ask for the approval of a signature, in place of an earlier one in the same session.

    Args:
        txn: The transaction.
        person: Whose key has to sign.
        shown: What their page shows.
        now_ms: UTC.

    Raises:
        MalformedError: It is more than can be shown.
    """
    nonce = fresh_nonce()
    kept = Asked(
        nonce=nonce,
        person=person,
        kind="signature",
        shown=shown_bytes(shown),
        prompt_id=None,
        choice=None,
        state=AskedState.OPEN,
        expires_at_ms=now_ms + SIGNATURE_ASKED_MS,
    )
    store.forget_open_signature(txn, person, shown.session, shown.party)
    store.add_asked(txn, kept, now_ms)
    return AskedApproval(kind="signature", nonce=nonce, person=person, shown=shown)
