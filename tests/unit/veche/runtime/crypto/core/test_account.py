"""Keys that the server hands out: how many, signed, and the same until they are published."""

from __future__ import annotations

from tests.support.crypto_peers import BOT, Side
from tests.support.tables import each_row
from veche.runtime.crypto.core import account as accounts
from veche.runtime.crypto.core.signing import is_signed
from veche.runtime.crypto.core.values import MEGOLM, OLM


def test_device_keys_name_their_device_and_are_signed_by_it() -> None:
    bot = Side(BOT, "BOT1")

    keys = bot.own.device_keys

    assert (keys["user_id"], keys["device_id"]) == (BOT, "BOT1")
    assert keys["algorithms"] == [OLM, MEGOLM]
    assert is_signed(keys, BOT, "ed25519:BOT1", bot.own.ed25519)


@each_row(("server_has", "made"), [(0, 50), (25, 25), (49, 1), (50, 0), (80, 0)])
def test_one_time_keys_are_filled_up_to_the_target(server_has: int, made: int) -> None:
    bot = Side(BOT, "BOT1")

    accounts.make_keys(bot.account, server_has, is_fallback_wanted=False)

    body = accounts.upload_body(bot.account, BOT, "BOT1")
    assert len(body["one_time_keys"]) == made
    assert body["fallback_keys"] == {}


def test_keys_that_wait_to_be_published_count() -> None:
    bot = Side(BOT, "BOT1")
    accounts.make_keys(bot.account, 0, is_fallback_wanted=False)

    accounts.make_keys(bot.account, 0, is_fallback_wanted=False)

    assert len(bot.account.one_time_keys) == 50


def test_an_upload_is_the_same_until_its_keys_are_marked() -> None:
    bot = Side(BOT, "BOT1")
    accounts.make_keys(bot.account, 0, is_fallback_wanted=True)

    first = accounts.upload_body(bot.account, BOT, "BOT1")
    second = accounts.upload_body(bot.account, BOT, "BOT1")
    bot.account.mark_keys_as_published()

    assert first == second
    after = accounts.upload_body(bot.account, BOT, "BOT1")
    assert after == {"one_time_keys": {}, "fallback_keys": {}}


def test_a_fallback_key_says_so_under_its_signature() -> None:
    bot = Side(BOT, "BOT1")
    accounts.make_keys(bot.account, 50, is_fallback_wanted=True)

    [key] = accounts.upload_body(bot.account, BOT, "BOT1")["fallback_keys"].values()

    assert key["fallback"] is True
    assert is_signed(key, BOT, "ed25519:BOT1", bot.own.ed25519)
