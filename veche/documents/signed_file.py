"""Signed files of each kind that we judge: PDF, and containers of any files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from veche.documents.asic import bytes_before, is_container
from veche.documents.asic.verdict import certificates_of, judge_container
from veche.documents.pki.asking import questions_about
from veche.documents.pki.stated import addresses_of, may_sign_documents, read_certificate
from veche.documents.signatures.foreign import certificates_elsewhere, judge_elsewhere
from veche.documents.signatures.other_forms import ARCHIVE, is_apart, is_ours, is_signed_archive
from veche.documents.signatures.report import Finding, Reason, Verdict, reported
from veche.documents.signatures.verdict import begins_signed, certificates_in, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from veche.documents.pki.asking import Question
    from veche.documents.signatures.judging import Trusted
    from veche.documents.signatures.report import Report

SANDBOX_IMPORTS: Final = ()
"""What the sandbox imports once for all of its children (``veche/runtime/files/sandbox.py``)."""
FILE_BYTES_MAX: Final = 100 * 1024 * 1024
PDF: Final = b"%PDF-"
_HEADER_BYTES_MAX: Final = 1024
"""How far into a file readers look for the header of a PDF."""
_RANGE_NAME: Final = re.compile(
    b"/" + b"".join(b"(?:%c|#%02x|#%02X)" % (one, one, one) for one in b"ByteRange")
)
"""With letters that are written by their numbers, or without."""
_ENCRYPTED: Final = b"/Encrypt"
_END: Final = b"%%EOF"
_END_BYTES: Final = 1024
"""From its end: where readers look for the end of a PDF."""
_PARTS: Final = (PDF, b" obj", b"startxref")

__all__ = [
    "FILE_BYTES_MAX",
    "PDF",
    "file_addresses",
    "file_certificates",
    "file_questions",
    "is_container",
    "is_signed_file",
    "judge_file",
    "lasting_addresses",
    "lasting_serials",
]


def is_signed_file(data: bytes) -> bool:
    """Return whether a file is of a kind that has signatures; its first MiB is enough."""
    beginning = data[:_HEADER_BYTES_MAX]
    is_json = beginning.lstrip().startswith((b"{", b"["))  # Such as a receipt that names a PDF.
    is_known = data.startswith(ARCHIVE) or (PDF in beginning and not is_json)
    return is_known or bytes_before(data) > 0 or is_apart(data)


def judge_file(data: bytes, by: Trusted) -> Report:
    """Judge a file of any kind.

    Args:
        data: The file, at most ``FILE_BYTES_MAX``.
        by: What is trusted, and the time.
    """
    if is_container(data) and is_ours(data):
        return judge_container(data, by)
    if (other := _of_another_kind(data)) is not None:
        return reported([other])
    report = _judge_pdf(data, by)
    before = data.find(PDF, 0, _HEADER_BYTES_MAX)
    if before > 0 and report.verdict is Verdict.INVALID:
        return reported([Finding(Reason.BEFORE, detail=f"the PDF begins after {before} bytes")])
    return report


def _judge_pdf(data: bytes, by: Trusted) -> Report:
    report = judge(data, by)
    if not _may_be_of_others(data, report):
        return report
    if (others := judge_elsewhere(data, by)) is not None:
        return others
    return _without_signature(data) if report.verdict is Verdict.UNREADABLE else report


def _of_another_kind(data: bytes) -> Finding | None:
    """Return what is to be said of a file that is none of ours and no PDF; None of others."""
    if data.startswith(ARCHIVE):
        return Finding(Reason.FOREIGN if is_signed_archive(data) else Reason.NO_SIGNATURE)
    if before := bytes_before(data):
        return Finding(Reason.BEFORE, detail=f"the container begins after {before} bytes")
    return Finding(Reason.APART) if is_apart(data) else None


def _without_signature(pdf: bytes) -> Report:
    """Return the report on a PDF of another form in which no signature is read."""
    if _RANGE_NAME.search(pdf):
        reason = Reason.NOT_READ
    elif _ENCRYPTED in pdf:
        reason = Reason.LOCKED
    else:
        _, end, after = pdf[-_END_BYTES:].rpartition(_END)
        is_whole = end and b" obj" not in after and all(one in pdf for one in _PARTS)
        reason = Reason.NO_SIGNATURE if is_whole else Reason.UNREADABLE
    return reported([Finding(reason)])


def _may_be_of_others(pdf: bytes, report: Report) -> bool:
    """Return whether no signature of our form is in a file, at least not as the first one."""
    found = {one.reason for one in report.findings}
    if found == {Reason.CHANGED} and not report.signers:
        return not begins_signed(pdf)
    return found == {Reason.UNREADABLE}


def file_certificates(data: bytes) -> list[x509.Certificate]:
    """The certificates that a file has; whoever made it chose them."""
    if is_container(data):
        return certificates_of(data)
    return certificates_in(data) or certificates_elsewhere(data)


def file_addresses(data: bytes) -> list[str]:
    """Where the certificates in a file say that their lists are, each once."""
    held = file_certificates(data)
    return list(dict.fromkeys(address for one in held for address in addresses_of(one)))


def file_questions(
    data: bytes, roots: Sequence[bytes], *, is_lasting: bool = False
) -> list[Question]:
    """List the questions to responders about the certificates in a file.

    Args:
        data: The file; whoever made it chose the addresses.
        roots: Certificates that are trusted, DER; issuers may be among them alone.
        is_lasting: Of authorities and time stamps alone.
    """
    held = file_certificates(data)
    known = [*held, *filter(None, map(read_certificate, roots))]
    return questions_about(_lasting(data) if is_lasting else held, known)


def lasting_addresses(data: bytes) -> list[str]:
    """As ``file_addresses``, of authorities and time stamps alone: their lists are renewed."""
    held = _lasting(data)
    return list(dict.fromkeys(address for one in held for address in addresses_of(one)))


def lasting_serials(data: bytes) -> list[int]:
    """The numbers of the certificates of authorities and time stamps in a file."""
    return [one.serial_number for one in _lasting(data)]


def _lasting(data: bytes) -> list[x509.Certificate]:
    return [one for one in file_certificates(data) if not may_sign_documents(one)]
