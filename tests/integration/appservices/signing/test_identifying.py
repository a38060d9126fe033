"""Persons with an account are identified in person, for one key; their certificates say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.identification.core import LASTS_MS, TRIES_MAX
from appservices.signing.papers.core.judged import judged
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, OFFICE, PDF, two_signers
from tests.support.keys import BrowserKey
from veche.documents.pki.certificates import Level
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.words import words_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from appservices.signing.evidence.core.record import Evidence
    from veche.documents.signatures.report import Report
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres


class IdentifyingTests(ChatSite):
    """Carol may identify people; Bob stands before her."""

    def digits(self) -> str:
        """As Bob's device shows them."""
        [line] = [one for one in self.all_said(BOB).splitlines() if "on this device:" in one][-1:]
        return line.rpartition(" ")[2]

    async def come(self) -> None:
        """Carol names Bob, who says with his key that he is there."""
        self.chat(CAROL, BOB)
        await self.say_all(CAROL, "identify bob")
        assert await self.approve(BOB) == "approved"

    async def identify(self, name: str = "Bob Brown") -> None:
        """All of it."""
        await self.come()
        await self.say_all(CAROL, self.digits())
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, name)
        assert await self.approve(CAROL) == "approved"

    async def both_sign(self) -> tuple[Report, Evidence, list[str]]:
        """Alice and Bob sign: the verdict, the record, and what is wrong with it."""
        session = self.sent(**two_signers())
        for party, person in (("p1", ALICE), ("p2", BOB)):
            answer = await self.away(self.page(session, party).sign, self.keys[person])
            assert answer.status == 200, answer
        await self.settle()
        *_, (_, pdf), (_, report) = self.files(CAROL)
        judgement = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert judgement.verdict is Verdict.SEALED
        record = read_evidence(report)
        return judgement, record, check_evidence(record, pdf, judgement)

    async def test_the_certificate_says_who_has_identified_whoever_signs(self) -> None:
        await self.come()
        assert "Carol Clark (@carol:veche.test)" in self.all_said(BOB)
        assert self.digits() not in self.all_said(CAROL)
        await self.say_all(CAROL, self.digits())
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "bob  brown")
        assert f"I have seen the passport of {BOB}" in self.said(CAROL)
        # Not before the registrar's own key has said so.
        assert self.rows("SELECT state FROM signing.identification") == [("shown",)]
        assert await self.approve(CAROL) == "approved"
        assert self.rows("SELECT state FROM signing.identification") == [("identified",)]
        assert f"Carol Clark ({OFFICE}) has identified you as bob brown" in self.all_said(BOB)

        report, record, problems = await self.both_sign()

        assert problems == []
        alice, bob = sorted(report.signers, key=lambda one: one.name)
        assert (alice.level, alice.registrar) == (Level.ACCOUNT, "")
        assert (bob.level, bob.account) == (Level.IN_PERSON, BOB)
        assert bob.registrar == f"Carol Clark, {CAROL}, {OFFICE}"
        assert f"identified in person by Carol Clark, {CAROL}, {OFFICE}" in words_of(report, "en")
        [seen] = record.identified
        assert (seen.party, seen.by, seen.papers) == ("p2", CAROL, "passport")
        await self._check_forged(report, record)
        await self.say_all(BOB, "identify")
        assert f"bob brown: identified by Carol Clark, {CAROL}, {OFFICE}" in self.said(BOB)

    async def _check_forged(self, report: Report, record: Evidence) -> None:
        """A record in which somebody else is identified, or by another key, does not fit."""
        pdf = self.files(CAROL)[-2][1]
        [seen] = record.identified
        forged = [
            record.model_copy(update={"identified": ()}),
            record.model_copy(update={"identified": (seen.model_copy(update={"party": "p1"}),)}),
            record.model_copy(update={"identified": (seen.model_copy(update={"about": "x"}),)}),
            record.model_copy(update={"identified": (seen.model_copy(update={"by": ALICE}),)}),
        ]
        for one in forged:
            assert check_evidence(one, pdf, report) != []

    async def test_the_digits_stand_in_one_message_alone_which_is_for_bob_alone(self) -> None:
        await self.identify()

        digits = self.digits()
        saying = [one for one in self.contents(BOB) if digits in str(one["body"])]
        assert [one.get("org.veche.personal") for one in saying] == [{"v": 1}]

    async def test_nobody_is_identified_whose_identity_has_come_in_doubt(self) -> None:
        for step in ("come", "digits", "papers", "name", "word"):
            self.pin(BOB, "hers")
            await self.come_in_doubt_at(step)

            assert "has a new identity that is not confirmed yet" in self.said(CAROL), step
            assert "Nobody was identified" in self.said(BOB), step
            seen = self.rows("SELECT 1 FROM signing.identification WHERE state = 'identified'")
            asked = self.rows("SELECT 1 FROM runtime.prompt WHERE state = 'open'")
            assert (seen, asked) == ([], []), step

    async def come_in_doubt_at(self, step: str) -> None:
        """They do all of it; before one step another identity of Bob's comes."""
        self.chat(CAROL, BOB)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "come": lambda: self.approve(BOB),
            "digits": lambda: self.say_all(CAROL, self.digits()),
            "papers": lambda: self.tap(CAROL, "passport"),
            "name": lambda: self.say_all(CAROL, "Bob Brown"),
            "word": lambda: self.approve(CAROL),
        }
        await self.say_all(CAROL, "identify bob")
        for name, do in steps.items():
            if name == step:
                self.pin(BOB, "another")
            await do()
            if name == step:
                return

    async def test_what_was_seen_before_is_taken_back_while_the_identity_is_in_doubt(self) -> None:
        self.pin(BOB, "hers")
        await self.identify()
        self.pin(BOB, "another")

        await self.tap(BOB, "identify-undo")

        assert self.rows("SELECT state FROM signing.identification") == [("revoked",)]

    def pin(self, person: UserId, master_key: str) -> None:
        """The homeserver shows an identity; the first one is pinned."""
        self.run_now(
            lambda txn: txn.execute(
                "INSERT INTO crypto.person (user_id, master_key, master_pinned)"
                " VALUES (%s, %s, 'hers') ON CONFLICT (user_id)"
                " DO UPDATE SET master_key = EXCLUDED.master_key",
                (person, master_key),
            )
        )

    async def test_another_name_or_key_is_not_what_was_seen(self) -> None:
        await self.identify("Robert Brown")
        report, record, problems = await self.both_sign()
        assert {one.level for one in report.signers} == {Level.ACCOUNT}
        assert (record.identified, problems) == ((), [])

        self.keys[BOB] = BrowserKey()
        self.keys = {BOB: self.keys[BOB]}
        self.run_now(self._enrol)
        await self.say_all(CAROL, "identify bob")
        assert await self.approve(BOB) == "approved"
        [(first,), (second,)] = self.rows(
            "SELECT key_id FROM signing.identification ORDER BY made_at_ms"
        )
        assert first != second == self.keys[BOB].id

    async def test_it_counts_no_more_once_one_of_the_two_has_taken_it_back(self) -> None:
        for person in (BOB, CAROL):
            await self.identify()
            await self.tap(person, "identify-undo")
            assert "counts no more" in self.all_said(BOB)
            assert "counts no more" in self.all_said(CAROL)
            report, record, problems = await self.both_sign()
            assert {one.level for one in report.signers} == {Level.ACCOUNT}
            assert (record.identified, problems) == ((), [])
            await self.say_all(BOB, "identify")
            assert "Nobody has identified you in person" in self.said(BOB)

    async def test_it_expires(self) -> None:
        await self.identify()
        self.rows("UPDATE signing.identification SET expires_at_ms = 1 RETURNING 1")
        report, _, problems = await self.both_sign()
        assert {one.level for one in report.signers} == {Level.ACCOUNT}
        assert problems == []

    async def test_each_is_an_act_and_a_dump_tells_neither_name_nor_document(self) -> None:
        before = self.rows("SELECT count(*) FROM runtime.act")[0][0]
        await self.identify()
        made = self.rows("SELECT a::text FROM runtime.act a")
        assert len(made) > before
        assert any('"record_write"' in str(entry) for (entry,) in made)
        kept = "".join(
            str(self.rows(f"SELECT t::text FROM {table} t"))  # noqa: S608 -- ours
            for table in ("signing.identification", "runtime.prompt", "runtime.approval")
        )
        assert "Bob Brown" not in kept
        assert "Carol Clark" not in kept
        assert "passport" not in str(self.rows("SELECT t::text FROM signing.identification t"))

    async def test_wrong_digits_end_it_after_some_tries(self) -> None:
        await self.come()
        right = self.digits()
        wrong = f"{(int(right) + 1) % 10000:04}"
        for _ in range(TRIES_MAX - 1):
            await self.say_all(CAROL, wrong)
            assert "Which four digits does their device show" in self.said(CAROL)
        await self.say_all(CAROL, wrong)
        assert "Nobody was identified" in self.said(CAROL)
        assert "Nobody was identified" in self.said(BOB)
        assert self.rows("SELECT state, tries FROM signing.identification") == [
            ("refused", TRIES_MAX)
        ]
        await self.say_all(CAROL, right)
        assert self.rows("SELECT state FROM signing.identification") == [("refused",)]

    async def test_the_digits_sign_no_document_that_waits_for_a_code(self) -> None:
        self.chat(ALICE, CAROL, BOB)
        self.run_now(
            lambda txn: txn.execute(
                "INSERT INTO crypto.person (user_id, master_key) VALUES (%s, 'key')", (CAROL,)
            )
        )
        self.send_file(ALICE, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(ALICE, "Lease of flat 12b", "carol")
        await self.tap(ALICE, "level", "s0", "send")
        await self.say_all(CAROL, "identify bob")
        assert await self.approve(BOB) == "approved"
        await self.say_all(CAROL, self.session().code)
        assert self.states() == {"Carol Clark": "invited"}
        await self.say_all(CAROL, self.digits())
        assert "Which one do they show" in self.said(CAROL)
        # Once nobody asks for digits, the code is that of the document again.
        await self.tap(CAROL, "stop")
        await self.say_all(CAROL, self.session().code)
        assert self.states() == {"Carol Clark": "signed"}

    async def test_only_whom_the_operator_has_named_may_and_nobody_themselves(self) -> None:
        self.chat(ALICE, CAROL, BOB)
        await self.say_all(ALICE, "identify bob")
        assert "Only those whom the operator of this service has named" in self.said(ALICE)
        for typed in ("carol", "me", "nobody", "veche_signing"):
            await self.say_all(CAROL, f"identify {typed}")
            assert "I find nobody called" in self.said(CAROL), typed
        assert self.rows("SELECT 1 FROM signing.identification") == []

        await self.identify_until_word()
        section = self.parts.section.model_copy(update={"registrars": []})
        self.parts = attrs.evolve(self.parts, section=section)
        assert await self.approve(CAROL) == "approved"
        assert "Only those whom the operator of this service has named" in self.said(CAROL)
        assert self.rows("SELECT state FROM signing.identification") == [("shown",)]

    async def identify_until_word(self) -> None:
        """All but the registrar's approval."""
        await self.say_all(CAROL, "identify bob")
        assert await self.approve(BOB) == "approved"
        await self.say_all(CAROL, self.digits())
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")

    async def test_who_has_no_key_or_no_chat_is_told_what_to_do(self) -> None:
        self.chat(CAROL)
        await self.say_all(CAROL, "identify dave")
        assert "Dave Dean has no encrypted chat with me yet" in self.said(CAROL)
        self.chat(DAVE)
        await self.say_all(CAROL, "identify dave")
        assert "Dave Dean has no key here yet" in self.said(CAROL)
        assert self.rows("SELECT 1 FROM signing.identification") == []

    async def test_somebody_who_is_not_there_says_no_and_others_keys_say_nothing(self) -> None:
        self.chat(CAROL, BOB)
        await self.say_all(CAROL, "identify bob")
        assert await self.approve(BOB, self.keys[ALICE]) != "approved"
        await self.say_all(BOB, "1")
        assert self.rows("SELECT state FROM signing.identification") == [("asked",)]
        await self.tap(BOB, "decline")
        assert "Nobody was identified" in self.said(CAROL)
        assert self.rows("SELECT state FROM signing.identification") == [("refused",)]

    async def test_a_newer_attempt_takes_the_place_of_an_older_one(self) -> None:
        self.chat(CAROL, BOB)
        await self.say_all(CAROL, "identify bob")
        older = self.signed(BOB)
        await self.say_all(CAROL, "identify bob")
        assert await self.hand_in(BOB, older) != "approved"
        states = "SELECT state FROM signing.identification ORDER BY made_at_ms, id"
        assert self.rows(states) == [("replaced",), ("asked",)]
        assert "It is over." in self.all_said(BOB)
        assert await self.approve(BOB) == "approved"
        assert self.rows(states) == [("replaced",), ("present",)]

    async def test_it_has_to_be_done_within_a_quarter_of_an_hour(self) -> None:
        self.chat(CAROL, BOB)
        await self.identify_until_word()
        told = self.signed(CAROL)
        self.rows(
            "UPDATE signing.identification SET made_at_ms = made_at_ms - %s RETURNING 1", LASTS_MS
        )
        assert await self.hand_in(CAROL, told) == "approved"
        assert "This is over, or took too long" in self.said(CAROL)
        assert self.rows("SELECT state FROM signing.identification") == [("shown",)]

    async def test_a_key_that_was_revoked_meanwhile_is_not_identified(self) -> None:
        self.chat(CAROL, BOB)
        await self.identify_until_word()
        key, now_ms = self.keys[BOB].id, self.host.now_ms()
        self.run_now(lambda txn: self.host.approvals.revoke(txn, BOB, key, now_ms))
        assert await self.approve(CAROL) == "approved"
        assert "This is over" in self.said(CAROL)
        assert self.rows("SELECT state FROM signing.identification") == [("shown",)]
