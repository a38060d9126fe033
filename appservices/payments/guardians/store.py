"""SQL of rules of guardians, of what they said, and of what persons forbade to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.guardians.core import GuardTerms
from veche.protocol import guardians as guards
from veche.protocol.guardians import RuleState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from veche.runtime.database import Cursor

_COLUMNS: Final = (
    "id, holder, ledger, state, needed, above, is_shown, sealed, approved_by, counts_from_ms"
)


@attrs.frozen(kw_only=True)
class GuardRule(guards.GuardRule):
    """A rule as it is kept.

    Attributes:
        holder: Number of the holder whose payments are guarded.
        ledger: Number of the currency.
        above_minor: Above which amount.
        is_shown: Guardians see whom and how much.
    """

    holder: int
    ledger: int
    above_minor: int
    is_shown: bool


@attrs.frozen
class Guardian:
    """A guardian of a rule.

    Attributes:
        holder: Number.
        place: From 1, in the order in which they were named.
        approved_by: Nonce of their acceptance; None: not yet.
    """

    holder: int
    place: int
    approved_by: str | None


def add_rule(txn: Cursor, rule: GuardRule, guardians: Sequence[int], now_ms: int) -> None:
    """Keep a rule that is proposed, with its guardians in their order."""
    txn.execute(
        f"INSERT INTO payments.guard_rule ({_COLUMNS}, changed_at_ms)"  # noqa: S608 -- a constant
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            rule.id,
            rule.holder,
            rule.ledger,
            rule.state.value,
            rule.needed,
            rule.above_minor,
            rule.is_shown,
            rule.sealed,
            rule.approved_by,
            rule.counts_from_ms,
            now_ms,
        ),
    )
    for place, holder in enumerate(guardians, 1):
        txn.execute(
            "INSERT INTO payments.guardian (rule_id, holder, place) VALUES (%s, %s, %s)",
            (rule.id, holder, place),
        )


def owner_of(txn: Cursor, rule_id: str) -> int | None:
    """Number of the holder whose rule it is; None if there is no such rule."""
    txn.execute("SELECT holder FROM payments.guard_rule WHERE id = %s", (rule_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def rule(txn: Cursor, rule_id: str) -> GuardRule:
    """A rule; whose it is has to be locked to step it."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.guard_rule WHERE id = %s",  # noqa: S608 -- a constant
        (rule_id,),
    )
    [row] = txn.fetchall()
    return _rule(row)


def rules_of(txn: Cursor, holder: int, states: Sequence[RuleState]) -> list[GuardRule]:
    """The rules of a holder that are in some states, in all currencies, the oldest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.guard_rule WHERE holder = %s"  # noqa: S608 -- a constant
        " AND state = ANY(%s) ORDER BY id",
        (holder, [one.value for one in states]),
    )
    return [_rule(row) for row in txn.fetchall()]


def active(txn: Cursor, holder: int, ledger: int) -> GuardRule | None:
    """The rule that counts for a holder in a currency; None if there is none."""
    rules = rules_of(txn, holder, [RuleState.ACTIVE])
    return next((one for one in rules if one.ledger == ledger), None)


def save_rule(txn: Cursor, rule: GuardRule, now_ms: int) -> None:
    """Keep the state of a rule, and what goes with it."""
    txn.execute(
        "UPDATE payments.guard_rule SET state = %s, is_shown = %s, approved_by = %s,"
        " counts_from_ms = %s, changed_at_ms = %s WHERE id = %s",
        (rule.state.value, rule.is_shown, rule.approved_by, rule.counts_from_ms, now_ms, rule.id),
    )


def guardians_of(txn: Cursor, rule_id: str) -> list[Guardian]:
    """The guardians of a rule, in their order."""
    txn.execute(
        "SELECT holder, place, approved_by FROM payments.guardian WHERE rule_id = %s"
        " ORDER BY place",
        (rule_id,),
    )
    return [Guardian(*row) for row in txn.fetchall()]


def terms_of(txn: Cursor, rule: GuardRule) -> GuardTerms:
    """Return the terms of a rule."""
    guardians = frozenset(one.holder for one in guardians_of(txn, rule.id))
    return GuardTerms(guardians, rule.needed, rule.above_minor)


def accept(txn: Cursor, rule_id: str, holder: int, nonce: str | None) -> None:
    """A guardian of a rule accepts, by an approval of theirs; None: they do not."""
    txn.execute(
        "UPDATE payments.guardian SET approved_by = %s WHERE rule_id = %s AND holder = %s",
        (nonce, rule_id, holder),
    )


def guard(txn: Cursor, payment_id: str, rule_id: str) -> None:
    """Note by which rule guardians are asked about a payment."""
    txn.execute(
        "INSERT INTO payments.guarded (payment_id, rule_id) VALUES (%s, %s)"
        " ON CONFLICT (payment_id) DO NOTHING",
        (payment_id, rule_id),
    )


def rule_of_payment(txn: Cursor, payment_id: str) -> str | None:
    """Id of the rule by which guardians are, or were, asked about a payment; None if not."""
    txn.execute("SELECT rule_id FROM payments.guarded WHERE payment_id = %s", (payment_id,))
    row = txn.fetchone()
    return str(row[0]) if row else None


def vote(
    txn: Cursor,
    payment_id: str,
    guardian: int,
    nonce: str | None,
    *,
    is_yes: bool,
    now_ms: int,
    void: Collection[str] = (),
) -> bool:
    """Keep what a guardian said of a payment; False if they had said something before.

    Args:
        txn: Writes.
        payment_id: Of which payment.
        guardian: Number of the holder.
        nonce: Of the approval, of a yes.
        is_yes: What they said.
        now_ms: UTC.
        void: Nonces that count no more: such a yes is replaced.

    Raises:
        psycopg2.Error: A yes without an approval, or with one that was used before.
    """
    txn.execute(
        "INSERT INTO payments.guardian_vote (payment_id, guardian, is_yes, approved_by, at_ms)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (payment_id, guardian) DO UPDATE"
        " SET is_yes = EXCLUDED.is_yes, approved_by = EXCLUDED.approved_by, at_ms = EXCLUDED.at_ms"
        " WHERE guardian_vote.approved_by = ANY(%s)",
        (payment_id, guardian, is_yes, nonce, now_ms, list(void)),
    )
    return txn.rowcount == 1


def said_yes(txn: Cursor, guardian: int) -> dict[str, str]:
    """List what still waits for guardians and one of them approved: nonces by id."""
    txn.execute(
        "SELECT v.payment_id, v.approved_by FROM payments.guardian_vote AS v"
        " LEFT JOIN payments.payment AS p ON p.id = v.payment_id"
        " LEFT JOIN payments.escrow AS e ON e.id = v.payment_id"
        " WHERE v.guardian = %s AND v.is_yes"
        " AND (p.state = 'guarded' OR e.state = 'guarded') ORDER BY v.payment_id",
        (guardian,),
    )
    return dict(txn.fetchall())


def is_approved(txn: Cursor, payment_id: str, void: Collection[str]) -> bool:
    """Return whether guardians were asked about a payment, and enough of them approved.

    Args:
        txn: Reads.
        payment_id: Of which payment.
        void: Nonces of approvals that count no more.
    """
    txn.execute(
        "SELECT r.needed <= (SELECT count(*) FROM payments.guardian_vote AS v"
        "  WHERE v.payment_id = g.payment_id AND v.is_yes AND v.approved_by <> ALL(%s))"
        " FROM payments.guarded AS g JOIN payments.guard_rule AS r ON r.id = g.rule_id"
        " WHERE g.payment_id = %s",
        (list(void), payment_id),
    )
    row = txn.fetchone()
    return bool(row and row[0])


def votes(txn: Cursor, payment_id: str, void: Collection[str]) -> dict[int, bool]:
    """Return the guardians' votes on a payment, by their numbers, without void approvals."""
    txn.execute(
        "SELECT guardian, is_yes FROM payments.guardian_vote WHERE payment_id = %s"
        " AND coalesce(approved_by <> ALL(%s), TRUE)",
        (payment_id, list(void)),
    )
    return dict(txn.fetchall())


def _rule(row: tuple[Any, ...]) -> GuardRule:
    id_, holder, ledger, state, needed, above, is_shown, sealed, *rest = row
    approved_by, counts_from_ms = rest
    return GuardRule(
        id=id_,
        holder=holder,
        ledger=ledger,
        state=RuleState(state),
        needed=needed,
        above_minor=above,
        is_shown=is_shown,
        sealed=bytes(sealed),
        approved_by=approved_by,
        counts_from_ms=counts_from_ms,
    )
