"""The sessions of a batch, made and sent one by one outside the request that asked for them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from appservices.signing.batches import store
from appservices.signing.batches.service import (
    AT_ONCE_MAX,
    PACE_MS,
    ROW,
    failed_row,
    schedule_rows,
    why_of,
)
from appservices.signing.batches.store import MADE, WAITING, Row
from appservices.signing.drafting.service import drafting
from appservices.signing.organisations.service.organisations import Asked
from appservices.signing.organisations.service.template_drafts import Made, Options, draft_of
from appservices.signing.sessions.core.parties import PlanError
from appservices.signing.sessions.service.conversation import Parts
from appservices.signing.sessions.store import events
from appservices.signing.templates.api import BatchRow
from appservices.signing.templates.core import TemplateError
from appservices.signing.templates.service import filling
from appservices.signing.templates.service.filling import FillingError, Problem
from appservices.signing.templates.service.templates import make_document
from veche.bots import ChatJob
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.canonical import canonical
from veche.protocol.errors import MalformedError, UnavailableError, VecheError
from veche.protocol.ids import effect_id
from veche.protocol.wire import parse
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.batches.store import Batch
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.errors import RefusedError
    from veche.runtime.database import Cursor

ROW_MADE: Final = "row_made"
ROW_FAILED: Final = "row_failed"
_CHANGED = Problem("template", "was changed meanwhile: ask again")
_FAILS = Problem("template", "does not work with these answers")


class ScheduleRows(ChatJob[Parts]):
    """Has the next rows of a batch made, as long as there are any."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """A job for each of the next rows; then again, a moment later."""
        batch_id, after = job.payload["batch"], job.payload["after"]
        room = AT_ONCE_MAX - store.waiting_until(txn, batch_id, after)
        found = store.waiting_after(txn, batch_id, after, room) if room > 0 else []
        for n in found:
            payload = {"batch": batch_id, "row": n}
            jobs.schedule(txn, Job(effect_id(ROW, batch_id, n), ROW, payload, now_ms))
        last = found[-1] if found else after
        if room <= 0 or store.waiting_after(txn, batch_id, last, 1):
            schedule_rows(txn, batch_id, last, job.payload["step"] + 1, now_ms + PACE_MS)


class MakeRow(ChatJob[Parts]):
    """Makes the document of one row, and sends it to whoever signs it."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Make the document, outside the reactor's thread."""
        host = self._parts.host
        read = await host.database.run("signing.batch", self._read, job)
        if read is None:
            return {}
        try:
            made = await in_thread(host.reactor, _make, self._parts, *read)
        except FillingError as e:
            return {"problems": e.problems}
        except TemplateError:
            return {"problems": [_FAILS]}
        except UnavailableError:
            raise
        except VecheError as e:
            return {"problems": [Problem("template", str(e))]}
        return {"made": made}

    def _read(self, txn: Cursor, job: Job) -> tuple[Batch, Row] | None:
        batch = store.read(txn, job.payload["batch"])
        row = store.row(txn, self._parts.vault, job.payload["batch"], job.payload["row"])
        return None if batch is None or row is None or row.state != WAITING else (batch, row)

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Keep and send it; or keep what is wrong with it."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        batch = store.read(txn, job.payload["batch"])
        row = store.row(txn, scene.vault, job.payload["batch"], job.payload["row"], is_locked=True)
        if batch is None or row is None or row.state != WAITING or not result:
            return
        if "problems" in result:
            changed = failed_row(row.n, row.told, result["problems"])
        else:
            changed = _sent(scene, batch, row, result["made"])
        _keep(scene, batch, changed)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:
        """Report a job that may never run like a wrong answer."""
        batch_id, n = job.payload["batch"], job.payload["row"]
        batch = store.read(txn, batch_id)
        row = store.row(txn, self._parts.vault, batch_id, n, is_locked=True)
        if batch is not None and row is not None and row.state == WAITING:
            scene = self._parts.conversation(txn, job.id, now_ms)
            _keep(scene, batch, failed_row(n, row.told, [Problem("row", str(error))]))


def _keep(scene: Conversation, batch: Batch, changed: Row) -> None:
    """Keep what became of a row, and tell it."""
    store.save(scene.txn, scene.vault, batch.id, changed)
    _tell_of_row(scene, batch, changed)


def _make(parts: Parts, batch: Batch, row: Row) -> Made:
    named = filling.template_of(parts.section.templates, batch.template)
    if named.version != batch.version:
        raise FillingError([_CHANGED])
    told = parse(BatchRow, row.told, where="row")
    context = filling.context_of(parts, named.template, batch.language, batch.made_at_ms)
    filled = filling.fill(named.template, told.parties, told.answers, batch.requester, context)
    return Made(named, filled, make_document(named.folder, filled.filling))


def _sent(scene: Conversation, batch: Batch, row: Row, made: Made) -> Row:
    """The session of a row, kept and sent; what it cannot be leaves nothing behind."""
    scene.txn.execute("SAVEPOINT batch_row")
    try:
        session_id = _session_of(scene, batch, row, made)
    except UnavailableError:
        raise
    except (VecheError, PlanError) as e:
        scene.txn.execute("ROLLBACK TO SAVEPOINT batch_row")
        field = e.field if isinstance(e, MalformedError) else "row"
        why = why_of(e) if isinstance(e, MalformedError) else str(e)
        return failed_row(row.n, row.told, [Problem(field, why)])
    scene.txn.execute("RELEASE SAVEPOINT batch_row")
    return Row(row.n, MADE, {"reference": row.told["reference"]}, session_id)


def _session_of(scene: Conversation, batch: Batch, row: Row, made: Made) -> str:
    digest = hashlib.sha256(batch.version + canonical(dict(row.told), where="row")).digest()
    asked = Asked(batch.requester, digest.hex(), digest)
    options = Options(
        title=row.told.get("title") or made.document.title,
        filename=f"{batch.template}.pdf",
        reference=row.told["reference"],
        may_delegate=batch.may_delegate,
        deadline_at_ms=batch.deadline_at_ms,
    )
    session, is_new = draft_of(scene, asked, options, made)
    if is_new:
        session = drafting.freeze(scene, session, made.document.pdf)
        drafting.send(scene, session)
    return session.id


def _tell_of_row(scene: Conversation, batch: Batch, row: Row) -> None:
    """Let the organisation hear what became of a row."""
    what = ROW_FAILED if row.session_id is None else ROW_MADE
    events.wait_turn(scene.txn, batch.requester)
    events.add_of_row(
        scene.txn, batch.requester, (batch.id, row.n), row.session_id, what, scene.now_ms
    )
    scene.tell_organisation(batch.requester)
