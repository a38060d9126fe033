"""Confirming that a new identity of an account is the person's own.

An identity that changed is believed no more than a device that nobody confirmed, until one of three
says that it is the person's: a key of theirs, which was enrolled under the identity before (none
can be enrolled under the new one); a device by which they dealt with us before, in an encrypted
message; or the operator, who has seen the person. So is a device that came later of somebody
without an identity. Time confirms nothing:
a homeserver that put its own identity in the place of the person's would only have to wait.
"""

from __future__ import annotations

import enum
import hmac
from typing import TYPE_CHECKING, Final, Literal

import attrs

from veche.access.approvals import by_page, store, texts
from veche.access.approvals.asking import code_of
from veche.access.approvals.core import IDENTITY_ASKED_MS, IDENTITY_WHAT, Asked, Event, identity_of
from veche.access.approvals.errors import IdentityUnchangedError
from veche.access.approvals.parts import language_of, tell
from veche.protocol.approval import AskedApproval, MandateShown
from veche.protocol.texts.catalogue import N_
from veche.runtime.crypto.core.identity import fingerprint
from veche.runtime.crypto.tracking import has_voucher, identity_view, renew_identity, unconfirmed
from veche.runtime.ports import EVERY_DEVICE

if TYPE_CHECKING:
    from veche.access.approvals.parts import Parts
    from veche.protocol.ids import UserId
    from veche.runtime.crypto.core.trust import IdentityView
    from veche.runtime.database import Cursor

By = Literal["key", "device", "operator"]

_UNCHANGED: Final = N_("The identity of your account is the one that we know.")
_GONE: Final = N_(
    "Your account has no identity now. Please set up recovery in the settings of your client, then"
    " try again."
)


class IdentityState(enum.Enum):
    """How the identity that a person has now stands to the one that was pinned."""

    UNKNOWN = "unknown"
    """None was pinned yet."""
    SAME = "same"
    CHANGED = "changed"
    """Another one, to be confirmed."""
    GONE = "gone"
    """There is none any more, so nothing that could be confirmed."""


@attrs.frozen
class IdentityStanding:
    """The state of a person's identity, as the person sees it.

    Attributes:
        fingerprint: Of the identity there is now, as people are shown it; None: there is none.
        has_key: Whether a key of the person's could confirm it.
    """

    state: IdentityState
    fingerprint: str | None
    has_key: bool


@attrs.frozen
class Offer:
    """How a person gets on of whom a new identity or device is to be confirmed.

    Attributes:
        fingerprint: Of the new one; None: there is none to be confirmed.
        url: Page where a key of theirs confirms it; None: no key of theirs can.
        code: With which a device of before confirms it; None: there is no such device.
        device: Id of the device, if it is one of somebody without an identity; else empty.
    """

    fingerprint: str | None
    url: str | None
    code: str | None = None
    device: str = ""


def standing(txn: Cursor, person: UserId) -> IdentityStanding:
    """How a person's identity stands."""
    view = identity_view(txn, person)
    shown = None if view.master_key is None else fingerprint(view.master_key)
    return IdentityStanding(_state(view), shown, _has_key(txn, person))


def ask(txn: Cursor, person: UserId, now_ms: int) -> AskedApproval:
    """Ask for the approval that confirms the identity of now, in place of an earlier one.

    Raises:
        IdentityUnchangedError: There is nothing to confirm.
    """
    view = identity_view(txn, person)
    state = _state(view)
    if view.master_key is None or state is not IdentityState.CHANGED:
        raise IdentityUnchangedError(_GONE if state is IdentityState.GONE else _UNCHANGED)
    text = texts.identity_mandate(fingerprint(view.master_key), language_of(txn, person))
    shown = MandateShown(what=f"{IDENTITY_WHAT} {view.master_key}", text=text)
    return by_page.ask_mandate(
        txn, person, shown, now_ms, lasts_ms=IDENTITY_ASKED_MS, instead_of=f"{IDENTITY_WHAT} %"
    )


def offer(txn: Cursor, parts: Parts, person: UserId, candidate: str | None, now_ms: int) -> Offer:
    """How a person gets on with an identity or a device that is to be confirmed.

    The candidate is one of ``tracking.unconfirmed``; None: their identity is gone.
    """
    if candidate is None:
        return Offer(None, None)
    device = unconfirmed(txn, person).get(candidate, "")
    return Offer(
        fingerprint(candidate),
        None if device else _page(txn, parts, person, now_ms),
        _code(parts, person, candidate) if has_voucher(txn, person) else None,
        device,
    )


def confirm_by_code(txn: Cursor, parts: Parts, person: UserId, code: str, now_ms: int) -> bool:
    """Let what a code stands for count; a device of before brought the code.

    Returns:
        False if the code stands for nothing that is to be confirmed.
    """
    return any(
        hmac.compare_digest(_code(parts, person, one), code)
        and confirm(txn, parts, person, one, "device", now_ms)
        for one in unconfirmed(txn, person)
    )


def _code(parts: Parts, person: UserId, candidate: str) -> str:
    return code_of(parts.key, f"identity {person} {candidate}")


def _page(txn: Cursor, parts: Parts, person: UserId, now_ms: int) -> str | None:
    """Where a key of the person's confirms their identity."""
    if parts.links is None or not _has_key(txn, person):
        return None
    return parts.links.approve(ask(txn, person, now_ms).nonce)


def is_current(txn: Cursor, asked: Asked) -> bool:
    """Return whether the identity in question, if any, was not replaced or confirmed since."""
    identity = identity_of(asked)
    if identity is None:
        return True
    view = identity_view(txn, asked.person)
    return view.master_key == identity and _state(view) is IdentityState.CHANGED


def confirm(txn: Cursor, parts: Parts, person: UserId, identity: str, by: By, now_ms: int) -> bool:
    """Pin what is there now in the place of what was before, or beside it, and tell the person.

    Args:
        txn: Of what confirms it.
        parts: Of the process.
        person: Whose.
        identity: The master key that is confirmed; or the Ed25519 key of a device of somebody
            without an identity.
        by: Who says so.
        now_ms: UTC.

    Returns:
        False if the person has another identity than that now, or it was pinned: nothing changed.
    """
    if not renew_identity(txn, person, identity, now_ms):
        return False
    store.log(txn, person, Event.IDENTITY_CONFIRMED, now_ms, by=by)
    url = parts.links.keys() if parts.links is not None else None
    doc = texts.identity_doc(fingerprint(identity), by, url, language_of(txn, person))
    cause = f"identity confirmed {person} {identity} {now_ms}"
    # Also to devices of before that it did not sign, as that which confirmed it may be: they get
    # nothing else any more, and their owner may not be who confirmed it.
    tell(txn, parts, person, cause, doc, now_ms, EVERY_DEVICE)
    return True


def _has_key(txn: Cursor, person: UserId) -> bool:
    return any(key.revoked_at_ms is None for key in store.keys_of(txn, person))


def _state(view: IdentityView) -> IdentityState:
    if view.is_doubted:
        return IdentityState.GONE if view.master_key is None else IdentityState.CHANGED
    return IdentityState.UNKNOWN if view.master_pinned is None else IdentityState.SAME
