"""Evidence reports: what is known of how a document was signed, for people and for machines.

A report is a PDF/A-3 with its record inside as ``evidence.json``, sealed by the site and closed by
a time stamp. Everything in it can be checked with the signed file alone, by
``veche verify REPORT --evidence FILE``.

Source: design of Veche, signing §10.3.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from appservices.signing.evidence.core.record import JSON_BYTES_MAX
from appservices.signing.papers.texts.evidence import report_data
from appservices.signing.places.service.boxes import PAPERS
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import (
    Box,
    Proofs,
    form_fields,
    lay_boxes,
    prepare_closing,
    prepare_signature,
    room_for_signature,
    room_for_stamp,
)
from veche.documents.pki.stamps import StampRequest
from veche.protocol.canonical import canonical
from veche.protocol.errors import TooLargeError
from veche.protocol.texts.catalogue import Catalogue
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.files.spelling import spelt
from veche.runtime.files.typesetting import ARCHIVE, TypesettingError, typeset

if TYPE_CHECKING:
    from typing import Any

    from appservices.signing.evidence.core.record import Evidence
    from appservices.signing.stamps.service.sealing import Seals

SEAL_FIELD: Final = "Seal"
CLOSING_FIELD: Final = "Closed"


def evidence_report(evidence: Evidence, *, language: str, time_zone: str, made_at_ms: int) -> bytes:
    """A report, not sealed yet. It takes 50 to 500 ms of one core, so call it in a thread.

    The same record at the same time gives the same bytes.

    Args:
        evidence: The record.
        language: One of ``LANGUAGES``.
        time_zone: In which times are told, an IANA name.
        made_at_ms: Date of the report, UTC.

    Raises:
        TooLargeError: The record is over ``JSON_BYTES_MAX``.
    """
    record = canonical(evidence.model_dump(mode="json", exclude_none=True), where="evidence")
    if len(record) > JSON_BYTES_MAX:
        raise TooLargeError(f"the record is over {JSON_BYTES_MAX} bytes")
    report = report_data(evidence, _catalogue(), language, time_zone)
    source = (files("appservices.signing.closing") / "evidence.typ").read_bytes()
    try:
        return _set(source, report, record.decode(), made_at_ms)
    except TypesettingError:
        # A name in letters that no font here has. The record keeps it as it is.
        return _set(source, spelt(report), record.decode(), made_at_ms)


def sealed_report(report: bytes, seals: Seals, organisation: str, now_ms: int) -> bytes:
    """A report with the seal of an organisation of this site, closed by a time stamp.

    It blocks while keys sign. Whoever hands the report out records the seal first.

    Args:
        report: As ``evidence_report`` made it.
        seals: Of this site.
        organisation: Whose seal.
        now_ms: UTC.

    Raises:
        NotFoundError: There is no such seal.
        ForbiddenError: It was revoked, or is over.
        TokenError: The token with its key does not answer.
    """
    view = seals.view(organisation, now_ms)
    proofs = Proofs(
        [decode_base64(one) for one in view.certificates],
        [decode_base64(one) for one in view.lists],
    )
    base = _with_field(report)
    room = room_for_signature(proofs.certificates)
    signing = prepare_signature(
        Document(base), SEAL_FIELD, proofs, view.name, now_ms, bytes_max=room
    )
    seal = seals.seal(organisation, signing.digest, now_ms)
    return closed_report(base + signing.filled(decode_base64(seal.signature)), seals, now_ms)


def closed_report(report: bytes, seals: Seals, now_ms: int) -> bytes:
    """A report closed by a time stamp: of a site without a seal, it proves when, not by whom.

    Args:
        report: Sealed, or as ``evidence_report`` made it.
        seals: Of this site.
        now_ms: UTC.
    """
    base = report if form_fields(Document(report)) else _with_field(report)
    proofs = seals.proofs()
    room = room_for_stamp(proofs.certificates)
    closing = prepare_closing(Document(base), CLOSING_FIELD, proofs, bytes_max=room)
    return base + closing.filled(seals.stamp(StampRequest(closing.digest), now_ms))


def _with_field(report: bytes) -> bytes:
    return report + lay_boxes(Document(report), [Box(SEAL_FIELD, 0, (0, 0, 0, 0))])


def _set(source: bytes, report: dict[str, Any], record: str, made_at_ms: int) -> bytes:
    data = canonical({"report": report, "record": record}, where="report").decode()
    return typeset(source, data, at_ms=made_at_ms, standard=ARCHIVE)


@functools.cache
def _catalogue() -> Catalogue:
    return Catalogue.load(PAPERS)
