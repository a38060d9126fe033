"""What a person forbids themselves, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.bans import ALL, DAYS_MAX, PAYOUTS, BanProblem
from veche.protocol.message import Bullets, Doc, Heading, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.texts.localizer import Speech

_PROBLEMS: Final[Mapping[BanProblem, str]] = {
    BanProblem.USAGE: N_("Write what you forbid yourself, and for how long:"),
    BanProblem.UNKNOWN_KIND: N_("You can forbid yourself: all, payouts{kinds}."),
    BanProblem.TOO_LONG: N_("You can forbid yourself something for {count} days at most:"),
}


def bans_doc(bans: Mapping[str, int], speech: Speech) -> Doc:
    """What somebody forbade themselves.

    Args:
        bans: Until when, UTC, by what.
        speech: How they are spoken to.
    """
    if not bans:
        doc: Doc = (Paragraph(speech.text("You forbid yourself nothing.")),)
    else:
        lines = [
            speech.text(
                "{what}: until {moment}", what=what_words(what, speech), moment=speech.moment(at_ms)
            )
            for what, at_ms in bans.items()
        ]
        doc = (Paragraph(speech.text("You forbid yourself:")), Bullets(lines))
    intro = speech.text("To forbid yourself something, write for example:")
    return (*doc, Paragraph(intro, "\n", Mono(speech.text("ban payouts 30 days"))))


def ban_problem_doc(problem: BanProblem, kinds: Sequence[str], speech: Speech) -> Doc:
    """Why a ban cannot be read, with one that can.

    Args:
        problem: What is wrong.
        kinds: Of organisations here.
        speech: How the person is spoken to.
    """
    more = "".join(f", {kind}" for kind in kinds)
    words = speech.text(_PROBLEMS[problem], count=DAYS_MAX, kinds=more)
    return (Paragraph(words, "\n", Mono(speech.text("ban payouts 30 days"))),)


def ban_proposal_doc(what: str, until_ms: int, speech: Speech) -> Doc:
    """What somebody is asked to approve."""
    words = speech.text(
        "Nobody can end this earlier, you neither, and no office of ours. You can only make it"
        " longer."
    )
    heading = Heading(speech.text("Forbid yourself something"))
    return (heading, Paragraph(ban_text(what, until_ms, speech)), Paragraph(words))


def ban_text(what: str, until_ms: int, speech: Speech) -> str:
    """The same in the words that are signed."""
    return speech.text(
        "I forbid myself until {moment}: {what}.",
        moment=speech.moment(until_ms),
        what=what_words(what, speech),
    )


def what_words(what: str, speech: Speech) -> str:
    """What is forbidden."""
    if what == ALL:
        return speech.text("to pay anybody")
    if what == PAYOUTS:
        return speech.text("payouts to banks")
    return speech.text("to pay organisations of the kind {kind}", kind=what)
