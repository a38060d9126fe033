"""Limits of a person in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.core.commands import FREEZE
from appservices.payments.core.limits import NO_LIMIT, LimitKind
from veche.protocol.message import Bullets, Doc, Link, Mono, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.core.limits import OwnLimit
    from veche.protocol.texts.localizer import Speech


def limits_doc(
    limits: Mapping[str, Mapping[LimitKind, OwnLimit]], url: str | None, speech: Speech
) -> Doc:
    """Which limits there are, and how they are changed.

    Args:
        limits: By currency, as they are now.
        url: Of the page of keys and of the limit for codes; None: there are no pages.
        speech: How the person is spoken to.
    """
    lines = [
        _line(own[kind], currency, kind, speech)
        for currency, own in limits.items()
        for kind in (LimitKind.FIRST_PAYEE, LimitKind.DAY)
    ]
    first = next(iter(limits))
    doc: Doc = (
        Paragraph(speech.text("Your limits:")),
        Bullets(lines),
        Paragraph(
            speech.text("To change one, write for example:"),
            "\n",
            Mono(limit_example(first, speech)),
            "\n",
            Mono(speech.text("limits first 50 {currency}", currency=first)),
        ),
        Paragraph(
            speech.text("A lower one counts at once, a higher one a day later."),
            " ",
            speech.text("To stop everything at once, write:"),
            " ",
            Mono(FREEZE.word(speech.language)),
        ),
    )
    if url is None:
        return doc
    words = speech.text("Your keys, and how much you may approve by code:")
    return (*doc, Paragraph(words, "\n", Link(url, url)))


def limit_example(currency: str, speech: Speech) -> str:
    """An order of a limit that can be read."""
    return speech.text("limits day 100 {currency}", currency=currency)


def _line(limit: OwnLimit, currency: str, kind: LimitKind, speech: Speech) -> str:
    amount = _amount(limit.minor, currency, speech)
    if kind is LimitKind.DAY:
        words = speech.text("in 24 hours goes out at most: {amount}", amount=amount)
    else:
        words = speech.text("what goes to somebody new waits above: {amount}", amount=amount)
    if limit.later_minor is None or limit.later_at_ms is None:
        return words
    later = speech.text(
        "from {moment}: {amount}",
        moment=speech.moment(limit.later_at_ms),
        amount=_amount(limit.later_minor, currency, speech),
    )
    return f"{words} ({later})"


def _amount(minor: int, currency: str, speech: Speech) -> str:
    return speech.text("no limit") if minor == NO_LIMIT else speech.money(minor, currency)
