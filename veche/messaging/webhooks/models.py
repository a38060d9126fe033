"""Webhooks: where an organisation wants to hear of its events, and the envelope it gets there.

Each event is sent with ``POST`` as a signed envelope (``veche.transparency.envelope``), by the key
that ``WebhookView`` names; of payments it is the one that signs the institution's receipts, which
``/.well-known/veche/payments`` publishes. Whoever gets it checks the signature over the body as
received, that ``at_ms`` is within ``AGE_MS_MAX`` of its own clock, and that ``nonce`` never came
before; then acts once for each ``event.n``.
"""

from __future__ import annotations

from typing import Annotated, Final, Generic, Literal, TypeVar

from pydantic import Field

from veche.protocol.ids import WireUlid
from veche.protocol.wire import Wire

CURSOR_MAX: Final = 2**53 - 1
URL_CHARACTERS_MAX: Final = 500
WEBHOOKS_MAX: Final = 10
"""Targets of one organisation."""
AGE_MS_MAX: Final = 300_000
"""How far the moment of a delivery may be from the receiver's clock."""

E = TypeVar("E")


class WebhookBody(Wire):
    """Where an organisation wants to hear of its events.

    Attributes:
        url: ``https``; plain ``http`` only where the operator lists the network.
        after: Events after this number are sent; None: those that come from now on.
    """

    url: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=URL_CHARACTERS_MAX)]
    after: Annotated[int, Field(ge=0, le=CURSOR_MAX)] | None = None


class ResumeBody(Wire):
    """From where on a target hears again.

    Attributes:
        after: Events after this number are sent; None: it goes on where it stopped.
    """

    after: Annotated[int, Field(ge=0, le=CURSOR_MAX)] | None = None


class WebhookView(Wire):
    """A target.

    Attributes:
        id: Of it.
        url: Where it is.
        state: ``active``; ``disabled`` once it failed for days, or answered 410.
        cursor: ``n`` of the last event that it has taken.
        failures: How often it failed since it last took one.
        why: Of the last failure, in a word.
        key: By which its deliveries are signed, as ``<name>+<id>+<base64>``; None only where the
            answer of an earlier release is given again.
    """

    id: WireUlid
    url: str
    state: Literal["active", "disabled"]
    cursor: Annotated[int, Field(ge=0, le=CURSOR_MAX)]
    failures: int = 0
    why: str | None = None
    key: str | None = None


class WebhooksView(Wire):
    """All targets of an organisation."""

    webhooks: Annotated[tuple[WebhookView, ...], Field(strict=False, max_length=WEBHOOKS_MAX)]


class Delivery(Wire, Generic[E]):
    """The body that a target gets, beside ``signatures``.

    Attributes:
        v: 1.
        institution: Who sends it, as in the log of acts.
        organisation: To whom.
        webhook: Id of the target.
        at_ms: When this delivery was made, UTC; a repeated one has another.
        nonce: Of this delivery alone.
        event: What happened: ``InvoiceEvent`` or ``SessionEvent``.
    """

    v: Literal[1]
    institution: str
    organisation: str
    webhook: WireUlid
    at_ms: int
    nonce: Annotated[str, Field(min_length=16, max_length=64)]
    event: E
