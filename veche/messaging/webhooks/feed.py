"""The interface of a service to webhooks: its events, and its operator's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from veche.protocol.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor


class TooManyWebhooksError(ConflictError):
    """The organisation has as many targets as one may have: remove one first (HTTP 409)."""

    errcode = "ORG.VECHE.TOO_MANY"


class Feed(Protocol):
    """The events of one service, each of one organisation, numbered in the order of their commits.

    Attributes:
        name: Of the service; one of few fixed words.
        channel: On which a new event is announced to all processes.
        is_waiting: SQL that says whether a row ``w`` of ``runtime.webhook`` has an event after its
            cursor. It is asked of every target that is due, so it takes an index.
    """

    name: str
    channel: str
    is_waiting: str

    def newest(self, txn: Cursor, owner: str) -> int:
        """``n`` of the newest event of an organisation; 0: it has none."""

    def after(self, txn: Cursor, owner: str, n: int, count: int) -> Sequence[Any]:
        """The next events of an organisation, in order: models with their ``n``."""

    def organisation(self, txn: Cursor, owner: str) -> str:
        """Id of an organisation, as its deliveries name it."""


@attrs.frozen
class Rules:
    """The operator's settings.

    Attributes:
        institution: Who sends, as in the log of acts.
        networks: Networks beside the public Internet in which targets may be.
        setting: The key of the configuration that lists them.
        give_up_ms: How long a target may fail until it is disabled.
    """

    institution: str
    networks: Sequence[str]
    setting: str
    give_up_ms: int
