"""What the page of signatures says of when signatures count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.authority.core.levels import Level
from appservices.signing.drafting.service.laying import rules_of, seats_of
from appservices.signing.sessions.core.parties import Party, Role, Stage
from appservices.signing.sessions.core.records import Member, Session, SessionEffect, Subject
from appservices.signing.sessions.core.session import State
from tests.support.tables import each_row
from veche.protocol.ids import Ulid
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES: Final = {"p1": "Alice Adams", "p2": "Боб Браун", "p3": "Carol Clark"}


def session(
    stages: Sequence[Stage], effect: SessionEffect = SessionEffect.WHEN_COMPLETE
) -> Session:
    members = tuple(
        Member(
            party=Party(party, Role.SIGNER),
            person=f"@{party}:example.org",
            name=name,
            field="" if party == "p3" else f"Sig{party[1:]}",
            level_min=Level.ADVANCED,
        )
        for party, name in NAMES.items()
    )
    return Session(
        id=Ulid("01KAV3Z8K4Q6V5W7X9Y0A1B2C3"),
        state=State.DRAFT,
        requester="@alice:example.org",
        room_id=None,
        effect=effect,
        level_min=Level.ADVANCED,
        may_delegate=False,
        stages=tuple(stages),
        members=members,
        subject=Subject("Lease", "lease.pdf", "Alice Adams", bytes(32)),
        deadline_at_ms=0,
        made_at_ms=0,
    )


def test_when_all_sign_at_once_only_that_is_said() -> None:
    rules = rules_of(session([Stage(("p1", "p2", "p3"))]), "en")

    assert rules == ("A signature counts once everyone who is needed has signed.",)


def test_stages_and_how_many_are_enough_are_said() -> None:
    stages = [Stage(("p1",)), Stage(("p2", "p3"), need=1)]

    rules = rules_of(session(stages, SessionEffect.EACH), "en")

    assert rules == (
        "Each signature counts by itself.",
        "Stage 1: Alice Adams.",
        "Stage 2: Боб Браун, Carol Clark; enough of them: 1.",
    )


@each_row("language", LANGUAGES)
def test_two_of_three_are_said_in_each_language(language: str) -> None:
    rules = rules_of(session([Stage(("p1", "p2", "p3"), need=2)]), language)

    assert len(rules) == 2
    assert "2" in rules[1]
    assert "{" not in "".join(rules)


def test_only_who_has_a_box_gets_a_seat() -> None:
    seats = seats_of(session([Stage(("p1", "p2", "p3"))]), "de")

    assert [(seat.field, seat.role) for seat in seats] == [
        ("Sig1", "Unterzeichner"),
        ("Sig2", "Unterzeichner"),
    ]
