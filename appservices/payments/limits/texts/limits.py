"""Limits of a person in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.conversation.core.commands import FREEZE
from appservices.payments.holders.core import NO_LIMIT, LimitKind
from veche.protocol.message import Bullets, Doc, Link, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.holders.core import OwnLimit
    from veche.protocol.texts.localizer import Localizer


def limits_doc(
    limits: Mapping[str, Mapping[LimitKind, OwnLimit]], url: str | None, localizer: Localizer
) -> Doc:
    """Which limits there are, and how they are changed.

    Args:
        limits: By currency, as they are now.
        url: Of the page of keys and of the limit for codes; None: there are no pages.
        localizer: How the person is spoken to.
    """
    lines = [
        _line(own[kind], currency, kind, localizer)
        for currency, own in limits.items()
        for kind in (LimitKind.FIRST_PAYEE, LimitKind.DAY)
    ]
    first = next(iter(limits))
    doc: Doc = (
        Paragraph(localizer.text("Your limits:")),
        Bullets(lines),
        Paragraph(
            localizer.text("To change one, write for example:"),
            "\n",
            Mono(limit_example(first, localizer)),
            "\n",
            Mono(localizer.text("limits first 50 {currency}", currency=first)),
        ),
        Paragraph(
            localizer.text("A lower one counts at once, a higher one a day later."),
            " ",
            localizer.text("To stop everything at once, write:"),
            " ",
            Mono(FREEZE.word(localizer.language)),
        ),
    )
    if url is None:
        return doc
    words = localizer.text("Your keys, and how much you may approve by code:")
    return (*doc, Paragraph(Link(words, url)))


def limit_example(currency: str, localizer: Localizer) -> str:
    """An order of a limit that can be read."""
    return localizer.text("limits day 100 {currency}", currency=currency)


def _line(limit: OwnLimit, currency: str, kind: LimitKind, localizer: Localizer) -> str:
    amount = _amount(limit.minor, currency, localizer)
    if kind is LimitKind.DAY:
        words = localizer.text("in 24 hours goes out at most: {amount}", amount=amount)
    else:
        words = localizer.text("what goes to somebody new waits above: {amount}", amount=amount)
    if limit.later_minor is None or limit.later_at_ms is None:
        return words
    later = localizer.text(
        "from {moment}: {amount}",
        moment=localizer.moment(limit.later_at_ms),
        amount=_amount(limit.later_minor, currency, localizer),
    )
    return f"{words} ({later})"


def _amount(minor: int, currency: str, localizer: Localizer) -> str:
    return localizer.text("no limit") if minor == NO_LIMIT else localizer.money(minor, currency)
