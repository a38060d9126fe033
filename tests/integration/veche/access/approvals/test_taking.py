"""Approvals on a real database: exactly what was asked, by a key of the person's, once."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg2.errors import RaiseException
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.veche.access.approvals.till import (
    CATALOGUE,
    GROUND,
    HOLD_MS,
    HOUR_MS,
    RULES,
    ApprovalCase,
)
from tests.integration.veche.access.sessions.chat import ACCOUNT, ALICE, BOB, URL
from tests.support.keys import BrowserKey, Passkey, approval_of, decline_of, unpadded_base64
from tests.support.processes import ROOT
from veche.access.approvals import (
    ASKED_KEPT_MS,
    SHOWN_KEPT_MS,
    Approvals,
    AskedState,
    Rules,
    Verdict,
    decline,
    keys_of,
    revoked_among,
    store,
)
from veche.access.approvals.core import REFUSED_LOGGED_MAX
from veche.access.approvals.errors import (
    ApprovalOverError,
    KeyHeldError,
    KeyRevokedError,
    NotApprovedError,
)
from veche.access.sessions import Agent, Level, Session
from veche.chat.prompts import Asking
from veche.chat.sending import Sender
from veche.messaging.inbox.pages import page_event_id
from veche.protocol.answers import Chosen
from veche.protocol.approval import SignedApproval
from veche.protocol.errors import (
    LevelTooLowError,
    MalformedError,
    NotFoundError,
    RefusedError,
    VecheError,
)
from veche.protocol.ids import Ulid
from veche.protocol.inbound import Trust
from veche.protocol.wire import parse
from veche.runtime.database import transactions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.veche.access.approvals.till import Bill
    from veche.access.approvals import AskedView
    from veche.protocol.ids import UserId
    from veche.protocol.prompts import Prompt
    from veche.runtime.database import Cursor

MINUTE_MS = 60_000


def changes_of(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The place of each single value, with another one for it."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from changes_of(one, (*where, key))
    elif isinstance(value, int):
        yield where, value + 1
    else:
        yield where, str(value)[:-1] + ("b" if str(value)[-1] != "b" else "c")


def changed(content: dict[str, Any], where: tuple[Any, ...], other: Any) -> dict[str, Any]:
    """A copy with one value replaced."""
    whole = copy.deepcopy(content)
    inner = whole
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = other
    return whole


def a_session(level: Level, person: UserId = ALICE) -> Session:
    return Session("s", person, level, "en", Agent(), 0, 0, 1)


class TakeTest(ApprovalCase):
    async def test_an_approval_of_the_key_goes_on_to_the_bot_as_signed(self) -> None:
        key = await self.enrol()
        bill = await self.bill()

        taken = await self.approve(bill, key)

        assert (taken.verdict, taken.outcome) == (Verdict.GOOD, "approved")
        [heard] = self.handed_in()
        assert (heard.prompt, heard.choice, heard.data) == (bill.prompt.id, "pay", None)
        assert (heard.nonce, heard.trust) == (bill.asked.nonce, Trust.SIGNED)
        assert (heard.sender, heard.room_id) == (ALICE, bill.room_id)
        assert self.evidence() == [(bill.asked.nonce, "payment", "p256")]
        assert (await self.log_lines())[-1] == "Approved with the key “Laptop”: a payment."
        [used] = await self.transact(keys_of, ALICE)
        assert used.last_used_at_ms == self.now_ms

    async def test_no_page_can_take_its_idempotency_key_first(self) -> None:
        key = await self.enrol()
        bill = await self.bill()

        await self.approve(bill, key)

        # The header of a request has no space (``veche.api``).
        ours = page_event_id(ALICE, f"approval {bill.asked.nonce}")
        assert self.sql("SELECT event_id FROM runtime.page_act") == [(ours,)]

    async def test_the_page_sees_what_was_asked_until_it_is_over(self) -> None:
        key = await self.enrol()
        bill = await self.bill()

        before = await self.transact(self.approvals.view, bill.asked.nonce, self.now_ms)
        await self.approve(bill, key)
        after = await self.transact(self.approvals.view, bill.asked.nonce, self.now_ms)

        assert (before.state, before.asked) == (AskedState.OPEN, bill.asked)
        assert [one.id for one in before.keys] == [key.id]
        assert (after.state, after.asked, after.keys) == (AskedState.APPROVED, None, ())
        assert await self.transact(self.approvals.view, "a" * 32, self.now_ms) is None

    async def test_each_changed_field_is_refused(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        approval = approval_of(bill.content, self.now_ms)
        good = key.signed(approval)
        places = [where for where, _ in changes_of(approval)]

        for where, other in changes_of(approval):
            unsigned = {**good, "approval": changed(approval, where, other)}
            signed = key.signed(changed(approval, where, other))
            await self.refused(unsigned)
            if where != ("at_ms",):  # within the minutes that a clock may be wrong
                await self.refused(signed)

        assert {where[-1] for where in places} == {
            "v", "kind", "nonce", "person", "at_ms",
            "payee", "payee_name", "minor", "currency", "reference",
        }  # fmt: skip
        assert (self.handed_in(), self.evidence()) == ([], [])
        assert (await self.take(good)).outcome == "approved"

    async def refused(self, content: dict[str, Any]) -> None:
        """Whatever it is called: it does not count."""
        try:
            taken = await self.take(content)
        except (MalformedError, NotFoundError):
            return
        assert isinstance(taken.outcome, VecheError), content

    async def test_a_field_more_or_one_without_a_value_is_refused(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        approval = approval_of(bill.content, self.now_ms)

        for more in ({"note": "x"}, {"note": None}):
            with pytest.raises(MalformedError):
                await self.take(key.signed({**approval, **more}))
            with pytest.raises(MalformedError):
                await self.take(key.signed({**approval, "shown": {**approval["shown"], **more}}))

    async def test_it_counts_once(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        signed = key.signed(approval_of(bill.content, self.now_ms))
        await self.take(signed)

        again = await self.take(signed)
        anew = await self.approve(bill, key)

        assert again.verdict is anew.verdict is Verdict.OVER
        assert isinstance(again.outcome, ApprovalOverError)
        assert len(self.handed_in()) == len(self.evidence()) == 1

    async def test_of_many_at_once_one_counts(self) -> None:
        keys = [await self.enrol(), await self.enrol()]
        bill = await self.bill()

        tries = [self.approve(bill, keys[n % 2]) for n in range(6)]
        running = [Deferred.fromCoroutine(one) for one in tries]
        verdicts = [taken.verdict for taken in await gatherResults(running)]

        assert sorted(one.value for one in verdicts) == ["good"] + ["over"] * 5
        assert len(self.handed_in()) == len(self.evidence()) == 1

    async def test_approving_and_declining_at_once_is_one_of_them(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        no = key.signed(decline_of(bill.content, self.now_ms))

        running = [Deferred.fromCoroutine(one) for one in (self.approve(bill, key), self.take(no))]
        verdicts = [taken.verdict for taken in await gatherResults(running)]

        assert sorted(one.value for one in verdicts) == ["good", "over"]
        assert len(self.handed_in()) == len(self.evidence()) == 1

    async def test_of_two_revoking_and_approving_at_once_both_orders_are_sound(self) -> None:
        key = await self.enrol()
        bill = await self.bill()

        revoking = self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)
        running = [Deferred.fromCoroutine(one) for one in (revoking, self.approve(bill, key))]
        _, taken = await gatherResults(running)

        assert taken.verdict in (Verdict.GOOD, Verdict.KEY_REVOKED)
        assert len(self.evidence()) == (taken.verdict is Verdict.GOOD)

    async def test_what_dies_before_the_commit_has_not_been(self) -> None:
        delays_s = dict.fromkeys(transactions._DELAYS_S, (0.0, 0.01, 0.02, 0.05))
        self.patch(transactions, "_DELAYS_S", delays_s)  # type: ignore[no-untyped-call]  # trial's
        key = await self.enrol()
        bill = await self.bill()
        read = parse(SignedApproval, key.signed(approval_of(bill.content, self.now_ms)))

        def die(txn: Cursor) -> None:
            assert self.approvals.take(txn, read, self.now_ms).outcome == "approved"
            txn.execute("SELECT pg_terminate_backend(pg_backend_pid())")

        with pytest.raises(VecheError):
            await self.transact(die)

        assert (self.handed_in(), self.evidence()) == ([], [])
        assert (await self.approve(bill, key)).outcome == "approved"

    # Which key

    async def test_a_revoked_key_approves_nothing_also_what_was_asked_before(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        signed = key.signed(approval_of(bill.content, self.now_ms))
        await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)

        assert (await self.take(signed)).verdict is Verdict.KEY_REVOKED
        assert self.handed_in() == []
        view = await self.transact(self.approvals.view, bill.asked.nonce, self.now_ms)
        assert view.keys == []

    async def test_the_key_of_somebody_else_approves_nothing(self) -> None:
        key = await self.enrol()
        for_bob = await self.bill(person=BOB)
        stranger = BrowserKey()
        bill = await self.bill()

        assert (await self.approve(for_bob, key)).verdict is Verdict.KEY_UNKNOWN
        assert (await self.approve(bill, stranger)).verdict is Verdict.KEY_UNKNOWN
        forged = {**stranger.signed(approval_of(bill.content, self.now_ms)), "key": key.id}
        assert (await self.take(forged)).verdict is Verdict.BAD_SIGNATURE

    async def test_the_nonce_of_another_question_is_another_approval(self) -> None:
        key = await self.enrol()
        mine, other = await self.bill(1_250), await self.bill(9_900, person=BOB)
        approval = approval_of(mine.content, self.now_ms) | {"nonce": other.asked.nonce}

        assert (await self.take(key.signed(approval))).verdict is Verdict.DIFFERS
        with pytest.raises(NotFoundError):
            await self.take(key.signed(approval | {"nonce": "z" * 32}))

    async def test_a_new_key_may_pay_little_and_says_when_it_may_more(self) -> None:
        key = await self.enrol(is_held=True)
        small, small_too, one_more = (
            await self.bill(1_500),
            await self.bill(500),
            await self.bill(1),
        )
        large = await self.bill(2_001)

        assert await self.held(large) == {key.id}
        assert await self.held(small) == frozenset()
        assert (await self.approve(large, key)).verdict is Verdict.KEY_HELD
        assert (await self.approve(small, key)).outcome == "approved"
        assert (await self.approve(small_too, key)).outcome == "approved"
        refused = await self.approve(one_more, key)
        assert isinstance(refused.outcome, KeyHeldError)
        assert refused.outcome.details == {"until_ms": self.now_ms + HOLD_MS}

        assert await self.held(one_more) == {key.id}
        self.wait(HOLD_MS)
        later = await self.bill(2_001)
        assert await self.held(later) == frozenset()
        assert (await self.approve(later, key)).outcome == "approved"

    async def test_a_new_key_may_always_decline(self) -> None:
        key = await self.enrol(is_held=True)
        bill = await self.bill(2_001)

        taken = await self.take(key.signed(decline_of(bill.content, self.now_ms)))
        assert taken.outcome == "declined"

    # When

    async def test_a_clock_that_is_wrong_by_more_than_five_minutes_is_refused(self) -> None:
        key = await self.enrol()
        bill = await self.bill()

        for off_min in (-10, 10):
            approval = approval_of(bill.content, self.now_ms + off_min * MINUTE_MS)
            assert (await self.take(key.signed(approval))).verdict is Verdict.CLOCK
        approval = approval_of(bill.content, self.now_ms - 4 * MINUTE_MS)
        assert (await self.take(key.signed(approval))).outcome == "approved"

    async def test_what_expired_is_over(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        self.wait(HOUR_MS)

        assert (await self.approve(bill, key)).verdict is Verdict.OVER
        view = await self.transact(self.approvals.view, bill.asked.nonce, self.now_ms)
        assert view.state is AskedState.EXPIRED

    async def test_what_was_answered_in_the_room_is_over(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        await self.reply("2", bill)

        assert (await self.approve(bill, key)).verdict is Verdict.OVER
        view = await self.transact(self.approvals.view, bill.asked.nonce, self.now_ms)
        assert view.state is AskedState.CLOSED

    async def test_a_question_that_is_on_its_way_is_approved_at_once(self) -> None:
        key = await self.enrol()
        bill = await self.bill(is_sent=False)

        assert (await self.approve(bill, key)).outcome == "approved"
        assert self.evidence() == [(bill.asked.nonce, "payment", "p256")]
        [handed] = self.handed_in()
        heard = await self.hear_page(handed)
        expected = Chosen(Ulid(bill.prompt.id), "pay", None, "page", approved_by=bill.asked.nonce)
        assert heard.outcome == expected

    async def test_without_the_bot_in_the_room_nothing_is_approved(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        self.sql("DELETE FROM runtime.room_bot")

        with pytest.raises(RefusedError):
            await self.approve(bill, key)
        assert self.evidence() == []

    # What is told of refused attempts

    async def test_the_person_is_told_once_of_what_looks_like_somebody_else(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        forged = {**BrowserKey().signed(approval_of(bill.content, self.now_ms)), "key": key.id}

        for _ in range(REFUSED_LOGGED_MAX + 2):
            await self.take(forged)

        told = [one for one in await self.bodies() if "was refused" in one]
        assert len(told) == 1
        assert "Somebody tried to approve a payment in your name" in told[0]
        refused = [line for line in await self.log_lines() if line.startswith("Refused")]
        assert refused == ["Refused: a payment. The signature is wrong."] * REFUSED_LOGGED_MAX
        assert (await self.approve(bill, key)).outcome == "approved"

    async def test_a_second_press_alarms_nobody(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        for _ in range(2):
            await self.approve(bill, key)

        assert [one for one in await self.bodies() if "refused" in one] == []
        assert (await self.log_lines())[-1].startswith("Approved")

    async def test_errors_are_said_in_a_language(self) -> None:
        key = await self.enrol(is_held=True)
        bill = await self.bill(2_001)
        read = parse(SignedApproval, key.signed(approval_of(bill.content, self.now_ms)))

        with pytest.raises(KeyHeldError) as refused:
            await self.approvals.take_now(read, "de")
        assert str(refused.value).startswith("Dieser Schlüssel ist neu. Er darf das ab 2")

    # Declining

    async def test_a_key_declines_with_evidence(self) -> None:
        key = await self.enrol()
        bill = await self.bill()

        taken = await self.take(key.signed(decline_of(bill.content, self.now_ms)))

        assert taken.outcome == "declined"
        assert self.evidence() == [(bill.asked.nonce, "decline", "p256")]
        with pytest.raises(NotApprovedError):
            await self.transact(self.approvals.authorised, bill.asked.nonce)
        [heard] = self.handed_in()
        assert (heard.choice, heard.nonce) == ("decline", bill.asked.nonce)
        assert (await self.approve(bill, key)).verdict is Verdict.OVER

    async def test_whoever_is_signed_in_declines_without_a_key(self) -> None:
        bill = await self.bill_without_key()

        await self.decline(a_session(Level.ROOM), bill)

        [heard] = self.handed_in()
        assert (heard.choice, heard.nonce, heard.trust) == ("decline", None, Trust.E2EE)
        with pytest.raises(ApprovalOverError):
            await self.decline(a_session(Level.ROOM), bill)

    async def test_only_who_is_asked_and_sure_enough_declines(self) -> None:
        bill = await self.bill_without_key()

        with pytest.raises(NotFoundError):
            await self.decline(a_session(Level.VERIFIED, BOB), bill)
        with pytest.raises(LevelTooLowError) as refused:
            await self.decline(a_session(Level.LOW), bill)
        assert refused.value.required == "room"
        assert self.handed_in() == []

    async def held(self, bill: Bill) -> frozenset[str]:
        """The keys that the page calls too new for a bill."""
        view: AskedView | None = await self.transact(
            self.approvals.view, bill.asked.nonce, self.now_ms
        )
        assert view is not None
        return view.held

    async def bill_without_key(self) -> Bill:
        await self.meet()
        return await self.bill()

    async def decline(self, session: Session, bill: Bill) -> None:
        nonce = bill.asked.nonce
        await self.transact(decline, session, nonce, self.now_ms)

    # Evidence

    async def test_evidence_is_checked_without_us(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        await self.approve(bill, key)

        exported = await self.exported(bill)

        check = documented_check()
        assert b'"minor":1250' in check(exported)
        assert exported["key"] == key.id
        for changed_file in (
            {**exported, "signed": exported["signed"][:-2] + "AA"},
            {**exported, "public_key": unpadded_base64(BrowserKey().public)},
        ):
            with pytest.raises(InvalidSignature):
                check(changed_file)

    async def test_evidence_of_a_passkey_is_checked_without_us(self) -> None:
        passkey = Passkey(URL, "veche.example.org")
        await self.enrol_passkey(passkey)
        bill = await self.bill()
        await self.approve(bill, passkey)

        exported = await self.exported(bill)

        signed = bytes_of(exported["signed"])
        parts = {name: bytes_of(part) for name, part in exported["webauthn"].items()}
        whole = parts["authenticator_data"] + hashlib.sha256(parts["client_data"]).digest()
        public_of(exported).verify(parts["signature"], whole, ec.ECDSA(hashes.SHA256()))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(signed).digest()).rstrip(b"=")
        assert b'"challenge": "' + challenge in parts["client_data"]
        rp_id_hash = hashlib.sha256(exported["rp_id"].encode()).digest()
        assert parts["authenticator_data"].startswith(rp_id_hash)

    async def exported(self, bill: Bill) -> dict[str, Any]:
        """The evidence of a bill, as a file."""

        found: dict[str, Any] = await self.transact(self.approvals.exported, bill.asked.nonce)
        return found

    async def test_evidence_is_never_changed(self) -> None:
        key = await self.enrol()
        await self.approve(await self.bill(), key)

        for statement in (
            "DELETE FROM runtime.approval",
            "UPDATE runtime.approval SET minor = 1",
            "UPDATE runtime.approval SET sealed = 'other'",
            "UPDATE runtime.approval SET sealed = NULL, signed = 'other'",
            "TRUNCATE runtime.approval",
        ):
            with pytest.raises(RaiseException):
                self.sql(statement)

    async def test_what_was_signed_is_kept_sealed_for_its_own_approval(self) -> None:
        key = await self.enrol()
        first, second = await self.bill(), await self.bill()
        await self.approve(first, key)
        await self.approve(second, key)

        kept = str(self.sql("SELECT a::text FROM runtime.approval a"))
        assert self.sql("SELECT count(*) FROM runtime.approval WHERE signed IS NULL") == [(2,)]
        assert "payee" not in kept
        assert b"payee".hex() not in kept
        self.sql("ALTER TABLE runtime.approval DISABLE TRIGGER USER")
        self.sql(
            "UPDATE runtime.approval SET sealed = (SELECT sealed FROM runtime.approval"
            " WHERE nonce = %s) WHERE nonce = %s",
            first.asked.nonce,
            second.asked.nonce,
        )
        with pytest.raises(ValueError, match="that of another approval"):
            await self.transact(self.approvals.authorised, second.asked.nonce)

    async def test_what_an_earlier_release_kept_in_clear_is_sealed_and_counts(self) -> None:
        key = await self.enrol()
        bill = await self.bill()
        await self.approve(bill, key)
        evidence = await self.transact(self.approvals.authorised, bill.asked.nonce)
        self.sql("ALTER TABLE runtime.approval DISABLE TRIGGER USER")
        self.sql("UPDATE runtime.approval SET sealed = NULL, signed = %s", evidence.signed)
        self.sql("ALTER TABLE runtime.approval ENABLE TRIGGER USER")
        assert await self.transact(self.approvals.authorised, bill.asked.nonce) == evidence
        with pytest.raises(RaiseException):
            self.sql("UPDATE runtime.approval SET sealed = 'x', signed = NULL, minor = 1")

        assert await self.transact(self.approvals.seal_evidence, 0) == 1

        assert self.sql("SELECT count(*) FROM runtime.approval WHERE signed IS NULL") == [(1,)]
        assert await self.transact(self.approvals.authorised, bill.asked.nonce) == evidence
        assert await self.transact(self.approvals.seal_evidence, 0) == 0

    async def test_what_a_key_approved_counts_until_it_is_revoked(self) -> None:
        key = await self.enrol()
        bill, declined = await self.bill(), await self.bill()
        await self.approve(bill, key)
        nonce = bill.asked.nonce
        await self.decline(a_session(Level.ROOM), declined)
        assert (await self.transact(self.approvals.authorised, nonce)).key_id == key.id
        assert await self.transact(revoked_among, [nonce]) == frozenset()

        await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)

        with pytest.raises(KeyRevokedError):
            await self.transact(self.approvals.authorised, nonce)
        assert await self.transact(revoked_among, [nonce, "x"]) == {nonce}
        assert await self.exported(bill) is not None
        for other in (declined.asked.nonce, "never", None):
            with pytest.raises(NotApprovedError):
                await self.transact(self.approvals.authorised, other)

    async def test_each_bot_hears_of_a_revoked_key_once(self) -> None:
        key = await self.enrol()
        for _ in range(2):
            await self.transact(self.approvals.revoke, ALICE, key.id, self.now_ms)

        heard = self.sql(
            "SELECT kind, payload ->> 'key' FROM runtime.errand WHERE kind LIKE 'approvals.rev%%'"
        )
        bots = self.sql("SELECT user_id FROM runtime.bot WHERE organisation IS NOT NULL")
        assert heard == [(f"approvals.revoked {bot}", key.id) for (bot,) in bots]
        assert heard

    async def test_what_was_shown_is_wiped_and_evidence_stays(self) -> None:
        key = await self.enrol()
        given, left = await self.bill(), await self.bill()
        await self.approve(given, key)
        self.wait(SHOWN_KEPT_MS + HOUR_MS)
        self.sql("UPDATE runtime.prompt SET state = 'expired' WHERE prompt_id = %s", left.prompt.id)

        assert await self.transact(store.wipe_ended, self.now_ms - SHOWN_KEPT_MS) == 1
        assert self.sql("SELECT shown FROM runtime.approval_asked WHERE shown IS NOT NULL") == []
        self.wait(ASKED_KEPT_MS)
        assert await self.transact(store.forget_asked, self.now_ms - ASKED_KEPT_MS) == 2
        assert len(self.evidence()) == 1

    # Passkeys

    async def test_a_passkey_approves_and_counts(self) -> None:
        passkey = Passkey(URL, "veche.example.org", sign_count=1)
        await self.enrol_passkey(passkey)

        passkey.sign_count = 2
        assert (await self.approve(await self.bill(), passkey)).outcome == "approved"
        for count in (2, 1, 0):
            passkey.sign_count = count
            refused = await self.approve(await self.bill(), passkey)
            assert refused.verdict is Verdict.KEY_COUNTER
        passkey.sign_count = 3
        assert (await self.approve(await self.bill(), passkey)).outcome == "approved"

    async def test_a_passkey_that_does_not_count_is_good(self) -> None:
        passkey = Passkey(URL, "veche.example.org")
        await self.enrol_passkey(passkey)

        for _ in range(2):
            assert (await self.approve(await self.bill(), passkey)).outcome == "approved"

    async def test_a_passkey_asked_elsewhere_or_unverified_approves_nothing(self) -> None:
        passkey = Passkey(URL, "veche.example.org")
        await self.enrol_passkey(passkey)
        bill = await self.bill()
        wrong: list[dict[str, Any]] = [
            {"origin": "https://veche.example.org.evil.example"},
            {"rp_id": "evil.example"},
            {"flags": 1},
            {"flags": 4},
            {"cross_origin": True},
            {"key": ec.generate_private_key(ec.SECP256R1())},
        ]

        for changes in wrong:
            other = attrs.evolve(passkey, **changes)
            signed = {**other.signed(approval_of(bill.content, self.now_ms)), "key": passkey.id}
            assert (await self.take(signed)).verdict is Verdict.BAD_SIGNATURE, changes
        assert (await self.approve(bill, passkey)).outcome == "approved"

    async def test_a_passkey_signs_as_a_passkey(self) -> None:
        passkey, key = Passkey(URL, "veche.example.org"), await self.enrol()
        await self.enrol_passkey(passkey)
        bill = await self.bill()
        approval = approval_of(bill.content, self.now_ms)

        crossed = {**passkey.signed(approval), "key": key.id}
        assert (await self.take(crossed)).verdict is Verdict.BAD_SIGNATURE
        crossed = {**key.signed(approval), "key": passkey.id}
        assert (await self.take(crossed)).verdict is Verdict.BAD_SIGNATURE

    # Asking

    async def test_a_cause_that_is_handled_twice_asks_once(self) -> None:
        await self.meet()

        first = await self.bill(cause="same")
        again = await self.bill(cause="same")

        assert again.asked == first.asked
        assert self.sql("SELECT count(*) FROM runtime.approval_asked") == [(1,)]
        assert f"{URL}/approve#" in first.body

    async def test_nonces_are_secret_of_the_process(self) -> None:
        await self.meet()
        bill = await self.bill(cause="same")
        self.sql("DELETE FROM runtime.prompt")
        self.approvals = Approvals(
            self.database, self.clock, self.log, None, RULES, key=bytes(31) + b"\1"
        )

        assert (await self.bill(cause="same")).asked.nonce != bill.asked.nonce

    async def test_who_asks_for_a_key_lets_one_say_no(self) -> None:
        await self.meet()
        bill = await self.bill()
        prompt = bill.prompt.model_copy(update={"choices": bill.prompt.choices[:1]})

        with pytest.raises(ValueError, match="decline"):
            await self.transact(self.ask_again, prompt)

    def ask_again(self, txn: Cursor, prompt: Prompt) -> None:
        sender = Sender(txn, self.log, ACCOUNT, "again", self.now_ms)
        self.approvals.ask(txn, sender, Asking(self.room(), prompt, (), "en", GROUND), CATALOGUE)

    async def test_an_operator_who_holds_nothing_lets_new_keys_approve(self) -> None:
        self.approvals = self.of_rules(Rules(HOLD_MS, frozenset(), {}, {}))
        key = await self.enrol(is_held=True)

        assert (await self.approve(await self.bill(900_000), key)).outcome == "approved"
        assert self.sql("SELECT FROM runtime.errand") == []


def documented_check() -> Callable[[dict[str, Any]], bytes]:
    """The function that docs/explanation/approvals.md shows; it knows nothing of us."""
    page = (ROOT / "docs" / "explanation" / "approvals.md").read_text(encoding="utf-8")
    [sample] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(sample, names)  # noqa: S102 -- our own page
    check: Callable[[dict[str, Any]], bytes] = names["check"]
    return check


def bytes_of(text: str) -> bytes:
    """Unpadded base64, read by others than us."""
    return base64.b64decode(text + "=" * (-len(text) % 4))


def public_of(exported: dict[str, Any]) -> ec.EllipticCurvePublicKey:
    """The key in exported evidence."""
    return ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), bytes_of(exported["public_key"])
    )
