"""With whom a person shares their money, as the wallet's page is told it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from appservices.payments.escrows.core.escrow import Escrow, EscrowState, OnSilence, Role, Voter
from appservices.payments.escrows.service import records as escrow_files
from appservices.payments.escrows.service.records import Deal
from appservices.payments.transfers.texts.views import Party
from appservices.payments.wallet.api import ForeseenView
from appservices.payments.wallet.service import reading, trust
from appservices.payments.wallet.service.visit import Visit
from tests.integration.appservices.payments.scenes import ALICE, BOB, NOW_MS, bank, world
from tests.integration.appservices.payments.trust import (
    CAROL,
    allowance,
    asking_nothing,
    rule,
    use_of,
)
from veche.protocol.errors import NotFoundError
from veche.protocol.guardians import RuleState
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.appservices.payments.scenes import World

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with bank() as one:
        yield one


@pytest.fixture
def here(dsn: str) -> Iterator[World]:
    """A transaction that leaves nothing behind."""
    with world(dsn) as one:
        yield one
        one.connection.rollback()


def page(here: World, person: str) -> Visit:
    """Somebody on a page, where nothing is said in chats."""
    return Visit(asking_nothing(here.scene), cast("Any", person), "en")


def paid_by(here: World, by: Any, reference: str) -> str:
    """A use of an allowance that is paid, by Bob to the waterworks."""
    matter = use_of(here, by)
    private = attrs.evolve(
        matter.private,
        payee=Party("water", "Water"),
        user=Party(BOB, "Bob"),
        reference=reference,
    )
    here.scene.txn.execute(
        "UPDATE payments.payment SET state = 'paid', sealed = %s WHERE id = %s",
        (private.sealed(here.scene.vault), matter.payment.id),
    )
    return matter.payment.id


def test_both_sides_see_an_allowance_and_what_was_paid_by_it(here: World) -> None:
    by = allowance(here)
    first = paid_by(here, by, "tea")
    second = paid_by(here, by, "milk")
    [mine] = trust.trust_view(page(here, ALICE)).allowances
    [theirs] = trust.trust_view(page(here, BOB)).allowances

    assert (mine.is_given, mine.other.name, mine.left.minor) == (True, "Bob", 1_000)
    assert (theirs.is_given, theirs.other.name) == (False, "Alice")
    for seen in (mine, theirs):
        assert {(one.id, one.other.name, one.is_out) for one in seen.uses} == {
            (second, "Water", True),
            (first, "Water", True),
        }
    assert trust.trust_view(page(here, CAROL)).allowances == []


def test_who_paid_by_an_allowance_opens_the_payment_and_strangers_do_not(here: World) -> None:
    id_ = paid_by(here, allowance(here), "tea")

    for person in (ALICE, BOB):
        assert reading.matter_of(page(here, person), id_).payment.id == id_
    with pytest.raises(NotFoundError):
        reading.matter_of(page(here, CAROL), id_)


def test_what_becomes_of_a_payment_is_a_version_of_its_own_also_where_the_wallet_is_the_same(
    here: World,
) -> None:
    bob = page(here, BOB)
    id_ = paid_by(here, allowance(here), "tea")
    water = here.scene.organisation("water").id

    def versions(state: str) -> tuple[str, str]:
        here.scene.txn.execute(
            "UPDATE payments.payment SET state = %s, payee = %s WHERE id = %s", (state, water, id_)
        )
        return reading.wallet_view(bob).version, reading.payment_of(bob, id_).version

    paying, paid = versions("paying"), versions("paid")

    assert paying[0] == paid[0]
    assert paying[1] != paid[1]


def test_a_wait_that_only_goes_on_with_the_clock_is_no_news(here: World) -> None:
    seen = reading.payment_of(page(here, ALICE), here.asked().payment.id)
    at = [ForeseenView(verdict="wait", words="", until_ms=ms) for ms in (1, 2)]
    soon, late = (
        reading.version_of(seen.model_copy(update={"foreseen": one, "version": ""})) for one in at
    )

    assert soon == late != seen.version


@pytest.mark.parametrize("who", [ALICE, BOB])
def test_either_side_ends_an_allowance_at_once_and_nobody_else_does(here: World, who: str) -> None:
    by = allowance(here)
    with pytest.raises(NotFoundError):
        trust.end_allowance(page(here, CAROL), by.id)
    with pytest.raises(NotFoundError):
        trust.end_allowance(page(here, who), derived_ulid(1, "nothing"))
    trust.end_allowance(page(here, who), by.id)

    assert trust.trust_view(page(here, ALICE)).allowances == []
    with pytest.raises(NotFoundError):
        trust.end_allowance(page(here, who), by.id)


def test_rules_of_guardians_that_count_or_come_are_shown(here: World) -> None:
    rule(here, BOB, CAROL, needed=1, above=20_000)
    rule(here, BOB, state=RuleState.WAITING, counts_from_ms=NOW_MS + 5)
    found = sorted(trust.trust_view(page(here, ALICE)).guardians, key=lambda one: one.state)

    assert [(one.state, one.needed, one.above.minor) for one in found] == [
        ("active", 1, 20_000),
        ("waiting", 1, 100),
    ]
    assert [one.name for one in found[0].guardians] == [BOB, CAROL]
    assert [one.counts_from_ms for one in found] == [None, NOW_MS + 5]


def test_an_escrow_is_shown_to_whoever_takes_part(here: World) -> None:
    scene = here.scene
    voters = (
        Voter(scene.holder(ALICE).id, Role.BUYER, has_agreed=True),
        Voter(scene.holder(BOB).id, Role.SELLER, has_agreed=False),
    )
    escrow = Escrow(
        id=derived_ulid(NOW_MS, "escrow"),
        state=EscrowState.PROPOSED,
        buyer=voters[0].holder,
        seller=voters[1].holder,
        ledger=1,
        amount_minor=500,
        k=2,
        voters=voters,
        on_silence=OnSilence.RETURN,
        asked_at_ms=NOW_MS,
        ends_at_ms=NOW_MS + 5,
        due_at_ms=NOW_MS + 5,
    )
    parties = (Party(ALICE, "Alice"), Party(BOB, "Bob"))
    escrow_files.add(scene, Deal(escrow, parties, "EUR", "bicycle"))
    [bobs] = trust.trust_view(page(here, BOB)).escrows

    assert (bobs.role, bobs.reference, bobs.amount.minor) == ("seller", "bicycle", 500)
    assert [(one.name, one.has_agreed) for one in bobs.parties] == [("Alice", True), ("Bob", False)]
    assert bobs.words
    assert trust.trust_view(page(here, CAROL)).escrows == []
