"""`veche verify` of a signed file: who signed it, when, and whether anything was changed."""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import re
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cryptography import x509

from veche.contracts.signing.own_certificate_api import AuthoritiesView
from veche.documents.pki.cms import der_of
from veche.documents.pki.digests import HASHES
from veche.documents.pki.stated import CURVE_NAMES
from veche.documents.signatures.anchors import NamedAnchor, anchor_of
from veche.documents.signatures.judging import ALGORITHMS_END, StampRoot
from veche.documents.signatures.report import Reason, Report, Verdict
from veche.documents.signatures.words import words_of
from veche.documents.signed_file import FILE_BYTES_MAX, file_addresses, file_questions
from veche.protocol.errors import MalformedError
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import parse
from veche.runtime.files.sandbox import SandboxError, in_sandbox
from veche.runtime.files.signed_files import (
    fetch_answers,
    fetch_lists,
    judge_encoded,
    read_file,
    read_roots,
)
from veche.runtime.verifying.published import Site, SiteError
from veche.runtime.verifying.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from veche.documents.signatures.report import Signed

SEALED: Final = 0
FALSE: Final = 1
NOT_PROVEN: Final = 3
AUTHORITIES_BYTES_MAX: Final = 1 << 20
"""Certificates of all that an operator may name."""
_SIGNING: Final = "/_veche/signing/v1"
_CODES: Final[Mapping[Verdict, int]] = MappingProxyType(
    {Verdict.SEALED: SEALED, Verdict.SIGNED: NOT_PROVEN, Verdict.UNPROVEN: NOT_PROVEN}
)
"""Exit codes; all others are ``FALSE``."""

_NAMES: Final = (*(one.name for one in HASHES), *CURVE_NAMES)
_ALGORITHM: Final = re.compile(rf"{'|'.join(_NAMES)}|rsa\d{{4,5}}")

_TRUST: Final = (
    "Give the certificates of the authorities that you trust with --root, also of those that only"
    " stamp; or the site whose authorities you trust with --site."
)
_HINTS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.UNKNOWN_SIGNER: _TRUST,
        Reason.TIME: _TRUST,
        Reason.LISTS: "Ask where the certificates say whether they were revoked with --online.",
    }
)


def add_distrust(parser: argparse.ArgumentParser) -> None:
    """Add the option by which algorithms are believed no more."""
    parser.add_argument(
        "--distrust",
        action="append",
        default=[],
        type=_distrusted,
        metavar="ALGORITHM=DAY",
        help="from this day (UTC) an algorithm proves nothing, such as sha256=2031-01-01: signed"
        " files have to be stamped by another one before; may be repeated",
    )


def _distrusted(text: str) -> tuple[str, dt.datetime]:
    name, _, day = text.partition("=")
    if not _ALGORITHM.fullmatch(name):
        raise argparse.ArgumentTypeError(
            f"{name!a} is none of {', '.join(_NAMES)}, rsa2048 and other lengths"
        )
    try:
        return name, dt.datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=dt.UTC)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"{day!a} is no day as 2031-01-01") from e


def verify_pdf(
    path: Path,
    roots: Sequence[Path],
    *,
    is_online: bool,
    is_json: bool = False,
    site: str | None = None,
    distrusted: Mapping[str, dt.datetime] = ALGORITHMS_END,
) -> int:
    """Say what can be said of a signed file: 0 if it holds, 1 if false, 3 if not all is proven.

    Args:
        path: The file, a PDF or a container.
        roots: Files with certificates of authorities that are trusted, PEM or DER.
        is_online: Ask the addresses that the certificates name for newer lists.
        is_json: Write the report as JSON.
        site: Address of a site whose authority is trusted, and those that its operator names;
            None: none is.
        distrusted: From when an algorithm proves nothing, by its name.
    """
    try:
        data = read_file(path, FILE_BYTES_MAX)
        ours, anchors = site_authorities(Site(site)) if site is not None else ([], [])
        encoded = [*map(der_of, read_roots(roots)), *ours]
        lists = _newest(data, encoded) if is_online else ()
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- the clock of a command
        report = in_sandbox(judge_encoded, data, encoded, now, lists, dict(distrusted))
    except SandboxError as e:
        sys.stderr.write(f"{path}: Nobody can tell: {e}.\n")
        return FALSE
    except (OSError, SiteError, MalformedError) as e:
        why = (e.strerror or "it cannot be read") if isinstance(e, OSError) else e
        sys.stderr.write(f"{path}: it could not be checked: {why}\n")
        return NOT_PROVEN
    digest = hashlib.sha256(data).digest()
    say = _json if is_json else _text
    sys.stdout.write(say(report, anchors, digest))
    return _CODES.get(report.verdict, FALSE)


def _newest(data: bytes, roots: Sequence[bytes]) -> list[bytes]:
    """Fetch the newest statements about the certificates in a file."""
    lists = fetch_lists(in_sandbox(file_addresses, data))
    return [*lists, *fetch_answers(in_sandbox(file_questions, data, roots))]


def site_authorities(site: Site) -> tuple[list[bytes], list[NamedAnchor]]:
    """The authority of a site, then those elsewhere that its operator takes, and what of them.

    Certificates are DER; of those who only stamp for it a ``StampRoot``.

    Raises:
        SiteError: It does not say them.
    """
    try:
        root = x509.load_der_x509_certificate(site.content(f"{_SIGNING}/ca/root.cer"))
        told = parse(
            AuthoritiesView,
            json.loads(site.content(f"{_SIGNING}/authorities", AUTHORITIES_BYTES_MAX)),
        )
        others = [
            x509.load_der_x509_certificate(decode_base64(one.certificate))
            for one in told.authorities
        ]
        stampers = [decode_base64(one) for one in told.stampers]
        for one in stampers:
            x509.load_der_x509_certificate(one)
    except (ValueError, RecursionError, MalformedError) as e:
        raise SiteError(f"{site.url} has no authority for signatures that can be read") from e
    anchors = [
        NamedAnchor.of(one.name, certificate, one.policies, is_qualified=one.level == "S4")
        for one, certificate in zip(told.authorities, others, strict=True)
    ]
    return [*map(der_of, [root, *others]), *map(StampRoot, stampers)], anchors


def _text(report: Report, anchors: Sequence[NamedAnchor], file_sha256: bytes) -> str:
    found = {finding.reason for finding in report.findings}
    hints = dict.fromkeys(hint for reason, hint in _HINTS.items() if reason in found)
    details = [f"Detail: {plain(one.detail)}" for one in report.findings if one.detail]
    said = words_of(report, "en", anchors, file_sha256)
    return "".join(f"{line}\n" for line in [said, *details, *hints])


def _json(report: Report, anchors: Sequence[NamedAnchor], file_sha256: bytes) -> str:
    """The report for programs; its reasons are stable."""
    content = {
        "verdict": report.verdict.value,
        "reasons": [
            {"reason": one.reason.value, "field": one.field, "detail": one.detail}
            for one in report.findings
        ],
        "signers": [
            {
                "field": one.field,
                "clause": one.clause or None,
                "name": one.name,
                "account": one.account,
                "level": one.level.name.lower() if one.level is not None else None,
                "registrar": one.registrar,
                "hand": None if one.hand is None else one.hand.name,
                "at_ms": one.at_ms,
                "is_proven": one.is_proven,
                "certificate_sha256": one.certificate_sha256.hex(),
                "issuer": one.issuer,
                "operator_says": _said(one, anchors),
            }
            for one in report.signers
        ],
        "file_sha256": file_sha256.hex(),
        "document_sha256": report.document_sha256.hex() if report.document_sha256 else None,
        "files": list(report.files),
        "closed_at_ms": report.closed_at_ms,
        "proven_until_ms": report.proven_until_ms,
    }
    return f"{json.dumps(content, ensure_ascii=True, indent=1)}\n"


def _said(one: Signed, anchors: Sequence[NamedAnchor]) -> dict[str, object] | None:
    """Return the site operator's statement on a signer's authority; None: there is none."""
    found = anchor_of(one, anchors)
    if found is None:
        return None
    return {"authority": found.name, "is_qualified": found.is_qualified}
