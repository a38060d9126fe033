"""Files of sessions are renewed years later, and certificates of persons revoked."""

from __future__ import annotations

import datetime as dt
import urllib.request
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from cryptography import x509

from appservices.signing.authority.core.issuing import Holder, Revoked, stamps_certificate
from appservices.signing.authority.service.authorities import STAMPS, read_authorities
from appservices.signing.certificates.service import revoke
from appservices.signing.closing.service.closing import Close
from appservices.signing.commands.ca import open_authority
from appservices.signing.papers.core.any_files import any_file
from appservices.signing.renewal.core import NotRenewedError
from appservices.signing.renewal.service import DAY_MS, LOOK, RENEW, Look, Renew, renew_kept
from appservices.signing.sessions.service.ending import CLOSE
from appservices.signing.sessions.service.files import read_kept
from appservices.signing.sessions.store import renewals
from appservices.signing.stamps.service.sealing import Seals
from tests.integration.appservices.signing.ageing import in_years
from tests.integration.appservices.signing.site import ALICE, SigningSite
from tests.support.signing import YEAR
from veche.documents.asic.container import read_container
from veche.documents.pki.digests import SHA512
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Report, Verdict
from veche.documents.signed_file import judge_file
from veche.messaging.jobs import Job
from veche.protocol.errors import NotFoundError
from veche.protocol.ids import EffectId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.papers.core.any_files import AnyFile
    from veche.runtime.database import Cursor

from appservices.signing.drafting.service.inviting import Invited
from appservices.signing.sessions.core.parties import Role

pytestmark = pytest.mark.postgres


class RenewalTests(SigningSite):
    """A session that Alice has signed and that was closed."""

    async def signed(self, file: AnyFile | None = None) -> str:
        """A session that is over; its id."""
        session = self.sent([Invited("p1", Role.SIGNER, ALICE, "Alice Adams")], file=file)
        done = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        assert done.status == 200, done
        [(payload,)] = self.rows("SELECT payload FROM runtime.errand WHERE kind = %s", CLOSE)
        await self.do(Close(self.parts), CLOSE, payload, self.host.now_ms())
        assert self.rows("SELECT state FROM signing.session") == [("completed",)]
        return str(session.id)

    async def do(self, handler: Any, kind: str, payload: Mapping[str, Any], now_ms: int) -> None:
        """Do a job as the loop would."""
        job = Job(EffectId(f"test {kind} {now_ms}"), kind, payload, now_ms)
        result = await handler.perform(job)
        self.run_now(handler.finish, job, result, now_ms)

    def whole(self, session_id: str) -> bytes:
        return bytes(self.run_now(read_kept, self.parts, session_id).whole())

    def judged(self, pdf: bytes, now_ms: int, lists: tuple[bytes, ...] = ()) -> Report:
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        return judge_file(pdf, Trusted([self.parts.authorities.root], now, lists))

    async def test_a_container_is_renewed_and_what_was_signed_stays_as_it_is(self) -> None:
        session_id = await self.signed(any_file(b"PK\x03\x04 lease", "lease.docx"))
        before = read_container(self.whole(session_id))

        parts, now_ms = in_years(self, 14)
        await self.do(Renew(parts), RENEW, {"session": session_id}, now_ms)

        renewed = self.whole(session_id)
        found = self.judged(renewed, now_ms)
        assert found.verdict is Verdict.SEALED, found.findings
        assert [one.name for one in found.signers] == ["Alice Adams"]
        after = read_container(renewed)
        # The stamp before gets proofs of its own; what people signed does not change.
        assert after.entries[:5] == before.entries[:5]
        assert [one.is_stamp for one in after.steps] == [False, True, True]

    async def test_a_file_is_renewed_when_it_is_due_and_handed_out_again(self) -> None:
        session_id = await self.signed()
        before = self.whole(session_id)
        [(due_ms,)] = self.rows("SELECT renew_before_ms FROM signing.renewal")
        years = (due_ms - self.host.now_ms()) / 1000 / YEAR.total_seconds()
        assert 13.9 < years < 14.1
        await self.do(Look(), LOOK, {}, self.host.now_ms())
        assert not self.rows("SELECT 1 FROM runtime.errand WHERE kind = %s", RENEW)

        parts, now_ms = in_years(self, 14)
        now_ms += 2 * DAY_MS
        self.host.now_ms = lambda: now_ms
        await self.do(Look(), LOOK, {}, now_ms)
        [(payload,)] = self.rows("SELECT payload FROM runtime.errand WHERE kind = %s", RENEW)
        looks = self.rows("SELECT due_at_ms FROM runtime.errand WHERE kind = %s", LOOK)
        assert max(at for (at,) in looks) == (now_ms // DAY_MS + 1) * DAY_MS
        await self.do(Renew(parts), RENEW, payload, now_ms)

        renewed = self.whole(session_id)
        assert renewed.startswith(before)
        assert self.judged(renewed, now_ms).verdict is Verdict.SEALED
        [(next_ms, tries)] = self.rows("SELECT renew_before_ms, tries FROM signing.renewal")
        assert next_ms > due_ms + 9 * 365 * DAY_MS
        assert tries == 0
        assert [row[0] for row in self.rows("SELECT what FROM signing.event ORDER BY n")][-2:] == [
            "completed",
            "renewed",
        ]
        [(revision, is_final)] = self.rows(
            "SELECT revision, head_sha256 = final_sha256 FROM signing.session"
        )
        assert (revision, is_final) == (3, True)
        kind = "signing.deliver"
        assert len(self.rows("SELECT 1 FROM runtime.errand WHERE kind = %s", kind)) == 2

    async def test_files_are_stamped_by_a_longer_hash_before_one_is_distrusted(self) -> None:
        session_id = await self.signed()
        now_ms = self.host.now_ms() + 40 * DAY_MS
        now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
        folder = open_authority(self.folder / "ca", self.url, b"a long passphrase", now, by=SHA512)
        folder.make(STAMPS, Holder("Lindenau Time", organisation="Lindenau"), stamps_certificate)
        authorities = read_authorities(self.folder / "ca")
        signing = self.parts.signing.model_copy(
            update={"stamp_hash": "sha512", "renew_stamped_before": now.date()}
        )
        seals = Seals(authorities)
        parts = attrs.evolve(self.parts, authorities=authorities, seals=seals, signing=signing)
        self.host.now_ms = lambda: now_ms

        await self.do(Look(), LOOK, {}, now_ms)
        assert not self.rows("SELECT 1 FROM runtime.errand WHERE kind = %s", RENEW)
        look = Look(signing.renew_stamped_before_ms)
        await self.do(look, LOOK, {}, now_ms)
        [(payload,)] = self.rows("SELECT payload FROM runtime.errand WHERE kind = %s", RENEW)
        await self.do(Renew(parts), RENEW, payload, now_ms)

        ends = {"sha256": now + dt.timedelta(days=1)}
        trusted = Trusted([authorities.root], now + dt.timedelta(days=2), (), ends)
        found = judge_file(self.whole(session_id), trusted)
        assert found.verdict is Verdict.SEALED, found.findings
        before_ms = signing.renew_stamped_before_ms
        assert self.run_now(renewals.due, now_ms, before_ms, 10) == []

    async def test_what_is_not_proven_any_more_is_not_stamped(self) -> None:
        session_id = await self.signed()
        kept = self.run_now(read_kept, self.parts, session_id)
        parts, now_ms = in_years(self, 16)

        with pytest.raises(NotRenewedError) as caught:
            await self.away(renew_kept, parts, kept, now_ms)
        job = Job(EffectId("x"), RENEW, {"session": session_id}, now_ms)
        self.run_now(Renew(parts).refused, job, caught.value, now_ms)

        assert self.rows("SELECT tries FROM signing.renewal") == [(1,)]
        assert self.rows("SELECT revision FROM signing.session") == [(2,)]

    async def test_a_revoked_certificate_of_a_person_is_red_at_once(self) -> None:
        session_id = await self.signed()
        pdf, now_ms = self.whole(session_id), self.host.now_ms()
        [(serial, certificate)] = self.rows("SELECT serial, certificate FROM signing.certificate")
        address = f"{self.url}/_veche/signing/v1/crl/{int(serial):x}.crl"
        assert address.encode() in bytes(certificate)

        def fetch() -> bytes:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 -- ours
                return bytes(answer.read())

        before = await self.away(fetch)
        assert self.judged(pdf, now_ms, (before,)).verdict is Verdict.SEALED
        assert self.run_now(self._revoke, int(serial)) is None
        first = x509.load_der_x509_certificate(bytes(certificate)).not_valid_before_utc
        again = self.run_now(self._revoke, int(serial))
        assert again == Revoked(first, x509.ReasonFlags.key_compromise)
        after = await self.away(fetch)

        found = self.judged(pdf, now_ms, (after,))
        assert found.verdict is Verdict.INVALID
        assert {one.reason for one in found.findings} == {Reason.REVOKED}
        held = x509.load_der_x509_crl(after)
        assert held.get_revoked_certificate_by_serial_number(int(serial)) is not None
        with pytest.raises(NotFoundError):
            self.run_now(self._revoke, 5)

    async def test_a_revocation_is_put_earlier_and_never_later(self) -> None:
        session_id = await self.signed()
        pdf, signed_ms = self.whole(session_id), self.host.now_ms()
        [(serial, old)] = self.rows("SELECT serial, list FROM signing.certificate")
        number, hour = int(serial), dt.timedelta(hours=1)
        signed = dt.datetime.fromtimestamp(signed_ms // 1000, dt.UTC)

        def listed() -> bytes:
            [(made, revoked_ms)] = self.rows("SELECT list, revoked_at_ms FROM signing.certificate")
            assert revoked_ms == signed_ms
            return bytes(made)

        # Found out later: it was somebody else from a day on, at first thought to be a later one.
        assert self.run_now(self._revoke, number, signed + hour, signed_ms) is None
        after = listed()
        assert self.judged(pdf, signed_ms, (after,)).verdict is Verdict.SEALED
        assert self.run_now(self._revoke, number, signed - hour, signed_ms + 9) is None
        earlier = listed()
        for lists in ((earlier,), (bytes(old), after, earlier), (earlier, after, bytes(old))):
            found = self.judged(pdf, signed_ms, lists)
            assert found.verdict is Verdict.INVALID
            assert {one.reason for one in found.findings} == {Reason.REVOKED}

        for since in (signed - hour, signed, signed + 2 * hour):
            stands = self.run_now(self._revoke, number, since, signed_ms + 99)
            assert stands is not None
            assert stands.since == signed - hour
        assert listed() == earlier

    def _revoke(
        self, txn: Cursor, serial: int, since: dt.datetime | None = None, now_ms: int | None = None
    ) -> Revoked | None:
        now_ms = self.host.now_ms() if now_ms is None else now_ms
        return revoke(txn, self.parts.authorities, serial, now_ms, since)
