"""The section ``payments``: the institution, its currencies, fees and rules."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from appservices.payments.core.formats.plain import iban
from appservices.payments.core.rules import DAY_MS, HOUR_MS
from veche.protocol.catalogue import LANGUAGES
from veche.protocol.errors import MalformedError
from veche.protocol.money import MINOR_MAX, Money, minor_digits, parse_money
from veche.protocol.notes import read_verifier_key
from veche.runtime.config import SecretPath, Section
from veche.runtime.sections import Duration

BOT_LOCALPART: Final = "veche_payments"
CURRENCIES_MAX: Final = 20
BANKS_MAX: Final = 20
GRANTS_MAX: Final = 1_000
ORGANISATIONS_MAX: Final = 1_000
ORGANISATION_KEYS_MAX: Final = 10
KEYS_MAX: Final = 15
"""Most old keys of receipts."""
FIRST_PAYEE_UNITS: Final = 200
"""Units of a currency above which the first payment to somebody waits, if nothing else is set."""


def _check_names(names: dict[str, str]) -> dict[str, str]:
    if not names or not names.keys() <= set(LANGUAGES):
        raise ValueError(f"should be a text in at least one of {', '.join(LANGUAGES)}")
    return names


def _check_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("should be a time zone such as 'Europe/Berlin'")
    return name


def _check_currency(code: str) -> str:
    try:
        minor_digits(code)
    except MalformedError as e:
        raise ValueError("should be the code of a currency, such as EUR") from e
    return code


def _check_amounts(amounts: dict[str, str]) -> dict[str, str]:
    for currency, amount in amounts.items():
        _money(amount, currency)
    return amounts


def _check_amount(amount: str) -> str:
    _money(amount, None)
    return amount


def _money(amount: str, currency: str | None) -> Money:
    try:
        return parse_money(amount, currency=currency)
    except MalformedError as e:
        raise ValueError(f"should be an amount: {e}") from e


def _check_key(text: str) -> str:
    try:
        return read_verifier_key(text).to_text()
    except MalformedError as e:
        raise ValueError("should be a key as this site published it: <name>+<id>+<base64>") from e


def _check_iban(account: str) -> str:
    try:
        return iban(account)
    except MalformedError as e:
        raise ValueError("should be an IBAN whose check digits are right") from e


Currency = Annotated[str, AfterValidator(_check_currency)]
ReceiptKey = Annotated[str, AfterValidator(_check_key)]
Amounts = Annotated[dict[str, str], AfterValidator(_check_amounts)]


class OrganisationKeySection(Section):
    """A key with which an organisation asks over HTTP."""

    path: SecretPath
    """File with it: 32 to 128 characters of chance, letters, digits and ``-._~+/=``."""
    scopes: list[Literal["invoice", "refund", "payout", "read"]] = Field(min_length=1, max_length=4)
    """What it may do: make and take back invoices, pay back, pay out, read."""


class OrganisationSection(Section):
    """An organisation that is paid here, and asks over HTTP."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau"])
    """Its name in the log of acts; its account is found by it."""
    name: Annotated[dict[str, str], AfterValidator(_check_names)]
    """By language; it stands on invoices."""
    keys: list[OrganisationKeySection] = Field(min_length=1, max_length=ORGANISATION_KEYS_MAX)
    """Its keys; two while one is changed."""

    def name_in(self, language: str) -> str:
        """Its name in a language."""
        return self.name.get(language) or next(iter(self.name.values()))


class BankSection(Section):
    """An account of the institution at a bank."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", examples=["demo"])
    """What it is called here; never another bank by the same name."""
    rail: str = Field(default="demo", pattern=r"^[a-z][a-z0-9-]{0,31}$")
    """How the bank is reached: ``demo``, or a rail that an installed package brings."""
    url: str = Field(pattern=r"^https?://\S+$", max_length=255, examples=["http://127.0.0.1:8480"])
    """Where its API is."""
    account: Annotated[str, AfterValidator(_check_iban)]
    """IBAN of the institution's account there."""
    currency: Currency = "EUR"
    """Of that account; one of ``currencies``."""
    key_path: SecretPath
    """File with 32 random bytes in base64, of which the key is made that signs what the bank
    gets."""
    options: dict[str, str] = Field(default_factory=dict, max_length=50)
    """Whatever else the rail wants to know."""


class PaymentsSection(Section):
    """Accounts of persons and organisations, and what they pay one another."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau-bank"])
    """Name of the institution in the log of acts."""
    name: Annotated[dict[str, str], AfterValidator(_check_names)]
    """Its name by language: ``{en: Bank of Lindenau, de: Bank von Lindenau}``."""
    language: Literal["en", "ru", "de", "uk"] = "en"
    """In which it speaks to somebody who has chosen no language."""
    time_zone: Annotated[str, AfterValidator(_check_time_zone)] = "UTC"
    """In which it tells times."""
    currencies: list[Currency] = Field(min_length=1, max_length=CURRENCIES_MAX)
    """Codes (ISO 4217) of the currencies that it keeps accounts in; the first one is shown in
    examples."""
    fees: Amounts = Field(default_factory=dict)
    """By currency, what a payment from one person to another costs the payer: ``{EUR: "0.10"}``;
    nothing where it is left out."""
    first_payee_limits: Amounts = Field(default_factory=dict)
    """By currency, above which amount the first payment to somebody waits; 200 units where it is
    left out."""
    first_payee_wait_ms: Duration = 12 * HOUR_MS
    """How long it waits then; the payer can stop it in that time."""
    large_part_wait_ms: Duration = DAY_MS
    """How long a payment waits by which most of somebody's money goes out within a day, if it is
    above ten times the limit for first payments."""
    old_receipt_keys: list[ReceiptKey] = Field(default_factory=list, max_length=KEYS_MAX)
    """Keys of receipts from before the operator key was changed, as
    ``/.well-known/veche/payments`` named them then: what they signed is checked with them."""
    organisations: list[OrganisationSection] = Field(
        default_factory=list, max_length=ORGANISATIONS_MAX
    )
    """Who may make invoices over HTTP, with its keys."""
    banks: list[BankSection] = Field(default_factory=list, max_length=BANKS_MAX)
    """Its accounts at banks, by which money comes in and goes out."""
    grants: dict[str, Annotated[str, AfterValidator(_check_amount)]] = Field(
        default_factory=dict, max_length=GRANTS_MAX
    )
    """For demos and tests: money that accounts begin with, by user id:
    ``{"@alice:example.org": 1000 EUR}``. It comes from nowhere, so leave it out in earnest."""

    @model_validator(mode="after")
    def _check_currencies(self) -> Self:
        if len(set(self.currencies)) != len(self.currencies):
            raise ValueError("currencies: each should stand there once")
        unknown = (self.fees.keys() | self.first_payee_limits.keys()) - set(self.currencies)
        unknown |= {_money(one, None).currency for one in self.grants.values()} - set(
            self.currencies
        )
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} should be in currencies too")
        if len({one.id for one in self.organisations}) != len(self.organisations):
            raise ValueError("organisations: each should stand there once")
        if len({one.name for one in self.banks}) != len(self.banks):
            raise ValueError("banks: each should stand there once")
        if not {one.currency for one in self.banks} <= set(self.currencies):
            raise ValueError("banks: their currencies should be in currencies too")
        return self

    def fee_minor(self, currency: str) -> int:
        """What a payment costs, in minor units."""
        return _money(self.fees[currency], currency).minor if currency in self.fees else 0

    def first_payee_minor(self, currency: str) -> int:
        """Above which the first payment to somebody waits, in minor units."""
        if currency in self.first_payee_limits:
            return _money(self.first_payee_limits[currency], currency).minor
        return min(MINOR_MAX, FIRST_PAYEE_UNITS * int(10 ** minor_digits(currency)))

    def granted(self) -> dict[str, Money]:
        """The money that accounts begin with, by user id."""
        return {user_id: _money(amount, None) for user_id, amount in self.grants.items()}

    def name_in(self, language: str) -> str:
        """The name of the institution in a language."""
        return self.name.get(language) or next(iter(self.name.values()))
