"""What is said of guardians, allowances and bans: examples that work, and nothing too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.allowances.core import AllowanceOrder, read_allowance
from appservices.payments.allowances.service.orders import purse_of
from appservices.payments.amounts.core.order import Order, read_order
from appservices.payments.conversation.core.commands import ALLOW, BAN, COMMANDS, GUARDIANS, PAY
from appservices.payments.conversation.service.conversation import CATALOGUE
from appservices.payments.guardians.core import GuardOrder, read_guards
from appservices.payments.guardians.texts import (
    RuleView,
    denied_doc,
    look_doc,
    shown_text,
    vote_text,
)
from appservices.payments.limits.core import BanOrder, read_ban
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.texts.paying import refused_words
from appservices.payments.transfers.texts.views import Party, PaymentView
from tests.support.tables import each_row
from veche.protocol.approval import NAME_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from veche.protocol.commands import read_command
from veche.protocol.guardians import Tally
from veche.protocol.message import body
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.texts.localizer import Localizer

if TYPE_CHECKING:
    from veche.protocol.commands import Command

NOW_MS = 1_764_000_000_000
ALICE, SHOP = Party("@alice:x", "Alice"), Party("@shop:x", "The Shop")
GUARDIANS_OF_ALICE = (Party("@bob:x", "Robert"), Party("@carol:x", "Carolina"))
RULE = RuleView(ALICE, GUARDIANS_OF_ALICE, 2, 10_000, "EUR")
PAYMENT = PaymentView(
    id="01KAXV3Q0G000000000ABCDEFG",
    kind=Kind.PAY,
    payer=ALICE,
    payee=SHOP,
    amount_minor=77_700,
    fee_minor=0,
    currency="EUR",
    reference="a bicycle",
    at_ms=NOW_MS,
)


def localizer(language: str) -> Localizer:
    return Localizer(language, "UTC", CATALOGUE)


def argument(text: str, command: Command, language: str) -> str:
    found = read_command({"msgtype": "m.text", "body": text}, COMMANDS, language)
    assert found is not None, text
    assert found.command is command
    return found.argument


@each_row("language", LANGUAGES)
def test_every_example_that_is_shown_can_be_typed_as_it_is(language: str) -> None:
    spoken = localizer(language)

    rule = spoken.text("guardians @bob @carol 2 of 2 above 200 {currency}", currency="EUR")
    read = read_guards(argument(rule, GUARDIANS, language), ["EUR"])
    assert isinstance(read, GuardOrder)
    assert (read.guardians, read.needed, read.above.minor) == (("@bob", "@carol"), 2, 20_000)
    off = read_guards(argument(spoken.text("guardians off"), GUARDIANS, language), ["EUR"])
    assert isinstance(off, GuardOrder)
    assert off.guardians == ()
    allow = spoken.text("allow @bob 50 {currency} a week at @shop", currency="EUR")
    given = read_allowance(argument(allow, ALLOW, language), ["EUR"], NOW_MS)
    assert isinstance(given, AllowanceOrder)
    assert (given.period, given.whom) == ("week", ("@shop",))
    ban = spoken.text("ban payouts 30 days")
    assert read_ban(argument(ban, BAN, language), ()) == BanOrder("payouts", 30)
    use = spoken.text(
        "pay {payee} 5 {currency} lunch from {name}", payee="bob", currency="EUR", name="@alice:x"
    )
    order, purse = purse_of(argument(use, PAY, language))
    assert purse == "@alice:x"
    assert isinstance(read_order(order, ["EUR"]), Order)


LABELS = (
    "Approve it",
    "Refuse it",
    "Be a guardian",
    "Do not be one",
    "Set it: they see whom and how much",
    "Set it: they see neither",
    "Do without guardians",
    "Change nothing",
    "Keep the present rule",
    "Give this allowance",
    "Do not give it",
    "End it",
    "Give it up",
    "Forbid it to me",
    "From the account of {name}",
)


@each_row("language", LANGUAGES)
@each_row("label", LABELS)
def test_no_choice_can_be_taken_for_a_command_in_any_language(language: str, label: str) -> None:
    said = localizer(language).text(label, name="@alice:x")

    for spoken in LANGUAGES:
        assert read_command({"msgtype": "m.text", "body": said}, COMMANDS, spoken) is None


@each_row(
    ("typed", "expected"),
    [
        ("shop 5 EUR bread from @alice", ("shop 5 EUR bread", "@alice")),
        ("shop 5 EUR FROM @alice:x.org", ("shop 5 EUR", "@alice:x.org")),
        ("shop 5 EUR letter from may", ("shop 5 EUR letter from may", None)),
        ("shop 5 EUR from @alice today", ("shop 5 EUR from @alice today", None)),
        ("from @alice", ("from @alice", None)),
    ],
)
def test_an_account_is_named_at_the_end_with_an_at_sign(
    typed: str, expected: tuple[str, str | None]
) -> None:
    assert purse_of(typed) == expected


@each_row("language", LANGUAGES)
def test_guardians_see_whom_and_how_much_only_where_the_payer_lets_them(language: str) -> None:
    spoken = localizer(language)
    hidden = attrs.evolve(RULE, is_shown=False)
    secret = ("shop", "Shop", "777", "bicycle")

    for rule, is_seen in ((RULE, True), (hidden, False)):
        said = body(look_doc(PAYMENT, rule, NOW_MS, spoken)) + vote_text(PAYMENT, rule, spoken)
        assert all(word in said for word in secret) == is_seen
        assert not (not is_seen and any(word in said for word in secret))
        assert PAYMENT.number in said
        assert "Alice" in said


@each_row("language", LANGUAGES)
def test_whoever_did_not_approve_is_told_by_number_alone(language: str) -> None:
    said = body(denied_doc(PAYMENT, Tally(2, 1, 1, 0, 0), localizer(language)))

    for one in GUARDIANS_OF_ALICE:
        assert one.name not in said
        assert one.address not in said


@each_row("language", LANGUAGES)
def test_who_pays_from_anothers_account_does_not_learn_what_is_in_it(language: str) -> None:
    used = attrs.evolve(PAYMENT, user=Party("@bob:x", "Bob"))

    reasons = {
        refused_words(why, used, 12_345, localizer(language))
        for why in ("no_cover", "frozen", "banned", "over_day_limit")
    }
    assert len(reasons) == 1
    assert "123" not in reasons.pop()


@each_row("language", LANGUAGES)
def test_the_longest_rule_that_there_is_can_be_signed(language: str) -> None:
    longest = Party("@" + "x" * 254, "n" * NAME_CHARACTERS_MAX)
    rule = RuleView(longest, (longest,) * 5, 5, 2**53 - 1, "EUR")
    payment = attrs.evolve(PAYMENT, payee=longest)

    assert len(shown_text(rule, localizer(language))) <= TEXT_CHARACTERS_MAX
    assert len(vote_text(payment, rule, localizer(language))) <= TEXT_CHARACTERS_MAX
