"""What JavaScript has to do exactly as Python does: the bytes that are signed, and minor units."""

from __future__ import annotations

import json
import subprocess
from random import Random
from typing import Any

import pytest
from babel.numbers import list_currencies

from tests.support.amounts import TYPED
from tests.support.node import WIDGETS, node, why_no_node
from veche.protocol import money
from veche.protocol.canonical import INTEGER_MAX, canonical
from veche.protocol.money import minor_digits, parse_money

KIT = WIDGETS / "static" / "kit"
VALUES = 3_000
_CHARACTERS = (
    'aZ09 "\\\b\f\n\r\t\x00\x1f\x7f\u00e9\u0416\u2028\u200f\ue000\uffff\U00010000\U0001f600'
)

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())


def javascript(module: str, expression: str, given_value: Any) -> Any:
    """What an expression of ``kit`` and ``given`` is, asked of Node."""
    code = f"""
        import * as kit from {json.dumps((KIT / module).as_uri())};
        let text = "";
        for await (const part of process.stdin) text += part;
        const given = JSON.parse(text);
        process.stdout.write(JSON.stringify({expression}));
    """
    done = subprocess.run(
        [str(node()), "--input-type=module", "--eval", code],
        input=json.dumps(given_value),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def _text(random: Random) -> str:
    return "".join(random.choices(_CHARACTERS, k=random.randrange(6)))


def _value(random: Random, depth: int) -> Any:
    kind = random.randrange(7 if depth else 4)
    if kind >= 5:
        return {_text(random): _value(random, depth - 1) for _ in range(random.randrange(6))}
    if kind == 4:
        return [_value(random, depth - 1) for _ in range(random.randrange(4))]
    edge = random.choice((0, 1, -1, INTEGER_MAX, -INTEGER_MAX, random.randrange(10**9)))
    return (None, random.random() < 0.5, edge, _text(random))[kind]


def test_the_page_signs_the_bytes_that_we_verify() -> None:
    random = Random(1)  # noqa: S311 -- values for a test
    values = [{_text(random): _value(random, 4) for _ in range(4)} for _ in range(VALUES)]

    written = javascript("canonical.js", "given.map(kit.canonical)", values)

    assert [one.encode() for one in written] == [canonical(value) for value in values]


def test_keys_are_sorted_by_code_points_and_not_by_halves_of_them() -> None:
    value = {"\U00010000": 1, "\ue000": 2, "a": 3, "B": 4, "": 5, "a\u0000": 6}

    [written] = javascript("canonical.js", "given.map(kit.canonical)", [value])

    assert written.encode() == canonical(value)


def test_the_page_signs_nothing_that_has_no_canonical_form() -> None:
    refused = ["0.5", "2 ** 53", "NaN", "undefined", "1n", r'"\ud800"', r'"\udc00x"', "() => 1"]
    tries = ", ".join(f"() => kit.canonical({{a: {one}}})" for one in refused)
    name_of = "(f) => { try { return f() } catch (error) { return error.name } }"

    names = javascript("canonical.js", f"[{tries}].map({name_of})", None)

    assert names == ["TypeError"] * len(refused)


def test_the_page_counts_minor_units_as_banks_do() -> None:
    currencies = sorted(list_currencies())

    digits = javascript("money.js", "given.map(kit.minorDigits)", currencies)

    assert dict(zip(currencies, digits, strict=True)) == {c: minor_digits(c) for c in currencies}


def test_the_page_takes_the_amounts_that_chats_and_forms_take() -> None:
    words = [(f"5 {word}", code, 500 if minor_digits(code) else 5) for word, code in _written()]
    given = [*TYPED, *words]

    found = javascript("money.js", "given.map(one => kit.parseAmount(...one) ?? null)", given)

    assert found == [minor for _, _, minor in given]
    assert all(parse_money(one, currency=code).minor == minor for one, code, minor in words)


def _written() -> list[tuple[str, str]]:
    """Each name of a currency, with each currency that it can mean."""
    tables = (*money._WRITTEN.items(), *money._SHARED.items())
    return [
        (word, code) for codes, words in tables for word in words.split() for code in codes.split()
    ]


def test_amounts_are_written_without_losing_a_cent() -> None:
    expected = [
        (0, "EUR", "0.00"),
        (5, "EUR", "0.05"),
        (-123450, "EUR", "-1234.50"),
        (100, "HUF", "1.00"),
        (100, "JPY", "100"),
        (1, "KWD", "0.001"),
        (INTEGER_MAX, "EUR", "90071992547409.91"),
    ]
    moneys = [{"minor": minor, "currency": currency} for minor, currency, _ in expected]

    texts = javascript("money.js", "given.map(kit.asDecimalText)", moneys)

    assert texts == [text for _, _, text in expected]
