import logging
from pathlib import Path

import pytest

from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import SECRET_BYTES_MAX, read_secret, read_secret_bytes


def secret(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_secret_is_read_without_space_around_it(tmp_path: Path) -> None:
    assert read_secret(secret(tmp_path, b" token\n")) == "token"


def test_the_bytes_of_a_key_are_read_as_they_are(tmp_path: Path) -> None:
    key = bytes(range(32))
    assert read_secret_bytes(secret(tmp_path, key)) == key


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a_secret_that_everybody_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        read_secret(secret(tmp_path, b"hunter2", mode))
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_the_group_may_read_is_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert read_secret(secret(tmp_path, b"token", 0o640)) == "token"
    assert "the group may read" in caplog.text
    assert "token" not in caplog.text.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "empty"), (b" \n", "empty"), (b"\xff\xfe", "not a text file")],
)
def test_what_is_no_secret_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_secret(secret(tmp_path, data))


def test_a_secret_is_bounded(tmp_path: Path) -> None:
    assert len(read_secret(secret(tmp_path, b"x" * SECRET_BYTES_MAX))) == SECRET_BYTES_MAX
    with pytest.raises(ConfigError, match="larger than"):
        read_secret(secret(tmp_path, b"x" * (SECRET_BYTES_MAX + 1)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/none: No such file"):
        read_secret(tmp_path / "none")
