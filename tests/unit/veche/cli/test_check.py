from pathlib import Path

import pytest

from veche.cli.main import main
from veche.server import installed

CONFIG = """\
homeserver:
  url: http://127.0.0.1:8008
  server_name: example.org
  as_token_path: as_token
  hs_token_path: hs_token
database: {url: postgresql:///veche}
crypto: {key_path: key}
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No services are installed."""
    monkeypatch.setattr(installed, "entry_points", lambda group: () if group else None)


def written(folder: Path, text: str) -> str:
    for name in ("as_token", "hs_token", "key"):
        (folder / name).write_text(name.ljust(32, "."))
        (folder / name).chmod(0o600)
    path = folder / "veche.yaml"
    path.write_text(text)
    return str(path)


def test_a_right_file_is_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CONFIG)
    assert main(["config", "check", path]) == 0
    assert capsys.readouterr().out == f"{path}: ok\n"


def test_every_fault_is_a_line_with_place_and_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, CONFIG.replace("key_path", "key_pth") + "listen: {port: 99999}\n")
    assert main(["config", "check", path]) == 1
    assert capsys.readouterr().err.splitlines() == [
        (
            f"{path}:7: crypto.key_path: is missing; add it: File with the operator key: 32 random"
            " bytes, of which the database has no copy; 64 once `veche crypto rekey` has made it"
        ),
        f"{path}:7: crypto.key_pth: there is no such key; did you mean 'key_path'?",
        f"{path}:8: listen.port: should be less than or equal to 65535",
    ]


def test_secrets_are_looked_at_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, CONFIG)
    (tmp_path / "as_token").chmod(0o644)
    (tmp_path / "key").unlink()
    assert main(["config", "check", path]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{path}: homeserver.as_token_path: ")
    assert "chmod 600" in first
    assert second.startswith(f"{path}: crypto.key_path: ")


def test_the_file_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECHE_CONFIG", written(tmp_path, CONFIG))
    assert main(["config", "check"]) == 0


def test_the_reference_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "reference"]) == 0
    assert "## `homeserver`" in capsys.readouterr().out
