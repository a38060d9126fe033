"""The page docs/reference/case-states.md, written from the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.states import UNREACHED, State
from appservices.agency.workflow.core.table import TABLE, mermaid

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATES: Final[Mapping[State, str]] = {
    State.DRAFT: "the person is filling in the form",
    State.SUBMITTED: "waits for a clerk, or for a time that a rule sets",
    State.PAYING: "a fee is asked for; the office's clock stands still",
    State.SIGNING: "the document is being signed; the office's clock stands still",
    State.IN_REVIEW: "a clerk has it, or it waits for a second person",
    State.NEEDS_MORE: "the desk has asked the person something; the office's clock stands still",
    State.DECIDED_YES: "approved; the result is being made",
    State.DECIDED_NO: "refused; the person can appeal",
    State.SERVED: "the person has the result",
    State.APPEALED: "not reached in this version: needs the appeals service",
    State.WITHDRAWN: "the person has taken it back",
    State.EXPIRED: "the person has not answered in time",
    State.CLOSED: "over; it can only be read",
}
_START: Final = """\
# States of a case

This page is made from the table in `appservices/agency/workflow/core/table.py`; a test compares
them.

| state | meaning |
|---|---|"""
_MIDDLE: Final = """\
## Ways between them

Inputs that change no state are left out here; the table below has them all. The case
refuses all other inputs in words, and nothing changes."""
_TABLE: Final = """\
## Inputs

| state | input | leads to |
|---|---|---|"""


def reference() -> str:
    """The whole page, ending with a line break."""
    states = [f"| `{state.value}` | {_STATES[state]} |" for state in State]
    order = list(State)
    rows = [
        f"| `{state.value}` | `{kind.value}` | {_listed(row.leads_to)} |"
        for (state, kind), row in sorted(
            TABLE.items(), key=lambda item: (order.index(item[0][0]), item[0][1].value)
        )
        if state not in UNREACHED
    ]
    diagram = f"```mermaid\n{mermaid()}\n```"
    parts = ["\n".join([_START, *states]), _MIDDLE, diagram, "\n".join([_TABLE, *rows])]
    return "\n\n".join(parts) + "\n"


def _listed(states: frozenset[State]) -> str:
    return ", ".join(f"`{state.value}`" for state in State if state in states)
