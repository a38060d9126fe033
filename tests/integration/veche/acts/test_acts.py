"""The log of acts on a real database: what it refuses, what it finds, many at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs
import psycopg2
import pytest

from tests.support.act_chain import check_chain
from tests.support.postgres import database
from veche.acts import Act, ActLog, message_form, spend, store
from veche.messaging import outbox
from veche.messaging.outbox import Outgoing, Relation
from veche.protocol.acts import ActClass, ActToken, call_form
from veche.protocol.errors import ActRequiredError
from veche.protocol.ids import EffectId, RoomId, UserId
from veche.protocol.message import RelationKind
from veche.runtime.database import connect
from veche.runtime.database.migrate import MigrationSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from veche.runtime.database import Cursor

NOW_MS = 1_764_000_000_000
ALICE, BOB = UserId("@alice:veche.test"), UserId("@bob:veche.test")
LOG = ActLog(bytes(32))
FORM = call_form("test", "do", what="something")
HOUR_MS = 3_600_000
THREADS = 6
ACTS_EACH = 15


@pytest.fixture
def dsn() -> Iterator[str]:
    with database(MigrationSet("runtime", "veche.runtime")) as url:
        yield url


@pytest.fixture
def txn(dsn: str) -> Iterator[Cursor]:
    connection = connect(dsn)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def an_act(person: UserId | None = ALICE, organisation: str = "lindenau") -> Act:
    return Act(organisation, ActClass.MESSAGE, person, "test", "request of the person")


def committed(txn: Cursor, *acts: Act) -> list[ActToken]:
    return [LOG.commit(txn, act, FORM, NOW_MS) for act in acts]


def a_message(**changes: Any) -> Outgoing:
    whole: dict[str, Any] = {
        "bot": UserId("@veche_a:veche.test"),
        "room_id": RoomId("!r:veche.test"),
        "effect_id": EffectId("e" * 32),
        "event_type": "m.room.message",
        "content": {"msgtype": "m.text", "body": "hello"},
    }
    return Outgoing(**whole | changes)


def token_for(txn: Cursor, outgoing: Outgoing) -> ActToken:
    return LOG.commit(txn, an_act(), outgoing.form, NOW_MS)


def openings(txn: Cursor, person: UserId | None, organisation: str = "lindenau") -> list[Any]:
    subject = LOG.pseudonym(organisation, person) if person else ""
    txn.execute(
        "SELECT opening::json FROM runtime.act WHERE subject = %s AND organisation = %s"
        " ORDER BY idx",
        (subject, organisation),
    )
    return [opening for (opening,) in txn.fetchall()]


def test_each_act_follows_the_one_before_on_the_same_person(txn: Cursor) -> None:
    committed(txn, an_act(), an_act(BOB), an_act(), an_act(None), an_act())

    acts = openings(txn, ALICE)
    assert [act["seq"] for act in acts] == [1, 2, 3]
    assert acts[0]["prev"] == ""
    assert len({act["prev"] for act in acts}) == 3
    assert [act["seq"] for act in openings(txn, BOB)] == [1]
    assert [act["seq"] for act in openings(txn, None)] == [1]
    assert check_chain(txn, "lindenau") == 5


def test_organisations_have_chains_and_pseudonyms_of_their_own(txn: Cursor) -> None:
    committed(txn, an_act(), an_act(organisation="other"))

    assert check_chain(txn, "lindenau") == check_chain(txn, "other") == 1
    assert LOG.pseudonym("lindenau", ALICE) != LOG.pseudonym("other", ALICE)
    assert [act["seq"] for act in openings(txn, ALICE, "other")] == [1]


def test_a_pseudonym_depends_on_a_key_from_outside_the_database() -> None:
    other = ActLog(b"x" * 32)

    assert other.pseudonym("lindenau", ALICE) != LOG.pseudonym("lindenau", ALICE)
    assert LOG.pseudonym("lindenau", ALICE) == ActLog(bytes(32)).pseudonym("lindenau", ALICE)


def test_an_organisation_that_never_acted_has_an_empty_chain(txn: Cursor) -> None:
    assert check_chain(txn, "nobody") == 0


def test_an_act_that_is_rolled_back_leaves_no_gap(txn: Cursor) -> None:
    committed(txn, an_act())
    txn.connection.commit()
    committed(txn, an_act())
    txn.connection.rollback()

    committed(txn, an_act())

    assert [act["seq"] for act in openings(txn, ALICE)] == [1, 2]
    assert check_chain(txn, "lindenau") == 2


def test_many_at_once_make_one_chain_without_gaps(dsn: str, txn: Cursor) -> None:
    failures: list[BaseException] = []

    def work(person: UserId) -> None:
        connection = connect(dsn)
        try:
            for _ in range(ACTS_EACH):
                with connection, connection.cursor() as mine:
                    committed(mine, an_act(person))
        except BaseException as e:
            failures.append(e)
            raise
        finally:
            connection.close()

    people = [ALICE, BOB] * (THREADS // 2)
    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert check_chain(txn, "lindenau") == THREADS * ACTS_EACH
    half = THREADS // 2 * ACTS_EACH
    for person in (ALICE, BOB):
        assert [act["seq"] for act in openings(txn, person)] == list(range(1, half + 1))


@pytest.mark.parametrize("table", ["act", "act_spent"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE runtime.{table} SET {column} = {column}", "DELETE FROM runtime.{table}"],
)
def test_the_log_is_append_only(txn: Cursor, table: str, statement: str) -> None:
    [token] = committed(txn, an_act())
    spend(txn, token, FORM)
    txn.connection.commit()
    column = {"act": "entry", "act_spent": "commitment"}[table]

    with pytest.raises(psycopg2.errors.RaiseException, match="append only"):
        txn.execute(statement.format(table=table, column=column))


@pytest.mark.parametrize("table", ["act", "act_spent"])
def test_the_log_cannot_be_emptied(txn: Cursor, table: str) -> None:
    with pytest.raises(psycopg2.errors.RaiseException, match="append only"):
        txn.execute(f"TRUNCATE runtime.{table}")


def refused(txn: Cursor, statement: str) -> bool:
    """Whether the database refuses a change of the log; it is as before then."""
    txn.execute("SAVEPOINT before")
    with pytest.raises(psycopg2.errors.RaiseException, match="append only"):
        txn.execute(statement)
    txn.execute("ROLLBACK TO before")
    return True


def test_where_the_log_has_got_to_goes_forward_only(txn: Cursor) -> None:
    committed(txn, an_act(), an_act())
    txn.connection.commit()

    for statement in (
        "DELETE FROM runtime.act_head",
        "TRUNCATE runtime.act_head",
        "DELETE FROM runtime.act_subject",
        "TRUNCATE runtime.act_subject",
        "UPDATE runtime.act_head SET size = size - 1",
        "UPDATE runtime.act_head SET head = sha256(head)",
        "UPDATE runtime.act_head SET size = size + 1",
        "UPDATE runtime.act_head SET organisation = 'other'",
        "UPDATE runtime.act_subject SET seq = seq - 1, commitment = 'x'",
        "UPDATE runtime.act_subject SET commitment = 'x'",
        "UPDATE runtime.act_subject SET seq = seq + 1",
        "UPDATE runtime.act_subject SET subject = 'x', seq = seq + 1, commitment = 'x'",
    ):
        assert refused(txn, statement), statement


def test_nothing_else_of_an_act_goes_with_its_private_part(txn: Cursor) -> None:
    committed(txn, an_act())
    txn.connection.commit()

    for change in ("entry = 'x'", "head = prev", "subject = ''", "idx = idx + 9"):
        wiping = "UPDATE runtime.act SET opening = NULL, salt = NULL"
        assert refused(txn, f"{wiping}, {change}"), change
    assert refused(txn, "UPDATE runtime.act SET opening = NULL")


def test_private_parts_go_in_time_and_the_chain_holds(
    txn: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WIPED_ROWS_MAX", 2)
    committed(txn, an_act(), an_act(BOB), an_act())
    LOG.commit(txn, an_act(), FORM, NOW_MS + 2 * HOUR_MS)
    committed(txn, an_act(organisation="other"))

    before = store.wipe_openings(txn, NOW_MS)
    counts = [store.wipe_openings(txn, NOW_MS + HOUR_MS) for _ in range(4)]
    committed(txn, an_act())

    assert before == 0
    assert counts == [2, 1, 1, 0]
    txn.execute("SELECT count(opening), count(salt), count(*) FROM runtime.act")
    assert txn.fetchall() == [(2, 2, 6)]
    assert (check_chain(txn, "lindenau"), check_chain(txn, "other")) == (5, 1)


def test_a_private_part_that_went_too_early_is_found(txn: Cursor) -> None:
    committed(txn, an_act(), an_act())
    txn.execute("UPDATE runtime.act SET opening = NULL, salt = NULL WHERE idx = 1")

    with pytest.raises(ActRequiredError, match="broken at entry 1"):
        check_chain(txn, "lindenau")


def tampered(txn: Cursor, statement: str) -> None:
    """Do what only a superuser can who does not mind to be found out."""
    txn.execute("ALTER TABLE runtime.act DISABLE TRIGGER ALL")
    txn.execute(statement)
    assert txn.rowcount >= 1


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        (r"SET entry = replace(entry, 'message', 'notice') WHERE idx = 1", "entry 1"),
        ("SET head = prev WHERE idx = 1", "entry 1"),
        ("SET prev = head WHERE idx = 1", "entry 1"),
        ("SET inner_part = salt WHERE idx = 2", "entry 2"),
        ("SET salt = inner_part WHERE idx = 0", "entry 0"),
        (r"SET opening = replace(opening, 'test', 'tort') WHERE idx = 2", "entry 2"),
        (r"SET opening = '{' WHERE idx = 2", "entry 2"),
        (r"SET opening = '{ ' || substr(opening, 2) || ' ' WHERE idx = 9 OR idx = 0", None),
        ("SET subject = 'somebody else' WHERE idx = 1", "entry 1"),
        ("SET idx = 7 WHERE idx = 2", "entry 7"),
    ],
)
def test_what_was_changed_is_found(txn: Cursor, statement: str, where: str | None) -> None:
    committed(txn, an_act(), an_act(), an_act())
    tampered(txn, f"UPDATE runtime.act {statement}")

    if where is None:  # another way to write the same opening is the same opening
        assert check_chain(txn, "lindenau") == 3
        return
    with pytest.raises(ActRequiredError, match=f"broken at {where}"):
        check_chain(txn, "lindenau")


@pytest.mark.parametrize(("idx", "where"), [(0, "entry 1"), (1, "entry 2"), (2, "its end")])
def test_what_was_taken_away_is_found(txn: Cursor, idx: int, where: str) -> None:
    committed(txn, an_act(), an_act(), an_act())
    tampered(txn, f"DELETE FROM runtime.act WHERE idx = {idx}")  # noqa: S608 -- a number

    with pytest.raises(ActRequiredError, match=f"broken at {where}"):
        check_chain(txn, "lindenau")


def test_a_whole_chain_that_was_taken_away_is_found(txn: Cursor) -> None:
    committed(txn, an_act())
    tampered(txn, "DELETE FROM runtime.act")

    with pytest.raises(ActRequiredError, match="its end"):
        check_chain(txn, "lindenau")


def test_an_act_that_was_hidden_from_its_person_is_found(txn: Cursor) -> None:
    """The entries are a good chain; but the person's acts would have a gap."""
    committed(txn, an_act())
    txn.execute("ALTER TABLE runtime.act_subject DISABLE TRIGGER ALL")
    txn.execute("UPDATE runtime.act_subject SET seq = seq + 1")
    committed(txn, an_act())

    with pytest.raises(ActRequiredError, match="broken at entry 1"):
        check_chain(txn, "lindenau")


@pytest.mark.parametrize("name", ["", "Lindenau", "a" * 129, "lin denau", "-a"])
def test_a_name_that_is_none_cannot_act(txn: Cursor, name: str) -> None:
    with pytest.raises(ActRequiredError):
        committed(txn, an_act(organisation=name))


def test_a_token_is_spent_once(txn: Cursor) -> None:
    [token] = committed(txn, an_act())
    spend(txn, token, FORM)

    with pytest.raises(ActRequiredError, match="spent before"):
        spend(txn, token, FORM)


def test_a_token_is_for_one_effect(txn: Cursor) -> None:
    [token] = committed(txn, an_act())

    with pytest.raises(ActRequiredError):
        spend(txn, token, call_form("test", "do", what="something else"))
    txn.execute("SELECT count(*) FROM runtime.act_spent")
    assert txn.fetchone() == (0,)


def test_two_acts_alike_have_two_tokens(txn: Cursor) -> None:
    first, second = committed(txn, an_act(), an_act())
    spend(txn, first, FORM)

    spend(txn, second, FORM)

    assert first.commitment != second.commitment


def test_nothing_is_said_without_a_token(txn: Cursor) -> None:
    """And mypy demands it: without the ``type: ignore`` this file does not pass."""
    with pytest.raises(TypeError):
        outbox.append(txn, a_message(), now_ms=NOW_MS)  # type: ignore[call-arg]  # the claim


def test_a_token_cannot_be_made_by_hand(txn: Cursor) -> None:
    token = token_for(txn, a_message())

    with pytest.raises(TypeError, match="verify_act_token"):
        attrs.evolve(token, mint=None)


RELATION = Relation(RelationKind.THREAD, EffectId("f" * 32))
CHANGES: dict[str, Callable[[], Outgoing]] = {
    "bot": lambda: a_message(bot=UserId("@veche_b:veche.test")),
    "room": lambda: a_message(room_id=RoomId("!other:veche.test")),
    "effect": lambda: a_message(effect_id=EffectId("d" * 32)),
    "type": lambda: a_message(event_type="m.room.topic"),
    "words": lambda: a_message(content={"msgtype": "m.text", "body": "hello!"}),
    "state key": lambda: a_message(state_key=""),
    "redaction": lambda: a_message(redacts=EffectId("f" * 32)),
    "relation": lambda: a_message(relation=RELATION),
    "reaction": lambda: a_message(relation=attrs.evolve(RELATION, key="x")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_token_is_for_exactly_one_message(txn: Cursor, what: str) -> None:
    token = token_for(txn, a_message())

    with pytest.raises(ActRequiredError):
        outbox.append(txn, CHANGES[what](), token, NOW_MS)
    txn.execute("SELECT count(*) FROM runtime.outbox")
    assert txn.fetchone() == (0,)


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_its_own_token_is_said(txn: Cursor, what: str) -> None:
    outgoing = CHANGES[what]()

    outbox.append(txn, outgoing, token_for(txn, outgoing), NOW_MS)

    txn.execute("SELECT effect_id FROM runtime.outbox")
    assert txn.fetchall() == [(outgoing.effect_id,)]


def test_the_token_of_a_message_is_not_good_for_the_next(txn: Cursor) -> None:
    token = token_for(txn, a_message())
    outbox.append(txn, a_message(), token, NOW_MS)

    with pytest.raises(ActRequiredError, match="spent before"):
        outbox.append(txn, a_message(), token, NOW_MS)


def test_the_clear_form_of_a_message_names_no_content() -> None:
    form = message_form(
        UserId("@b:x"), RoomId("!r:x"), EffectId("e"), "m.room.message", {"body": "secret"}
    )

    assert "secret" not in str(form)
    assert form.keys() == {
        "service",
        "call",
        "bot",
        "room_id",
        "effect_id",
        "event_type",
        "ph",
    }
