"""The card of a party in words: every state, and the most that a session can have."""

from __future__ import annotations

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.cards.texts.cards import card_doc, is_in_force, result_words
from appservices.signing.cards.texts.news import file_caption, result_doc
from appservices.signing.sessions.core.parties import Party, PartyState, Role, Stage
from appservices.signing.sessions.core.records import (
    Clause,
    ClauseKind,
    Member,
    Mode,
    Paper,
    Session,
    SessionEffect,
    Subject,
)
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service.conversation import CATALOGUE
from appservices.signing.sessions.texts.words import counted, headed
from tests.support.tables import each_row
from veche.protocol.ids import Ulid
from veche.protocol.message import body, edit, text
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.texts.localizer import Localizer

PAGE = "https://sign.example.org/sign#s=1"


def localizer(language: str = "en") -> Localizer:
    return Localizer(language, "Europe/Berlin", CATALOGUE)


def session(count: int = 2, **more: object) -> Session:
    ids = [f"p{n}" for n in range(1, count + 1)]
    members = tuple(
        Member(
            Party(one, Role.SIGNER, PartyState.INVITED),
            f"@{one}:example.org",
            f"Name {one}",
            f"Sig{one[1:]}",
            Level.ADVANCED,
        )
        for one in ids
    )
    made = Session(
        id=Ulid("01KAV3Z8K4Q6V5W7X9Y0A1B2C3"),
        state=State.OPEN,
        requester="@carol:example.org",
        room_id=None,
        effect=SessionEffect.WHEN_COMPLETE,
        level_min=Level.ADVANCED,
        may_delegate=False,
        stages=(Stage(tuple(ids)),),
        members=members,
        subject=Subject("Lease", "lease.pdf", "Carol Clark", b"k" * 32),
        deadline_at_ms=1_796_256_000_000,
        made_at_ms=1,
        paper=Paper(b"d" * 32, 1000, 3, b"b" * 32),
    )
    return attrs.evolve(made, **more)  # type: ignore[arg-type]


def standing(state: PartyState, **more: object) -> Session:
    made = session(**more)  # type: ignore[arg-type]
    return made.with_plan(made.plan.with_state("p1", state))


@each_row("language", LANGUAGES)
@each_row("state", PartyState)
def test_each_state_of_a_party_has_words(state: PartyState, language: str) -> None:
    made = standing(state)
    words = body(card_doc(made, made.members[0], PAGE, localizer(language)))
    assert made.code in words
    assert (PAGE in words) == (state in (PartyState.INVITED, PartyState.VIEWED))


@each_row("state", State)
def test_what_is_over_has_no_link(state: State) -> None:
    made = session(state=state)
    words = body(card_doc(made, made.members[0], PAGE, localizer()))
    assert (PAGE in words) == (state is State.OPEN)


def test_how_it_is_signed() -> None:
    made = session()
    click = attrs.evolve(made.members[0], level_min=Level.CLICK)
    assert f"reply with its code alone, to sign it: {made.code}" in body(
        card_doc(made, click, None, localizer())
    )
    words = body(card_doc(made, made.members[0], None, localizer()))
    assert "there are no pages here" in words
    roles = {Role.WITNESS: "as a witness", Role.APPROVER: "asks you to approve"}
    for role, wanted in roles.items():
        one = attrs.evolve(made.members[0], party=Party("p1", role, PartyState.INVITED, ""))
        assert wanted in body(card_doc(made, one, PAGE, localizer()))


def test_whether_it_counts() -> None:
    signed = standing(PartyState.SIGNED)
    for state, effect, counts in (
        (State.COMPLETED, SessionEffect.WHEN_COMPLETE, True),
        (State.DECLINED, SessionEffect.WHEN_COMPLETE, False),
        (State.EXPIRED, SessionEffect.EACH, True),
        (State.OPEN, SessionEffect.EACH, False),
    ):
        made = attrs.evolve(signed, state=state, effect=effect)
        assert is_in_force(made) is counts
        assert ("not in force" in result_words(made, localizer())) is not counts
    assert not is_in_force(session(state=State.EXPIRED, effect=SessionEffect.EACH))
    assert counted(signed) == (1, 2)


def test_a_choice_says_of_whom_how_many_are_enough() -> None:
    made = session(3, stages=(Stage(("p1", "p2"), need=1), Stage(("p3",))))
    words = body(card_doc(made, made.members[2], PAGE, localizer()))
    assert "1 of these is enough: Name p1, Name p2" in words
    both = session(3, stages=(Stage(("p1", "p2", "p3"), need=2),))
    told = body(card_doc(both, both.members[0], PAGE, localizer("de")))
    assert "2 dieser Unterschriften genügen: Name p1, Name p2, Name p3" in told
    assert "enough" not in body(card_doc(session(), session().members[0], PAGE, localizer()))


def test_the_result_names_for_whom_a_delegate_has_signed() -> None:
    made = standing(PartyState.SIGNED)
    first, second = made.members
    delegated = attrs.evolve(second, delegated_to="p1")
    made = attrs.evolve(made, members=(first, delegated), state=State.COMPLETED)

    words = body(result_doc(made, "sealed", None, None, localizer()))
    assert "Signed by: Name p1 for Name p2" in words
    assert "signed by Name p1 for Name p2" in file_caption(made, localizer())


def test_the_result_says_who_has_signed_by_hand() -> None:
    made = standing(PartyState.SIGNED)
    first, second = made.members
    seen = attrs.evolve(second.party, role=Role.WITNESS, of=first.id)
    seen = attrs.evolve(seen, state=PartyState.SIGNED)
    members = (attrs.evolve(first, is_by_hand=True), attrs.evolve(second, party=seen))
    made = attrs.evolve(made, members=members, state=State.COMPLETED)

    names = "Name p1 (by hand), Name p2, witness of Name p1"
    assert f"Signed by: {names}\n" in body(result_doc(made, "sealed", None, None, localizer()))
    assert f"signed by {names}" in file_caption(made, localizer())


def test_the_shorter_card_always_fits() -> None:
    clauses = tuple(Clause(f"c{n}", "§" * 80, ClauseKind.UNFAIR, n + 1) for n in range(50))
    subject = Subject("Ы" * 200, "x.pdf", "Ы" * 100, b"k" * 32, clauses)
    made = session(200, subject=subject)
    long = tuple(attrs.evolve(one, name="Ж" * 100) for one in made.members)
    made = attrs.evolve(made, members=long)
    page = PAGE + "x" * 200
    listed = body(card_doc(made, made.members[0], page, localizer("ru")))
    assert listed.count("Ж" * 100) == 20
    assert "180" in listed
    short = card_doc(made, made.members[0], page, localizer("ru"), is_short=True)
    assert edit(text(short))
    assert "§" not in body(short)


def blind(state: State = State.OPEN) -> Session:
    """A session whose document the service does not see."""
    subject = Subject("", "", "@carol:example.org", b"k" * 32)
    return session(mode=Mode.BLIND, title_sha256=b"t" * 32, subject=subject, state=state)


@each_row("language", LANGUAGES)
@each_row("page", [PAGE, None])
def test_a_card_says_who_sees_the_document_and_where_its_key_comes_from(
    language: str, page: str | None
) -> None:
    seen, unseen = session(), blind()
    told = body(card_doc(seen, seen.members[0], page, localizer(language)))
    private = body(card_doc(unseen, unseen.members[0], page, localizer(language)))

    who = localizer(language).text("Who sees it")
    assert who in told
    assert who in private
    assert "Lease" in told
    assert "Lease" not in private
    assert private.count("@carol:example.org") >= 2
    assert unseen.code in private
    assert (PAGE in private) == (page is not None)


@each_row("language", LANGUAGES)
def test_what_has_no_title_is_called_by_its_number(language: str) -> None:
    assert headed(session(), localizer(language)) == "Lease (Y0A1B2C3)"
    assert "Y0A1B2C3" in headed(blind(), localizer(language))


@each_row("language", LANGUAGES)
@each_row("state", list(State))
def test_no_text_of_a_private_document_has_a_gap(language: str, state: State) -> None:
    made = blind(state)
    for member in made.members:
        for party in PartyState:
            acting = attrs.evolve(member, party=attrs.evolve(member.party, state=party))
            others = [one for one in made.members if one.id != member.id]
            held = attrs.evolve(made, members=(acting, *others))
            doc = card_doc(held, acting, PAGE, localizer(language))
            assert "{" not in body(doc)
            assert "“”" not in body(doc)
