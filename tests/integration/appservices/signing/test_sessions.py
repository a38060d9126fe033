"""The rules of sessions on a real database; nobody has a chat, so nothing is said."""

from __future__ import annotations

import itertools
import threading
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import psycopg2
import pytest

from appservices.signing.authority.core.levels import Level
from appservices.signing.cards.service.cards import OPEN_CHAT
from appservices.signing.certificates import store as certificates
from appservices.signing.certificates.store import Issued
from appservices.signing.config import SessionsSection
from appservices.signing.drafting.service import drafting
from appservices.signing.drafting.service.drafting import Order
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.errors import (
    AlreadySignedError,
    DelegationError,
    NotYourTurnError,
)
from appservices.signing.sessions.core.parties import PlanError, Role, Stage
from appservices.signing.sessions.core.records import SessionEffect
from appservices.signing.sessions.core.session import NotNowError, State
from appservices.signing.sessions.service.clocks import DEADLINE, REMIND
from appservices.signing.sessions.service.conversation import Conversation, Parts
from appservices.signing.sessions.service.ending import CLOSE, SEAL, retry_ms
from appservices.signing.sessions.store.signatures import Signature
from tests.integration.appservices.signing.site import SIGNING
from tests.support.forgery import page
from tests.support.postgres import database, execute
from tests.support.signing import with_boxes
from veche.chat.sending import Sender
from veche.documents.pdf.values import PdfError
from veche.messaging.service import BotAccount
from veche.protocol.errors import MalformedError
from veche.protocol.ids import UserId
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.signing.sessions.core.records import Session

pytestmark = pytest.mark.postgres

NOW_MS: Final = 1_790_000_000_000
DAY_MS: Final = 86_400_000
PDF: Final = page("Lease")
_BOT: Final = BotAccount(UserId("@veche_signing:veche.test"), "Signatures", "town")
_NONE: Final = cast("Any", None)
_numbers = itertools.count(1)
_PARTS: Final = Parts(
    cast("Any", SimpleNamespace(links=None)),
    SessionsSection(id="town", name={"en": "Signatures"}),
    *cast("Any", (_BOT, Vault(b"v" * 32), None, None, None, None)),
)


def person(name: str) -> UserId:
    return UserId(f"@{name}:veche.test")


def signer(party: str, role: Role = Role.SIGNER, of: str = "", **more: Any) -> Invited:
    """Somebody called as their party."""
    who = "town" if role is Role.SEAL else person(party)
    return Invited(party, role, who, party.upper(), of, **more)


@attrs.frozen
class Desk:
    """One database, and a session in it."""

    dsn: str

    @contextmanager
    def scene(self, now_ms: int = NOW_MS) -> Iterator[Conversation]:
        """A transaction, committed at the end."""
        with closing(connect(self.dsn)) as connection, connection.cursor() as txn:
            sender = Sender(txn, _NONE, _BOT, f"cause {next(_numbers)}", now_ms)
            yield Conversation(txn, sender, _PARTS)
            connection.commit()

    def sent(self, *invited: Invited, stages: list[Stage] | None = None, **more: Any) -> str:
        """Id of a session that was sent."""
        with self.scene() as scene:
            order = Order(person("carol"), "Carol", "Lease", "lease.pdf", invited, **more)
            order = attrs.evolve(order, stages=stages or ())
            session = drafting.make(scene, order)
            fields = [one.field for one in session.members if one.field]
            pdf = with_boxes(PDF, fields) if fields else PDF
            return str(drafting.send(scene, drafting.freeze(scene, session, pdf)).id)

    def do(self, session_id: str, act: Any, *args: Any, now_ms: int = NOW_MS) -> Session:
        """Do something with a session."""
        with self.scene(now_ms) as scene:
            session = scene.session(session_id)
            assert session is not None
            return cast("Session", act(scene, session, *args))

    def sign(self, session_id: str, party: str) -> Session:
        """A party signs with their key alone."""
        nonce = f"nonce {next(_numbers)}"
        signature = Signature(party, Level.APPROVAL, NOW_MS, nonce=nonce)
        return self.do(session_id, acting.signed, party, signature)

    def states(self, session_id: str) -> dict[str, str]:
        """Parties with their states."""
        session = self.do(session_id, lambda _, one: one)
        return {one.id: one.party.state.value for one in session.members}

    def jobs(self, kind: str, session_id: str) -> list[Any]:
        """Payloads of the jobs about a session."""
        statement = (
            "SELECT payload FROM runtime.errand WHERE kind = %s AND payload ->> 'session' = %s"
            " ORDER BY due_at_ms"
        )
        return [row[0] for row in execute(self.dsn, statement, kind, session_id)]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with database(*KERNEL_SETS, SIGNING) as dsn:
        yield Desk(dsn)


def test_two_of_three_are_enough_and_the_third_need_not(desk: Desk) -> None:
    one = desk.sent(signer("p1"), signer("p2"), signer("p3"), stages=[Stage(("p1", "p2", "p3"), 2)])
    assert len(desk.jobs(OPEN_CHAT, one)) == 3
    assert desk.sign(one, "p3").state is State.OPEN
    assert desk.sign(one, "p1").state is State.SEALING
    assert desk.states(one) == {"p1": "signed", "p2": "excused", "p3": "signed"}
    assert len(desk.jobs(CLOSE, one)) == 1
    with pytest.raises(NotNowError):
        desk.sign(one, "p2")


def test_stages_open_one_after_the_other_and_a_copy_waits_for_nothing(desk: Desk) -> None:
    one = desk.sent(
        signer("p1"),
        signer("p2"),
        signer("p3", Role.VIEWER),
        stages=[Stage(("p1",)), Stage(("p2",))],
    )
    for party in ("p2", "p3", "p9"):
        with pytest.raises(NotYourTurnError):
            desk.sign(one, party)
    desk.sign(one, "p1")
    with pytest.raises(AlreadySignedError):
        desk.sign(one, "p1")
    assert desk.sign(one, "p2").state is State.SEALING
    assert desk.states(one)["p3"] == "waiting"


def test_a_witness_signs_after_whom_they_see_and_that_counts_then(desk: Desk) -> None:
    held = (signer("p1"), signer("p2", Role.WITNESS, "p1"))
    one = desk.sent(*held)
    with pytest.raises(NotYourTurnError):
        desk.sign(one, "p2")
    assert desk.sign(one, "p1").state is State.OPEN
    assert desk.sign(one, "p2").state is State.SEALING

    # A witness who lets somebody else see it is not waited for any more.
    other = desk.sent(*held, may_delegate=True)
    desk.sign(other, "p1")
    desk.do(other, acting.delegated, "p2", person("dave"), "Dave")
    assert desk.sign(other, "p3").state is State.SEALING

    # Who is seen lets somebody else sign: the witness sees that one.
    third = desk.sent(*held, may_delegate=True)
    session = desk.do(third, acting.delegated, "p1", person("dave"), "Dave")
    assert [one.party.of for one in session.members] == ["", "p3", ""]
    desk.sign(third, "p3")
    assert desk.sign(third, "p2").state is State.SEALING

    last = desk.sent(*held)
    desk.sign(last, "p1")
    assert desk.do(last, acting.declined, "p2", "other", "").state is State.DECLINED


@pytest.mark.parametrize(
    ("before", "who", "state"),
    [
        ((), "p1", State.OPEN),
        (("p1",), "p2", State.OPEN),
        (("p1", "p2"), "p4", State.DECLINED),
    ],
)
def test_declining_at_each_point(
    desk: Desk, before: tuple[str, ...], who: str, state: State
) -> None:
    one = desk.sent(
        *(signer(f"p{n}") for n in range(1, 5)),
        stages=[Stage(("p1", "p2", "p3"), 2), Stage(("p4",))],
    )
    for party in before:
        desk.sign(one, party)
    with pytest.raises(MalformedError):
        desk.do(one, acting.declined, who, "because", "")
    with pytest.raises(MalformedError):
        desk.do(one, acting.declined, who, "other", "x" * 1001)
    session = desk.do(one, acting.declined, who, "need_time", "Later")
    assert session.state is state
    assert session.member(who).reason == ("need_time", "Later")  # type: ignore[union-attr]
    with pytest.raises((NotYourTurnError, NotNowError)):
        desk.do(one, acting.declined, who, "other", "")
    # What somebody has signed is closed; where nobody has, there is nothing to close.
    closed = len(desk.jobs(CLOSE, one))
    assert closed == (1 if state is State.DECLINED else 0)


def test_too_many_refusals_make_it_impossible(desk: Desk) -> None:
    one = desk.sent(signer("p1"), signer("p2"), signer("p3"), stages=[Stage(("p1", "p2", "p3"), 2)])
    assert desk.do(one, acting.declined, "p1", "other", "").state is State.OPEN
    session = desk.do(one, acting.declined, "p3", "other", "")
    assert session.state is State.DECLINED
    assert session.closed_at_ms == NOW_MS
    assert not desk.jobs(CLOSE, one)


def test_one_step_of_delegation_which_can_be_taken_back(desk: Desk) -> None:
    firm = desk.sent(signer("p1"), signer("p2"))
    with pytest.raises(DelegationError):
        desk.do(firm, acting.delegated, "p1", person("dave"), "Dave")
    one = desk.sent(signer("p1"), signer("p2"), may_delegate=True)
    for to in ("p2", "p1", "veche_signing"):
        with pytest.raises(DelegationError):
            desk.do(one, acting.delegated, "p1", person(to), "Them")
    desk.do(one, acting.delegated, "p1", person("dave"), "Dave")
    with pytest.raises(DelegationError):
        desk.do(one, acting.delegated, "p3", person("erin"), "Erin")
    with pytest.raises(NotYourTurnError):
        desk.sign(one, "p1")
    desk.do(one, acting.taken_back, "p1")
    assert desk.states(one) == {"p1": "viewed", "p2": "invited"}
    with pytest.raises(DelegationError):
        desk.do(one, acting.taken_back, "p1")

    # The next one has an id of their own, so that the record of one is not that of the other.
    # Once the other has a certificate for it, it is too late.
    desk.do(one, acting.delegated, "p1", person("dave"), "Dave")
    issued = Issued(
        *(7, one, "p4", person("dave"), "n", b"k" * 32, b"d" * 32, b"c", b"l", "act", NOW_MS)
    )
    with desk.scene() as scene:
        certificates.add(scene.txn, issued)
    with pytest.raises(DelegationError):
        desk.do(one, acting.taken_back, "p1")
    desk.sign(one, "p4")
    assert desk.sign(one, "p2").state is State.SEALING


def test_deadlines_and_clocks_that_are_late(desk: Desk) -> None:
    held = (signer("p1", deadline_at_ms=NOW_MS + DAY_MS), signer("p2"), signer("p3"))
    one = desk.sent(*held, stages=[Stage(("p1", "p2", "p3"), 2)], effect=SessionEffect.EACH)
    assert [row["party"] for row in desk.jobs(DEADLINE, one)] == ["p1", ""]
    # A reminder never comes in quiet hours, and none after the deadline.
    assert len(desk.jobs(REMIND, one)) == 4
    assert desk.do(one, acting.lapsed, "p1").state is State.OPEN
    assert desk.do(one, acting.lapsed, "p1").member("p1").party.state.value == "lapsed"  # type: ignore[union-attr]
    for wrong in (NOW_MS, NOW_MS + DAY_MS, NOW_MS + 181 * DAY_MS):
        with pytest.raises(MalformedError):
            desk.do(one, acting.extended, wrong)
    later = NOW_MS + 20 * DAY_MS
    assert desk.do(one, acting.extended, later).deadline_at_ms == later
    desk.sign(one, "p2")
    session = desk.do(one, acting.expired, now_ms=later)
    assert (session.state, session.ended_at_ms) == (State.EXPIRED, later)
    assert not [row for row in desk.jobs(DEADLINE, one) if row["deadline_at_ms"] == later]
    # Late: nothing changes.
    assert desk.do(one, acting.expired, now_ms=later + 1).ended_at_ms == later
    assert desk.do(one, acting.reminded, now_ms=later + 1).state is State.EXPIRED
    assert desk.do(one, acting.lapsed, "p3").member("p3").party.state.value == "invited"  # type: ignore[union-attr]
    with pytest.raises(NotNowError):
        desk.do(one, acting.cancelled)
    with pytest.raises(NotNowError):
        desk.do(one, acting.extended, later + DAY_MS)


def test_taking_back(desk: Desk) -> None:
    one = desk.sent(signer("p1"))
    assert desk.do(one, acting.cancelled).state is State.CANCELLED
    with desk.scene() as scene:
        draft = drafting.make(scene, Order(person("carol"), "Carol", "T", "t.pdf"))
        acting.cancelled(scene, draft)
        assert scene.session(draft.id) is None


def test_a_seal_is_ordered_once_its_turn_has_come(desk: Desk) -> None:
    one = desk.sent(signer("p1"), signer("p2", Role.SEAL), stages=[Stage(("p1",)), Stage(("p2",))])
    assert not desk.jobs(SEAL, one)
    desk.sign(one, "p1")
    assert [row["party"] for row in desk.jobs(SEAL, one)] == ["p2"]
    assert not [row for row in desk.jobs(OPEN_CHAT, one) if row["party"] == "p2"]


def test_two_who_sign_at_once_both_count(desk: Desk) -> None:
    one = desk.sent(*(signer(f"p{n}") for n in range(1, 7)))
    threads = [threading.Thread(target=desk.sign, args=(one, f"p{n}")) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(desk.states(one).values()) == {"signed"}
    assert len(desk.jobs(CLOSE, one)) == 1
    rows = execute(desk.dsn, "SELECT count(*) FROM signing.signature WHERE session_id = %s", one)
    assert rows == [(6,)]


def test_what_cannot_be_sent(desk: Desk) -> None:
    carol = person("carol")
    with desk.scene() as scene:
        twice = [signer("p1"), attrs.evolve(signer("p1"), id="p2")]
        for invited, error in (
            (twice, MalformedError),
            ([signer("p1", Role.VIEWER)], PlanError),
            ([signer("p1", Role.WITNESS, "p9")], PlanError),
            ([Invited("p1", Role.SIGNER, "town", "T")], MalformedError),
            ([Invited("p1", Role.SEAL, person("x"), "T")], MalformedError),
            ([Invited("p1", Role.SIGNER, person("x"), "")], MalformedError),
        ):
            with pytest.raises(error):
                drafting.make(scene, Order(carol, "Carol", "T", "t.pdf", invited))
        for more in ({"title": ""}, {"title": "x" * 201}, {"deadline_at_ms": NOW_MS}):
            order = attrs.evolve(Order(carol, "Carol", "T", "t.pdf"), **cast("Any", more))
            with pytest.raises(MalformedError):
                drafting.make(scene, order)
        session = drafting.make(scene, Order(carol, "Carol", "T", "t.pdf", [signer("p1")]))
        with pytest.raises(NotNowError):
            drafting.send(scene, session)
        with pytest.raises(PdfError):
            drafting.freeze(scene, session, PDF)


def test_what_was_sent_never_changes(desk: Desk) -> None:
    one = desk.sent(signer("p1"))
    with pytest.raises(NotNowError):
        desk.do(one, drafting.freeze, PDF)
    for column, value in (("document_sha256", b"x" * 32), ("effect", "each"), ("pages", 2)):
        statement = f"UPDATE signing.session SET {column} = %s WHERE id = %s RETURNING 1"  # noqa: S608 -- ours
        with pytest.raises(psycopg2.Error, match="what is sent does not change"):
            execute(desk.dsn, statement, value, one)
    for table in ("event", "signature"):
        desk.sign(desk.sent(signer("p1")), "p1")
        with pytest.raises(psycopg2.Error):
            execute(desk.dsn, f"DELETE FROM signing.{table} RETURNING 1")  # noqa: S608 -- ours


def test_closing_waits_longer_each_time() -> None:
    waits = [retry_ms(n) for n in range(1, 15)]
    assert waits[:3] == [5_000, 10_000, 20_000]
    assert waits[-1] == 3_600_000
