"""What a party reads in their chat when they let somebody else act, or act themselves again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.core.texts.words import titled
from veche.protocol.message import Bold, Doc, Link, Paragraph

if TYPE_CHECKING:
    from appservices.signing.core.records import Session
    from veche.protocol.texts.localizer import Speech


def no_key_doc(page: str | None, speech: Speech) -> Doc:
    """That a key is needed first.

    Args:
        page: Where keys are added; None if there are no pages here.
        speech: How the party is spoken to.
    """
    words = speech.text(
        "To let somebody else act is approved with your key, and you have none here. Nothing was"
        " changed."
    )
    if page is None:
        return (Paragraph(words),)
    add = speech.text("Add one on this page, then choose again:")
    return (Paragraph(words), Paragraph(add, "\n", Link(page, page)))


def allow_doc(session: Session, name: str, user: str, speech: Speech) -> Doc:
    """Who would act in which document: is it the right one?"""
    words = speech.text(
        "Shall {name} act for you in “{title}” (code {code})?",
        name=f"{name} ({user})",
        title=titled(session, speech),
        code=session.code,
    )
    told = speech.text(
        "Everybody is told, and both names stand in the report. You can take it back until they"
        " have signed."
    )
    return (Paragraph(Bold(words)), Paragraph(told))


def acts_doc(name: str, speech: Speech) -> Doc:
    """That somebody acts."""
    return (Paragraph(speech.text("{name} acts for you now.", name=name)),)
