"""Many private documents in one gesture, with those that the service reads."""

from __future__ import annotations

import json
import re

import pytest

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.parties.service import waiting
from tests.integration.appservices.signing.blind import CANARY, PDF, TITLE, BlindSite, signers
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, two_signers
from tests.support.sign_page import FreshKey, SignList, ask_all, sign_all
from veche.documents.signatures.report import Verdict
from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres

CLAUSES = (("c1", "optional", f"{CANARY} dog"),)


class ManyTests(BlindSite):
    """Alice has several documents to sign."""

    async def test_several_are_signed_with_others_by_one_approval(self) -> None:
        lease = self.sent(**two_signers())
        links = []
        for at in range(2):
            carol = self.requester(CAROL)
            carol.title = f"{TITLE} {at}"
            told = signers(stages=[])
            parties = told.pop("parties")
            links.append(await self.away(carol.send, PDF, parties, **told))
        await self.settle()
        await self.say_all(ALICE, "sign all")
        [address] = re.findall(r"http\S+/sign#all=\S+", self.said(ALICE))
        listed = SignList.of(address)

        told = await self.away(listed.read)
        assert [one["is_together"] for one in told["private"]] == [True, True]
        assert CANARY not in json.dumps(told)
        pages = await self.away(listed.pages)
        assert [one.session for one in pages] == [lease.id]
        private = [await self.open(ALICE, link) for link in links]
        assert {one.session for one in private} == {one["session"] for one in told["private"]}
        answers = await self.away(sign_all, [*private, *pages], self.keys[ALICE])
        assert [one.status for one in answers] == [200] * 3, answers

        for link in links:
            bob = await self.open(BOB, link)
            closed = await self.away(bob.sign, self.keys[BOB])
            assert closed.status == 200, closed
        await self.settle()
        for link in links:
            one = await self.open(ALICE, link)
            pdf = await self.away(lambda one=one: one.document(one.view()))
            report = self.judged(pdf)
            assert report.verdict is Verdict.SEALED
            [record] = [
                found
                for name, file in self.files(ALICE)
                if "evidence" in name
                for found in [read_evidence(file)]
                if found.session == one.session
            ]
            assert check_evidence(record, pdf, report) == []

    async def test_one_with_clauses_is_not_signed_with_others(self) -> None:
        self.carol.clauses = CLAUSES
        link = await self.send()
        alice = await self.open(ALICE, link)

        refused = await self.away(ask_all, [alice], FreshKey())
        assert (refused.status, refused.errcode) == (409, "ORG.VECHE.CLAUSE_NOT_ACCEPTED")
        address = self.run_now(lambda txn: waiting.link_of(self.scene_of(txn), UserId(ALICE)))
        [told] = (await self.away(SignList.of(address).read))["private"]
        assert (told["session"], told["is_together"]) == (alice.session, False)

    async def test_the_list_of_private_documents_alone_has_none_of_their_keys(self) -> None:
        links = []
        for _ in range(2):
            self.carol = self.requester(CAROL)
            links.append(await self.send())
        await self.settle()
        await self.say_all(ALICE, "sign all")
        [address] = re.findall(r"http\S+/sign#all=\S+", self.said(ALICE))

        told = await self.away(SignList.of(address).read)
        assert (told["documents"], told["others"], len(told["private"])) == ([], [], 2)
        for link in links:
            key = link.partition("&k=")[2].partition("&")[0]
            assert len(key) == 43
            assert key not in json.dumps(told)
