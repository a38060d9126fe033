from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tests.support.prompts import a_prompt
from tests.support.rendered import check_message
from tests.support.tables import each_row
from veche.protocol import message
from veche.protocol.answers import RefusalReason, refusal_text
from veche.protocol.inbound import DeviceStanding
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

if TYPE_CHECKING:
    from veche.protocol.prompts import TrustLabel

CATALOGUE = Catalogue.load("veche.protocol")


def told(
    reason: RefusalReason,
    *,
    standing: DeviceStanding | None = None,
    min_trust: TrustLabel = "verified",
    language: str = "en",
) -> str:
    prompt = a_prompt(min_trust=min_trust)
    return message.body(refusal_text(reason, CATALOGUE, language, prompt, standing=standing))


def test_every_refusal_says_what_is_wrong_and_that_nothing_changed_in_every_language() -> None:
    prompts = (None, a_prompt(), a_prompt({}))
    standings = (None, *DeviceStanding)
    for reason, prompt, standing, language in itertools.product(
        RefusalReason, prompts, standings, LANGUAGES
    ):
        doc = refusal_text(reason, CATALOGUE, language, prompt, standing=standing)

        check_message(message.text(doc))
        assert CATALOGUE.text(language, "Nothing has changed.") in message.body(doc)
        assert "{" not in message.body(doc)


@each_row("language", LANGUAGES)
def test_every_reason_has_words_of_its_own(language: str) -> None:
    texts = {told(reason, language=language) for reason in RefusalReason}

    assert len(texts) == len(RefusalReason)


@each_row(
    ("reason", "words"),
    [
        (RefusalReason.OUT_OF_SCOPE, "not for you"),
        (RefusalReason.LATE, "too late"),
        (RefusalReason.DOUBLED, "first answer counts"),
        (RefusalReason.EDITED, "Please answer the newest one"),
        (RefusalReason.UNKNOWN_CHOICE, "a number from 1 to 3"),
        (RefusalReason.AMBIGUOUS, "several choices"),
        (RefusalReason.MALFORMED, "Please type the number"),
    ],
)
def test_a_refusal_says_what_to_do_next(reason: RefusalReason, words: str) -> None:
    assert words in told(reason)


@each_row(
    ("standing", "words"),
    [
        (DeviceStanding.NOT_ENCRYPTED, "reactions never are"),
        (DeviceStanding.UNKNOWN, "not known to be yours"),
        (DeviceStanding.UNSIGNED, "have not verified"),
        (DeviceStanding.NO_IDENTITY, "set up recovery"),
        (DeviceStanding.IDENTITY_CHANGED, "confirm your new identity"),
        (DeviceStanding.VERIFIED, "better proof"),
        (None, "verified device"),
    ],
)
def test_where_the_trust_is_too_low_the_device_decides_the_words(
    standing: DeviceStanding | None, words: str
) -> None:
    assert words in told(RefusalReason.TRUST_TOO_LOW, standing=standing)


@each_row("standing", [None, *DeviceStanding])
def test_what_needs_a_signature_says_so_whatever_the_device(
    standing: DeviceStanding | None,
) -> None:
    text = told(RefusalReason.TRUST_TOO_LOW, standing=standing, min_trust="signed")

    assert "sign it with your key" in text


def test_without_a_prompt_it_is_the_question_that_is_in_doubt() -> None:
    text = message.body(refusal_text(RefusalReason.AMBIGUOUS, CATALOGUE, "en"))

    assert "Several questions are open" in text


def test_without_choices_no_number_range_is_named() -> None:
    text = message.body(refusal_text(RefusalReason.UNKNOWN_CHOICE, CATALOGUE, "en"))

    assert "from 1 to" not in text
