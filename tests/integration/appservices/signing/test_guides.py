"""The guide for organisations: each command is run, and does what the page says."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, Final

import pytest
from twisted.internet import utils
from twisted.internet.defer import Deferred

from appservices.signing.batches.service import SCHEDULE_ROWS
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, BOB, CAROL, PDF, TOWN_KEY
from tests.integration.veche.rig import until
from tests.support.processes import ROOT
from tests.support.receiver import Receiver
from tests.support.sign_page import API

pytestmark = pytest.mark.postgres

GUIDES: Final = ROOT / "docs" / "guides"
GUIDE: Final = GUIDES / "organisations" / "have-documents-signed.md"


class GuideTests(ChatSite):
    """A program of the town."""

    def _make_parts(self) -> Any:
        parts = super()._make_parts()
        return self.with_templates(parts)

    async def run_block(self, script: str, **more: str) -> str:
        """What a sample prints; it ends without an error."""
        environment = {
            "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
            "VECHE_SIGNING": f"{self.url}{API}",
            "VECHE_SIGNING_KEY": TOWN_KEY,
            **more,
        }
        out, err, code = await utils.getProcessOutputAndValue(
            # Not ``path=``: Twisted would fork, which a process with threads may not.
            "/bin/sh",
            ["-e", "-c", f"cd {self.folder}\n{script}"],
            env=environment,
        )
        assert (code, err) == (0, b""), (code, err, out)
        assert b"errcode" not in out, out
        return str(out.decode())

    async def test_every_command_of_the_guide(self) -> None:
        text = GUIDE.read_text().replace("lindenau.localhost", "veche.test")
        draft, put, hear, fetch, templates, one, many, table, look = re.findall(
            r"```sh\n(.*?)```", text, re.DOTALL
        )
        self.chat(ALICE, BOB, CAROL)
        (self.folder / "document.pdf").write_bytes(PDF)

        assert '"state":"draft"' in await self.run_block(draft)
        assert '"state":"open"' in await self.run_block(put)
        session = self.session()
        answer = await self.away(self.page(session, "p1").sign, self.keys[ALICE])
        assert answer.status == 200, answer
        seen = await self.run_block(hear, SESSION=session.id)
        assert '"what":"signed"' in seen
        assert '"reference":"flat-12b"' in seen
        await self.run_block(fetch, SESSION=session.id)
        assert b"/ByteRange" in (self.folder / "signed.pdf").read_bytes()

        assert '"template":"lease-of-a-flat"' in await self.run_block(templates)
        assert '"title":"Lease of flat 5"' in await self.run_block(one)
        told = await self.run_block(many)
        assert '"waiting":1,"made":0,"failed":1' in told
        assert '"row":2,"field":"answers.rooms"' in told
        told = await self.run_block(table)
        assert '"batch":null' in told
        assert '"row":2,"field":"answers.rooms"' in told
        await self.fire(SCHEDULE_ROWS)
        seen = await self.run_block(look)
        assert '"waiting":0,"made":1,"failed":1' in seen
        assert '"reference":"flat-6","state":"made"' in seen

    async def test_the_webhooks(self) -> None:
        self.chat(ALICE, BOB)
        receiver = Receiver()
        url = receiver.listen(self)
        [register] = re.findall(
            r"```sh\n(.*?)```", (GUIDES / "organisations" / "webhooks.md").read_text(), re.DOTALL
        )
        assert '"state":"active"' in await self.run_block(register, MY_URL=url)
        key = json.loads((self.folder / "webhook.json").read_text())["key"]
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop_sending()))
        self.webhooks.start()
        text = GUIDE.read_text().replace("lindenau.localhost", "veche.test")
        draft, put, *_ = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        (self.folder / "document.pdf").write_bytes(PDF)
        await self.run_block(draft)
        await self.run_block(put)
        await until(lambda: bool(receiver.bodies), "nothing comes")
        page = (GUIDES / "merchants" / "webhooks.md").read_text()
        [sample] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        names: dict[str, Any] = {}
        exec(sample, names)  # noqa: S102 -- of our own page

        event = names["checked"](receiver.bodies[0], key, set[str]())
        assert (event["what"], event["reference"]) == ("sent", "flat-12b")
