"""The page docs/reference/bank-orders.md, written from the table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from appservices.payments.banks.core.orders import (
    SILENCE_DAYS,
    TABLE,
    OrderEffect,
    OrderInput,
    OrderState,
    mermaid,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATES: Final[Mapping[OrderState, str]] = {
    OrderState.QUEUED: "waits for its hold and its file",
    OrderState.FILED: "its file is written; whether the bank has it is not known",
    OrderState.SENT: "the bank has its file, or may have it",
    OrderState.ASKED: f"nothing was heard for {SILENCE_DAYS} banking days: ask the bank",
    OrderState.SETTLED: "the bank says that it paid; the line of the account is to come",
    OrderState.BOOKED: "the line is there",
    OrderState.REJECTED: "the bank does not do it; the payer has the money",
    OrderState.RETURNED: "it was paid and came back; the payer has the money",
    OrderState.CONFLICT: "the bank says two things; the difference is in suspense",
}
_EFFECTS: Final[Mapping[OrderEffect, str]] = {
    OrderEffect.POST: "the hold is posted: payer to payout clearing",
    OrderEffect.VOID: "the hold is ended: the payer has the money again",
    OrderEffect.CLEAR: "payout clearing to bank, by the line; of a collection: bank to payee",
    OrderEffect.GIVE_BACK: "bank to payer, by the line",
    OrderEffect.SUSPEND: "the line goes to suspense",
    OrderEffect.ALARM: "an operator is told",
}
_START: Final = """\
# Orders to banks

This page is made from the table in `appservices/payments/banks/core/orders.py`; a test compares
them. Handling of alarms: [banks](../guides/operators/banks.md).

| state | meaning |
|---|---|"""
_INPUTS: Final = """\
## Inputs

Those that change nothing are left out. An input that is not in the table is an alarm, and
changes nothing.

| state | input | leads to | does |
|---|---|---|---|"""
_DOES: Final = """\
## What it does to the ledger

| effect | meaning |
|---|---|"""


def reference() -> str:
    """The whole page, ending with a line break."""
    states = [f"| `{state.value}` | {_STATES[state]} |" for state in OrderState]
    states_order, inputs_order = list(OrderState), list(OrderInput)
    rows = [
        f"| `{state.value}` | {given.value} | `{after.value}` |"
        f" {', '.join(effect.value for effect in effects)} |"
        for (state, given), (after, effects) in sorted(
            TABLE.items(),
            key=lambda item: (states_order.index(item[0][0]), inputs_order.index(item[0][1])),
        )
        if after is not state or effects
    ]
    effects = [f"| {effect.value} | {_EFFECTS[effect]} |" for effect in OrderEffect]
    parts = [
        "\n".join([_START, *states]),
        f"```mermaid\n{mermaid().strip()}\n```",
        "\n".join([_INPUTS, *rows]),
        "\n".join([_DOES, *effects]),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
