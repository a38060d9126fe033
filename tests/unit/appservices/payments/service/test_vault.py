"""What is sealed opens with the key alone, and marks find without telling."""

import nacl.exceptions
import pytest

from veche.protocol.ids import UserId
from veche.runtime.vault import Vault

ALICE = UserId("@alice:veche.test")
VAULT = Vault(b"k" * 32)
OTHER = Vault(b"o" * 32)


def test_what_is_sealed_is_opened_and_says_nothing() -> None:
    value = {"payee": ["@bob:veche.test", "Bob"], "reference": "Miete für März"}
    sealed = VAULT.seal(value)

    assert VAULT.open(sealed) == value
    assert sealed != VAULT.seal(value)
    assert b"@bob:veche.test" not in sealed


def test_another_key_or_a_changed_byte_opens_nothing() -> None:
    sealed = VAULT.seal({"a": 1})
    changed = bytes([*sealed[:-1], sealed[-1] ^ 1])

    with pytest.raises(nacl.exceptions.CryptoError):
        OTHER.open(sealed)
    with pytest.raises(nacl.exceptions.CryptoError):
        VAULT.open(changed)


def test_marks_are_the_same_for_the_same_person_and_key_alone() -> None:
    assert VAULT.mark(ALICE) == VAULT.mark(ALICE)
    assert len({VAULT.mark(ALICE), VAULT.mark("@bob:veche.test"), OTHER.mark(ALICE)}) == 3


def test_ids_of_transfers_are_always_the_same_and_nobody_else_can_tell_them() -> None:
    assert VAULT.chance("payment main") == VAULT.chance("payment main")
    assert VAULT.chance("payment main") != VAULT.chance("payment fee")
    assert VAULT.chance("payment main") != OTHER.chance("payment main")
    assert len(VAULT.chance("x")) == 10
