"""What a key may, what an approval is worth, what a code is worth: every case of the rules."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from tests.support.keys import BrowserKey, signature_shown
from tests.support.tables import each_row
from veche.access.approvals.core import (
    ENROLMENT,
    ENROLMENT_MS,
    LIMIT_HOLD_MS,
    LIMIT_WHAT,
    MINUTE_MS,
    TRIES_MAX,
    Asked,
    AskedState,
    CodeLimit,
    CodeVerdict,
    Enrolment,
    EnrolmentInput,
    EnrolmentState,
    Key,
    KeyKind,
    Rules,
    Verdict,
    code_hash,
    counts_on,
    fingerprint,
    is_code_of,
    is_fresh,
    judge,
    judge_code,
    limit_of,
    to_sign,
    typed_code,
    words_of,
)
from veche.protocol.approval import (
    CLOCK_MS_MAX,
    Approval,
    Decline,
    MandateShown,
    PaymentShown,
    ReleaseShown,
    ShownCap,
    ShownMoney,
    shown_bytes,
)
from veche.protocol.ids import UserId
from veche.protocol.inbound import DeviceStanding

ALICE, BOB = UserId("@alice:example.org"), UserId("@bob:example.org")
NOW_MS = 1_764_000_000_000
HOLD_MS = 12 * 60 * MINUTE_MS
NONCE = "a" * 32
EVERY_KIND: Any = frozenset(("payment", "signature", "release", "mandate"))
RULES = Rules(HOLD_MS, EVERY_KIND, {"EUR": 2000}, {"EUR": 20000})


def payment(minor: int = 1250, currency: str = "EUR", reference: str = "Invoice") -> PaymentShown:
    amount = ShownMoney(minor=minor, currency=currency)
    return PaymentShown(payee="DE89", payee_name="Bakery", amount=amount, reference=reference)


def key(**changes: Any) -> Key:
    public = BrowserKey().public
    whole = Key(
        id=fingerprint(public),
        person=ALICE,
        kind=KeyKind.P256,
        public_key=public,
        credential_id=None,
        transports=(),
        sign_count=0,
        label="Laptop",
        created_at_ms=NOW_MS - 2 * HOLD_MS,
        held_until_ms=NOW_MS - HOLD_MS,
    )
    return attrs.evolve(whole, **changes)


def asked(shown: Any = None, kind: Any = "payment", **changes: Any) -> Asked:
    whole = Asked(
        nonce=NONCE,
        person=ALICE,
        kind=kind,
        shown=shown_bytes(shown or payment()),
        prompt_id="prompt",
        choice="pay",
        state=AskedState.OPEN,
    )
    return attrs.evolve(whole, **changes)


def approval(shown: Any = None, kind: Any = "payment", **changes: Any) -> Approval:
    content = {"v": 1, "kind": kind, "nonce": NONCE, "person": ALICE, "at_ms": NOW_MS}
    return Approval(**{**content, "shown": shown or payment(), **changes})


def decline(**changes: Any) -> Decline:
    content: dict[str, Any] = {"v": 1, "kind": "decline", "nonce": NONCE, "person": ALICE}
    return Decline(**{**content, "at_ms": NOW_MS, **changes})


@each_row("against", list(itertools.product((False, True), repeat=6)))
def test_the_first_thing_that_stands_against_an_approval_is_its_verdict(
    against: tuple[bool, ...],
) -> None:
    over, differs, stranger, revoked, clock, held = against
    used = key(
        person=BOB if stranger else ALICE,
        revoked_at_ms=NOW_MS - 1 if revoked else None,
        held_until_ms=NOW_MS + 1 if held else NOW_MS,
    )
    at_ms = NOW_MS - CLOCK_MS_MAX - 1 if clock else NOW_MS
    # More than a held key may pay.
    shown = payment(2001)
    what = approval(payment(2001, reference="Other") if differs else shown, at_ms=at_ms)
    state = AskedState.APPROVED if over else AskedState.OPEN
    order = (
        Verdict.OVER,
        Verdict.DIFFERS,
        Verdict.KEY_UNKNOWN,
        Verdict.KEY_REVOKED,
        Verdict.CLOCK,
        Verdict.KEY_HELD,
    )

    expected = next((v for v, holds in zip(order, against, strict=True) if holds), Verdict.GOOD)
    assert judge(asked(shown, state=state), used, what, NOW_MS, RULES) is expected


def test_no_key_is_an_unknown_key() -> None:
    assert judge(asked(), None, approval(), NOW_MS, RULES) is Verdict.KEY_UNKNOWN


@each_row("state", AskedState)
def test_only_what_is_open_is_approved(state: AskedState) -> None:
    expected = Verdict.GOOD if state is AskedState.OPEN else Verdict.OVER

    assert judge(asked(state=state), key(), approval(), NOW_MS, RULES) is expected


@each_row(
    ("changed", "what"),
    [
        ("nonce", {"nonce": "b" * 32}),
        ("person", {"person": BOB}),
        ("payee", {"shown": payment().model_copy(update={"payee": "DE90"})}),
        ("payee_name", {"shown": payment().model_copy(update={"payee_name": "Bakers"})}),
        ("amount", {"shown": payment(1251)}),
        ("currency", {"shown": payment(currency="USD")}),
        ("reference", {"shown": payment(reference="invoice")}),
        (
            "kind",
            {"kind": "mandate", "shown": MandateShown(what="w", text="t")},
        ),
    ],
)
def test_each_changed_field_makes_another_approval(changed: str, what: dict[str, Any]) -> None:
    del changed

    assert judge(asked(), key(), approval(**what), NOW_MS, RULES) is Verdict.DIFFERS


def test_a_field_without_a_value_is_a_field_more() -> None:
    shown = MandateShown(what="w", text="t")
    with_none = MandateShown(what="w", text="t", cap=None)
    what = asked(shown, "mandate")

    assert judge(what, key(), approval(shown, "mandate"), NOW_MS, RULES) is Verdict.GOOD
    assert judge(what, key(), approval(with_none, "mandate"), NOW_MS, RULES) is Verdict.DIFFERS


@each_row("sign", [-1, 1])
@each_row(("off_min", "is_good"), [(0, True), (4, True), (5, True), (10, False)])
def test_a_clock_may_be_wrong_by_five_minutes(sign: int, off_min: int, is_good: bool) -> None:
    at_ms = NOW_MS + sign * off_min * MINUTE_MS

    expected = Verdict.GOOD if is_good else Verdict.CLOCK
    assert judge(asked(), key(), approval(at_ms=at_ms), NOW_MS, RULES) is expected
    assert judge(asked(), key(), decline(at_ms=at_ms), NOW_MS, RULES) is expected


# New keys


@each_row("kind", sorted(EVERY_KIND))
@each_row("held", [frozenset(), EVERY_KIND])
def test_a_new_key_may_what_the_operator_does_not_hold(kind: Any, held: Any) -> None:
    shown: Any = {
        "payment": payment(2001),
        "signature": signature_shown(),
        "mandate": MandateShown(what="w", text="t"),
        "release": ReleaseShown(to="t", service="s", number="n", values=()),
    }[kind]
    rules = attrs.evolve(RULES, held=held)
    new = key(held_until_ms=NOW_MS + 1)

    expected = Verdict.KEY_HELD if held else Verdict.GOOD
    assert judge(asked(shown, kind), new, approval(shown, kind), NOW_MS, rules) is expected
    assert judge(asked(shown, kind), new, decline(), NOW_MS, rules) is Verdict.GOOD


@each_row(
    ("minor", "spent_minor", "currency", "is_good"),
    [
        (2000, 0, "EUR", True),
        (2001, 0, "EUR", False),
        (1000, 1000, "EUR", True),
        (1000, 1001, "EUR", False),
        (1, 0, "USD", False),
    ],
)
def test_a_new_key_may_pay_a_little_all_together(
    minor: int, spent_minor: int, currency: str, is_good: bool
) -> None:
    shown = payment(minor, currency)
    new = key(held_until_ms=NOW_MS + 1)

    verdict = judge(asked(shown), new, approval(shown), NOW_MS, RULES, spent_minor)
    assert verdict is (Verdict.GOOD if is_good else Verdict.KEY_HELD)


def test_a_hold_ends_at_its_moment() -> None:
    shown = payment(2001)

    for left_ms, expected in ((1, Verdict.KEY_HELD), (0, Verdict.GOOD)):
        used = key(held_until_ms=NOW_MS + left_ms)
        assert judge(asked(shown), used, approval(shown), NOW_MS, RULES) is expected


@each_row(
    ("known", "told", "is_good"),
    [(0, 0, True), (0, 1, True), (7, 8, True), (7, 7, False), (7, 6, False), (7, 0, False)],
)
def test_a_passkey_counts_on(known: int, told: int, is_good: bool) -> None:
    assert counts_on(key(sign_count=known), told) is is_good


# Codes


@each_row(
    ("text", "code"),
    [
        ("1234", "1234"),
        (" 0042\n", "0042"),
        ("123", None),
        ("12345", None),
        ("12 34", None),
        ("١٢٣٤", None),
        ("code 1234", None),
        ("", None),
    ],
)
def test_a_code_stands_alone(text: str, code: str | None) -> None:
    assert typed_code(text) == code


@each_row("expected", [None, "1234"])
@each_row("typed", ["1234", "4321"])
@each_row("tries", range(TRIES_MAX + 2))
@each_row("standing", DeviceStanding)
@each_row("left_minor", [0, 1249, 1250])
def test_a_code_counts_from_a_verified_device_within_the_limit(
    expected: str | None, typed: str, tries: int, standing: DeviceStanding, left_minor: int
) -> None:
    verdict = judge_code(
        expected=expected,
        typed=typed,
        tries=tries,
        standing=standing,
        left_minor=left_minor,
        minor=1250,
    )

    if expected is None or tries >= TRIES_MAX:
        assert verdict is CodeVerdict.SPENT
    elif standing is not DeviceStanding.VERIFIED:
        assert verdict is CodeVerdict.UNTRUSTED
    elif typed != expected:
        assert verdict is CodeVerdict.WRONG
    else:
        good = left_minor >= 1250
        assert verdict is (CodeVerdict.GOOD if good else CodeVerdict.OVER_LIMIT)


def test_a_limit_is_lowered_at_once_and_raised_a_day_later() -> None:
    limit = CodeLimit("EUR", 1000)

    assert limit.changed(500, NOW_MS) == CodeLimit("EUR", 500)
    raised = limit.changed(2000, NOW_MS)
    ends_ms = NOW_MS + LIMIT_HOLD_MS
    assert raised.at(NOW_MS).minor == raised.at(ends_ms - 1).minor == 1000
    assert raised.at(ends_ms) == CodeLimit("EUR", 2000)


def test_lowering_drops_a_raise_that_waits() -> None:
    raised = CodeLimit("EUR", 1000).changed(2000, NOW_MS)

    assert raised.changed(1000, NOW_MS + 1) == CodeLimit("EUR", 1000)


def test_another_raise_waits_from_its_own_moment() -> None:
    raised = CodeLimit("EUR", 1000).changed(2000, NOW_MS)

    again = raised.changed(3000, NOW_MS + LIMIT_HOLD_MS - 1)
    assert again.at(NOW_MS + LIMIT_HOLD_MS).minor == 1000


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, LIMIT_HOLD_MS)), max_size=12))
def test_no_limit_is_above_what_was_set_a_day_before(changes: list[tuple[int, int]]) -> None:
    limit, now_ms = CodeLimit("EUR", 0), NOW_MS
    history: list[tuple[int, int]] = []
    for minor, passed_ms in changes:
        now_ms += passed_ms
        history.append((now_ms, minor))
        limit = limit.changed(minor, now_ms)
        old = [m for at_ms, m in history if at_ms <= now_ms - LIMIT_HOLD_MS]
        assert limit.at(now_ms).minor <= max(old, default=0)


@each_row(
    ("changes", "limit"),
    [
        ({}, ("EUR", 5000)),
        ({"what": "other"}, None),
        ({"period": "week"}, None),
        ({"period": None}, None),
        ({"cap": None}, None),
    ],
)
def test_only_the_mandate_of_a_limit_sets_one(
    changes: dict[str, Any], limit: tuple[str, int] | None
) -> None:
    cap = ShownCap(minor=5000, currency="EUR")
    mandate: dict[str, Any] = {"what": LIMIT_WHAT, "text": "t", "cap": cap, "period": "day"}

    assert limit_of(MandateShown(**{**mandate, **changes})) == limit


# Enrolments


@each_row("state", EnrolmentState)
@each_row("happened", EnrolmentInput)
def test_an_enrolment_goes_one_way(state: EnrolmentState, happened: EnrolmentInput) -> None:
    ways = {
        (EnrolmentState.MAKING, EnrolmentInput.CREDENTIAL): EnrolmentState.SENT,
        (EnrolmentState.SENT, EnrolmentInput.CODE): EnrolmentState.DONE,
        (EnrolmentState.SENT, EnrolmentInput.LAST_WRONG_CODE): EnrolmentState.BURNED,
    }

    assert ENROLMENT.get((state, happened)) is ways.get((state, happened))


def enrolment(**changes: Any) -> Enrolment:
    whole = Enrolment(
        id="01",
        person=ALICE,
        kind=KeyKind.P256,
        label="Laptop",
        state=EnrolmentState.SENT,
        challenge=b"\x01\x02",
        opened_at_ms=NOW_MS,
        key_id="key",
        code_hash=code_hash("01", "123456"),
    )
    return attrs.evolve(whole, **changes)


def test_a_code_is_good_for_its_enrolment() -> None:
    assert is_code_of(enrolment(), "123 456")
    assert not is_code_of(enrolment(), "123457")
    assert not is_code_of(enrolment(id="02"), "123456")
    assert not is_code_of(enrolment(code_hash=None), "")


@each_row(
    ("age_ms", "is_good"),
    [
        (0, True),
        (ENROLMENT_MS - 1, True),
        (ENROLMENT_MS, False),
        (-MINUTE_MS, True),
        (-MINUTE_MS - 1, False),
    ],
)
def test_an_enrolment_lasts_ten_minutes(age_ms: int, is_good: bool) -> None:
    assert is_fresh(enrolment(), NOW_MS + age_ms) is is_good


def test_what_proves_possession_is_no_approval() -> None:
    assert to_sign(enrolment()) == {
        "v": 1,
        "what": "org.veche.enrolment",
        "enrolment": "01",
        "person": ALICE,
        "key": "key",
        "challenge": "0102",
    }


def test_a_key_has_four_words() -> None:
    # The first 44 bits are ones: four times the last word of the list.
    assert words_of("_" * 43) == "zoo zoo zoo zoo"
    assert words_of("A" * 43) == "abandon abandon abandon abandon"
