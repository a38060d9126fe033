"""Texts for people when a key on which a document relied is revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.sessions.texts.words import named, titled
from veche.protocol.message import Doc, Paragraph

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from veche.protocol.texts.localizer import Localizer


def unsigned_doc(session: Session, localizer: Localizer) -> Doc:
    """For a party: what they had begun is not signed."""
    words = localizer.text(
        "You had begun to sign “{title}” with the key that is revoked: you have not signed it. Sign"
        " it with another key.",
        title=titled(session, localizer),
    )
    return (Paragraph(words),)


def delegation_doc(session: Session, other: Member, localizer: Localizer) -> Doc:
    """For a party: whom they let act can do so no more."""
    words = localizer.text(
        "{name} can act for you in “{title}” no more: the key is revoked by which you let them."
        " Take it back on your page, then sign yourself or let them act again.",
        name=other.name,
        title=titled(session, localizer),
    )
    return (Paragraph(words),)


def identified_doc(session: Session, member: Member, localizer: Localizer) -> Doc:
    """For a registrar, and whoever asks: somebody cannot sign in person."""
    words = localizer.text(
        "{name} cannot sign “{title}” in person any more: the key is revoked by which it was said"
        " who they are. The person who asks takes the document back and sends it again.",
        name=named(member, session, localizer),
        title=titled(session, localizer),
    )
    return (Paragraph(words),)
