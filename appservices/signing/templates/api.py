"""HTTP bodies to make many documents from one template and have them signed.

Source: design of Veche, signing §5.3.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from veche.contracts.signing.session_api import CURSOR_MAX, TITLE_CHARACTERS_MAX
from veche.contracts.signing.signing_api import NAME_CHARACTERS_MAX, PARTIES_MAX, PartyId, SessionId
from veche.protocol.ids import WireUlid, WireUserId
from veche.protocol.wire import Wire

ROWS_MAX: Final = 10_000
BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
PROBLEMS_MAX: Final = 1_000
"""Told in one answer."""
PAGE_ROWS_MAX: Final = 1_000


class TemplatePartyView(Wire):
    """A party of a template.

    Attributes:
        party: ``p1`` and on.
        role: As what they take part.
        title: What it calls them.
    """

    party: PartyId
    role: str
    title: str


class TemplateFieldView(Wire):
    """A question of a template.

    Attributes:
        id: By which it is answered.
        kind: Of the answer: ``text``, ``date``, ``money`` …
        label: The question.
        required: Whether it must be answered.
        choices: Ids of the answers that there are; None: others than ids.
    """

    id: str
    kind: str
    label: str
    required: bool
    choices: list[str] | None = None


class TemplateView(Wire):
    """A template of documents.

    Attributes:
        template: Its name.
        version: Counts up with every change.
        title: What it makes.
        languages: In which it makes it.
        parties: Who signs, in their order.
        form: What it asks for.
    """

    template: str
    version: int
    title: str
    languages: list[str]
    parties: list[TemplatePartyView]
    form: list[TemplateFieldView]


class TemplatesView(Wire):
    """All templates of the site that can be used, by name."""

    templates: list[TemplateView]


class RowParty(Wire):
    """A party of the template.

    Attributes:
        party: ``p1`` and on, in the order of the template.
        name: Name in the document.
        user: Their account; of a seal none: it is the organisation's own.
    """

    party: PartyId
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
    user: WireUserId | None = None


class BatchRow(Wire):
    """One document.

    Attributes:
        parties: Who signs it: all parties of the template.
        answers: What it is filled with, by the ids of the template's form.
        reference: What the organisation knows it by; it comes back in events.
        title: What those who sign know it by; none: the title of the template.
    """

    parties: Annotated[
        tuple[RowParty, ...], Field(strict=False, min_length=1, max_length=PARTIES_MAX)
    ]
    answers: dict[str, Any] = Field(default_factory=dict)
    reference: Annotated[str, Field(max_length=64)] = ""
    title: Annotated[str, Field(min_length=1, max_length=TITLE_CHARACTERS_MAX)] | None = None


class BatchBody(Wire):
    """Many documents from one template.

    Attributes:
        rows: Each gets a session of its own. Any JSON: a row of another form is told like one with
            a wrong answer, and stops no other.
        language: Of the documents; None: the site's.
        deadline_at_ms: UTC, at most 180 days from now; for all of them.
        may_delegate: Whether parties may let others sign.
        dry_run: Nothing is made or kept; what is wrong with the rows is told.
    """

    rows: Annotated[tuple[Any, ...], Field(strict=False, min_length=1, max_length=ROWS_MAX)]
    language: Literal["en", "ru", "de", "uk"] | None = None
    deadline_at_ms: int
    may_delegate: bool = False
    dry_run: bool = False


class TableQuery(Wire):
    """The options for a table of documents; see ``BatchBody``.

    Attributes:
        deadline_at_ms: UTC, at most 180 days from now; for all of them.
        language: Of the documents; None: the site's.
        may_delegate: 1: parties may let others sign.
        dry_run: 1: nothing is made or kept; what is wrong with the rows is told.
    """

    deadline_at_ms: Annotated[int, Field(ge=0, le=CURSOR_MAX)]
    language: Literal["en", "ru", "de", "uk"] | None = None
    may_delegate: Annotated[int, Field(ge=0, le=1)] = 0
    dry_run: Annotated[int, Field(ge=0, le=1)] = 0


class RightBatchBody(BatchBody):
    """The same with rows that are all right, for whoever writes one."""

    rows: Annotated[tuple[BatchRow, ...], Field(strict=False, min_length=1, max_length=ROWS_MAX)]


class RowProblem(Wire):
    """A problem of a row.

    Attributes:
        row: From 1.
        field: Path of the wrong field, such as ``answers.rent``.
        why: In words, never with what was answered.
    """

    row: int
    field: str
    why: str


class BatchView(Wire):
    """How far the documents of a batch have got.

    Attributes:
        batch: Id; None: it was a dry run.
        template: Name of the template.
        rows: How many there are.
        waiting: Rows whose session is still to be made.
        made: Rows whose session was made and sent.
        failed: Rows that cannot be made.
        problems: The first ``PROBLEMS_MAX`` of them.
    """

    batch: WireUlid | None
    template: str
    rows: int
    waiting: int
    made: int
    failed: int
    problems: list[RowProblem]


class BatchRowView(Wire):
    """The result of a row.

    Attributes:
        row: From 1.
        reference: The organisation's own.
        state: ``waiting``, ``made`` or ``failed``.
        session: Its session; that of an earlier batch, if the same row was in it.
        problems: Of one that failed.
    """

    row: int
    reference: str
    state: str
    session: SessionId | None
    problems: list[RowProblem]


class BatchRowsView(Wire):
    """Rows, in order; ``cursor`` is the number of the last one, for ``after``."""

    rows: list[BatchRowView]
    cursor: int


class BatchRowsQuery(Wire):
    """Which rows one has already.

    Attributes:
        after: Number of the last one; 0: none.
    """

    after: Annotated[int, Field(ge=0, le=CURSOR_MAX)] = 0
