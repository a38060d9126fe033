"""A site that takes certificates from elsewhere, and the command that signs by them."""

from __future__ import annotations

import argparse
import datetime as dt
import io
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred

from appservices.signing.authority.core.levels import Level
from appservices.signing.commands.sign import command
from appservices.signing.commands.sign import session as sign_session
from appservices.signing.config import AnchorSection
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.service.files import kept
from appservices.signing.sessions.store import sessions
from tests.integration.appservices.signing.site import ALICE, BOB, SigningSite
from tests.integration.veche.rig import WAIT_S_MAX
from tests.support.bank import QUALIFIED, Bank, lists_served
from tests.support.csc_server import ACCESS
from tests.support.keys import approval_of
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import prepare_closing, room_for_stamp
from veche.documents.pki.cms import der_of
from veche.documents.pki.stamps import StampRequest
from veche.protocol.errors import VecheError
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.x509 import Certificate

    from appservices.signing.sessions.core.records import Session
    from tests.support.calls import Answer
    from tests.support.csc_server import Provider
    from tests.support.sign_page import SignPage
    from veche.runtime.database import Cursor

reactor: Any = default_reactor


class OwnSite(SigningSite):
    """A site that takes certificates of a bank, and of a trust service whose are qualified."""

    def setUp(self) -> None:
        super().setUp()
        # How often the command looks is not what is tested.
        self.patch(sign_session, "POLL_S", 0.02)  # type: ignore[no-untyped-call]  # trial's

    def anchors(self) -> list[AnchorSection]:
        self.now = dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC)
        serving = lists_served()
        self.place, self.lists = serving.__enter__()
        self.addCleanup(serving.__exit__, None, None, None)
        self.bank = Bank("Bank of Lindenau", self.now, f"{self.place}/bank")
        self.trust = Bank("Trust of Lindenau", self.now, f"{self.place}/trust")
        for one in (self.bank, self.trust):
            (self.folder / f"{one.name}.pem").write_bytes(one.pem)
        self.lists |= {"bank": self.bank.revocations(), "trust": self.trust.revocations()}
        return [
            AnchorSection(
                name="Bank of Lindenau", certificate=self.folder / "Bank of Lindenau.pem"
            ),
            AnchorSection(
                name="Trust of Lindenau",
                certificate=self.folder / "Trust of Lindenau.pem",
                level="S4",
                policies=(QUALIFIED,),
            ),
        ]

    def answer_alone(self, authority: Bank, since: dt.datetime | None = None) -> None:
        """From now on an authority has no list, but a responder."""
        authority.list_url, authority.responder_url = "", f"{self.place}/answers"
        self.lists["answers"] = partial(authority.answer, since=since)

    def two(self, level: Level = Level.OWN) -> Session:
        """Alice signs as usual, Bob by a certificate of his own."""
        return self.sent(
            [
                Invited("p1", Role.SIGNER, ALICE, "Alice Adams"),
                Invited("p2", Role.SIGNER, BOB, "Bob Brown", level=level),
            ]
        )

    def link(self, session: Session, party: str = "p2") -> str:
        """As the person copies it from their page."""

        def work(txn: Cursor) -> str | None:
            member = session.member(party)
            assert member is not None
            return self.scene_of(txn).page_of(session, member)

        found: str = self.run_now(work)
        return found

    def key_files(self, key: Any, *chain: Certificate) -> list[str]:
        """Options of the command for a key in a file."""
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "own.key").unlink(missing_ok=True)
        write_private(self.folder / "own.key", secret)
        pems = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        (self.folder / "own.pem").write_bytes(pems)
        return [
            *("--key", str(self.folder / "own.key")),
            *("--certificate", str(self.folder / "own.pem")),
        ]

    async def sign(self, session: Session, *words: str, approves: bool = True, **more: Any) -> str:
        """Bob runs the command, and approves on his page once it waits; what it says."""
        parser = argparse.ArgumentParser()
        command.add_commands(parser.add_subparsers())
        line = ["sign", "--session", self.link(session), "--code", more.get("code", session.code)]
        arguments = parser.parse_args([*line, "--network", "127.0.0.0/8", *words])
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            running = Deferred.fromCoroutine(command.sign_in_session(reactor, arguments))
            if approves:
                await self.when_told(said, running)
                answer = await self.away(self.approve_told, session, more.get("clauses", []))
                assert answer.status == 200, answer
            await running
        return said.getvalue()

    async def when_told(self, said: io.StringIO, running: Deferred[None]) -> None:
        """Once the command waits for the approval, or has ended."""
        until_s = reactor.seconds() + WAIT_S_MAX
        while "open your page" not in said.getvalue() and not running.called:
            assert reactor.seconds() < until_s, said.getvalue()
            turn: Deferred[None] = Deferred()
            reactor.callLater(0.02, turn.callback, None)
            await turn
        if running.called:
            await running  # what it raises
            raise AssertionError(said.getvalue())

    def approve_told(self, session: Session, clauses: Sequence[Mapping[str, Any]]) -> Answer:
        """The same, and Bob answers to clauses."""
        return self.approve_own(self.page(session, "p2"), clauses=clauses)

    def approve_own(self, page: SignPage, **changes: Any) -> Answer:
        """Bob's page: his device key approves the certificate that was told."""
        own = page.view()["you"]["own"]
        asked = page.ask(level=own["level"], key=own["key"], **changes)
        if asked.status != 200:
            return asked
        signed = self.keys[BOB].signed(approval_of(asked.body["asked"], asked.body["now_ms"]))
        return self.hand_approval(page, signed)

    def hand_approval(self, page: SignPage, signed: Any) -> Answer:
        path = f"/sessions/{page.session}/own-certificate/approval"
        return page.call("POST", path, {"party": page.party, "approval": signed})

    async def announce(self, session: Session, *chain: Certificate, party: str = "p2") -> Answer:
        page = self.page(session, party)
        body = {"party": party, "chain": [encode_base64(der_of(one)) for one in chain]}
        path = f"/sessions/{page.session}/own-certificate"
        found: Answer = await self.away(page.call, "POST", path, body)
        return found

    async def refused(self, session: Session, *words: str, **more: Any) -> str:
        """What the command says as it refuses."""
        try:
            said = await self.sign(session, *words, **more)
        except VecheError as e:
            return str(e)
        raise AssertionError(said)

    def file(self, session: Session) -> bytes:
        def work(txn: Cursor) -> bytes:
            scene = self.scene_of(txn)
            found = sessions.read(txn, scene.vault, session.id)
            assert found is not None
            return kept(scene, found).whole()

        found: bytes = self.run_now(work)
        return found

    def closed(self, session: Session) -> bytes:
        """The file as the service closes it."""
        pdf, known = self.file(session), self.parts.seals.proofs()
        room = room_for_stamp(known.certificates)
        prepared = prepare_closing(Document(pdf), "Closed", known, bytes_max=room)
        token = self.parts.seals.stamp(StampRequest(prepared.digest), self.host.now_ms())
        return pdf + prepared.filled(token)

    def levels(self, session: Session) -> list[tuple[str, str]]:
        query = "SELECT party, level FROM signing.signature WHERE session_id = %s ORDER BY party"
        return [(row[0], row[1]) for row in self.rows(query, session.id)]

    def at(self, provider: Provider) -> list[str]:
        (self.folder / "access").unlink(missing_ok=True)
        write_private(self.folder / "access", ACCESS)
        return ["--csc", provider.url, "--access-token-path", str(self.folder / "access")]

    def answers(self, *typed: str) -> dict[str, Any]:
        """What Bob types at the questions of the command."""
        patch = mock.patch("getpass.getpass", side_effect=typed)
        patch.start()
        self.addCleanup(patch.stop)
        return {}
