"""Who writes by hand, and who may be the witness of it."""

from __future__ import annotations

import itertools

import attrs
import pytest

from appservices.signing.authority.core.levels import Level
from appservices.signing.sessions.core.errors import ByHandError
from appservices.signing.sessions.core.guests import Registrar
from appservices.signing.sessions.core.hand import check_by_hand, is_written, witness_of, writer_of
from appservices.signing.sessions.core.parties import (
    CAN_ACT,
    Party,
    PartyState,
    Plan,
    Progress,
    Role,
    Stage,
)
from appservices.signing.sessions.core.records import (
    Clause,
    ClauseKind,
    Member,
    Mode,
    Session,
    SessionEffect,
    Subject,
    clauses_of,
)
from appservices.signing.sessions.core.session import State
from tests.support.tables import each_row
from veche.protocol.ids import Ulid, UserId

CAROL = UserId("@carol:example.org")
SEER = Registrar(CAROL, "Carol", "Office")
WRITER = Member(
    Party("p1", Role.SIGNER),
    "@veche_guest_x:example.org",
    "Bob",
    "",
    Level.CLICK,
    registrar=SEER,
    is_by_hand=True,
)
WITNESS = Member(Party("p2", Role.WITNESS, of="p1"), CAROL, "Carol", "Sig2", Level.ADVANCED)
ALICE = Member(Party("p3", Role.SIGNER), "@alice:example.org", "Alice", "Sig3", Level.ADVANCED)
STATES = list(PartyState)
TEXT = Subject("Notes", "notes.txt", "Carol", b"", kind="text/plain")


def session(*members: Member, **changes: object) -> Session:
    parties = tuple(one.id for one in members if one.party.role is not Role.VIEWER)
    made = Session(
        id=Ulid("01KAV3Z8K4Q6V5W7X9Y0A1B2C3"),
        state=State.DRAFT,
        requester=CAROL,
        room_id=None,
        effect=SessionEffect.EACH,
        level_min=Level.ADVANCED,
        may_delegate=False,
        stages=(Stage(parties),),
        members=members,
        subject=Subject("Lease", "lease.pdf", "Carol", b"k" * 32),
        deadline_at_ms=2,
        made_at_ms=1,
    )
    return attrs.evolve(made, **changes)  # type: ignore[arg-type]


def as_(member: Member, role: Role, person: str) -> Member:
    return attrs.evolve(member, party=attrs.evolve(member.party, role=role), person=person)


def test_one_who_writes_and_one_who_sees_it_are_enough() -> None:
    held = session(WRITER, WITNESS, ALICE)

    check_by_hand(held)
    assert witness_of(held, WRITER) is WITNESS
    assert writer_of(held, WITNESS) is WRITER
    assert witness_of(held, ALICE) is writer_of(held, ALICE) is writer_of(held, WRITER) is None


def test_a_registrar_may_get_a_copy_and_be_the_witness_of_two() -> None:
    other = attrs.evolve(WRITER, party=Party("p4", Role.SIGNER))
    seen = attrs.evolve(WITNESS, party=Party("p5", Role.WITNESS, of="p4"))

    check_by_hand(session(WRITER, WITNESS, other, seen, as_(ALICE, Role.VIEWER, CAROL)))


@each_row(
    ("held", "why"),
    [
        (session(WRITER), "witness"),
        (session(WRITER, attrs.evolve(WITNESS, person="@dave:example.org")), "witness"),
        (session(WRITER, WITNESS, attrs.evolve(WITNESS, person="@dave:x.org")), "witness"),
        (session(attrs.evolve(WRITER, registrar=None), WITNESS), "witness"),
        (session(WRITER, WITNESS, attrs.evolve(ALICE, person=CAROL)), "interest"),
        (session(WRITER, WITNESS, as_(ALICE, Role.APPROVER, CAROL)), "interest"),
        (session(WRITER, WITNESS, as_(ALICE, Role.CLERK, CAROL)), "interest"),
        (session(as_(WRITER, Role.APPROVER, WRITER.person), WITNESS), "level"),
        (session(attrs.evolve(WRITER, level_min=Level.ADVANCED), WITNESS), "level"),
        (session(WRITER, WITNESS, mode=Mode.BLIND), "file"),
        (session(WRITER, WITNESS, subject=TEXT), "file"),
        (session(WRITER, WITNESS, subject=attrs.evolve(TEXT, kind="", template={})), "template"),
    ],
)  # fmt: skip
def test_whoever_may_not_is_told_why(held: Session, why: str) -> None:
    with pytest.raises(ByHandError) as caught:
        check_by_hand(held)

    assert caught.value.why == why
    assert caught.value.details == {"why": why}


@each_row("state", STATES)
def test_nothing_is_written_before_the_papers_were_seen(state: PartyState) -> None:
    writer = attrs.evolve(WRITER, party=attrs.evolve(WRITER.party, state=state))

    assert not is_written(session(writer, WITNESS), WITNESS)


def test_who_writes_answers_to_all_clauses_and_their_witness_to_none() -> None:
    unfair = Clause("c1", "Deposit", ClauseKind.UNFAIR, 1, fields=("Sig3",))
    subject = Subject("Lease", "lease.pdf", "Carol", b"", clauses=(unfair,))
    held = session(WRITER, WITNESS, ALICE, subject=subject)

    assert clauses_of(held, WRITER) == clauses_of(held, ALICE) == (unfair,)
    assert clauses_of(held, WITNESS) == ()


@each_row(("wrote", "saw"), list(itertools.product(STATES, STATES)))
def test_only_the_two_together_count(wrote: PartyState, saw: PartyState) -> None:
    parties = {
        "p1": Party("p1", Role.SIGNER, wrote),
        "p2": Party("p2", Role.WITNESS, saw, of="p1"),
    }
    plan = Plan(parties, (Stage(("p1", "p2")),))

    is_done = plan.open_stage() is None
    # Who lets somebody else act counts through them; nobody does that here.
    if PartyState.DELEGATED not in (wrote, saw):
        assert is_done == (wrote is saw is PartyState.SIGNED)
    if wrote is PartyState.WRITTEN:
        assert plan.progress(0) is not Progress.ALL_DONE or saw is PartyState.DELEGATED
        assert plan.excused(0).parties["p1"].state is PartyState.EXCUSED
        invited = plan.invited()[1]
        assert ("p2" in invited) == (saw is PartyState.WAITING)


def test_what_is_written_cannot_be_acted_on_by_who_wrote_it() -> None:
    assert PartyState.WRITTEN not in CAN_ACT
