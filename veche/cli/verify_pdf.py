"""`veche verify` of a signed PDF: who signed it, when, and whether anything was changed."""

from __future__ import annotations

import datetime as dt
import sys
import urllib.error
import urllib.request
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError
from veche.protocol.pdf.document import FILE_BYTES_MAX
from veche.protocol.signatures.certificates import Level
from veche.protocol.signatures.report import Reason, Report, Verdict
from veche.protocol.signatures.verdict import Trusted, judge, list_addresses
from veche.runtime.sandbox import SandboxError, in_sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SEALED: Final = 0
FALSE: Final = 1
NOT_PROVEN: Final = 3
BEGINNING: Final = b"%PDF-"
LIST_BYTES_MAX: Final = 64 * 1024
LISTS_MAX: Final = 20
TIMEOUT_S: Final = 10
_CODES: Final[Mapping[Verdict, int]] = MappingProxyType(
    {Verdict.SEALED: SEALED, Verdict.SIGNED: NOT_PROVEN, Verdict.UNPROVEN: NOT_PROVEN}
)
"""Exit codes; all others are ``FALSE``."""

_VERDICTS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.SEALED: "It holds: who signed what and when is proven.",
        Verdict.SIGNED: "The signatures hold and nothing was changed, but not all of it is proven.",
        Verdict.UNPROVEN: "Nothing was changed, but who signed or when is not proven.",
        Verdict.INVALID: "False: do not rely on this file.",
        Verdict.UNSIGNED: "Nobody has signed this file.",
        Verdict.UNREADABLE: "Nobody can tell: not all readers would show this file alike.",
    }
)
_REASONS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.NO_SIGNATURE: "there is no signature in it",
        Reason.UNREADABLE: "it is no PDF of the form that is checked",
        Reason.TOO_MANY: "it has too many signatures",
        Reason.HIDDEN: "something was added that not all readers show",
        Reason.CHANGED: "it was changed after it was signed",
        Reason.RANGE: "the signature does not cover all of it",
        Reason.BROKEN: "the signature is broken",
        Reason.OTHER_DOCUMENT: "the certificate is for another document",
        Reason.REVOKED: "the certificate was revoked before",
        Reason.UNKNOWN_SIGNER: "no authority that you trust knows the signer: give it with --root",
        Reason.NOT_FOR_SIGNING: "the certificate is not for this",
        Reason.TIME: "no time stamp that you trust says when",
        Reason.NO_STAMP: "there is no time stamp",
        Reason.LISTS: "whether the certificate was revoked is not known: ask with --online",
        Reason.OPEN_TAIL: "no time stamp closes it",
        Reason.NOT_CERTIFIED: "the first signature lets others change it",
        Reason.ACTIVE: "it can change what it shows by itself",
        Reason.OTHERS: "there are older signatures in it, which were not checked",
    }
)
_LEVELS: Final[Mapping[Level | None, str]] = MappingProxyType(
    {
        Level.ACCOUNT: "known by their account",
        Level.SUBSTANTIAL: "identity checked",
        Level.HIGH: "identity checked in person",
        Level.SEAL: "seal of an organisation, no person",
        None: "the certificate does not say how they are known",
    }
)


def verify_pdf(path: Path, roots: Sequence[Path], *, is_online: bool) -> int:
    """Say what can be said of a PDF: 0 if it holds, 1 if it is false, 3 if not all is proven.

    Args:
        path: The file.
        roots: Files with certificates of authorities that are trusted, PEM or DER.
        is_online: Ask the addresses that the certificates name for newer lists.
    """
    try:
        pdf = _read(path, FILE_BYTES_MAX)
        trusted = [one for root in roots for one in _certificates(root)]
        lists = _lists(in_sandbox(list_addresses, pdf)) if is_online else ()
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- the clock of a command
        encoded = [one.public_bytes(Encoding.DER) for one in trusted]
        report = in_sandbox(_judge, pdf, encoded, now, lists)
    except SandboxError as e:
        sys.stderr.write(f"{path}: Nobody can tell: {e}.\n")
        return FALSE
    except (OSError, MalformedError) as e:
        sys.stderr.write(f"{path}: it could not be checked: {e}\n")
        return NOT_PROVEN
    sys.stdout.write(_text(report))
    return _CODES.get(report.verdict, FALSE)


def _judge(pdf: bytes, roots: Sequence[bytes], now: dt.datetime, lists: Sequence[bytes]) -> Report:
    trusted = [x509.load_der_x509_certificate(one) for one in roots]
    return judge(pdf, Trusted(trusted, now, lists))


def _read(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise MalformedError(path.name, f"over {bytes_max} bytes")
    return data


def _certificates(path: Path) -> Sequence[x509.Certificate]:
    data = _read(path, LIST_BYTES_MAX)
    try:
        if data.lstrip().startswith(b"-----"):
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except ValueError as e:
        raise MalformedError(str(path), "is no certificate") from e


def _lists(addresses: Sequence[str]) -> list[bytes]:
    """The newest lists; an address that does not answer is told and passed over."""
    found = []
    for address in addresses[:LISTS_MAX]:
        if urlsplit(address).scheme not in ("http", "https"):
            continue
        request = urllib.request.Request(address)  # noqa: S310 -- checked above
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
                found.append(answer.read(LIST_BYTES_MAX))
        except (OSError, ValueError) as e:
            sys.stderr.write(f"{showable(address)} does not answer: {e}\n")
    return found


def _text(report: Report) -> str:
    lines = [
        f"{'signed by':<12} {_plain(one.name)}{f', {_plain(one.account)}' if one.account else ''}"
        f" ({_LEVELS[one.level] if one.is_proven else 'not proven who that is'}),"
        f" {_time(one.at_ms)}"
        for one in report.signers
    ]
    if report.document_sha256 is not None:
        lines.append(f"{'document':<12} SHA-256 {report.document_sha256.hex()}")
    if report.closed_at_ms is not None:
        lines.append(f"{'closed':<12} {_time(report.closed_at_ms)}")
    for finding in report.findings:
        where = f"{_plain(finding.field)}: " if finding.field else ""
        detail = f" ({_plain(finding.detail)})" if finding.detail else ""
        lines.append(f"{'but':<12} {where}{_REASONS[finding.reason]}{detail}")
    return "".join(f"{line}\n" for line in [*lines, _VERDICTS[report.verdict]])


def _time(at_ms: int | None) -> str:
    if at_ms is None:
        return "at a time that is not proven"
    at = dt.datetime.fromtimestamp(at_ms // 1000, tz=dt.UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _plain(text: str) -> str:
    """On one line of a terminal, without what would turn or hide a part of it."""
    return showable(text).replace("\n", " ")
