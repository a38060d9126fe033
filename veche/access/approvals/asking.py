"""Asking for approvals: what is kept of them, and what the prompt says of the ways to approve."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.access.approvals import limits, store
from veche.access.approvals.core import CODE_DIGITS, DECLINE, Asked, AskedState
from veche.chat import prompts
from veche.protocol.approval import SHOWN, AskedApproval, PaymentShown, shown_bytes
from veche.protocol.ids import UserId
from veche.protocol.prompts import ApproveHint
from veche.runtime.crypto.tracking import identity_view, is_encrypted, pin_identity

if TYPE_CHECKING:
    from veche.access.approvals.parts import Parts
    from veche.chat.prompts import Asking
    from veche.chat.sending import Sender
    from veche.protocol.approval import Kind, Shown
    from veche.protocol.ids import EffectId
    from veche.protocol.texts.catalogue import Catalogue
    from veche.runtime.database import Cursor

NONCE_BYTES: Final = 20
_CODE_BYTES: Final = 8


def asked_approval(
    parts: Parts, sender: Sender, person: UserId, kind: Kind, shown: Shown
) -> AskedApproval:
    """Build the approval that a person is asked for, for ``Choice.approve``.

    The nonce comes from the cause of the sender: a cause that is handled twice asks the same.

    Raises:
        pydantic.ValidationError: What is shown is not of this kind: a bug of the caller.
        MalformedError: It is too large.
    """
    shown_bytes(shown)
    nonce = nonce_of(parts.key, sender.fresh_id("approval"))
    return AskedApproval(kind=kind, nonce=nonce, person=person, shown=shown)


def ask(
    txn: Cursor, parts: Parts, sender: Sender, asking: Asking, catalogue: Catalogue
) -> EffectId:
    """As ``prompts.ask``, for a prompt of which choices have to be approved.

    Raises:
        ValueError: It has no choice ``decline``, by which the page says no: a bug of the caller.
        TooLargeError: As for ``message.text``.
    """
    asked = [(one.id, one.approve) for one in asking.prompt.choices if one.approve is not None]
    if asked and asking.prompt.choice(DECLINE) is None:
        raise ValueError(f"what has to be approved needs a choice {DECLINE!r}")
    hints = [_keep(txn, parts, sender, asking, *one) for one in asked]
    whole = attrs.evolve(asking, hints=hints)
    return prompts.ask(txn, sender, whole, catalogue, parts.rules.reactions)


def nonce_of(key: bytes, cause: str) -> str:
    """The nonce of a cause; nobody without the key can tell it."""
    digest = hashlib.blake2b(
        cause.encode(), digest_size=NONCE_BYTES, key=key, person=b"veche.nonce"
    ).digest()
    return base64.b32encode(digest).decode().lower()


def code_of(key: bytes, nonce: str) -> str:
    """Four digits for an approval; nobody without the key can tell them."""
    digest = hashlib.blake2b(
        nonce.encode(), digest_size=_CODE_BYTES, key=key, person=b"veche.code"
    ).digest()
    return f"{int.from_bytes(digest, 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def shown_of(kind: str, shown: bytes) -> Any:
    """Parse the facts that are shown, from their canonical JSON."""
    for known, model in SHOWN.items():
        if known == kind:
            return model.model_validate_json(shown)
    raise ValueError(f"no kind {kind}")


def approval_asked(asked: Asked, shown: bytes) -> AskedApproval:
    """Rebuild the approval that was asked for, as it stood in its choice."""
    return AskedApproval(
        kind=asked.kind, nonce=asked.nonce, person=asked.person, shown=shown_of(asked.kind, shown)
    )


def _keep(
    txn: Cursor, parts: Parts, sender: Sender, asking: Asking, choice: str, approve: AskedApproval
) -> ApproveHint:
    """Keep what is asked in one choice; how it can be approved."""
    asked = Asked(
        nonce=approve.nonce,
        person=UserId(approve.person),
        kind=approve.kind,
        shown=shown_bytes(approve.shown),
        prompt_id=asking.prompt.id,
        choice=choice,
        state=AskedState.OPEN,
    )
    store.add_asked(txn, asked, sender.now_ms)
    person = UserId(approve.person)
    if identity_view(txn, person).is_doubted:
        return ApproveHint(choice, None, None)
    code = _code(txn, parts, asking, approve, sender.now_ms)
    if code is not None:
        # It counts only from a device of the identity that there is now.
        pin_identity(txn, person, sender.now_ms)
        store.allow_code(txn, approve.nonce)
    url = parts.links.approve(approve.nonce) if parts.links is not None else None
    return ApproveHint(choice, url, code)


def _code(
    txn: Cursor, parts: Parts, asking: Asking, approve: AskedApproval, now_ms: int
) -> str | None:
    """The code by which it may be approved too: a payment within the person's own limit."""
    shown = approve.shown
    if not isinstance(shown, PaymentShown) or not is_encrypted(txn, asking.room_id):
        return None
    left = limits.left_minor(
        txn, parts.rules, UserId(approve.person), shown.amount.currency, now_ms
    )
    return code_of(parts.key, approve.nonce) if shown.amount.minor <= left else None
