"""Once the bot hears of a revoked key, what it approved and has not moved stops at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appservices.payments.allowances import store as allowances
from appservices.payments.allowances.core import AllowanceState
from appservices.payments.safeguards.service import revoking
from tests.integration.appservices.payments.market import BEGINS_MINOR, Market
from tests.integration.appservices.payments.test_authority import (
    after_a_wait,
    by_another_once_the_merchant_says_yes,
    lent,
    write,
)
from tests.support.stored_keys import revoke_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def place() -> Iterator[Market]:
    with Market.open() as one:
        yield one


def revoked(market: Market, person: UserId) -> None:
    """Somebody revokes all keys that they have by now."""
    with market.at() as scene:
        revoke_keys(scene.txn, person, market.now_ms)


def heard(market: Market, person: UserId) -> None:
    """The bot hears of it."""
    with market.at() as scene:
        revoking.stop(scene, person)


def ends(market: Market) -> set[tuple[object, object]]:
    """How the payments of Alice stand, and why."""
    with market.at() as scene:
        payer = scene.holder(market.alice).id
    rows = market.rows("SELECT state, why FROM payments.payment WHERE payer = %s", payer)
    return {(state, why) for state, why in rows}


def test_what_waits_is_refused_before_its_wait_is_over(place: Market) -> None:
    market = place.fresh()
    next(after_a_wait(market))
    assert ends(market) == {("cooling", None)}
    revoked(market, market.alice)
    heard(market, market.alice)

    assert ends(market) == {("refused", "key_revoked")}


def test_what_somebody_pays_from_the_account_of_another_comes_back_at_once(place: Market) -> None:
    market = place.fresh()
    steps = by_another_once_the_merchant_says_yes(market)
    for _ in range(3):
        next(steps)
    assert ends(market) == {("held", None)}
    revoked(market, market.bob)
    heard(market, market.bob)
    write(market)

    assert ends(market) == {("refused", "key_revoked")}
    assert market.has(market.alice) == (BEGINS_MINOR, 0)


def test_what_was_lent_with_that_key_ends_and_with_another_goes_on(place: Market) -> None:
    market = place.fresh()
    ended = lent(market)
    revoked(market, market.alice)
    other = lent(market, "another")
    heard(market, market.alice)

    with market.at() as scene:
        found = {one.id: one.state for one in allowances.given_by(scene.txn, ended.giver)}
    assert found.get(ended.id) is not AllowanceState.ACTIVE
    assert found[other.id] is AllowanceState.ACTIVE
