"""Keys of receipts in the configuration."""

import pytest
from pydantic import ValidationError

from appservices.payments.config import KEYS_MAX, PaymentsSection
from tests.support.receipts import OTHER, SIGNER
from tests.support.tables import each_row

KEY = SIGNER.verifier.to_text()


def section(*keys: str) -> PaymentsSection:
    return PaymentsSection(
        id="bank", name={"en": "Bank"}, currencies=["EUR"], old_receipt_keys=list(keys)
    )


def test_old_keys_are_kept_as_they_were_published() -> None:
    keys = [KEY, OTHER.verifier.to_text()]

    assert section(*keys).old_receipt_keys == keys
    assert section().old_receipt_keys == []


@each_row("key", ["", "x", KEY[:-1], f"{KEY}=", f" {KEY}"])
def test_what_is_no_key_is_refused_with_what_would_be_right(key: str) -> None:
    with pytest.raises(ValidationError, match="as this site published it"):
        section(key)


def test_there_is_a_most_of_old_keys() -> None:
    assert len(section(*[KEY] * KEYS_MAX).old_receipt_keys) == KEYS_MAX
    with pytest.raises(ValidationError, match="at most 15"):
        section(*[KEY] * (KEYS_MAX + 1))
