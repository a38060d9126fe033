"""Why an answer does not count, and what the person is told."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from veche.protocol.inbound import DeviceStanding, Trust
from veche.protocol.message import Doc, Link, Paragraph
from veche.protocol.texts.catalogue import N_, Catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.prompts import Prompt


class RefusalReason(enum.Enum):
    """Why an answer does not count; nothing has changed by it."""

    OUT_OF_SCOPE = "out_of_scope"
    LATE = "late"
    DOUBLED = "doubled"
    EDITED = "edited"
    TRUST_TOO_LOW = "trust_too_low"
    UNKNOWN_CHOICE = "unknown_choice"
    AMBIGUOUS = "ambiguous"
    MALFORMED = "malformed"
    APPROVAL_NEEDED = "approval_needed"
    CODE_WRONG = "code_wrong"
    CODE_SPENT = "code_spent"
    CODE_OVER_LIMIT = "code_over_limit"


def refusal_text(
    reason: RefusalReason,
    catalogue: Catalogue,
    language: str,
    prompt: Prompt | None = None,
    *,
    standing: DeviceStanding | None = None,
    approve_url: str | None = None,
) -> Doc:
    """Write why an answer does not count: what was wrong, and what to do next.

    Args:
        reason: Why it does not count.
        catalogue: Has the texts of ``veche.protocol``.
        language: Of the text.
        prompt: What it was an answer to, if that is known.
        standing: Of the device that sent it, for the words where the trust is too low.
        approve_url: Page where what was chosen is approved, if it has to be.
    """
    sentences = [_why(reason, prompt, standing), N_("Nothing has changed.")]
    count = len(prompt.choices) if prompt else 0
    if reason is RefusalReason.TRUST_TOO_LOW:
        sentences.append(_trust_next(prompt, standing))
    elif reason is RefusalReason.UNKNOWN_CHOICE and count == 0:
        sentences.append(_NEXT[RefusalReason.MALFORMED])
    elif reason in _NEXT:
        sentences.append(_NEXT[reason])
    shown = [catalogue.text(language, sentence, count=count) for sentence in sentences]
    if approve_url is not None and reason in _APPROVED_ON_PAGE:
        page = catalogue.text(language, "Please approve it with your key, on this page:")
        return (Paragraph(" ".join(shown)), Paragraph(Link(page, approve_url)))
    return (Paragraph(" ".join(shown)),)


APPROVAL_REVOKED: Final = N_(
    "The key that approved this was revoked meanwhile, so your answer does not count. Nothing has"
    " changed. To go on, please begin again and approve with another key."
)

_WHY: Final[Mapping[RefusalReason, str]] = {
    RefusalReason.OUT_OF_SCOPE: N_("This question is not for you, so your answer does not count."),
    RefusalReason.LATE: N_("This question is closed; your answer came too late."),
    RefusalReason.DOUBLED: N_("This question has been answered already; the first answer counts."),
    RefusalReason.EDITED: N_("This question has been replaced by a newer one."),
    RefusalReason.UNKNOWN_CHOICE: N_("There is no such choice."),
    RefusalReason.MALFORMED: N_("Your client sent an answer that cannot be read."),
    RefusalReason.APPROVAL_NEEDED: N_("This choice counts only with the signature of your key."),
    RefusalReason.CODE_WRONG: N_("This is not the code of that question."),
    RefusalReason.CODE_SPENT: N_("The code of that question does not work any more."),
    RefusalReason.CODE_OVER_LIMIT: N_("This is more than you let yourself approve by code a day."),
}
_NEXT: Final[Mapping[RefusalReason, str]] = {
    RefusalReason.LATE: N_("Write “menu” to begin again."),
    RefusalReason.EDITED: N_("Please answer the newest one."),
    RefusalReason.UNKNOWN_CHOICE: N_("Please reply with a number from 1 to {count}."),
    RefusalReason.AMBIGUOUS: N_("Please reply to the question you mean, with the number."),
    RefusalReason.MALFORMED: N_("Please type the number of your choice instead."),
}
_APPROVED_ON_PAGE: Final = frozenset(
    {
        RefusalReason.APPROVAL_NEEDED,
        RefusalReason.CODE_WRONG,
        RefusalReason.CODE_SPENT,
        RefusalReason.CODE_OVER_LIMIT,
    }
)
_UNTRUSTED: Final[Mapping[DeviceStanding, tuple[str, str]]] = {
    DeviceStanding.NOT_ENCRYPTED: (
        N_("This answer must be encrypted, and yours was not (reactions never are)."),
        N_("Please type the number of your choice as an encrypted message."),
    ),
    DeviceStanding.UNKNOWN: (
        N_("Your answer came from a device that is not known to be yours."),
        N_("Please verify that device in the settings of your client, then answer again."),
    ),
    DeviceStanding.UNSIGNED: (
        N_("Your answer came from a device that you have not verified."),
        N_("Please verify that device in the settings of your client, then answer again."),
    ),
    DeviceStanding.NO_IDENTITY: (
        N_("Your account cannot yet show which devices are yours."),
        N_("Please set up recovery in the settings of your client, then answer again."),
    ),
    DeviceStanding.IDENTITY_CHANGED: (
        N_("The identity of your account has changed since you last confirmed it."),
        N_("Please confirm your new identity first, then answer again."),
    ),
    DeviceStanding.LATE: (
        N_("Your answer came from a device that nobody has confirmed here yet."),
        N_("Please confirm it first, then answer again."),
    ),
    DeviceStanding.PAGE: (
        N_("The way in which you signed in to the page is not enough for this answer."),
        N_("Please sign in with a link from the bot, asked for on a verified device."),
    ),
}


def _why(reason: RefusalReason, prompt: Prompt | None, standing: DeviceStanding | None) -> str:
    if reason is RefusalReason.AMBIGUOUS:
        if prompt is None:
            return N_("Several questions are open, and your answer fits more than one.")
        return N_("Your answer fits several choices.")
    if reason is RefusalReason.TRUST_TOO_LOW:
        if standing is None or standing not in _UNTRUSTED or _needs_signature(prompt):
            return N_("This answer needs better proof that it comes from you.")
        return _UNTRUSTED[standing][0]
    return _WHY[reason]


def _trust_next(prompt: Prompt | None, standing: DeviceStanding | None) -> str:
    if _needs_signature(prompt):
        return N_("Please sign it with your key on the page of the question.")
    if standing is not None and standing in _UNTRUSTED:
        return _UNTRUSTED[standing][1]
    return N_("Please answer from a verified device.")


def _needs_signature(prompt: Prompt | None) -> bool:
    return prompt is not None and prompt.trust is Trust.SIGNED
