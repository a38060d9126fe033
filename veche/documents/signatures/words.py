"""Verdicts in words, for the command line and for chats."""

from __future__ import annotations

import datetime as dt
import functools
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from veche.documents.pki.certificates import Level
from veche.documents.signatures.anchors import anchor_of
from veche.documents.signatures.report import Reason, Verdict
from veche.protocol.approval import showable
from veche.protocol.texts.catalogue import N_, Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from veche.documents.signatures.anchors import NamedAnchor
    from veche.documents.signatures.report import Finding, Report, Signed

FILES_SHOWN_MAX: Final = 20
"""Names of files in a container that are told."""
_VERDICTS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.SEALED: N_("It holds: who signed what and when is proven."),
        Verdict.SIGNED: N_(
            "The signatures hold and nothing was changed, but not all of it is proven."
        ),
        Verdict.UNPROVEN: N_("Nothing was changed, but who signed or when is not proven."),
        Verdict.INVALID: N_("False: do not rely on this file."),
        Verdict.UNSIGNED: N_("Nobody has signed this file."),
        Verdict.UNREADABLE: N_("Nobody can tell: this file cannot be checked here."),
    }
)
_ADDED_TO: Final = N_(
    "The signatures are intact, but something was added to the file after signing. That was not"
    " checked."
)
_UNPROVEN: Final = N_("The signatures are intact, but not all of the file is proven or checked.")
_REASONS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.NO_SIGNATURE: N_("there is no signature in it"),
        Reason.UNREADABLE: N_("it has another form than those that are checked"),
        Reason.BEFORE: N_(
            "other bytes stand before the signed file in it, so not all programs find that:"
            " ask for the file once more, as it was signed"
        ),
        Reason.LOCKED: N_("it is locked by a password: ask for a copy without one"),
        Reason.NOT_READ: N_(
            "a signature in it has a form or an algorithm that is not checked here: check it with"
            " the program that made it"
        ),
        Reason.APART: N_(
            "it is a signature of another kind (CAdES or XAdES, such as .p7s, .p7m or .xml): check"
            " it with the program that made it"
        ),
        Reason.FOREIGN: N_(
            "another program made this container and signed it: check it with that program"
        ),
        Reason.TOO_MANY: N_("it has too many signatures"),
        Reason.HIDDEN: N_("something was added that not all programs show"),
        Reason.CHANGED: N_("it was changed after it was signed"),
        Reason.RANGE: N_("the signature does not cover all of it"),
        Reason.BROKEN: N_("the signature is broken"),
        Reason.OTHER_DOCUMENT: N_("the certificate is for another document"),
        Reason.REVOKED: N_("the certificate had been revoked"),
        Reason.UNKNOWN_SIGNER: N_("no authority that is trusted here knows the signer"),
        Reason.NOT_FOR_SIGNING: N_("the certificate is not for this"),
        Reason.TIME: N_("no time stamp that is trusted here says when"),
        Reason.NO_STAMP: N_("there is no time stamp"),
        Reason.LISTS: N_("whether the certificate was revoked is not known"),
        Reason.OPEN_TAIL: N_("no time stamp closes it"),
        Reason.NOT_CERTIFIED: N_("the first signature lets others change it"),
        Reason.ACTIVE: N_("it can change what it shows by itself"),
        Reason.OTHERS: N_("there are older signatures in it, which were not checked"),
        Reason.ALGORITHM: N_("its algorithm is not trusted any more"),
        Reason.ELSEWHERE: N_(
            "it was signed with another program, in a form that not all programs show alike"
        ),
        Reason.EARLIER: N_("what was added after this signature was not checked"),
        Reason.CLAUSE: N_(
            "a clause that needs a signature of its own was not signed by who signed the document"
        ),
    }
)
_LEVELS: Final[Mapping[Level | None, str]] = MappingProxyType(
    {
        Level.ACCOUNT: N_("known by their account"),
        Level.SUBSTANTIAL: N_("identity checked"),
        Level.HIGH: N_("identity checked in person"),
        Level.IN_PERSON: N_("identified in person by {registrar}"),
        Level.SEAL: N_("seal of an organisation, no person"),
        None: N_("certificate of {issuer}, which does not say how they are known"),
    }
)


@functools.cache
def _catalogue() -> Catalogue:
    return Catalogue.load("veche.documents")


def words_of(
    report: Report, locale: str, anchors: Sequence[NamedAnchor] = (), file_sha256: bytes = b""
) -> str:
    """Write a report in plain text: the verdict, who signed and when, why it is not green.

    The texts of a file (names, fields) are on one line each, without characters that would turn or
    hide a part of it.

    Args:
        report: On a file.
        locale: One of ``veche.protocol.texts.catalogue.LANGUAGES``; any other counts as English.
        anchors: Authorities that the site's operator has named.
        file_sha256: Of the file as it is, which others tell by it, or find out themselves
            (``sha256sum``); empty: it is not said.
    """
    return "\n".join([*_lines(report, locale, anchors), *_digests(report, locale, file_sha256)])


def verdict_words(verdict: Verdict, locale: str) -> str:
    """Say a verdict in a sentence that is true whatever its reasons are."""
    words = _UNPROVEN if verdict is Verdict.UNPROVEN else _VERDICTS[verdict]
    return _catalogue().text(locale, words)


def _headline(report: Report) -> str:
    """Return the message id of what the whole report says."""
    is_added_to = any(one.reason is Reason.EARLIER for one in report.findings)
    is_intact = report.verdict is Verdict.UNPROVEN
    return _ADDED_TO if is_added_to and is_intact else _VERDICTS[report.verdict]


def _lines(report: Report, locale: str, anchors: Sequence[NamedAnchor]) -> Iterator[str]:
    words = _catalogue()
    yield words.text(locale, _headline(report))
    for one in report.signers:
        yield _signer(one, locale, anchors)
    if report.files:
        names = ", ".join(map(_plain, report.files[:FILES_SHOWN_MAX]))
        more = ", …" if len(report.files) > FILES_SHOWN_MAX else ""
        yield words.text(locale, "Files: {names}", names=f"{names}{more}")
    if report.closed_at_ms is not None:
        yield words.text(locale, "Closed: {time}", time=_time(report.closed_at_ms))
    if report.proven_until_ms is not None:
        day = _time(report.proven_until_ms)[: len("2026-01-01")]
        yield words.text(locale, "Provable until {day}, if it is not renewed before", day=day)
    for finding in report.findings:
        yield words.text(locale, "But: {reason}", reason=_reason(finding, locale))


def _digests(report: Report, locale: str, file_sha256: bytes) -> Iterator[str]:
    """List the digest of the file, which each signature changes, and that of the signed content."""
    words, signed = _catalogue(), report.document_sha256
    if file_sha256:
        yield words.text(locale, "SHA-256 of this file: {digest}", digest=file_sha256.hex())
    if signed is not None:
        message = (
            N_("SHA-256 of what was signed in it: {digest}")
            if report.files
            else N_("SHA-256 before anybody signed it: {digest}")
        )
        yield words.text(locale, message, digest=signed.hex())


def _how(one: Signed, locale: str, anchors: Sequence[NamedAnchor]) -> str:
    """How the signer is known, and by whose word."""
    how, anchor = _LEVELS[one.level], anchor_of(one, anchors)
    if not one.is_proven:
        how = N_("not proven who that is")
    elif anchor is not None and anchor.is_qualified:
        how = N_(
            "certificate of {issuer}, below {anchor}: qualified, according to the operator of this"
            " site"
        )
    elif anchor is not None:
        how = N_("certificate of {issuer}, below {anchor}, which the operator of this site takes")
    return _catalogue().text(
        locale,
        how,
        registrar=_plain(one.registrar) or "?",
        issuer=_plain(one.issuer) or "?",
        anchor="" if anchor is None else _plain(anchor.name),
    )


def _signer(one: Signed, locale: str, anchors: Sequence[NamedAnchor]) -> str:
    words = _catalogue()
    who = ", ".join(filter(None, (_plain(one.name), _plain(one.account))))
    unknown = words.text(locale, "at a time that is not proven")
    time = unknown if one.at_ms is None else _time(one.at_ms)
    how = _how(one, locale, anchors)
    values = {"who": who, "how": how, "time": time}
    if one.level is Level.SEAL:
        return words.text(locale, "Sealed by {who} ({how}), {time}", **values)
    if one.hand is not None:
        writer = _plain(one.hand.name)
        if one.is_proven:
            return words.text(
                locale,
                "{writer} agreed by hand, without a key; witnessed with a key by {who} ({how}),"
                " {time}",
                writer=writer,
                **values,
            )
        return words.text(
            locale,
            "{writer} is said to have agreed by hand, without a key, before {who} ({how}), {time}",
            writer=writer,
            **values,
        )
    if one.clause:
        clause = _plain(one.clause)
        return words.text(
            locale,
            "Clause {clause} signed by itself by {who} ({how}), {time}",
            clause=clause,
            **values,
        )
    return words.text(locale, "Signed by {who} ({how}), {time}", **values)


def _reason(finding: Finding, locale: str) -> str:
    where = f"{_plain(finding.field)}: " if finding.field else ""
    return f"{where}{_catalogue().text(locale, _REASONS[finding.reason])}"


def _time(at_ms: int) -> str:
    at = dt.datetime.fromtimestamp(at_ms // 1000, tz=dt.UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _plain(text: str) -> str:
    return showable(text).replace("\n", " ")
