"""The strict verdict on a container: the same words as of a PDF, by the same rules.

It is green only if every byte of the archive is accounted for, each signature's manifest lists each
file and nothing else, each signature holds and was made with a certificate that was good at the
time of its stamp, and a trusted stamp covers all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.documents.asic.archive import ArchiveError, HiddenError
from veche.documents.asic.container import Container, Step, read_container
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stated import read_certificate
from veche.documents.pki.trust import Trust
from veche.documents.signatures.checking import Opened, SignatureFault, open_encoded
from veche.documents.signatures.judging import Judge, Trusted
from veche.documents.signatures.report import Finding, Reason, Report, reported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from veche.documents.asic.archive import Entry


def judge_container(data: bytes, by: Trusted) -> Report:
    """Judge a container.

    Args:
        data: The file, at most 100 MiB.
        by: What is trusted, and the time.
    """
    try:
        held = read_container(data)
    except HiddenError as e:
        return reported([Finding(Reason.HIDDEN, detail=str(e))])
    except ArchiveError as e:
        return reported([Finding(Reason.UNREADABLE, detail=str(e))])
    if not held.steps:
        return reported([Finding(Reason.NO_SIGNATURE)])
    broken: list[Finding] = []
    opened = [_open(held, at, broken) for at in range(len(held.steps))]
    known = [one for one in opened if one is not None]
    trust = Trust(
        by.roots,
        [encoded for one in known for encoded in one.certificates],
        [*(encoded for one in known for encoded in one.lists), *by.lists],
        by.stamp_roots,
    )
    judge = Judge(trust, [held.document_sha256], by)
    judge.findings += broken
    for one in reversed(opened):
        if one is not None:
            judge.take(one, is_last=one is opened[-1])
    if not held.steps[-1].is_stamp:
        judge.find(Reason.OPEN_TAIL)
    names = tuple(one.name for one in held.files)
    return attrs.evolve(judge.report(held.document_sha256), files=names)


def certificates_of(data: bytes) -> list[x509.Certificate]:
    """The certificates that a container has, in no certain order; none if it is no container.

    Whoever made the file chose them.
    """
    try:
        held = read_container(data)
    except ArchiveError:
        return []
    opened = [_open(held, at, []) for at in range(len(held.steps))]
    encoded = [one for each in opened if each is not None for one in each.certificates]
    found = (read_certificate(one) for one in dict.fromkeys(encoded))
    return [one for one in found if one is not None]


def _open(held: Container, at: int, broken: list[Finding]) -> Opened | None:
    """A signature whose manifest says what is there; None if it does not, which is noted."""
    step = held.steps[at]
    try:
        _check_covered(step, held.before(at) if step.is_stamp else held.files)
        opened = open_encoded(
            step.name, lambda by: by.digest(step.manifest), step.encoded, is_stamp=step.is_stamp
        )
        _check_hash(step, opened)
    except SignatureFault as e:
        broken.append(Finding(e.reason, step.name, str(e)))
        return None
    return opened


def _check_hash(step: Step, opened: Opened) -> None:
    """A stamp rests on the hash of its manifest too: a weaker one there would make it weaker."""
    by = opened.stamp.by if opened.stamp is not None and step.is_stamp else SHA256
    if any(row.by != by for row in step.rows):
        raise SignatureFault(Reason.BROKEN, "its manifest is by another hash")


def _check_covered(step: Step, entries: Sequence[Entry]) -> None:
    listed = {row.name: row for row in step.rows}
    for one in entries:
        row = listed.get(one.name)
        if row is None:
            raise SignatureFault(Reason.HIDDEN, f"{one.name!a} is not covered")
        if row.by.digest(one.data) != row.digest:
            raise SignatureFault(Reason.CHANGED, f"{one.name!a} is not what was signed")
    if [row.name for row in step.rows] != [one.name for one in entries]:
        raise SignatureFault(Reason.CHANGED, "something that was signed is missing")
