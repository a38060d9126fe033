"""Pages in Chromium whose signatures an authority elsewhere stamps: OpenSSL, behind HTTP."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.closing.service.closing import Close
from appservices.signing.sessions.service.ending import CLOSE
from tests.integration.appservices.signing import (
    test_blind_browser,
    test_browser,
    test_provider_browser,
)
from tests.integration.appservices.signing.playing import play
from tests.integration.appservices.signing.site import BOB, two_signers
from tests.integration.appservices.signing.stamping import OtherStamps, OtherStampsSite
from tests.support.long import some
from tests.support.node import engine, why_no_browser
from tests.support.stored_keys import enrol
from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from cryptography import x509

    from appservices.signing.sessions.core.records import Session

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser()),
]
NO_STAMP = "No time stamp could be got"
SILENT = "The authority for time stamps does not answer as it should."


@pytest.mark.long
class SessionsTests(OtherStamps, test_browser.ChromiumTests):
    """All that people sign on their pages: alone, in turn, many at once, any file, as guests."""


@pytest.mark.long
class BlindTests(OtherStamps, test_blind_browser.ChromiumTests):
    """Private documents: signed, and closed by a page."""

    def roots(self) -> list[x509.Certificate]:
        return [*super().roots(), self.time.root]


@pytest.mark.long
class ProviderTests(OtherStamps, test_provider_browser.ProviderPages):
    """Certificates of one's own, at a provider."""


class StampersTests(OtherStampsSite):
    """What Alice reads while who stamps does not as they should."""

    async def test_silent_then_with_another_key_it_is_signed_and_the_page_of_verifying_believes_it(
        self,
    ) -> None:
        session = self.sent(**two_signers())
        honest = self.answer

        def before(number: int) -> bool:
            self.answer = honest if number else lambda _: b""
            self.forget()
            if number == 1:
                self.switch_once()
            return number < 2

        done = await self.away(self.played, session, before)

        silent, signed = done["outcomes"]
        assert silent.startswith(SILENT)
        assert signed == "signed"
        # One of hers, though she pressed twice and two keys stamped, and Bob's.
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(2,)]
        assert "This document is genuine" in done["checked"]["verdict"], done
        assert "Alice Adams" in done["checked"]["facts"]
        assert done["problems"] == []

    def switch_once(self) -> None:
        """Another key stamps once somebody has asked for the proofs of the one that did."""
        others = self.parts.seals.others
        assert others is not None
        first = others.newest_proofs

        async def switched() -> Any:
            found = await first()
            others.newest_proofs = first  # type: ignore[method-assign]
            self.use(ec.generate_private_key(ec.SECP384R1()))
            return found

        others.newest_proofs = switched  # type: ignore[method-assign]

    async def test_a_lying_stamp_that_a_lying_service_passes_on_is_refused_by_the_page(
        self,
    ) -> None:
        session = self.sent(**two_signers())
        others = self.parts.seals.others
        assert others is not None
        now_ms = self.host.now_ms

        async def own(query: bytes) -> bytes:
            return self.parts.seals.answer(query, now_ms())

        async def foreign(query: bytes) -> bytes:
            return self.stranger().answer(query, 1, now_ms())

        async def late(query: bytes) -> bytes:
            return self.late(query, 2 * 60_000)

        async def over_another(query: bytes) -> bytes:
            return self.openssl.answer(query[:40] + bytes([query[40] ^ 1]) + query[41:])

        async def broken(query: bytes) -> bytes:
            answer = bytearray(self.openssl.answer(query))
            answer[-1] ^= 1
            return bytes(answer)

        async def down(_: bytes) -> bytes:
            raise UnavailableError("silent", retry_after_ms=1)

        lies: list[Callable[[bytes], Coroutine[Any, Any, bytes]]]
        lies = [*some([own, foreign, late, over_another, broken], ordinary=2), down]

        def before(number: int) -> bool:
            if number < len(lies):
                vars(others)["answer"] = lies[number]
            return number < len(lies)

        done = await self.away(self.played, session, before)

        *lied, silent = done["outcomes"]
        assert all(one.startswith(NO_STAMP) for one in lied), lied
        assert silent.startswith(SILENT)
        assert self.rows("SELECT count(*) FROM signing.revision") == [(0,)]

    def played(self, session: Session, before: Callable[[int], bool]) -> Any:
        """What became of it in the browser."""

        def answer(told: Mapping[str, Any]) -> Mapping[str, Any]:
            if "name" in told:
                return {"link": self.run_now(self._link, session, told)}
            if "next" in told:
                return {"more": before(told["next"])}
            return {"saved": self._saved(session) if "file" in told else None}

        port, browser = urlsplit(self.url).port, {"CHROMIUM": str(engine())}
        return play("sign_stamps_real.js", self.folder, port, browser, answer)

    def _saved(self, session: Session) -> str | None:
        """The closed file, once Bob has signed too; None: nobody has signed."""
        if self.rows("SELECT count(*) FROM signing.revision") == [(0,)]:
            return None
        done = self.page(session, "p2").sign(self.keys[BOB])
        assert done.status == 200, done
        self.waited(self.due(Close(self.parts), CLOSE))
        return base64.b64encode(self.whole(session.id)).decode()

    def _link(self, txn: Any, session: Session, told: Mapping[str, Any]) -> str:
        person, party = test_browser.WHO[told["name"]]
        enrol(txn, person, told)
        member = session.member(party)
        assert member is not None
        return str(self.scene_of(txn).page_of(session, member))
