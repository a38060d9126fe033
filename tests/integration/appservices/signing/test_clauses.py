"""An unfair clause is signed by itself: in a box of its own, by the same person and certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged
from appservices.signing.places.core.boxes import BOXES_MAX
from appservices.signing.sessions.core.records import UNFAIR_MAX, Clause, ClauseKind
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, PDF, SigningSite, two_signers
from tests.support.sign_page import FreshKey, SignPage
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import form_fields
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.words import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.calls import Answer

pytestmark = pytest.mark.postgres

PENALTY = Clause("c7", "Penalty", ClauseKind.UNFAIR, 1)
RULES = Clause("c8", "House rules", ClauseKind.OPTIONAL, 1)
ANSWERS = [{"id": "c7", "accepted": True}, {"id": "c8", "accepted": False}]


class ClauseTests(ChatSite):
    """A lease with a penalty, which Alice and Bob sign each by itself."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(ALICE, BOB)
        self.lease = self.sent(**two_signers(), clauses=(PENALTY, RULES))
        self.alice, self.bob = (self.page(self.lease, one) for one in ("p1", "p2"))

    def signed_in(self, page: SignPage, fields: Sequence[str]) -> Answer:
        """Sign in some boxes, whatever the view asks for."""
        view, key = page.view(), FreshKey()
        issued = page.certificate(key, self.keys[ALICE], clauses=ANSWERS)
        assert issued.status == 200, issued
        own, *clauses = fields
        asked = {
            **view,
            "you": {**view["you"], "field": own},
            "clauses": [{"field": one} for one in clauses],
        }
        return page.hand_in(page.revision(asked, page.document(view), key, issued.body))

    async def test_each_signs_it_and_the_file_and_the_record_say_so(self) -> None:
        view = await self.away(self.alice.view)
        assert [one["field"] for one in view["clauses"]] == ["Sig1:c7", None]
        for page, person in ((self.alice, ALICE), (self.bob, BOB)):
            signed = await self.away(page.sign, self.keys[person], clauses=ANSWERS)
            assert signed.status == 200, signed
        await self.settle()

        [(_, pdf), (_, report)] = self.files(ALICE)
        roots = self.parts.authorities.trusted
        found = judged(pdf, roots, self.host.now_ms())
        assert found.verdict is Verdict.SEALED, found.findings
        assert [(one.name, one.clause) for one in found.signers] == [
            ("Alice Adams", ""),
            ("Alice Adams", "c7"),
            ("Bob Brown", ""),
            ("Bob Brown", "c7"),
        ]
        assert "Clause c7 signed by itself by Bob Brown" in words_of(found, "en")
        record = read_evidence(report)
        assert check_evidence(record, pdf, found) == []
        assert [one.answers for one in record.clauses] == [
            {"p1": "signed", "p2": "signed"},
            {"p1": "refused", "p2": "refused"},
        ]

    async def test_a_clause_left_out_or_in_another_box_is_refused_and_nothing_is_kept(self) -> None:
        for fields, words in (
            (["Sig1"], "the clause in the box Sig1:c7 is not signed"),
            (["Sig1", "Sig2:c7"], "the clause in the box Sig1:c7 is not signed"),
            (["Sig1", "Sig1:c7", "Sig2:c7"], "only these are signed"),
            (["Sig1:c7", "Sig1"], "not in your box"),
            (["Sig2", "Sig2:c7"], "not in your box"),
        ):
            refused = await self.away(self.signed_in, self.alice, fields)
            assert (refused.status, refused.errcode) == (400, "ORG.VECHE.BAD_SIGNATURE"), fields
            assert words in refused.body["error"], refused
        assert self.rows("SELECT 1 FROM signing.revision") == []

        taken = await self.away(self.signed_in, self.alice, ["Sig1", "Sig1:c7"])
        assert taken.status == 200, taken

    async def test_who_does_not_agree_cannot_sign(self) -> None:
        no = [{"id": "c7", "accepted": False}, ANSWERS[1]]
        refused = await self.away(self.alice.sign, self.keys[ALICE], clauses=no)
        assert (refused.status, refused.errcode) == (409, "ORG.VECHE.CLAUSE_NOT_ACCEPTED")


class OrderTests(SigningSite):
    """An organisation orders a document with unfair clauses."""

    async def draft(self, parties: int, clauses: int) -> tuple[int, Any]:
        body = {
            "title": "Lease",
            "filename": "lease.pdf",
            "deadline_at_ms": self.host.now_ms() + 86_400_000,
            "parties": [
                {"party": f"p{at}", "name": f"Signer {at}", "user": f"@s{at}:veche.test"}
                for at in range(1, parties + 1)
            ],
            "clauses": [
                {"id": f"c{at}", "title": "Penalty", "kind": "unfair", "page": 1}
                for at in range(clauses)
            ],
        }
        return await self.call("POST", "/sessions", body, once=f"k{parties}-{clauses}")

    async def test_the_page_of_signatures_has_a_box_for_each_clause_of_each_signer(self) -> None:
        status, made = await self.draft(2, 2)
        assert status == 201, made
        session = made["session"]
        assert (await self.call("PUT", f"/sessions/{session}/file", pdf=PDF))[0] == 200
        assert (await self.call("POST", f"/sessions/{session}/send", {}))[0] == 200

        status, pdf = await self.call("GET", f"/sessions/{session}/file")
        assert status == 200
        assert {name for name, _ in form_fields(Document(pdf))} == {
            *("Sig1", "Sig1:c0", "Sig1:c1"),
            *("Sig2", "Sig2:c0", "Sig2:c1"),
        }

    async def test_there_is_a_bound_to_clauses_and_to_boxes(self) -> None:
        assert (await self.draft(1, UNFAIR_MAX))[0] == 201
        status, refused = await self.draft(1, UNFAIR_MAX + 1)
        assert (status, refused["field"]) == (400, "clauses")
        most = BOXES_MAX // (1 + UNFAIR_MAX)
        assert (await self.draft(most, UNFAIR_MAX))[0] == 201
        status, refused = await self.draft(most + 1, UNFAIR_MAX)
        assert (status, refused["field"]) == (400, "clauses")
