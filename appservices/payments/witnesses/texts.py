"""Texts of the institution in the room in which its ledger's heads are posted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.protocol.message import Code, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer


def room_name(institution: str, localizer: Localizer) -> str:
    """Name of the room."""
    return localizer.text("{institution}: the ledger", institution=institution)


def room_topic(localizer: Localizer) -> str:
    """Return the room's topic."""
    return localizer.text(
        "How far the ledger has got, signed: a number and a hash, nothing of anybody. Everybody"
        " in this room has a copy, and nobody can take that back."
    )


def head_doc(size: int, note: str, witnesses: Sequence[str], localizer: Localizer) -> Doc:
    """One post.

    Args:
        size: Blocks of the head.
        note: As it is signed.
        witnesses: Who else signed a head that is beside it.
        localizer: Of the institution.
    """
    first = localizer.text("The ledger has {size} blocks.", size=size)
    if not witnesses:
        return (Paragraph(first), Code(note.strip()))
    seen = localizer.text("Seen and signed by: {names}", names=", ".join(witnesses))
    return (Paragraph(first), Code(note.strip()), Paragraph(seen))
