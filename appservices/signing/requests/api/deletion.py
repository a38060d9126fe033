"""What is said over HTTP of having a document deleted."""

from __future__ import annotations

from veche.protocol.wire import Wire


class DeletionView(Wire):
    """What becomes of a document that its requester wants deleted.

    Attributes:
        deletes_at_ms: From when what is kept of it is deleted, UTC; none: it is.
    """

    deletes_at_ms: int | None = None
