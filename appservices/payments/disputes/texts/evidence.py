"""Evidence of disputes in words."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from appservices.payments.disputes.core.evidence import (
    FILE_BYTES_MAX,
    FILES_MAX,
    Evidence,
    size_words,
)
from veche.protocol.message import Doc, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer

_MEGABYTE: Final = 1_000_000


class EvidenceProblem(enum.Enum):
    """Why a file is no evidence."""

    NO_DISPUTE = "no_dispute"
    WHICH = "which"
    """There are several disputes that it may belong to."""
    IN_CLEAR = "in_clear"
    BROKEN = "broken"
    GONE = "gone"
    TOO_BIG = "too_big"
    TOO_MANY = "too_many"
    TWICE = "twice"
    TOO_LATE = "too_late"


_PROBLEMS: Final[Mapping[EvidenceProblem, str]] = {
    EvidenceProblem.NO_DISPUTE: N_(
        "A file counts here as evidence of a dispute, and you have none that is not over. I keep"
        " nothing of it."
    ),
    EvidenceProblem.WHICH: N_(
        "You have several disputes. Send the file again with the number of its payment as its"
        " caption."
    ),
    EvidenceProblem.IN_CLEAR: N_("The file is not encrypted. Please send it in an encrypted chat."),
    EvidenceProblem.BROKEN: N_("The file is damaged, so it is no evidence. Please send it again."),
    EvidenceProblem.GONE: N_("I could not get the file. Please send it again."),
    EvidenceProblem.TOO_BIG: N_("A file of evidence has at most {size} MB. Make it smaller."),
    EvidenceProblem.TOO_MANY: N_("You have sent {count} files: more are not taken."),
    EvidenceProblem.TWICE: N_("This file is evidence already."),
    EvidenceProblem.TOO_LATE: N_("The dispute is over, so the file does not count."),
}


def evidence_problem_doc(problem: EvidenceProblem, localizer: Localizer) -> Doc:
    """Why a file is no evidence, and what to do."""
    size = FILE_BYTES_MAX // _MEGABYTE
    return (Paragraph(localizer.text(_PROBLEMS[problem], size=size, count=FILES_MAX)),)


def evidence_doc(evidence: Evidence, number: str, localizer: Localizer) -> Doc:
    """To who sent it: that it counts now, and as what."""
    words = localizer.text(
        "{name} ({size}) is evidence in the dispute {number} now; the other side and who decides"
        " see it. Its SHA-256:",
        name=evidence.name,
        size=size_words(evidence.size_bytes),
        number=number,
    )
    return (Paragraph(words, "\n", Mono(evidence.sha256)),)


def sent_doc(evidence: Evidence, name: str, number: str, localizer: Localizer) -> Doc:
    """To the others: what the file is that comes next."""
    words = localizer.text(
        "Dispute {number}: {name} sent evidence. The file comes now: {file} ({size}). Open it with"
        " care, as anything that others send. Its SHA-256:",
        number=number,
        name=name,
        file=evidence.name,
        size=size_words(evidence.size_bytes),
    )
    return (Paragraph(words, "\n", Mono(evidence.sha256)),)
