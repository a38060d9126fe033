"""Two persons sign on the real page in a browser, at the real service: one file, a key each."""

from __future__ import annotations

import datetime as dt
import struct
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

import pytest

from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.in_person.service import meetings
from appservices.signing.meetings import store as meeting_store
from appservices.signing.papers.core.any_files import any_file
from appservices.signing.parties.service import acting, waiting
from appservices.signing.sessions.core.guests import Papers, Registrar, guest_id
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.records import Clause, ClauseKind
from tests.integration.appservices.signing.playing import play
from tests.integration.appservices.signing.site import (
    ALICE,
    BOB,
    CAROL,
    OFFICE,
    SigningSite,
    two_signers,
)
from tests.support.long import some
from tests.support.node import chromium_of_run, firefox, why_no_browser, why_no_firefox
from tests.support.stored_keys import enrol
from veche.documents.asic.verdict import judge_container
from veche.documents.signatures.report import Reason
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.ids import RoomId, Ulid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from appservices.signing.sessions.core.records import Session
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres
WHO: Final = {"alice": (ALICE, "p1"), "bob": (BOB, "p2")}


class _Browser(SigningSite):
    """The page and the service fit."""

    __test__ = False  # but each browser's
    browser: ClassVar[Mapping[str, str]]
    """The environment that chooses it."""

    async def test_two_sign_and_the_second_needs_no_second_approval(self) -> None:
        session = self.sent(**two_signers())

        done = await self.away(
            self._told, "sign_real.js", lambda told: self._link(session, told), lambda: None
        )

        assert done == {"outcomes": ["signed", "signed"], "problems": []}
        assert self.rows("SELECT state, revision FROM signing.session") == [("sealing", 2)]
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(2,)]
        one = self.page(session, "p1")
        view = await self.away(one.view)
        pdf = await self.away(one.document, view)
        now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
        report = judge(pdf, Trusted.by_encoded(self.parts.authorities.trusted, now))
        assert [found.reason for found in report.findings] == [Reason.OPEN_TAIL]
        assert [signer.name for signer in report.signers] == ["Alice Adams", "Bob Brown"]

    @pytest.mark.long
    async def test_each_signs_an_unfair_clause_by_itself(self) -> None:
        clause = Clause("c7", "Penalty", ClauseKind.UNFAIR, 1)
        session = self.sent(**two_signers(), clauses=(clause,))

        done = await self.away(
            self._told, "sign_real.js", lambda told: self._link(session, told), lambda: None
        )

        assert done == {"outcomes": ["signed", "signed"], "problems": []}
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(2,)]
        one = self.page(session, "p1")
        pdf = await self.away(one.document, await self.away(one.view))
        now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
        report = judge(pdf, Trusted.by_encoded(self.parts.authorities.trusted, now))
        assert [found.reason for found in report.findings] == [Reason.OPEN_TAIL]
        assert [(signer.name, signer.clause) for signer in report.signers] == [
            *(("Alice Adams", ""), ("Alice Adams", "c7")),
            *(("Bob Brown", ""), ("Bob Brown", "c7")),
        ]

    @pytest.mark.long
    async def test_two_sign_a_text_a_picture_and_a_file_that_no_page_shows(self) -> None:
        text = any_file("Alice pays Bob 700 EUR\u202e.\n".encode() * 90, "lease.txt")
        tall = any_file(picture(200, 2000), "plan.png")
        other = any_file(b"PK\x03\x04" + bytes(4096), "lease.docx")
        counts = {text: 3, tall: 2, other: 0}
        files = some([*counts], ordinary=1)
        sessions = [self.sent(**two_signers(), file=file) for file in files]
        done = []
        for session, file in zip(sessions, files, strict=True):
            (self.folder / file.name).write_bytes(file.data)
            link = partial(self._link_with_file, session, self.folder / file.name)
            done.append(await self.away(self._told, "sign_file_real.js", link, lambda: None))

        seen = {
            file: f"{count} of {count} parts were on the screen." if count else ""
            for file, count in counts.items()
        }
        assert done == [
            {"outcomes": ["signed", "signed"], "seen": seen[file], "problems": []} for file in files
        ]
        for session, file in zip(sessions, files, strict=True):
            one = self.page(session, "p1")
            container = await self.away(one.document, await self.away(one.view))
            now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
            report = judge_container(
                container, Trusted.by_encoded(self.parts.authorities.trusted, now)
            )
            assert [found.reason for found in report.findings] == [Reason.OPEN_TAIL]
            assert [signer.name for signer in report.signers] == ["Alice Adams", "Bob Brown"]
            assert report.files == (file.name,)
        read = {row[0] for row in self.rows("SELECT count(*) FROM signing.certificate")}
        assert read == {2 * len(files)}

    @pytest.mark.long
    async def test_many_documents_by_one_press(self) -> None:
        made = [self.sent(**two_signers()) for _ in range(12)]
        clause = Clause("c1", "House rules", ClauseKind.REQUIRED, 1)
        self.sent(**two_signers(), clauses=(clause,))

        def meanwhile() -> None:
            """Bob is quicker with the third one; the fourth one is taken back."""
            assert self.page(made[2], "p2").sign(self.keys[BOB]).status == 200
            self.run_now(self._cancel, made[3])

        done = await self.away(self._told, "sign_many_real.js", self._list_link, meanwhile)

        assert done["problems"] == []
        found = done["outcomes"]
        assert (found["label"], found["signed"], found["others"]) == ("Sign 11 documents", 10, 1)
        assert len(found["refused"]) == 1
        assert self.rows("SELECT count(*), count(DISTINCT nonce) FROM signing.certificate") == [
            (11, 2)
        ]
        states = self.rows("SELECT session_id, state FROM signing.party WHERE id = 'p1'")
        signed = {session for session, state in states if state == "signed"}
        assert signed == {one.id for at, one in enumerate(made) if at not in (1, 3)}
        one = self.page(made[2], "p1")
        pdf = await self.away(one.document, await self.away(one.view))
        now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
        report = judge(pdf, Trusted.by_encoded(self.parts.authorities.trusted, now))
        assert [found.reason for found in report.findings] == [Reason.OPEN_TAIL]
        assert [signer.name for signer in report.signers] == ["Bob Brown", "Alice Adams"]

    @pytest.mark.long
    async def test_a_guest_signs_on_a_phone_that_has_scanned_the_code(self) -> None:
        guest = Invited(
            id="p1",
            role=Role.SIGNER,
            person=guest_id(Ulid("0" * 26), "p1", "veche.test"),
            name="Bob Brown",
            registrar=Registrar(CAROL, "Carol Clark", OFFICE),
        )
        session = self.sent([guest])

        done = await self.away(
            self._told, "sign_meet_real.js", lambda told: self._met(session, told), lambda: None
        )

        assert done == {"outcomes": ["signed"], "problems": []}
        assert self.rows("SELECT state, revision FROM signing.session") == [("sealing", 1)]
        one = self.page(session, "p1")
        pdf = await self.away(one.document, await self.away(one.view))
        now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
        report = judge(pdf, Trusted.by_encoded(self.parts.authorities.trusted, now))
        assert [found.reason for found in report.findings] == [Reason.OPEN_TAIL]
        [signer] = report.signers
        assert (signer.name, signer.registrar) == ("Bob Brown", f"Carol Clark, {CAROL}, {OFFICE}")

    def _met(self, session: Session, told: Mapping[str, Any]) -> Mapping[str, str]:
        """The links of a meeting; then Carol's word, if the phone shows the digits that she has."""

        def offer(txn: Cursor) -> Mapping[str, str]:
            scene = self.scene_of(txn)
            known = scene.session(session.id)
            assert known is not None
            made = meetings.offer(scene, known, known.members[0], RoomId("!carol"))
            links = partial(meetings.link_of, self.parts, made, known)
            return {"phone": links(), "screen": links(is_screen=True)}

        def identify(txn: Cursor) -> Mapping[str, str]:
            scene = self.scene_of(txn)
            known = scene.session(session.id)
            made = meeting_store.current(txn, session.id, "p1")
            assert known is not None
            assert made is not None
            assert made.code == told["digits"]
            papers = Papers.PASSPORT
            meetings.identify(scene, known, known.members[0], made, papers, "n" * 32)
            return {}

        found: Mapping[str, str] = self.run_now(identify if "digits" in told else offer)
        return found

    def _cancel(self, txn: Cursor, session: Session) -> None:
        scene = self.scene_of(txn)
        known = scene.session(session.id)
        assert known is not None
        acting.cancelled(scene, known)

    def _told(
        self,
        program: str,
        link: Callable[[Mapping[str, Any]], str | Mapping[str, str]],
        meanwhile: Callable[[], None],
    ) -> Any:
        """Runs the browser; it asks for a link for each key that it makes."""

        def answer(told: Mapping[str, Any]) -> Mapping[str, Any]:
            if "ready" in told:
                meanwhile()
            found = link(told) if "name" in told else {}
            return {"link": found} if isinstance(found, str) else found

        return play(program, self.folder, urlsplit(self.url).port, self.browser, answer)

    def _link_with_file(
        self, session: Session, path: Path, told: Mapping[str, Any]
    ) -> Mapping[str, str]:
        """The same as ``_link``, with the file that the person has saved, and another one."""
        other = path.with_name(f"other-{path.name}")
        other.write_bytes(path.read_bytes()[:-1] + b"!")
        return {"link": self._link(session, told), "file": str(path), "other": str(other)}

    def _list_link(self, told: Mapping[str, Any]) -> str:
        """Enrols the key that a browser has made; the link of its person's list."""
        person, _ = WHO[told["name"]]

        def work(txn: Cursor) -> str | None:
            enrol(txn, person, told)
            return waiting.link_of(self.scene_of(txn), person)

        return str(self.run_now(work))

    def _link(self, session: Session, told: Mapping[str, Any]) -> str:
        """Enrols the key that a browser has made; the link of its person."""
        person, party = WHO[told["name"]]

        def work(txn: Cursor) -> str | None:
            enrol(txn, person, told)
            member = session.member(party)
            assert member is not None
            return self.scene_of(txn).page_of(session, member)

        return str(self.run_now(work))


def picture(width: int, height: int) -> bytes:
    """A PNG, black above and white below."""
    rows = b"".join(b"\0" + bytes([255 * (2 * y // height)]) * width for y in range(height))
    parts = (
        (b"IHDR", struct.pack(">2L5B", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in parts
    )


@pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser())
class ChromiumTests(_Browser):
    """In Chromium."""

    __test__ = True
    browser: ClassVar[Mapping[str, str]] = {"CHROMIUM": str(chromium_of_run())}


@pytest.mark.long
@pytest.mark.skipif(bool(why_no_firefox()), reason=why_no_firefox())
class FirefoxTests(_Browser):
    """In Firefox."""

    __test__ = True
    browser: ClassVar[Mapping[str, str]] = {"VECHE_BROWSER": "firefox", "FIREFOX": str(firefox())}
