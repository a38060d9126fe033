"""Prompts: buttons and forms for every client, as one message that is complete without them.

The text numbers the choices and says how to answer. Beside it ride our own ``org.veche.prompt``
and MSC4139's mixin, from which clients that know one of them draw buttons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

import attrs
from pydantic import Field, model_validator

from veche.protocol.approval import AskedApproval, PaymentShown, ReleaseShown
from veche.protocol.forms import Form
from veche.protocol.ids import WireEventId, WireUlid, WireUserId
from veche.protocol.inbound import Trust
from veche.protocol.message import (
    NO_PAYLOAD,
    URL_CHARACTERS_MAX,
    Bold,
    Content,
    Doc,
    Link,
    Mono,
    Numbered,
    Paragraph,
    Payload,
    body,
    text,
)
from veche.protocol.texts.catalogue import show_money
from veche.protocol.texts.typed_choice import KEYCAPS_MAX, folded, keycap, typed_number
from veche.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.ids import UserId
    from veche.protocol.texts.catalogue import Catalogue

CHOICES_MAX: Final = 20
SCOPE_MAX: Final = 50
LABEL_CHARACTERS_MAX: Final = 100
ANSWER_FIELDS_MAX: Final = 50
REACTIONS_MAX: Final = KEYCAPS_MAX

PROMPT_KEY: Final = "org.veche.prompt"
ANSWER_KEY: Final = "org.veche.answer"
USED_PROMPT_KEYS: Final = ("org.matrix.msc4139.used_prompt", "m.used_prompt")
"""Where a client that knows MSC4139 names the prompt that it answers."""
MSC4139_PROMPTS: Final = "org.matrix.msc4139.prompts"

TrustLabel = Literal["any", "e2ee", "verified", "signed"]
ClosedReason = Literal["answered", "expired", "withdrawn"]
NumberReactions = Literal["first", "always", "never"]
"""On which questions bots place number reactions: the first two of a chat, all, or none."""
ChoiceId = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$")]


class Choice(Wire):
    """One thing that can be chosen.

    Attributes:
        id: Id that the service gets; ``[a-z0-9_.-]``, 1 to 64 characters.
        label: Text that the person reads, and may type.
        style: Hint for the look of buttons; nothing depends on it.
        approve: Approval that the person's key must sign first; an answer without it does not
            count.
    """

    id: ChoiceId
    label: Annotated[str, Field(min_length=1, max_length=LABEL_CHARACTERS_MAX)]
    style: Literal["primary", "secondary", "danger"] | None = None
    approve: AskedApproval | None = None


class Prompt(Wire):
    """A question to people, with its possible answers.

    Attributes:
        v: Version, 1.
        id: Id of the prompt.
        scope: People who may answer, at most ``SCOPE_MAX``; empty: anybody in the room.
        single_use: Exactly one answer counts.
        expires_at_ms: UTC; from then on an answer is late.
        min_trust: Least trust that the answer needs.
        choices: At most ``CHOICES_MAX``, with ids and labels that differ.
        form: Fields to fill in.
        url: A page where it is easier to answer.
        closed: Why it takes no more answers; None while it does.
        chosen: Id of what was chosen, once it is closed.
        twin: In a poll only: the event that asks the same in text.
    """

    v: Literal[1]
    id: WireUlid
    scope: Annotated[tuple[WireUserId, ...], Field(strict=False, max_length=SCOPE_MAX)]
    single_use: bool = True
    expires_at_ms: Annotated[int, Field(ge=0)]
    min_trust: TrustLabel = "any"
    choices: Annotated[tuple[Choice, ...], Field(strict=False, max_length=CHOICES_MAX)] = ()
    form: Form | None = None
    url: Annotated[str, Field(max_length=URL_CHARACTERS_MAX)] | None = None
    closed: ClosedReason | None = None
    chosen: ChoiceId | None = None
    twin: WireEventId | None = None

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        ids = {choice.id for choice in self.choices}
        labels = [folded(choice.label) for choice in self.choices]
        if len(ids) != len(self.choices) or len(set(labels)) != len(labels):
            raise ValueError("ids and labels of the choices must differ")
        for n, label in enumerate(labels, 1):
            # "1. Two children / 2. 1": whoever types 1 cannot say which they mean.
            number = typed_number(label)
            if number is not None and number != n and 1 <= number <= len(labels):
                raise ValueError("a label must not be the number of another choice")
        for choice in self.choices:
            if choice.approve and (not self.single_use or choice.approve.person not in self.scope):
                raise ValueError("what is approved is for one answer, by a person of the scope")
        return self

    @property
    def trust(self) -> Trust:
        """``min_trust`` as a level that can be compared."""
        return Trust[self.min_trust.upper()]

    def choice(self, choice_id: str | None) -> Choice | None:
        """The choice with an id; None if there is none."""
        return next((one for one in self.choices if one.id == choice_id), None)


@attrs.frozen
class ApproveHint:
    """How a choice is approved, for the text of its prompt.

    Attributes:
        choice: Id of the choice.
        url: The page where the person's key lives; None: there are no pages.
        code: Four digits that may be replied instead; None: not for this choice.
    """

    choice: str
    url: str | None = None
    code: str | None = None


class Answer(Wire):
    """A structured answer; its event relates to that of the prompt by ``m.reference``.

    Attributes:
        v: Version, 1.
        prompt: Id of the prompt.
        choice: Id of what is chosen; may be left out where the prompt has a form.
        data: Values of the form's fields by their ids, at most ``ANSWER_FIELDS_MAX``.
    """

    v: Literal[1]
    prompt: WireUlid
    choice: ChoiceId | None = None
    data: Annotated[dict[str, Any], Field(max_length=ANSWER_FIELDS_MAX)] | None = None


def prompt_content(  # noqa: PLR0913 -- what a message is made of
    prompt: Prompt,
    intro: Doc,
    catalogue: Catalogue,
    language: str,
    *,
    mentions: Sequence[UserId] = (),
    payload: Payload = NO_PAYLOAD,
    hints: Sequence[ApproveHint] = (),
    has_reactions: bool = True,
) -> Content:
    """Content of the message that asks a prompt.

    Args:
        prompt: What is asked.
        intro: What this is and what is asked, in words; the choices are added.
        catalogue: Has the texts of ``veche.protocol``.
        language: Of the words that are added.
        mentions: Whom it rings.
        payload: What else rides beside it.
        hints: How its choices are approved.
        has_reactions: Whether the bot places the reactions of ``reaction_keys``.

    Raises:
        TooLargeError: As for ``message.text``.
        MalformedError: As for ``message.text``; or the address of a page may not be shown.
    """
    can_tap = has_reactions and bool(reaction_keys(prompt))
    doc = (*intro, *_answering(prompt, catalogue, language, can_tap=can_tap))
    for hint in hints:
        doc = (*doc, *_approving(prompt, hint, catalogue, language))
    beside: dict[str, Wire | Mapping[str, Any]] = {PROMPT_KEY: prompt, **payload}
    if prompt.choices:
        beside[MSC4139_PROMPTS] = _msc4139(prompt, intro)
    return text(doc, mentions=mentions, payload=beside)


def closed_content(
    prompt: Prompt,
    intro: Doc,
    outcome: str,
    *,
    reason: ClosedReason = "answered",
    chosen: str | None = None,
    payload: Payload = NO_PAYLOAD,
) -> Content:
    """Build the content of a closed prompt; wrap it in ``message.edit``.

    Raises:
        TooLargeError: As for ``message.text``.
    """
    closed = prompt.model_copy(
        update={"closed": reason, "chosen": chosen, "choices": (), "form": None, "url": None}
    )
    doc = (*intro, Paragraph(Bold(outcome)))
    return text(doc, payload={PROMPT_KEY: closed, **payload})


def reaction_keys(prompt: Prompt) -> tuple[str, ...]:
    """Return the reactions that the bot may place on a prompt, one a choice, in order.

    None with more than ``REACTIONS_MAX`` choices, or where an answer must be better proved: a
    reaction is not encrypted, so it may only navigate.
    """
    is_approved = any(choice.approve for choice in prompt.choices)
    if prompt.trust > Trust.ANY or is_approved or len(prompt.choices) > REACTIONS_MAX:
        return ()
    return tuple(keycap(n) for n in range(1, len(prompt.choices) + 1))


def _answering(prompt: Prompt, catalogue: Catalogue, language: str, *, can_tap: bool) -> Doc:
    blocks: Doc = ()
    if prompt.choices:
        how = (
            catalogue.text(language, "To answer, reply with the number, or tap it below.")
            if can_tap
            else catalogue.text(language, "To answer, reply with the number.")
        )
        blocks = (Numbered([choice.label for choice in prompt.choices]), Paragraph(how))
    if prompt.url:
        page = catalogue.text(language, "You can also answer on this page:")
        blocks = (*blocks, Paragraph(Link(page, prompt.url)))
    return blocks


def _approving(prompt: Prompt, hint: ApproveHint, catalogue: Catalogue, language: str) -> Doc:
    choice = prompt.choice(hint.choice)
    label = choice.label if choice else hint.choice
    blocks: Doc = ()
    if hint.url is not None:
        words = _approve_words(label, choice.approve if choice else None, catalogue, language)
        blocks = (Paragraph(Link(words, hint.url)),)
    if hint.code is not None:
        how = catalogue.text(
            language,
            "Or reply, from a verified device, with this code alone; it counts once:",
        )
        blocks = (*blocks, Paragraph(how, " ", Mono(hint.code)))
    return blocks


def _approve_words(
    label: str, approve: AskedApproval | None, catalogue: Catalogue, language: str
) -> str:
    """The words of the link to the page where a choice is approved."""
    match approve.shown if approve else None:
        case PaymentShown(amount=money):
            amount = show_money(money, language)
            return catalogue.text(language, "Approve {amount} with your key", amount=amount)
        case ReleaseShown():
            return catalogue.text(language, "Approve with your key")
        case _:
            return catalogue.text(language, "“{label}”: approve it with your key", label=label)


def _msc4139(prompt: Prompt, intro: Doc) -> dict[str, Any]:
    """The mixin ``m.prompts`` under its unstable name (MSC4139 as of May 2024)."""
    mixin: dict[str, Any] = {
        "intro": {"type": "m.message", "content": {"m.text": [{"body": body(intro)}]}},
        "prompts": [
            {"type": "preset", "id": c.id, "label": {"m.text": [{"body": c.label}]}}
            for c in prompt.choices
        ],
    }
    if prompt.scope:
        # An empty list would mean "nobody", so it is left out where it means "anybody".
        mixin["scope"] = list(prompt.scope)
    return mixin
