"""SQL of rules of guardians, and of what they said of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.protocol import guardians as guards
from veche.protocol.guardians import RuleState
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from veche.runtime.database import Cursor

_ROW: Final = (
    "SELECT id, person, state, needed, sealed, approved_by, counts_from_ms FROM signing.guard_rule"
)


@attrs.frozen(kw_only=True)
class GuardRule(guards.GuardRule):
    """A rule as it is kept.

    Attributes:
        person: Whose signatures are guarded.
    """

    person: UserId


@attrs.frozen
class Asked:
    """The matter on which guardians are asked.

    Attributes:
        session_id: Of the document.
        party: Who of it wants to sign.
        rule_id: By which rule.
    """

    session_id: str
    party: str
    rule_id: str


def wait_turn(txn: Cursor, person: UserId) -> None:
    """Nobody else steps the rules of a person until the transaction ends."""
    txn.execute("SELECT pg_advisory_xact_lock(hashtextextended('guard ' || %s, 0))", (person,))


def add_rule(txn: Cursor, rule: GuardRule, guardians: Sequence[UserId], now_ms: int) -> None:
    """Keep a rule that is proposed, with its guardians in their order."""
    txn.execute(
        "INSERT INTO signing.guard_rule (id, person, state, needed, sealed, approved_by,"
        " counts_from_ms, changed_at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            rule.id,
            rule.person,
            rule.state.value,
            rule.needed,
            rule.sealed,
            rule.approved_by,
            rule.counts_from_ms,
            now_ms,
        ),
    )
    for place, person in enumerate(guardians, 1):
        txn.execute(
            "INSERT INTO signing.guardian (rule_id, person, place) VALUES (%s, %s, %s)",
            (rule.id, person, place),
        )


def rule(txn: Cursor, rule_id: str) -> GuardRule | None:
    """A rule; None if there is no such. Whose it is must have its turn, to step it."""
    txn.execute(f"{_ROW} WHERE id = %s", (rule_id,))
    return next((_rule(row) for row in txn.fetchall()), None)


def rules_of(txn: Cursor, person: UserId, states: Sequence[RuleState]) -> list[GuardRule]:
    """The rules of a person that are in some states, the oldest first."""
    txn.execute(
        f"{_ROW} WHERE person = %s AND state = ANY(%s) ORDER BY id",
        (person, [one.value for one in states]),
    )
    return [_rule(row) for row in txn.fetchall()]


def active(txn: Cursor, person: UserId) -> GuardRule | None:
    """The rule that counts for a person; None if there is none."""
    return next(iter(rules_of(txn, person, [RuleState.ACTIVE])), None)


def save_rule(txn: Cursor, rule: GuardRule, now_ms: int) -> None:
    """Keep the state of a rule, and what goes with it."""
    txn.execute(
        "UPDATE signing.guard_rule SET state = %s, approved_by = %s, counts_from_ms = %s,"
        " changed_at_ms = %s WHERE id = %s",
        (rule.state.value, rule.approved_by, rule.counts_from_ms, now_ms, rule.id),
    )


def accepted(txn: Cursor, rule_id: str) -> dict[UserId, str | None]:
    """The guardians of a rule, in their order, with the approval by which each has accepted."""
    txn.execute(
        "SELECT person, approved_by FROM signing.guardian WHERE rule_id = %s ORDER BY place",
        (rule_id,),
    )
    return {UserId(person): nonce for person, nonce in txn.fetchall()}


def accept(txn: Cursor, rule_id: str, person: UserId, nonce: str | None) -> None:
    """A guardian of a rule accepts, by an approval of theirs; None: they do not."""
    txn.execute(
        "UPDATE signing.guardian SET approved_by = %s WHERE rule_id = %s AND person = %s",
        (nonce, rule_id, person),
    )


def ask(txn: Cursor, asked: Asked, now_ms: int) -> bool:
    """Keep that guardians are asked; False if they were before."""
    txn.execute(
        "INSERT INTO signing.guarded (session_id, party, rule_id, asked_at_ms)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (asked.session_id, asked.party, asked.rule_id, now_ms),
    )
    return txn.rowcount == 1


def of_session(txn: Cursor, session_id: str) -> list[Asked]:
    """All that guardians were asked about a document."""
    txn.execute(
        "SELECT session_id, party, rule_id FROM signing.guarded WHERE session_id = %s"
        " ORDER BY asked_at_ms, party",
        (session_id,),
    )
    return [Asked(*row) for row in txn.fetchall()]


def vote(txn: Cursor, asked: Asked, guardian: UserId, nonce: str | None, now_ms: int) -> bool:
    """Keep what a guardian said, with an approval: yes; False if they had said something before.

    Raises:
        psycopg2.Error: They were not asked, or the approval was used before.
    """
    txn.execute(
        "INSERT INTO signing.guardian_vote (session_id, party, rule_id, guardian, is_yes,"
        " approved_by, at_ms) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (session_id, party, rule_id, guardian) DO NOTHING",
        (
            asked.session_id,
            asked.party,
            asked.rule_id,
            guardian,
            nonce is not None,
            nonce,
            now_ms,
        ),
    )
    return txn.rowcount == 1


def votes(txn: Cursor, asked: Asked) -> dict[UserId, str | None]:
    """Return the guardians' votes by account: the nonce of their approval, or no."""
    txn.execute(
        "SELECT guardian, approved_by FROM signing.guardian_vote"
        " WHERE session_id = %s AND party = %s AND rule_id = %s",
        (asked.session_id, asked.party, asked.rule_id),
    )
    return {UserId(person): nonce for person, nonce in txn.fetchall()}


def forget_votes(txn: Cursor, asked: Asked, void: Collection[str]) -> set[UserId]:
    """Forget approvals of guardians that count no more; whose they were."""
    txn.execute(
        "DELETE FROM signing.guardian_vote WHERE session_id = %s AND party = %s AND rule_id = %s"
        " AND approved_by = ANY(%s) RETURNING guardian",
        (asked.session_id, asked.party, asked.rule_id, list(void)),
    )
    return {UserId(person) for (person,) in txn.fetchall()}


def _rule(row: tuple[Any, ...]) -> GuardRule:
    id_, person, state, needed, sealed, approved_by, counts_from_ms = row
    return GuardRule(
        id=id_,
        person=UserId(person),
        state=RuleState(state),
        needed=needed,
        sealed=bytes(sealed),
        approved_by=approved_by,
        counts_from_ms=counts_from_ms,
    )
