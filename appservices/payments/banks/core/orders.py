"""The states of an order to a bank, as one table.

The ledger's side of a payout is a hold from the payer to payout clearing. It is posted once the
bank says that it paid, and ended once it says that it does not; each line of the bank's account
moves clearing or suspense against the bank, whatever was said before.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping


class OrderState(enum.Enum):
    """Where an order stands."""

    QUEUED = "queued"
    """It waits for its file."""
    FILED = "filed"
    """Its file is written; whether the bank has it is not known yet."""
    SENT = "sent"
    """The bank has its file, or may have it."""
    ASKED = "asked"
    """Nothing was heard for days: an operator asks the bank."""
    SETTLED = "settled"
    """The bank says that it paid; the line of the account is still to come."""
    BOOKED = "booked"
    """The line is there."""
    REJECTED = "rejected"
    """The bank does not do it; the payer has the money."""
    RETURNED = "returned"
    """It was paid and came back; the payer has the money."""
    CONFLICT = "conflict"
    """The bank says two things: the difference is in suspense, an operator looks at it."""


class OrderInput(enum.Enum):
    """An input to the state machine of an order."""

    FILE_WRITTEN = "file written"
    TAKEN = "file taken"
    """The bank took the file, or no answer came."""
    ACCEPTED = "ACTC, ACCP, ACSP"
    PENDING = "PDNG"
    SETTLED = "ACSC"
    REJECTED = "RJCT"
    BOOKED = "line booked"
    RETURNED = "line returned"
    SILENT = "silence"
    """Nothing for ``SILENCE_DAYS`` banking days."""


class OrderEffect(enum.Enum):
    """An effect of an input on money and people."""

    POST = "post the hold"
    VOID = "void the hold"
    CLEAR = "clearing to bank"
    """By the line."""
    GIVE_BACK = "bank to payer"
    """By the line."""
    SUSPEND = "line to suspense"
    ALARM = "operator"


SILENCE_DAYS: Final = 3
NEVER_GOT: Final = "NEVER GOT"
"""Why a bank does not do an order that it never got, as an operator found out; it stands where the
bank's code stands, and those have four characters."""

_Cell = tuple[OrderState, tuple[OrderEffect, ...]]
_S, _I, _E = OrderState, OrderInput, OrderEffect
_CONFLICT: Final[_Cell] = (_S.CONFLICT, (_E.SUSPEND, _E.ALARM))
_AT_BANK: Final = (_S.FILED, _S.SENT, _S.ASKED)
"""States in which the hold stands."""


def _same(*states: OrderState) -> dict[OrderState, _Cell]:
    return {state: (state, ()) for state in states}


_LINES: Final[Mapping[OrderInput, Mapping[OrderState, _Cell]]] = {
    _I.FILE_WRITTEN: {_S.QUEUED: (_S.FILED, ())},
    _I.TAKEN: {_S.FILED: (_S.SENT, ())} | _same(*(s for s in _S if s not in (_S.QUEUED, _S.FILED))),
    _I.ACCEPTED: {
        _S.FILED: (_S.SENT, ()),
        # It was lost and is found again: wait for it as for any other.
        _S.ASKED: (_S.SENT, ()),
        **_same(_S.SENT, _S.SETTLED, _S.BOOKED, _S.RETURNED, _S.CONFLICT),
        _S.REJECTED: (_S.CONFLICT, (_E.ALARM,)),
    },
    _I.PENDING: {
        _S.FILED: (_S.SENT, ()),
        _S.ASKED: (_S.SENT, ()),
        **_same(*(s for s in _S if s not in (_S.QUEUED, *_AT_BANK)), _S.SENT),
    },
    _I.SETTLED: {
        **dict.fromkeys(_AT_BANK, (_S.SETTLED, (_E.POST,))),
        **_same(_S.SETTLED, _S.BOOKED, _S.RETURNED, _S.CONFLICT),
        _S.REJECTED: (_S.CONFLICT, (_E.ALARM,)),
    },
    _I.REJECTED: {
        **dict.fromkeys(_AT_BANK, (_S.REJECTED, (_E.VOID,))),
        **_same(_S.REJECTED, _S.RETURNED, _S.CONFLICT),
        _S.SETTLED: (_S.CONFLICT, (_E.ALARM,)),
        _S.BOOKED: (_S.CONFLICT, (_E.ALARM,)),
    },
    _I.BOOKED: {
        **dict.fromkeys(_AT_BANK, (_S.BOOKED, (_E.POST, _E.CLEAR))),
        _S.SETTLED: (_S.BOOKED, (_E.CLEAR,)),
        # A line more than there should be.
        **dict.fromkeys((_S.BOOKED, _S.REJECTED, _S.RETURNED, _S.CONFLICT), _CONFLICT),
    },
    _I.RETURNED: {
        _S.BOOKED: (_S.RETURNED, (_E.GIVE_BACK,)),
        # It comes back though nothing says that it went: the payer must not wait for an answer.
        **dict.fromkeys(_AT_BANK, (_S.CONFLICT, (_E.VOID, _E.SUSPEND, _E.ALARM))),
        **dict.fromkeys((_S.SETTLED, _S.REJECTED, _S.RETURNED, _S.CONFLICT), _CONFLICT),
    },
    _I.SILENT: {
        _S.SENT: (_S.ASKED, (_E.ALARM,)),
        **_same(*(s for s in _S if s is not _S.SENT)),
    },
}
TABLE: Final[Mapping[tuple[OrderState, OrderInput], _Cell]] = {
    (state, given): cell for given, cells in _LINES.items() for state, cell in cells.items()
}


def step(state: OrderState, given: OrderInput) -> _Cell:
    """Where an order goes, and what is to be done.

    Raises:
        ConflictError: This cannot happen to an order in that state; nothing changes.
    """
    cell = TABLE.get((state, given))
    if cell is None:
        raise ConflictError(f"an order that is {state.value} cannot get: {given.value}")
    return cell


def mermaid() -> str:
    """The table as a diagram, for the documentation; without what changes nothing."""
    lines = ["stateDiagram-v2", f"    [*] --> {OrderState.QUEUED.value}"]
    for (state, given), (after, effects) in TABLE.items():
        if after is not state or effects:
            said = ", ".join(effect.value for effect in effects)
            label = f"{given.value} / {said}" if said else given.value
            lines.append(f"    {state.value} --> {after.value}: {label}")
    return "\n".join(lines) + "\n"
