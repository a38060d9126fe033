"""The words of an evidence report: what the pages say is made from the record inside.

Five headings, which are what the laws ESIGN and UETA of the US ask of a signature: consent, intent,
attribution, association, retention. Europe's "advanced" asks for the same in other words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.evidence.core.handwriting import HEIGHT, WIDTH
from appservices.signing.evidence.core.record import record_in
from appservices.signing.papers.texts.sheet import EFFECTS, level_word, role_word, stage_words
from veche.protocol.texts.catalogue import N_, show_date_time
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.evidence.core.record import (
        Evidence,
        EvidenceDocument,
        EvidenceEvent,
        EvidenceHand,
        EvidenceParty,
        EvidenceStage,
    )
    from veche.protocol.texts.catalogue import Catalogue

EVENTS_SHOWN_MAX: Final = 300
"""Events that are printed; all of them are in the record."""
_PICTURE: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><path d="{path}"'
    ' fill="none" stroke="#10213a" stroke-width="6" stroke-linecap="round"'
    ' stroke-linejoin="round"/></svg>'
)

_STATES: Final[Mapping[str, str]] = {
    "completed": N_("Complete: everyone who was needed has signed."),
    "declined": N_("Declined: it ended before everyone had signed."),
    "expired": N_("Expired: not everyone signed in time."),
    "cancelled": N_("Cancelled by whoever asked for the signatures."),
}
_PARTY_STATES: Final[Mapping[str, str]] = {
    "waiting": N_("was not asked yet"),
    "invited": N_("was asked"),
    "viewed": N_("opened it"),
    "written": N_("wrote by hand, which no witness has signed: it does not count"),
    "signed": N_("signed"),
    "declined": N_("declined"),
    "delegated": N_("let somebody else act"),
    "lapsed": N_("did not act in time"),
    "excused": N_("was not needed any more"),
}
_EVENTS: Final[Mapping[str, str]] = {
    **_PARTY_STATES,
    "sent": N_("sent for signing"),
    "reminded": N_("was reminded"),
    "asked": N_("asked a question"),
    "answered": N_("got an answer"),
    "taken_back": N_("acts themselves again"),
    "met": N_("opened it on their own phone, in person"),
    "identified": N_("was identified in person"),
    "tablet": N_("opened it on a tablet of the office"),
    "wrote": N_("agreed by hand on the tablet, or declined there"),
    "seen": N_("their identity document was seen by the witness"),
    "withdrawn": N_("what was written by hand counted no more"),
    "renewed": N_("another time stamp was put on the file"),
    "closing": N_("closed the file in their browser"),
    "doubted": N_("their browser refused what it got"),
    "asked_to_renew": N_("the parties were asked for another time stamp"),
    "extended": N_("the deadline was moved"),
    "cancelled": N_("cancelled"),
    "expired": N_("the deadline passed"),
    "closed": N_("the file was closed"),
    "approved": N_("approved"),
    "certified": N_("a certificate was issued"),
    "own_approved": N_("a certificate of their own was approved"),
    "completed": N_("complete"),
}
_KINDS: Final[Mapping[str, str]] = {
    "required": N_("accepted by signing"),
    "unfair": N_("accepted by a signature of its own"),
    "optional": N_("may be refused"),
}
_BLIND_KINDS: Final[Mapping[str, str]] = {"unfair": N_("accepted by an answer of its own")}
"""Instead of these: a document that the service did not see has no boxes for clauses."""
_REASONS: Final[Mapping[str, str]] = {
    "wrong_terms": N_("the terms are wrong"),
    "wrong_person": N_("is not who should sign"),
    "not_mine": N_("knows nothing of it"),
    "need_time": N_("needs more time"),
    "other": N_("another reason"),
}
_IDENTIFIED: Final = N_("identified in person by {name} ({papers})")
_PAPERS: Final[Mapping[str, str]] = {
    "passport": N_("passport"),
    "identity_card": N_("identity card"),
    "residence_permit": N_("residence permit"),
    "driving_licence": N_("driving licence"),
}
_HAND: Final = N_("by hand, without a key and without a certificate (S0); witness: {name}")
_HAND_PAPERS: Final = N_("showed the witness: {papers}")
_HAND_TEXT: Final = N_(
    "{name} has no key. This was written on a tablet of the office, {time}. {witness} saw it"
    " being written and agreed to. They signed that in the file, with a key and a certificate of"
    " their own, which signed the SHA-256 of this record:"
)
_HAND_LABEL: Final = N_("What {name} wrote by hand")
_ACTS_FOR: Final = N_("{role}, acts for {name}")
_ANSWERS: Final[Mapping[str, str]] = {
    "accepted": N_("accepted"),
    "signed": N_("accepted by a signature of its own"),
    "refused": N_("refused"),
}
_FIXED: Final[Mapping[str, str]] = {
    "title": N_("Evidence of signatures"),
    "document": N_("Document"),
    "pages": N_("Pages"),
    "file": N_("File"),
    "type": N_("Type"),
    "bytes": N_("Bytes"),
    "code": N_("Code that everyone saw"),
    "sha256": N_("SHA-256 before anybody signed"),
    "final": N_("SHA-256 of the closed file"),
    "session": N_("Session"),
    "asked": N_("Sent for signing"),
    "ended": N_("Ended"),
    "consent": N_("Consent"),
    "consent_text": N_("Here is who was asked, in which order, and what each of them did."),
    "intent": N_("Intent"),
    "intent_text": N_(
        "Each signer approved this with a key of their own, before a certificate was issued. The"
        " approval names this document, its code, the role and the clauses."
    ),
    "attribution": N_("Attribution"),
    "attribution_text": N_(
        "How it is known who signed. Certificates are in the record, with proofs that they stand in"
        " a public log."
    ),
    "association": N_("Association"),
    "association_text": N_(
        "The signatures are in the file and cover all of it. Anybody with the file can check that"
        " it is the one with the SHA-256 above."
    ),
    "retention": N_("Retention"),
    "retention_text": N_(
        "The file is closed by a time stamp and can be checked without us, also later. The whole"
        " record is inside this report as evidence.json; the report is sealed."
    ),
    "events": N_("What happened"),
    "more": N_("Further events are in the record."),
    "clauses": N_("Clauses"),
    "page": N_("page"),
    "certificate": N_("Certificate"),
    "in_log": N_("in the log"),
    "not_in_log": N_("no proof of the log given"),
    "by_key": N_("by a device key"),
    "by_passkey": N_("by a passkey"),
    "by_code": N_("by a code in the chat"),
    "nothing": N_("Nobody approved by a key."),
    "declined": N_("Declined"),
    "verdict": N_("Verdict at the end"),
    "roots": N_("Authorities that were accepted (SHA-256)"),
    "checked_with": N_("Checked with"),
    "check": N_("Check it: veche verify REPORT --evidence FILE"),
}
_BLIND: Final[Mapping[str, str]] = {
    "untold": N_("A document that only its parties saw"),
    "unjudged": N_("none: the file was not seen here"),
    "retention_text": N_(
        "Anybody with the closed file can check it without us, also later. The whole record is"
        " inside this report as evidence.json; the report is sealed."
    ),
    "association_text": N_(
        "This service never saw the document, nor its title: it was prepared, encrypted, signed and"
        " closed in the browsers of the parties. The statements here on the signatures come from"
        " the certificates, approvals and time stamps. Anybody with the file can check it: it is"
        " the one with the SHA-256 above."
    ),
}
"""Instead of, or beside, the fixed words: of a document that the service never saw."""
_CONTAINER: Final[Mapping[str, str]] = {
    "association_text": N_(
        "The signatures are in a container (ASiC-E) with the file, and cover its name, its type and"
        " all that is in it. Nobody here looked into the file. Anybody with the container can"
        " check that it is the one with the SHA-256 above."
    ),
}
"""Instead of the fixed words: of a file that is no PDF."""
_OWN: Final = N_("a certificate in the name of {name}, issued by {issuer}")
_QUALIFIED: Final = N_(
    "a certificate in the name of {name}, issued by {issuer}; that it is qualified is said by who"
    " operates this service"
)
_MEANS: Final[Mapping[str, str]] = {"p256": "by_key", "webauthn": "by_passkey", "code": "by_code"}


def report_data(
    evidence: Evidence, catalogue: Catalogue, language: str, time_zone: str
) -> dict[str, Any]:
    """Build the data for the typst source of a report.

    Args:
        evidence: The record.
        catalogue: Has the texts of ``appservices.signing.papers``.
        language: One of ``LANGUAGES``.
        time_zone: In which times are told, an IANA name.
    """
    return _Report(evidence, catalogue, language, time_zone).data()


class _Report:
    def __init__(
        self, evidence: Evidence, catalogue: Catalogue, language: str, time_zone: str
    ) -> None:
        self._evidence = evidence
        self._catalogue = catalogue
        self._language = language
        self._time_zone = time_zone
        self._names = {one.party: one.name for one in evidence.parties}
        self._hands = {one.party: one for one in evidence.hands}

    def data(self) -> dict[str, Any]:
        evidence = self._evidence
        document = evidence.document
        is_blind = evidence.mode == "blind"
        texts = {**_FIXED, **(_BLIND if is_blind else _CONTAINER if document.kind else {})}
        words = {key: self._text(text) for key, text in texts.items()}
        title = words["untold"] if is_blind else document.title
        return {
            "language": self._language,
            "words": words,
            "title": title,
            "site": evidence.site,
            "state": self._text(_STATES[evidence.state]),
            "effect": self._text(EFFECTS[evidence.effect]),
            "facts": [
                [words["document"], title],
                *_file_facts(document, words),
                [words["code"], document.code],
                [words["session"], evidence.session],
                [words["asked"], self._time(evidence.created_at_ms)],
                [words["ended"], self._time(evidence.ended_at_ms)],
            ],
            "sha256": _hex(document.sha256),
            "final_sha256": _hex(evidence.final_sha256),
            "stages": [self._stage(at, one) for at, one in enumerate(evidence.stages, 1)],
            "parties": [self._party(one) for one in evidence.parties],
            "approvals": self._approvals(words),
            "attributions": [self._attribution(one) for one in evidence.parties],
            "hands": [self._hand(one) for one in evidence.hands],
            "clauses": self._clauses(words),
            "declined": self._declined(),
            "events": [self._event(one) for one in evidence.events[:EVENTS_SHOWN_MAX]],
            "has_more": len(evidence.events) > EVENTS_SHOWN_MAX,
            "policy": [
                [words["verdict"], evidence.policy.verdict or words.get("unjudged", "-")],
                [words["checked_with"], evidence.policy.verifier_version],
                [words["roots"], " ".join(_hex(one) for one in evidence.policy.roots)],
            ],
        }

    def _text(self, message: str, **values: object) -> str:
        return self._catalogue.text(self._language, message, **values)

    def _time(self, at_ms: int) -> str:
        return show_date_time(at_ms, self._language, self._time_zone)

    def _name(self, party: str) -> str:
        return self._names.get(party, party)

    def _stage(self, at: int, stage: EvidenceStage) -> str:
        names = [self._name(one) for one in stage.parties]
        return stage_words(self._catalogue, self._language, at, names, stage.need)

    def _party(self, party: EvidenceParty) -> dict[str, str]:
        is_to_act = party.role != "viewer" or party.state != "waiting"
        state = self._text(_PARTY_STATES.get(party.state, party.state)) if is_to_act else ""
        if party.signed_at_ms is not None:
            state = f"{state}, {self._time(party.signed_at_ms)}"
        acts_for = [one.party for one in self._evidence.parties if one.delegated_to == party.party]
        role = role_word(self._catalogue, self._language, party.role)
        if acts_for:
            role = self._text(_ACTS_FOR, role=role, name=self._name(acts_for[0]))
        return {"name": party.name, "role": role, "state": state}

    def _approvals(self, words: Mapping[str, str]) -> list[list[str]]:
        return [
            [self._name(one.party), words[_MEANS[one.means]], self._time(one.at_ms)]
            for one in self._evidence.approvals
        ]

    def _attribution(self, party: EvidenceParty) -> dict[str, str]:
        logged = ""
        if party.certificate_sha256 is not None:
            logged = self._text(
                _FIXED["in_log" if party.certificate_sha256 in self._evidence.log else "not_in_log"]
            )
        return {
            "name": party.name,
            "user": self._known_by(party),
            "level": self._level(party),
            "certificate": _hex(party.certificate_sha256 or ""),
            "logged": logged,
        }

    def _level(self, party: EvidenceParty) -> str:
        """How they have signed; of a certificate that was issued elsewhere, whose word it is."""
        if not party.level:
            return ""
        hand = self._hands.get(party.party)
        if hand is not None:
            return self._text(_HAND, name=self._name(hand.witness))
        level = level_word(self._catalogue, self._language, party.level)
        if not party.issuer:
            return level
        told = self._text(
            _QUALIFIED if party.level == "S4" else _OWN,
            name=party.certificate_name,
            issuer=party.issuer,
        )
        return f"{level}: {told}"

    def _known_by(self, party: EvidenceParty) -> str:
        """The account of a party; of who has none, by whom and by what they were identified."""
        seen = next((one for one in self._evidence.identified if one.party == party.party), None)
        hand = self._hands.get(party.party)
        if hand is not None:
            papers = record_in(hand).papers
            return self._text(_HAND_PAPERS, papers=self._text(_PAPERS.get(papers, papers)))
        if seen is None:
            return party.user
        papers = self._text(_PAPERS.get(seen.papers, seen.papers))
        return self._text(_IDENTIFIED, name=seen.line, papers=papers)

    def _hand(self, hand: EvidenceHand) -> dict[str, str]:
        """Return a handwritten signature as a drawing, with its witness."""
        record, name = record_in(hand), self._name(hand.party)
        time = self._time(record.written_at_ms)
        witness = self._name(hand.witness)
        return {
            "text": self._text(_HAND_TEXT, name=name, time=time, witness=witness),
            "label": self._text(_HAND_LABEL, name=name),
            "picture": _PICTURE.format(width=WIDTH, height=HEIGHT, path=hand.drawing.path),
            "sha256": _hex(record.sha256),
        }

    def _clauses(self, words: Mapping[str, str]) -> list[dict[str, str]]:
        kinds = {**_KINDS, **(_BLIND_KINDS if self._evidence.mode == "blind" else {})}
        return [
            {
                "title": f"{one.title or one.id} ({words['page']} {one.page})",
                "kind": self._text(kinds.get(one.kind, one.kind)),
                "answers": "; ".join(
                    f"{self._name(party)}: {self._text(_ANSWERS[answer])}"
                    for party, answer in one.answers.items()
                ),
            }
            for one in self._evidence.clauses
        ]

    def _declined(self) -> str:
        declined = self._evidence.declined
        if declined is None:
            return ""
        reason = self._text(_REASONS.get(declined.reason_code, declined.reason_code))
        said = f"“{declined.reason}”" if declined.reason else ""
        told = f"{self._name(declined.party)}, {self._time(declined.at_ms)}: {reason}"
        return f"{told} {said}".strip()

    def _event(self, event: EvidenceEvent) -> list[str]:
        what = self._text(_EVENTS.get(event.what, event.what))
        return [self._time(event.at_ms), self._name(event.party) if event.party else "", what]


def _file_facts(document: EvidenceDocument, words: Mapping[str, str]) -> list[list[str]]:
    """How many pages a document has; of what has none, which file it is."""
    if not document.kind:
        return [[words["pages"], str(document.pages)]]
    # Of one that was not read here, nobody knows its name.
    named = [[words["file"], document.filename]] if document.filename else []
    return [
        *named,
        [words["type"], document.kind],
        [words["bytes"], str(document.bytes)],
    ]


def _hex(digest: str) -> str:
    """A digest as pages, the chat and ``sha256sum`` show it."""
    return decode_base64(digest).hex()
