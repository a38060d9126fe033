"""Texts about a person's bans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.limits.core import ALL, DAYS_MAX, PAYOUTS, BanProblem
from veche.protocol.message import Bullets, Doc, Heading, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.texts.localizer import Localizer

_PROBLEMS: Final[Mapping[BanProblem, str]] = {
    BanProblem.USAGE: N_("Write what you forbid yourself, and for how long:"),
    BanProblem.UNKNOWN_KIND: N_("You can forbid yourself: all, payouts{kinds}."),
    BanProblem.TOO_LONG: N_("You can forbid yourself something for {count} days at most:"),
}


def bans_doc(bans: Mapping[str, int], localizer: Localizer) -> Doc:
    """List a person's bans.

    Args:
        bans: Until when, UTC, by what.
        localizer: How they are spoken to.
    """
    if not bans:
        doc: Doc = (Paragraph(localizer.text("You forbid yourself nothing.")),)
    else:
        lines = [
            localizer.text(
                "{what}: until {moment}",
                what=what_words(what, localizer),
                moment=localizer.moment(at_ms),
            )
            for what, at_ms in bans.items()
        ]
        doc = (Paragraph(localizer.text("You forbid yourself:")), Bullets(lines))
    intro = localizer.text("To forbid yourself something, write for example:")
    return (*doc, Paragraph(intro, "\n", Mono(localizer.text("ban payouts 30 days"))))


def ban_problem_doc(problem: BanProblem, kinds: Sequence[str], localizer: Localizer) -> Doc:
    """Why a ban cannot be read, with one that can.

    Args:
        problem: What is wrong.
        kinds: Of organisations here.
        localizer: How the person is spoken to.
    """
    more = "".join(f", {kind}" for kind in kinds)
    words = localizer.text(_PROBLEMS[problem], count=DAYS_MAX, kinds=more)
    return (Paragraph(words, "\n", Mono(localizer.text("ban payouts 30 days"))),)


def ban_proposal_doc(what: str, until_ms: int, localizer: Localizer) -> Doc:
    """Describe the ban that a person is asked to approve."""
    words = localizer.text(
        "Nobody can end this earlier, you neither, and no office of ours. You can only make it"
        " longer."
    )
    heading = Heading(localizer.text("Forbid yourself something"))
    return (heading, Paragraph(ban_text(what, until_ms, localizer)), Paragraph(words))


def ban_text(what: str, until_ms: int, localizer: Localizer) -> str:
    """The same in the words that are signed."""
    return localizer.text(
        "I forbid myself until {moment}: {what}.",
        moment=localizer.moment(until_ms),
        what=what_words(what, localizer),
    )


def what_words(what: str, localizer: Localizer) -> str:
    """Name the subject of a ban."""
    if what == ALL:
        return localizer.text("to pay anybody")
    if what == PAYOUTS:
        return localizer.text("payouts to banks")
    return localizer.text("to pay organisations of the kind {kind}", kind=what)
