"""Who has no phone writes by hand on a tablet of the office, before a witness who signs."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import attrs
import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.evidence.core.handwriting import LENGTH_MIN, POINTS_MAX, Drawing
from appservices.signing.evidence.core.record import EvidenceClause
from appservices.signing.meetings.core import LASTS_MS, TABLET_MS
from appservices.signing.meetings.service import OVER as OVER_JOB
from appservices.signing.papers.core.judged import judged
from tests.integration.appservices.signing.by_hand import NAME, OVER, HandSite
from tests.integration.appservices.signing.site import ALICE, CAROL, PDF, kept_key
from tests.support.keys import BrowserKey
from veche.access.approvals import store
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.words import words_of

if TYPE_CHECKING:
    from appservices.signing.evidence.core.record import Evidence

pytestmark = pytest.mark.postgres
CLAUSE = EvidenceClause(id="c1", title="Pets", kind="optional", page=1, answers={"p1": "accepted"})


class HandTests(HandSite):
    """One who writes, one who sees it."""

    async def test_what_is_written_by_hand_counts_once_the_registrar_has_signed_as_the_witness(
        self,
    ) -> None:
        await self.prepare()
        assert "Bob Brown (signs by hand)" in self.all_said(CAROL)
        assert "Carol Clark, witness of Bob Brown" in self.all_said(CAROL)
        assert "Bob Brown signs by hand, on a tablet of yours" in self.all_said(CAROL)
        tablet, opened = await self.sit()
        assert opened.body["code"] in self.said(CAROL)
        view = opened.body["view"]
        assert (view["you"]["role"], view["you"]["level"]) == ("signer", "S0")
        status, cipher = await self.away(tablet.blob, view["document"]["blob"])
        assert (status, hashlib.sha256(cipher).hexdigest()) == (200, view["document"]["blob"])

        written = await self.away(tablet.write)
        assert (written.status, written.body["state"]) == (200, "written")
        assert opened.body["code"] in self.said(CAROL)
        assert "Did you see them write it?" in self.said(CAROL)
        assert self.states() == {"Bob Brown": "viewed", "Carol Clark": "waiting"}
        # The tablet has done its part, and gets the document no more.
        assert (await self.away(tablet.blob, view["document"]["blob"]))[0] == 409
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Robert Brown")
        assert "made for Bob Brown, not for Robert Brown" in self.all_said(CAROL)
        await self.say_all(CAROL, "bob  brown")
        assert "that you saw Bob Brown, who showed a passport, write this" in self.all_said(CAROL)
        assert self.states() == {"Bob Brown": "written", "Carol Clark": "invited"}

        page = self.witness()
        seen = (await self.away(page.view))["you"]["written"]
        assert seen["code"] == opened.body["code"]
        assert seen["drawing"]["strokes"] == NAME
        assert (seen["record"]["name"], seen["record"]["papers"]) == ("Bob Brown", "passport")
        signed = await self.away(page.sign, self.keys[CAROL])
        assert signed.status == 200, signed
        assert self.states() == {"Bob Brown": "signed", "Carol Clark": "signed"}
        parties = {one["name"]: one for one in signed.body["parties"]}
        bob, carol = parties["Bob Brown"], parties["Carol Clark"]
        assert (bob["level"], bob["by_hand"], bob["witnessed_by"]) == ("S0", True, "Carol Clark")
        assert (carol["level"], carol["by_hand"], carol["witness_of"]) == ("S2", False, "p1")
        await self.settle()
        self._check_all()
        await self.say_all(CAROL, "signatures")
        assert "“Lease of flat 12b” of Carol Clark, signed" in self.said(CAROL)
        assert ", as the witness of Bob Brown" in self.said(CAROL)

    def _check_all(self) -> None:
        assert self.session().state.value == "completed"
        pdf, evidence = (data for _, data in self.files(CAROL)[-2:])
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert report.verdict is Verdict.SEALED
        [signer] = report.signers
        assert (signer.name, signer.account) == ("Carol Clark", CAROL)
        assert signer.hand is not None
        assert signer.hand.name == "Bob Brown"
        words = words_of(report, "en")
        assert "Bob Brown agreed by hand, without a key; witnessed with a key by Carol" in words
        assert "Signed by" not in words
        record = read_evidence(evidence)
        assert check_evidence(record, pdf, report) == []
        [hand] = record.hands
        assert (hand.party, hand.witness) == ("p1", "p2")
        bob = next(one for one in record.parties if one.party == "p1")
        assert (bob.level, bob.field, bob.certificate_sha256) == ("S0", "", None)
        for name, forged in self._forged(record):
            assert check_evidence(forged, pdf, report), name
        # What was written is kept sealed alone.
        dump = str(self.rows("SELECT m::text, p::text FROM signing.meeting m, signing.party p"))
        assert "Brown" not in dump
        assert not self.rows("SELECT 1 FROM signing.meeting WHERE sealed IS NOT NULL")

    @staticmethod
    def _forged(record: Evidence) -> list[tuple[str, Evidence]]:
        [hand] = record.hands
        other = Drawing.model_validate({"strokes": [[0, 0, 500, 250]]})
        signer = record.parties[0].model_copy(update={"level": "S2"})
        return [
            ("no handwriting", record.model_copy(update={"hands": ()})),
            ("another drawing", _with(record, hand.model_copy(update={"drawing": other}))),
            ("another party", _with(record, hand.model_copy(update={"party": "p2"}))),
            ("another witness", _with(record, hand.model_copy(update={"witness": "p1"}))),
            ("nobody", _with(record, hand.model_copy(update={"witness": "p9"}))),
            ("another level", record.model_copy(update={"parties": (signer, record.parties[1])})),
            ("no record", _with(record, hand.model_copy(update={"record": "e30"}))),
            ("an answer that nobody gave", record.model_copy(update={"clauses": (CLAUSE,)})),
        ]

    async def test_a_link_is_for_one_tablet_which_is_a_stranger_once_it_was_closed(self) -> None:
        await self.prepare()
        tablet, opened = await self.sit()
        again = await self.away(tablet.open)
        assert (again.status, again.body["code"]) == (200, opened.body["code"])
        other = attrs.evolve(tablet, secret=secrets.token_bytes(32))
        assert (await self.away(other.open)).body["errcode"] == OVER
        assert (await self.away(other.write)).body["errcode"] == OVER
        blob = opened.body["view"]["document"]["blob"]
        assert (await self.away(other.blob, blob))[0] == 409
        assert (await self.away(tablet.call, "POST", "/claim", {})).status == 400
        wrong = attrs.evolve(tablet, token="x" * 32)
        assert (await self.away(wrong.open)).status == 404
        # A newer link takes the place of the older one, and of what is read there.
        await self.tap(CAROL, "here")
        assert (await self.away(tablet.write)).body["errcode"] == OVER
        newer = self.tablet()
        assert (await self.away(newer.open)).status == 200

    async def test_a_link_is_too_old_after_a_quarter_of_an_hour(self) -> None:
        await self.prepare()
        await self.tap(CAROL, "here")
        await self._later(LASTS_MS)
        assert (await self.away(self.tablet().open)).body["errcode"] == OVER

    async def _later(self, ms: int) -> None:
        self.rows(
            "UPDATE signing.meeting SET made_at_ms = made_at_ms - %s RETURNING 1",
            ms,
        )

    async def test_bad_input_from_a_tablet_changes_nothing(self) -> None:
        await self.prepare()
        tablet, _ = await self.sit()
        long = [[at % 1000 for at in range(2 * POINTS_MAX)], [0, 0, 9, 9]]
        wrongs: tuple[dict[str, object], ...] = (
            {"drawing": {"strokes": []}},
            {"drawing": {"strokes": [[10, 10]]}},
            {"drawing": {"strokes": [[0, 0, LENGTH_MIN - 1, 0]]}},
            {"drawing": {"strokes": [[0, 0, 300]]}},
            {"drawing": {"strokes": [[0, 0, 300, 301]]}},
            {"drawing": {"strokes": [[0, 0, 1001, 300]]}},
            {"drawing": {"strokes": [[-1, 0, 300, 300]]}},
            {"drawing": {"strokes": [[0.5, 0, 300, 300]]}},
            {"drawing": {"strokes": long}},
            {"drawing": {"strokes": [[0, 0, 3, 3]] * 101}},
            {"drawing": {"strokes": "<svg/>"}},
            {"drawing": None},
            {"agrees": False},
            {"read": "elsewhere"},
            {"name": "Robert Brown"},
            {"name": ""},
            {"name": "x" * 201},
        )
        for wrong in wrongs:
            answer = await self.away(lambda wrong=wrong: tablet.write(**wrong))
            assert answer.status == 400, (wrong, answer)
        answer = await self.away(lambda: tablet.write(clauses=[{"id": "c1", "accepted": True}]))
        assert answer.body["errcode"] == "ORG.VECHE.CLAUSE_NOT_ACCEPTED"
        assert self.states() == {"Bob Brown": "viewed", "Carol Clark": "waiting"}
        assert (await self.away(tablet.write)).status == 200
        other = [[0, 0, 900, 290]]
        again = await self.away(lambda: tablet.write(drawing={"strokes": other}))
        assert again.body["errcode"] == OVER
        refusal = {"reason_code": "wrong_terms", "reason": ""}
        refused = await self.away(tablet.call, "POST", "/refusal", refusal)
        assert refused.body["errcode"] == OVER

    async def test_what_is_handed_in_once_more_is_asked_about_once_and_never_too_late(self) -> None:
        await self.prepare()
        tablet, _ = await self.sit()
        first = await self.away(tablet.write)
        # The answer was lost on the way.
        again = await self.away(tablet.write)
        assert (first.status, again.status, again.body["state"]) == (200, 200, "written")
        assert self.all_said(CAROL).count("Did you see them write it?") == 1
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")
        assert (await self.away(tablet.write)).status == 200
        assert self.states() == {"Bob Brown": "written", "Carol Clark": "invited"}
        self.rows("UPDATE signing.meeting SET made_at_ms = made_at_ms - %s RETURNING 1", TABLET_MS)
        assert (await self.away(tablet.write)).body["errcode"] == OVER

    async def test_nothing_counts_if_the_registrar_stops_or_the_time_runs_out(self) -> None:
        await self.prepare()
        tablet, _ = await self.sit()
        await self.away(tablet.write)
        await self.tap(CAROL, "stop")
        assert "Nobody signs by this code" in self.said(CAROL)
        assert self.states() == {"Bob Brown": "viewed", "Carol Clark": "waiting"}
        assert (await self.away(tablet.call, "GET")).body["state"] == "refused"

        # The papers were seen; then the registrar stops, and afterwards the time runs out.
        await self.written()
        assert self.states() == {"Bob Brown": "written", "Carol Clark": "invited"}
        await self.tap(CAROL, "stop")
        assert self.states() == {"Bob Brown": "viewed", "Carol Clark": "waiting"}
        refused = await self.away(self.witness().sign, self.keys[CAROL])
        assert refused.body["errcode"] == "ORG.VECHE.NOT_YOUR_TURN"

        await self.written()
        self.expire()
        late = await self.away(self.witness().sign, self.keys[CAROL])
        assert late.body["errcode"] == "ORG.VECHE.NOT_WRITTEN"
        await self.fire(OVER_JOB)
        assert self.states() == {"Bob Brown": "viewed", "Carol Clark": "waiting"}
        assert "The time is over" in self.said(CAROL)
        assert not self.rows("SELECT 1 FROM signing.meeting WHERE sealed IS NOT NULL")
        assert not self.rows("SELECT 1 FROM signing.signature")

        await self.written()
        signed = await self.away(self.witness().sign, self.keys[CAROL])
        assert signed.status == 200, signed
        assert self.states() == {"Bob Brown": "signed", "Carol Clark": "signed"}

    async def test_an_approval_of_what_was_withdrawn_is_none_of_what_was_written_later(
        self,
    ) -> None:
        await self.prepare()
        await self.written()
        page = self.witness()
        begun = await self.away(self.begun, page)
        await self.tap(CAROL, "stop")
        await self.written(drawing={"strokes": [[0, 0, 900, 290]]})
        answer = await self.away(page.hand_in, begun)
        assert answer.status == 409, answer
        assert answer.body["errcode"] == "ORG.VECHE.NOT_WRITTEN"
        assert self.states() == {"Bob Brown": "written", "Carol Clark": "invited"}

    async def test_who_declines_on_the_tablet_declines_once_the_registrar_confirms_it(
        self,
    ) -> None:
        await self.prepare()
        tablet, _ = await self.sit()
        body = {"reason_code": "wrong_terms", "reason": "The rent is wrong"}
        for wrong in ({"reason_code": "none"}, {"reason_code": "other", "reason": "x" * 1001}):
            assert (await self.away(tablet.call, "POST", "/refusal", wrong)).status == 400
        said = await self.away(tablet.call, "POST", "/refusal", body)
        assert (said.status, said.body["state"]) == (200, "written")
        assert "Bob Brown is with me and declines to sign" in self.said(CAROL)
        assert self.states()["Bob Brown"] == "viewed"
        await self.tap(CAROL, "decline")
        assert self.session().state.value == "open"

        tablet, _ = await self.sit()
        await self.away(tablet.call, "POST", "/refusal", body)
        assert await self.approve(CAROL, self.keys[ALICE]) != "approved"
        assert await self.approve(CAROL) == "approved"
        assert self.states()["Bob Brown"] == "declined"
        assert self.session().state.value == "declined"
        assert "The rent is wrong" in self.all_said(CAROL)

    async def test_who_may_witness_no_more_is_told_at_each_step(self) -> None:
        await self.prepare()
        await self.written()
        registrars = list(self.parts.section.registrars)
        self.parts.section.registrars.clear()
        refused = await self.away(self.witness().sign, self.keys[CAROL])
        assert refused.body["errcode"] == "ORG.VECHE.NOT_REGISTRAR"
        self.parts.section.registrars.extend(registrars)
        await self.tap(CAROL, "stop")
        tablet, _ = await self.sit()
        await self.away(tablet.write)
        self.parts.section.registrars.clear()
        await self.tap(CAROL, "passport")
        await self.say_all(CAROL, "Bob Brown")
        assert "Only those whom the operator of this service has named" in self.said(CAROL)
        assert self.states() == {"Bob Brown": "viewed", "Carol Clark": "waiting"}

    async def test_a_key_that_was_revoked_after_it_approved_makes_nothing_count(self) -> None:
        await self.prepare()
        await self.written()
        page, lost = self.witness(), self.keys[CAROL]
        revision = await self.away(self.begun, page)
        self._revoke(lost)
        refused = await self.away(page.hand_in, revision)
        assert refused.errcode == "ORG.VECHE.KEY_REVOKED", refused
        assert refused.body["error"] == "This key was revoked. Please use another one."
        assert (await self.away(page.sign, lost)).errcode == "ORG.VECHE.KEY_REVOKED"
        assert self.states() == {"Bob Brown": "written", "Carol Clark": "invited"}
        assert not self.rows("SELECT 1 FROM signing.signature")
        assert not self.rows("SELECT 1 FROM signing.revision")

        # What Bob wrote is there: Carol signs with another key in time, and it is as good.
        self._give_key()
        signed = await self.away(page.sign, self.keys[CAROL])
        assert signed.status == 200, signed
        await self.settle()
        self._check_all()

    async def test_a_key_that_was_revoked_confirms_no_refusal(self) -> None:
        await self.prepare()
        tablet, _ = await self.sit()
        body = {"reason_code": "wrong_terms", "reason": "The rent is wrong"}
        await self.away(tablet.call, "POST", "/refusal", body)
        assert self.hand_over(CAROL, self.signed(CAROL)) == "approved"
        self._revoke(self.keys[CAROL])
        await self.hear_pages(CAROL)
        assert "The key that approved this was revoked meanwhile" in self.all_said(CAROL)
        assert self.states() == {"Bob Brown": "viewed", "Carol Clark": "waiting"}
        # They are asked again.
        self._give_key()
        assert await self.approve(CAROL) == "approved"
        assert self.states()["Bob Brown"] == "declined"

    def _give_key(self) -> None:
        key = self.keys[CAROL] = BrowserKey()
        self.run_now(lambda txn: store.add_key(txn, kept_key(CAROL, key)))

    def _revoke(self, key: BrowserKey) -> None:
        now_ms = self.host.now_ms()
        self.run_now(lambda txn: self.host.approvals.revoke(txn, CAROL, key.id, now_ms))

    async def test_a_session_that_ends_meanwhile_takes_nothing_that_was_written(self) -> None:
        await self.prepare()
        tablet, _ = await self.sit()
        await self.take_back(CAROL)
        assert self.session().state.value == "cancelled"
        late = await self.away(tablet.write)
        assert late.body["errcode"] == "ORG.VECHE.SESSION_NOT_OPEN"

    async def test_the_witness_passes_it_on_to_nobody_and_has_no_part_of_their_own(self) -> None:
        self.chat(CAROL, ALICE)
        self.send_file(CAROL, PDF, "lease 12b.pdf")
        await self.settle()
        await self.say_all(CAROL, "Lease of flat 12b", 'me, "Bob Brown" by hand')
        assert "These cannot sign together" in self.said(CAROL)
        assert "name another registrar as the witness" in self.said(CAROL)
        wrong = '"Bob Brown" by hand, alice as witness of "Bob Brown"'
        await self.say_all(CAROL, wrong)
        assert "Only those whom the operator" in self.said(CAROL)
        await self.say_all(CAROL, 'alice, "Bob Brown" by hand')
        await self.tap(CAROL, "send")
        assert self.states() == {
            "Alice Adams": "invited",
            "Bob Brown": "invited",
            "Carol Clark": "waiting",
        }
        await self.written()
        await self.away(self.page(self.session(), "p1").sign, self.keys[ALICE])
        assert self.session().state.value == "open"
        signed = await self.away(self.witness().sign, self.keys[CAROL])
        assert signed.status == 200, signed
        await self.settle()
        assert self.session().state.value == "completed"

    async def test_two_write_before_one_registrar(self) -> None:
        await self.prepare('"Bob Brown" by hand, "Ann Brown" by hand')
        names = [(one.name, one.party.role.value) for one in self.session().members]
        assert names[2:] == [("Carol Clark", "witness"), ("Carol Clark", "witness")]
        for party, name in (("p1", "Bob Brown"), ("p2", "Ann Brown")):
            number = self.session().id[-8:]
            await self.say_all(CAROL, f"meet {number} {party}")
            tablet = self.tablet()
            assert (await self.away(tablet.open)).status == 200
            answer = await self.away(lambda name=name, tablet=tablet: tablet.write(name=name))
            assert answer.status == 200, answer
            await self.tap(CAROL, "passport")
            await self.say_all(CAROL, name)
            one = next(each for each in self.session().members if each.party.of == party)
            signed = await self.away(self.page(self.session(), one.id).sign, self.keys[CAROL])
            assert signed.status == 200, signed
        await self.settle()
        assert self.session().state.value == "completed"
        pdf, evidence = (data for _, data in self.files(CAROL)[-2:])
        report = judged(pdf, self.parts.authorities.trusted, self.host.now_ms())
        assert [one.hand and one.hand.name for one in report.signers] == ["Bob Brown", "Ann Brown"]
        assert check_evidence(read_evidence(evidence), pdf, report) == []

    async def test_an_organisation_lets_somebody_sign_by_hand_before_its_clerk(self) -> None:
        self.chat(CAROL)
        body, path = await self.by_town()
        _, sent = await self.call("GET", f"{path}/state")
        assert [one["witness_of"] for one in sent["parties"]] == [None, "p1"]
        await self.written()
        signed = await self.away(self.witness().sign, self.keys[CAROL])
        assert signed.status == 200, signed
        await self.settle()
        status, told = await self.call("GET", f"{path}/state")
        assert status == 200, told
        bob = told["parties"][0]
        assert (bob["level"], bob["witnessed_by"]) == ("S0", "Carol Clark")
        for wrong, errcode in (
            ({"in_person": None, "user": CAROL}, "ORG.VECHE.MALFORMED"),
            ({"role": "approver"}, "ORG.VECHE.NOT_BY_HAND"),
            ({"level": "S2"}, "ORG.VECHE.NOT_BY_HAND"),
        ):
            other = {**body, "parties": [{**body["parties"][0], **wrong}]}
            status, refused = await self.call("POST", "/sessions", other, once=next(iter(wrong)))
            assert (status, refused["errcode"]) == (400, errcode), refused


def _with(record: Evidence, hand: object) -> Evidence:
    return record.model_copy(update={"hands": (hand,)})
