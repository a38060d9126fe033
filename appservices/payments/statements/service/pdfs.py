"""Statements as PDF: made in a thread, and sealed where the institution has a seal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from appservices.payments.statements.pdf import statement_pdf
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Parts
    from appservices.payments.statements.core import AccountStatement


async def make_pdf(parts: Parts, found: AccountStatement, language: str, now_ms: int) -> bytes:
    """A statement as a PDF.

    Args:
        parts: Of the institution.
        found: What was booked.
        language: One of ``LANGUAGES``.
        now_ms: Date of the PDF, UTC.

    Raises:
        TooLargeError: It has too many lines for a PDF.
        UnavailableError: The service of signing does not answer.
        SealError: It seals nothing for the institution.
    """
    reactor = parts.host.reactor
    make = partial(
        statement_pdf,
        found,
        institution=parts.section.name_in(language),
        language=language,
        made_at_ms=now_ms,
    )
    made: bytes = await in_thread(reactor, make)
    if parts.sealer is None:
        return made
    return await parts.sealer.seal(made, statement_id(found), now_ms)


def statement_id(found: AccountStatement) -> str:
    """At most 35 characters, the same for the same account and days."""
    return f"{found.account}-{found.opened_on:%Y%m%d}-{found.closed_on:%Y%m%d}"
