"""Messages to the homeserver: written with their cause, sealed once, sent until acknowledged."""

from veche.messaging.outbox.append_store import append
from veche.messaging.outbox.store import (
    Outgoing,
    Relation,
    drop_reactions,
    effect_of,
    event_of,
    is_said,
    state_key_of,
)

__all__ = [
    "Outgoing",
    "Relation",
    "append",
    "drop_reactions",
    "effect_of",
    "event_of",
    "is_said",
    "state_key_of",
]
