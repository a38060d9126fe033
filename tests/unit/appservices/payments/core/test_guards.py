"""Rules of guardians: their states, what is weaker than what, how a payment's guardians stand."""

from __future__ import annotations

import itertools

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.guardians.core import GuardOrder, GuardTerms, is_weaker, read_guards
from tests.support.tables import each_row
from veche.protocol.guardians import (
    GUARDIANS_MAX,
    RULE_TABLE,
    GuardProblem,
    RuleInput,
    RuleState,
    Standing,
    step_rule,
    tally,
)
from veche.protocol.money import Money

PERSONS = range(4)
RULES = [
    GuardTerms(frozenset(group), needed, above)
    for size in range(1, 5)
    for group in itertools.combinations(PERSONS, size)
    for needed in range(1, size + 1)
    for above in (100, 200)
]
"""Every rule of up to four persons, at two amounts."""


def euros(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


@each_row(("state", "heard"), list(itertools.product(RuleState, RuleInput)))
def test_a_step_is_in_the_table_or_there_is_none(state: RuleState, heard: RuleInput) -> None:
    assert step_rule(state, heard) is RULE_TABLE.get((state, heard))


def test_a_rule_counts_only_after_the_payer_approved_and_all_accepted() -> None:
    into = {key for key, state in RULE_TABLE.items() if state is RuleState.ACTIVE}

    assert into == {(RuleState.ASKED, RuleInput.READY), (RuleState.WAITING, RuleInput.TIME)}
    asked = {key for key, state in RULE_TABLE.items() if state is RuleState.ASKED}
    assert asked == {(RuleState.PROPOSED, RuleInput.APPROVE)}


def test_nothing_but_time_ends_the_wait_of_a_weaker_rule_in_its_favour() -> None:
    out = {heard for (state, heard), into in RULE_TABLE.items() if state is RuleState.WAITING
           and into is not RuleState.ENDED}  # fmt: skip

    assert out == {RuleInput.TIME}


def lets_through(rule: GuardTerms, minor: int, approving: frozenset[int]) -> bool:
    """Whether a payment goes if just these persons would approve it."""
    return minor <= rule.above_minor or len(approving & rule.guardians) >= rule.needed


def test_a_rule_that_is_not_weaker_lets_nothing_through_that_the_old_one_stopped() -> None:
    groups = [
        frozenset(group) for size in range(5) for group in itertools.combinations(PERSONS, size)
    ]
    stricter = 0
    for old, new in itertools.product(RULES, RULES):
        if is_weaker(new, old):
            continue
        stricter += 1
        assert old.guardians <= new.guardians
        for minor, group in itertools.product((100, 101, 200, 201), groups):
            if lets_through(new, minor, group):
                assert lets_through(old, minor, group), (old, new, minor, group)
    assert stricter > len(RULES)


@each_row("rule", RULES)
def test_a_rule_is_not_weaker_than_itself_or_than_none(rule: GuardTerms) -> None:
    nobody = GuardTerms(frozenset(), 0, 0)

    assert not is_weaker(rule, rule)
    assert not is_weaker(rule, nobody)
    assert is_weaker(nobody, rule)


@each_row(
    ("new", "weaker"),
    [
        (GuardTerms(frozenset({1, 2}), 2, 199), False),
        (GuardTerms(frozenset({1, 2}), 2, 201), True),
        (GuardTerms(frozenset({1, 2}), 1, 200), True),
        (GuardTerms(frozenset({1, 3}), 2, 200), True),
        (GuardTerms(frozenset({1}), 1, 200), True),
        (GuardTerms(frozenset({1, 2, 3}), 2, 200), True),
        (GuardTerms(frozenset({1, 2, 3}), 3, 200), False),
    ],
)
def test_what_is_weaker_than_two_of_two_above_an_amount(new: GuardTerms, *, weaker: bool) -> None:
    assert is_weaker(new, GuardTerms(frozenset({1, 2}), 2, 200)) == weaker


@each_row("count", range(1, GUARDIANS_MAX + 1))
def test_k_approvals_let_a_payment_go_and_n_less_k_plus_one_others_end_it(count: int) -> None:
    for needed in range(1, count + 1):
        for standings in itertools.product(Standing, repeat=count):
            counted = tally(standings, needed)
            yes = standings.count(Standing.YES)
            against = standings.count(Standing.NO) + standings.count(Standing.GONE)

            assert counted.is_approved == (yes >= needed)
            assert counted.is_lost == (against >= count - needed + 1)
            assert not (counted.is_approved and counted.is_lost)
            assert counted.yes + counted.no + counted.silent + counted.gone == count


@each_row(
    ("typed", "order"),
    [
        ("@bob @carol 2 of 2 above 200 EUR", GuardOrder(("@bob", "@carol"), 2, euros(20_000))),
        ("bob above 0.50 EUR", GuardOrder(("bob",), 1, euros(50))),
        (
            "bob carol dave 2 из 3 свыше 200 EUR",
            GuardOrder(("bob", "carol", "dave"), 2, euros(20_000)),
        ),
        ("bob carol über 1 000,00 EUR", GuardOrder(("bob", "carol"), 2, euros(100_000))),
        ("bob 1 з 1 понад 200", GuardOrder(("bob",), 1, euros(20_000))),
        ("off", GuardOrder((), 0, euros(0))),
        ("aus EUR", GuardOrder((), 0, euros(0))),
    ],
)
def test_a_rule_is_read_in_each_language(typed: str, order: GuardOrder) -> None:
    assert read_guards(typed, ["EUR"]) == order


@each_row(
    ("typed", "problem"),
    [
        ("", GuardProblem.USAGE),
        ("@bob", GuardProblem.USAGE),
        ("above 200 EUR", GuardProblem.USAGE),
        ("2 of 2 above 200 EUR", GuardProblem.USAGE),
        ("@bob above 200 EUR please", GuardProblem.USAGE),
        ("@bob above", OrderProblem.USAGE),
        ("@bob above nothing", OrderProblem.BAD_AMOUNT),
        ("@bob above 1,250", OrderProblem.AMOUNT_IN_DOUBT),
        ("@bob above 0 EUR", OrderProblem.NOT_ABOVE_ZERO),
        ("@bob above 5 USD", OrderProblem.OTHER_CURRENCY),
        ("a b c d e f above 5 EUR", GuardProblem.TOO_MANY),
        ("@bob bob above 5 EUR", GuardProblem.TWICE),
        ("@bob @carol 3 of 2 above 5 EUR", GuardProblem.BAD_SHARE),
        ("@bob @carol 0 of 2 above 5 EUR", GuardProblem.BAD_SHARE),
        ("@bob @carol 1 of 3 above 5 EUR", GuardProblem.BAD_SHARE),
        ("off USD", GuardProblem.USAGE),
    ],
)
def test_a_rule_that_cannot_be_read_is_asked_back(
    typed: str, problem: GuardProblem | OrderProblem
) -> None:
    assert read_guards(typed, ["EUR"]) is problem


def test_to_end_a_rule_its_currency_is_named_where_there_are_several() -> None:
    assert read_guards("off", ["EUR", "UAH"]) is GuardProblem.USAGE
    assert read_guards("off uah", ["EUR", "UAH"]) == GuardOrder(
        (), 0, Money(minor=0, currency="UAH")
    )
