"""Two persons sign on the real page in a browser, at the real service: one file, a key each."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.appservices.signing.site import ALICE, BOB, SigningSite, two_signers
from tests.support.node import chromium, node, why_no_browser
from tests.support.processes import ROOT
from tests.widgets.stage import pages
from veche.protocol.signatures.report import Reason
from veche.protocol.signatures.verdict import Trusted, judge
from veche.runtime.approvals import Key, KeyKind, store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.core.records import Session
    from veche.runtime.database import Cursor

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser()),
]
PROGRAM: Final = ROOT / "tests" / "widgets" / "sign_real.js"
WHO: Final = {"alice": (ALICE, "p1"), "bob": (BOB, "p2")}


class BrowserTests(SigningSite):
    """The page and the service fit."""

    async def test_two_sign_and_the_second_needs_no_second_approval(self) -> None:
        session = self.sent(**two_signers())

        done = await self.away(self._signed, session)

        assert done == {"outcomes": ["signed", "signed"], "problems": []}
        assert self.rows("SELECT state, revision FROM signing.session") == [("sealing", 2)]
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(2,)]
        one = self.page(session, "p1")
        view = await self.away(one.view)
        pdf = await self.away(one.document, view)
        now = dt.datetime.fromtimestamp(int(self.host.now_ms() / 1000) + 5, tz=dt.UTC)
        report = judge(pdf, Trusted([self.parts.authorities.root], now))
        assert [found.reason for found in report.findings] == [Reason.OPEN_TAIL]
        assert [signer.name for signer in report.signers] == ["Alice Adams", "Bob Brown"]

    def _signed(self, session: Session) -> Any:
        """Runs the browser; it asks for a link for each key that it makes."""
        with pages(self.folder) as where:
            program = subprocess.Popen(
                [str(node()), str(PROGRAM)],
                cwd=ROOT,
                env={
                    **os.environ,
                    **where,
                    "CHROMIUM": str(chromium()),
                    "VECHE_SERVICE": self.url,
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            with program:
                assert program.stdin is not None
                assert program.stdout is not None
                for line in program.stdout:
                    told = json.loads(line)
                    answer = {"link": self._link(session, told)} if "name" in told else {}
                    program.stdin.write(json.dumps(answer) + "\n")
                    program.stdin.flush()
                    if "outcomes" in told:
                        return told
                assert program.stderr is not None
                raise AssertionError(program.stderr.read())

    def _link(self, session: Session, told: Mapping[str, Any]) -> str:
        """Enrols the key that a browser has made; the link of its person."""
        person, party = WHO[told["name"]]

        def work(txn: Cursor) -> str | None:
            key = Key(
                id=told["id"],
                person=person,
                kind=KeyKind.P256,
                public_key=bytes(told["public_key"]),
                credential_id=None,
                transports=(),
                sign_count=0,
                label="Browser",
                created_at_ms=1,
                held_until_ms=1,
            )
            assert store.add_key(txn, key)
            member = session.member(party)
            assert member is not None
            return self.scene_of(txn).page_of(session, member)

        return str(self.run_now(work))
