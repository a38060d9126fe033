"""The guides for merchants: each command is run, each sample does what the page says."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from nacl.exceptions import BadSignatureError
from twisted.internet import utils

from appservices.payments.mandates import store as mandates
from appservices.payments.mandates.core.mandate import MandateState
from tests.integration.appservices.payments.branch import BANK, KEYS, SHOP, BranchTestCase, token
from tests.integration.appservices.payments.scenes import ALICE, BOB
from tests.integration.veche.rig import until
from tests.support.processes import ROOT
from tests.support.receiver import Receiver
from veche.runtime.web.public import PageLinks

pytestmark = pytest.mark.postgres

GUIDES: Final = ROOT / "docs" / "guides" / "merchants"


def blocks(page: str, language: str) -> list[str]:
    """The samples of a page in a language, for this institution."""
    text = (GUIDES / page).read_text().replace("lindenau.localhost", "veche.test")
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return [str(one) for one in found]


class GuideTests(BranchTestCase):
    def setUp(self) -> Any:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        return super().setUp()

    async def run_block(self, script: str, **more: str) -> str:
        """What a sample prints; it ends without an error."""
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "VECHE_API": self.bank.url,
            "VECHE_ORGANISATION": SHOP,
            "VECHE_KEY": token("first"),
            "VECHE_SIGNING_KEY": base64.b64encode(KEYS["first"]).decode(),
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
        return str(out.decode("utf-8", "replace"))

    async def made(self, name: str) -> str:
        """The id in a file that a sample wrote."""
        return str(json.loads((self.folder / name).read_text())["id"])

    async def test_the_start_page_and_the_refunds(self) -> None:
        make, code, sale, events, shop, refund = blocks("start.md", "sh")
        self.bank.links = PageLinks("https://veche.test")
        assert '"state":"issued"' in await self.run_block(make)
        id_ = await self.made("invoice.json")
        assert "org.veche" in await self.run_block(code, INVOICE=id_)
        assert (self.folder / "code.png").read_bytes()[:4] == b"\x89PNG"
        await self.run_block(sale)
        assert (self.folder / "sale.png").read_bytes()[:4] == b"\x89PNG"
        await self.run_block(shop)
        assert (self.folder / "shop.png").read_bytes()[:4] == b"\x89PNG"
        self.bank.pay(id_)
        assert '"type":"invoice.paid"' in await self.run_block(events)
        assert '"minor":420' in await self.run_block(refund, INVOICE=id_)
        again, *_ = blocks("refunds.md", "sh")
        seen = await self.run_block(again, INVOICE=id_)
        await self.bank.settled()

        assert '"left":{"minor":320' in seen
        assert self.bank.balance(ALICE) == 10_000 - 840 + 420 + 100

    async def test_the_tax_invoices(self) -> None:
        [script] = blocks("tax-invoices.md", "sh")

        said = await self.run_block(script)

        assert '<cbc:PayableAmount currencyID="EUR">7.85</cbc:PayableAmount>' in said

    async def test_the_mandates_and_the_escrows(self) -> None:
        ask, debit = blocks("mandates.md", "sh")
        [deal] = blocks("escrows.md", "sh")

        assert '"state":"proposed"' in await self.run_block(ask)
        id_ = await self.made("mandate.json")
        with self.bank.scene() as scene:
            mandate = mandates.lock_mandate(scene.txn, id_)
            assert mandate is not None
            mandates.save_state(scene.txn, id_, MandateState.ACTIVE, "nonce", scene.now_ms)
        assert '"state":"cooling"' in await self.run_block(debit, MANDATE=id_)
        assert (await self.run_block(deal)).startswith('{"id"')

    async def test_the_payouts(self) -> None:
        [sign] = blocks("payouts.md", "python")
        (self.folder / "sign.py").write_text(sign)
        order, look = blocks("payouts.md", "sh")
        order = order.replace("lindenau-bank", BANK)
        assert '"state":"holding"' in await self.run_block(order)
        await self.bank.settled()
        seen = await self.run_block(look, PAYOUT=await self.made("payout.json"))

        assert '"state":"done"' in seen
        assert seen.count('"state":"paid"') == 2
        assert self.bank.balance(BOB) == 4_500

    async def test_the_webhooks(self) -> None:
        receiver = Receiver()
        url = receiver.listen(self)
        [register] = blocks("webhooks.md", "sh")
        assert '"state":"active"' in await self.run_block(register, MY_URL=url)
        [make, *_] = blocks("start.md", "sh")
        await self.run_block(make)
        self.bank.pay(await self.made("invoice.json"))
        await until(lambda: bool(receiver.bodies), "nothing comes")
        [sample] = blocks("webhooks.md", "python")
        names: dict[str, Any] = {}
        exec(sample, names)  # noqa: S102 -- of our own page
        key, seen = self.bank.parts.receipts.signer.verifier.to_text(), set[str]()
        body = receiver.bodies[0]

        assert names["checked"](body, key, seen)["type"] == "invoice.paid"
        with pytest.raises(ValueError, match="came before"):
            names["checked"](body, key, seen)
        with pytest.raises(BadSignatureError):
            names["checked"](body.replace(b"invoice.paid", b"invoice.Paid"), key, set())
