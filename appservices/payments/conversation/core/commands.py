"""The words that the payments bot answers, in the person's language."""

from __future__ import annotations

from typing import Final

from veche.protocol.commands import HELP, LANGUAGE, MENU, MORE, Argument, Command
from veche.protocol.texts.catalogue import N_

PAY: Final = Command(
    "pay",
    N_("pay somebody: pay bob 12.50 EUR rent"),
    {
        "en": ("pay", "send", "transfer"),
        "ru": ("заплатить", "заплати", "перевести", "переведи"),
        "de": ("zahle", "zahlen", "bezahle", "überweise", "überweisen"),
        "uk": ("сплатити", "сплати", "переказати", "перекажи"),
    },
    Argument("order", N_("whom, how much, what for"), is_required=True),
    is_sentence=True,
)
SPLIT: Final = Command(
    "split",
    N_("share a bill: split 60.00 EUR @alice @bob:2 dinner"),
    {
        "ru": ("разделить", "раздели"),
        "de": ("teilen", "teile"),
        "uk": ("поділити", "поділи"),
    },
    Argument("bill", N_("how much, among whom, what for"), is_required=True),
    is_sentence=True,
)
SPLITS: Final = Command(
    "splits",
    N_("where the bills stand that you share"),
    {"ru": ("счета",), "de": ("rechnungen",), "uk": ("рахунки",)},
)
DELIVER: Final = Command(
    "deliver",
    N_("where something that you buy shall be brought: deliver Main Street 5"),
    {"ru": ("доставить",), "de": ("liefern",), "uk": ("доставити",)},
    Argument("place", N_("where to, in one line"), is_required=True),
    is_sentence=True,
)
BALANCE: Final = Command(
    "balance",
    N_("what you have"),
    {"ru": ("баланс",), "de": ("kontostand", "guthaben"), "uk": ("баланс",)},
)
HISTORY: Final = Command(
    "history",
    N_("your latest payments"),
    {"ru": ("история",), "de": ("verlauf", "umsätze"), "uk": ("історія",)},
)
RECEIPT: Final = Command(
    "receipt",
    N_("the proof of a payment, as a file: receipt NUMBER"),
    {"ru": ("квитанция",), "de": ("quittung", "beleg"), "uk": ("квитанція",)},
    Argument("payment", N_("the number of the payment"), is_required=True),
    is_sentence=True,
)
REFUND: Final = Command(
    "refund",
    N_("give back a payment that you got, or a part of it: refund NUMBER 5.00"),
    {"ru": ("вернуть",), "de": ("erstatten",), "uk": ("повернути",)},
    Argument("payment", N_("the number of the payment, and how much if not all"), is_required=True),
    is_sentence=True,
)
DISPUTE: Final = Command(
    "dispute",
    N_("say that a payment was not right; its amount is set aside: dispute NUMBER what was wrong"),
    {"ru": ("спор", "оспорить"), "de": ("reklamieren",), "uk": ("спір", "оскаржити")},
    Argument("what", N_("the number of the payment, and what was wrong")),
    is_sentence=True,
)
ESCROW: Final = Command(
    "escrow",
    N_("put money aside for a deal, until you both agree: escrow bob 100 EUR bicycle"),
    {
        "ru": ("эскроу", "сделка"),
        "de": ("treuhand",),
        "uk": ("ескроу", "угода"),
    },
    Argument("order", N_("with whom, how much, what for; or a number")),
    is_sentence=True,
)
TOP_UP: Final = Command(
    "topup",
    N_("send money here from your bank"),
    {
        "en": ("topup", "top-up"),
        "ru": ("пополнить", "пополнение"),
        "de": ("aufladen", "einzahlen"),
        "uk": ("поповнити", "поповнення"),
    },
    Argument("bank", N_("which bank, if there are several")),
    is_sentence=True,
)
PAYOUT: Final = Command(
    "payout",
    N_("send money to an account at a bank: payout 50.00 EUR to IBAN NAME"),
    {"ru": ("вывести", "вывод"), "de": ("auszahlen",), "uk": ("вивести",)},
    Argument("order", N_("how much, to which account, whose it is"), is_required=True),
    is_sentence=True,
)
STATEMENT: Final = Command(
    "statement",
    N_("the statement of a month, as files"),
    {"ru": ("выписка",), "de": ("kontoauszug", "auszug"), "uk": ("виписка",)},
    Argument("month", N_("which month")),
    is_sentence=True,
)
MANDATES: Final = Command(
    "mandates",
    N_("who may debit you, and how to stop it"),
    {"ru": ("поручения",), "de": ("mandate",), "uk": ("доручення",)},
)
LIMITS: Final = Command(
    "limits",
    N_("your limits for payments"),
    {"ru": ("лимиты",), "de": ("limits", "grenzen"), "uk": ("ліміти",)},
    Argument("change", N_("which limit, and how much")),
    is_sentence=True,
)
GUARDIANS: Final = Command(
    "guardians",
    N_("who has to approve large payments of yours: guardians @bob 1 of 1 above 200 EUR"),
    {"ru": ("доверенные",), "de": ("vertrauenspersonen",), "uk": ("довірені",)},
    Argument("rule", N_("who, how many of them, above which amount")),
    is_sentence=True,
)
ALLOW: Final = Command(
    "allow",
    N_("let somebody pay from your account: allow @bob 50 EUR a week at @shop"),
    {"ru": ("разрешить", "разреши"), "de": ("erlaube", "erlauben"), "uk": ("дозволити", "дозволь")},
    Argument("order", N_("whom, how much in which time, whom they may pay"), is_required=True),
    is_sentence=True,
)
ALLOWANCES: Final = Command(
    "allowances",
    N_("who may pay from your account, and from whose you may"),
    {"ru": ("разрешения",), "de": ("erlaubnisse",), "uk": ("дозволи",)},
)
BAN: Final = Command(
    "ban",
    N_("forbid yourself something for a time: ban payouts 30 days"),
    {"ru": ("запретить", "запрети"), "de": ("verbiete", "verbieten"), "uk": ("заборонити",)},
    Argument("order", N_("what, and for how long")),
    is_sentence=True,
)
FREEZE: Final = Command(
    "freeze",
    N_("stop everything at once: nothing is paid any more"),
    {
        # The first is shown; "stop" is there for whoever is in a hurry.
        "en": (
            "freeze",
            "stop",
            "freeze everything",
            "freeze all",
            "freeze my account",
            "stop everything",
            "stop all",
            "block everything",
            "freeze now",
            "stop now",
            "block my account",
            "lock my account",
        ),
        "ru": (
            "заморозить",
            "стоп",
            "заморозь",
            "заморозить всё",
            "заморозить все",
            "заморозь всё",
            "заморозить сейчас",
            "стоп сейчас",
            "заморозь все",
            "остановить всё",
            "остановить все",
            "останови всё",
            "останови все",
            "заблокировать",
            "заблокировать всё",
            "заблокировать все",
        ),
        "de": (
            "sperren",
            "stopp",
            "alles sperren",
            "sofort sperren",
            "sofort stopp",
            "alles stoppen",
            "alles anhalten",
            "einfrieren",
            "alles einfrieren",
            "konto sperren",
        ),
        "uk": (
            "заморозити",
            "стоп",
            "заморозь",
            "заморозити все",
            "заморозь все",
            "заморозити зараз",
            "стоп зараз",
            "зупинити все",
            "зупини все",
            "заблокувати",
            "заблокувати все",
        ),
    },
)
"""Whoever is in a hurry writes it in their own words; each of them counts."""
UNFREEZE: Final = Command(
    "unfreeze",
    N_("end that, with your key"),
    {"ru": ("разморозить",), "de": ("entsperren",), "uk": ("розморозити",)},
)
COMMANDS: Final = (
    PAY,
    SPLIT,
    SPLITS,
    DELIVER,
    BALANCE,
    HISTORY,
    RECEIPT,
    REFUND,
    DISPUTE,
    ESCROW,
    TOP_UP,
    PAYOUT,
    STATEMENT,
    MANDATES,
    LIMITS,
    GUARDIANS,
    ALLOW,
    ALLOWANCES,
    BAN,
    FREEZE,
    UNFREEZE,
    HELP,
    MORE,
    MENU,
    LANGUAGE,
)
"""In the order in which help shows them."""
EVERYDAY: Final = (PAY, BALANCE, HISTORY, TOP_UP, FREEZE)
"""What help shows before anybody asks for more."""
