"""Answers: what a person did, read as the answer to a prompt, or clearly refused.

One person answers by number, label, reaction, button or vote, whatever their client can do; the
service gets one ``Chosen``. Pure: which prompts are open is an argument.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from veche.protocol.errors import MalformedError
from veche.protocol.ids import EventId, Ulid, UserId
from veche.protocol.inbound import Inbound, PromptAnswer, Trust
from veche.protocol.message import RelationKind
from veche.protocol.prompts import ANSWER_KEY, USED_PROMPT_KEYS, Answer, Choice, Prompt
from veche.protocol.refusals import RefusalReason, refusal_text
from veche.protocol.texts.typed_choice import (
    Closeness,
    Match,
    NoMatch,
    keycap_number,
    match_choice,
    without_quote,
)
from veche.protocol.wire import mapping, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "PROMPTS_MAX",
    "Chosen",
    "NoAnswer",
    "OpenPrompt",
    "Outcome",
    "PromptState",
    "RefusalReason",
    "Refused",
    "Via",
    "closed_for",
    "is_reply",
    "judge_answer",
    "read_answer",
    "refusal_text",
]

PROMPTS_MAX: Final = 50
"""Most prompts of a room that are looked at, the newest."""

_MESSAGES: Final = frozenset(
    {"m.room.message", "org.matrix.msc4139.conversation.reply", "m.conversation.reply"}
)
_POLL_RESPONSE_UNSTABLE: Final = "org.matrix.msc3381.poll.response"
_POLL_RESPONSES: Final = frozenset({_POLL_RESPONSE_UNSTABLE, "m.poll.response"})

Via = Literal["text", "reaction", "structured", "msc4139", "poll", "page"]


class PromptState(enum.Enum):
    """The state of a prompt: whether it takes answers."""

    OPEN = "open"
    ANSWERED = "answered"
    EDITED = "edited"
    """Replaced by another; what the person read may not be what it says now."""
    EXPIRED = "expired"
    CLOSED = "closed"
    """Withdrawn: the matter is over."""


@attrs.frozen
class OpenPrompt:
    """A prompt that stands in a room.

    Attributes:
        event_id: Of the message that asks it; None while it is not yet sent.
        state: Whether it takes answers.
        answered_by: Whose answer has counted already, where it is single use.
        twins: Other events that ask the same: a poll.
    """

    prompt: Prompt
    event_id: EventId | None
    state: PromptState = PromptState.OPEN
    answered_by: frozenset[UserId] = frozenset()
    twins: frozenset[EventId] = frozenset()


@attrs.frozen
class Chosen:
    """An answer that counts.

    Attributes:
        choice: Id of what was chosen; None if only a form was filled in.
        data: Values of the form, not yet checked against its fields; None without a form.
        via: How it came.
        approved_by: Nonce of the approval, where the choice needs one: by it the evidence is kept.
            None for any other choice, whatever the trust.
    """

    prompt_id: Ulid
    choice: str | None
    data: Mapping[str, Any] | None
    via: Via
    approved_by: str | None = None


@attrs.frozen
class Refused:
    """An answer that does not count.

    Attributes:
        prompt_id: What it was an answer to; None if that is the very doubt.
        choice: Id of what was chosen, where that has to be approved.
    """

    prompt_id: Ulid | None
    reason: RefusalReason
    choice: str | None = None


@attrs.frozen
class NoAnswer:
    """Something else than an answer.

    Attributes:
        prompt_id: The prompt it replies to in free words; None if it replies to none.
        stale: It would fit a prompt that takes no more answers. Say so, unless something else
            (the field of a form) was waiting for these words.
    """

    prompt_id: Ulid | None
    stale: Refused | None = None


Outcome = Chosen | Refused | NoAnswer


def read_answer(
    inbound: Inbound,
    prompts: Sequence[OpenPrompt],
    now_ms: int,
    *,
    is_bare_text_allowed: bool = True,
) -> Outcome:
    """Read an event as the answer to one of the prompts of its room.

    Checked in this order: is it an answer at all, may this person give it, does the prompt still
    take it, is it sure enough who gave it, is it one of the choices.

    Args:
        inbound: The event; it may be anything.
        prompts: Of that room and bot, the newest first, those that are closed too; looked at up to
            ``PROMPTS_MAX``.
        now_ms: UTC.
        is_bare_text_allowed: Whether a message that replies to nothing may be an answer.
    """
    relates = mapping(inbound.content.get("m.relates_to"))
    if inbound.state_key is not None or relates.get("rel_type") == RelationKind.REPLACE.value:
        # Whoever could edit an answer could take back what has already had its effect.
        return NoAnswer(None)
    room = _Room(inbound, relates, tuple(prompts[:PROMPTS_MAX]), now_ms)
    if inbound.event_type == "m.reaction":
        return _read_reaction(room)
    if inbound.event_type in _POLL_RESPONSES:
        return _read_vote(room)
    if inbound.event_type in _MESSAGES:
        return _read_message(room, is_bare_text_allowed)
    return NoAnswer(None)


def judge_answer(answer: PromptAnswer, known: OpenPrompt) -> Chosen | Refused:
    """Judge an answer that was given on a page.

    Checked in the order of ``read_answer``; what has to be approved counts if the very approval
    that was asked for is with it.

    Args:
        answer: As it was given.
        known: The prompt that it names, as it is now.
    """
    return _judged(known, _structured(known, answer, "page"), answer, answer.trust, answer.at_ms)


@attrs.frozen
class _Room:
    inbound: Inbound
    relates: Mapping[str, Any]
    prompts: tuple[OpenPrompt, ...]
    now_ms: int

    def prompt_of(self, event_id: object) -> OpenPrompt | None:
        if not isinstance(event_id, str):
            return None
        for known in self.prompts:
            if event_id == known.event_id or event_id in known.twins:
                return known
        return None

    def judged(
        self, known: OpenPrompt, found: Chosen | RefusalReason, trust: Trust | None = None
    ) -> Chosen | Refused:
        """``found``, unless something else stands against an answer of this person now."""
        given = self.inbound.trust if trust is None else trust
        return _judged(known, found, self.inbound, given, self.now_ms)


def _judged(
    known: OpenPrompt,
    found: Chosen | RefusalReason,
    by: Inbound | PromptAnswer,
    trust: Trust,
    now_ms: int,
) -> Chosen | Refused:
    prompt_id = Ulid(known.prompt.id)
    reason = closed_for(known, by.sender, now_ms)
    if isinstance(found, Chosen):
        choice = known.prompt.choice(found.choice)
        asked = choice.approve.nonce if choice and choice.approve else None
        approved = by.nonce if isinstance(by, PromptAnswer) and trust is Trust.SIGNED else None
        if reason is None and asked is not None and asked != approved:
            return Refused(prompt_id, RefusalReason.APPROVAL_NEEDED, found.choice)
        found = attrs.evolve(found, approved_by=asked)
    if reason is None and trust < known.prompt.trust:
        reason = RefusalReason.TRUST_TOO_LOW
    if reason is not None:
        return Refused(prompt_id, reason)
    return Refused(prompt_id, found) if isinstance(found, RefusalReason) else found


def closed_for(known: OpenPrompt, sender: UserId, now_ms: int) -> RefusalReason | None:
    """Why a prompt takes no answer of this person now; None if it does."""
    prompt, state = known.prompt, known.state
    if prompt.scope and sender not in prompt.scope:
        return RefusalReason.OUT_OF_SCOPE
    if state is PromptState.EDITED:
        return RefusalReason.EDITED
    if prompt.single_use and (state is PromptState.ANSWERED or sender in known.answered_by):
        return RefusalReason.DOUBLED
    if state in (PromptState.EXPIRED, PromptState.CLOSED) or now_ms >= prompt.expires_at_ms:
        return RefusalReason.LATE
    return None


def _chosen(known: OpenPrompt, choice: object, via: Via) -> Chosen | RefusalReason:
    if not isinstance(choice, str):
        return RefusalReason.MALFORMED
    if choice not in {c.id for c in known.prompt.choices}:
        return RefusalReason.UNKNOWN_CHOICE
    return Chosen(Ulid(known.prompt.id), choice, None, via)


def _read_reaction(room: _Room) -> Outcome:
    key, known = room.relates.get("key"), room.prompt_of(room.relates.get("event_id"))
    if (
        known is None
        or not isinstance(key, str)
        or room.relates.get("rel_type") != RelationKind.ANNOTATION.value
    ):
        return NoAnswer(None)
    number = keycap_number(key)
    if number is None:
        # A thumb up is not an answer, and needs no reply either.
        return NoAnswer(None)
    choices = known.prompt.choices
    found: Chosen | RefusalReason = RefusalReason.UNKNOWN_CHOICE
    if 1 <= number <= len(choices):
        found = _chosen(known, choices[number - 1].id, "reaction")
    # Reactions travel in clear even in encrypted rooms, whatever the event claims.
    return room.judged(known, found, Trust.ANY)


def _read_vote(room: _Room) -> Outcome:
    known = room.prompt_of(room.relates.get("event_id"))
    if known is None or room.relates.get("rel_type") != RelationKind.REFERENCE.value:
        return NoAnswer(None)
    content = room.inbound.content
    answers = content.get("m.selections")
    if answers is None:
        answers = mapping(content.get(_POLL_RESPONSE_UNSTABLE)).get("answers")
    # More than the poll allows are cut off (MSC3381), so the first is the vote.
    first = answers[0] if isinstance(answers, list | tuple) and answers else None
    return room.judged(known, _chosen(known, first, "poll"))


def _read_message(room: _Room, is_bare_text_allowed: bool) -> Outcome:
    if ANSWER_KEY in room.inbound.content:
        return _read_structured(room)
    if any(key in room.inbound.content for key in USED_PROMPT_KEYS):
        return _read_msc4139(room)
    return _read_text(room, is_bare_text_allowed)


def _read_structured(room: _Room) -> Outcome:
    target = room.prompt_of(room.relates.get("event_id"))
    try:
        answer = parse(Answer, room.inbound.content[ANSWER_KEY], where=ANSWER_KEY)
    except MalformedError:
        return room.judged(target, RefusalReason.MALFORMED) if target else NoAnswer(None)
    known = next((p for p in room.prompts if p.prompt.id == answer.prompt), None)
    if known is None:
        return room.judged(target, RefusalReason.MALFORMED) if target else NoAnswer(None)
    is_related = room.relates.get("rel_type") == RelationKind.REFERENCE.value
    # The answer may overtake the news of which event the prompt became.
    is_related = is_related and (known.event_id is None or target is known)
    if not is_related:
        return room.judged(known, RefusalReason.MALFORMED)
    return room.judged(known, _structured(known, answer, "structured"))


def _structured(
    known: OpenPrompt, answer: Answer | PromptAnswer, via: Via
) -> Chosen | RefusalReason:
    data = answer.data if known.prompt.form is not None else None
    if answer.choice is None:
        if data is None:
            return RefusalReason.MALFORMED
        return Chosen(Ulid(known.prompt.id), None, data, via)
    found = _chosen(known, answer.choice, via)
    return attrs.evolve(found, data=data) if isinstance(found, Chosen) else found


def _read_msc4139(room: _Room) -> Outcome:
    content = room.inbound.content
    key = next(key for key in USED_PROMPT_KEYS if key in content)
    known = room.prompt_of(mapping(content.get("m.in_reply_to")).get("event_id"))
    known = known or _replied_to(room)
    if known is None:
        return NoAnswer(None)
    return room.judged(known, _chosen(known, mapping(content[key]).get("id"), "msc4139"))


def _replied_to(room: _Room) -> OpenPrompt | None:
    """The prompt that a message replies to, or in whose thread it stands."""
    reply = mapping(room.relates.get("m.in_reply_to")).get("event_id")
    found = room.prompt_of(reply)
    if found is None and room.relates.get("rel_type") == RelationKind.THREAD.value:
        found = room.prompt_of(room.relates.get("event_id"))
    return found


def _read_text(room: _Room, is_bare_text_allowed: bool) -> Outcome:
    content = room.inbound.content
    typed = content.get("body")
    if content.get("msgtype") != "m.text" or not isinstance(typed, str):
        return NoAnswer(None)
    known = _replied_to(room)
    if known is not None:
        found = _matched(known, match_choice(known.prompt.choices, without_quote(typed)))
        return room.judged(known, found) if found else NoAnswer(Ulid(known.prompt.id))
    if is_reply(room.inbound.content) or not is_bare_text_allowed:
        # It replies to something else: to a person, or to what is no prompt.
        return NoAnswer(None)
    return _read_bare(room, typed)


def is_reply(content: Mapping[str, Any]) -> bool:
    """Return whether a message replies to one; in a thread it may only help older clients."""
    relates = mapping(content.get("m.relates_to"))
    return "m.in_reply_to" in relates and relates.get("is_falling_back") is not True


_Found = Match[Choice] | NoMatch | None


def _matched(known: OpenPrompt, found: _Found) -> Chosen | RefusalReason | None:
    if isinstance(found, Match):
        return Chosen(Ulid(known.prompt.id), found.choice.id, None, "text")
    if found is NoMatch.AMBIGUOUS:
        return RefusalReason.AMBIGUOUS
    # A number beyond the choices may well be the value of a field.
    is_number = found is NoMatch.UNKNOWN and known.prompt.form is None
    return RefusalReason.UNKNOWN_CHOICE if is_number else None


def _read_bare(room: _Room, typed: str) -> Outcome:
    sender, now_ms = room.inbound.sender, room.now_ms
    standing = [p for p in room.prompts if closed_for(p, sender, now_ms) is None]
    if not standing:
        return NoAnswer(None, _stale(room, typed))
    found = [(p, match_choice(p.prompt.choices, typed)) for p in standing]
    clear = [(p, match) for p, match in found if isinstance(match, Match)]
    if clear:
        best = min(match.closeness for _, match in clear)
        closest = [(p, match) for p, match in clear if match.closeness is best]
        if len(closest) > 1:
            return Refused(None, RefusalReason.AMBIGUOUS)
        return _answered(room, *closest[0])
    if len(standing) == 1:
        return _answered(room, *found[0])
    if any(match is NoMatch.AMBIGUOUS for _, match in found):
        return Refused(None, RefusalReason.AMBIGUOUS)
    return NoAnswer(None)


def _answered(room: _Room, known: OpenPrompt, found: _Found) -> Outcome:
    matched = _matched(known, found)
    return room.judged(known, matched) if matched else NoAnswer(None)


def _stale(room: _Room, typed: str) -> Refused | None:
    """The refusal that a closed prompt, the newest for this person, has for these words."""
    for known in room.prompts:
        reason = closed_for(known, room.inbound.sender, room.now_ms)
        if reason is RefusalReason.OUT_OF_SCOPE:
            continue
        match = match_choice(known.prompt.choices, typed)
        if isinstance(match, Match) and match.closeness is not Closeness.PREFIX and reason:
            return Refused(Ulid(known.prompt.id), reason)
        return None
    return None
