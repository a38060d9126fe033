"""Builders of prompts and of what persons send; everything that a test does not say is harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veche.protocol.answers import OpenPrompt, PromptState
from veche.protocol.ids import EventId, RoomId, UserId, derived_ulid
from veche.protocol.inbound import DeviceStanding, Inbound, Trust
from veche.protocol.prompts import Choice, Prompt, TrustLabel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.forms import Form

ALICE = UserId("@alice:example.org")
MALLORY = UserId("@mallory:example.org")
BOT = UserId("@veche_town:example.org")
ROOM = RoomId("!room:example.org")
NOW_MS = 1_764_000_000_000
LABELS = {"pay": "Pay 12.50 EUR", "later": "Remind me tomorrow", "dispute": "This is wrong"}


def a_prompt(
    labels: Mapping[str, str] = LABELS,
    *,
    name: str = "prompt",
    scope: tuple[UserId, ...] = (ALICE,),
    min_trust: TrustLabel = "any",
    is_single_use: bool = True,
    form: Form | None = None,
    url: str | None = None,
) -> Prompt:
    """A prompt that expires a minute after ``NOW_MS``; its id is derived from ``name``."""
    return Prompt(
        v=1,
        id=derived_ulid(NOW_MS, name),
        scope=scope,
        single_use=is_single_use,
        expires_at_ms=NOW_MS + 60_000,
        min_trust=min_trust,
        choices=tuple(Choice(id=id_, label=label) for id_, label in labels.items()),
        form=form,
        url=url,
    )


def standing(
    prompt: Prompt,
    event_id: str | None = "$prompt",
    state: PromptState = PromptState.OPEN,
    *,
    answered_by: frozenset[UserId] = frozenset(),
    twins: frozenset[EventId] = frozenset(),
) -> OpenPrompt:
    """A prompt in its room."""
    where = EventId(event_id) if event_id else None
    return OpenPrompt(prompt, where, state, answered_by, twins)


def said(
    content: Mapping[str, Any],
    event_type: str = "m.room.message",
    *,
    sender: UserId = ALICE,
    trust: Trust = Trust.VERIFIED,
    state_key: str | None = None,
) -> Inbound:
    """An event that reached the bot."""
    return Inbound(
        bot=BOT,
        room_id=ROOM,
        event_id=EventId("$answer"),
        sender=sender,
        event_type=event_type,
        content=content,
        trust=trust,
        standing=DeviceStanding.VERIFIED,
        at_ms=NOW_MS,
        state_key=state_key,
    )


def words(body: object, relates: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Content of a text message."""
    content: dict[str, Any] = {"msgtype": "m.text", "body": body}
    return content | ({"m.relates_to": relates} if relates is not None else {})


def replied(event_id: str = "$prompt") -> dict[str, Any]:
    """The relation of a reply."""
    return {"m.in_reply_to": {"event_id": event_id}}


def in_thread(root: str = "$prompt", latest: str | None = None) -> dict[str, Any]:
    """The relation of a message in a thread, as clients send it."""
    return {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": latest or root},
    }


def referring(event_id: str = "$prompt") -> dict[str, Any]:
    """The relation of a structured answer or a vote."""
    return {"rel_type": "m.reference", "event_id": event_id}
