"""Texts about guardians that are the same for whatever they guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol.guardians import GuardProblem, RuleState
from veche.protocol.message import Doc, Mono, Paragraph
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer

PROBLEMS: Final[Mapping[GuardProblem, str]] = {
    GuardProblem.TOO_MANY: N_("There can be {count} guardians at most:"),
    GuardProblem.TWICE: N_("Write each guardian once:"),
}
"""What is wrong with a rule that somebody typed; the others name what is guarded."""
COMING: Final[Mapping[RuleState, str]] = {
    RuleState.PROPOSED: N_("You were asked for your key, and have not approved this yet:"),
    RuleState.ASKED: N_("Not all of them have accepted this yet:"),
    RuleState.WAITING: N_("This counts from {moment} on:"),
}
"""What stands above a rule that does not count yet."""
BE_ONE: Final = N_("Be a guardian")
BE_NONE: Final = N_("Do not be one")
CHANGE_NOTHING: Final = N_("Change nothing")
KEEP_PRESENT: Final = N_("Keep the present rule")
UNCHANGED: Final = N_("Nothing has changed.")
APPROVED: Final = N_("Approved.")
DECIDED: Final = N_("It is decided.")
IS_ONE: Final = N_("You are a guardian.")
IS_NONE: Final = N_("You are not a guardian.")
ACCEPTED: Final = N_("{name} is your guardian.")
DECLINED: Final = N_("{name} does not want to be your guardian, so nothing has changed.")


def weaker_doc(rule: str, at_ms: int, localizer: Localizer) -> Doc:
    """The person's new rule counts later, since it asks for less."""
    words = localizer.text(
        "This rule asks for less than the one that counts, so it counts from {moment} on. Nobody"
        " can make that sooner. Your guardians are told.",
        moment=localizer.moment(at_ms),
    )
    return (Paragraph(rule), Paragraph(words))


def warning_doc(name: str, address: str, at_ms: int, localizer: Localizer) -> Doc:
    """Guardians of before are told that the person wants less of them."""
    words = localizer.text(
        "{name} wants to be guarded less, from {moment} on. If they have not told you why, ask"
        " them: somebody may be hurrying them.",
        name=name,
        moment=localizer.moment(at_ms),
    )
    return (Paragraph(words, " ", Mono(address)),)
