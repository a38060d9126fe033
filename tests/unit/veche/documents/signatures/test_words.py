"""What is said of a verdict, in each language."""

from __future__ import annotations

import attrs

from tests.support.signing import NOW, YEAR, ms
from tests.support.tables import each_row
from veche.documents.pki.certificates import Level
from veche.documents.signatures.anchors import NamedAnchor
from veche.documents.signatures.report import Finding, Reason, Report, Signed, Verdict, reported
from veche.documents.signatures.words import words_of
from veche.protocol.texts.catalogue import LANGUAGES

ALICE = Signed("Sig1", "Alice Adams", "@alice:example.org", Level.HIGH, ms(NOW), True, bytes(32))
TOWN = Signed("Seal", "Lindenau", "", Level.SEAL, None, False, bytes(32))
WHO = "Alice Adams, @alice:example.org"
SEALED = Report(Verdict.SEALED, (), (ALICE, TOWN), bytes(32), ms(NOW), ms(NOW + 15 * YEAR))


def test_a_verdict_says_who_when_and_until_when() -> None:
    assert words_of(SEALED, "en").splitlines() == [
        "It holds: who signed what and when is proven.",
        f"Signed by {WHO} (identity checked in person), 2026-11-26 12:00:00 UTC",
        "Sealed by Lindenau (not proven who that is), at a time that is not proven",
        "Closed: 2026-11-26 12:00:00 UTC",
        "Provable until 2041-11-22, if it is not renewed before",
        f"SHA-256 before anybody signed it: {bytes(32).hex()}",
    ]


def test_the_digest_that_others_find_out_is_told_beside_that_before_signing() -> None:
    words = words_of(SEALED, "en", (), b"f" * 32).splitlines()

    assert words[-2:] == [
        f"SHA-256 of this file: {'66' * 32}",
        f"SHA-256 before anybody signed it: {bytes(32).hex()}",
    ]


def test_of_a_container_the_digest_of_what_is_in_it_is_called_so() -> None:
    report = attrs.evolve(SEALED, files=("plan.dwg",))

    assert words_of(report, "en").splitlines()[-1] == (
        f"SHA-256 of what was signed in it: {bytes(32).hex()}"
    )


OWN = Signed(
    "Sig2",
    "Bob Brown",
    "",
    None,
    ms(NOW),
    True,
    bytes(32),
    issuer="Trust CA 1\n",
    root_sha256=b"r" * 32,
    policies=("1.2.3", "0.4.0.194112.1.2"),
)
TRUST = NamedAnchor("Trust", b"r" * 32, is_qualified=True, policies=frozenset({"0.4.0.194112.1.2"}))


@each_row(
    ("signed", "anchors", "words"),
    [
        (OWN, [], "certificate of Trust CA 1 , which does not say how they are known"),
        (
            OWN,
            [TRUST],
            "of Trust CA 1 , below Trust: qualified, according to the operator of this site",
        ),
        (
            OWN,
            [attrs.evolve(TRUST, is_qualified=False)],
            "certificate of Trust CA 1 , below Trust, which the operator of this site takes",
        ),
        # Without the policy it is only what it is; so it is below another authority, or unproven.
        (attrs.evolve(OWN, policies=("1.2.3",)), [TRUST], "does not say how they are known"),
        (attrs.evolve(OWN, root_sha256=b"x" * 32), [TRUST], "does not say how they are known"),
        (attrs.evolve(OWN, is_proven=False), [TRUST], "not proven who that is"),
        (
            attrs.evolve(OWN, root_sha256=b""),
            [attrs.evolve(TRUST, policies=frozenset())],
            "not say",
        ),
    ],
)
def test_qualified_is_said_only_as_the_word_of_the_operator(
    signed: Signed, anchors: list[NamedAnchor], words: str
) -> None:
    line = words_of(Report(Verdict.SEALED, (), (signed,)), "en", anchors).splitlines()[1]

    assert words in line
    assert ("qualified" in line) == ("according to the operator" in line)


def test_reasons_say_where_they_were_found() -> None:
    found = reported([Finding(Reason.BROKEN, "Sig2"), Finding(Reason.OPEN_TAIL)])

    assert words_of(found, "en").splitlines() == [
        "False: do not rely on this file.",
        "But: Sig2: the signature is broken",
        "But: no time stamp closes it",
    ]


@each_row("locale", LANGUAGES)
def test_every_verdict_and_reason_has_words_in_every_language(locale: str) -> None:
    said = {words_of(Report(verdict), locale) for verdict in Verdict} | {
        words_of(reported([Finding(reason)]), locale) for reason in Reason
    }

    assert len(said) == len(Verdict) + len(Reason)
    if locale != "en":
        english = {words_of(reported([Finding(one)]), "en") for one in Reason}
        assert not said & english


def test_an_unknown_language_is_english() -> None:
    assert words_of(SEALED, "xx") == words_of(SEALED, "en")


def test_names_in_a_file_change_nothing_around_them() -> None:
    evil = Signed("a\nb", "Eve\n\u202eIt holds\x1b[2J", "", None, None, False, bytes(32))
    report = reported([Finding(Reason.BROKEN, "x\nIt holds")], Report(Verdict.SEALED, (), (evil,)))

    lines = words_of(report, "en").splitlines()

    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
