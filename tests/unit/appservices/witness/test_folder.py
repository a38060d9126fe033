from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from appservices.witness.folder import (
    FORKS_MAX,
    KeptHead,
    WitnessFolder,
    WitnessFolderError,
    name_of,
)
from tests.support.logs import ORIGIN, TestLog
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

LOG = TestLog()


def kept(size: int) -> KeptHead:
    return KeptHead(LOG.head(size), LOG.note(size))


def test_what_is_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    first = WitnessFolder(tmp_path / "w", [ORIGIN])
    assert first.head(ORIGIN) is None
    for size in (3, 7):
        first.keep(kept(size))
    first.close()

    assert WitnessFolder(tmp_path / "w", [ORIGIN, "other"]).head(ORIGIN) == kept(7)


def test_one_process_has_it(tmp_path: Path) -> None:
    first = WitnessFolder(tmp_path, [ORIGIN])

    with pytest.raises(ConfigError, match="another process is this witness"):
        WitnessFolder(tmp_path, [ORIGIN])

    first.close()
    WitnessFolder(tmp_path, [ORIGIN]).close()


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"x\n\n", LOG.note(3).replace(ORIGIN, "x").encode()]
)
def test_of_what_is_damaged_nothing_is_made_up(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{name_of(ORIGIN)}.head").write_bytes(content)

    for _ in range(2):  # it gives the lock back
        with pytest.raises(WitnessFolderError, match="cannot be read"):
            WitnessFolder(tmp_path, [ORIGIN])


def test_half_a_file_beside_is_of_no_account(tmp_path: Path) -> None:
    folder = WitnessFolder(tmp_path, [ORIGIN])
    folder.keep(kept(3))
    folder.close()
    (tmp_path / f"{name_of(ORIGIN)}.new").write_bytes(LOG.note(9).encode()[:50])

    assert WitnessFolder(tmp_path, [ORIGIN]).head(ORIGIN) == kept(3)


def test_what_cannot_be_written_is_an_error_and_not_kept(tmp_path: Path) -> None:
    folder = WitnessFolder(tmp_path, [ORIGIN])
    folder.keep(kept(3))
    (tmp_path / f"{name_of(ORIGIN)}.new").mkdir()

    with pytest.raises(WitnessFolderError, match="cannot be written"):
        folder.keep(kept(4))

    assert folder.head(ORIGIN) == kept(3)


def test_a_proof_of_two_histories_is_kept_once_and_not_without_end(tmp_path: Path) -> None:
    folder = WitnessFolder(tmp_path, [ORIGIN])
    for size in (1, 1, *range(2, FORKS_MAX + 3)):
        folder.keep_fork(ORIGIN, LOG.note(size))

    assert len(folder.forks(ORIGIN)) == folder.fork_count(ORIGIN) == FORKS_MAX
    assert LOG.note(1) in folder.forks(ORIGIN)
    folder.close()
    assert WitnessFolder(tmp_path, [ORIGIN]).fork_count(ORIGIN) == FORKS_MAX
