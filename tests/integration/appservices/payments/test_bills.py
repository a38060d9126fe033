"""A bill is paid by all who share it or by nobody, whatever comes first: real locks and ledger."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from appservices.payments.amounts.core.split import PARTS_MAX
from appservices.payments.bills import store
from appservices.payments.bills.core.bill import SLACK_MS, BillState, Sharer
from appservices.payments.bills.service import asking as billing
from appservices.payments.bills.service import bills
from appservices.payments.bills.service import ending as bill_ends
from appservices.payments.holders import store as holders
from appservices.payments.paying.service import paying
from appservices.payments.safeguards.service import freezing
from appservices.payments.transfers.service import files
from tests.integration.appservices.payments.market import BEGINS_MINOR, Market
from tests.integration.appservices.payments.trust import asking_nothing
from tests.support.long import seeds
from tests.support.postgres import waiting_count
from tests.support.processes import TIMEOUT_S, wait_until
from veche.protocol.ids import UserId, hex_of_ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.postgres

WAIT_MS = 3 * 86_400_000


@pytest.fixture(scope="module")
def place() -> Iterator[Market]:
    with Market.open() as one:
        yield one


@pytest.fixture
def market(place: Market) -> Market:
    return place.fresh()


def due_ms(market: Market) -> int:
    """When all of a bill have to have agreed."""
    return market.now_ms + WAIT_MS


def everybody(market: Market) -> list[Sharer]:
    return [Sharer(market.alice), Sharer(market.bob), Sharer(market.carol)]


def balances(market: Market) -> list[tuple[int, int]]:
    return [market.has(one) for one in (market.alice, market.bob, market.carol, market.dave)]


def shares(market: Market, bill_id: str, *people: UserId) -> list[str]:
    return [
        market.share(bill_id, one) for one in people or (market.alice, market.bob, market.carol)
    ]


def ring(market: Market, bill_id: str, now_ms: int | None = None) -> None:
    with market.at(now_ms or due_ms(market)) as scene:
        bill_ends.fire_timer(scene, bill_id)


@contextmanager
def beside(market: Market, deed: Callable[[], None]) -> Iterator[None]:
    """Do something in another thread, which has to wait for ours; it has ended at the end."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            deed()
        except BaseException as e:  # noqa: BLE001 -- told below
            errors.append(e)

    def is_waiting() -> bool:
        return bool(errors or waiting_count(market.dsn) > before)

    before = waiting_count(market.dsn)
    thread = threading.Thread(target=run)
    thread.start()
    wait_until(is_waiting, TIMEOUT_S, "it does not wait")
    yield
    thread.join()
    assert errors == []


def test_once_all_agreed_all_pay_in_one_block(market: Market) -> None:
    bill_id = market.bill(*everybody(market), total_minor=6_001)
    first, *others = shares(market, bill_id)
    market.held(first)
    assert market.has(market.alice) == (BEGINS_MINOR - 2_001, 2_001)
    market.held(*others)

    assert balances(market) == [(7_999, 0), (8_000, 0), (8_000, 0), (16_001, 0)]
    assert market.bill_state(bill_id) == "paid"
    assert [market.state(one) for one in (first, *others)] == [("paid", None)] * 3
    blocks = market.rows(
        "SELECT count(DISTINCT pos >> 13), count(*) FROM ledger.transfer WHERE flags & 4 <> 0"
        " AND ref = ANY(%s::uuid[])",
        [hex_of_ulid(one) for one in (first, *others)],
    )
    assert blocks == [(1, 3)]


def test_who_asks_keeps_their_own_share(market: Market) -> None:
    bill_id = market.bill(Sharer(market.dave), Sharer(market.alice))
    market.held(*shares(market, bill_id, market.alice))

    assert market.has(market.alice) == (7_000, 0)
    assert market.has(market.dave) == (13_000, 0)


def test_if_somebody_has_not_agreed_in_time_nobody_pays(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    agreed, also, silent = shares(market, bill_id)
    market.held(agreed, also)
    ring(market, bill_id, due_ms(market) - 1)
    assert market.bill_state(bill_id) == "open"
    ring(market, bill_id)
    market.scribe.write(due_ms(market))

    assert market.bill_state(bill_id) == "expired"
    assert balances(market) == [(BEGINS_MINOR, 0)] * 4
    assert [market.state(one) for one in (agreed, also, silent)] == [
        ("refused", "bill_over"),
        ("refused", "bill_over"),
        ("cancelled", None),
    ]


def test_what_was_on_its_way_to_be_set_aside_at_the_deadline_comes_back(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    for one in shares(market, bill_id):
        market.approve(one, due_ms(market) - 1)
    ring(market, bill_id)
    market.scribe.write(due_ms(market))

    assert market.bill_state(bill_id) == "expired"
    assert balances(market) == [(BEGINS_MINOR, 0)] * 4


def test_the_deadline_waits_for_the_last_who_agrees_and_comes_too_late(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    *others, last = shares(market, bill_id)
    market.held(*others)
    market.approve(last)
    [waiting] = market.scribe.waiting()
    with market.at(due_ms(market)) as scene:
        # The block of the last share is about to take the bill, and the deadline comes behind it.
        assert files.lock(scene, last) is not None
        with (
            beside(market, lambda: market.scribe.block([waiting], market.now_ms)),
            beside(market, lambda: ring(market, bill_id)),
        ):
            scene.txn.connection.commit()
    market.scribe.write(due_ms(market))

    assert market.bill_state(bill_id) == "paid"
    assert balances(market) == [(8_000, 0)] * 3 + [(16_000, 0)]


def test_the_last_who_agrees_comes_too_late_behind_the_deadline(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    *others, last = shares(market, bill_id)
    market.held(*others)
    market.approve(last)
    [waiting] = market.scribe.waiting()
    with market.at(due_ms(market)) as scene:
        assert files.lock(scene, last) is not None
        with (
            beside(market, lambda: ring(market, bill_id)),
            beside(market, lambda: market.scribe.block([waiting], market.now_ms)),
        ):
            scene.txn.connection.commit()
    market.scribe.write(due_ms(market))

    assert market.bill_state(bill_id) == "expired"
    assert balances(market) == [(BEGINS_MINOR, 0)] * 4


def test_once_the_last_agreed_the_deadline_changes_nothing(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    for one in shares(market, bill_id):
        market.approve(one)
    market.scribe.block(market.scribe.waiting(), market.now_ms)
    assert market.bill_state(bill_id) == "posting"
    ring(market, bill_id)
    with market.at() as scene:
        matter = bills.lock(scene, bill_id)
        assert matter is not None
        bill_ends.cancel(scene, matter)
    market.scribe.write(due_ms(market) + SLACK_MS - 1)

    assert market.bill_state(bill_id) == "paid"
    assert market.has(market.dave) == (16_000, 0)


def test_a_chain_of_posts_that_comes_too_late_pays_nobody(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    found = shares(market, bill_id)
    for one in found:
        market.approve(one)
    market.scribe.block(market.scribe.waiting(), market.now_ms)
    market.scribe.write(due_ms(market) + SLACK_MS)

    assert market.bill_state(bill_id) == "failed"
    assert [market.state(one) for one in found] == [("refused", "bill_over")] * 3
    assert balances(market) == [(BEGINS_MINOR, 0)] * 4


def test_the_ledger_itself_gives_back_what_nobody_ends(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    agreed = market.share(bill_id, market.alice)
    market.held(agreed)
    market.scribe.write(due_ms(market) + SLACK_MS)

    assert market.state(agreed) == ("refused", "bill_over")
    assert market.has(market.alice) == (BEGINS_MINOR, 0)


def test_two_who_agree_at_once_complete_it_once(market: Market) -> None:
    bill_id = market.bill(Sharer(market.alice), Sharer(market.bob))
    for one in shares(market, bill_id, market.alice, market.bob):
        market.approve(one)
    market.scribe.block(market.scribe.waiting(), market.now_ms)

    posts = [one.about for one in market.scribe.waiting()]
    market.scribe.write(market.now_ms)
    assert posts == [bill_id]
    assert market.bill_state(bill_id) == "paid"


def test_who_has_too_little_is_refused_and_the_others_are_as_they_were(market: Market) -> None:
    bill_id = market.bill(
        Sharer(market.alice, fixed_minor=BEGINS_MINOR + 1), Sharer(market.bob), total_minor=12_001
    )
    poor, rich = shares(market, bill_id, market.alice, market.bob)
    market.held(poor, rich)

    assert market.state(poor) == ("refused", "no_cover")
    assert market.state(rich) == ("held", None)
    assert market.bill_state(bill_id) == "open"


def test_who_declined_can_be_asked_again_and_then_all_pay(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    declining, *others = shares(market, bill_id)
    market.held(*others)
    with market.at() as scene:
        paying.cancel(scene, market.matter(scene, declining))
    with market.at(market.now_ms + 1) as scene:
        matter = bills.lock(scene, bill_id)
        assert matter is not None
        billing._ask_again(scene, matter)
    again = market.share(bill_id, market.alice)
    assert again != declining
    market.held(again)

    assert market.bill_state(bill_id) == "paid"
    assert balances(market) == [(8_000, 0)] * 3 + [(16_000, 0)]


def test_nobody_is_asked_for_their_share_for_ever(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    for times in range(1, bills.TIMES_MAX + 1):
        with market.at() as scene:
            paying.cancel(scene, market.matter(scene, market.share(bill_id, market.alice)))
        with market.at(market.now_ms + times) as scene:
            matter = bills.lock(scene, bill_id)
            assert matter is not None
            found = bills.to_ask_again(scene, matter)
            assert found == ([market.alice] if times < bills.TIMES_MAX else [])
            billing._ask_again(scene, matter)

    assert market.state(market.share(bill_id, market.alice)) == ("cancelled", None)


def test_nobody_begins_bills_without_an_end(market: Market) -> None:
    with market.at() as scene:
        organiser = scene.holder(market.dave).id
    for _ in range(2):
        market.bill(*everybody(market))
    day_ms = market.now_ms - 1
    with market.at() as scene:
        assert store.asked_since(scene.txn, organiser, day_ms) == 2
        assert store.asked_since(scene.txn, organiser, market.now_ms) == 0
        assert not billing._is_too_many(scene, organiser)
    for _ in range(store.OPEN_MAX - 2):
        market.bill(Sharer(market.alice))
    before = market.newest_bill()
    wanted = {
        "person": market.dave,
        "room": "!r",
        "minor": 100,
        "currency": "EUR",
        "reference": "",
        "sharers": [[market.alice, 1, None]],
    }
    with market.at(market.now_ms + 1) as scene:
        assert billing._is_too_many(scene, organiser)
        # Those that were ordered at the same time were all within the limit then.
        billing.begin(asking_nothing(scene), wanted, {market.dave: "Dave", market.alice: "Alice"})
    assert market.newest_bill() == before


def test_divided_anew_the_others_are_asked_for_the_whole_and_have_their_money_again(
    market: Market,
) -> None:
    bill_id = market.bill(*everybody(market))
    declining, agreed, _ = shares(market, bill_id)
    market.held(agreed)
    with market.at() as scene:
        paying.cancel(scene, market.matter(scene, declining))
    with market.at(market.now_ms + 1) as scene:
        matter = bills.lock(scene, bill_id)
        assert matter is not None
        billing._divide_anew(scene, matter)
    market.scribe.write(market.now_ms + 1)
    assert market.bill_state(bill_id) == "cancelled"
    assert balances(market) == [(BEGINS_MINOR, 0)] * 4
    market.held(*shares(market, market.newest_bill(), market.bob, market.carol))

    assert balances(market) == [(BEGINS_MINOR, 0), (7_000, 0), (7_000, 0), (16_000, 0)]


def test_who_freezes_everything_has_their_share_again_and_the_bill_stays_open(
    market: Market,
) -> None:
    bill_id = market.bill(*everybody(market))
    held, on_its_way, _ = shares(market, bill_id)
    market.held(held)
    market.approve(on_its_way)
    for person in (market.alice, market.bob):
        with market.at() as scene:
            freezing.freeze(scene, person)
    market.scribe.write(market.now_ms)

    assert market.state(held) == ("cancelled", None)
    assert market.state(on_its_way) == ("refused", "frozen")
    assert balances(market)[:2] == [(BEGINS_MINOR, 0)] * 2
    assert market.bill_state(bill_id) == "open"


def test_who_freezes_while_a_block_sets_it_aside_has_it_again(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    share = market.share(bill_id, market.alice)
    market.approve(share)
    with market.at() as scene:
        # As a freeze leaves it that finds the attempt in the hands of a block.
        holders.set_frozen(scene.txn, scene.holder(market.alice).id, market.now_ms)
    market.scribe.write(market.now_ms)

    assert market.state(share) == ("cancelled", None)
    assert market.has(market.alice) == (BEGINS_MINOR, 0)


def test_a_freeze_once_all_have_agreed_still_moves_nothing(market: Market) -> None:
    bill_id = market.bill(Sharer(market.alice), Sharer(market.bob))
    first, last = (market.share(bill_id, one) for one in (market.alice, market.bob))
    market.held(first)
    market.approve(last)
    market.scribe.block(market.scribe.waiting(), market.now_ms)
    assert market.bill_state(bill_id) == "posting"
    with market.at() as scene:
        freezing.freeze(scene, market.alice)
    market.scribe.write(market.now_ms)

    assert market.bill_state(bill_id) == "failed"
    assert balances(market)[:2] == [(BEGINS_MINOR, 0)] * 2


def test_who_freezes_while_a_block_sets_the_last_share_aside_has_it_again(market: Market) -> None:
    bill_id = market.bill(Sharer(market.alice), Sharer(market.bob))
    first, last = (market.share(bill_id, one) for one in (market.bob, market.alice))
    market.held(first)
    market.approve(last)
    with market.at() as scene:
        holders.set_frozen(scene.txn, scene.holder(market.alice).id, market.now_ms)
    market.scribe.write(market.now_ms)

    assert market.state(last) == ("cancelled", None)
    assert market.bill_state(bill_id) == "open"
    assert market.has(market.alice) == (BEGINS_MINOR, 0)


def test_nobody_agrees_to_a_bill_that_is_over(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    share = market.share(bill_id, market.alice)
    market.approve(share, due_ms(market))

    assert market.state(share) == ("refused", "bill_over")


def test_somebody_has_one_live_share_of_a_bill(market: Market) -> None:
    bill_id = market.bill(*everybody(market))
    with market.at() as scene:
        matter = bills.lock(scene, bill_id)
        assert matter is not None
        with pytest.raises(Exception, match="one_live_share"):
            billing._ask_share(scene, matter, matter.private.sharers[0])
        scene.txn.connection.rollback()


def test_as_many_as_may_share_a_bill_pay_it_in_one_chain(market: Market) -> None:
    everybody_ = [UserId(f"@{market.number}p{n}:veche.test") for n in range(PARTS_MAX)]
    market.grant(*everybody_)
    bill_id = market.bill(*map(Sharer, everybody_))
    market.held(*shares(market, bill_id, *everybody_))

    assert market.bill_state(bill_id) == "paid"
    assert market.has(market.dave) == (16_000, 0)


def test_nothing_is_set_aside_without_an_approval(market: Market) -> None:
    share = market.share(market.bill(*everybody(market)), market.alice)

    for state in ("holding", "held"):
        with pytest.raises(Exception, match="authority_to_hold"):
            market.rows("UPDATE payments.payment SET state = %s WHERE id = %s", state, share)


def test_it_is_all_of_them_or_nobody_whatever_comes_in_which_order(place: Market) -> None:
    ends = {_end_of_a_bill(place, seed) for seed in seeds(ordinary=25, long=500)}

    assert ends >= {"paid", "expired", "cancelled"}


def _end_of_a_bill(place: Market, seed: int) -> str:
    """Agreeing, declining, freezing, asking again, taking back, time, blocks: at any moment."""
    market, chance = place.fresh(), random.Random(seed)  # noqa: S311 -- no secret
    people = (market.alice, market.bob, market.carol)
    bill_id = market.bill(*map(Sharer, people), total_minor=3_001)
    at_ms = market.now_ms
    for _ in range(14):
        at_ms += chance.choice((0, 1, 60_000, WAIT_MS // 5))
        person = chance.choice(people)
        share = market.share(bill_id, person)
        match chance.choice((*["agree"] * 8, *["write"] * 4, "decline", "other")):
            case "agree" if market.state(share)[0] == "asked":
                market.approve(share, at_ms)
            case "decline":
                with market.at(at_ms) as scene:
                    paying.cancel(scene, market.matter(scene, share))
            case "write":
                market.scribe.write(at_ms)
            case "other":
                _other(market, bill_id, person, chance, at_ms)
            case _:
                pass
    market.scribe.write(at_ms)
    ring(market, bill_id, at_ms + WAIT_MS)
    market.scribe.write(at_ms + WAIT_MS)
    market.scribe.write(at_ms + WAIT_MS + SLACK_MS + 1)

    paid = [BEGINS_MINOR - market.has(one)[0] for one in people]
    is_paid = market.bill_state(bill_id) == "paid"
    assert sorted(paid) == ([1_000, 1_000, 1_001] if is_paid else [0, 0, 0]), f"seed {seed}"
    assert [market.has(one)[1] for one in people] == [0, 0, 0], f"seed {seed}"
    assert market.has(market.dave) == (BEGINS_MINOR + (3_001 if is_paid else 0), 0), f"seed {seed}"
    states = {market.state(market.share(bill_id, one))[0] for one in people}
    ends = {"paid"} if is_paid else {"refused", "cancelled", "expired"}
    assert states <= ends, f"seed {seed}"
    return str(market.bill_state(bill_id))


def _other(market: Market, bill_id: str, person: UserId, chance: random.Random, at_ms: int) -> None:
    """What happens less often."""
    with market.at(at_ms) as scene:
        matter = bills.lock(scene, bill_id)
        assert matter is not None
        match chance.choice(("freeze", "ring", "again", "again", "cancel")):
            case "ring":
                bill_ends.fire_timer(scene, bill_id)
            case "again" if matter.bill.state is BillState.OPEN:
                billing._ask_again(scene, matter)
            case "cancel" if chance.random() < 0.3:
                bill_ends.cancel(scene, matter)
            case "freeze":
                freezing.freeze(scene, person)
            case _:
                pass
