"""Texts for people on how far a message with legal effect has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.deliveries.core import How, Kind, Record, Stage
from veche.protocol.message import Bullets, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

_FACTS: Final[Mapping[tuple[Kind, How], str]] = {
    (Kind.ACCEPTED, How.OUTBOX): N_("accepted by the office's server: {moment}"),
    (Kind.DELIVERED, How.ACKNOWLEDGED): N_("acknowledged by the person's server: {moment}"),
    (Kind.DELIVERED, How.STORED): N_("stored on the server that is the person's too: {moment}"),
    (Kind.DISPLAYED, How.ANSWER): N_("answered, so seen: {moment}"),
    (Kind.DISPLAYED, How.READ_RECEIPT): N_("seen, by a read receipt that may count: {moment}"),
    (Kind.DEEMED, How.RULE): N_("served by the rule: {moment}"),
    (Kind.LOST, How.REFUSED): N_("never sent: {moment}"),
}
MISSING: Final = N_(
    "whether it was delivered is not known: the homeserver lacks the module delivery_evidence"
)
"""What is said where nobody can know more."""


def stages_doc(found: Sequence[tuple[Record, bool | None]], localizer: Localizer) -> Doc:
    """How far each message has come.

    Args:
        found: What is known of each, and whether the homeserver has our module.
        localizer: Of the reader.
    """
    if not found:
        return (Paragraph(localizer.text("No message of this case is to be served yet.")),)
    doc: Doc = ()
    for number, (record, has_evidence) in enumerate(found, 1):
        lines = [
            localizer.text(_FACTS[fact.kind, fact.how], moment=localizer.moment(fact.at_ms))
            for fact in record.facts
        ] or [localizer.text("not sent yet")]
        if has_evidence is False and record.stage is Stage.ACCEPTED:
            lines.append(localizer.text(MISSING))
        title = localizer.text("Message {number}:", number=number)
        doc = (*doc, Paragraph(title), Bullets(lines))
    return doc
