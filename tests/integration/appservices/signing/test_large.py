"""A file as large as one may be: put, sent, signed, closed, fetched and verified, as any other."""

from __future__ import annotations

import contextlib
import hashlib
import io

import pikepdf
import pytest

from appservices.signing.papers.core.uploads import UPLOAD_BYTES_MAX
from appservices.signing.sessions.core.session import State
from tests.integration.appservices.signing.chats import ChatSite
from tests.integration.appservices.signing.site import ALICE, DAY_MS
from tests.support import uploads
from veche.cli.main import main

pytestmark = pytest.mark.postgres

ROOM_BYTES = 64 * 1024
"""For the pages and what stands around a picture."""


def large_pdf() -> bytes:
    """A PDF of nearly as many bytes as are taken, which nothing can press together."""
    noise = hashlib.shake_256(b"noise").digest(UPLOAD_BYTES_MAX - ROOM_BYTES)

    def picture(document: pikepdf.Pdf) -> None:
        stream = pikepdf.Stream(document, noise)
        stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        stream.Width, stream.Height = 8192, len(noise) // 8192
        stream.ColorSpace, stream.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        document.pages[0].Resources.XObject = pikepdf.Dictionary(Im1=stream)
        document.pages[0].contents_add(b"q 100 0 0 100 0 0 cm /Im1 Do Q")

    return uploads.changed(picture, compress_streams=False)


class LargeTests(ChatSite):
    """The town has one signed by Alice."""

    def setUp(self) -> None:
        super().setUp()
        self.chat(ALICE)

    async def whole(self, data: bytes, where: str, name: str) -> None:
        """Everything that is done with a file."""
        body = {
            "title": "Plans",
            "filename": name,
            "parties": [{"party": "p1", "name": "Alice Adams", "user": ALICE}],
            "deadline_at_ms": self.host.now_ms() + 7 * DAY_MS,
        }
        _, made = await self.call("POST", "/sessions", body, once="k")
        path = f"/sessions/{made['session']}"
        status, put = await self.call("PUT", f"{path}/{where}", pdf=data)
        assert status == 200, put
        status, sent = await self.call("POST", f"{path}/send", {})
        assert status == 200, sent
        page = self.page(self.session(), "p1")
        signed = await self.away(page.sign, self.keys[ALICE])
        assert signed.status == 200, signed
        await self.settle()
        assert self.session().state is State.COMPLETED
        assert "The file is too large for your server: get it from the page" in self.all_said(ALICE)
        assert [name for name, _ in self.files(ALICE)] == [
            f"{name.rpartition('.')[0]}-evidence.pdf"
        ]
        status, file = await self.call("GET", f"{path}/file")
        assert status == 200
        assert hashlib.sha256(file).digest() == self.session().final_sha256
        closed, root = self.folder / "closed", self.folder / "ca" / "root.pem"
        closed.write_bytes(file)

        def verify() -> tuple[int, str]:
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                return main(["verify", str(closed), "--root", str(root)]), said.getvalue()

        code, said = await self.away(verify)
        assert code == 0, said

    @pytest.mark.long
    async def test_a_pdf_of_the_largest_size(self) -> None:
        data = large_pdf()
        assert UPLOAD_BYTES_MAX - ROOM_BYTES < len(data) <= UPLOAD_BYTES_MAX
        await self.whole(data, "file", "plans.pdf")

    @pytest.mark.long
    async def test_any_file_of_the_largest_size(self) -> None:
        data = hashlib.shake_256(b"any").digest(UPLOAD_BYTES_MAX)
        await self.whole(data, "file/any", "plans.bin")
