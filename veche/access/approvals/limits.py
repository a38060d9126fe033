"""The daily limit of what a person lets themselves approve by a code in the chat.

It is 0 until the person raises it with a key; a raise waits a day, which nothing shortens, and
ends once that key is revoked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs

from veche.access.approvals import by_page, store, texts
from veche.access.approvals.core import (
    DAY_MS,
    LIMIT_ASKED_MS,
    LIMIT_HOLD_MS,
    LIMIT_WHAT,
    CodeLimit,
    Event,
    limit_of,
)
from veche.access.approvals.errors import LimitTooHighError
from veche.access.approvals.parts import language_of, tell
from veche.protocol.approval import AskedApproval, MandateShown, ShownCap
from veche.protocol.errors import MalformedError
from veche.protocol.money import Money
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from veche.access.approvals.core import Rules
    from veche.access.approvals.parts import Parts
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

_TOO_HIGH: Final = N_("The highest daily limit here is {limit}.")
_NO_CURRENCY: Final = "codes are for no payments in this currency here"


@attrs.frozen
class LimitView:
    """A limit as its person sees it.

    Attributes:
        limit: As it is now.
        spent_minor: Approved by code within the last day.
        max_minor: The highest that the operator allows.
    """

    limit: CodeLimit
    spent_minor: int
    max_minor: int


def left_minor(txn: Cursor, rules: Rules, person: UserId, currency: str, now_ms: int) -> int:
    """Return the sum that a person may approve by code now; locks the limit for the transaction."""
    limit = store.lock_limit(txn, person, currency).at(now_ms)
    allowed = min(limit.minor, rules.code_limits.get(currency, 0))
    return max(0, allowed - store.spent_by_code(txn, person, currency, now_ms - DAY_MS))


def views(txn: Cursor, rules: Rules, person: UserId, now_ms: int) -> list[LimitView]:
    """A person's limits, one for each currency that the operator allows."""
    known = store.limits_of(txn, person)
    return [
        LimitView(
            known.get(currency, CodeLimit(currency, 0)).at(now_ms),
            store.spent_by_code(txn, person, currency, now_ms - DAY_MS),
            highest,
        )
        for currency, highest in sorted(rules.code_limits.items())
    ]


def change(
    txn: Cursor, parts: Parts, person: UserId, currency: str, minor: int, now_ms: int
) -> AskedApproval | None:
    """Lower a limit at once, or ask for the approval that raises it, in place of an earlier one.

    Returns:
        What the person's key has to sign; None: it is done.

    Raises:
        MalformedError: There are no codes in this currency.
        LimitTooHighError: It is above what the operator allows.
    """
    highest = parts.rules.code_limits.get(currency)
    if highest is None:
        raise MalformedError("currency", _NO_CURRENCY)
    if minor > highest:
        raise LimitTooHighError(_TOO_HIGH, limit=Money(minor=highest, currency=currency))
    present = store.lock_limit(txn, person, currency).at(now_ms)
    if minor <= present.minor:
        if present != CodeLimit(currency, minor):
            lower = present.changed(minor, now_ms)
            _keep(txn, parts, person, lower, f"{currency} {now_ms}", now_ms)
        return None
    shown = MandateShown(
        what=LIMIT_WHAT,
        text=texts.limit_mandate(minor, currency, language_of(txn, person)),
        cap=ShownCap(minor=minor, currency=currency),
        period="day",
    )
    return by_page.ask_mandate(txn, person, shown, now_ms, lasts_ms=LIMIT_ASKED_MS)


def raised(
    txn: Cursor, parts: Parts, person: UserId, cap: tuple[str, int], nonce: str, now_ms: int
) -> None:
    """Carry out an approved mandate that sets a limit.

    The cap is a currency and minor units, from ``core.limit_of``.
    """
    currency, minor = cap
    present = store.lock_limit(txn, person, currency)
    allowed = min(minor, parts.rules.code_limits.get(currency, 0))
    _keep(txn, parts, person, present.changed(allowed, now_ms), nonce, now_ms)


def end_raises(txn: Cursor, parts: Parts, person: UserId, key_id: str, now_ms: int) -> None:
    """End the limits that a key raised, as it is revoked; one that another key raised stays."""
    raises: dict[str, set[int]] = {}
    for signed, at_ms in store.mandates_by(txn, parts.vault, key_id):
        cap = limit_of(MandateShown.model_validate(json.loads(signed)["shown"]))
        if cap is not None:
            raises.setdefault(cap[0], set()).add(at_ms + LIMIT_HOLD_MS)
    for currency, from_ms in sorted(raises.items()):
        limit = store.lock_limit(txn, person, currency)
        is_anothers = limit.next_from_ms is not None and limit.next_from_ms not in from_ms
        left = attrs.evolve(limit, minor=0) if is_anothers else CodeLimit(currency, 0)
        if left.at(now_ms) != limit.at(now_ms):
            _keep(txn, parts, person, left, f"{currency} {key_id}", now_ms)


def _keep(
    txn: Cursor, parts: Parts, person: UserId, limit: CodeLimit, cause: str, now_ms: int
) -> None:
    store.save_limit(txn, person, limit)
    minor = limit.minor if limit.next_minor is None else limit.next_minor
    store.log(
        txn,
        person,
        Event.LIMIT_CHANGED,
        now_ms,
        currency=limit.currency,
        minor=minor,
        from_ms=limit.next_from_ms,
    )
    url = parts.links.keys() if parts.links is not None else None
    doc = texts.limit_doc(limit, url, language_of(txn, person))
    tell(txn, parts, person, f"limit {person} {cause}", doc, now_ms)
