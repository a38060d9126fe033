from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from twisted.internet.task import Clock

from appservices.payments.banks.service import Banking, banking_of
from appservices.payments.config import BankSection, PaymentsSection
from veche.protocol.errors import ConfigError
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

IBAN = "DE93999999990000000001"


def bank(key_path: Path, **changes: Any) -> dict[str, Any]:
    given = {"name": "demo", "url": "http://127.0.0.1:1", "account": IBAN, "key_path": key_path}
    return {**given, **changes}


def section(*banks: dict[str, Any]) -> PaymentsSection:
    return PaymentsSection(
        id="bank",
        name={"en": "Bank"},
        currencies=["EUR"],
        banks=[BankSection(**one) for one in banks],
    )


def made(given: PaymentsSection) -> Banking:
    nowhere: Any = None
    return banking_of(nowhere, Clock(), given, Vault(b"k" * 32), lambda _, __: None)


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(base64.b64encode(b"s" * 32).decode())
    path.chmod(0o600)
    return path


def test_a_bank_of_the_configuration_is_made(key_path: Path) -> None:
    assert made(section(bank(key_path))).job_handlers()


@pytest.mark.parametrize(
    "change",
    [
        {"account": "DE93999999990000000002"},
        {"account": ""},
        {"name": "De mo"},
        {"url": "ftp://x"},
        {"currency": "EURO"},
        {"unknown": 1},
    ],
)
def test_a_section_that_is_wrong_is_refused(key_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section(bank(key_path, **change))


def test_two_banks_have_two_names_and_known_currencies(key_path: Path) -> None:
    with pytest.raises(ValidationError):
        section(bank(key_path), bank(key_path))
    with pytest.raises(ValidationError):
        section(bank(key_path, currency="USD"))


def test_a_rail_that_is_not_installed_stops_the_start(key_path: Path) -> None:
    with pytest.raises(ConfigError, match="the rail swift is not installed"):
        made(section(bank(key_path, rail="swift")))


@pytest.mark.parametrize("text", ["no base64!", base64.b64encode(b"short").decode()])
def test_a_key_of_another_form_stops_the_start(key_path: Path, text: str) -> None:
    key_path.write_text(text)
    with pytest.raises(ConfigError, match="32 random bytes"):
        made(section(bank(key_path)))
