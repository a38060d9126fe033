"""How far a message with legal effect has come, what proves it, and since when it is served.

Facts only add up: each kind counts once, and none takes another back. What a server or a person
does later than a rule of the clock stays on record beside it.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs
from pydantic import Field

from veche.protocol.errors import MalformedError
from veche.protocol.wire import Wire, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.agency.offices.core.office import ServedRule
    from appservices.agency.working_days.core import Calendar

DELIVERY_KEY: Final = "org.veche.delivery"
RECEIPT_BYTES_MAX: Final = 65_536


class Stage(enum.Enum):
    """How far a message has come."""

    QUEUED = "queued"
    """It waits in our outbox."""
    ACCEPTED = "accepted"
    """Our homeserver has taken it: it has an event id."""
    DELIVERED = "delivered"
    """The person's homeserver has it."""
    DISPLAYED = "displayed"
    """The person has answered it, or let a read receipt of theirs count. It is served."""
    DEEMED = "deemed"
    """It counts as served by the rule, whether anybody saw it or not."""
    LOST = "lost"
    """It was never sent."""


class Kind(enum.Enum):
    """A kind of fact about a message."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    DISPLAYED = "displayed"
    DEEMED = "deemed"
    LOST = "lost"


class How(enum.Enum):
    """The basis of a fact."""

    OUTBOX = "outbox"
    """Our homeserver has answered with the event id."""
    ACKNOWLEDGED = "acknowledged"
    """The person's homeserver has acknowledged it over federation."""
    STORED = "stored"
    """Our homeserver is the person's: it is stored where their clients fetch it, no more."""
    ANSWER = "answer"
    """The person has replied to it."""
    READ_RECEIPT = "read_receipt"
    """A public read receipt of a person who lets these count."""
    RULE = "rule"
    """The rule, and the clock."""
    REFUSED = "refused"
    """Our homeserver did not take it."""


HOWS: Final[Mapping[Kind, frozenset[How]]] = {
    Kind.ACCEPTED: frozenset({How.OUTBOX}),
    Kind.DELIVERED: frozenset({How.ACKNOWLEDGED, How.STORED}),
    Kind.DISPLAYED: frozenset({How.ANSWER, How.READ_RECEIPT}),
    Kind.DEEMED: frozenset({How.RULE}),
    Kind.LOST: frozenset({How.REFUSED}),
}
TABLE: Final[Mapping[tuple[Stage, Kind], Stage]] = {
    (Stage.QUEUED, Kind.ACCEPTED): Stage.ACCEPTED,
    (Stage.QUEUED, Kind.LOST): Stage.LOST,
    (Stage.ACCEPTED, Kind.DELIVERED): Stage.DELIVERED,
    (Stage.ACCEPTED, Kind.DISPLAYED): Stage.DISPLAYED,
    (Stage.ACCEPTED, Kind.DEEMED): Stage.DEEMED,
    (Stage.DELIVERED, Kind.DISPLAYED): Stage.DISPLAYED,
    (Stage.DELIVERED, Kind.DEEMED): Stage.DEEMED,
    (Stage.DISPLAYED, Kind.DELIVERED): Stage.DISPLAYED,
    (Stage.DEEMED, Kind.DELIVERED): Stage.DEEMED,
    (Stage.DEEMED, Kind.DISPLAYED): Stage.DEEMED,
}
"""What each fact leads to; in a pair that is not in it, it changes nothing."""
SERVED: Final = frozenset({Stage.DISPLAYED, Stage.DEEMED})
OVER: Final = SERVED | {Stage.LOST}


@attrs.frozen
class Fact:
    """Something that is known; ``at_ms`` is UTC."""

    kind: Kind
    how: How
    at_ms: int


@attrs.frozen
class Record:
    """The known facts about a message, in the order in which they were learned."""

    facts: tuple[Fact, ...] = ()

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        stage = Stage.QUEUED
        for fact in self.facts:
            stage = TABLE[stage, fact.kind]
        return stage

    def at_ms(self, kind: Kind) -> int | None:
        """When it was so, UTC; None: it is not."""
        return next((fact.at_ms for fact in self.facts if fact.kind is kind), None)

    @property
    def served(self) -> Fact | None:
        """The fact by which it is served."""
        kinds = {Kind.DISPLAYED, Kind.DEEMED}
        return next((fact for fact in self.facts if fact.kind in kinds), None)

    def note(self, fact: Fact) -> Record:
        """The record with a fact more, if it says anything new."""
        is_known = self.at_ms(fact.kind) is not None
        if is_known or fact.how not in HOWS[fact.kind] or (self.stage, fact.kind) not in TABLE:
            return self
        return Record((*self.facts, fact))


def deemed_at_ms(record: Record, rule: ServedRule | None, calendar: Calendar) -> int | None:
    """When a message counts as served by the rule; None: never, or nobody can tell yet."""
    if rule is None or record.stage in OVER:
        return None
    from_ms = record.at_ms(Kind(rule.after))
    return None if from_ms is None else calendar.after_days(from_ms, rule.days)


def to_json(record: Record) -> list[dict[str, Any]]:
    """The facts as they are kept and signed."""
    return [
        {"stage": one.kind.value, "how": one.how.value, "at_ms": one.at_ms} for one in record.facts
    ]


def from_json(kept: Sequence[Mapping[str, Any]]) -> Record:
    """The record of kept facts.

    Raises:
        MalformedError: They cannot have followed one another.
    """
    record = Record()
    for one in kept:
        more = record.note(Fact(Kind(one["stage"]), How(one["how"]), one["at_ms"]))
        if more is record:
            raise MalformedError("stages", f"{one['stage']} by {one['how']} cannot follow")
        record = more
    return record


_Ms = Annotated[int, Field(ge=0, le=2**53 - 1)]
_Name = Annotated[str, Field(min_length=1, max_length=255)]


class SignedFact(Wire):
    """A fact, as it is signed."""

    stage: Literal["accepted", "delivered", "displayed", "deemed", "lost"]
    how: Literal["outbox", "acknowledged", "stored", "answer", "read_receipt", "rule", "refused"]
    at_ms: _Ms


class SignedRule(Wire):
    """The rule by which the message is deemed served."""

    after: Literal["accepted", "delivered"]
    days: Annotated[int, Field(ge=0, le=365)]
    law: Annotated[str, Field(min_length=1, max_length=2_000)]


class Receipt(Wire):
    """The payload of ``org.veche.delivery``: what an organisation says of one message.

    Attributes:
        v: 1.
        id: Of the delivery.
        organisation: Who sent it.
        sender: The bot of its office.
        recipient: The person.
        case: Number of the case.
        event_id: Of the message; None: it has none yet.
        sha256: Of the message, hexadecimal: of its text as UTF-8, or of the file.
        of: Which of the two.
        evidence: Whether the homeserver has the module that knows of other servers.
        rule: By which it is deemed served; None: there is none.
        stages: What is known, in order.
        at_ms: When this was said.
    """

    v: Annotated[int, Field(ge=1, le=1)]
    id: _Name
    organisation: _Name
    sender: _Name
    recipient: _Name
    case: _Name
    event_id: _Name | None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    of: Literal["text", "file"]
    evidence: Literal["module", "absent"]
    rule: SignedRule | None
    stages: Annotated[tuple[SignedFact, ...], Field(max_length=5, strict=False)]
    at_ms: _Ms

    @property
    def record(self) -> Record:
        """The stages as a record."""
        return from_json([one.model_dump() for one in self.stages])


def read_receipt(body: object) -> Receipt:
    """Read the payload of a receipt; its signature is another matter.

    Raises:
        MalformedError: It is none, or says what cannot be.
    """
    receipt = parse(Receipt, body, where=DELIVERY_KEY)
    record = receipt.record
    if (record.stage is not Stage.QUEUED and record.stage is not Stage.LOST) != (
        receipt.event_id is not None
    ):
        raise MalformedError(f"{DELIVERY_KEY}.event_id", "must be there once it is accepted")
    if record.at_ms(Kind.DELIVERED) is not None and receipt.evidence == "absent":
        raise MalformedError(f"{DELIVERY_KEY}.stages", "nobody could know that it was delivered")
    if record.at_ms(Kind.DEEMED) is not None and receipt.rule is None:
        raise MalformedError(f"{DELIVERY_KEY}.rule", "is missing: it is deemed served by one")
    return receipt
