"""`veche crypto`: what is refused before any database is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from veche.cli.main import main
from veche.server import installed

if TYPE_CHECKING:
    from pathlib import Path

BOT = "@veche_desk:a.test"
COMMANDS = {
    "new-device": ["new-device", "--all"],
    "resync": ["resync", BOT],
    "export-master": ["export-master", BOT],
    "rekey": ["rekey", "--new-key", "new"],
    "fingerprints": ["fingerprints"],
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No services are installed; keys and configuration are in the working folder."""
    monkeypatch.setattr(installed, "entry_points", lambda group: () if group else None)
    monkeypatch.chdir(tmp_path)
    key(tmp_path / "key", b"k" * 32)
    key(tmp_path / "new", b"n" * 32)
    configure(tmp_path, "{url: 'host=/nowhere dbname=a'}")


def key(path: Path, data: bytes, mode: int = 0o600) -> None:
    path.write_bytes(data)
    path.chmod(mode)


def configure(folder: Path, database: str) -> None:
    (folder / "veche.yaml").write_text(
        "homeserver: {url: http://127.0.0.1:1, server_name: a.test, as_token_path: a,"
        f" hs_token_path: b}}\ncrypto: {{key_path: key}}\ndatabase: {database}\n"
    )


def error(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["crypto", *words])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_database_that_does_not_answer_is_a_line_with_its_reason(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["crypto", *words]) == 1

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("veche: the database cannot do it now, try again: ")
    assert "/nowhere" in line


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_folder_without_a_database_is_named_and_not_made(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path, "{folder: pg}")

    assert main(["crypto", *words]) == 1

    assert f"database.folder: there is no database in {tmp_path / 'pg'}" in capsys.readouterr().err
    assert not (tmp_path / "pg").exists()


@pytest.mark.parametrize("name", ["new-device", "resync"])
@pytest.mark.parametrize("words", [[], [BOT, "--all"]])
def test_either_bots_are_named_or_all_are_meant(name: str, words: list[str]) -> None:
    assert error(name, *words) == 2


@pytest.mark.parametrize("words", [[], ["export-master"], ["rekey"], ["fingerprints", BOT]])
def test_what_a_command_needs_is_asked_for(words: list[str]) -> None:
    assert error(*words) == 2


@pytest.mark.parametrize("name", ["new-device", "export-master", "rekey"])
def test_an_operator_key_that_others_read_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key(tmp_path / "key", b"k" * 32, 0o644)

    assert main(["crypto", *COMMANDS[name]]) == 1

    err = capsys.readouterr().err
    assert err.startswith(f"veche: crypto.key_path: {tmp_path / 'key'}: everybody on this machine")
    assert "chmod 600" in err


def test_a_new_key_of_another_length_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key(tmp_path / "new", b"n" * 31)

    assert main(["crypto", *COMMANDS["rekey"]]) == 1

    assert "veche: --new-key: new has 31 bytes, not 32; make one with" in capsys.readouterr().err


def test_a_new_key_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crypto", "rekey", "--new-key", "nowhere"]) == 1

    assert capsys.readouterr().err == "veche: --new-key: nowhere: No such file or directory\n"


def test_the_key_that_is_in_use_is_no_new_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key(tmp_path / "new", b"k" * 32)

    assert main(["crypto", *COMMANDS["rekey"]]) == 1

    assert "--new-key: new holds the key of crypto.key_path" in capsys.readouterr().err
