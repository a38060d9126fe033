"""Files that are no PDF: from the chat to the container, and what is refused of it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Any

import pikepdf
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.evidence.core.checks import check_evidence, read_evidence
from appservices.signing.papers.core.judged import judged_file
from appservices.signing.parties.service.waiting import is_plain
from tests.integration.appservices.signing.chats import DAVE, ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF, SigningSite
from tests.support import other_programs as programs
from tests.support.containers import check_by_openssl, docx
from tests.support.elsewhere import packed_page
from tests.support.programs import program
from tests.support.sign_page import FreshKey, SignPage
from veche.contracts.signing.card import SIGN_REQUEST_KEY
from veche.documents.asic.archive import HiddenError, new_entry
from veche.documents.signatures.report import Verdict

if TYPE_CHECKING:
    from veche.documents.signatures.report import Report
    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres

MIME = "application/vnd.etsi.asic-e+zip"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "Bob pays 100 EUR a month.\n" * 40


class AnyFileSite(ChatSite):
    """Carol has files signed by Alice, Bob and Dave."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(CAROL, ALICE, BOB, DAVE)

    async def asked(self, data: bytes, name: str, who: str) -> None:
        """Carol sends a file and says who signs it."""
        self.send_file(CAROL, data, name)
        await self.settle()
        await self.say_all(CAROL, "Lease", who)
        await self.tap(CAROL, "send")

    def page_of(self, person: UserId) -> SignPage:
        """The page that a person's card leads to."""
        return SignPage.of(self.card(person, SIGN_REQUEST_KEY)["page"])

    async def sign(self, person: UserId) -> Any:
        """A person signs on their page; the answer."""
        return await self.away(self.page_of(person).sign, self.keys[person])

    def verdict(self, data: bytes) -> Report:
        """The strict verdict on a file."""
        return judged_file(data, self.parts.authorities.trusted, self.host.now_ms())


class SignedTests(AnyFileSite):
    """What works."""

    async def test_two_sign_a_letter_in_a_container_and_all_get_it(self) -> None:
        file = docx()
        self.send_file(CAROL, file, "Lease: flat 12b?.docx")
        await self.settle()
        assert "Lease- flat 12b-.docx" in self.all_said(CAROL)
        assert "on page 3" not in self.all_said(CAROL)
        await self.say_all(CAROL, "Lease", "alice on page 1")
        assert "this file has no pages to sign on" in self.said(CAROL)
        await self.say_all(CAROL, "alice, bob; copy to dave")
        await self.tap(CAROL, "send")

        card = self.card(ALICE, SIGN_REQUEST_KEY)
        digest = hashlib.sha256(file).digest()
        assert card["document"]["mimetype"] == DOCX
        assert (card["document"]["bytes"], card["document"]["pages"]) == (len(file), 0)
        told = self.all_said(ALICE)
        for words in ("File: Lease- flat 12b-.docx", f"Type: {DOCX}", f"Size: {len(file)} bytes"):
            assert words in told
        assert f"Code: {card['code']}" in told
        assert not any(is_plain(self.session(), one) for one in self.session().members)
        view = await self.away(self.page_of(ALICE).view)
        assert (view["document"]["name"], view["document"]["kind"]) == (
            "Lease- flat 12b-.docx",
            DOCX,
        )
        assert await self.away(self.page_of(ALICE).document, view) == file
        for person in (ALICE, BOB):
            signed = await self.sign(person)
            assert signed.status == 200, signed
        await self.settle()

        for person in (CAROL, ALICE, BOB, DAVE):
            [(name, container), (report_name, report)] = self.files(person)
            assert (name, report_name) == (
                "Lease- flat 12b--signed.asice",
                "Lease- flat 12b--evidence.pdf",
            )
        [sent] = [one for one in self.contents(CAROL) if one.get("filename") == name]
        assert sent["info"]["mimetype"] == MIME
        found = self.verdict(container)
        assert found.verdict is Verdict.SEALED, found.findings
        assert [(one.field, one.name, one.account) for one in found.signers] == [
            ("signature001", "Alice Adams", ALICE),
            ("signature002", "Bob Brown", BOB),
        ]
        assert found.document_sha256 == digest
        with zipfile.ZipFile(io.BytesIO(container)) as archive:
            assert archive.testzip() is None
            assert archive.read("Lease- flat 12b-.docx") == file
        record = read_evidence(report)
        assert check_evidence(record, container, found) == []
        assert (record.document.filename, record.document.kind) == ("Lease- flat 12b-.docx", DOCX)
        assert [one.field for one in record.parties] == ["signature001", "signature002", ""]

    async def test_two_of_three_sign_a_text_and_each_signature_is_checked_by_others(self) -> None:
        await self.asked(TEXT.encode(), "lease.txt", "2 of alice, bob, dave")
        assert (await self.sign(ALICE)).status == 200
        assert (await self.sign(BOB)).status == 200
        await self.settle()
        assert self.states()["Dave Dean"] == "excused"
        [(name, container), _] = self.files(CAROL)
        assert name == "lease-signed.asice"
        assert self.verdict(container).verdict is Verdict.SEALED
        openssl = program("openssl")
        (self.folder / "root.pem").write_bytes(
            self.parts.authorities.root.public_bytes(Encoding.PEM)
        )
        for number in (1, 2):
            told = await self.away(check_by_openssl, openssl, self.folder, container, number)
            assert told == b""

    async def test_two_who_sign_at_once_both_count(self) -> None:
        await self.asked(TEXT.encode(), "lease.txt", "alice, bob")
        view, keys, made = await self.away(self.page_of(ALICE).view), {}, {}
        for person in (ALICE, BOB):
            page, keys[person] = self.page_of(person), FreshKey()
            issued = await self.away(page.certificate, keys[person], self.keys[person])
            file = await self.away(page.document, view)
            made[person] = issued.body
            revision = await self.away(page.revision, view, file, keys[person], issued.body)
            answer = await self.away(page.hand_in, revision)
        assert (answer.status, answer.body["errcode"]) == (409, "ORG.VECHE.STALE_REVISION")
        page = self.page_of(BOB)
        view = await self.away(page.view)
        file = await self.away(page.document, view)
        revision = await self.away(page.revision, view, file, keys[BOB], made[BOB])
        assert (await self.away(page.hand_in, revision)).status == 200
        await self.settle()
        [(_, container), _] = self.files(CAROL)
        assert [one.name for one in self.verdict(container).signers] == ["Alice Adams", "Bob Brown"]

    async def test_a_reply_with_the_code_signs_a_picture_and_no_container_is_made(self) -> None:
        picture = b"\x89PNG\r\n\x1a\n" + bytes(60)
        self.send_file(CAROL, picture, "photo.png")
        await self.settle()
        await self.say_all(CAROL, "Photo", "alice")
        self.run_now(self.give_identity, ALICE)
        await self.tap(CAROL, "level", "s0", "send")
        self.say(ALICE, self.session().code)
        await self.settle()
        files = self.files(CAROL)
        assert files[0] == ("photo.png", picture)
        assert files[1][0] == "photo-evidence.pdf"
        [sent] = [one for one in self.contents(CAROL) if one.get("filename") == "photo.png"]
        assert sent["info"]["mimetype"] == "image/png"

    async def test_a_seal_an_approver_and_a_witness_take_part_and_one_declines(self) -> None:
        who = "alice then bob as witness of alice"
        await self.asked(docx(), "minutes.docx", who)
        assert (await self.sign(ALICE)).status == 200
        await self.settle()
        declined = await self.away(
            self.page_of(BOB).decline, self.keys[BOB], "wrong_terms", "too much"
        )
        assert declined.status == 200, declined
        await self.settle()
        [(name, container), (_, report)] = self.files(CAROL)
        found = self.verdict(container)
        assert (name, found.verdict) == ("minutes-signed.asice", Verdict.SEALED)
        assert [one.name for one in found.signers] == ["Alice Adams"]
        record = read_evidence(report)
        assert (record.state, check_evidence(record, container, found)) == ("declined", [])

    async def test_the_seal_of_an_organisation_is_put_into_the_container(self) -> None:
        self.send_file(DAVE, docx(), "order.docx")
        await self.settle()
        await self.say_all(DAVE, "Order", "alice then town as seal")
        await self.tap(DAVE, "send")
        assert (await self.sign(ALICE)).status == 200
        await self.settle()
        [(_, container), (_, report)] = self.files(DAVE)
        found = self.verdict(container)
        assert found.verdict is Verdict.SEALED, found.findings
        assert [one.name for one in found.signers] == ["Alice Adams", "Town of Lindenau"]
        assert check_evidence(read_evidence(report), container, found) == []

    async def test_each_of_many_gets_a_container_of_their_own(self) -> None:
        file = docx()
        await self.asked(file, "terms.docx", "each of alice, bob")
        for person in (ALICE, BOB):
            assert (await self.sign(person)).status == 200
        await self.settle()
        for person, name in ((ALICE, "Alice Adams"), (BOB, "Bob Brown")):
            [(_, container), _] = self.files(person)
            found = self.verdict(container)
            assert found.verdict is Verdict.SEALED
            assert [one.name for one in found.signers] == [name]

    async def test_who_asks_for_the_file_gets_the_file_and_not_the_container(self) -> None:
        file = docx()
        await self.asked(file, "lease.docx", "alice, bob")
        assert (await self.sign(ALICE)).status == 200
        await self.settle()
        await self.tap(BOB, "file")
        assert self.files(BOB) == [("lease.docx", file)]


class RefusedTests(AnyFileSite):
    """What is refused, with nothing kept."""

    async def test_files_that_cannot_be_signed_are_refused_with_what_helps(self) -> None:
        cases = (
            (b"", "nothing.docx", "This file is empty"),
            (b"no pdf", "contract.pdf", "This file is no PDF"),
        )
        for data, name, words in cases:
            self.send_file(CAROL, data, name)
            await self.settle()
            assert words in self.said(CAROL), name
        assert self.rows("SELECT 1 FROM signing.session") == []

    async def test_a_container_is_not_put_into_another_and_can_be_verified(self) -> None:
        await self.asked(TEXT.encode(), "lease.txt", "alice")
        assert (await self.sign(ALICE)).status == 200
        await self.settle()
        container = self.files(CAROL)[0][1]
        self.send_file(CAROL, container, "lease.asice")
        await self.settle()
        assert "container with signatures already" in self.said(CAROL)
        self.send_file(CAROL, container, "verify", filename="lease.asice")
        await self.settle()
        assert "Alice Adams" in self.said(CAROL)
        assert "lease.txt" in self.said(CAROL)
        locked, plain = io.BytesIO(), pikepdf.open(io.BytesIO(PDF))
        plain.save(locked, encryption=pikepdf.Encryption(user="secret", owner="secret"))
        for data, words in (
            (b"", "This file is empty."),
            (b"\x89PNG\r\n\x1a\n", "neither a PDF nor a container with signatures"),
            (locked.getvalue(), "it is locked by a password: ask for a copy without one"),
            (b"PK before" + container, "other bytes"),
            (packed_page(), "Nobody has signed this file."),
            (programs.APART["p7s"](), "it is a signature of another kind"),
            (programs.CONTAINERS["descriptors"](), "another program made this container"),
            (programs.ADDED_TO["another page"](), "added to the file after signing."),
        ):
            self.send_file(CAROL, data, "verify", filename="x.pdf")
            await self.settle()
            assert words in self.said(CAROL), self.said(CAROL)

    async def _revision(self, page: SignPage, person: UserId) -> tuple[Any, Any, bytes]:
        view, key = await self.away(page.view), FreshKey()
        issued = await self.away(page.certificate, key, self.keys[person])
        assert issued.status == 200, issued
        file = await self.away(page.document, view)
        return view, (key, issued.body), file

    async def _refused(self, page: SignPage, revision: Any, words: str) -> None:
        answer = await self.away(page.hand_in, revision)
        assert answer.status == 400, answer
        assert answer.body["errcode"] == "ORG.VECHE.BAD_SIGNATURE"
        assert words in answer.body["error"], answer.body
        assert self.session().revision == 0

    async def test_anything_but_one_signature_over_this_very_file_is_refused(self) -> None:
        file = docx()
        await self.asked(file, "lease.docx", "alice, bob")
        page = self.page_of(ALICE)
        view, made, _ = await self._revision(page, ALICE)
        honest = await self.away(page.revision, view, file, *made)
        added = page.increment_in(honest)
        other = docx("Lease of flat 13")
        changed = file[:-1] + bytes([file[-1] ^ 1])
        extra = bytes(new_entry("evil.txt", b"Pay 900", is_packed=False).record)
        renamed = {**view, "document": {**view["document"], "name": "other.docx"}}
        retyped = {**view, "document": {**view["document"], "kind": "text/plain"}}

        for told, data in ((view, other), (view, changed), (renamed, file), (retyped, file)):
            false = await self.away(page.revision, told, data, *made)
            false["previous_sha256"] = honest["previous_sha256"]
            # A container does not say the type of a file; the manifest does.
            words = "over the file" if told is retyped else "digest or size"
            await self._refused(page, false, words)
            # Also if what is told is what the file of the session would be with it.
            foreign = page.increment_in(false)
            whole = page.grown(view, file, [foreign])
            await self._refused(page, page.told(view, file, whole, foreign), "over the file")
        for more in (added + extra, extra + added):
            whole = page.grown(view, file, [added])
            await self._refused(page, page.told(view, file, whole, more), "form that is taken")
        bomb = bytes(new_entry("META-INF/signature001.p7s", bytes(10_000_000)).record)
        assert len(bomb) < 20_000
        for broken in (
            bomb,
            added + bomb,
            added + added[:1],
            added[:-1],
            extra,
            b"\0",
            added[: len(added) // 2],
        ):
            await self._refused(page, page.told(view, file, added, broken), "")
        assert (await self.away(page.hand_in, honest)).status == 200
        again = await self.away(page.hand_in, honest)
        assert (again.status, again.body["errcode"]) == (409, "ORG.VECHE.ALREADY_SIGNED")

    async def test_nothing_takes_the_place_of_what_is_there(self) -> None:
        file = docx()
        await self.asked(file, "lease.docx", "alice, bob")
        page = self.page_of(ALICE)
        view, made, _ = await self._revision(page, ALICE)
        honest = await self.away(page.revision, view, file, *made)
        swapped = bytes(new_entry("lease.docx", b"Pay 900", is_packed=False).record)
        for added in (swapped + page.increment_in(honest), page.increment_in(honest) + swapped):
            with pytest.raises(HiddenError):
                page.grown(view, file, [added])
            await self._refused(page, page.told(view, file, b"", added), "form that is taken")

    async def test_a_second_signature_of_the_same_person_in_one_is_refused(self) -> None:
        file = docx()
        await self.asked(file, "lease.docx", "alice, bob")
        page = self.page_of(ALICE)
        view, made, _ = await self._revision(page, ALICE)
        first = await self.away(page.revision, view, file, *made)
        once = page.grown(view, file, [page.increment_in(first)])
        more = {**view, "revisions": [first]}
        second = await self.away(page.revision, more, once, *made)
        both = page.increment_in(first) + page.increment_in(second)
        whole = page.grown(view, file, [both])
        await self._refused(page, page.told(view, file, whole, both), "just one signature")


class OrganisationTests(SigningSite):
    """An organisation has files signed over HTTP."""

    async def _drafted(self, **more: Any) -> str:
        body = {
            "title": "Order",
            "filename": "order?.docx",
            "deadline_at_ms": self.host.now_ms() + 86_400_000,
            "parties": [{"party": "p1", "name": "Alice Adams", "user": ALICE}],
            **more,
        }
        status, made = await self.call("POST", "/sessions", body, once=str(len(more)))
        assert status == 201, made
        return f"/sessions/{made['session']}"

    async def test_an_organisation_has_a_file_signed_as_it_is(self) -> None:
        path, file = await self._drafted(), docx()
        status, put = await self.call("PUT", f"{path}/file/any", pdf=file)
        assert (status, put["name"], put["kind"], put["pages"]) == (200, "order-.docx", DOCX, 0)
        # Another one, of another kind, takes its place as long as nothing is sent.
        status, put = await self.call("PUT", f"{path}/file", pdf=PDF)
        assert (status, put.get("kind"), put["pages"]) == (200, None, 1)
        assert (await self.call("PUT", f"{path}/file/any", pdf=file))[0] == 200
        assert (await self.call("POST", f"{path}/send", {}))[0] == 200
        assert (await self.call("GET", f"{path}/file")) == (200, file)

        session = self.run_now(lambda txn: self.scene_of(txn).session(path.rpartition("/")[2]))
        signed = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        assert signed.status == 200, signed
        status, container = await self.call("GET", f"{path}/file")
        assert status == 200
        with zipfile.ZipFile(io.BytesIO(container)) as archive:
            assert archive.read("order-.docx") == file

    async def test_clauses_and_places_on_pages_are_refused_with_such_a_file(self) -> None:
        clause = {"id": "c1", "title": "House rules", "kind": "required", "page": 1}
        path = await self._drafted(clauses=[clause])
        status, refused = await self.call("PUT", f"{path}/file/any", pdf=docx())
        assert (status, refused["field"]) == (400, "clauses"), refused
        for data, code in ((b"", "ORG.VECHE.DOCUMENT_EMPTY"),):
            status, refused = await self.call("PUT", f"{path}/file/any", pdf=data)
            assert (status, refused["errcode"]) == (400, code), refused
        assert (await self.call("PUT", f"{path}/file", pdf=PDF))[0] == 200
