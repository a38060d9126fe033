"""HTTP bodies between a requester and the service, about one document.

The document itself is a ``SessionView``, as its parties see it: see ``signing_api``.
"""

from __future__ import annotations

from appservices.signing.parties.api.parties import SessionView
from veche.protocol.wire import Wire


class RemindedView(Wire):
    """The people who are reminded.

    Attributes:
        count: How many are.
        waiting: How many can act now: the others were reminded often enough, or have no chat.
        view: The document as it stands.
    """

    count: int
    waiting: int
    view: SessionView
