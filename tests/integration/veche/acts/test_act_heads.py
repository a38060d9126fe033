"""Signed heads of the logs of acts on a real database: what they prove, what they refuse."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.support.act_chain import check_chain
from tests.support.postgres import database
from veche.acts import Act, ActLog, head_store, heads, histories, signed_tree, store
from veche.acts.heads import ActHeads
from veche.acts.histories import RestoredError
from veche.acts.last_signed import LastSigned, Signed
from veche.acts.signed_tree import HEAD_EVERY_MS, ForkedError
from veche.acts.witnesses.asking import Witnesses
from veche.protocol.acts import ActClass, call_form
from veche.protocol.errors import ConfigError, NotFoundError, UnavailableError
from veche.protocol.ids import UserId
from veche.protocol.unpadded_base64 import decode_base64
from veche.runtime.config.witnesses import WitnessesSection
from veche.runtime.database import connect
from veche.runtime.database.migrate import MigrationSet
from veche.runtime.tasks import Tasks
from veche.transparency.act_proof import ACTS_BYTES_MAX, ACTS_KEY, verify_acts
from veche.transparency.merkle import extends
from veche.transparency.notes import open_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from veche.runtime.database import Cursor

NOW_MS = 1_764_000_000_000
ALICE, BOB = UserId("@alice:veche.test"), UserId("@bob:veche.test")
LOG = ActLog(bytes(32))
NOBODY: Any = None
HEADS = ActHeads(Witnesses(NOBODY, NOBODY, WitnessesSection()), "veche.test", b"s" * 32)
SIGNER = HEADS.signer("lindenau")
CASE = "01CASE"


@pytest.fixture
def txn() -> Iterator[Cursor]:
    with database(MigrationSet("runtime", "veche.runtime")) as dsn:
        connection = connect(dsn)
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def act(
    txn: Cursor,
    count: int = 1,
    person: UserId = ALICE,
    case: str = CASE,
    organisation: str = "lindenau",
    why: str = "",
) -> None:
    for _ in range(count):
        one = Act(organisation, ActClass.MESSAGE, person, "test", "a law", case=case, why=why)
        LOG.commit(txn, one, call_form("test", "do"), NOW_MS)


def kept(txn: Cursor, folder: Path) -> bool:
    """A head is signed, and kept outside the database."""
    return heads.publish(txn, SIGNER, "lindenau", NOW_MS, LastSigned(folder))


def sizes(txn: Cursor) -> list[int]:
    txn.execute("SELECT size FROM runtime.act_checkpoint ORDER BY size")
    return [size for (size,) in txn.fetchall()]


def why(txn: Cursor, folder: Path) -> str:
    """Why nothing may run."""
    with pytest.raises(RestoredError) as refused:
        logs(folder).check(txn)
    return str(refused.value)


def logs(folder: Path, history: int = 1) -> histories.Logs:
    """As a process of this server has them."""
    found = histories.Logs(folder, history)
    seed = b"s" * 32
    found.acts = ActHeads(HEADS._witnesses, "veche.test", seed, found.last_signed, history)
    return found


@pytest.mark.parametrize(
    ("acts", "words"),
    [(0, "has 0 acts in the database, and has signed 5"), (4, "has 4 acts"), (5, "other ones"),
     (9, "other ones")],
)  # fmt: skip
def test_a_restored_log_never_signs_what_it_signed_before(
    txn: Cursor, tmp_path: Path, acts: int, words: str
) -> None:
    act(txn, 3)
    txn.execute("SAVEPOINT backup")
    act(txn, 2)
    kept(txn, tmp_path)
    logs(tmp_path).check(txn)
    txn.execute("ROLLBACK TO SAVEPOINT backup")
    if not acts:
        txn.connection.rollback()
    act(txn, max(acts - 3, 0), BOB)

    with pytest.raises(ForkedError, match=words):
        kept(txn, tmp_path)
    assert sizes(txn) == []
    assert words in why(txn, tmp_path)
    assert "veche db restored" in why(txn, tmp_path)


def test_another_database_with_the_same_acts_is_a_restored_one_too(
    txn: Cursor, tmp_path: Path
) -> None:
    act(txn, 3)
    kept(txn, tmp_path)
    last = LastSigned(tmp_path)
    [origin] = last.origins()
    signed = last.of(origin)
    assert signed is not None
    last.keep(origin, signed._replace(database="another"))

    act(txn)
    with pytest.raises(ForkedError, match="in another database"):
        kept(txn, tmp_path)
    assert "in another database" in why(txn, tmp_path)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("more", [0, 4])
def test_who_ends_between_the_file_and_the_commit_goes_on(
    txn: Cursor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, more: int
) -> None:
    act(txn, 8)
    if more:
        kept(txn, tmp_path)
        act(txn, more)
    monkeypatch.setattr(signed_tree, "ENTRIES_MAX", 8 if steps == 1 else 4)
    txn.execute("SAVEPOINT about_to_sign")
    while kept(txn, tmp_path):
        pass
    txn.execute("ROLLBACK TO SAVEPOINT about_to_sign")
    logs(tmp_path).check(txn)

    act(txn, 1)
    while kept(txn, tmp_path):
        pass
    assert sizes(txn)[-1] == 9 + more


def test_nothing_is_signed_that_cannot_be_kept_outside(txn: Cursor, tmp_path: Path) -> None:
    act(txn)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"heads\.folder"):
        LastSigned(tmp_path / "file").keep("log", Signed(1, bytes(32), "1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        kept(txn, tmp_path / "file")
    assert sizes(txn) == []

    kept(txn, tmp_path)
    [path] = tmp_path.glob("*.json")
    for damaged in (b"", b"{", b"[]", b'{"v": 2}', path.read_bytes().replace(b"lindenau", b"x")):
        path.write_bytes(damaged)
        act(txn)
        with pytest.raises(ConfigError, match="cannot be read"):
            kept(txn, tmp_path)
    assert sizes(txn) == [1]


def test_a_database_of_before_a_declared_history_is_an_older_one(
    txn: Cursor, tmp_path: Path
) -> None:
    act(txn, 2)
    later = logs(tmp_path, 2).acts
    assert later is not None
    txn.execute("SAVEPOINT backup")
    histories.begin(txn, 2, "restored", NOW_MS)
    with pytest.raises(ForkedError, match="this process is of the old one"):
        kept(txn, tmp_path)
    heads.publish(txn, later.signer("lindenau"), "lindenau", NOW_MS, LastSigned(tmp_path))
    txn.execute("ROLLBACK TO SAVEPOINT backup")

    assert "has begun history 2" in why(txn, tmp_path)
    histories.begin(txn, 2, "restored", NOW_MS)
    logs(tmp_path, 2).check(txn)
    assert "has begun history 2 meanwhile" in why(txn, tmp_path / "none")
    assert [one.name for one in later.keys("lindenau")] == [
        "veche.test/veche/acts/v2/lindenau",
        "veche.test/veche/acts/v1/lindenau",
    ]


def test_what_others_found_stops_everything_until_the_operator_has_looked(
    txn: Cursor, tmp_path: Path
) -> None:
    for _ in range(2):
        histories.stop(txn, "a peer has seen more", NOW_MS)

    assert "a peer has seen more. Nothing is paid" in why(txn, tmp_path)
    histories.go_on(txn)
    logs(tmp_path).check(txn)


def signed(txn: Cursor) -> bool:
    return heads.publish(txn, SIGNER, "lindenau", NOW_MS)


def proof(txn: Cursor, person: UserId = ALICE, case: str = CASE) -> dict[str, Any]:
    subject = LOG.pseudonym("lindenau", person)
    return HEADS.proof(txn, "lindenau", subject, NOW_MS, case=case)


def verified(value: dict[str, Any]) -> list[tuple[int, str]]:
    """Number and case of each act, once a file with them was verified."""
    whole = json.loads(json.dumps(SIGNER.sign_object({ACTS_KEY: value})))
    return [(one.seq, one.case) for one in verify_acts(whole, [SIGNER.verifier]).acts]


def test_acts_of_a_case_are_proven_by_a_head_that_is_signed_for_them(txn: Cursor) -> None:
    act(txn, 3)
    act(txn, 5, BOB)
    act(txn, 2, case="01OTHER")
    act(txn, 2)

    assert verified(proof(txn)) == [(n, CASE) for n in (1, 2, 3, 6, 7)]
    assert verified(proof(txn, BOB)) == [(n, CASE) for n in range(1, 6)]
    assert verified(proof(txn, case="01NONE")) == []


@pytest.mark.parametrize("steps", [(1, 1, 1), (2, 3, 8), (7, 1, 25), (64, 64)])
def test_each_head_begins_with_the_one_before(txn: Cursor, steps: tuple[int, ...]) -> None:
    size, last = 0, None
    for step in steps:
        act(txn, step)
        assert not signed(txn)
        head, path = heads.extended(txn, "lindenau", size or None)
        point = open_checkpoint(head.note, [SIGNER.verifier])
        assert point.size == size + step
        if last is not None:
            hashes = [decode_base64(one) for one in path]
            assert extends((last.size, last.root), (point.size, point.root), hashes)
        size, last = point.size, point


def test_many_acts_are_signed_in_several_steps(
    txn: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_tree, "ENTRIES_MAX", 4)
    act(txn, 10)

    steps = [signed(txn) for _ in range(4)]

    assert steps == [True, True, True, False]
    assert len(verified(proof(txn))) == 10


def test_nothing_is_signed_where_nothing_happened(txn: Cursor) -> None:
    assert not signed(txn)
    with pytest.raises(UnavailableError):
        proof(txn)
    act(txn)
    signed(txn)
    before = head_store.ActTree("lindenau").newest(txn)

    assert not signed(txn)
    assert head_store.ActTree("lindenau").newest(txn) == before
    assert head_store.grown(txn) == []


def test_a_head_of_the_future_is_not_there(txn: Cursor) -> None:
    act(txn)
    signed(txn)

    with pytest.raises(NotFoundError):
        heads.extended(txn, "lindenau", 2)
    with pytest.raises(UnavailableError):
        heads.extended(txn, "other", None)


def test_each_organisation_has_a_log_of_its_own(txn: Cursor) -> None:
    act(txn)
    act(txn, 2, organisation="other")

    assert head_store.grown(txn) == ["lindenau", "other"]
    assert HEADS.signer("other").verifier.name == "veche.test/veche/acts/v1/other"
    assert HEADS.signer("other").verifier.id != SIGNER.verifier.id


def altered(txn: Cursor, statement: str) -> None:
    """Do what triggers forbid, as somebody with the database's highest rights could."""
    txn.execute(
        f"SET session_replication_role = replica; {statement};"
        " SET session_replication_role = origin"
    )


def test_a_log_that_was_rewritten_after_its_head_is_not_signed_on(txn: Cursor) -> None:
    act(txn, 3)
    signed(txn)
    altered(txn, "UPDATE runtime.act SET entry = replace(entry, 'message', 'notice')")
    act(txn)

    with pytest.raises(
        ForkedError, match="number 2 of the acts of the log of lindenau is another one"
    ):
        signed(txn)


def test_a_log_that_lost_acts_is_not_signed_on(txn: Cursor) -> None:
    act(txn, 3)
    signed(txn)
    altered(txn, "DELETE FROM runtime.act WHERE idx >= 1")

    with pytest.raises(ForkedError, match="has lost acts"):
        signed(txn)


def test_an_act_whose_private_part_was_wiped_is_not_in_the_file(txn: Cursor) -> None:
    act(txn, 3)
    store.wipe_openings(txn, NOW_MS + 3_600_000)

    assert verified(proof(txn)) == []
    assert check_chain(txn, "lindenau") == 3


def test_the_newest_acts_are_shown_where_there_are_too_many(
    txn: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "ACTS_MAX", 4)
    act(txn, 6)

    assert verified(proof(txn)) == [(n, CASE) for n in (3, 4, 5, 6)]
    one = len(json.dumps(proof(txn)["acts"][0]))
    monkeypatch.setattr(heads, "ACTS_BYTES_MAX", 2 * one + one // 2)
    assert [n for n, _ in verified(proof(txn))] == [5, 6]
    assert one * 400 < ACTS_BYTES_MAX


def test_a_person_gets_all_acts_on_them_page_by_page(
    txn: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(txn, 2)
    act(txn, 3, case="01OTHER")
    act(txn, 4, person=BOB)
    monkeypatch.setattr(heads, "ACTS_MAX", 3)
    subject = LOG.pseudonym("lindenau", ALICE)

    newest = HEADS.proof(txn, "lindenau", subject, NOW_MS)
    older = HEADS.proof(txn, "lindenau", subject, NOW_MS, before=newest["acts"][0]["index"])

    assert verified(newest) == [(3, "01OTHER"), (4, "01OTHER"), (5, "01OTHER")]
    assert verified(older) == [(1, CASE), (2, CASE)]
    assert verified(HEADS.proof(txn, "lindenau", subject, NOW_MS, before=0)) == []


def test_who_acted_on_a_person_and_how_often(txn: Cursor) -> None:
    act(txn, 2)
    act(txn, 1, organisation="other")
    act(txn, 1, person=BOB, organisation="third")
    txn.execute(
        "INSERT INTO runtime.bot (user_id, organisation, display_name)"
        " VALUES ('@b:x', 'other', 'The Other')"
    )

    names = head_store.actors(txn)
    found = head_store.counts(txn, {one: LOG.pseudonym(one, ALICE) for one in names})

    assert names == {"lindenau": "lindenau", "other": "The Other", "third": "third"}
    assert found == {"lindenau": 2, "other": 1}
    assert head_store.has_log(txn, "third")
    assert not head_store.has_log(txn, "fourth")


def test_what_binds_an_act_to_its_effect_is_checked_with_the_chain(txn: Cursor) -> None:
    act(txn, 2)
    assert check_chain(txn, "lindenau") == 2
    altered(txn, "UPDATE runtime.act SET bound = inner_part WHERE idx = 1")

    with pytest.raises(Exception, match="broken at entry 1"):
        check_chain(txn, "lindenau")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runtime.act_checkpoint SET note = ''",
        "DELETE FROM runtime.act_checkpoint",
        "UPDATE runtime.act_node SET hash = ''",
        "DELETE FROM runtime.act_node",
        "TRUNCATE runtime.act_node",
        "UPDATE runtime.act SET bound = NULL",
        "UPDATE runtime.act SET bound = NULL, opening = NULL, salt = NULL",
    ],
)
def test_what_was_signed_stays(txn: Cursor, statement: str) -> None:
    act(txn, 3)
    signed(txn)

    with pytest.raises(psycopg2.Error, match="append only"):
        txn.execute(statement)


class _Database:
    """Runs transactions at once, on one connection."""

    def __init__(self, txn: Cursor) -> None:
        self._txn = txn
        self.error: Exception | None = None

    async def run(self, _name: str, work: Callable[..., Any], *args: Any) -> Any:
        if self.error is not None:
            raise self.error
        return work(self._txn, *args)


def test_heads_are_signed_in_time_and_a_failure_is_tried_again(
    txn: Cursor, caplog: pytest.LogCaptureFixture
) -> None:
    clock, at_once = Clock(), _Database(txn)
    tasks = Tasks(running_max=1)
    one: Any = at_once
    act(txn)
    ActHeads(Witnesses(one, clock, WitnessesSection()), "veche.test", b"s" * 32).start(tasks)
    sizes = [head_store.ActTree("lindenau").newest(txn)]
    act(txn, 2)
    at_once.error = UnavailableError("not now", retry_after_ms=1)
    clock.advance(HEAD_EVERY_MS / 1000)
    at_once.error = RuntimeError("a bug")
    with caplog.at_level(logging.ERROR):
        clock.advance(HEAD_EVERY_MS / 1000)
    sizes.append(head_store.ActTree("lindenau").newest(txn))
    at_once.error = None
    clock.advance(HEAD_EVERY_MS / 1000)
    sizes.append(head_store.ActTree("lindenau").newest(txn))

    assert [head and head.size for head in sizes] == [1, 1, 3]
    assert [record.message for record in caplog.records] == ["no head of acts is signed"]
    Deferred.fromCoroutine(tasks.stop())
