"""Keys in tokens, with a real module: SoftHSM."""

from __future__ import annotations

import hashlib
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.authority.service.authorities import read_authorities
from appservices.signing.keys.places import TokenKey, TokenSection, open_key, token_text
from appservices.signing.keys.tokens import RESTART_S, PinRefusedError, Token, TokenError
from appservices.signing.stamps.core import StampAuthority
from appservices.signing.stamps.service.sealing import Seals
from tests.support.programs import program
from tests.support.signing import NOW, ms
from tests.support.softhsm import PIN, SoftHsm, soft_hsm
from veche.cli.main import main
from veche.documents.pki.cms import read_signed_data
from veche.documents.pki.stamps import StampRequest
from veche.documents.signatures.checking import signer_of
from veche.protocol.errors import ConfigError
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST = hashlib.sha256(b"what is signed").digest()


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    yield from soft_hsm(tmp_path_factory.mktemp("hsm"))


@pytest.fixture
def token(hsm: SoftHsm) -> Token:
    return Token(hsm.module, hsm.new_token(), PIN)


def _verify(public: ec.EllipticCurvePublicKey, key: TokenKey) -> None:
    public.verify(key.sign(b"data", ec.ECDSA(hashes.SHA256())), b"data", ec.ECDSA(hashes.SHA256()))


def test_a_key_is_made_in_the_token_and_signs_there(token: Token) -> None:
    public = token.make("one")

    _verify(public, TokenKey(token, "one", public))
    assert token.public_key("one") == public


def test_a_key_does_not_leave_its_token(hsm: SoftHsm, token: Token) -> None:
    public = token.make("one")
    key = TokenKey(token, "one", public)

    for refused in (key.private_numbers, lambda: key.private_bytes(*[None] * 3)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="does not leave"):
            refused()
    tool = program("pkcs11-tool")
    words = ["--module", str(hsm.module), "--token-label", token.label, "--login", "--pin", PIN]
    said = subprocess.run(
        [tool, *words, "-O", "-y", "privkey"], check=True, capture_output=True, text=True
    )
    assert "never extractable" in said.stdout
    assert "sensitive" in said.stdout


def test_a_label_is_given_once(token: Token) -> None:
    token.make("one")

    with pytest.raises(ConfigError, match="already"):
        token.make("one")
    token.remove("one")
    token.make("one")


@pytest.mark.parametrize("name", ["sign", "public_key"])
def test_a_key_that_is_not_there_is_named(token: Token, name: str) -> None:
    arguments = ("other", DIGEST) if name == "sign" else ("other",)

    with pytest.raises(TokenError, match="no key other in the token"):
        getattr(token, name)(*arguments)


def test_a_token_that_is_not_there_is_named_with_those_that_are(hsm: SoftHsm, token: Token) -> None:
    token.check()

    with pytest.raises(TokenError, match=f"no token nobody; what is there:.* {token.label}"):
        Token(hsm.module, "nobody", PIN).check()
    token.check()


def test_what_is_no_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "module.so").write_text("no library")

    for name in ("module.so", "none.so"):
        with pytest.raises(ConfigError, match=f"{name} is no PKCS#11 module"):
            Token(tmp_path / name, "token", PIN)


def test_a_wrong_pin_is_tried_once_and_by_no_later_start(hsm: SoftHsm) -> None:
    label = hsm.new_token()
    wrong = Token(hsm.module, label, "999999")

    for _ in range(3):
        with pytest.raises(PinRefusedError, match="not tried again"):
            wrong.check()
    with pytest.raises(PinRefusedError, match="given a wrong PIN before"):
        Token(hsm.module, label, "999998").check()  # as after a restart: not tried at all
    with pytest.raises(PinRefusedError, match="given a wrong PIN before"):
        Token(hsm.module, label, PIN).check()
    # A person who has just typed it may try; then the token counts anew.
    Token(hsm.module, label, PIN, is_typed=True).check()
    Token(hsm.module, label, PIN).check()


def test_a_session_that_was_lost_is_opened_again(hsm: SoftHsm, token: Token) -> None:
    public = token.make("one")
    key = TokenKey(token, "one", public)
    _verify(public, key)

    hsm.restart()

    _verify(public, key)


def test_a_token_may_be_taken_out_and_put_in(hsm: SoftHsm, token: Token) -> None:
    public = token.make("one")
    key = TokenKey(token, "one", public)
    aside = hsm.folder / "aside"
    hsm.tokens.rename(aside)
    hsm.tokens.mkdir()

    with pytest.raises(TokenError, match=r"no key one|does not answer|no token"):
        key.sign(b"data", ec.ECDSA(hashes.SHA256()))

    hsm.tokens.rmdir()
    aside.rename(hsm.tokens)
    until_s = time.monotonic() + 10 * RESTART_S
    while True:
        try:
            _verify(public, key)
            break
        except TokenError:
            assert time.monotonic() < until_s
            time.sleep(RESTART_S / 10)


class Ca:
    """`veche ca` over one folder, with keys in a token."""

    def __init__(self, hsm: SoftHsm, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.hsm = hsm
        self.folder = folder / "ca"
        self.token = hsm.new_token()
        self._passphrase = folder / "passphrase"
        self._passphrase.write_text("correct horse battery\n")
        self._capsys = capsys

    @property
    def options(self) -> list[str]:
        hsm = self.hsm
        words = ["--pkcs11", str(hsm.module), "--token", self.token]
        return [*words, "--pin-path", str(hsm.pin_path)]

    def __call__(self, *words: str) -> tuple[int, str]:
        folder = ["--folder", str(self.folder)]
        if words[0] != "show":
            folder += ["--passphrase-path", str(self._passphrase)]
        code = main(["ca", *words, *folder])
        out, err = self._capsys.readouterr()
        return code, out + err


@pytest.fixture
def ca(hsm: SoftHsm, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ca:
    return Ca(hsm, tmp_path, capsys)


SITE = "https://services.example.org"


def test_an_authority_is_made_and_used_with_its_keys_in_a_token(ca: Ca) -> None:
    assert ca("init", "Lindenau", "--site", SITE, "--seal", "town", "Town", *ca.options)[0] == 0
    assert ca("seal", "club", "Club", "--site", SITE, *ca.options)[0] == 0
    assert ca("lists")[0] == 0
    assert ca("show")[1].count("its list until") == 4

    known = read_authorities(ca.folder)

    sealed = Seals(known).seal("town", DIGEST, ms(NOW))
    signed = read_signed_data(decode_base64(sealed.signature))
    assert signer_of(signed, DIGEST) == known.seals["town"].certificate
    assert [path.name for path in ca.folder.rglob("*.key")] == ["root.key"]
    assert sorted(known.seals) == ["club", "town"]
    stamps = StampAuthority(known.stamps.certificate, known.stamps.key, STAMP_POLICY)
    request = StampRequest(DIGEST, 7)
    (ca.folder / "query").write_bytes(request.encoded())
    (ca.folder / "answer").write_bytes(stamps.answer(request.encoded(), 1, ms(NOW)))
    openssl = [program("openssl"), "ts", "-verify", "-queryfile", "query", "-in"]
    command = [*openssl, "answer", "-CAfile", "root.pem"]
    done = subprocess.run(command, check=False, cwd=ca.folder, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_next_key_for_stamps_is_another_one_where_the_one_before_it_is(ca: Ca) -> None:
    ca("init", "Lindenau", "--site", SITE)
    first = read_authorities(ca.folder).stamps.certificate

    assert ca("stamps", "--site", SITE, *ca.options)[0] == 0
    second = read_authorities(ca.folder).stamps.certificate
    assert not (ca.folder / "stamps.key").exists()
    assert ca("stamps", "--site", SITE)[0] == 0
    third = read_authorities(ca.folder).stamps.certificate

    assert len({one.serial_number for one in (first, second, third)}) == 3
    # Nobody has said where, and it is not in a file for that.
    assert "veche-stamps-2" in (ca.folder / "stamps.token").read_text()
    assert not (ca.folder / "stamps.key").exists()


def test_the_root_may_be_in_a_token_that_is_taken_away(ca: Ca) -> None:
    root = ca.hsm.new_token()
    options = ["--root-token", root, "--root-pin-path", str(ca.hsm.pin_path)]

    assert ca("init", "Lindenau", "--site", SITE, *ca.options, *options)[0] == 0

    assert list(ca.folder.rglob("*.key")) == []
    assert ca("seal", "town", "Town", "--site", SITE, *ca.options)[0] == 0
    (ca.folder / "root.token").rename(ca.folder.parent / "root.token")
    assert sorted(read_authorities(ca.folder).seals) == ["town"]
    code, said = ca("lists")
    assert (code, "or root.token if it is in a token" in said) == (1, True)


def test_what_is_made_in_a_token_is_destroyed_if_the_rest_fails(ca: Ca) -> None:
    token = Token(ca.hsm.module, ca.token, PIN)

    code, said = ca("init", "Lindenau", "--site", SITE, "--seal", "Bad id", "Town", *ca.options)

    assert (code, "is no id" in said) == (1, True)
    with pytest.raises(TokenError, match="no key"):
        token.public_key("veche-issuing")
    assert ca("init", "Lindenau", "--site", SITE, *ca.options)[0] == 0


def test_options_that_do_not_go_together_are_refused(ca: Ca) -> None:
    def refused(*words: str) -> str:
        code, said = ca("init", "Lindenau", "--site", SITE, *words)
        assert code == 1
        return said

    assert "need --pkcs11" in refused("--token", "x")
    assert "needs --token" in refused("--pkcs11", "/x.so")
    assert "needs --pkcs11" in refused("--root-token", "x")
    same = ["--root-token", ca.token, "--root-pin-path", str(ca.hsm.pin_path)]
    assert "a token of its own" in refused(*ca.options, *same)
    assert not (ca.folder / "root.pem").exists()


def test_a_key_of_another_certificate_is_refused(ca: Ca) -> None:
    ca("init", "Lindenau", "--site", SITE, *ca.options)
    issuing = ca.folder / "issuing.token"
    words = (ca.folder / "stamps.token").read_text()
    issuing.write_text(words)

    with pytest.raises(ConfigError, match="not the key of the certificate"):
        read_authorities(ca.folder)
    issuing.write_text(words.replace("token:", "tokens:"))
    with pytest.raises(ConfigError, match="tokens"):
        read_authorities(ca.folder)
    (ca.folder / "issuing.key").write_text("x")
    with pytest.raises(ConfigError, match="both there"):
        read_authorities(ca.folder)


def test_names_with_signs_of_yaml_are_written_as_they_are(tmp_path: Path, token: Token) -> None:
    token.make("it's: a #key")
    write_private(tmp_path / "pin", PIN)
    section = TokenSection(
        module=token._module._path,
        token=token.label,
        key="it's: a #key",
        pin_path=tmp_path / "pin",
    )
    (tmp_path / "one.token").write_text(token_text(section))

    assert isinstance(open_key(tmp_path / "one"), TokenKey)
