"""A site whose signatures and files get the stamps of an authority elsewhere: OpenSSL, by HTTP."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread

from appservices.signing.authority.core.issuing import STAMP_POLICY
from appservices.signing.bot import other_stamps
from appservices.signing.closing.service.organisation_seals import PutSeal
from appservices.signing.config import StampsSection
from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.keys.document_cipher import DOCUMENT, decrypt
from appservices.signing.sessions.core.parties import Role, Stage
from appservices.signing.sessions.service.ending import SEAL
from appservices.signing.sessions.service.files import read_kept
from appservices.signing.sessions.store import blobs
from appservices.signing.stamps.core import StampAuthority
from appservices.signing.stamps.service.sealing import Seals
from tests.integration.appservices.signing.site import ALICE, SigningSite
from tests.support.bank import DAY, Bank, lists_served
from tests.support.keys import rsa_key
from tests.support.tsa import OpensslAuthority, stamps_served
from veche.documents.signatures.judging import Trusted
from veche.documents.signed_file import judge_file
from veche.messaging.jobs import Job
from veche.protocol.ids import EffectId

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from veche.documents.signatures.report import Report
    from veche.runtime.database import Cursor

reactor: Any = default_reactor


class OtherStamps(SigningSite):
    """A site in whose place OpenSSL stamps, behind HTTP."""

    def setUp(self) -> None:
        now = dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC)
        lists = lists_served()
        place, self.found = lists.__enter__()
        self.addCleanup(lists.__exit__, None, None, None)
        self.time = Bank("Time", now, list_url=f"{place}/time.crl")
        self.found["time.crl"] = self.time.revocations(made=now - DAY, life=9 * DAY)
        self.key: Any = rsa_key(3072)
        self.answer: Callable[[bytes], bytes] = self._openssl
        self.asked: list[dict[str, str]] = []
        served = stamps_served(self._stamp, self.asked)
        self.tsa = served.__enter__()
        self.addCleanup(served.__exit__, None, None, None)
        super().setUp()
        self.use(self.key)

    def use(self, key: Any) -> None:
        """Let another key stamp from now on."""
        stamper = self.time.issue_stamper(key, 900 * DAY)
        self.openssl = OpensslAuthority(self.folder / "tsa", stamper, key, [self.time.root])

    def _openssl(self, query: bytes) -> bytes:
        return self.openssl.answer(query)

    def _stamp(self, query: bytes) -> bytes:
        return self.answer(query)

    def stamps(self) -> StampsSection:
        root = self.folder / "time.pem"
        root.write_bytes(self.time.pem)
        return StampsSection(url=self.tsa, root=root, networks=("127.0.0.0/8",))

    def seals(self, section: StampsSection) -> Seals:
        known = attrs.evolve(self.parts.authorities, stamp_policy=section.policy)
        return Seals(known, other_stamps(self.parts.host, section, known))

    def forget(self) -> None:
        """Let the service know nothing of who has stamped, as after a start."""
        others = self.parts.seals.others
        assert others is not None
        others._known = {}

    def stranger(self) -> StampAuthority:
        """Whose certificate only looks as if it were of that authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        bank = Bank("Time", self.time.now)
        return StampAuthority(bank.issue_stamper(key), key, STAMP_POLICY)

    def late(self, query: bytes, age_ms: int) -> bytes:
        """Their stamp of an earlier time."""
        key = ec.generate_private_key(ec.SECP256R1())
        stamper = StampAuthority(self.time.issue_stamper(key), key, STAMP_POLICY)
        return stamper.answer(query, 1, self.host.now_ms() - age_ms)


class OtherStampsSite(OtherStamps):
    """The same, whose jobs a test does one by one."""

    def invited(self) -> dict[str, Any]:
        return {
            "invited": [
                Invited("p1", Role.SEAL, "town", "Town of Lindenau"),
                Invited("p2", Role.SIGNER, ALICE, "Alice Adams"),
            ],
            "stages": [Stage(("p1",)), Stage(("p2",))],
        }

    async def do(self, handler: Any, kind: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do a job as the loop would; what it performed."""
        now_ms = self.host.now_ms()
        job = Job(EffectId(f"test {kind} {now_ms}"), kind, payload, now_ms)
        result: Mapping[str, Any] = await handler.perform(job)
        self.run_now(handler.finish, job, result, now_ms)
        return result

    def waited(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for some work of the reactor, in another thread."""
        return blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(work))

    async def due(self, handler: Any, kind: str) -> Mapping[str, Any]:
        *_, (payload,) = self.rows(
            "SELECT payload FROM runtime.errand WHERE kind = %s ORDER BY payload->>'tries'", kind
        )
        return await self.do(handler, kind, payload)

    async def signed(self, **more: Any) -> str:
        session = self.sent(**{**self.invited(), **more})
        if len(session.members) > 1:
            await self.due(PutSeal(self.parts), SEAL)
        done = await self.away(self.page(session, session.members[-1].id).sign, self.keys[ALICE])
        assert done.status == 200, done
        return str(session.id)

    def whole(self, session_id: str) -> bytes:
        return bytes(self.run_now(read_kept, self.parts, session_id).whole())

    def evidence(self, session_id: str) -> bytes:
        def work(txn: Cursor) -> bytes:
            session = self.scene_of(txn).session(session_id)
            assert session is not None
            cipher = blobs.of_kind(txn, session_id, "evidence")
            assert cipher is not None
            return decrypt(session.subject.key, cipher, DOCUMENT)

        return bytes(self.run_now(work))

    def judged(self, data: bytes, *roots: bytes) -> Report:
        now = dt.datetime.fromtimestamp(self.host.now_ms() / 1000, dt.UTC)
        return judge_file(data, Trusted.by_encoded(roots or self.parts.authorities.trusted, now))
