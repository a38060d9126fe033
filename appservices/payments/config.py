"""The section ``payments``: the institution, its currencies, fees and rules."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, field_validator, model_validator

from appservices.payments.core.bill import DUE_MS as BILL_DUE_MS
from appservices.payments.core.formats.plain import iban
from appservices.payments.core.rules import DAY_MS, HOUR_MS
from veche.protocol.catalogue import LANGUAGES
from veche.protocol.envelope import is_verification_key
from veche.protocol.errors import MalformedError
from veche.protocol.money import MINOR_MAX, Money, minor_digits, parse_money
from veche.protocol.notes import read_verifier_key
from veche.protocol.unpadded import from_unpadded
from veche.runtime.config import SecretPath, Section
from veche.runtime.sealing import SealSection
from veche.runtime.sections import Duration

BOT_LOCALPART: Final = "veche_payments"
CURRENCIES_MAX: Final = 20
BANKS_MAX: Final = 20
GRANTS_MAX: Final = 1_000
DESK_MAX: Final = 20
ORGANISATIONS_MAX: Final = 1_000
ORGANISATION_KEYS_MAX: Final = 10
KINDS_MAX: Final = 10
KIND: Final = r"^[a-z][a-z-]{1,31}$"
"""What a kind of organisations is called."""
KEYS_MAX: Final = 15
"""Most old keys of receipts."""
CONFIRM_WAIT_MS_MAX: Final = 45_000
"""Longest time for a merchant to confirm: what comes in the last moment still has to be posted."""
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


def _check_public_key(text: str) -> str:
    try:
        key = from_unpadded(text.rstrip("="))
    except ValueError as e:
        raise ValueError("should be 32 bytes in base64") from e
    if not is_verification_key(key):
        raise ValueError("should be an Ed25519 key: 32 bytes in base64")
    return text.rstrip("=")


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
    scopes: list[Literal["invoice", "refund", "payout", "webhook", "read"]] = Field(
        min_length=1, max_length=5
    )
    """What it may do: make and take back invoices, pay back, pay out, say where events are sent,
    read."""
    public_key: Annotated[str, AfterValidator(_check_public_key)] | None = None
    """Ed25519 key (32 bytes in base64) by which whoever has this key signs what it pays out; the
    scope ``payout`` needs it."""

    @model_validator(mode="after")
    def _check_signs(self) -> Self:
        if "payout" in self.scopes and self.public_key is None:
            raise ValueError("public_key: the scope payout needs one")
        return self


class OrganisationSection(Section):
    """An organisation that is paid here, and asks over HTTP."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau"])
    """Its name in the log of acts; its account is found by it."""
    name: Annotated[dict[str, str], AfterValidator(_check_names)]
    """By language; it stands on invoices."""
    kinds: list[Annotated[str, Field(pattern=KIND)]] = Field(
        default_factory=list, max_length=KINDS_MAX, examples=[["food", "pharmacy"]]
    )
    """What it sells, as words for allowances and bans: ``allow bob 50 EUR a week at food``."""
    kind: Literal["merchant", "office"] = "merchant"
    """What an ``office`` asks of a person, debits and pays them is an act: it comes with its
    purpose and its law, or is refused."""
    city: str | None = Field(default=None, min_length=1, max_length=15, pattern=r"^[ -~]+$")
    """Where it is, in Latin letters: stands in merchant's codes by EMVCo."""
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", examples=["DE"])
    """ISO 3166-1 code, for the same."""
    two_keys_above: Amounts = Field(default_factory=dict)
    """By currency, above which sum a payout in bulk waits until a second key has approved it:
    ``{EUR: "1000"}``; where it is left out, one key is enough."""
    keys: list[OrganisationKeySection] = Field(min_length=1, max_length=ORGANISATION_KEYS_MAX)
    """Its keys; two while one is changed."""

    def name_in(self, language: str) -> str:
        """Its name in a language."""
        return self.name.get(language) or next(iter(self.name.values()))

    def is_office(self) -> bool:
        """Whether what it does to persons is an act."""
        return self.kind == "office"

    def needs_two_keys(self, money: Money) -> bool:
        """Whether one key alone may not pay this out."""
        limit = self.two_keys_above.get(money.currency)
        return limit is not None and money.minor > _money(limit, money.currency).minor


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
    split_wait_ms: Duration = BILL_DUE_MS
    """How long those who share a bill have to agree; then whatever is set aside goes back."""
    confirm_wait_ms: Annotated[Duration, Field(ge=1_000, le=CONFIRM_WAIT_MS_MAX)] = 10_000
    """How long a merchant has to confirm a payment, from the moment in which its money is set
    aside; at most 45 s."""
    seal: SealSection | None = None
    """By what its statements are sealed, the PDF ones; left out: they carry no seal."""
    old_receipt_keys: list[ReceiptKey] = Field(default_factory=list, max_length=KEYS_MAX)
    """Keys of receipts from before the operator key was changed, as
    ``/.well-known/veche/payments`` named them then: what they signed is checked with them."""
    organisations: list[OrganisationSection] = Field(
        default_factory=list, max_length=ORGANISATIONS_MAX
    )
    """Who may make invoices over HTTP, with its keys."""
    webhook_networks: tuple[str, ...] = Field(
        default=(), max_length=50, strict=False, examples=[["10.20.0.0/16"]]
    )
    """Networks, beside the public Internet, in which organisations may have their events sent to an
    address; there plain ``http`` will do."""
    webhook_give_up_ms: Duration = 5 * DAY_MS
    """How long an address may fail until nothing is sent there any more."""
    dispute_desk: list[Annotated[str, Field(pattern=r"^@[^:\s]+:\S+$", max_length=255)]] = Field(
        default_factory=list, max_length=DESK_MAX, examples=[["@clerk:example.org"]]
    )
    """Who decides disputes, in their own chats with the bot and with their own keys. Nobody:
    payments cannot be disputed here."""
    dispute_terms_ms: Duration = 120 * DAY_MS
    """How long after it was made a payment can be disputed."""
    dispute_answer_ms: Annotated[Duration, Field(ge=HOUR_MS, le=30 * DAY_MS)] = 10 * DAY_MS
    """How long who was paid has to answer; after that the desk decides."""
    dispute_decide_ms: Annotated[Duration, Field(ge=HOUR_MS, le=59 * DAY_MS)] = 30 * DAY_MS
    """How long the desk has; after that who was paid has the amount again. With the time to answer
    at most 89 days."""
    banks: list[BankSection] = Field(default_factory=list, max_length=BANKS_MAX)
    """Its accounts at banks, by which money comes in and goes out."""
    grants: dict[str, Annotated[str, AfterValidator(_check_amount)]] = Field(
        default_factory=dict, max_length=GRANTS_MAX
    )
    """For demos and tests: money that accounts begin with, by user id or id of an organisation:
    ``{"@alice:example.org": 1000 EUR}``. It comes from nowhere, so leave it out in earnest."""

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ipaddress.ip_network(one)
            except ValueError as e:
                raise ValueError("should be networks such as 10.20.0.0/16") from e
        return value

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

    def organisation(self, name: str) -> OrganisationSection | None:
        """An organisation by its name in the log of acts; None if it is not named here."""
        return next((one for one in self.organisations if one.id == name), None)

    def fee_minor(self, currency: str) -> int:
        """What a payment costs, in minor units."""
        return _money(self.fees[currency], currency).minor if currency in self.fees else 0

    def first_payee_minor(self, currency: str) -> int:
        """Above which the first payment to somebody waits, in minor units."""
        if currency in self.first_payee_limits:
            return _money(self.first_payee_limits[currency], currency).minor
        return min(MINOR_MAX, FIRST_PAYEE_UNITS * int(10 ** minor_digits(currency)))

    def kinds(self) -> frozenset[str]:
        """All kinds of organisations that there are here."""
        return frozenset(kind for one in self.organisations for kind in one.kinds)

    def kinds_of(self, organisation: str) -> frozenset[str]:
        """What an organisation sells; nothing if it is none of those that ask over HTTP."""
        found = next((one for one in self.organisations if one.id == organisation), None)
        return frozenset(found.kinds) if found is not None else frozenset()

    def granted(self) -> dict[str, Money]:
        """The money that accounts begin with, by user id or id of an organisation."""
        return {user_id: _money(amount, None) for user_id, amount in self.grants.items()}

    def name_in(self, language: str) -> str:
        """The name of the institution in a language."""
        return self.name.get(language) or next(iter(self.name.values()))
