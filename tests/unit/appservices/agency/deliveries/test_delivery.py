"""How far a message with legal effect has come: the whole table, and the rule of the clock."""

from __future__ import annotations

import itertools

import pytest

from appservices.agency.deliveries.core import (
    HOWS,
    OVER,
    SERVED,
    TABLE,
    Fact,
    How,
    Kind,
    Record,
    Stage,
    deemed_at_ms,
    from_json,
    read_receipt,
    to_json,
)
from appservices.agency.deliveries.texts import _FACTS
from appservices.agency.offices.core.office import ServedRule
from appservices.agency.working_days.core import Calendar
from veche.protocol.errors import MalformedError

DAY_MS = 24 * 3_600_000
MONDAY_MS = 1_764_000_000_000
"""24 November 2025, 16:00 UTC."""
ALL_WAYS = [(kind, how) for kind in Kind for how in How]
WAYS = {
    Stage.QUEUED: (),
    Stage.ACCEPTED: (Kind.ACCEPTED,),
    Stage.DELIVERED: (Kind.ACCEPTED, Kind.DELIVERED),
    Stage.DISPLAYED: (Kind.ACCEPTED, Kind.DISPLAYED),
    Stage.DEEMED: (Kind.ACCEPTED, Kind.DEEMED),
    Stage.LOST: (Kind.LOST,),
}
EXPECTED = {
    Stage.QUEUED: {Kind.ACCEPTED: Stage.ACCEPTED, Kind.LOST: Stage.LOST},
    Stage.ACCEPTED: {
        Kind.DELIVERED: Stage.DELIVERED,
        Kind.DISPLAYED: Stage.DISPLAYED,
        Kind.DEEMED: Stage.DEEMED,
    },
    Stage.DELIVERED: {Kind.DISPLAYED: Stage.DISPLAYED, Kind.DEEMED: Stage.DEEMED},
    Stage.DISPLAYED: {Kind.DELIVERED: Stage.DISPLAYED},
    Stage.DEEMED: {Kind.DELIVERED: Stage.DEEMED, Kind.DISPLAYED: Stage.DEEMED},
    Stage.LOST: {},
}
BODY = {
    "v": 1, "id": "01J", "organisation": "lindenau", "sender": "@veche_a:x", "recipient": "@b:y",
    "case": "ABCDEFGH", "event_id": "$e", "sha256": "a" * 64, "of": "text", "evidence": "module",
    "rule": {"after": "delivered", "days": 4, "law": "a law"}, "at_ms": 5,
    "stages": [{"stage": "accepted", "how": "outbox", "at_ms": 1}],
}  # fmt: skip


def at(stage: Stage) -> Record:
    """A record at a stage."""
    record = Record()
    for kind in WAYS[stage]:
        record = record.note(Fact(kind, min(HOWS[kind], key=str), 1))
    assert record.stage is stage
    return record


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("how", How)
def test_each_fact_at_each_stage(stage: Stage, kind: Kind, how: How) -> None:
    before = at(stage)

    after = before.note(Fact(kind, how, 2))

    if kind in EXPECTED[stage] and how in HOWS[kind] and before.at_ms(kind) is None:
        assert after.stage is EXPECTED[stage][kind]
        assert after.at_ms(kind) == 2
    else:
        assert after is before


def test_the_table_is_what_is_written_here() -> None:
    assert {
        (stage, kind): to for stage, row in EXPECTED.items() for kind, to in row.items()
    } == TABLE
    assert set(_FACTS) == {(kind, how) for kind, hows in HOWS.items() for how in hows}


def test_whatever_is_learned_in_whatever_order_nothing_is_taken_back() -> None:
    served = 0
    for order in itertools.permutations(Kind):
        record = Record()
        for number, kind in enumerate(order):
            more = record.note(Fact(kind, min(HOWS[kind], key=str), number))
            assert more.facts[: len(record.facts)] == record.facts
            assert record.stage not in SERVED or more.stage is record.stage
            assert record.stage is not Stage.LOST or more is record
            record = more
        assert from_json(to_json(record)) == record
        assert (record.served is not None) == (record.stage in SERVED)
        served += record.stage in SERVED
    assert served > 0


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("after", ["accepted", "delivered"])
def test_the_clock_runs_from_its_fact_until_the_end(stage: Stage, after: str) -> None:
    calendar = Calendar("UTC", weekend=frozenset(), holidays=frozenset())
    rule = ServedRule("accepted" if after == "accepted" else "delivered", 4, {"en": "a law"})
    record = at(stage)

    found = deemed_at_ms(record, rule, calendar)

    is_running = stage not in OVER and record.at_ms(Kind(after)) is not None
    assert (found is not None) is is_running
    assert deemed_at_ms(record, None, calendar) is None


def test_it_is_served_at_the_end_of_the_last_day() -> None:
    calendar = Calendar("UTC", weekend=frozenset(), holidays=frozenset())
    record = Record().note(Fact(Kind.ACCEPTED, How.OUTBOX, MONDAY_MS))

    found = deemed_at_ms(record, ServedRule("accepted", 4, {"en": "a law"}), calendar)

    assert found == calendar.after_days(MONDAY_MS, 4)
    assert found // DAY_MS in {MONDAY_MS // DAY_MS + 4, MONDAY_MS // DAY_MS + 5}


def test_a_receipt_is_read() -> None:
    assert read_receipt(BODY).record.stage is Stage.ACCEPTED
    assert read_receipt({**BODY, "stages": [], "event_id": None}).record.stage is Stage.QUEUED


@pytest.mark.parametrize(
    "wrong",
    [
        {"v": 2}, {"v": True}, {"sha256": "g" * 64}, {"of": "both"}, {"event_id": None},
        {"stages": []}, {"stages": [{"stage": "served", "how": "rule", "at_ms": 1}]},
        {"stages": [{"stage": "delivered", "how": "stored", "at_ms": 1}]},
        {"stages": BODY["stages"] * 2},  # type: ignore[operator]
        {"stages": [{"stage": "accepted", "how": "answer", "at_ms": 1}]},
        {"stages": [{"stage": "accepted", "how": "outbox", "at_ms": -1}]},
        {"rule": None, "stages": [*BODY["stages"], {"stage": "deemed", "how": "rule", "at_ms": 2}]},  # type: ignore[misc]
        {"evidence": "absent",
         "stages": [*BODY["stages"], {"stage": "delivered", "how": "stored", "at_ms": 2}]},  # type: ignore[misc]
    ],
)  # fmt: skip
def test_a_receipt_that_cannot_be_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        read_receipt({**BODY, **wrong})


@pytest.mark.parametrize("body", [None, [], "x", {}, 5])
def test_something_else_is_no_receipt(body: object) -> None:
    with pytest.raises(MalformedError):
        read_receipt(body)
