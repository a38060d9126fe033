"""Conditions: what they mean, and that neither reading nor judging ever fails in another way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.agency.language.core.conditions import (
    CONDITION_CHARACTERS_MAX,
    CONDITION_DEPTH_MAX,
    Condition,
    ConditionError,
    Kind,
    Named,
    judge,
    names_of,
    read_condition,
)
from appservices.agency.language.core.conditions.syntax import LIST_ITEMS_MAX
from appservices.agency.language.core.conditions.tokens import (
    NUMBER_DIGITS_MAX,
    TEXT_LITERAL_CHARACTERS_MAX,
)
from tests.support.tables import each_row

NAMES = {
    "reason": Named(Kind.CHOICE, ("school", "travel", "court")),
    "other": Named(Kind.CHOICE, ("school", "home")),
    "flags": Named(Kind.CHOICES, ("late", "odd")),
    "name": Named(Kind.TEXT),
    "nick": Named(Kind.TEXT),
    "age": Named(Kind.NUMBER),
    "fee": Named(Kind.MONEY),
    "born_on": Named(Kind.DATE),
    "today": Named(Kind.DATE),
    "urgent": Named(Kind.TRUTH),
    "photo": Named(Kind.OPAQUE),
}


def read(text: str) -> Condition:
    return read_condition(text, NAMES)


def holds(text: str, **facts: Any) -> bool:
    return judge(read(text), facts)


@each_row(
    ("text", "facts", "expected"),
    [
        ("reason == 'court'", {"reason": "court"}, True),
        ("reason == 'court'", {"reason": "school"}, False),
        ('reason != "court"', {"reason": "school"}, True),
        ("reason in ['court', 'travel']", {"reason": "travel"}, True),
        ("reason not in ['court', 'travel']", {"reason": "travel"}, False),
        ("reason == other", {"reason": "school", "other": "school"}, True),
        ("'late' in flags", {"flags": ["late"]}, True),
        ("'late' not in flags", {"flags": ("odd",)}, True),
        ("age >= 18", {"age": "18"}, True),
        ("age > 18", {"age": 18}, False),
        ("age < 17.5", {"age": "17.25"}, True),
        ("18 <= age", {"age": 20}, True),
        ("age == -1", {"age": -1}, True),
        ("fee > '12.50 EUR'", {"fee": {"minor": 1251, "currency": "EUR"}}, True),
        ("fee > '12.50 EUR'", {"fee": {"minor": 1251, "currency": "USD"}}, False),
        ("fee == '12.50 EUR'", {"fee": {"minor": 1250, "currency": "EUR"}}, True),
        ("born_on < '2000-01-01'", {"born_on": "1999-12-31"}, True),
        ("born_on > today", {"born_on": "2026-01-02", "today": "2026-01-01"}, True),
        ("urgent", {"urgent": True}, True),
        ("not urgent", {"urgent": False}, True),
        ("urgent == no", {"urgent": False}, True),
        ("photo != none", {"photo": {"name": "x"}}, True),
        ("urgent and reason == 'court' or age > 90", {"age": 91}, True),
        ("urgent and (reason == 'court' or age > 90)", {"age": 91}, False),
        ("not (urgent or age > 1)", {"urgent": False, "age": 1}, True),
        ("yes", {}, True),
        ("no or yes", {}, True),
    ],
)
def test_conditions_mean_what_they_say(text: str, facts: Any, expected: bool) -> None:
    assert holds(text, **facts) is expected


@each_row(
    ("text", "expected"),
    [
        ("reason == none", True),
        ("reason != none", False),
        ("reason == 'court'", False),
        ("reason != 'court'", True),
        ("reason in ['court']", False),
        ("reason not in ['court']", True),
        ("age < 1", False),
        ("age >= 1", False),
        ("'late' in flags", False),
        ("urgent", False),
        ("not urgent", True),
        ("reason == other", True),
    ],
)
def test_what_was_not_given_equals_only_none(text: str, expected: bool) -> None:
    assert holds(text) is expected


@each_row(
    ("text", "offset", "wrong", "right"),
    [
        ("", 0, "the end stands where a value should", "write a name or 'a text'"),
        ("reason =", 7, "a single =", "compare with =="),
        ("reason ==", 9, "the end stands where a value should", "write a name"),
        ("raeson == 'court'", 0, "raeson is not known here", "did you mean reason?"),
        ("reason == 'cuort'", 10, "'cuort' is not one of the choices", "did you mean court?"),
        ("reason == court", 10, "court is a choice, not a name", "write 'court'"),
        ("reason == cuort", 10, "cuort is not known here", "use reason"),
        ("reason < 'court'", 7, "< does not compare a choice", "use == or !="),
        ("age < none", 4, "< does not compare none", "use == or !="),
        ("age == '18'", 7, "'18' is not a number", "write a number without quotes"),
        ("born_on == '1.2.2020'", 11, "is not a date", "write a date as '2026-01-31'"),
        ("born_on == '20200102'", 11, "is not a date", "write a date"),
        ("fee == 12", 7, "'12' is not an amount", "write an amount as '12.50 EUR'"),
        ("urgent == 'yes'", 10, "is not yes or no", "write yes or no"),
        ("name == 12", 8, "is not a text", "write a text in quotes"),
        ("photo == 'x'", 9, "can only be compared with none", "compare it with none"),
        ("photo == photo", 9, "can only be compared with none", "compare it with none"),
        ("flags == 'late'", 9, "is not a list of choices", "write 'choice' in the list"),
        ("reason", 0, "reason is a choice, not yes or no", "compare it, as in reason == …"),
        ("'x'", 0, "a value alone is no condition", "compare it with a name"),
        ("1 == 1", 0, "two values that never change", "name a field"),
        ("1 in [1]", 0, "a value that never changes", "name a field"),
        ("'late' in reason", 10, "reason is a choice, not a list", "use =="),
        ("flags == flags", 9, "flags is a list of choices", "compare it with none"),
        ("age == born_on", 7, "born_on is a date, which does not compare", "of one kind"),
        ("reason == 'court' age > 1", 18, "does not continue the condition", "and, or"),
        ("1 < age < 3", 8, "two comparisons in a row", "a < b and b < c"),
        ("(urgent", 7, "the end stands where ) should", "write )"),
        ("urgent)", 6, "does not continue", "and, or"),
        ("reason in ['court'", 18, "the end stands where ] should", "write ]"),
        ("reason in 'court'", 10, "stands where [ should", "write ["),
        ("reason not 'court'", 11, "stands where in should", "write in"),
        ("reason == 'court", 10, "the text does not end", "close it with '"),
        ("urgent && urgent", 7, "& is not known here", "use and, or, not"),
        ("age + 1 == 2", 4, "'+' is not known here", "use names"),
        ("len(name) == 2", 3, "'(' does not continue the condition", "and, or"),
        ("name.upper == 'X'", 4, "'.' is not known here", "use names"),
    ],
)
def test_each_error_has_its_place_and_what_would_be_right(
    text: str, offset: int, wrong: str, right: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        read(text)

    assert caught.value.offset == offset
    assert wrong in caught.value.wrong
    assert right in caught.value.right


class TestBounds:
    def test_a_condition_at_its_longest(self) -> None:
        text = "urgent" + " " * (CONDITION_CHARACTERS_MAX - 6)
        assert holds(text, urgent=True)

    def test_a_condition_that_is_too_long(self) -> None:
        with pytest.raises(ConditionError, match="at most 1000"):
            read("urgent" + " " * (CONDITION_CHARACTERS_MAX - 5))

    def test_nesting_at_its_deepest(self) -> None:
        depth = CONDITION_DEPTH_MAX
        assert holds("(" * depth + "urgent" + ")" * depth, urgent=True)

    @pytest.mark.parametrize("opening", ["(", "not "])
    def test_nesting_that_is_too_deep(self, opening: str) -> None:
        with pytest.raises(ConditionError, match="too deeply"):
            read(opening * (CONDITION_DEPTH_MAX + 1) + "urgent")

    def test_a_list_at_its_longest(self) -> None:
        values = ", ".join(["'x'"] * LIST_ITEMS_MAX)
        assert holds(f"name in [{values}]", name="x")

    def test_a_list_that_is_too_long(self) -> None:
        values = ", ".join(["'x'"] * (LIST_ITEMS_MAX + 1))
        with pytest.raises(ConditionError, match="the list is too long"):
            read(f"name in [{values}]")

    def test_a_text_that_is_too_long(self) -> None:
        assert holds(f"name != '{'x' * TEXT_LITERAL_CHARACTERS_MAX}'")
        with pytest.raises(ConditionError, match="the text is too long"):
            read(f"name != '{'x' * (TEXT_LITERAL_CHARACTERS_MAX + 1)}'")

    def test_a_number_that_is_too_long(self) -> None:
        assert holds(f"age != {'9' * NUMBER_DIGITS_MAX}")
        with pytest.raises(ConditionError, match="the number is too long"):
            read(f"age != {'9' * (NUMBER_DIGITS_MAX + 1)}")


def test_the_names_of_a_condition_are_known() -> None:
    condition = read("not (reason == other) or 'late' in flags and born_on < today or urgent")
    assert names_of(condition) == {"reason", "other", "flags", "born_on", "today", "urgent"}


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(["school", "court", "late", "2020-01-01", "12.50", "NaN", "Infinity"]),
    st.floats(),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(["minor", "currency", "x"]), SCALARS, max_size=3),
)
FACTS = st.dictionaries(st.sampled_from(sorted(NAMES)), VALUES)

_ATOMS = [
    "reason == 'court'", "reason != other", "reason in ['court', 'school']", "'late' in flags",
    "age < 18", "age >= 3.5", "fee > '1 EUR'", "born_on <= today", "urgent", "photo == none",
    "name == nick", "name in ['a', 'b']", "yes", "no",
]  # fmt: skip
CONDITIONS = st.recursive(
    st.sampled_from(_ATOMS),
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
    ),
    max_leaves=8,
)


@given(CONDITIONS, FACTS)
def test_judging_is_total(text: str, facts: dict[str, object]) -> None:
    assert holds(text, **facts) in {True, False}


@given(CONDITIONS, FACTS)
def test_not_is_the_contrary(text: str, facts: dict[str, object]) -> None:
    assert holds(f"not ({text})", **facts) is not holds(text, **facts)


@given(CONDITIONS, CONDITIONS, FACTS)
def test_and_or_are_those_of_logic(one: str, two: str, facts: dict[str, object]) -> None:
    first, second = holds(one, **facts), holds(two, **facts)

    assert holds(f"({one}) and ({two})", **facts) is (first and second)
    assert holds(f"({one}) or ({two})", **facts) is (first or second)


WORDS = st.sampled_from(
    [
        *NAMES,
        "and",
        "or",
        "not",
        "in",
        "yes",
        "none",
        "==",
        "<",
        "(",
        ")",
        "[",
        "]",
        ",",
        "'x'",
        "1",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_is_a_condition_or_has_an_error_inside_it(text: str) -> None:
    error: ConditionError | None = None
    try:
        condition = read(text)
    except ConditionError as e:
        error = e
    if error is None:
        assert judge(condition, {}) in {True, False}
    else:
        assert 0 <= error.offset <= len(text)
        assert error.wrong
        assert error.right
