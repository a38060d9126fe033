"""HTTP bodies for deleting a document."""

from __future__ import annotations

from veche.protocol.wire import Wire


class DeletionView(Wire):
    """The state of a document that its requester wants deleted.

    Attributes:
        deletes_at_ms: From when what is kept of it is deleted, UTC; none: it is.
    """

    deletes_at_ms: int | None = None
