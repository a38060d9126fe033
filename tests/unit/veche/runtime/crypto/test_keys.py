"""The operator key: its file, what it seals, and how a wrong one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.crypto_peers import BOT, identity
from veche.protocol.errors import ConfigError
from veche.runtime.crypto.keys import OperatorKey, WrongOperatorKeyError, read_operator_key

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = OperatorKey(b"k" * 32), OperatorKey(b"o" * 32)


def written(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / "crypto.key"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_file_of_32_bytes_is_read(tmp_path: Path) -> None:
    assert read_operator_key(written(tmp_path, b"k" * 32)) == KEY


def test_an_empty_file_is_refused_and_says_what_would_be_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is empty; write the secret into it"):
        read_operator_key(written(tmp_path, b""))


@pytest.mark.parametrize("size", [31, 33, 44, 63, 65])
def test_a_file_of_another_length_is_refused_and_says_what_would_be_right(
    tmp_path: Path, size: int
) -> None:
    with pytest.raises(ConfigError, match="head -c 32 /dev/urandom"):
        read_operator_key(written(tmp_path, b"k" * size))


def test_a_file_that_everybody_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        read_operator_key(written(tmp_path, b"k" * 32, 0o644))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.key"):
        read_operator_key(tmp_path / "nowhere.key")


def test_the_secret_is_in_no_representation() -> None:
    assert "kkkk" not in repr(KEY)
    assert KEY.name not in {"", OTHER.name}


def test_a_key_that_follows_another_makes_its_seeds_and_seals_by_itself(tmp_path: Path) -> None:
    new = OTHER.following(KEY)
    third = OperatorKey(b"t" * 32).following(new)

    assert new.seed("signing") == third.seed("signing") == KEY.seed("signing")
    assert OTHER.seed("signing") != KEY.seed("signing")
    assert new.pickle_key(BOT, "A") == OTHER.pickle_key(BOT, "A")
    assert len({KEY.name, OTHER.name, new.name, third.name}) == 4
    assert new.following(KEY) == new
    assert read_operator_key(written(tmp_path, third.to_bytes())) == third
    with pytest.raises(ConfigError, match="make a fresh one"):
        new.following(OperatorKey(b"x" * 32))


def test_each_device_has_its_own_pickle_key() -> None:
    keys = {
        KEY.pickle_key(BOT, "A"),
        KEY.pickle_key(BOT, "B"),
        KEY.pickle_key("@other:veche.test", "A"),
        OTHER.pickle_key(BOT, "A"),
    }

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def test_seeds_are_sealed_and_opened() -> None:
    mine = identity(BOT)

    sealed = KEY.seal(mine)

    assert mine.seeds["master"] not in sealed
    assert KEY.open(BOT, mine.master_key, sealed, KEY.name) == mine


def test_another_operator_key_is_a_clear_error() -> None:
    mine = identity(BOT)
    sealed = KEY.seal(mine)

    with pytest.raises(WrongOperatorKeyError, match=rf"{OTHER.name}.*{KEY.name}.*rekey"):
        OTHER.open(BOT, mine.master_key, sealed, KEY.name)


@pytest.mark.parametrize("at", [0, 30, -1])
def test_damaged_seeds_are_a_clear_error(at: int) -> None:
    mine = identity(BOT)
    sealed = bytearray(KEY.seal(mine))
    sealed[at] ^= 1

    with pytest.raises(WrongOperatorKeyError, match="damaged"):
        KEY.open(BOT, mine.master_key, bytes(sealed), KEY.name)


def test_seeds_of_another_identity_are_refused() -> None:
    sealed = KEY.seal(identity(BOT))

    with pytest.raises(WrongOperatorKeyError):
        KEY.open(BOT, identity(BOT, 2).master_key, sealed, KEY.name)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ConfigError):
        OperatorKey(bytes(size))
