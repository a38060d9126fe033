"""Mistakes of operators in a whole configuration: each is found, with what would be right."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from veche.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Mistake = Callable[[Path], None]

CONFIG = Path(__file__).parents[4] / "config"
TOKENS = {"as_token": b"a" * 40, "hs_token": b"h" * 40, "database_password": b"pw"}


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """The example configuration, with its secrets and a registration."""
    shutil.copytree(CONFIG / "services", tmp_path / "services")
    for name, data in {**TOKENS, "operator_key": bytes(range(32))}.items():
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    registration = (CONFIG / "registration.example.yaml").read_text()
    for name in ("as_token", "hs_token"):
        registration = re.sub(rf"{name}: .*", f"{name}: {TOKENS[name].decode()}", registration)
    (tmp_path / "registration.yaml").write_text(registration)
    example = (CONFIG / "veche.example.yaml").read_text()
    (tmp_path / "veche.yaml").write_text(example.replace("/etc/veche/", ""))
    return tmp_path


def written(name: str, data: bytes) -> Mistake:
    def write(etc: Path) -> None:
        (etc / name).write_bytes(data)

    return write


def missing(name: str) -> Mistake:
    return lambda etc: (etc / name).unlink()


def folder(name: str) -> Mistake:
    def make(etc: Path) -> None:
        (etc / name).unlink()
        (etc / name).mkdir()

    return make


def changed(old: str, new: str, name: str = "veche.yaml") -> Mistake:
    def change(etc: Path) -> None:
        text = (etc / name).read_text()
        assert re.search(old, text), old
        (etc / name).write_text(re.sub(old, new, text, count=1))

    return change


def several(*mistakes: Mistake) -> Mistake:
    def make(etc: Path) -> None:
        for one in mistakes:
            one(etc)

    return make


def secret(name: str, data: bytes) -> Mistake:
    def write(etc: Path) -> None:
        (etc / name).write_bytes(data)
        (etc / name).chmod(0o600)

    return write


def added(text: str) -> Mistake:
    def add(etc: Path) -> None:
        file = etc / "veche.yaml"
        file.write_text(file.read_text() + text)

    return add


DESK = r"desks: \[archive\]"
MAKER = "role: decision_maker"
SERVICE = "services/birth-certificate-copy.yaml"
BANK = (
    "currencies: [EUR]\n  banks:\n    - {name: demo, currency: EUR, rail: demo, account: "
    "DE89370400440532013000, url: 'http://127.0.0.1:1', key_path: bank_key}"
)
KEY = (
    "\npayments:\n  organisations:\n    - {id: shop, name: {en: Shop}, keys:"
    " [{path: shop_key, scopes: [read]}]}"
)
MISTAKES: dict[str, tuple[Mistake, tuple[str, ...]]] = {
    "no service file": (missing(SERVICE), (SERVICE, "No such file")),
    "a service file that is a folder": (folder(SERVICE), (SERVICE, "Is a directory")),
    "an empty service file": (written(SERVICE, b""), (SERVICE,)),
    "a service file in Latin-1": (written(SERVICE, b"id: \xe4"), (SERVICE,)),
    "no template": (missing("services/change-of-address.typ"), ("change-of-address.typ",)),
    "the same service twice": (
        changed("services/change-of-address.yaml", SERVICE),
        ("records", "same id"),
    ),
    "one port twice": (changed("port: 8090", "port: 8009"), ("listen.port, pages.port", "8009")),
    "an address of another machine": (
        changed("address: 127.0.0.1", "address: 203.0.113.7"),
        ("listen.address", "203.0.113.7", "127.0.0.1"),
    ),
    "an address that is none": (
        changed("address: 127.0.0.1", "address: localhots"),
        ("listen.address", "localhots"),
    ),
    "pages at another machine's address": (
        changed(r"(public_url: .*\n  address: )127.0.0.1", r"\g<1>2001:db8::7"),
        ("pages.address", "2001:db8::7"),
    ),
    "a desk without staff": (
        several(changed(DESK, "desks: [attic]"), changed(DESK, "desks: [attic]")),
        ("records", "'archive'", "desks"),
    ),
    "a desk of auditors": (
        several(changed("role: clerk", "role: auditor"), changed(MAKER, "role: auditor")),
        ("offices.0", "should be a clerk or a decision maker"),
    ),
    "a duty of nobody": (changed("duties: .*", "duties: []"), ("head-of-office", "duties")),
    "one file for both tokens": (
        changed("hs_token_path: hs_token", "hs_token_path: as_token"),
        ("homeserver.hs_token_path", "same token"),
    ),
    "the same token in both files": (
        written("hs_token", TOKENS["as_token"] + b"\n"),
        ("homeserver.hs_token_path", "same token"),
    ),
    "a key of 31 bytes": (
        written("operator_key", bytes(range(31))),
        ("crypto.key_path", "31 bytes", "not 32"),
    ),
    "a key of 33 bytes": (written("operator_key", bytes(range(33))), ("33 bytes",)),
    "a key in base64": (written("operator_key", b"QUJD" * 11), ("crypto.key_path", "44 bytes")),
    "an empty key": (written("operator_key", b""), ("crypto.key_path", "is empty")),
    "no key": (missing("operator_key"), ("crypto.key_path", "No such file", "put it there")),
    "a key that is a folder": (folder("operator_key"), ("crypto.key_path", "Is a directory")),
    "an empty token": (written("as_token", b""), ("homeserver.as_token_path", "is empty")),
    "a token of white space": (
        written("hs_token", b" \n"),
        ("homeserver.hs_token_path", "is empty"),
    ),
    "a token that is no text": (
        written("hs_token", b"\xff\xfe\x00"),
        ("homeserver.hs_token_path", "not a text file"),
    ),
    "an empty password": (written("database_password", b"\n"), ("database.password_path", "empty")),
    "no password file": (missing("database_password"), ("database.password_path", "put it there")),
    "a password for everybody": (
        lambda etc: (etc / "database_password").chmod(0o644),
        ("database.password_path", "chmod 600"),
    ),
    "no registration": (
        missing("registration.yaml"),
        ("homeserver.registration_path", "No such file"),
    ),
    "an empty registration": (written("registration.yaml", b""), ("no registration", "write it")),
    "another token in the registration": (
        changed("hs_token: h", "hs_token: x", "registration.yaml"),
        ("hs_token", "the file homeserver.hs_token_path"),
    ),
    "another id in the registration": (
        changed("id: veche", "id: town", "registration.yaml"),
        ("id", "homeserver.appservice_id"),
    ),
    "a namespace of another server": (
        changed(r"@veche_\.\*:example", "@veche_.*:example2", "registration.yaml"),
        ("@veche_:example.org", "namespaces.users"),
    ),
    "a namespace that is no pattern": (
        changed(r"@veche_\.\*", "@veche_(.*", "registration.yaml"),
        ("namespaces.users",),
    ),
    "a namespace of everybody": (
        changed("exclusive: true, regex: '@", "exclusive: false, regex: '@", "registration.yaml"),
        ("namespaces.users", "exclusive"),
    ),
    "no namespace of aliases": (
        changed(r"  aliases:\n.*\n", "  aliases: []\n", "registration.yaml"),
        ("namespaces.aliases", "exclusive"),
    ),
    "our own address for the homeserver's": (
        changed("url: http://127.0.0.1:8008", "url: http://127.0.0.1:8009"),
        ("homeserver.url", "8008"),
    ),
    "a fee in a currency that is not kept": (
        changed("fees: {EUR", "fees: {USD"),
        ("USD should be in currencies",),
    ),
    "a key of a bank that is none": (
        several(changed(r"currencies: \[EUR\]", BANK), secret("bank_key", b"c2hvcnQ=")),
        ("payments.banks", "demo", "32 random bytes", "openssl rand"),
    ),
    "a short key of an organisation": (
        several(changed("\npayments:", KEY), secret("shop_key", b"short")),
        ("payments.organisations", "shop", "32 characters", "openssl rand"),
    ),
    "a registration without an address": (
        changed(r"\nurl: .*", "\nurl: null", "registration.yaml"),
        ("its url, None", "8009"),
    ),
    "another port in the registration": (
        changed(r"\nurl: .*", "\nurl: http://127.0.0.1:9999", "registration.yaml"),
        ("its url, http://127.0.0.1:9999", "8009"),
    ),
    "the address of our pages for the homeserver's": (
        changed("url: http://127.0.0.1:8008", "url: http://127.0.0.1:8090"),
        ("homeserver.url", "8008"),
    ),
    "an address with too high a port": (
        changed("url: http://127.0.0.1:8008", "url: http://127.0.0.1:80080"),
        ("homeserver.url", "1 to 65535"),
    ),
    "half an address of IPv6": (
        changed("url: http://127.0.0.1:8008", "url: 'http://[::1'"),
        ("homeserver.url", "a host"),
    ),
    "a host that no name server knows": (
        changed("url: http://127.0.0.1:8008", "url: http://xn--\u0130.org"),
        ("homeserver.url", "a host"),
    ),
    "a password in an address": (
        changed("public_url: https://", "public_url: https://me:secret@"),
        ("pages.public_url",),
    ),
    "a path with a character that no path has": (
        changed("as_token_path: as_token", 'as_token_path: "as\\\\0token"'),
        ("homeserver.as_token_path", "NUL"),
    ),
    "a token that can be guessed": (
        several(
            written("as_token", b"x"), changed("as_token: a+", "as_token: x", "registration.yaml")
        ),
        ("as_token_path", "openssl rand"),
    ),
    "a folder of heads that is a file": (
        added("heads: {folder: as_token}\n"),
        ("heads.folder", "is no folder"),
    ),
    "no folder of the authorities": (
        added("signing: {folder: ca}\n"),
        ("signing", "ca"),
    ),
}


def test_the_example_has_none(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(etc / "veche.yaml")]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_found_with_its_place_and_what_is_right(
    name: str, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = MISTAKES[name]
    make(etc)

    assert main(["config", "check", str(etc / "veche.yaml")]) == 1
    said = capsys.readouterr().err
    assert [word for word in words if word not in said] == [], said
    assert "the check itself failed" not in said


@pytest.mark.parametrize("name", MISTAKES)
def test_the_doctor_finds_them_too(
    name: str, etc: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, words = MISTAKES[name]
    make(etc)
    # It would wait for a server of theirs: nothing of these mistakes is asked there.
    config = etc / "veche.yaml"
    text = config.read_text()
    config.write_text(re.sub(r"url: postgresql.*", "url: 'host=/nowhere dbname=a'", text))
    monkeypatch.setattr("veche.cli.doctor.machine.EVERYWHERE", ())

    assert main(["doctor", "-c", str(config)]) == 1
    said = capsys.readouterr().out
    assert [word for word in words if word not in said] == [], said
    assert "the check itself failed" not in said
