"""Check of handwriting in an evidence record against what its witness signed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from appservices.signing.evidence.core.record import record_in
from veche.protocol.approval import Approval, SignatureShown
from veche.protocol.errors import MalformedError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.signing.evidence.core.record import Evidence, EvidenceHand, EvidenceParty
    from veche.documents.signatures.report import Report
    from veche.protocol.approval import ShownHand

BY_HAND = "S0"


def hand_problems(evidence: Evidence, report: Report) -> Iterator[str]:
    """List false facts on handwriting in a record; approvals are checked elsewhere.

    Args:
        evidence: The record.
        report: The verdict on the signed file.
    """
    parties = {one.party: one for one in evidence.parties}
    for hand in evidence.hands:
        writer, witness = parties.get(hand.party), parties.get(hand.witness)
        if writer is None or witness is None:
            yield f"{hand.party}: wrote by hand, or saw it, and took no part"
            continue
        yield from (f"{hand.party}: {why}" for why in _one(evidence, hand, (writer, witness)))
    yield from _file_problems(evidence, report)


def _one(
    evidence: Evidence, hand: EvidenceHand, who: tuple[EvidenceParty, EvidenceParty]
) -> Iterator[str]:
    writer, witness = who
    try:
        record = record_in(hand)
    except MalformedError:
        yield "the record of what was written by hand cannot be read"
        return
    if record.signed != decode_base64(hand.record):
        yield "the record of what was written by hand is not in its one form"
    if (witness.role, witness.of, witness.state) != ("witness", writer.party, "signed"):
        yield "nobody has signed as the witness of what was written by hand"
    if (writer.level, writer.state) != (BY_HAND, "signed") or writer.certificate_sha256 is not None:
        yield "what was written by hand is of level S0, and has no certificate"
    told = (record.session, record.party, record.name, record.document_sha256, record.code)
    paper = evidence.document
    wanted = (evidence.session, writer.party, writer.name, paper.sha256, paper.code)
    if (*told, record.witness) != (*wanted, witness.user):
        yield "the record of what was written by hand is of something or somebody else"
    if record.drawing_sha256 != hand.drawing.sha256:
        yield "another drawing was written by hand"
    given = {one.id: one.accepted for one in record.clauses}
    if _answers(evidence, writer.party) != given:
        yield "the answers to clauses are not those that were given by hand"
    if record.sha256 not in {one.record for one in _approved(evidence, witness.party)}:
        yield "the witness has approved something else than what was written by hand"


def _answers(evidence: Evidence, party: str) -> dict[str, bool]:
    return {
        one.id: one.answers[party] != "refused" for one in evidence.clauses if party in one.answers
    }


def _approved(evidence: Evidence, party: str) -> Iterator[ShownHand]:
    """List the handwriting that a witness approved."""
    for given in evidence.approvals:
        if given.party != party:
            continue
        try:
            shown = parse(Approval, json.loads(decode_base64(given.signed)), where="approval").shown
        except (MalformedError, ValueError):
            continue
        facts = shown.facts_of(evidence.session) if isinstance(shown, SignatureShown) else None
        if facts is not None and facts.hand is not None:
            yield facts.hand


def _file_problems(evidence: Evidence, report: Report) -> Iterator[str]:
    """Check that the witnesses' certificates in the file name the same handwriting."""
    before = evidence.document.fields_before
    in_file = {
        (one.hand.name, encode_base64(one.hand.record_sha256))
        for one in report.signers
        if one.hand is not None and one.field not in before
    }
    names = {one.party: one.name for one in evidence.parties}
    told = set()
    for hand in evidence.hands:
        for one in _approved(evidence, hand.witness):
            told.add((names.get(hand.party, ""), one.record))
    for name, _ in sorted(in_file - told):
        yield f"the file says that {name} wrote by hand, of which the record does not say so"
    for name, _ in sorted(told - in_file):
        yield f"the record says that {name} wrote by hand, the file does not"
