"""HTTP bodies about sessions for organisations' programs, beside those for other features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from veche.contracts.signing.session_api import CURSOR_MAX
from veche.protocol.wire import Wire


class ExtendBody(Wire):
    """Another deadline.

    Attributes:
        deadline_at_ms: UTC; later than the present one.
    """

    deadline_at_ms: int


class FileQuery(Wire):
    """Say what becomes of a file that others have signed already.

    Attributes:
        signed: ``refuse``: it is not taken; ``add``: it stays as it is, and signatures are added to
            it.
    """

    signed: Literal["refuse", "add"] = "refuse"


class EventsQuery(Wire):
    """Which events one has already.

    Attributes:
        after: ``n`` of the last one; 0: none.
        wait: 1: wait for the next one if there is none yet.
    """

    after: Annotated[int, Field(ge=0, le=CURSOR_MAX)] = 0
    wait: Annotated[int, Field(ge=0, le=1)] = 0
