"""`veche ca`: made once, seals, lists; what it refuses."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from cryptography import x509

from appservices.signing.authority.service.authorities import read_authorities
from veche.cli.main import main
from veche.protocol.errors import ConfigError

SITE = "https://services.example.org"


class Authority:
    """`veche ca` over one folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder / "ca"
        self._capsys = capsys
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("correct horse battery\n")

    def __call__(self, *words: str, passphrase: Path | None = None) -> tuple[int, str]:
        """Exit code, and what it said."""
        options = ["--folder", str(self.folder)]
        if words[0] != "show":
            options += ["--passphrase-path", str(passphrase or self.passphrase)]
        code = main(["ca", *words, *options])
        out, err = self._capsys.readouterr()
        return code, out + err


@pytest.fixture
def ca(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Authority:
    return Authority(tmp_path, capsys)


def test_an_authority_has_all_that_the_services_need(ca: Authority) -> None:
    code, said = ca("init", "Lindenau", "--site", SITE, "--seal", "town", "Town of Lindenau")
    assert code == 0
    assert "root.pem" in said

    known = read_authorities(ca.folder)

    assert list(known.seals) == ["town"]
    points = known.issuing.certificate.extensions.get_extension_for_class(
        x509.CRLDistributionPoints
    ).value
    [name] = points[0].full_name or []
    serial = known.issuing.certificate.serial_number
    assert name.value == f"{SITE}/_veche/signing/v1/crl/{serial:x}.crl"
    for path in ca.folder.rglob("*.key"):
        assert path.stat().st_mode & 0o077 == 0
    assert b"ENCRYPTED" in (ca.folder / "root.key").read_bytes()


def test_the_services_need_no_key_of_the_root(ca: Authority) -> None:
    ca("init", "Lindenau", "--site", SITE)
    (ca.folder / "root.key").unlink()

    assert read_authorities(ca.folder).root.subject.rfc4514_string() == (
        "CN=Lindenau Root,O=Lindenau"
    )
    code, said = ca("lists")
    assert code == 1
    assert "put root.key back" in said
    assert ca("lists", passphrase=Path("/nowhere"))[1] == said


def test_seals_and_lists_are_made_later(ca: Authority) -> None:
    ca("init", "Lindenau", "--site", SITE)
    before = read_authorities(ca.folder)
    listed = before.list_of(before.issuing.certificate)

    assert ca("seal", "town", "Town of Lindenau", "--site", f"{SITE}/")[0] == 0
    assert ca("lists")[0] == 0

    after = read_authorities(ca.folder)
    assert list(after.seals) == ["town"]
    assert after.list_of(after.issuing.certificate) != listed
    # Nothing is restarted for new lists.
    assert before.list_of(before.issuing.certificate) != listed
    code, said = ca("show")
    assert code == 0
    assert said.count("its list until") == 3


def test_where_nobody_can_type_the_passphrase_it_says_how_to_give_it(
    ca: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ca("init", "Lindenau", "--site", SITE)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    monkeypatch.setattr("getpass.getpass", lambda _prompt: input())

    assert main(["ca", "lists", "--folder", str(ca.folder)]) == 1
    assert "--passphrase-path" in capsys.readouterr().err
    assert main(["ca", "lists", "--folder", str(ca.folder / "none")]) == 1


def test_what_would_take_something_away_is_refused(ca: Authority, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("another passphrase")
    short = tmp_path / "short"
    short.write_text("short")

    def refused(*words: str, passphrase: Path | None = None) -> str:
        code, said = ca(*words, passphrase=passphrase)
        assert code == 1
        return said

    assert "12 characters" in refused("init", "X", "--site", SITE, passphrase=short)
    assert "https://services.example.org" in refused("init", "X", "--site", "example.org")
    assert "https://services.example.org" in refused("init", "X", "--site", f"{SITE}/path")
    assert not ca.folder.exists()
    ca("init", "Lindenau", "--site", SITE, "--seal", "town", "Town")
    assert "for ever" in refused("init", "Lindenau", "--site", SITE)
    assert "has a seal" in refused("seal", "town", "Town", "--site", SITE)
    assert "is no id" in refused("seal", "../town", "Town", "--site", SITE)
    assert "until 20" in refused("seal", "town", "Town", "--site", SITE)
    assert "does not open" in refused("seal", "b", "B", "--site", SITE, passphrase=other)
    assert "cannot be read" in refused("lists", passphrase=tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("root.pem", b"x", "no certificate"),
        ("issuing.pem", None, "no certificate"),
        ("stamps.key", b"x", "no key"),
        ("seals/town.key", None, "no key"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(
    ca: Authority, name: str, content: bytes | None, problem: str
) -> None:
    ca("init", "Lindenau", "--site", SITE, "--seal", "town", "Town")
    (ca.folder / name).unlink()
    if content is not None:
        (ca.folder / name).write_bytes(content)

    with pytest.raises(ConfigError, match=problem):
        read_authorities(ca.folder)


def test_keys_and_certificates_belong_together(ca: Authority, tmp_path: Path) -> None:
    ca("init", "Lindenau", "--site", SITE)
    stranger = Authority.__new__(Authority)
    stranger.__dict__.update(ca.__dict__, folder=tmp_path / "stranger")
    stranger("init", "Lindenau", "--site", SITE)

    (ca.folder / "stamps.key").write_bytes((stranger.folder / "stamps.key").read_bytes())
    with pytest.raises(ConfigError, match="not the key"):
        read_authorities(ca.folder)
    (ca.folder / "stamps.pem").write_bytes((stranger.folder / "stamps.pem").read_bytes())
    with pytest.raises(ConfigError, match="not of the root"):
        read_authorities(ca.folder)


def test_a_certificate_without_its_list_is_refused(ca: Authority) -> None:
    ca("init", "Lindenau", "--site", SITE)
    for path in (ca.folder / "lists").iterdir():
        path.unlink()

    with pytest.raises(ConfigError, match="veche ca lists"):
        read_authorities(ca.folder)
