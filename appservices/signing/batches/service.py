"""Many documents from one template, for an organisation: a session of its own for each row.

The request checks the rows and keeps them. Then each is a job of its own, a few at a time, so
that others' jobs do not wait behind thousands: one that fails stops no other, and none is made
twice, since the key of idempotency of its session is the digest of template and row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.batches import store
from appservices.signing.batches.store import FAILED, MADE, WAITING, Batch, Row
from appservices.signing.drafting.core.table import TableError, read_head, read_row, read_table
from appservices.signing.drafting.service import drafting
from appservices.signing.organisations.service.organisations import Asked, name_of
from appservices.signing.templates.api import (
    PAGE_ROWS_MAX,
    PROBLEMS_MAX,
    ROWS_MAX,
    BatchBody,
    BatchRow,
    BatchRowsView,
    BatchRowView,
    BatchView,
    RowProblem,
)
from appservices.signing.templates.service import filling
from appservices.signing.templates.service.filling import FillingError, Problem
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
)
from veche.protocol.ids import effect_id
from veche.protocol.wire import mapping, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from appservices.signing.templates.api import TableQuery
    from appservices.signing.templates.service.filling import Named
    from veche.runtime.database import Cursor

SCHEDULE_ROWS: Final = "signing.batch"
"""Job: has the next rows of a batch made."""
ROW: Final = "signing.batch_row"
"""Job: makes and sends the session of one row."""
AT_ONCE_MAX: Final = 20
"""Rows of a batch that are under way."""
PACE_MS: Final = 1_000
"""After which the next rows follow."""


def checked(
    parts: Parts, name: str, body: BatchBody, caller: str, now_ms: int
) -> tuple[Named, str, list[Row]]:
    """Check all rows; it takes a moment, so call it in a thread.

    Args:
        parts: Of the site.
        name: Of the template.
        body: What was asked.
        caller: Id of the organisation.
        now_ms: UTC.

    Returns:
        The template, the language of the documents, and the rows: waiting, or failed.

    Raises:
        NotFoundError: There is no such template.
    """
    named = filling.template_of(parts.section.templates, name)
    context = filling.context_of(parts, named.template, body.language, now_ms)
    form, rows = named.template.asked(context.language), []
    for n, told in enumerate(body.rows, 1):
        try:
            row = parse(BatchRow, _told(told), where="row")
            filling.fill(named.template, row.parties, row.answers, caller, context, form)
        except FillingError as e:
            rows.append(failed_row(n, told, e.problems))
        except MalformedError as e:
            rows.append(failed_row(n, told, [Problem(_field_of(e, told), why_of(e))]))
        else:
            rows.append(Row(n, WAITING, kept_row(row)))
    return named, context.language, rows


def body_of_table(parts: Parts, name: str, data: bytes, query: TableQuery) -> BatchBody:
    """Build a batch from a table's rows below the head. Call it in a thread.

    Raises:
        NotFoundError: There is no such template.
        MalformedError: It is no table, its head names no columns of the template, or it has no
            rows, or too many.
    """
    template = filling.template_of(parts.section.templates, name).template
    parties = [f"p{n}" for n, _ in enumerate(template.parties, 1)]
    rows: list[object] = []
    try:
        lines = read_table(data)
        columns = read_head(next(lines, []), parties, [one.id for one in template.form])
        for cells in lines:
            if len(rows) == ROWS_MAX:
                raise MalformedError("table", f"has more than {ROWS_MAX} rows")
            rows.append(_row_of(columns, cells))
    except TableError as e:
        raise MalformedError("table", str(e)) from e
    if not rows:
        raise MalformedError("table", "has no rows below its head")
    return BatchBody(
        rows=tuple(rows),
        language=query.language,
        deadline_at_ms=query.deadline_at_ms,
        may_delegate=bool(query.may_delegate),
        dry_run=bool(query.dry_run),
    )


def _row_of(columns: Sequence[str], cells: Sequence[str]) -> Mapping[str, Any] | Problem:
    try:
        return read_row(columns, cells)
    except TableError as e:
        return Problem("row", str(e))


def _told(row: object) -> object:
    """A row that is to be parsed.

    Raises:
        FillingError: It came from a table, in which it was none.
    """
    if isinstance(row, Problem):
        raise FillingError([row])
    return row


def kept_row(row: BatchRow) -> Mapping[str, Any]:
    """A row as it is kept; a document is known again by it, so an absent title is not there."""
    return row.model_dump(mode="json", exclude={"title"} if row.title is None else None)


def _field_of(error: MalformedError, told: object) -> str:
    """Where a row is wrong, as all else that is wrong with rows is told: ``parties.p2.user``."""
    names = error.field.split(".")[1:]
    if len(names) > 1 and names[0] == "parties":
        at, parties = int(names[1]), mapping(told)["parties"]
        party = mapping(parties[at]).get("party")
        names[1] = party if isinstance(party, str) else f"p{at + 1}"
    return ".".join(names) or error.field


def dry_view(named: Named, rows: Sequence[Row]) -> BatchView:
    """Return the result of a dry run."""
    failed = [row for row in rows if row.state == FAILED]
    return BatchView(
        batch=None,
        template=named.template.template,
        rows=len(rows),
        waiting=len(rows) - len(failed),
        made=0,
        failed=len(failed),
        problems=_problems(failed)[:PROBLEMS_MAX],
    )


def order(
    scene: Conversation, asked: Asked, body: BatchBody, found: tuple[Named, str, list[Row]]
) -> str:
    """Keep a batch, and have it made; the same key again gives the same one.

    Returns:
        Its id.

    Raises:
        ConflictError: The key came before, with another content.
        MalformedError: The deadline is not within bounds.
        RefusedError: The organisation has no seal.
    """
    before = store.known(scene.txn, asked.caller, asked.key)
    if before is not None:
        if before[1] != asked.sha256:
            raise ConflictError("This Idempotency-Key came before, with another content")
        return before[0]
    named, language, rows = found
    name_of(scene, asked.caller)
    drafting.check_deadline(scene, body.deadline_at_ms)
    batch = Batch(
        id=scene.sender.fresh_ulid("batch"),
        requester=asked.caller,
        template=named.template.template,
        version=named.version,
        language=language,
        may_delegate=body.may_delegate,
        deadline_at_ms=body.deadline_at_ms,
        made_at_ms=scene.now_ms,
    )
    store.add(scene.txn, scene.vault, batch, rows, (asked.key, asked.sha256))
    schedule_rows(scene.txn, batch.id, 0, 0, scene.now_ms)
    return batch.id


def view(scene: Conversation, caller: str, batch_id: str) -> BatchView:
    """How far a batch has got.

    Raises:
        NotFoundError: The organisation has no such.
    """
    batch = _own_batch(scene, caller, batch_id)
    counts = store.counts(scene.txn, batch.id)
    failed = store.failed(scene.txn, scene.vault, batch.id, PROBLEMS_MAX)
    return BatchView(
        batch=batch.id,
        template=batch.template,
        rows=sum(counts.values()),
        waiting=counts.get(WAITING, 0),
        made=counts.get(MADE, 0),
        failed=counts.get(FAILED, 0),
        problems=_problems(failed)[:PROBLEMS_MAX],
    )


def rows_view(scene: Conversation, caller: str, batch_id: str, after: int) -> BatchRowsView:
    """Return the results of the rows after a number, at most ``PAGE_ROWS_MAX``.

    Raises:
        NotFoundError: The organisation has no such batch.
    """
    batch = _own_batch(scene, caller, batch_id)
    found = store.rows(scene.txn, scene.vault, batch.id, after, PAGE_ROWS_MAX)
    rows = [
        BatchRowView(
            row=row.n,
            reference=row.told["reference"],
            state=row.state,
            session=row.session_id,
            problems=_problems([row]),
        )
        for row in found
    ]
    return BatchRowsView(rows=rows, cursor=found[-1].n if found else after)


def _own_batch(scene: Conversation, caller: str, batch_id: str) -> Batch:
    batch = store.read(scene.txn, batch_id)
    if batch is None or batch.requester != caller:
        raise NotFoundError("Your organisation has no such batch")
    return batch


def schedule_rows(txn: Cursor, batch_id: str, after: int, step: int, at_ms: int) -> None:
    """Have the rows after a number made from a moment on; each batch counts its steps."""
    payload = {"batch": batch_id, "after": after, "step": step}
    jobs.schedule(txn, Job(effect_id(SCHEDULE_ROWS, batch_id, step), SCHEDULE_ROWS, payload, at_ms))


def failed_row(n: int, told: object, problems: Sequence[Problem]) -> Row:
    """A row that cannot be made; what was answered in it is forgotten."""
    reference = mapping(told).get("reference")
    known = reference[:64] if isinstance(reference, str) else ""
    return Row(
        n, FAILED, {"reference": known, "problems": [attrs.astuple(one) for one in problems]}
    )


def _problems(rows: Sequence[Row]) -> list[RowProblem]:
    return [
        RowProblem(row=row.n, field=field, why=why)
        for row in rows
        for field, why in row.told.get("problems", ())
    ]


def why_of(e: MalformedError) -> str:
    """Return the text of an error, without the field before it."""
    return str(e).removeprefix(f"{e.field}: ")
