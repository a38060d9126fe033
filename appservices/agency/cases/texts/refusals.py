"""Why an input changed nothing: one sentence for each reason, and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.agency.cases.core.effects import RefusalReason
from veche.protocol.texts.catalogue import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.texts.localizer import Localizer

_WORDS: Final[Mapping[RefusalReason, str]] = {
    RefusalReason.NOT_NOW: N_("This is not possible now: the case is “{state}”."),
    RefusalReason.STALE: N_("This came too late."),
    RefusalReason.TRUST_TOO_LOW: N_(
        "To submit, write from a verified session, in an encrypted room. Your answers are kept."
    ),
    RefusalReason.KEY_NEEDED: N_(
        "This needs the key of your device. Open the page of the question and approve it there, or"
        " choose to change an answer."
    ),
    RefusalReason.NOT_YOURS: N_("This case is not yours. Take it first."),
    RefusalReason.NOT_ALLOWED: N_("Your role, or this service, does not allow it."),
    RefusalReason.SAME_PERSON: N_("Two persons must approve, and you have approved already."),
    RefusalReason.UNKNOWN: N_("There is no such thing here: {what}."),
    RefusalReason.EMPTY: N_("Please write at least a word."),
    RefusalReason.TOO_LONG: N_("This is too long. Please use at most {max} characters."),
    RefusalReason.TOO_MANY: N_("There are too many already."),
    RefusalReason.ALREADY: N_("This is done already."),
}
_UNCHANGED: Final = N_("Nothing has changed.")


def refusal_words(reason: RefusalReason, localizer: Localizer, **values: object) -> str:
    """Explain what is wrong, and that nothing has changed."""
    return f"{localizer.text(_WORDS[reason], **values)} {localizer.text(_UNCHANGED)}"
