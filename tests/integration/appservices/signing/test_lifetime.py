"""The life of a sealed file, by commands alone: sealed, verified, renewed, its seal taken back."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import tempfile
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from appservices.signing.authority.core.issuing import Holder, stamps_certificate
from appservices.signing.authority.service.authorities import STAMPS, read_authorities
from appservices.signing.commands.ca import add_seal, make_authority, open_authority
from appservices.signing.commands.seal import run as seal
from appservices.signing.config import SealSection
from appservices.signing.keys import SigningPool
from appservices.signing.routes import API, routes
from appservices.signing.stamps.service.sealing import Seals, organisation_keys
from tests.integration.appservices.signing.test_sealing import SIGNING, _at
from tests.support.forgery import page
from tests.support.postgres import database
from tests.unit.veche.api.test_gate import FREE, FakeSessions
from veche.api.gate import Gate
from veche.api.sealing_client import Sealer
from veche.cli.main import main
from veche.cli.verify.signed_files import NOT_PROVEN
from veche.documents.asic.archive import ArchiveError
from veche.documents.asic.container import DataFile
from veche.protocol.errors import ConfigError
from veche.runtime.config.secret_files import write_private
from veche.runtime.database import Database
from veche.runtime.live import Live
from veche.runtime.web import new_site

pytestmark = pytest.mark.postgres

reactor: Any = default_reactor
KEY: Final = "k" * 32
PASSPHRASE: Final = b"a long passphrase"
YEAR: Final = dt.timedelta(days=365)


class LifetimeTests(TestCase):
    """A site whose authority was made fourteen years ago; its stamps end in a year."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="veche-ca-"))
        self.addCleanup(shutil.rmtree, self.folder)
        opened = database(SIGNING)
        self.database = Database(opened.__enter__(), reactor, threads=2)
        self.addCleanup(opened.__exit__, None, None, None)
        self.addCleanup(self.database.close)
        self.site = Resource()
        port = reactor.listenTCP(0, new_site(self.site, reactor), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}"
        self.now = dt.datetime.fromtimestamp(int(reactor.seconds()), tz=dt.UTC)
        self.ca = self.folder / "ca"
        make_authority(self.ca, "Lindenau", self.url, PASSPHRASE, self.now - 14 * YEAR)
        self.opened = open_authority(self.ca, self.url, PASSPHRASE, self.now)
        add_seal(self.opened, "town", "Town of Lindenau")
        self.new_lists()
        write_private(self.folder / "key", KEY)
        write_private(self.folder / "passphrase", PASSPHRASE)
        self.pool = SigningPool(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.pool.close()))
        self.start()

    def new_lists(self) -> None:
        known = read_authorities(self.ca)
        for one in (known.issuing, known.stamps, *known.seals.values()):
            self.opened.list(one.certificate)

    def start(self) -> None:
        """Serve with what is in the folder now, as after a restart."""
        authorities = read_authorities(self.ca)
        signing: Any = SimpleNamespace(
            authorities=authorities,
            seals=Seals(authorities),
            callers=organisation_keys([SealSection(id="town", key_paths=[self.folder / "key"])]),
            pool=self.pool,
            parts=None,
            host=SimpleNamespace(reactor=reactor, database=self.database),
        )
        gate = Gate(self.database, reactor, FakeSessions(), address_limit=FREE)
        ports: Any = SimpleNamespace(gate=gate, live=Live(reactor))
        resource = _at(routes(ports, signing)[API.mount])
        for name, child in resource.children.items():
            self.site.putChild(name, child)

    async def veche(self, *words: str) -> tuple[int, str]:
        """A command of `veche`, in a thread; exit code, and what it said."""

        def work() -> tuple[int, str]:
            out = io.StringIO()
            with redirect_stdout(out), redirect_stderr(out):
                return main(words), out.getvalue()

        return await deferToThread(work)

    async def seal(self, *paths: Path, **options: Any) -> None:
        given = {"out": None, "container": False, "reference": "case-7", **options}
        arguments = SimpleNamespace(
            files=paths,
            organisation="town",
            url=self.url,
            key_path=self.folder / "key",
            **given,
        )
        out = io.StringIO()
        with redirect_stdout(out):
            await seal(reactor, cast("Any", arguments))

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    async def verify(self, path: Path, *options: str) -> tuple[int, str]:
        return await self.veche("verify", str(path), "--root", str(self.ca / "root.pem"), *options)

    async def test_any_file_is_sealed_renewed_and_its_seal_taken_back(self) -> None:
        await self.seal(self.file("budget.csv", b"a;b\n1;2\n"), self.file("map.bin", bytes(99)))
        sealed = self.folder / "budget.csv.asice"
        pdf = self.file("extract.pdf", page("Extract"))
        await self.seal(pdf)
        for path in (sealed, self.folder / "extract-sealed.pdf"):
            code, said = await self.verify(path, "--online")
            assert code == 0, said
            assert "Sealed by Town of Lindenau" in said
            assert f"Provable until {(self.now + YEAR):%Y-%m}" in said
        with zipfile.ZipFile(sealed) as archive:
            assert archive.namelist()[:3] == ["mimetype", "budget.csv", "map.bin"]

        # The stamps' key is gone; another authority stamps from now on.
        holder = Holder("Lindenau Time", organisation="Lindenau")
        self.opened.make(STAMPS, holder, stamps_certificate)
        self.start()
        tsa = f"{self.url}{API.prefix}/tsa"
        paths = [str(sealed), str(self.folder / "extract-sealed.pdf")]
        root = str(self.ca / "root.pem")
        code, said = await self.veche("renew", *paths, "--tsa", tsa, "--root", root)
        assert code == 0, said
        ends = f"{(self.now - 14 * YEAR + 25 * YEAR):%Y-%m}"
        assert said.count(f"renewed, provable until {ends}") == 2
        code, said = await self.verify(sealed, "--online")
        assert code == 0, said
        assert f"Provable until {ends}" in said

        serial = read_authorities(self.ca).seals["town"].certificate.serial_number
        code, said = await self.veche(
            *("ca", "revoke", f"{serial:x}", "--reason", "key_compromise"),
            *("--folder", str(self.ca), "--passphrase-path", str(self.folder / "passphrase")),
        )
        assert code == 0, said
        code, said = await self.verify(sealed, "--online")
        assert code == 1, said
        assert "the certificate had been revoked" in said
        assert (await self.verify(sealed))[0] == 0  # nobody was asked
        code, said = await self.veche("renew", paths[0], "--tsa", tsa, "--root", root)
        assert code == 1  # its last stamp cannot last longer
        with pytest.raises(Exception, match="revoked"):
            await self.seal(pdf, out=self.folder / "again.pdf")

    async def test_a_file_is_renewed_by_another_hash_before_one_is_distrusted(self) -> None:
        await self.seal(self.file("extract.pdf", page("Extract")))
        await self.seal(self.file("map.bin", bytes(99)))
        paths = [self.folder / "extract-sealed.pdf", self.folder / "map.bin.asice"]
        today = f"{self.now:%Y-%m-%d}"
        for path in paths:
            code, said = await self.verify(path, "--distrust", f"sha256={today}")
            assert code == NOT_PROVEN, said
            code, said = await self.verify(path, "--distrust", "sha384=2020-01-01")
            assert code == 0, said

        options = ["--tsa", f"{self.url}{API.prefix}/tsa", "--root", str(self.ca / "root.pem")]
        renew = ["renew", *map(str, paths), *options, "--hash", "sha512"]
        stamps = ["ca", "stamps", "--site", self.url, "--folder", str(self.ca)]
        stamps += ["--passphrase-path", str(self.folder / "passphrase"), "--hash"]
        code, said = await self.veche(*stamps, "sha512")
        assert code == 0, said
        self.start()
        code, said = await self.veche(*renew)
        assert (code, said.count("renewed, provable until")) == (0, 2), said

        for path in paths:
            # It was there before the day: also the signature by SHA-256 in it is proven by that.
            to_come = f"{self.now + dt.timedelta(days=2):%Y-%m-%d}"
            code, said = await self.verify(path, "--distrust", f"sha256={to_come}")
            assert code == 0, said
            code, said = await self.verify(path, "--distrust", f"sha512={today}")
            assert code == NOT_PROVEN, said

    async def test_what_cannot_be_sealed_or_renewed_stays_as_it_was(self) -> None:
        path = self.file("a.txt", b"a")
        await self.seal(path, container=True)
        with pytest.raises(ConfigError, match="is there already"):
            await self.seal(path)
        with pytest.raises(ConfigError, match="cannot be read"):
            await self.seal(self.folder / "none")
        with pytest.raises(ConfigError, match="cannot be sealed together"):
            await self.seal(path, self.file("A.TXT", b"a"), out=self.folder / "x.asice")
        sealer = Sealer(reactor, self.url, KEY, "town")
        with pytest.raises(ArchiveError):
            await sealer.seal_files([DataFile("../a", "text/plain", b"")], "case-7")
        await sealer.close()

        root = str(self.ca / "root.pem")
        code, said = await self.veche(
            "renew", str(path), "--tsa", f"{self.url}{API.prefix}/no", "--root", root
        )
        assert (code, "answer" in said or "404" in said) == (1, True)
        tsa = f"{self.url}{API.prefix}/tsa"
        code, said = await self.veche("renew", str(path), "--tsa", tsa, "--root", root)
        assert code == 1
        assert "is not renewed" in said
        assert path.read_bytes() == b"a"
