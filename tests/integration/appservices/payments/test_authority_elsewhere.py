"""A revoked key or a freeze, at any moment of a dispute, a change of guardians, a payout in bulk.

As in ``test_authority``: each story is one agreement, step by step, and after each of its steps in
turn something happens to one of those concerned. Here several are, and money that is set aside goes
on by the agreement's own rules: a step says whose key stands behind what is not carried out yet.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.payments.bulk import store as bulk_store
from appservices.payments.bulk.core import BulkPayout, PayoutInput, PayoutState
from appservices.payments.bulk.service import bulk
from appservices.payments.bulk.service import lines as bulk_lines
from appservices.payments.bulk.store import NewLine
from appservices.payments.disputes.service import disputes
from appservices.payments.guardians import store as guards
from appservices.payments.guardians.service import guardians
from appservices.payments.guardians.texts import RuleView
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.safeguards.service import freezing, revoking
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.stage import (
    ALICE,
    BOB,
    CAROL,
    CLERK,
    MONEY,
    Stage,
)
from tests.support.long import many
from tests.support.postgres import execute
from tests.support.stored_keys import revoke_keys
from veche.bots.guardian_rules import COMING
from veche.protocol.ids import RoomId, UserId, derived_ulid

if TYPE_CHECKING:
    from appservices.payments.ledger.service.attempts import Settle

pytestmark = pytest.mark.postgres

JUDGE: Final = UserId("@judge:veche.test")
DAVE: Final = UserId("@dave:veche.test")
DISPUTED: Final = 5_000
ROUNDS: Final = itertools.count(1)

Steps = Iterator[frozenset[UserId]]
"""After each step: whose keys stand behind what waits to be carried out."""

NOBODY: Final[frozenset[UserId]] = frozenset()


class House(Stage):
    """A bank where payouts in bulk are settled too."""

    def settles(self) -> dict[str, Settle]:
        parts: Any = SimpleNamespace(conversation=self.scene_of)
        return {**super().settles(), **bulk.settles(parts)}


@pytest.fixture(scope="module")
def place() -> Iterator[House]:
    with House.running(dispute_appeal_desk=[JUDGE]) as one:
        assert isinstance(one, House)
        yield one


# What happens to somebody.


def revoked(house: House, person: UserId) -> None:
    """Their keys are revoked, and the bot hears of it."""
    unheard(house, person)
    with house.scene() as scene:
        revoking.stop(scene, person)


def unheard(house: House, person: UserId) -> None:
    """Their keys are revoked, and the bot has not heard of it yet."""
    house.now_ms += 1
    with house.scene() as scene:
        revoke_keys(scene.txn, person, house.now_ms)


def frozen(house: House, person: UserId) -> None:
    with house.scene() as scene:
        freezing.freeze(scene, person)


def frozen_by_a_low_session(house: House, person: UserId) -> None:
    with house.scene() as scene:
        freezing.freeze(scene, person, may_end=False)


REVOKING: Final = (revoked, unheard)
HAPPENINGS: Final = (*REVOKING, frozen, frozen_by_a_low_session)
Happening = Callable[[House, UserId], None]


def thaw(house: House) -> None:
    """Everybody goes on again."""
    execute(house.dsn, "UPDATE payments.holder SET frozen_at_ms = NULL")
    house.heard.asked.clear()
    house.now_ms += 1


# Disputes: Alice has paid Bob, and wants it back.


def opened(house: House) -> Steps:
    number = house.paid(DISPUTED)
    house.say(ALICE, "dispute", f"{number} it never came")
    yield NOBODY
    house.answer(ALICE, "open")
    assert house.row("dispute")["state"] == "freezing"
    yield frozenset({ALICE})
    house.write()
    yield NOBODY


def given_back(house: House) -> Steps:
    yield from opened(house)
    house.answer(BOB, "agree")
    yield frozenset({BOB})
    house.write()
    yield NOBODY


def decided(house: House) -> Steps:
    """The desk decides, and nobody appeals."""
    yield from ruled(house)
    found = house.row("dispute")
    house.now_ms = found["due_at_ms"]
    house.ring(disputes.fire_timer, found["id"])
    yield frozenset({CLERK})
    house.write()
    yield NOBODY


def ruled(house: House) -> Steps:
    yield from opened(house)
    number = newest_number(house)
    house.say(BOB, "dispute", f"{number} it did come")
    yield NOBODY
    house.say(CLERK, "dispute", f"{number} 50 EUR it did not")
    house.answer(CLERK, "decide")
    yield frozenset({CLERK})


def appealed(house: House) -> Steps:
    """Others decide the appeal, for good."""
    yield from ruled(house)
    number = newest_number(house)
    house.say(BOB, "dispute", f"{number} appeal it was overlooked")
    yield frozenset({CLERK})
    house.say(JUDGE, "dispute", f"{number} 50 EUR it was not")
    house.answer(JUDGE, "decide")
    yield frozenset({JUDGE})
    house.write()
    yield NOBODY


def newest_number(house: House) -> str:
    [(payment_id,)] = execute(
        house.dsn, "SELECT payment_id FROM payments.dispute ORDER BY id DESC LIMIT 1"
    )
    return str(payment_id)[-8:]


def let_time_pass(house: House) -> None:
    """All clocks of the newest dispute ring, until it is over."""
    for _ in range(5):
        found = house.row("dispute")
        if found["due_at_ms"] is not None:
            house.now_ms = max(house.now_ms, found["due_at_ms"])
            house.ring(disputes.fire_timer, found["id"])
        house.write()


DISPUTES: Final = (given_back, decided, appealed)
LENGTHS: Final[dict[Any, int]] = {}
"""How many steps each has, once it was played."""


def is_stopped_by(
    happening: Happening, person: UserId, behind: frozenset[UserId], *, is_agreeing: bool
) -> bool:
    """Whether what has happened to somebody keeps the money where it is.

    A frozen payee gives nothing back by a key; that somebody else decided counts all the same.
    """
    if happening in REVOKING:
        return person in behind
    return is_agreeing and person == BOB


@pytest.mark.parametrize("person", [ALICE, BOB, CLERK, JUDGE])
@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("story", DISPUTES, ids=lambda one: one.__name__)
def test_a_dispute_ends_as_those_decided_whose_keys_count(
    place: House, story: Callable[[House], Steps], happening: Happening, person: UserId
) -> None:
    for moment in moments(story, place, happening, person):
        thaw(place)
        place.even_out()
        is_stopped, state = False, None
        for n, behind in enumerate(story(place)):
            state = place.row("dispute")["state"] if n == moment else state
            if n == moment:
                happening(place, person)
                is_over = state == "closed"
                agreeing = story is given_back and not is_over
                is_stopped = is_stopped_by(happening, person, behind, is_agreeing=agreeing)
            if is_stopped and happening in REVOKING:
                break  # whoever decides anew does it by another key
        let_time_pass(place)
        about = f"{moment}: {state}"
        assert place.row("dispute")["state"] in {"closed", "cancelled"}, about
        assert place.holds() == 0, about
        kept_minor = DISPUTED if is_stopped else 0
        assert place.balance(BOB) == (MONEY + kept_minor, 0), about


def moments(story: Any, place: House, happening: Happening, person: UserId) -> range:
    """After which steps something happens: in an ordinary run at some, which differ."""
    apart = many(ordinary=5, long=1)
    if story not in LENGTHS:
        thaw(place)
        place.even_out()
        LENGTHS[story] = sum(1 for _ in story(place))
        let_time_pass(place)
    first = HAPPENINGS.index(happening) + len(person)
    return range(first % apart, LENGTHS[story], apart)


# Guardians: Carol and Dave are to look at what Alice pays, then nobody, or one of them alone.


def chosen(house: House, *people: UserId, choice: str) -> None:
    """Alice wants these to be her guardians, all of whom are needed."""
    house.now_ms += 1
    with house.scene() as scene:
        parties = tuple(Party(one, one[1:].partition(":")[0].title()) for one in people)
        view = RuleView(Party(ALICE, "Alice"), parties, len(people), 10_000, "EUR")
        guardians.propose(scene, view, RoomId("!alice"))
    assert house.heard.asked[ALICE][0].choice(choice) is not None


def first_rule(house: House) -> Steps:
    chosen(house, CAROL, DAVE, choice="show")
    yield NOBODY
    house.answer(ALICE, "show")
    yield frozenset({ALICE})
    house.answer(CAROL, "accept")
    yield frozenset({ALICE, CAROL})
    house.answer(DAVE, "accept")
    yield NOBODY


def without(house: House) -> Steps:
    yield from replaced(house, (), "hide")


def one_alone(house: House) -> Steps:
    yield from replaced(house, (DAVE,), "show")


def replaced(house: House, people: tuple[UserId, ...], choice: str) -> Steps:
    """A rule that asks for less counts a day later."""
    list(first_rule(house))
    chosen(house, *people, choice=choice)
    yield NOBODY
    house.answer(ALICE, choice)
    yield frozenset({ALICE})
    [(rule_id, from_ms)] = execute(
        house.dsn, "SELECT id, counts_from_ms FROM payments.guard_rule WHERE state = 'waiting'"
    )
    house.now_ms = int(str(from_ms))
    with house.scene() as scene:
        guardians.RULES.wait_is_over(scene, str(rule_id))
    yield NOBODY


def counting(house: House) -> int | None:
    """How many guardians the rule has that counts; None: there is no such rule."""
    with house.scene() as scene:
        ledger = holders.currencies(scene.txn)["EUR"]
        rule = guards.active(scene.txn, scene.holder(ALICE).id, ledger)
        return None if rule is None else len(guards.guardians_of(scene.txn, rule.id))


def coming(house: House) -> list[Any]:
    """The rules that may count later."""
    with house.scene() as scene:
        return guards.rules_of(scene.txn, scene.holder(ALICE).id, COMING)


CHANGES: Final = ((first_rule, None, 2), (without, 2, None), (one_alone, 2, 1))
"""With how many guardians there are before, and after it."""


@pytest.mark.parametrize("person", [ALICE, CAROL])
@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda one: one.__name__)
@pytest.mark.parametrize(("story", "before", "after"), CHANGES)
def test_a_change_of_guardians_counts_only_by_keys_that_count(
    place: House,
    story: Callable[[House], Steps],
    before: int | None,
    after: int | None,
    happening: Happening,
    person: UserId,
) -> None:
    """A freeze of the owner's ends a change that does not count yet, as `freeze.md` says."""
    for moment in range(4):
        thaw(place)
        execute(place.dsn, "UPDATE payments.guard_rule SET state = 'ended'")
        is_stopped = False
        for n, behind in enumerate(story(place)):
            if n == moment:
                is_coming = counting(place) != after
                happening(place, person)
                is_ended = happening not in REVOKING and person == ALICE and is_coming
                is_stopped = is_ended or (happening in REVOKING and person in behind)
                if is_ended:
                    assert coming(place) == [], moment
                    break
        assert counting(place) == (before if is_stopped else after), moment
        if is_stopped and person == CAROL:
            place.answer(CAROL, "accept")
            assert counting(place) == after


# Payouts in bulk: the bakery pays Bob and Alice.


def paid_out(house: House, payees: tuple[UserId, ...] = (BOB, ALICE)) -> Steps:
    with house.scene() as scene:
        house.pay(scene, None, "bakery", 100 * len(payees))
    house.write()
    with house.scene() as scene:
        payout = ordered(scene, payees)
    yield NOBODY
    step(house, payout, PayoutInput.APPROVE)
    yield NOBODY
    house.write()
    yield NOBODY
    with house.scene() as scene:
        queued = bulk_store.queued(scene.txn, payout.id, 10)
        names = {str(one.line.n): "Somebody" for one in queued}
        bulk_lines.begin(scene, payout.id, names)
    yield frozenset(payees)
    house.write()
    yield frozenset(payees)


def ordered(scene: Any, payees: tuple[UserId, ...]) -> BulkPayout:
    """A payout that waits for a second key."""
    number = next(ROUNDS)
    payout = BulkPayout(
        id=derived_ulid(scene.now_ms, "payout", number),
        payer=scene.organisation("bakery").id,
        ledger=holders.currencies(scene.txn)["EUR"],
        ours=f"wages {number}",
        state=PayoutState.WAITING,
        total_minor=100 * len(payees),
        lines=len(payees),
        gone_minor=0,
        sha256=bytes(32),
        made_by="first",
        approved_by=None,
        made_at_ms=scene.now_ms,
    )
    kept = {"organisation": "bakery", "name": "Bakery", "title": "Wages", "currency": "EUR"}
    told = {"iban": None, "name": None, "reference": None}
    lines = [NewLine(one, 100, scene.vault.seal({**told, "to": one})) for one in payees]
    sealed = scene.vault.seal({**kept, "act": None})
    assert bulk_store.add(scene.txn, payout, sealed, lines, scene.now_ms)
    return payout


def step(house: House, payout: BulkPayout, heard: PayoutInput) -> None:
    with house.scene() as scene:
        found = bulk.lock(scene, payout.id)
        assert found is not None
        bulk.take_step(scene, found, heard)
        bulk_store.approve(scene.txn, payout.id, "second", scene.vault.seal({}))


@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda one: one.__name__)
def test_a_payout_pays_each_line_or_gives_it_back_whatever_a_payee_does(
    place: House, happening: Happening
) -> None:
    for moment in range(5):
        thaw(place)
        had = {one: place.balance(one)[0] for one in (BOB, ALICE)}
        kept_minor = bakery_has(place)
        is_missed = False
        for n, begun in enumerate(paid_out(place)):
            if n == moment:
                happening(place, BOB)
                # Nobody who stopped everything is paid; a revoked key is no reason.
                is_missed = happening not in REVOKING and BOB not in begun
        place.write()
        assert place.balance(BOB)[0] - had[BOB] == (0 if is_missed else 100), moment
        assert place.balance(ALICE)[0] - had[ALICE] == 100, moment
        assert bakery_has(place) - kept_minor == (100 if is_missed else 0), moment
        states = execute(
            place.dsn, "SELECT state FROM payments.payout ORDER BY made_at_ms DESC LIMIT 1"
        )
        assert states == [("done",)], moment


def bakery_has(house: House) -> int:
    """What the bakery has; nothing stays set aside of it."""
    with house.scene() as scene:
        bakery = scene.organisation("bakery").id
    rows = execute(
        house.dsn,
        "SELECT a.code, l.credits_posted - l.debits_posted FROM payments.account AS a"
        " JOIN ledger.account AS l ON l.id = a.id WHERE a.holder = %s",
        bakery,
    )
    has = {int(str(code)): int(str(minor)) for code, minor in rows}
    assert has.pop(AccountCode.PAYOUT_CLEARING, 0) == 0
    return sum(has.values())
