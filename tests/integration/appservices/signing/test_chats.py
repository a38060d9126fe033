"""What people do in their chats: have documents signed, sign, decline, let others act."""

from __future__ import annotations

import hashlib
import io
import random
from typing import TYPE_CHECKING, Any, Final

import pikepdf
import pytest

from appservices.signing.cards.service.cards import SEND_FILE
from appservices.signing.drafting.service.reading import FETCH_BYTES_MAX, SLOW_BYTES
from appservices.signing.papers.core.judged import judged
from appservices.signing.sessions.service.clocks import DEADLINE, REMIND
from appservices.signing.sessions.service.ending import CLOSE, SEAL
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF
from tests.support.hostile_events import hostile_contents
from tests.support.sign_page import SignPage
from veche.contracts.signing.card import SIGN_FILE_KEY, SIGN_REQUEST_KEY, SIGN_RESULT_KEY
from veche.documents.pki.certificates import Level as CertificateLevel
from veche.documents.signatures.report import Verdict
from veche.protocol.inbound import DeviceStanding, Trust
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.messaging.jobs import Job
    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


def places(pdf: bytes) -> Mapping[str, int]:
    """On which page each field stands, from 1."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {
            str(note.T): at
            for at, page in enumerate(document.pages, 1)
            for note in page.get("/Annots", [])
            if "/T" in note
        }


TRIES: Final = 40


class ChatTests(ChatSite):
    """Whole sessions, in chats and on pages."""

    async def prepare(self, who: str, *more: str) -> None:
        """Carol has a document, says who signs, and sends it."""
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", who)
        await self.tap(CAROL, *more, "send")

    async def test_no_event_whatever_fails(self) -> None:
        self.chat(ALICE, BOB, CAROL)
        await self.prepare("Alice and Bob")
        chance = random.Random(5)  # noqa: S311 -- no secret
        rows = "SELECT p.prompt, o.event_id FROM runtime.prompt p JOIN runtime.outbox o"
        self._arrive()
        prompt, event_id = self.rows(f"{rows} USING (room_id, effect_id) ORDER BY p.seq DESC")[0]

        for number, (_, content) in enumerate(
            hostile_contents(event_id, prompt["id"], chance, TRIES)
        ):
            person = chance.choice((ALICE, CAROL))
            self.run_now(self.hear, person, content, f"$odd{number}", Trust.VERIFIED)

    async def sign(self, person: UserId) -> None:
        """A person signs on the page of their card."""
        card = self.card(person, SIGN_REQUEST_KEY)
        page = SignPage.of(card["page"])
        answer = await self.away(page.sign, self.keys[person])
        assert answer.status == 200, answer
        await self.settle()

    async def test_a_lease_from_the_file_to_the_sealed_copies(self) -> None:
        self.chat(CAROL, ALICE)
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        assert "I have it: one page." in self.all_said(CAROL)
        assert "“lease 12b”" in self.said(CAROL)
        await self.say_all(CAROL, "Lease of flat 12b")
        assert "Who signs it" in self.said(CAROL)

        # What cannot be read, or is not there, is said, and asked again.
        await self.say_all(CAROL, "alice bob")
        assert "“bob”" in self.said(CAROL)
        await self.say_all(CAROL, "alice, nobody")
        assert "nobody called nobody" in self.said(CAROL)
        await self.say_all(CAROL, "alice then town as seal")
        assert "may not order the seal of town" in self.said(CAROL)

        await self.say_all(CAROL, "alice then bob; copy to dave")
        review = self.said(CAROL)
        for words in ("1. Alice Adams", "2. Bob Brown", "Get a copy: Dave Dean", "certificate"):
            assert words in review
        await self.tap(CAROL, "delegation", "until")
        await self.say_all(CAROL, "3 weeks")
        assert "Somebody else may act for a signer: yes" in self.said(CAROL)
        await self.tap(CAROL, "send")
        assert self.session().code in self.said(CAROL)

        # Alice is asked in her chat; Bob, who has none, once it is his turn.
        card = self.card(ALICE, SIGN_REQUEST_KEY)
        assert (card["title"], card["you"], card["count"]) == ("Lease of flat 12b", "p1", 3)
        assert card["code"] == self.session().code
        assert not self.rows("SELECT 1 FROM signing.chat WHERE person = %s", BOB)
        await self.sign(ALICE)
        assert "Alice Adams has signed “Lease of flat 12b”" in self.all_said(CAROL)
        assert "prompt" not in self.card(ALICE, SIGN_REQUEST_KEY)
        assert "Alice Adams: signed" in self.all_said(BOB)
        await self.sign(BOB)

        # It is closed, judged and handed out to all, Dave too, who only gets a copy.
        assert self.session().state.value == "completed"
        for person in (CAROL, ALICE, BOB, DAVE):
            [(name, pdf), (other, evidence)] = self.files(person)
            assert other == "lease 12b-evidence.pdf"
            assert name == "lease 12b-signed.pdf"
            result = self.card(person, SIGN_RESULT_KEY)
            assert (result["state"], result["verdict"]) == ("completed", "sealed")
            assert result["in_force"]
            digest = hashlib.sha256(pdf)
            assert digest.digest() == self.session().final_sha256
            # What whoever has the file finds out is what they were told.
            assert f"SHA-256 of the signed file: {digest.hexdigest()}" in self.all_said(person)
            await self.say_all(person, "sessions " + self.session().id[-8:])
            assert digest.hexdigest() in self.said(person)
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED
        assert [one.name for one in report.signers] == ["Alice Adams", "Bob Brown"]
        assert b"evidence.json" in evidence
        assert self.rows("SELECT count(*) FROM signing.renewal") == [(1,)]

    async def test_a_box_anywhere_on_a_page_is_typed_refused_and_laid(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", "alice, bob on page 1 at 500 500")
        assert "The box of Bob Brown has no room there: page 1 is 595 points wide" in self.said(
            CAROL
        )
        await self.say_all(CAROL, "alice on page 1 at 50 500, bob on page 1 at 60 510")
        assert "The box of bob covers that of somebody else" in self.said(CAROL)
        await self.say_all(CAROL, "alice on page 1 at 1 99999")
        assert "I cannot read where the box is at “99999”" in self.said(CAROL)
        await self.say_all(CAROL, "alice on page 1 top left, bob on page 1 at 60 510 size 150 40")
        assert "Alice Adams (on page 1, top left)" in self.said(CAROL)
        assert "Bob Brown (on page 1, 60 from the left, 510 from the top, 150 by 40" in self.said(
            CAROL
        )
        assert "laid over what is printed there" in self.said(CAROL)
        await self.tap(CAROL, "send")

        await self.sign(ALICE)
        await self.sign(BOB)
        [(_, pdf), _] = self.files(CAROL)
        boxes = {name: page for name, page in places(pdf).items() if name.startswith("Sig")}
        assert boxes == {"Sig1": 1, "Sig2": 1}
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED

    async def test_whoever_asks_says_on_which_page_each_signs(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", "alice, bob on page 2")
        assert "Bob Brown cannot sign on page 2: the document has one page" in self.said(CAROL)
        await self.say_all(CAROL, "alice, bob on page 0")
        assert "“0” is no number of a page" in self.said(CAROL)
        await self.say_all(CAROL, "alice, bob on page 1 as approver")
        assert "bob signs on no page" in self.said(CAROL)
        await self.say_all(CAROL, "alice, bob on page 1 bottom right")
        assert "Alice Adams, Bob Brown (on page 1, bottom right)" in self.said(CAROL)
        assert "drawn a little smaller" in self.said(CAROL)
        await self.tap(CAROL, "send")

        await self.sign(ALICE)
        await self.sign(BOB)
        assert self.session().state.value == "completed"
        [(_, pdf), _] = self.files(CAROL)
        boxes = {name: page for name, page in places(pdf).items() if name.startswith("Sig")}
        assert boxes == {"Sig1": 2, "Sig2": 1}
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED

    async def test_declining_delegating_and_questions(self) -> None:
        self.chat(CAROL, ALICE, BOB, DAVE)
        await self.prepare("alice, bob", "delegation")

        # A question goes to the requester, and the answer back.
        await self.tap(ALICE, "ask")
        await self.say_all(ALICE, "Is heating included?")
        assert "Is heating included?" in self.said(CAROL)
        await self.say_all(CAROL, "Yes, it is.")
        assert "Yes, it is." in self.said(ALICE)

        # Alice lets Dave act, takes it back, and lets him again; he cannot pass it on.
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "bob")
        assert "take part already" in self.said(ALICE)
        await self.tap(ALICE, "delegate")
        await self.say_all(ALICE, "dave")
        assert await self.approve(ALICE) == "approved"
        assert self.states() == {
            "Alice Adams": "delegated",
            "Bob Brown": "invited",
            "Dave Dean": "invited",
        }
        assert "Dave Dean for Alice Adams" in self.all_said(DAVE)
        choices = [one for one in self.contents(DAVE) if "Let somebody else act" in one["body"]]
        assert not choices
        assert await self.approve(ALICE) == "approved"
        assert self.states() == {"Alice Adams": "viewed", "Bob Brown": "invited"}
        assert self.card(ALICE, SIGN_REQUEST_KEY)["prompt"]
        assert "acts themselves again" in self.all_said(DAVE)

        # Bob declines, which ends it: all are told why.
        await self.tap(BOB, "decline", "wrong_terms")
        await self.say_all(BOB, "The rent is wrong.")
        session = self.session()
        assert session.state.value == "declined"
        for person in (CAROL, ALICE, BOB):
            assert "The rent is wrong." in self.all_said(person)
        assert "Nobody had signed it." in self.all_said(ALICE)
        self.choose(ALICE, "sign")
        assert "This question is closed" in self.said(ALICE)
        assert "The rent is wrong." not in str(self.rows("SELECT t::text FROM signing.event t"))

    async def test_small_agreements_are_signed_by_a_reply(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        self.run_now(self.give_identity, ALICE)
        await self.prepare("alice, bob", "level", "s0")
        code = self.session().code
        [(name, pdf)] = self.files(ALICE)
        assert name == "lease 12b.pdf"
        told = self.card(ALICE, SIGN_FILE_KEY)
        assert told["document_sha256"] == encode_base64(
            hashlib.sha256(pdf[: told["bytes"]]).digest()
        )
        assert told["document_sha256"] == self.card(ALICE, SIGN_REQUEST_KEY)["document"]["sha256"]
        wrong = f"{(int(code) + 1) % 10000:04}"
        self.say(ALICE, wrong)
        assert "No document that waits for you has this code" in self.said(ALICE)
        for standing in (DeviceStanding.UNSIGNED, DeviceStanding.LATE, DeviceStanding.UNKNOWN):
            for words in (code, "2", "decline"):
                self.say(ALICE, words, standing)
                assert "Your answer came from a device" in self.said(ALICE)
        assert self.states()["Alice Adams"] == "invited"
        # Bob's identity is not known, so his reply proves nothing.
        self.say(BOB, code)
        assert self.states()["Bob Brown"] == "invited"
        self.say(ALICE, code)
        await self.settle()
        assert self.states()["Alice Adams"] == "signed"
        # The other way is open to whoever wants it.
        await self.sign(BOB)
        assert self.session().state.value == "completed"
        assert self.card(ALICE, SIGN_RESULT_KEY)["count"] == 2

    async def test_clocks_remind_and_end_it(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        await self.prepare("alice, bob", "effect")
        await self.sign(ALICE)
        number = self.session().id[-8:]
        late = self.due(DEADLINE)
        # By day three; at night two of them wait for the end of the same quiet hours.
        count = len(self.due(REMIND))
        assert count in {2, 3}
        await self.fire(REMIND)
        assert self.all_said(BOB).count("still waits for you") == count
        assert "still waits for you" not in self.all_said(ALICE)
        for _ in range(4):
            self.say(CAROL, f"remind {number}")
        assert self.all_said(BOB).count("still waits for you") == 5
        assert "Nobody is reminded" in self.said(CAROL)
        before = self.card(BOB, SIGN_REQUEST_KEY)["prompt"]
        self.say(CAROL, f"extend {number} 100 days")
        assert "There is more time" in self.all_said(BOB)
        # The question takes answers as long as there is time.
        assert self.card(BOB, SIGN_REQUEST_KEY)["prompt"] != before
        self.say(CAROL, f"extend {number} 3 days")
        assert "That is not later" in self.said(CAROL)

        # A clock of the old deadline does nothing; that of the new one ends it.
        for one in late:
            await self.do(one)
        assert self.session().state.value == "open"
        await self.fire(DEADLINE)
        assert self.session().state.value == "expired"
        assert "It stays in force between those who have signed." in self.all_said(ALICE)
        result = self.card(ALICE, SIGN_RESULT_KEY)
        assert (result["state"], result["in_force"], result["verdict"]) == (
            "expired",
            True,
            "sealed",
        )
        assert self.files(BOB)

    async def test_a_crash_at_each_step_of_closing_leaves_one_closed_file(self) -> None:
        self.chat(CAROL, ALICE)
        await self.prepare("alice")
        card = self.card(ALICE, SIGN_REQUEST_KEY)
        answer = await self.away(SignPage.of(card["page"]).sign, self.keys[ALICE])
        assert answer.status == 200, answer
        [close] = self.due(CLOSE)
        handler = self.handlers[CLOSE]

        # What cannot be closed is tried again, later and later.
        stamp = self.parts.seals.stamp
        self.parts.seals.stamp = None  # type: ignore[assignment, method-assign]
        await self.do(close)
        [close] = self.due(CLOSE)
        assert close.due_at_ms > self.host.now_ms() + 3_000
        self.parts.seals.stamp = stamp  # type: ignore[method-assign]

        # Made and lost; made and kept; and two attempts at once: one of them counts.
        await handler.perform(close)
        first, second = await handler.perform(close), await handler.perform(close)
        for result in (first, second):
            self.run_now(self.finish_only, close, result)
        assert self.rows("SELECT number, party FROM signing.revision ORDER BY number") == [
            (1, "p1"),
            (2, None),
        ]
        assert self.rows("SELECT count(*) FROM signing.event WHERE what = 'closed'") == [(1,)]
        deliver = self.due("signing.deliver")
        assert len(deliver) == 1
        await self.handlers["signing.deliver"].perform(deliver[0])
        await self.settle()
        assert len(self.files(ALICE)) == 2
        assert len(self.files(CAROL)) == 2

    async def test_who_leaves_is_asked_in_a_new_chat_and_bad_files_are_refused(self) -> None:
        self.chat(CAROL, ALICE)
        await self.prepare("alice then bob")
        self.leave(ALICE)
        self.say(CAROL, f"extend {self.session().id[-8:]} 100 days")
        await self.settle()
        assert self.room(ALICE).startswith("!made")
        assert self.card(ALICE, SIGN_REQUEST_KEY)["prompt"]
        await self.sign(ALICE)

        self.send_file(CAROL, b"GIF89a", "picture.pdf")
        await self.settle()
        assert "no PDF" in self.said(CAROL)
        self.say(CAROL, "x.pdf", msgtype="m.file", url="mxc://veche.test/clear")
        assert "not encrypted" in self.said(CAROL)
        self.say(CAROL, "x", DeviceStanding.NOT_ENCRYPTED)
        assert "without encryption" in self.said(CAROL)
        self.say(CAROL, "verify")
        self.send_file(CAROL, PDF, "anything.pdf")
        await self.settle()
        assert "Nobody has signed this file." in self.said(CAROL)
        digest = hashlib.sha256(PDF).hexdigest()
        assert f"SHA-256 of this file: {digest}" in self.said(CAROL)
        assert not self.due(SEND_FILE)
        await self.take_back(CAROL)
        assert self.session().state.value == "cancelled"
        assert self.files(ALICE)

    async def test_who_sends_a_large_file_hears_that_it_is_being_read(self) -> None:
        words = "I am reading the file."
        self.chat(ALICE)
        for size in (SLOW_BYTES - 1, True, "many", FETCH_BYTES_MAX + 1):
            self.send_file(ALICE, PDF, "lease.pdf", info={"size": size})
            assert words not in self.all_said(ALICE)

        self.send_file(ALICE, PDF, "lease.pdf", info={"size": SLOW_BYTES})
        assert words in self.said(ALICE)
        await self.settle()
        assert "What is it called?" in self.said(ALICE)

    async def test_one_document_to_many_each_in_a_session_of_their_own(self) -> None:
        self.chat(CAROL, ALICE, BOB)
        self.send_file(CAROL, PDF, "rules.pdf")
        await self.settle()
        await self.say_all(CAROL, "House rules")
        self.send_file(CAROL, b"account;flat\nalice;1\nnobody;2\n", "people.csv")
        await self.settle()
        assert "nobody called nobody" in self.said(CAROL)
        self.send_file(CAROL, b"account;flat\nalice;1\nbob;2\n", "people.csv")
        await self.settle()
        assert "each of 2 in a document of their own" in self.said(CAROL)
        await self.tap(CAROL, "who")
        await self.say_all(CAROL, "each of alice, bob, dave then me")
        assert "each of 3 in a document of their own" in self.said(CAROL)
        await self.tap(CAROL, "send")
        assert "3 documents are on their way" in self.all_said(CAROL)
        rows = self.rows("SELECT id FROM signing.session WHERE state = 'open'")
        assert len(rows) == 3
        cards = [self.card(one, SIGN_REQUEST_KEY) for one in (ALICE, BOB, DAVE)]
        assert len({one["id"] for one in cards}) == 3
        assert len({one["document"]["sha256"] for one in cards}) == 3
        assert {one["count"] for one in cards} == {2}
        # Each goes its own way.
        await self.sign(ALICE)
        await self.sign(CAROL)
        assert self.card(ALICE, SIGN_RESULT_KEY)["state"] == "completed"
        assert len(self.rows("SELECT id FROM signing.session WHERE state = 'open'")) == 2

    async def test_a_resolution_from_a_template_filled_in_the_chat(self) -> None:
        self.chat(CAROL, ALICE, BOB, DAVE)
        for _ in range(10):
            self.say(CAROL, "template lease-of-a-flat")
        self.say(CAROL, "template board-resolution")
        assert "You are preparing 10 documents already." in self.said(CAROL)
        self.say(CAROL, "cancel")
        assert "Thrown away" in self.said(CAROL)
        self.say(CAROL, "templates")
        assert "template board-resolution: Resolution of the board" in self.said(CAROL)
        await self.say_all(CAROL, "template board-resolution", "Reed Society", "7/2026")
        await self.say_all(CAROL, "A new boat", "The society buys a boat.", "1st of Nevember")
        assert "Nobody" not in self.said(CAROL)
        await self.say_all(CAROL, "1 December 2026", "send")
        assert "Chair: who is that?" in self.said(CAROL)
        await self.say_all(CAROL, "alice", "alice")
        assert "alice takes part already" in self.all_said(CAROL)
        await self.say_all(CAROL, "bob", "dave", "me")
        review = self.said(CAROL)
        assert "2 of: Alice Adams, Bob Brown, Dave Dean" in review
        assert "Get a copy: Carol Clark" in review
        await self.tap(CAROL, "send")
        assert [one.field for one in self.session().members] == ["chair", "member1", "member2", ""]
        await self.sign(BOB)
        await self.sign(ALICE)
        assert self.session().state.value == "completed"
        assert self.states()["Dave Dean"] == "excused"
        assert self.card(CAROL, SIGN_RESULT_KEY)["verdict"] == "sealed"

    async def test_an_organisation_seals_by_its_policy_and_each_time_is_an_act(self) -> None:
        self.chat(DAVE, ALICE)
        self.send_file(DAVE, PDF, "permit.pdf")
        await self.settle()
        await self.say_all(DAVE, "Permit", "alice then town as seal")
        assert "2. Town of Lindenau, seal" in self.said(DAVE)
        await self.tap(DAVE, "send")
        assert self.states() == {"Alice Adams": "invited", "Town of Lindenau": "waiting"}
        card = self.card(ALICE, SIGN_REQUEST_KEY)
        answer = await self.away(SignPage.of(card["page"]).sign, self.keys[ALICE])
        assert answer.status == 200, answer

        # Made and lost, then made again: the seal stands in the file once, and is one act.
        [seal] = self.due(SEAL)
        await self.handlers[SEAL].perform(seal)
        await self.settle()
        [(_, pdf), _] = self.files(ALICE)
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED
        assert [(one.name, one.level) for one in report.signers] == [
            ("Alice Adams", CertificateLevel.ACCOUNT),
            ("Town of Lindenau", CertificateLevel.SEAL),
        ]
        acts = [entry for (entry,) in self.rows("SELECT entry FROM runtime.act")]
        assert sum('"k":"seal"' in entry for entry in acts) == 1
        assert self.card(DAVE, SIGN_RESULT_KEY)["count"] == 2
        said = self.all_said(ALICE)
        assert "Signed by: Alice Adams\nSealed by: Town of Lindenau\n" in said
        assert "“Permit”, signed by Alice Adams, sealed by Town of Lindenau" in said
        assert "Town of Lindenau, seal: sealed" in said
        await self.look_at_ones_own(ALICE, "Permit")
        self.look_for("Permit", "permit", "700 EUR")

    async def look_at_ones_own(self, person: UserId, title: str) -> None:
        """What was done in a person's name, in the chat and as a file."""
        self.say(person, "signatures")
        assert title in self.said(person)
        assert "One certificate was issued to you." in self.said(person)
        self.say(person, "export")
        await self.settle()
        [*_, (name, data)] = self.files(person)
        assert name == "signatures.json"
        assert title.encode() in data

    def look_for(self, *words: str) -> None:
        """Nothing of it stands in the tables of signing in clear."""
        rows = self.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'signing'"
        )
        for (table,) in rows:
            dump = str(self.rows(f"SELECT t::text FROM signing.{table} t"))  # noqa: S608 -- ours
            # A certificate names whom it was issued to, wherever it is.
            names = () if table == "certificate" else ("Alice", "Adams", "Dave", "Dean")
            for canary in (*words, *names):
                assert canary not in dump, table
                assert canary.encode().hex() not in dump, table

    def finish_only(self, txn: Cursor, job: Job, result: Mapping[str, Any]) -> None:
        """The end of an attempt, whoever has done the job meanwhile."""
        self.handlers[job.kind].finish(txn, job, result, self.host.now_ms())
