"""Cases that ended long ago, on a real database: what goes, what stays, who still sees what."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from appservices.agency.cases import store
from appservices.agency.cases.core.states import State
from appservices.agency.pages.service import acts as page_acts
from appservices.agency.pages.service.reading import case_seen, stored_document
from appservices.agency.wiping import service as wiping
from appservices.agency.wiping.service import housekeeping_of, wipe
from tests.integration.appservices.agency.town import (
    ALICE,
    BOB,
    BOT,
    CAROL,
    CHAT,
    DAY_MS,
    new_words,
    opened_file,
)
from tests.support.act_chain import check_chain
from veche.protocol.errors import NotFoundError, UnavailableError
from veche.protocol.ids import RoomId, UserId
from veche.runtime.database import connect
from veche.runtime.tasks import Tasks
from veche.server.housekeeping import INTERVAL_MS, Housekeeping

if TYPE_CHECKING:
    from appservices.agency.cases.store import CaseFile
    from appservices.agency.pages.api import CaseView
    from appservices.agency.pages.service.acts import Visit
    from tests.integration.appservices.agency.town import Town
    from veche.runtime.database import Database

KEPT_MS: Final = 30 * DAY_MS
SECRETS: Final = ("Anna Weber", "Which hospital", "Charite Hospital")


def closed(town: Town) -> str:
    """A case with a question, an answer and a document, which is closed; its id."""
    town.claimed()
    town.ask_person("Which hospital?")
    town.write(town.case().room, ALICE, "Charite Hospital")
    town.press(town.question("decide"), CAROL, "approve")
    town.pass_time(400 * DAY_MS)
    case = town.case()
    assert case.state == State.CLOSED.value
    return case.id


def wipe_now(town: Town, kept_ms: int = KEPT_MS) -> int:
    return town.run(wipe, BOT, town.now_ms - kept_ms, town.now_ms)


def kept_words(town: Town) -> str:
    """All that the agency's tables have, of whatever case."""
    tables = town.sql(
        "SELECT format('%%I.%%I', table_schema, table_name) FROM information_schema.tables"
        " WHERE table_schema = 'agency' AND table_name <> 'definition'"
    )
    rows = [town.sql(f"SELECT t::text FROM {table} AS t") for (table,) in tables]  # noqa: S608 -- its own
    return json.dumps(rows, ensure_ascii=False)


def read(town: Town, case_id: str) -> CaseFile:
    file = town.run(store.read_case, case_id)
    assert file is not None
    return file


def test_what_is_private_goes_and_what_proves_it_stays(town: Town) -> None:
    case_id = closed(town)
    before = kept_words(town)
    digests = [one.sha256 for one in read(town, case_id).case.documents]
    [(stored,)] = town.sql("SELECT file->>'url' FROM agency.document")

    count = wipe_now(town)

    after = kept_words(town)
    assert count == 1
    assert [secret for secret in (*SECRETS, stored) if secret not in before] == []
    assert [secret for secret in (*SECRETS, stored) if secret in after] == []
    left = read(town, case_id).case
    assert [one.sha256 for one in left.documents] == digests
    assert left.wiped_at_ms == town.now_ms
    assert town.run(check_chain, "lindenau") > 10


def test_a_case_is_wiped_once_and_not_before_its_time(town: Town) -> None:
    closed(town)
    long = 1_000 * DAY_MS

    early, first, again = wipe_now(town, long), wipe_now(town), wipe_now(town)

    assert (early, first, again) == (0, 1, 0)


def test_a_case_that_is_not_over_is_never_wiped(town: Town) -> None:
    town.claimed()

    assert town.run(wipe, BOT, town.now_ms + 10 * KEPT_MS, town.now_ms) == 0
    assert "Anna Weber" in kept_words(town)


def test_what_was_typed_for_a_form_that_was_left_goes_too(town: Town) -> None:
    town.started()
    town.run(store.keep_page_draft, town.case().id, {"child_name": "Anna Weber"})
    town.pass_time(100 * DAY_MS)

    assert wipe_now(town) == 1
    assert "Anna Weber" not in kept_words(town)


def test_cases_of_other_offices_are_left(town: Town) -> None:
    closed(town)
    other = UserId(BOT.replace("records", "parks"))

    assert town.run(wipe, other, town.now_ms, town.now_ms) == 0


def test_a_case_that_somebody_works_on_is_left_for_later(town: Town) -> None:
    case_id = closed(town)
    connection = connect(town.dsn)
    try:
        with connection.cursor() as txn:
            store.lock_case(txn, case_id)
            meanwhile = wipe_now(town)
        connection.rollback()  # answered once the lock is gone; a close would not wait
    finally:
        connection.close()

    assert (meanwhile, wipe_now(town)) == (0, 1)


def test_one_call_wipes_no_more_than_a_batch(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiping, "CASES_AT_ONCE", 2)
    for person, room in ((ALICE, CHAT), (BOB, RoomId("!b:veche.test")), (CAROL, RoomId("!c:x"))):
        town.started(person, room)
    town.pass_time(100 * DAY_MS)

    assert [wipe_now(town) for _ in range(3)] == [2, 1, 0]


# Who still sees what.


def page(town: Town, case_id: str) -> CaseView:
    def look(visit: Visit) -> CaseView:
        return case_seen(visit.scene, page_acts.own_case(visit, case_id), visit.language)

    return town.visit(look)


def test_the_page_shows_what_happened_and_that_the_rest_is_gone(town: Town) -> None:
    case_id = closed(town)
    before = page(town, case_id)
    assert before.documents
    wipe_now(town)

    after = page(town, case_id)

    assert "were removed on" in after.next
    assert (after.answers, after.documents, after.draft) == ([], [], {})
    assert [entry.what for entry in after.history] == [entry.what for entry in before.history]
    assert [entry.text for entry in after.history if entry.text] == []
    shown = {fact.label: fact.value for fact in after.card}
    assert before.documents[0].sha256 in shown.values()
    assert after.version != before.version
    assert {one.command for one in after.commands} == {"status", "why", "export"}


def test_a_document_that_is_gone_is_not_found(town: Town) -> None:
    case_id = closed(town)
    [issued] = read(town, case_id).case.documents
    wipe_now(town)

    def fetch(visit: Visit) -> None:
        file = page_acts.own_case(visit, case_id)
        stored_document(visit.scene.txn, file, issued.sha256, "en")

    with pytest.raises(NotFoundError):
        town.visit(fetch)


def test_in_its_room_the_person_is_told_and_can_still_ask(town: Town) -> None:
    closed(town)
    wipe_now(town)
    room = town.case().room

    status = new_words(town.write(room, ALICE, "status"))
    why = new_words(town.write(room, ALICE, "why"))
    said = town.write(room, ALICE, "export")

    assert "were removed on" in status
    assert "What happened so far:" in status
    assert "were removed on" in why
    [sent] = [one for one in said if one.content.get("msgtype") == "m.file"]
    whole = json.loads(opened_file(town.host.client.uploads[-1], sent.content["file"]))
    case = whole["org.veche.signed"]
    assert (case["answers"], case["wiped_at_ms"] is not None) == ({}, True)
    assert len(whole["org.veche.acts"]["acts"]) > 10
    spoken = status + why + json.dumps(case, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in spoken] == []


def test_at_the_desk_nothing_more_is_done_to_it(town: Town) -> None:
    closed(town)
    wipe_now(town)
    thread = town.case().desk_effect

    said = town.write(town.desk(), CAROL, "!assign dave", thread=thread)

    assert new_words(said, town.desk())
    assert town.case().clerk is None
    assert town.case().state == State.CLOSED.value


# In time.


def test_old_cases_are_looked_for_every_hour_and_a_failure_is_tried_again(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    case_id = closed(town)
    database, clock, tasks = _Database(town), Clock(), Tasks(running_max=1)
    clock.advance(town.now_ms / 1000)
    cleanups = housekeeping_of({BOT: KEPT_MS})
    Housekeeping(cast("Database", database), clock, tasks, more=cleanups).start()
    at_first = read(town, case_id).case.wiped_at_ms

    with caplog.at_level(logging.WARNING):
        for error in (UnavailableError("not now", retry_after_ms=1), RuntimeError("a bug")):
            database.error = error
            clock.advance(INTERVAL_MS / 1000)
    database.error = None
    clock.advance(INTERVAL_MS / 1000)

    assert at_first is None
    assert read(town, case_id).case.wiped_at_ms == town.now_ms + 3 * INTERVAL_MS
    assert [one.message for one in caplog.records if "cases" in one.message] == [
        "housekeeping of cases: not now",
        "housekeeping of cases failed",
    ]
    Deferred.fromCoroutine(tasks.stop())


class _Database:
    """The town's database, which may fail."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.error: Exception | None = None

    async def run(self, _name: str, work: Any, *args: Any) -> Any:
        if self.error is not None:
            raise self.error
        return self._town.run(work, *args)
