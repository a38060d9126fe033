"""Entries of a directory: public JSON, signed, which never changes once its log has it.

An entry is accepted only as the bytes that its own canonical JSON is. Who has to have signed it,
and what it may change, is decided where entries are put together (``rules``).
Source: design of Veche, identity §9.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from veche.protocol.acts import ActClass
from veche.protocol.canonical import canonical
from veche.protocol.errors import BadSignatureError, MalformedError, TooLargeError
from veche.protocol.ids import MATRIX_ID_CHARACTERS_MAX
from veche.protocol.json_reader import read_json
from veche.protocol.wire import Wire, mapping, parse
from veche.transparency.envelope import verify
from veche.transparency.notes import SIZE_MAX, KeyKind, VerifierKey, read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENTRY_BYTES_MAX: Final = 32 * 1024
SIGNERS_MAX: Final = 8
"""Most names and keys that sign an entry."""
ACCOUNTS_MAX: Final = 100
NAMES_MAX: Final = 100
"""Protected names of an organisation."""
PURPOSES_MAX: Final = 50
LOGS_MAX: Final = 16
AT_MS_MAX: Final = 253_402_300_799_999
"""The last millisecond that calendars of computers know: of the year 9999."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of what nobody sees, or what turns a line round."""
_HOST: Final = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?$"


def _shown(text: str) -> str:
    if not text.strip() or any(unicodedata.category(one) in _HIDDEN for one in text):
        raise ValueError("should be a line of text, without characters that nobody sees")
    return text


OrgId = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,126}[a-z0-9])?$")]
"""As in the log of acts (``veche.protocol.acts``)."""
Moment = Annotated[int, Field(ge=0, le=AT_MS_MAX)]
Index = Annotated[int, Field(ge=0, le=SIZE_MAX)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_shown)]
Words = Annotated[str, Field(max_length=1_000), AfterValidator(_shown)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Texts = Annotated[dict[Language, Line], Field(min_length=1, max_length=32)]
"""What something is called, by language."""
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
KeyText = Annotated[str, Field(min_length=1, max_length=400)]
"""``VerifierKey.to_text``."""
Account = Annotated[
    str, Field(max_length=MATRIX_ID_CHARACTERS_MAX, pattern=r"^@[!-9;-~]{0,200}:[!-~]{1,253}$")
]
MasterKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$")]
"""Public master key of cross-signing, unpadded base64."""


class _Strict(Wire):
    """A signed model: no other fields, and no other types."""

    model_config = ConfigDict(extra="forbid")


class AccountKey(_Strict):
    """An account of an organisation.

    Attributes:
        user: Its Matrix id.
        master: The master key by which others know that it is this account.
    """

    user: Account
    master: MasterKey


class Purpose(_Strict):
    """A purpose for which an organisation may ask people for data.

    Attributes:
        code: As in its acts.
        title: For people.
        basis: The law.
        claims: What is asked for.
        retention_days: How long it keeps that; None: nothing is said.
    """

    code: Code
    title: Texts
    basis: Line
    claims: list[Code] = Field(default=[], max_length=50)
    retention_days: Annotated[int, Field(ge=0, le=40_000)] | None = None


class Entry(_Strict):
    """The fields that all entries have.

    Attributes:
        v: 1.
        kind: What it is.
        org: Which organisation it is about.
        at_ms: When it was made, UTC.
        prev: Place of the last entry about this organisation; None: there is none.
    """

    v: Annotated[int, Field(ge=1, le=1)]
    kind: str
    org: OrgId
    at_ms: Moment
    prev: Index | None


class OrgEntry(Entry):
    """An entry that describes an organisation.

    Attributes:
        names: By language.
        domain: Its domain on the web.
        domain_seen_ms: When the domain said its key; None: nobody saw that.
        parent: Of which it is a part; None: of none in this directory.
        key: By which it signs entries about those below it, and changes of its own.
        accounts: Through which it speaks.
        logs: Keys of its logs of acts.
        classes: Acts that it may do.
        purposes: What it may ask for.
        seals: Whether it may seal documents.
        complaints: Address for complaints about it.
        valid_from_ms: From when it is official.
        valid_until_ms: Until when; None: it has no end.
    """

    kind: Literal["org"]
    names: Texts
    domain: Annotated[str, Field(pattern=_HOST)]
    domain_seen_ms: Moment | None = None
    parent: OrgId | None
    key: KeyText
    accounts: Annotated[list[AccountKey], Field(max_length=ACCOUNTS_MAX)]
    logs: list[KeyText] = Field(default=[], max_length=LOGS_MAX)
    classes: list[Annotated[ActClass, Field(strict=False)]] = Field(default=[], max_length=64)
    purposes: list[Purpose] = Field(default=[], max_length=PURPOSES_MAX)
    seals: bool = False
    complaints: Line
    valid_from_ms: Moment
    valid_until_ms: Moment | None = None


class RotateEntry(Entry):
    """Other keys or accounts of an organisation.

    Attributes:
        key: Its new key; None: it stays.
        accounts: All that it has from then on; None: they stay.
    """

    kind: Literal["rotate"]
    key: KeyText | None = None
    accounts: Annotated[list[AccountKey], Field(max_length=ACCOUNTS_MAX)] | None = None


class NamesEntry(Entry):
    """Names that nobody else may bear; they replace those of before.

    Attributes:
        names: As they are written.
        appeal: Whom somebody writes to who is refused because of one.
    """

    kind: Literal["names"]
    names: Annotated[list[Line], Field(max_length=NAMES_MAX)]
    appeal: Line


class SuspendEntry(Entry):
    """An organisation is not official for a while.

    Attributes:
        reason: For people.
        until_ms: Until when; None: until it is resumed.
        appeal: Whom the organisation writes to.
    """

    kind: Literal["suspend"]
    reason: Words
    until_ms: Moment | None = None
    appeal: Line


class ResumeEntry(Entry):
    """An organisation is official again.

    Attributes:
        reason: For people.
    """

    kind: Literal["resume"]
    reason: Words


class EndEntry(Entry):
    """An organisation is official no more, for ever.

    Attributes:
        reason: For people.
        appeal: Whom the organisation writes to.
    """

    kind: Literal["end"]
    reason: Words
    appeal: Line


AnyEntry = OrgEntry | RotateEntry | NamesEntry | SuspendEntry | ResumeEntry | EndEntry
KINDS: Final[Mapping[str, type[AnyEntry]]] = {
    "org": OrgEntry,
    "rotate": RotateEntry,
    "names": NamesEntry,
    "suspend": SuspendEntry,
    "resume": ResumeEntry,
    "end": EndEntry,
}


class UnknownKindError(MalformedError):
    """An entry is of a kind that this version does not know: it changes nothing here."""

    errcode = "ORG.VECHE.DIRECTORY_KIND"


def entry_text(value: Mapping[str, Any]) -> str:
    """The text of an entry, as a log has it.

    Raises:
        MalformedError: It has no canonical JSON.
        TooLargeError: It is over ``ENTRY_BYTES_MAX``.
    """
    data = canonical(value, where="entry")
    if len(data) > ENTRY_BYTES_MAX:
        raise TooLargeError(f"an entry has at most {ENTRY_BYTES_MAX} bytes")
    return data.decode()


def read_entry(text: str) -> tuple[AnyEntry, Mapping[str, Any]]:
    """Parse an entry; return it and the signed object. No signature is checked.

    Raises:
        MalformedError: It has another form, or is written otherwise than in canonical JSON.
        TooLargeError: It is over ``ENTRY_BYTES_MAX``.
        UnknownKindError: Of a kind that is not known.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > ENTRY_BYTES_MAX:
        raise TooLargeError(f"an entry has at most {ENTRY_BYTES_MAX} bytes")
    value = mapping(read_json(data, where="entry"))
    if canonical(value, where="entry") != data:
        raise MalformedError("entry", "is not canonical JSON")
    return parsed(value), value


def parsed(value: Mapping[str, Any]) -> AnyEntry:
    """Parse an entry; its signatures are left out.

    Raises:
        MalformedError: It has another form.
        UnknownKindError: Of a kind that is not known.
    """
    kind = value.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise UnknownKindError("entry.kind", f"should be one of {', '.join(KINDS)}")
    said = {key: one for key, one in value.items() if key != "signatures"}
    entry: AnyEntry = parse(model, said, where="entry")
    _check_keys(entry)
    return entry


def key_of(organisation: str, text: str) -> VerifierKey:
    """The key of an organisation.

    Raises:
        MalformedError: It is none, or is in the name of somebody else.
    """
    key = read_verifier_key(text)
    if key.name != organisation or key.kind is not KeyKind.LOG:
        raise MalformedError("entry.key", f"should be a key in the name of {organisation}")
    return key


def signers(value: Mapping[str, Any], keys: Iterable[VerifierKey]) -> frozenset[VerifierKey]:
    """Which of the known keys have signed an entry; signatures by others are passed over.

    Raises:
        BadSignatureError: There are too many, or one by a known key is wrong.
        MalformedError: It has no canonical JSON.
    """
    signatures = mapping(value.get("signatures"))
    if sum(len(mapping(one)) for one in signatures.values()) > SIGNERS_MAX:
        raise BadSignatureError(f"an entry has at most {SIGNERS_MAX} signatures")
    found = set()
    for key in keys:
        key_id = f"ed25519:{key.version}"
        if key_id in mapping(signatures.get(key.name)):
            verify(value, key.name, {key_id: key.key})
            found.add(key)
    return frozenset(found)


def signing_names(value: Mapping[str, Any]) -> frozenset[str]:
    """In whose names an entry says that it is signed; nothing of it is checked."""
    return frozenset(mapping(value.get("signatures")))


def _check_keys(entry: AnyEntry) -> None:
    if isinstance(entry, OrgEntry):
        for log in entry.logs:
            read_verifier_key(log)
    if isinstance(entry, OrgEntry | RotateEntry):
        if entry.key is not None:
            key_of(entry.org, entry.key)
        users = [one.user for one in entry.accounts or ()]
        if len(set(users)) != len(users):
            raise MalformedError("entry.accounts", "names an account twice")
