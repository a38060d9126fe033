"""The card of a case: one message that is edited as the case moves."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from veche.protocol.ids import WireUlid
from veche.protocol.wire import Wire

CASE_KEY: Final = "org.veche.case"
RULE_CHARACTERS_MAX: Final = 500
NAME_CHARACTERS_MAX: Final = 200

Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]


class CaseClock(Wire):
    """The deadline of the office, and its rule.

    Attributes:
        due_at_ms: Deadline, UTC.
        rule: The rule in words that the person can look up ("within 10 working days, §75").
    """

    due_at_ms: Annotated[int, Field(ge=0)]
    rule: Annotated[str, Field(min_length=1, max_length=RULE_CHARACTERS_MAX)]


class CaseCard(Wire):
    """The state of a case.

    Attributes:
        v: Version, 1.
        id: Id of the case.
        service: Id of the service that it is a case of.
        state: Id of the state it is in.
        office: The responsible office.
        clock: Deadline of the office; none while the person must act, or the case is over.
        step: The next step, in words.
        history_len: Number of entries in the history of the case.
        sealed: Whether a part of it is kept from the person for a time, by an order.
    """

    v: Literal[1]
    id: WireUlid
    service: Name
    state: Name
    office: Name
    clock: CaseClock | None = None
    step: Annotated[str, Field(max_length=RULE_CHARACTERS_MAX)] | None = None
    history_len: Annotated[int, Field(ge=0)]
    sealed: bool | None = None
