"""Documents that are signed by persons before they are delivered: asked for, and given up.

A case whose document is being signed stands in ``SIGNING``; the office's clock stands still
meanwhile. What happens once everyone has signed, or not, is in ``sign_steps``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.agency.core.case import Signatures
from appservices.agency.core.definition import Signer
from appservices.agency.core.document_data import document_data
from appservices.agency.core.effects import AskSignatures, GiveUpSignatures
from appservices.agency.core.office import Role
from appservices.agency.core.states import Happened, State, TimerKind
from appservices.agency.core.terms import stop_office_clock

if TYPE_CHECKING:
    from appservices.agency.core.case import PendingDocument
    from appservices.agency.core.definition import SignStep
    from appservices.agency.core.turn import Turn

GRACE_MS: Final = 60 * 60 * 1000
"""How long after the last moment to sign a case still waits to hear of it."""


def ask_signatures(turn: Turn, step: SignStep, pending: PendingDocument) -> None:
    """Have the pending document signed; the case waits until everyone has."""
    stop_office_clock(turn)
    until_ms = turn.context.office.calendar.after_days(turn.context.now_ms, step.due_days)
    asked = Signatures(
        number=pending.number,
        step=turn.case.step,
        due_at_ms=until_ms,
        clerk=turn.case.decided_by if Signer.CLERK in step.by else None,
    )
    turn.change(state=State.SIGNING, pending=pending, signatures=asked)
    turn.set_clock(TimerKind.EXPIRY, until_ms + GRACE_MS)
    turn.record(Role.OFFICE, Happened.SIGNATURES_ASKED)
    emit_signatures(turn)


def emit_signatures(turn: Turn) -> None:
    """Let the pending document be made and sent to be signed, or again."""
    rules, pending = turn.definition.document, turn.case.pending
    if rules is None or pending is None:
        raise AssertionError("only a pending document is signed")
    data = document_data(turn.definition, turn.case, pending, turn.context)
    turn.emit(AskSignatures(pending.number, rules.template, data))


def give_up_signatures(turn: Turn) -> None:
    """The document is not to be signed any more by those who were asked."""
    asked = turn.case.signatures
    if asked is not None and asked.session is not None and not asked.is_signed:
        turn.emit(GiveUpSignatures(asked.session))


def keep_signatures(turn: Turn, **changes: Any) -> None:
    """Note what has become of the signatures that were asked for."""
    asked = turn.case.signatures
    assert asked is not None, "they were asked for"  # noqa: S101 -- our bug
    turn.change(signatures=attrs.evolve(asked, **changes))
