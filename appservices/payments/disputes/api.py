"""Disputes as an organisation that was paid sees and answers them over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from appservices.payments.disputes.core.dispute import WORDS_CHARACTERS_MAX
from veche.protocol.ids import WireUlid
from veche.protocol.money import Money
from veche.protocol.wire import Wire

FILENAME_CHARACTERS_MAX: Final = 255


class DisputeAnswerBody(Wire):
    """The organisation's answer to a dispute.

    Attributes:
        gives_back: All that is set aside goes back; otherwise the institution's desk decides.
        words: Why; the payer and the desk read it.
    """

    gives_back: bool
    words: Annotated[str, Field(max_length=WORDS_CHARACTERS_MAX)] = ""


class DisputeAppealBody(Wire):
    """The organisation's appeal of a decision.

    Attributes:
        words: Why; the payer and who decides read it.
    """

    words: Annotated[str, Field(max_length=WORDS_CHARACTERS_MAX)] = ""


class DisputeFileView(Wire):
    """A file that was sent as evidence.

    Attributes:
        n: Counts those of the dispute, from 1.
        by: ``payer`` or ``payee``.
        name: Under which it is saved.
        mimetype: What it is.
        size_bytes: Of the file itself.
        sha256: Of the file itself, in hex.
        at_ms: When it became evidence, UTC.
    """

    n: int
    by: str
    name: str
    mimetype: str
    size_bytes: int
    sha256: str
    at_ms: int


class DisputeView(Wire):
    """A dispute of what the organisation was paid.

    Attributes:
        id: Of it.
        payment: Id of what is disputed.
        state: ``open`` (to be answered), ``at_desk``, ``decided`` (to be appealed until
            ``due_at_ms``), ``appealed``, ``ending`` or ``closed``.
        amount: What is disputed.
        held: What of it is set aside.
        given: What goes back, once that is decided for good.
        ruled: What goes back by the first decision, which can be, or was, appealed.
        ended_by: ``agreed``, ``decided``, ``withdrawn``, ``lapsed``.
        due_at_ms: When the state ends by itself, UTC.
        reason: What the payer says.
        answer: What the organisation said.
        decision: What the desk says.
        appeal: What who appealed says.
        evidence: Files that were sent, as they came.
    """

    id: WireUlid
    payment: WireUlid
    state: str
    amount: Money
    held: Money
    given: Money | None = None
    ruled: Money | None = None
    ended_by: str | None = None
    due_at_ms: int | None = None
    reason: str
    answer: str = ""
    decision: str = ""
    appeal: str = ""
    evidence: Annotated[tuple[DisputeFileView, ...], Field(strict=False)] = ()


class DisputeList(Wire):
    """Disputes of what the organisation was paid.

    Attributes:
        disputes: What is not over first, then the newest; at most 20.
    """

    disputes: Annotated[tuple[DisputeView, ...], Field(strict=False)]


class DisputeFileQuery(Wire):
    """The name and media type of a file that is sent as evidence.

    Attributes:
        name: Under which it is saved.
        mimetype: What it is said to be; its first bytes may say otherwise.
    """

    name: Annotated[str, Field(min_length=1, max_length=FILENAME_CHARACTERS_MAX)]
    mimetype: Annotated[str, Field(max_length=127, pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")] = (
        "application/octet-stream"
    )
