"""Texts for a party who lets somebody else act, or acts themselves again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.sessions.texts.words import titled
from veche.protocol.message import Bold, Doc, Link, Paragraph

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session
    from veche.protocol.texts.localizer import Localizer


def no_key_doc(page: str | None, localizer: Localizer) -> Doc:
    """Say that a key is needed first.

    Args:
        page: Where keys are added; None if there are no pages here.
        localizer: How the party is spoken to.
    """
    words = localizer.text(
        "To let somebody else act is approved with your key, and you have none here. Nothing was"
        " changed."
    )
    if page is None:
        return (Paragraph(words),)
    add = localizer.text("Add one on this page, then choose again:")
    return (Paragraph(words), Paragraph(Link(add, page)))


def allow_doc(session: Session, name: str, user: str, localizer: Localizer) -> Doc:
    """Ask if this delegate for this document is the right one."""
    words = localizer.text(
        "Shall {name} act for you in “{title}” (code {code})?",
        name=f"{name} ({user})",
        title=titled(session, localizer),
        code=session.code,
    )
    told = localizer.text(
        "Everybody is told, and both names stand in the report. You can take it back until they"
        " have signed."
    )
    return (Paragraph(Bold(words)), Paragraph(told))


def acts_doc(name: str, localizer: Localizer) -> Doc:
    """Say that somebody acts."""
    return (Paragraph(localizer.text("{name} acts for you now.", name=name)),)
