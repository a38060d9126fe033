"""Identities: seeds, what they publish, and an exported master."""

from __future__ import annotations

import json

import pytest

from tests.support.crypto_peers import BOT, Side, identity
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core.identity import (
    Identity,
    MasterIsColdError,
    fingerprint,
    new_identity,
)
from veche.runtime.crypto.core.signing import is_signed


def test_the_master_vouches_for_the_other_keys_and_the_device_for_the_master() -> None:
    bot, mine = Side(BOT, "BOT1"), identity(BOT)
    master = accounts.sign(bot.account, BOT, "BOT1", mine.master_object())

    body = mine.upload_body(master)

    assert body["master_key"]["keys"] == {f"ed25519:{mine.master_key}": mine.master_key}
    assert is_signed(body["master_key"], BOT, "ed25519:BOT1", bot.own.ed25519)
    for kind in ("self_signing", "user_signing"):
        key = body[f"{kind}_key"]
        assert key["usage"] == [kind]
        assert is_signed(key, BOT, f"ed25519:{mine.master_key}", mine.master_key)


def test_the_same_seeds_publish_the_same_bytes() -> None:
    master = identity(BOT).master_object()

    first, second = identity(BOT).upload_body(master), identity(BOT).upload_body(master)

    assert json.dumps(first) == json.dumps(second)


def test_seeds_go_there_and_back() -> None:
    mine = identity(BOT)

    again = Identity.from_bytes(BOT, mine.master_key, mine.to_bytes())

    assert again == mine


def test_seeds_of_another_master_are_refused() -> None:
    with pytest.raises(ValueError, match="not that of the published key"):
        Identity.from_bytes(BOT, identity(BOT, 2).master_key, identity(BOT).to_bytes())


def test_without_its_master_an_identity_still_signs_devices_and_nothing_else() -> None:
    cold = identity(BOT).without_master()

    assert "signatures" in cold.sign("self_signing", {"a": 1})
    assert cold.master_key == identity(BOT).master_key
    with pytest.raises(MasterIsColdError):
        cold.sign("master", {"a": 1})
    with pytest.raises(MasterIsColdError):
        cold.upload_body({})


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        new_identity(BOT, (bytes(size), bytes(32), bytes(32)))


def test_no_seed_is_in_the_representation() -> None:
    mine = identity(BOT)

    assert encode_base64(mine.seeds["master"]) not in repr(mine)
    assert str(mine.seeds["master"]) not in repr(mine)


def test_a_fingerprint_is_the_key_in_groups_of_four() -> None:
    assert fingerprint("abcdefghij") == "abcd efgh ij"
