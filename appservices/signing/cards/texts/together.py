"""Texts on several documents that were signed by one approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.cards.texts.cards import LISTED_MAX
from appservices.signing.sessions.texts.words import LEVELS, counted, number_of, titled
from veche.protocol.message import Bullets, Doc, Heading, Item, Link, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.authority.core.levels import Level
    from appservices.signing.sessions.core.records import Session
    from veche.protocol.texts.localizer import Localizer


def signed_doc(
    name: str | None, held: Sequence[Session], level: Level, localizer: Localizer
) -> Doc:
    """Say that somebody signed several documents by one approval.

    Args:
        name: Of who signed; None: the reader did.
        held: What, as it stands now.
        level: How.
        localizer: How the reader is spoken to.
    """
    values = {"name": name or "", "level": localizer.text(LEVELS[level])}
    lines = [_line(one, localizer, has_count=True) for one in held]
    if name is None:
        told = localizer.plural(
            "You have signed {count} document, {level}:",
            "You have signed {count} documents, {level}:",
            len(held),
            **values,
        )
        more = localizer.text("You get each file once it is complete.")
        return (Paragraph(told), _listed(lines, localizer), Paragraph(more))
    told = localizer.plural(
        "{name} has signed {count} document {level}:",
        "{name} has signed {count} documents {level}:",
        len(held),
        **values,
    )
    return (Paragraph(told), _listed(lines, localizer))


def complete_doc(
    held: Sequence[Session], check_url: str | None, until_ms: int | None, localizer: Localizer
) -> Doc:
    """Say that several documents are complete and proven; their files follow.

    Args:
        held: They.
        check_url: Where files can be checked; None: nowhere here.
        until_ms: Until when all of them are kept here, UTC; None: not yet known.
        localizer: How the reader is spoken to.
    """
    heading = localizer.plural(
        "{count} document is complete", "{count} documents are complete", len(held)
    )
    told = localizer.text(
        "Everyone who is needed has signed each of them, so they are in force, and in each file"
        " every rule holds: who signed what and when is proven. Each file comes with its report."
    )
    blocks: Doc = (
        Heading(heading),
        _listed([_line(one, localizer) for one in held], localizer),
        Paragraph(told),
        Paragraph(localizer.text("Write “sessions” and a number to see one.")),
    )
    if until_ms is not None:
        kept = localizer.text(
            "I keep them until {date} and then delete them: save the files, they are yours.",
            date=localizer.date(until_ms),
        )
        blocks = (*blocks, Paragraph(kept))
    if check_url is not None:
        words = localizer.text("Anybody can check it here; the file stays in the browser:")
        blocks = (*blocks, Paragraph(Link(words, check_url)))
    return blocks


def _line(session: Session, localizer: Localizer, *, has_count: bool = False) -> Item:
    have, need = counted(session)
    count = f" ({have}/{need})" if has_count else ""
    return (Mono(number_of(session)), f" {titled(session, localizer)}{count}")


def _listed(lines: Sequence[Item], localizer: Localizer) -> Bullets:
    left = len(lines) - LISTED_MAX
    shown = list(lines[:LISTED_MAX])
    if left > 0:
        shown.append(localizer.plural("and {count} more", "and {count} more", left))
    return Bullets(shown)
