import random
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synapse.module_api.errors import ConfigError

from homeserver_modules.official_accounts import OfficialAccounts
from homeserver_modules.official_accounts.confusables import load_confusables
from homeserver_modules.official_accounts.core import shown
from homeserver_modules.official_accounts.core.affixes import AFFIXES, WEAK, words_of
from homeserver_modules.official_accounts.core.guard import Match, NameGuard, Rule
from homeserver_modules.official_accounts.core.letters import (
    CACHED_CHARS_MAX,
    NAME_CHARS_MAX,
    RAW_CHARS_MAX,
    Letters,
)
from homeserver_modules.official_accounts.core.verdict import (
    OUTCOMES,
    Judge,
    NameProtectedError,
    Outcome,
)
from tests.support.long import many
from tests.support.names import SEED, SETS, imitations, random_names
from tests.support.tables import each_row
from veche.contracts.directory.snapshot import ProtectedName

LETTERS = Letters(load_confusables())
OWNER = "@bot:town.test"
NAMES = (
    *("Tax Office", "Госуслуги", "Royal Mail", "Альфа-Банк", "ВТБ", "ZUS", "Сбербанк"),
    *("Sparkasse", "Post", "Bank"),
    *("Bundesrat West", "Εθνική Τράπεζα", "中國信託銀行", "국민건강보험공단"),
    "Citizens Information Board",
)
RECALL_MIN = 0.95
HONEST = 20_000
FALSE_MAX = 1
CHECK_LINES_MAX = 10_000
"""Some 0.4 ms; `./run bench modules` has the time itself."""


def named(*names: str) -> list[ProtectedName]:
    return [ProtectedName(name, "", frozenset({OWNER}), "there") for name in names]


def guard_of(*names: str) -> NameGuard:
    return NameGuard(named(*names), LETTERS)


GUARD = guard_of(*NAMES)


@each_row(
    ("name", "rule", "protected"),
    [
        ("Tax Office", Rule.SAME, "Tax Office"),
        ("tax  OFFICE", Rule.SAME, "Tax Office"),
        ("Tax 0ffice ✔", Rule.SAME, "Tax Office"),
        ("T.a.x O.f.f.i.c.e", Rule.SAME, "Tax Office"),
        ("Tax\u200bOffice", Rule.SAME, "Tax Office"),
        ("Ｔａｘ Ｏｆｆｉｃｅ", Rule.SAME, "Tax Office"),
        ("\u202eeciffO xaT", Rule.SAME, "Tax Office"),
        ("RΟYΑL МАIL", Rule.SAME, "Royal Mail"),
        ("ГOCУСЛУГИ", Rule.SAME, "Госуслуги"),
        (" " * 300 + "Tax Office", Rule.SAME, "Tax Office"),
        ("The Tax Office of Lindenau", Rule.CONTAINS, "Tax Office"),
        ("Ольга Сбербанк", Rule.CONTAINS, "Сбербанк"),
        ("ВТБ поддержка", Rule.CONTAINS, "ВТБ"),
        ("служба поддержки ВТБ", Rule.CONTAINS, "ВТБ"),
        ("втбонлайн", Rule.CONTAINS, "ВТБ"),
        ("zussupport24", Rule.CONTAINS, "ZUS"),
        ("infozus", Rule.CONTAINS, "ZUS"),
        ("Post Kundendienst", Rule.CONTAINS, "Post"),
        ("Tax Offise", Rule.NEAR, "Tax Office"),
        ("Tax Offise help", Rule.NEAR, "Tax Office"),
        ("Сбреbанк", Rule.NEAR, "Сбербанк"),
        ("Sparrkasse", Rule.NEAR, "Sparkasse"),
        ("Marta Bank", Rule.INSIDE, "Bank"),
        ("Otto von Post", Rule.INSIDE, "Post"),
        ("Royal Mallien", Rule.INSIDE, "Royal Mail"),
        ("R0y4l M4i1", Rule.SAME, "Royal Mail"),
        ("Альф4-6@нк", Rule.SAME, "Альфа-Банк"),
        ("🇷🇴🇾🇦🇱 🇲🇦🇮🇱", Rule.SAME, "Royal Mail"),
        ("🇬🇧 Royal Mail", Rule.SAME, "Royal Mail"),
        ("🅁🄾🅈🄰🄻 🅼🅰🅸🅻", Rule.SAME, "Royal Mail"),
        ("Ⓡ Royal Mail Ⓡ", Rule.SAME, "Royal Mail"),
        ("Ⓡⓞⓨⓐⓛ Ⓜⓐⓘⓛ", Rule.SAME, "Royal Mail"),
        ("Bunclesrat vvest", Rule.SAME, "Bundesrat West"),
        ("Gosuslugi", Rule.SAME, "Госуслуги"),
        ("Sberbank help", Rule.CONTAINS, "Сбербанк"),
        ("Ethniki Trapeza", Rule.SAME, "Εθνική Τράπεζα"),
        ("中国信托银行", Rule.SAME, "中國信託銀行"),
        ("中國信託銀行客服", Rule.CONTAINS, "中國信託銀行"),
        ("我的中國信託銀行们", Rule.INSIDE, "中國信託銀行"),
        ("국민건강보공단", Rule.NEAR, "국민건강보험공단"),
        ("Citizens Info Board", Rule.NEAR, "Citizens Information Board"),
        ("My Citizens Informatiion Board", Rule.NEAR, "Citizens Information Board"),
    ],
)
def test_an_imitation_is_seen_through_by_the_closest_rule(
    name: str, rule: Rule, protected: str
) -> None:
    found = GUARD.check(name)
    assert found is not None
    assert (found.rule, found.protected.name) == (rule, protected)


@each_row(
    "name",
    [
        *("", " ", "✔", "Anna Petrova", "Иван Сергеевич Петров", "Zusanna", "Bankhead", "Postma"),
        *("Citizens Inf", "Cit Inf Boa", "信託銀行", "Royal Male Choir", "Einwohner Köln"),
        *("Officer Taxman", "Mail Royal", "Альфа", "支付", "\ud800", "Tax Lawyer"),
    ],
)
def test_an_honest_name_is_like_none(name: str) -> None:
    assert GUARD.check(name) is None


def test_an_owner_is_called_by_its_own_names_and_by_no_others() -> None:
    names = [
        ProtectedName("Tax Office", "", frozenset({OWNER}), "there"),
        ProtectedName("Royal Mail", "", frozenset({"@post:town.test"}), "there"),
    ]
    guard = NameGuard(names, LETTERS)

    assert guard.check("Tax Office", OWNER) is None
    found = guard.check("Royal Mail", OWNER)
    assert found is not None
    assert found.protected.name == "Royal Mail"
    both = guard.check("Royal Mail Tax Office", OWNER)
    assert both is not None
    assert both.protected.name == "Royal Mail"


def test_nobody_is_refused_their_own_name_because_it_is_like_anothers() -> None:
    town, office = "@town:town.test", "@records:town.test"
    listed = [
        ProtectedName("Stadt Lindenau", "town", frozenset({town}), ""),
        ProtectedName("Standesamt Lindenau", "office", frozenset({office}), ""),
        ProtectedName("Town Bank", "bank", frozenset({"@bank:town.test"}), ""),
        ProtectedName("The Town Bank", "other", frozenset({"@other:town.test"}), ""),
        # Equal to one of the others once it is folded, and in one way of folding alone.
        ProtectedName("Тоwn Ваnk", "third", frozenset({"@third:town.test"}), ""),
    ]
    guard = NameGuard(listed, LETTERS)

    for one in listed:
        assert all(guard.check(one.name, account) is None for account in one.accounts)
        assert guard.check(one.name, "@eve:town.test") is not None
    assert guard.check("Stadt Lindenau", office) is not None
    assert guard.check("Standesamt Lindenau", town) is not None


def test_two_organisations_may_share_a_name() -> None:
    offices = [
        ProtectedName("Standesamt", "", frozenset({account}), "there")
        for account in ("@a:one.test", "@b:two.test")
    ]
    guard = NameGuard(offices, LETTERS)

    assert guard.check("Standesamt", "@a:one.test") is None
    assert guard.check("Standesamt", "@b:two.test") is None
    assert guard.check("Standesamt", "@c:one.test") is not None


@each_row("of", sorted(SETS))
def test_imitations_of_each_kind_are_seen_through(of: str) -> None:
    guard = guard_of(*SETS[of].protected())
    all_, found = Counter[str](), Counter[str]()
    for one in imitations(SETS[of]):
        all_[one.kind] += 1
        found[one.kind] += guard.check(one.shown) is not None

    assert all_.total() >= 1_000
    missed = {kind: f"{found[kind]} of {all_[kind]}" for kind in all_ if found[kind] < all_[kind]}
    assert found.total() / all_.total() >= RECALL_MIN, missed


@each_row("of", sorted(SETS))
def test_honest_names_are_taken_for_no_office(of: str) -> None:
    names = SETS[of]
    guard = guard_of(*names.protected())
    found = {
        name: match.protected.name
        for name in names.honest(random.Random(SEED), HONEST)  # noqa: S311 -- the same each time
        if (match := guard.check(name)) is not None
        # Some firms of the generator are the real ones.
        and match.protected.name.casefold() not in name.casefold()
    }
    assert len(found) <= FALSE_MAX, found


@given(st.text(max_size=64))
def test_whatever_somebody_types_raises_nothing(name: str) -> None:
    GUARD.check(name)
    GUARD.check(f"Tax {name} Office")


def most_lines(guard: NameGuard, count: int) -> tuple[int, str]:
    """Check as many random names; return the most lines that the check of one runs, and that name.

    Every fourth is counted, once its characters are known.
    """
    most = (0, "")
    for number, name in enumerate(random_names(count)):
        guard.check(name)
        if number % 4 == 0:
            most = max(most, (lines_of(guard, name), name))
    return most


def lines_of(guard: NameGuard, name: str) -> int:
    count, before = 0, sys.gettrace()

    def trace(*_: object) -> Any:
        nonlocal count
        count += 1
        return trace

    sys.settrace(trace)
    try:
        guard.check(name)
    finally:
        sys.settrace(before)
    return count


def test_a_million_random_names_raise_nothing_and_take_a_bounded_number_of_steps() -> None:
    guard = guard_of(*SETS["second"].protected())

    lines, name = most_lines(guard, many(ordinary=10_000, long=1_000_000))

    assert lines < CHECK_LINES_MAX, repr(name)


@each_row("fault", ["slow", "raises"])
def test_the_check_of_random_names_can_fail(fault: str) -> None:
    class Faulty(NameGuard):
        def check(self, shown: str, account: str = "") -> Match | None:  # noqa: ARG002
            if max(shown) > "\U00020000" and fault == "raises":
                raise ArithmeticError
            # As a check whose work grows with the square of the length.
            for _ in range(len(shown) ** 2):
                pass
            return None

    guard = Faulty([], LETTERS)
    if fault == "slow":
        assert most_lines(guard, 1_000)[0] >= CHECK_LINES_MAX
    else:
        with pytest.raises(ArithmeticError):
            most_lines(guard, 1_000)


def test_of_a_name_no_more_is_read_than_its_bound() -> None:
    assert GUARD.check("x" * RAW_CHARS_MAX + "Tax Office") is None
    assert GUARD.check(" " * (RAW_CHARS_MAX - 10) + "Tax Office") is not None


def test_the_memory_of_characters_is_bounded() -> None:
    letters = Letters({})
    for start in range(0, 3 * CACHED_CHARS_MAX, NAME_CHARS_MAX):
        letters.forms("".join(map(chr, range(0x20000 + start, 0x20000 + start + NAME_CHARS_MAX))))
        assert len(letters._folded) <= CACHED_CHARS_MAX


def test_no_word_is_both_of_an_office_and_of_persons() -> None:
    assert words_of(AFFIXES).isdisjoint(words_of(WEAK))


def test_there_is_an_outcome_for_each_rule_and_place() -> None:
    assert set(OUTCOMES) == {(rule, is_local) for rule in Rule for is_local in (True, False)}
    assert all(OUTCOMES[rule, True] is Outcome.REFUSED for rule in Rule if rule is not Rule.INSIDE)


def test_names_that_change_count_from_the_next_name_on() -> None:
    judge = Judge(named("Tax Office"), [], LETTERS)
    assert judge.judge("Royal Mail", "@a:b", is_local=True) is None

    judge.protect(named("Royal Mail"))

    with pytest.raises(NameProtectedError):
        judge.judge("Royal Mail", "@a:b", is_local=True)
    assert judge.judge("Tax Office", "@a:b", is_local=True) is None


def test_a_won_appeal_is_for_one_account_and_name() -> None:
    judge = Judge(named("Bank"), [("@marta:b", "Bank  online")], LETTERS)

    assert judge.judge("bank Online", "@marta:b", is_local=True) is None
    for name, account in (("bank online", "@other:b"), ("bank help", "@marta:b")):
        with pytest.raises(NameProtectedError):
            judge.judge(name, account, is_local=True)


def test_of_another_server_a_near_name_is_warned_of_alone() -> None:
    judge = Judge(named("Tax Office"), [], LETTERS)

    found = judge.judge("Tax Offise", "@a:b", is_local=False)
    assert found is not None
    assert (found[0], found[1].rule) == (Outcome.WARNED, Rule.NEAR)
    with pytest.raises(NameProtectedError, match=r"is one slip away from “Tax Office”.*: there"):
        judge.judge("Tax Offise", "@a:b", is_local=True)


@each_row(
    ("request", "names"),
    [
        ({}, []),
        ({"name": "A", "room_alias_name": "b"}, ["b", "A"]),
        ({"name": 1, "room_alias_name": None, "initial_state": 3}, []),
        ({"initial_state": [1, {"type": "m.room.name", "content": {"name": "C"}}]}, ["C"]),
        (
            {
                "initial_state": [
                    {"type": shown.ALIAS, "content": {"alias": "#a:b", "alt_aliases": ["#c:d", 1]}}
                ]
            },
            ["a", "c"],
        ),
        ({"name": "A", "initial_state": [{"type": shown.ENCRYPTION}]}, []),
        ({"name": "A", "invite": ["@a:b"], "initial_state": [{"type": shown.ENCRYPTION}]}, ["A"]),
        (
            {"name": "A", "preset": "public_chat", "initial_state": [{"type": shown.ENCRYPTION}]},
            ["A"],
        ),
        (
            {"name": "A", "visibility": "public", "initial_state": [{"type": shown.ENCRYPTION}]},
            ["A"],
        ),
        (
            {
                "name": "A",
                "initial_state": [{"type": shown.ENCRYPTION}, {"type": shown.JOIN_RULES}],
            },
            ["A"],
        ),
    ],
)
def test_names_of_a_new_room_are_found(request: dict[str, Any], names: list[str]) -> None:
    assert list(shown.names_of_request(request)) == names


@each_row(
    ("config", "key"),
    [
        ({"nmaes": []}, "nmaes"),
        ({"names": [{"name": "ZU", "accounts": [], "appeal": "x"}]}, "names.0.name"),
        ({"names": [{"name": "x" * 257, "accounts": [], "appeal": "x"}]}, "names.0.name"),
        ({"names": [{"name": "ZUS", "accounts": ["bot"], "appeal": "x"}]}, "names.0.accounts.0"),
        ({"names": [{"name": "ZUS", "accounts": []}]}, "names.0.appeal"),
        ({"names": [{"name": "ZUS", "accounts": [], "appeal": ""}]}, "names.0.appeal"),
        ({"allowed": [{"account": "@a:b", "name": 3}]}, "allowed.0.name"),
        ({"allowed": "all"}, "allowed"),
    ],
)
def test_a_wrong_setting_is_named(config: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OfficialAccounts.parse_config(config)
    assert ".".join(caught.value.path or ()) == key
