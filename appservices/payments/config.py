"""The section ``payments``: the institution, its currencies, fees and rules."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from appservices.payments.amounts.core.periods import DAY_MS, HOUR_MS
from appservices.payments.formats.core import rf
from appservices.payments.formats.core.plain import iban
from appservices.payments.tax.core.ubl import Seller
from veche.api.sealing_client import SealSection
from veche.contracts.payments.invoice_tax import SCHEME, VAT_ID, Endpoint
from veche.protocol.errors import MalformedError
from veche.protocol.money import MINOR_MAX, Money, minor_digits, parse_money
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.config import InputPath, SecretPath, Section
from veche.runtime.config.sections import Duration, Names, Networks, TimeZone, WebAddress
from veche.transparency.envelope import is_verification_key
from veche.transparency.notes import VerifierKey, read_verifier_key

PREPARED_MS_MAX: Final = 600_000
"""Longest time for which somebody asks to prepare a payment."""


BOT_LOCALPART: Final = "veche_payments"
CURRENCIES_MAX: Final = 20
BANKS_MAX: Final = 20
GRANTS_MAX: Final = 1_000
PEERS_MAX: Final = 200
MINUTE_MS: Final = 60_000
DESK_MAX: Final = 20
CLERKS_MAX: Final = 20
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
        key = decode_base64(text.rstrip("="))
    except ValueError as e:
        raise ValueError("should be 32 bytes in base64") from e
    if not is_verification_key(key):
        raise ValueError("should be an Ed25519 key: 32 bytes in base64")
    return text.rstrip("=")


def _check_reference(value: str) -> str:
    try:
        return rf.read(value)
    except MalformedError as e:
        raise ValueError("should be a reference by ISO 11649, as in RF18539007547034") from e


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
    """File with the key: 32 to 128 random characters: letters, digits and ``-._~+/=``."""
    scopes: list[Literal["invoice", "refund", "mandate", "escrow", "payout", "webhook", "read"]] = (
        Field(min_length=1, max_length=7)
    )
    """Permissions of the key: make and cancel invoices, refund, ask for mandates and debit by
    them, sell by escrow, pay out, set the webhook, read."""
    public_key: Annotated[str, AfterValidator(_check_public_key)] | None = None
    """Ed25519 key (32 bytes in base64) that checks the signatures of payouts; the scope ``payout``
    needs it."""

    @model_validator(mode="after")
    def _check_signs(self) -> Self:
        if "payout" in self.scopes and self.public_key is None:
            raise ValueError("public_key: the scope payout needs one")
        return self


class TaxSection(Section):
    """Details of an organisation on its tax invoices, beside its name and country."""

    legal_name: str | None = Field(default=None, min_length=1, max_length=200)
    """Name in the register, if it differs from its name."""
    street: str | None = Field(default=None, min_length=1, max_length=200)
    """Street with the house number."""
    postcode: str | None = Field(default=None, pattern=r"^[A-Z0-9][A-Z0-9 -]{0,11}$")
    """Postal code of the town."""
    town: str | None = Field(default=None, min_length=1, max_length=200)
    """Town of its address."""
    vat_id: str | None = Field(default=None, pattern=VAT_ID, examples=["DE123456789"])
    """Number for the value added tax, with its country before it."""
    tax_number: str | None = Field(default=None, pattern=r"^[!-~ ]{1,35}$")
    """Number at the tax office, if it has no VAT id."""
    register_id: str | None = Field(default=None, pattern=r"^[!-~ ]{1,35}$")
    """Number in the register of companies."""
    endpoint_scheme: str | None = Field(default=None, pattern=SCHEME, examples=["9930"])
    """Code of the list EAS for ``endpoint``; with both its invoices can be those of Peppol."""
    endpoint: str | None = Field(default=None, pattern=r"^[!-~]{1,100}$")
    """Where it takes electronic documents."""
    contact: str | None = Field(default=None, min_length=1, max_length=100)
    """Contact for questions about invoices; some countries require it, with phone and mail."""
    phone: str | None = Field(default=None, pattern=r"^[0-9+() /.-]{3,30}$")
    """Phone number of the contact."""
    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$", max_length=200)
    """E-mail address of the contact."""

    @model_validator(mode="after")
    def _check_endpoint(self) -> Self:
        if (self.endpoint is None) != (self.endpoint_scheme is None):
            raise ValueError("endpoint and endpoint_scheme: both or none")
        return self


class OrganisationSection(Section):
    """An organisation that is paid here, and asks over HTTP."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau"])
    """Its name in the log of acts; its account is found by it."""
    name: Names
    """Name on invoices, by language."""
    kinds: list[Annotated[str, Field(pattern=KIND)]] = Field(
        default_factory=list, max_length=KINDS_MAX, examples=[["food", "pharmacy"]]
    )
    """Kinds of goods that it sells, as words for allowances and bans: ``allow bob 50 EUR a week at
    food``."""
    kind: Literal["merchant", "office"] = "merchant"
    """An ``office`` must give purpose and law with each invoice, debit and payment to a person:
    each is an act, and is refused without them."""
    city: str | None = Field(default=None, min_length=1, max_length=15, pattern=r"^[ -~]+$")
    """Its city in Latin letters, for merchant's codes by EMVCo."""
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", examples=["DE"])
    """ISO 3166-1 code, for the same and for tax invoices."""
    tax: TaxSection = Field(default_factory=TaxSection)
    """Details of the organisation on its tax invoices."""
    is_paid_by_name: bool = False
    """Whether people can pay it without an invoice, by its id or name, with an amount and words of
    their own: ``pay lindenau-bakery 5 EUR bread``. It gets the event of a paid invoice. Not allowed
    for an ``office``, whose invoices are acts."""
    two_keys_above: Amounts = Field(default_factory=dict)
    """Largest sum of a bulk payout with one key, by currency: ``{EUR: "1000"}``. Above it, the
    payout waits until a second key has approved it. Payouts of one key alone within a day count
    together. Left out: one key is enough."""
    keys: list[OrganisationKeySection] = Field(min_length=1, max_length=ORGANISATION_KEYS_MAX)
    """Its keys; two while one is changed."""
    clerks: list[Annotated[str, Field(pattern=r"^@[^:\s]+:\S+$", max_length=255)]] = Field(
        default_factory=list, max_length=CLERKS_MAX, examples=[["@seller:example.org"]]
    )
    """Its people who speak for it in disputes and escrows. They join the rooms of these. In a
    dispute they answer as the payee: in their chats, in the room and in their wallets. They refund
    with their own keys, and the files that they send are its evidence. Its program can do all that
    too; if nobody is named, only the program can."""

    @model_validator(mode="after")
    def _check_is_asked(self) -> Self:
        if self.is_paid_by_name and self.is_office():
            raise ValueError("is_paid_by_name: an office is paid by its invoices alone")
        return self

    def name_in(self, language: str) -> str:
        """Its name in a language."""
        return self.name.get(language) or next(iter(self.name.values()))

    def is_office(self) -> bool:
        """Return whether its dealings with people are acts."""
        return self.kind == "office"

    def seller(self, name: str) -> Seller:
        """The organisation as it stands on a tax invoice; it has a country.

        Args:
            name: As it is called on the invoice.
        """
        told = self.tax.model_dump(exclude={"endpoint", "endpoint_scheme"})
        address = self.tax.endpoint
        endpoint = None
        if address is not None and self.tax.endpoint_scheme is not None:
            endpoint = Endpoint(scheme=self.tax.endpoint_scheme, id=address)
        return Seller(self.id, name, str(self.country), endpoint=endpoint, **told)

    def needs_two_keys(self, money: Money) -> bool:
        """Return whether one key alone may not pay this out."""
        limit = self.two_keys_above.get(money.currency)
        return limit is not None and money.minor > _money(limit, money.currency).minor


class BankSection(Section):
    """An account of the institution at a bank."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", examples=["demo"])
    """Name of the bank here; never use it for another bank."""
    rail: str = Field(default="demo", pattern=r"^[a-z][a-z0-9-]{0,31}$")
    """Rail to the bank: ``demo``, or a rail that an installed package brings."""
    url: WebAddress = Field(
        pattern=r"^https?://\S+$", max_length=255, examples=["http://127.0.0.1:8480"]
    )
    """Address of its API."""
    account: Annotated[str, AfterValidator(_check_iban)]
    """IBAN of the institution's account there."""
    currency: Currency = "EUR"
    """Currency of that account; one of ``currencies``."""
    key_path: SecretPath
    """File with 32 random bytes in base64: the seed of the key that signs messages to the bank."""
    options: dict[str, str] = Field(default_factory=dict, max_length=50)
    """Other settings of the rail."""


class SettlementSection(Section):
    """Where the bank of another institution takes what you owe it."""

    account: Annotated[str, AfterValidator(_check_iban)]
    """IBAN of its account."""
    name: str = Field(min_length=1, max_length=70, examples=["Bank of Altstadt"])
    """Holder of that account."""
    bic: str | None = Field(default=None, pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")
    """BIC of its bank, if your bank wants it."""
    reference: Annotated[str, AfterValidator(_check_reference)] | None = None
    """Reference by which its ledger recognises your payments. Its operator gives it to you: ``veche
    ledger peers`` shows it there."""


class PeerSection(Section):
    """Another institution, whose people ours may pay, and the other way round."""

    server: str = Field(
        pattern=r"^[a-z0-9.:\[\]-]{1,230}$", max_length=230, examples=["other.example"]
    )
    """Name of its homeserver, as in the Matrix ids of its people."""
    url: WebAddress | None = Field(default=None, pattern=r"^https?://[!-~]+$", max_length=255)
    """Origin of its public site; left out: its server's ``/.well-known/veche/payments`` says it.
    Plain ``http`` shows names and purposes to whoever is between you."""
    keys: list[ReceiptKey] = Field(min_length=1, max_length=KEYS_MAX)
    """Keys by which it signs, as its operator gave them to you: ``veche ledger key`` shows them
    there. Two while one is changed. Messages signed by other keys are refused."""
    they_owe_max: Amounts
    """The most that it may owe you, by currency: ``{EUR: "5000"}``. Its people can pay yours in
    these currencies only."""
    we_owe_max: Amounts | None = None
    """The most that you may owe it, by currency; left out: as much as it may owe you."""
    is_open: bool = True
    """False: no new payments in either direction; payments on their way are still completed."""
    settlement: SettlementSection | None = None
    """Where your bank pays what you owe it: ``veche ledger settle SERVER pay AMOUNT``. Left out: an
    operator books the banks' transfers by hand."""

    def they_owe_minor(self, currency: str) -> int | None:
        """How much it may owe us, in minor units; None: nothing in this currency."""
        return _minor_of(self.they_owe_max, currency)

    def we_owe_minor(self, currency: str) -> int | None:
        """How much we may owe it, in minor units; None: nothing in this currency."""
        most = self.they_owe_max if self.we_owe_max is None else self.we_owe_max
        return _minor_of(most, currency)

    def verifiers(self) -> list[VerifierKey]:
        """Its keys."""
        return [read_verifier_key(text) for text in self.keys]


def _currencies_of(peer: PeerSection) -> set[str]:
    return peer.they_owe_max.keys() | (peer.we_owe_max or {}).keys()


def _minor_of(amounts: dict[str, str], currency: str) -> int | None:
    return _money(amounts[currency], currency).minor if currency in amounts else None


class PaymentsSection(Section):
    """Accounts of persons and organisations, and what they pay one another."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$", examples=["lindenau-bank"])
    """Name of the institution in the log of acts."""
    name: Names
    """Its name by language: ``{en: Bank of Lindenau, de: Bank von Lindenau}``."""
    avatar: InputPath | None = None
    """The picture of its bot, a PNG or SVG file."""
    language: Literal["en", "ru", "de", "uk"] = "en"
    """Language for people who have chosen none."""
    time_zone: TimeZone = "UTC"
    """Time zone of the times that it shows, and of the last day of an escrow or an allowance."""
    currencies: list[Currency] = Field(min_length=1, max_length=CURRENCIES_MAX)
    """Codes (ISO 4217) of the currencies that it keeps accounts in; the first one is shown in
    examples."""
    fees: Amounts = Field(default_factory=dict)
    """Fee of a payment from one person to another, by currency: ``{EUR: "0.10"}``. Left out: no
    fee."""
    first_payee_limits: Amounts = Field(default_factory=dict)
    """Amount above which the first payment to somebody waits, by currency. Left out: 200 units."""
    first_payee_wait_ms: Duration = 12 * HOUR_MS
    """How long such a payment waits. The payer can stop it in that time."""
    large_part_wait_ms: Duration = DAY_MS
    """How long a payment waits if most of the payer's money leaves within a day. It applies above
    ten times the limit for first payments."""
    split_wait_ms: Duration = 3 * DAY_MS
    """How long the sharers of a bill have to agree. After that, money that was set aside goes
    back."""
    confirm_wait_ms: Annotated[Duration, Field(ge=1_000, le=CONFIRM_WAIT_MS_MAX)] = 10_000
    """How long a merchant has to confirm a payment, from the moment in which its money is set
    aside; at most 45 s."""
    seal: SealSection | None = None
    """Service that seals its PDF statements; left out: they carry no seal."""
    has_heads_room: bool = True
    """Whether the bot posts the heads of the ledger in ``#veche_ledger:<server>``, a public,
    unencrypted room. Heads show a size and a hash, and no personal data."""
    heads_room_every_ms: Annotated[Duration, Field(ge=1_000, le=DAY_MS)] = 10 * MINUTE_MS
    """Shortest time between two heads there. A head is posted only if something happened."""
    old_receipt_keys: list[ReceiptKey] = Field(default_factory=list, max_length=KEYS_MAX)
    """Keys of receipts from before a change of the operator key, as ``/.well-known/veche/payments``
    named them then. Old receipts are checked with them."""
    organisations: list[OrganisationSection] = Field(
        default_factory=list, max_length=ORGANISATIONS_MAX
    )
    """Organisations that may make invoices over HTTP, with their keys."""
    webhook_networks: Networks = Field(default=(), examples=[["10.20.0.0/16"]])
    """Networks, beside the public Internet, in which organisations may receive events. Plain
    ``http`` is allowed there."""
    webhook_give_up_ms: Duration = 5 * DAY_MS
    """How long an address may fail before the service stops sending to it."""
    operators: list[Annotated[str, Field(pattern=r"^@[^:\s]+:\S+$", max_length=255)]] = Field(
        default_factory=list, max_length=DESK_MAX, examples=[["@admin:example.org"]]
    )
    """People whom the bot tells when a fault of the program stops a payment (a dead letter of the
    ledger)."""
    dispute_desk: list[Annotated[str, Field(pattern=r"^@[^:\s]+:\S+$", max_length=255)]] = Field(
        default_factory=list, max_length=DESK_MAX, examples=[["@clerk:example.org"]]
    )
    """People who decide disputes, in their own chats with the bot and with their own keys. If
    empty, payments cannot be disputed here."""
    dispute_appeal_desk: list[Annotated[str, Field(pattern=r"^@[^:\s]+:\S+$", max_length=255)]] = (
        Field(default_factory=list, max_length=DESK_MAX, examples=[["@judge:example.org"]])
    )
    """People who decide appeals; the person who decided first never does. If empty, the others of
    ``dispute_desk`` do; if it has no others, the first decision is final."""
    dispute_appeal_ms: Annotated[Duration, Field(ge=HOUR_MS, le=30 * DAY_MS)] = 5 * DAY_MS
    """How long either side has to appeal the desk's decision."""
    dispute_terms_ms: Duration = 120 * DAY_MS
    """How long after a payment it can be disputed."""
    dispute_answer_ms: Annotated[Duration, Field(ge=HOUR_MS, le=30 * DAY_MS)] = 10 * DAY_MS
    """How long the payee has to answer. After that, the desk decides."""
    dispute_decide_ms: Annotated[Duration, Field(ge=HOUR_MS, le=59 * DAY_MS)] = 30 * DAY_MS
    """How long the desk has to decide. After that, the amount goes back to the payee. At most 89
    days together with the time to answer."""
    case_rooms_stay_ms: Annotated[Duration, Field(ge=MINUTE_MS, le=366 * DAY_MS)] = 30 * DAY_MS
    """How long the bot stays in the room of a dispute or an escrow that is over; the room itself
    stays with the people."""
    banks: list[BankSection] = Field(default_factory=list, max_length=BANKS_MAX)
    """Its bank accounts, by which money comes in and goes out."""
    peers: list[PeerSection] = Field(default_factory=list, max_length=PEERS_MAX)
    """Other institutions, on servers of their own, whose people can be paid from here."""
    peer_wait_ms: Annotated[Duration, Field(ge=5_000, le=PREPARED_MS_MAX)] = MINUTE_MS
    """How long another institution has to accept a payment. After that, the payer gets the money
    back."""
    grants: dict[str, Annotated[str, AfterValidator(_check_amount)]] = Field(
        default_factory=dict, max_length=GRANTS_MAX
    )
    """For demos and tests: money that accounts begin with, by user id or id of an organisation:
    ``{"@alice:example.org": 1000 EUR}``. It comes from nowhere, so never use it with real money."""
    newcomer_grant: Annotated[str, AfterValidator(_check_amount)] | None = Field(
        default=None, examples=["100 EUR"]
    )
    """For demos: money for each person of this homeserver who has no grant of their own. They get
    it when they begin a chat with the bot or open their wallet. Never use it with real money."""

    @model_validator(mode="after")
    def _check_currencies(self) -> Self:
        if len(set(self.currencies)) != len(self.currencies):
            raise ValueError("currencies: each should stand there once")
        unknown = (self.fees.keys() | self.first_payee_limits.keys()) - set(self.currencies)
        granted = [*self.granted().values(), *filter(None, [self.granted_to_newcomers()])]
        unknown |= {one.currency for one in granted} - set(self.currencies)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} should be in currencies too")
        if len({one.id for one in self.organisations}) != len(self.organisations):
            raise ValueError("organisations: each should stand there once")
        if len({one.name for one in self.banks}) != len(self.banks):
            raise ValueError("banks: each should stand there once")
        if len({one.server for one in self.peers}) != len(self.peers):
            raise ValueError("peers: each should stand there once")
        if not {code for one in self.peers for code in _currencies_of(one)} <= set(self.currencies):
            raise ValueError("peers: their currencies should be in currencies too")
        if not {one.currency for one in self.banks} <= set(self.currencies):
            raise ValueError("banks: their currencies should be in currencies too")
        return self

    def organisation(self, name: str) -> OrganisationSection | None:
        """An organisation by its name in the log of acts; None if it is not named here."""
        return next((one for one in self.organisations if one.id == name), None)

    def peer(self, server: str) -> PeerSection | None:
        """Another institution by the name of its server; None if there is no agreement with it."""
        return next((one for one in self.peers if one.server == server), None)

    def fee_minor(self, currency: str) -> int:
        """Return the fee of a payment, in minor units."""
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
        """Return the kinds of an organisation's goods; none if it does not use the HTTP API."""
        found = next((one for one in self.organisations if one.id == organisation), None)
        return frozenset(found.kinds) if found is not None else frozenset()

    def granted(self) -> dict[str, Money]:
        """The money that accounts begin with, by user id or id of an organisation."""
        return {user_id: _money(amount, None) for user_id, amount in self.grants.items()}

    def granted_to_newcomers(self) -> Money | None:
        """The money that everybody begins with who has no grant of their own."""
        return None if self.newcomer_grant is None else _money(self.newcomer_grant, None)

    def name_in(self, language: str) -> str:
        """The name of the institution in a language."""
        return self.name.get(language) or next(iter(self.name.values()))
