"""The strict verdict on a signed PDF: who signed what, when, and what a checker can rely on.

A file is judged by its bytes alone. It is green only if every byte is accounted for, what follows
the first signature is signatures and their proofs, each signature holds and was made with a
certificate that was good at the time of its stamp, and a trusted stamp closes the file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.document import Document
from veche.documents.pdf.grammar import (
    NOTHING,
    State,
    active_names,
    clause_boxes,
    has_other_signatures,
    has_signature,
    read_addition,
)
from veche.documents.pdf.signing import stored
from veche.documents.pdf.structure import revisions
from veche.documents.pdf.values import PdfError
from veche.documents.pki.stated import addresses_of, read_certificate
from veche.documents.pki.trust import Trust
from veche.documents.signatures.checking import Opened, SignatureFault, open_signature
from veche.documents.signatures.foreign import judge_elsewhere
from veche.documents.signatures.judging import Judge, Trusted
from veche.documents.signatures.report import Finding, Reason, Report, reported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from veche.documents.pdf.grammar import SignatureField
    from veche.documents.pdf.structure import Revision
    from veche.documents.signatures.report import Signed

__all__ = [
    "SIGNATURES_MAX",
    "Trusted",
    "begins_signed",
    "certificates_in",
    "judge",
    "list_addresses",
    "signatures_of",
]

SIGNATURES_MAX: Final = 300
"""As many as can sign a document, and stamps that close and renew it."""
_MARKER: Final = b"%%EOF"
_BEGINNINGS_MIN: Final = 4
"""How many beginnings are looked at, however large they are; and up to where more are."""
_BEGINNINGS_BYTES_MAX: Final = 32 * 1024 * 1024


def judge(pdf: bytes, by: Trusted) -> Report:
    """Judge a file.

    Args:
        pdf: The file, at most 100 MiB.
        by: What is trusted, and the time.
    """
    try:
        document = Document(pdf)
        parts = revisions(document)
    except PdfError as e:
        reason = Reason.HIDDEN if begins_signed(pdf) else Reason.UNREADABLE
        return reported([Finding(reason, detail=str(e))])
    try:
        split = _split(document, parts)
        if len(split.added) > SIGNATURES_MAX:
            return reported([Finding(Reason.TOO_MANY)])
        others = _others(document, split, by)
        if not split.added:
            return others or reported([Finding(Reason.NO_SIGNATURE)])
        return _Walk(document, split, by, others).report()
    except PdfError as e:
        return reported([Finding(Reason.CHANGED, detail=str(e))])


def signatures_of(document: Document) -> list[tuple[SignatureField, Revision]]:
    """The signatures of a file with their revisions, first to last; whether they hold is not said.

    Raises:
        PdfError: The file is outside the sealed profile, or was changed after a signature.
    """
    # Those of other programs are not among them.
    return list(_split(document, revisions(document)).added)


def certificates_in(pdf: bytes) -> list[x509.Certificate]:
    """The certificates that a file has, in no certain order; none if it is no file.

    Whoever made the file chose them.
    """
    try:
        document = Document(pdf)
        added = signatures_of(document)
        encoded = list(stored(document, b"/Certs"))
    except PdfError:
        return []
    for field, revision in added:
        try:
            encoded += open_signature(document.pdf, field, revision.ends).certificates
        except SignatureFault:
            continue
    found = (read_certificate(one) for one in dict.fromkeys(encoded))
    return [one for one in found if one is not None]


def list_addresses(pdf: bytes) -> list[str]:
    """Where the certificates in a file say that their lists are, each once; none if it is no file.

    Whoever made the file chose them.
    """
    held = certificates_in(pdf)
    return list(dict.fromkeys(address for one in held for address in addresses_of(one)))


def begins_signed(pdf: bytes) -> bool:
    """Return whether a beginning of the file is a signed file that all readers read alike.

    Who makes such a file keeps to that; what breaks it was added by somebody who wanted it unseen.
    """
    at, read = pdf.find(_MARKER), 0
    for tried in range(SIGNATURES_MAX):
        read += at
        if at < 0 or (tried >= _BEGINNINGS_MIN and read > _BEGINNINGS_BYTES_MAX):
            return False
        try:
            document = Document(pdf[: at + len(_MARKER)])
            if signatures_of(document):
                return True
        except PdfError:
            pass
        at = pdf.find(_MARKER, at + 1)
    return False


_Added = tuple["SignatureField", "Revision"]


@attrs.frozen
class _Split:
    """A file before and after it was signed here.

    Attributes:
        base: The revisions before anyone signed here.
        added: Those with the signatures, first to last.
        last: The file with all of them.
        of_others: Why the first signature in the base is none of our form; empty: there is none.
    """

    base: Sequence[Revision]
    added: Sequence[_Added]
    last: State
    of_others: str


def _split(document: Document, parts: Sequence[Revision]) -> _Split:
    """Where a file begins to be signed here.

    What other programs signed before is a part of the base: their revisions have other forms. After
    the first one of ours, nothing has another form.
    """
    before = State(document.root, {}, document.pdf)
    base: list[Revision] = []
    added: list[_Added] = []
    of_others = ""
    for revision in parts:
        after = before.later(revision.objects)
        if added:
            field = read_addition(before, after, revision)
            if added[0][0].certifies == NOTHING and not field.is_stamp:
                raise PdfError("a signature follows one that allows nothing after it")
            added.append((field, revision))
        elif not has_signature(after):
            base.append(revision)
        else:
            try:
                added.append((read_addition(before, after, revision), revision))
            except PdfError as e:
                base.append(revision)
                of_others = of_others or str(e)
        before = after
    return _Split(base, added, before, of_others)


def _others(document: Document, split: _Split, by: Trusted) -> Report | None:
    """Report on the signatures of other programs, by the file as they left it.

    Raises:
        PdfError: They cannot be read, or are by a certificate of ours, whose signatures have our
            form and no other.
    """
    if not split.of_others:
        return None
    end = split.base[-1].ends[1] if split.added else len(document.pdf)
    report = judge_elsewhere(document.pdf[:end], by)
    if report is None or any(one.reason is Reason.OTHER_DOCUMENT for one in report.findings):
        raise PdfError(split.of_others)
    return report


def _digests(pdf: bytes, ends: Sequence[int]) -> list[bytes]:
    """SHA-256 of the file up to some places, which come one after the other.

    Whoever signs what others have signed before has a certificate for the file with all of theirs.
    """
    whole, at, found = hashlib.sha256(), 0, []
    for end in ends:
        whole.update(memoryview(pdf)[at:end])
        found.append(whole.digest())
        at = end
    return found


class _Walk:
    """One file, from its last signature to its first."""

    def __init__(
        self, document: Document, split: _Split, by: Trusted, others: Report | None
    ) -> None:
        pdf, base, added = document.pdf, split.base, split.added
        self._broken: list[Finding] = []
        self._fields = [field for field, _ in added]
        self._opened = [self._open(pdf, *one) for one in added]
        ends = [base[-1].ends if base else (0, 0), *(revision.ends for _, revision in added)]
        self._documents = _digests(pdf, [end for both in ends for end in both])
        self._base = base
        self._clauses = dict(clause_boxes(split.last))
        self._others = others
        known = [der for one in self._opened if one is not None for der in one.certificates]
        trust = Trust(
            by.roots,
            [*stored(document, b"/Certs"), *known],
            [*stored(document, b"/CRLs"), *stored(document, b"/OCSPs"), *by.lists],
            by.stamp_roots,
        )
        self._judge = Judge(trust, self._documents, by, is_chained=True)

    def report(self) -> Report:
        """Judge each signature, then the whole."""
        self._judge.findings += self._broken
        for one in reversed(self._opened):
            if one is not None:
                self._judge.take(one, is_last=one is self._opened[-1])
        self._judge_file()
        self._judge_clauses()
        report = self._judge.report(self._documents[1])
        signers = tuple(map(self._named, report.signers))
        if self._others is None:
            return attrs.evolve(report, signers=signers)
        findings = (*self._others.findings, *report.findings)
        whole = attrs.evolve(report, signers=(*self._others.signers, *signers))
        return reported(findings, whole)

    def _named(self, one: Signed) -> Signed:
        """A signature with the clause that it is of."""
        own = self._clauses.get(one.field)
        return one if own is None else attrs.evolve(one, clause=one.field[len(own) + 1 :])

    def _open(self, pdf: bytes, field: SignatureField, revision: Revision) -> Opened | None:
        try:
            return open_signature(pdf, field, revision.ends)
        except SignatureFault as e:
            self._broken.append(Finding(e.reason, field.field, str(e)))
            return None

    def _judge_file(self) -> None:
        objects = [one for revision in self._base for one in revision.objects.values()]
        for name in sorted(active_names(objects), reverse=True):
            self._judge.find(Reason.ACTIVE, detail=name)
        if self._others is None and has_other_signatures(objects):
            self._judge.find(Reason.OTHERS)
        for field in reversed(self._fields):
            signer = self._judge.signer(field.field)
            if field.shows and signer and field.shows not in (signer.name, signer.account):
                self._judge.find(Reason.BROKEN, field.field, "its picture names somebody else")
        if self._others is None and not self._fields[0].certifies:
            self._judge.find(Reason.NOT_CERTIFIED)
        if not self._fields[-1].is_stamp:
            self._judge.find(Reason.OPEN_TAIL)

    def _judge_clauses(self) -> None:
        """Require that signers of the whole sign each of their clauses, by the same certificate."""
        signed = {field.field for field in self._fields}
        for name, own in self._clauses.items():
            clause, whole = self._judge.certificates(name), self._judge.certificates(own)
            is_other = clause and whole and clause != whole
            if (name in signed) != (own in signed) or is_other:
                self._judge.find(Reason.CLAUSE, name)
