"""People without an account sign in person, on their own phones, before who sees their papers."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.meetings.core import LASTS_MS
from appservices.signing.papers.core.judged import judged
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    CAROL,
    DAY_MS,
    OFFICE,
    PDF,
    kept_key,
)
from tests.support.calls import Answer, request
from tests.support.keys import BrowserKey, fragment_base64, unpadded_base64
from tests.support.said import link_secrets
from tests.support.sign_page import API, SignPage
from veche.access.approvals import store
from veche.documents.pki.certificates import Level
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.words import words_of

pytestmark = pytest.mark.postgres
WHO = 'me, "Bob Brown"'


@attrs.define
class Phone:
    """The phone of a guest, which has scanned a code."""

    origin: str
    meeting: str
    token: str
    key: str
    device: BrowserKey = attrs.field(factory=BrowserKey)

    def call(self, method: str, path: str = "", body: object = None, token: str = "") -> Answer:
        headers = {"veche-meeting": token or self.token}
        url = f"{self.origin}{API}/meetings/{self.meeting}{path}"
        return request(method, url, body=body, headers=headers)

    def claim(self, device: BrowserKey | None = None, **changes: Any) -> Answer:
        one = device or self.device
        told = {"v": 1, "what": "org.veche.meeting", "meeting": self.meeting, "key": one.id}
        proof = one.proof({**told, **changes})
        body = {"public_key": unpadded_base64(one.public), **proof}
        return self.call("POST", "/claim", body)

    def page(self, claimed: Answer) -> SignPage:
        told = claimed.body
        fragment = f"s={told['session']}&p={told['party']}&t={told['token']}&k={self.key}"
        return SignPage.of(f"{self.origin}/sign#{fragment}")


class MeetingSite(ChatSite):
    """Carol has a lease signed by herself and by Bob, who has no account."""

    paper = ("lease 12b.pdf", PDF)

    async def prepare(self, who: str = WHO, *more: str) -> None:
        self.chat(CAROL, ALICE)
        name, data = self.paper
        self.send_file(CAROL, data, name)
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", who)
        await self.tap(CAROL, *more, "send")

    def phone(self) -> Phone:
        """That scans the newest code; the screen shows the same."""
        lines = [one["body"] for one in self.contents(CAROL) if "/sign#screen=" in one["body"]]
        screen = lines[-1].partition("/sign#screen=")[2].split()[0]
        meeting, _, token = screen.partition("&x=")
        session = self.session()
        key = self.page(session, "p2").key
        return Phone(self.url, meeting, token, fragment_base64(key))

    async def meet(self) -> tuple[Phone, Answer]:
        """Bob is there: his phone has scanned the code."""
        await self.tap(CAROL, "here")
        phone = self.phone()
        claimed = await self.away(phone.claim)
        assert claimed.status == 200, claimed
        return phone, claimed


class MeetingTests(MeetingSite):
    """A PDF."""

    async def test_a_guest_signs_on_their_phone_once_the_requester_has_seen_their_passport(
        self,
    ) -> None:
        await self.prepare()
        assert "Bob Brown (signs in person)" in self.all_said(CAROL)
        assert "Bob Brown has no account and signs in person" in self.all_said(CAROL)
        await self.tap(CAROL, "here")
        assert [one["msgtype"] for one in self.contents(CAROL)][-1] == "m.image"
        phone = self.phone()
        assert {phone.token, phone.key} <= link_secrets(self.dsn, b"p" * 32)
        screen = await self.away(phone.call, "GET", "/screen")
        assert screen.body["state"] == "offered"
        assert len(screen.body["modules"]) == len(screen.body["modules"][0]) >= 21

        claimed = await self.away(phone.claim)
        assert claimed.status == 200, claimed
        assert f"{claimed.body['code']}" in self.said(CAROL)
        page = phone.page(claimed)
        # They read it while they wait, and cannot sign yet.
        assert not (await self.away(page.view))["you"]["can_act"]
        early = await self.away(page.sign, phone.device)
        assert (early.status, early.body["errcode"]) == (409, "ORG.VECHE.NOT_IDENTIFIED")
        assert (await self.away(phone.call, "GET", "/screen")).body["modules"] == []

        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Robert Brown")
        assert "made for Bob Brown, not for Robert Brown" in self.all_said(CAROL)
        await self.say_all(CAROL, "bob  brown")
        assert "I have seen the passport of Bob Brown" in self.said(CAROL)
        assert claimed.body["code"] in self.said(CAROL)
        assert await self.approve(CAROL) == "approved"
        assert "Bob Brown can read and sign on their phone now" in self.all_said(CAROL)
        told = await self.away(phone.call, "GET")
        assert told.body["state"] == "identified"

        answer = await self.away(page.sign, phone.device)
        assert answer.status == 200, answer
        await self.settle()
        signed = await self.away(self.page(self.session(), "p1").sign, self.keys[CAROL])
        assert signed.status == 200, signed
        await self.settle()
        await self._check_all()

    async def _check_all(self) -> None:
        """The file, its verdict, the report and the card name who has identified whom."""
        assert self.session().state.value == "completed"
        [(_, picture), (_, pdf), (_, evidence)] = self.files(CAROL)
        assert picture.startswith(b"\x89PNG")
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED
        bob = next(one for one in report.signers if one.name == "Bob Brown")
        assert (bob.level, bob.account) == (Level.IN_PERSON, "")
        assert bob.registrar == f"Carol Clark, {CAROL}, {OFFICE}"
        assert f"identified in person by Carol Clark, {CAROL}, {OFFICE}" in words_of(report, "en")
        record = read_evidence(evidence)
        [seen] = record.identified
        assert (seen.party, seen.by, seen.papers) == ("p2", CAROL, "passport")
        assert seen.by_organisation == OFFICE
        elsewhere = seen.model_copy(update={"by_organisation": "Ministry"})
        forged = record.model_copy(update={"identified": (elsewhere,)})
        assert len(check_evidence(forged, pdf, report)) == 1
        assert check_evidence(record, pdf, report) == []
        forged = record.model_copy(update={"identified": (seen.model_copy(update={"by": ALICE}),)})
        assert len(check_evidence(forged, pdf, report)) == 2
        assert check_evidence(record.model_copy(update={"identified": ()}), pdf, report)
        assert "Bob Brown (identified in person by Carol Clark): signed" in self.all_said(CAROL)
        # Nobody looks for a chat of who has none, and their key is for this one signature.
        assert not self.rows("SELECT 1 FROM signing.chat WHERE strpos(person, 'guest') > 0")
        assert not self.rows(
            "SELECT 1 FROM runtime.device_key WHERE strpos(person, 'guest') > 0"
            " AND revoked_at_ms IS NULL"
        )
        dump = str(self.rows("SELECT m::text FROM signing.meeting m"))
        assert "Bob" not in dump
        assert "passport" not in dump

    async def test_a_code_is_for_one_phone_and_for_a_quarter_of_an_hour(self) -> None:
        await self.prepare()
        phone, claimed = await self.meet()
        again = await self.away(phone.claim)
        assert (again.status, again.body["token"]) == (200, claimed.body["token"])
        other = await self.away(phone.claim, BrowserKey())
        assert (other.status, other.body["errcode"]) == (409, "ORG.VECHE.MEETING_OVER")
        assert "Ask for a new one" in other.body["error"]
        forged = await self.away(phone.claim, BrowserKey(), meeting="another")
        assert (forged.status, forged.body["errcode"]) == (400, "ORG.VECHE.BAD_SIGNATURE")
        for wrong in ("x" * 32, "", "ü"):
            assert (await self.away(phone.call, "GET", "", None, wrong or "-")).status == 404

        # A newer code takes the place of the older one, and of who came in by it.
        await self.tap(CAROL, "here")
        newer = self.phone()
        assert newer.meeting != phone.meeting
        assert (await self.away(phone.call, "GET")).body["state"] == "replaced"
        late = attrs.evolve(newer)
        self.rows(
            "UPDATE signing.meeting SET made_at_ms = made_at_ms - %s WHERE id = %s RETURNING 1",
            LASTS_MS,
            newer.meeting,
        )
        assert (await self.away(late.claim)).body["errcode"] == "ORG.VECHE.MEETING_OVER"
        assert (await self.away(late.call, "GET", "/screen")).body["modules"] == []

    async def test_nothing_is_signed_without_the_word_of_the_registrar(self) -> None:
        await self.prepare()
        phone, claimed = await self.meet()
        await self.tap(CAROL, "stop")
        assert "Nobody signs by this code" in self.said(CAROL)
        assert (await self.away(phone.call, "GET")).body["state"] == "refused"
        refused = await self.away(phone.page(claimed).sign, phone.device)
        assert refused.body["errcode"] == "ORG.VECHE.NOT_IDENTIFIED"

        # The word of another person, or of Carol on the phone that was refused, is none.
        phone, claimed = await self.meet()
        await self.tap(CAROL, "identity_card")
        await self.say_all(CAROL, "Bob Brown")
        assert await self.approve(CAROL, self.keys[ALICE]) != "approved"
        older = self.asked_of(CAROL)
        await self.tap(CAROL, "here")
        now_ms = self.host.now_ms()
        view = self.run_now(lambda txn: self.host.approvals.view(txn, older, now_ms))
        assert view.state.value == "closed"
        assert self.session().member("p2").identified is None  # type: ignore[union-attr]

    async def test_a_key_of_the_registrar_that_was_revoked_meanwhile_identifies_nobody(
        self,
    ) -> None:
        await self.prepare()
        await self.meet()
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")
        assert self.hand_over(CAROL, self.signed(CAROL)) == "approved"
        key, now_ms = self.keys[CAROL].id, self.host.now_ms()
        self.run_now(lambda txn: self.host.approvals.revoke(txn, CAROL, key, now_ms))
        await self.hear_pages(CAROL)
        assert "The key that approved this was revoked meanwhile" in self.all_said(CAROL)
        assert self.session().member("p2").identified is None  # type: ignore[union-attr]
        # They are asked again.
        other = self.keys[CAROL] = BrowserKey()
        self.run_now(lambda txn: store.add_key(txn, kept_key(CAROL, other)))
        assert await self.approve(CAROL) == "approved"
        assert self.session().member("p2").identified is not None  # type: ignore[union-attr]

    async def test_nobody_signs_by_the_word_of_a_registrar_whose_key_is_revoked_since(self) -> None:
        await self.prepare()
        phone, claimed = await self.meet()
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")
        assert await self.approve(CAROL) == "approved"
        key, now_ms = self.keys[CAROL].id, self.host.now_ms()
        self.run_now(lambda txn: self.host.approvals.revoke(txn, CAROL, key, now_ms))

        answer = await self.away(phone.page(claimed).sign, phone.device)

        assert answer.body.get("errcode") == "ORG.VECHE.NOT_IDENTIFIED", answer

    async def test_who_holds_the_phone_can_leave_and_the_registrar_is_told(self) -> None:
        await self.prepare()
        phone, _ = await self.meet()
        assert (await self.away(phone.call, "POST", "/leave", {})).status == 200
        assert "does not want to go on" in self.said(CAROL)
        again = await self.away(phone.call, "POST", "/leave", {})
        assert again.body["errcode"] == "ORG.VECHE.MEETING_OVER"

    async def test_the_word_meet_shows_the_code_of_whoever_is_meant(self) -> None:
        await self.prepare('"Bob Brown", "Dave Dean"')
        number = self.session().id[-8:]
        await self.say_all(CAROL, "meet")
        assert "Dave Dean" in self.said(CAROL)
        await self.say_all(CAROL, f"meet {number} p1")
        assert "Let Bob Brown scan this code" in self.all_said(CAROL)
        await self.say_all(ALICE, "meet")
        assert "Nobody waits to sign in person before you" in self.said(ALICE)

    async def test_nobody_signs_before_who_may_not_identify_people(self) -> None:
        self.chat(ALICE)
        self.send_file(ALICE, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(ALICE, "Lease of flat 12b", WHO)
        assert "Bob Brown has no account and would sign in person" in self.said(ALICE)
        assert "you are none of them" in self.said(ALICE)
        assert not self.session().members

    async def test_who_may_identify_nobody_any_more_is_told_at_the_code_and_at_the_word(
        self,
    ) -> None:
        await self.prepare()
        await self.meet()
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")
        section = self.parts.section.model_copy(update={"registrars": []})
        self.parts = attrs.evolve(self.parts, section=section)
        assert await self.approve(CAROL) == "approved"
        assert "Only those whom the operator of this service has named" in self.said(CAROL)
        assert self.session().member("p2").identified is None  # type: ignore[union-attr]
        await self.tap(CAROL, "here")
        assert "Only those whom the operator of this service has named" in self.said(CAROL)

    async def test_an_organisation_names_the_clerk_who_sees_the_papers(self) -> None:
        self.chat(CAROL)
        body = {
            "title": "Lease",
            "parties": [
                {
                    "party": "p1",
                    "name": "Bob Brown",
                    "in_person": {"user": CAROL, "name": "Carol Clark"},
                }
            ],
            "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS,
        }
        status, made = await self.call("POST", "/sessions", body, once="k")
        assert status == 201, made
        again = await self.call("POST", "/sessions", body, once="k")
        assert again == (201, made)
        path = f"/sessions/{made['session']}"
        await self.call("PUT", f"{path}/file", pdf=PDF)
        status, sent = await self.call("POST", f"{path}/send", {})
        assert (status, sent["state"]) == (200, "open"), sent
        await self.settle()
        await self.tap(CAROL, "here")
        assert "Let Bob Brown scan this code" in self.all_said(CAROL)
        guest = self.session().members[0].person
        party = {"party": "p1", "name": "Bob Brown", "in_person": {"user": BOB, "name": "Bob"}}
        status, refused = await self.call(
            "POST", "/sessions", {**body, "parties": [party]}, once="n"
        )
        assert (status, refused["errcode"]) == (409, "ORG.VECHE.NOT_REGISTRAR"), refused
        for wrong in (
            {"user": guest},
            {"user": BOB, "in_person": {"user": CAROL, "name": "Carol"}},
            {"role": "clerk", "in_person": {"user": CAROL, "name": "Carol"}},
        ):
            party = {"party": "p1", "name": "Bob Brown", **wrong}
            status, refused = await self.call(
                "POST", "/sessions", {**body, "parties": [party]}, once="w"
            )
            assert status == 400, (wrong, refused)
