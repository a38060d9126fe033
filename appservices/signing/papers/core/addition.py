"""Check that an upload adds exactly a party's signature, and nothing else.

The file is put together from what is kept and what came, and read as strictly as a verdict reads
it: one signature more, in the box of the party, and one after it in the box of each clause that
they accept by a signature of its own; all by the key of the certificate that was issued to them for
this document, stamped by us just now.

Source: design of Veche, signing §3.5.
"""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509

from appservices.signing.papers.core.growing import added
from appservices.signing.papers.core.judged import trusted
from veche.documents.asic import ArchiveError
from veche.documents.asic.container import prepare, read_container
from veche.documents.asic.verdict import judge_container
from veche.documents.pdf import lines_of
from veche.documents.pdf.document import Document
from veche.documents.pdf.grammar import NOTHING
from veche.documents.pdf.values import PdfError, dictionary, read_value
from veche.documents.pki.certificates import document_digest_of
from veche.documents.pki.cms import CmsError, der_of
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import read_token
from veche.documents.pki.trust import is_list_of_any
from veche.documents.signatures.checking import (
    Opened,
    SignatureFault,
    open_encoded,
    open_signature,
    signer_of,
)
from veche.documents.signatures.report import Reason
from veche.documents.signatures.verdict import judge, signatures_of
from veche.protocol.errors import BadSignatureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cryptography.x509 import Certificate

    from appservices.signing.authority.core.stampers import Stampers
    from veche.documents.pdf.grammar import SignatureField
    from veche.documents.pdf.structure import Revision
    from veche.documents.pki.digests import Hash

STAMP_AGE_MS_MAX: Final = 5 * 60_000
"""How old the time stamp of a signature may be when it is handed in."""

LINE_END_BYTES_MAX: Final = 2
"""Between the end of a file and the revision that is appended; either has the end of the line."""
_SHOWN_TIME: Final = "%Y-%m-%d %H:%M UTC"
_OBJECT: Final = b" obj"
_WHY: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.LISTS: " (a newest list of revoked certificates, or an answer of its authority, has"
        " to be in it about yours and about each above: where the authority offers neither, its"
        " certificates cannot sign here)",
        Reason.REVOKED: " (your certificate, or one above it, was revoked: get a new one)",
        Reason.UNKNOWN_SIGNER: " (your certificate was not valid then, or the certificates between"
        " it and an authority that is trusted here are missing)",
    }
)
"""What is wrong with a certificate of somebody's own, and what would help."""


@attrs.frozen
class Expected:
    """The requirements on a signature.

    Attributes:
        fields: Name of the party's box, then those of their clauses, in the order in which they
            are signed.
        document_sha256: Hash of the file before anybody signed it.
        certificate: Issued to the party; or one of their own, which they have approved.
        stamps: Of who stamps here.
        roots: By which the file will be judged, DER.
        known: DER of the certificates that may travel with it, beside those of who stamps
            elsewhere: this one, and the authorities'.
        signed_before: How many signatures the file has already.
        now_ms: UTC.
        is_own: It is by a certificate of the party's own, which is bound to no document.
    """

    fields: tuple[str, ...]
    document_sha256: bytes
    certificate: Certificate
    stamps: Stampers
    roots: tuple[bytes, ...]
    known: frozenset[bytes]
    signed_before: int
    now_ms: int
    is_own: bool = False


def check_addition(before: bytes, increment: bytes, expected: Expected) -> None:
    """Make sure that an increment adds one party's signature to a file, and all of it.

    Args:
        before: The file with all revisions so far.
        increment: What was handed in.
        expected: What it has to be.

    Raises:
        BadSignatureError: It is anything else; the message says what.
    """
    pdf = before + increment
    try:
        added = signatures_of(Document(pdf))[expected.signed_before :]
    except PdfError as e:
        raise BadSignatureError(f"the file would not be one that we read: {e}") from e
    _check_places([field for field, _ in added], expected.fields)
    if any(field.certifies == NOTHING for field, _ in added):
        raise BadSignatureError("it lets nobody sign after it (DocMDP 1): 2 is what is taken")
    if abs(added[0][1].start - len(before)) > LINE_END_BYTES_MAX:
        raise BadSignatureError("something else was added before it")
    try:
        for field, revision in added:
            _check_signed(pdf, field, revision, expected)
    except SignatureFault as e:
        raise BadSignatureError(str(e)) from e
    _check_verdict(pdf, expected)


def _check_places(added: Sequence[SignatureField], expected: Sequence[str]) -> None:
    """Make sure that what was signed is the party's box, then each of their clauses, once."""
    if any(one.is_stamp for one in added):
        raise BadSignatureError(f"it is not in your box {expected[0]}")
    _check_order([one.field for one in added], expected)


def _check_order(added: Sequence[str], expected: Sequence[str]) -> None:
    own, *clauses = expected
    if not added or (not clauses and len(added) > 1):
        raise BadSignatureError("it adds not just one signature")
    if added[0] != own:
        raise BadSignatureError(f"it is not in your box {own}")
    signed = added[1:]
    missing = [one for one in clauses if one not in signed]
    if missing:
        raise BadSignatureError(f"the clause in the box {missing[0]} is not signed by itself")
    if list(signed) != clauses:
        raise BadSignatureError(f"after your box, only these are signed: {', '.join(clauses)}")


def check_step(before: bytes, after: bytes, expected: Expected, kinds: Sequence[str] = ()) -> None:
    """Make sure that a container has one party's signature more, and nothing else.

    All but the signature itself is what we would have written: its name, its manifest, its place.

    Args:
        before: The container with all signatures so far, or without one.
        after: The same with what was handed in.
        expected: What it has to be; its ``fields`` do not count.
        kinds: Media types of its files, if nobody has signed it yet.

    Raises:
        BadSignatureError: It is anything else; the message says what.
    """
    try:
        steps = read_container(after).steps
        prepared = prepare(before, kinds)
        if len(steps) != expected.signed_before + 1:
            raise BadSignatureError("it adds not just one signature")
        if added(before, after) != prepared.filled(steps[-1].encoded):
            raise BadSignatureError("it adds something else than a signature over the file")
    except ArchiveError as e:
        raise BadSignatureError(f"the file would not be one that we read: {e}") from e
    step = steps[-1]
    try:
        opened = open_encoded(step.name, _known(prepared.digest), step.encoded, is_stamp=False)
        _check_opened(opened, expected)
        _check_lists(opened, expected)
    except SignatureFault as e:
        raise BadSignatureError(str(e)) from e
    report = judge_container(after, trusted(expected.roots, expected.now_ms))
    found = [one for one in report.findings if one.field == step.name]
    if found:
        raise BadSignatureError(f"the file would not hold: {found[0].reason.value}")


def _check_lists(opened: Opened, expected: Expected) -> None:
    """Make sure that the lists beside a signature are of those who issue here, and nothing else."""
    stampers = expected.stamps.chained(opened.certificates)
    known = [x509.load_der_x509_certificate(one) for one in (*expected.known, *stampers)]
    if not all(is_list_of_any(one, known) for one in opened.lists):
        raise BadSignatureError("a list travels with it that is not of here")


@attrs.frozen
class Claim:
    """A signature in a file that is not seen.

    Attributes:
        field: In which box it is said to be.
        encoded: It, DER.
        digest: SHA-256 of what it is said to cover.
    """

    field: str
    encoded: bytes
    digest: bytes


def check_claimed(
    claims: Sequence[Claim], expected: Expected, *, is_container: bool = False
) -> None:
    """Make sure that signatures are the party's, where the file that they are in is not seen.

    That they cover that file, and what else was added, the pages of the other parties find out.

    Args:
        claims: In the party's box, then in those of their clauses.
        expected: What they have to be.
        is_container: The file is a container, in which proofs travel with the signature.

    Raises:
        BadSignatureError: They are anything else.
    """
    _check_order([one.field for one in claims], expected.fields)
    if len({one.digest for one in claims}) != len(claims):
        # Each revision is longer than the one before, so no two cover the same.
        raise BadSignatureError("two of its signatures cover the same")
    try:
        for one in claims:
            opened = open_encoded(one.field, _known(one.digest), one.encoded, is_stamp=False)
            if is_container:
                _check_lists(opened, expected)
            elif opened.lists:
                raise BadSignatureError("lists belong into the store of proofs")
            _check_opened(opened, expected)
    except SignatureFault as e:
        raise BadSignatureError(str(e)) from e


def check_claimed_stamp(
    encoded: bytes, claimed: bytes, stamps: Stampers, now_ms: int, by: Hash = SHA256
) -> int:
    """Make sure that a time stamp over a file is ours and new, where the file is not seen.

    Until when it proves something, UTC.

    Args:
        encoded: The token, DER.
        claimed: SHA-256 of what it is said to cover; where it is by another hash, of its imprint.
        stamps: Who stamps here.
        now_ms: UTC.
        by: The hash of stamps here.

    Raises:
        BadSignatureError: It is anything else.
    """
    try:
        imprint = read_token(encoded).imprint
        if (imprint if by is SHA256 else SHA256.digest(imprint)) != claimed:
            raise BadSignatureError("its time stamp is over something else")
        opened = open_encoded("the time stamp", _known(imprint), encoded, is_stamp=True)
        stamps.check(opened, now_ms)
    except (SignatureFault, CmsError) as e:
        raise BadSignatureError(str(e)) from e
    if opened.stamp is None or opened.stamp.by is not by:
        raise BadSignatureError("its time stamp is by another hash: load the page again")
    _check_age(opened.stamped_at_ms or 0, now_ms)
    return round(opened.stamper().not_valid_after_utc.timestamp() * 1000)


def _known(digest: bytes) -> Callable[[Hash], bytes]:
    """A digest that is known, whatever hash is asked for; of another one it is another length."""
    return lambda _: digest


def _check_signed(
    pdf: bytes, field: SignatureField, revision: Revision, expected: Expected
) -> None:
    opened = open_signature(pdf, field, revision.ends)
    stamped_at_ms = _check_opened(opened, expected)
    if field.shows and abs(_shown_at_ms(pdf, field) - stamped_at_ms) > STAMP_AGE_MS_MAX:
        raise BadSignatureError("its picture shows another time than its time stamp")


def _check_opened(opened: Opened, expected: Expected) -> int:
    """Make sure that a signature is the party's over what it covers; the time of its stamp."""
    if opened.signed is None or opened.stamp is None:
        raise BadSignatureError("it has no time stamp")
    certificate = signer_of(opened.signed, opened.digest)
    if der_of(certificate) != der_of(expected.certificate):
        whose = "that you have approved" if expected.is_own else "that you were given"
        raise BadSignatureError(f"it is by another certificate than the one {whose}")
    if not expected.is_own and document_digest_of(certificate) != expected.document_sha256:
        raise BadSignatureError("its certificate is for another document")
    expected.stamps.check(opened, expected.now_ms)
    # What travels with a signature is not signed, so anything could be put there.
    others = set(opened.certificates) - expected.known
    if others and not expected.stamps.chained(opened.certificates) >= others:
        raise BadSignatureError("a certificate travels with it that is not of here")
    _check_age(opened.stamp.at_ms, expected.now_ms)
    return opened.stamp.at_ms


def _check_age(stamped_at_ms: int, now_ms: int) -> None:
    if abs(now_ms - stamped_at_ms) > STAMP_AGE_MS_MAX:
        raise BadSignatureError("its time stamp is older than five minutes: please sign again")


def _shown_at_ms(pdf: bytes, field: SignatureField) -> int:
    """The time in the picture of a signature, whole minutes UTC."""
    begin, end = field.place
    value, _, _ = read_value(pdf, pdf.index(_OBJECT, begin) + len(_OBJECT), end)
    shown = lines_of(dictionary(value, "a signature"))[-1]
    try:
        moment = dt.datetime.strptime(shown, _SHOWN_TIME).replace(tzinfo=dt.UTC)
    except ValueError as e:
        raise BadSignatureError("its picture shows no time") from e
    return int(moment.timestamp()) * 1000


def _check_verdict(pdf: bytes, expected: Expected) -> None:
    """Make sure that the file can be closed: nothing of this signature keeps it from being green.

    Why: what a verdict refuses at the end can be mended by nobody, and all who signed would have
    signed in vain.
    """
    report = judge(pdf, trusted(expected.roots, expected.now_ms))
    found = [one for one in report.findings if one.field in expected.fields]
    if not expected.signed_before:
        found += [one for one in report.findings if one.reason is Reason.NOT_CERTIFIED]
    if found:
        why = _WHY.get(found[0].reason, "") if expected.is_own else ""
        raise BadSignatureError(f"the file would not hold: {found[0].reason.value}{why}")
