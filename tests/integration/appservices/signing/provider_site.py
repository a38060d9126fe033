"""A site of signing where people sign at a provider of remote signatures on their page."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from appservices.signing.config import SignerSection
from tests.integration.appservices.signing.own import OwnSite
from tests.support.csc_server import ACCESS, Holder, Provider, served
from veche.runtime.config.secret_files import write_private


class ProviderSite(OwnSite):
    """Bob has a qualified certificate at a provider."""

    def providers(self) -> list[SignerSection]:
        self.key: Any = ec.generate_private_key(ec.SECP256R1())
        self.holder = Holder(self.key, [self.trust.issue("Bob Brown", self.key)])
        self.provider = Provider({"one": self.holder}, users={"bob-17": ["one"]})
        serving = served(self.provider)
        serving.__enter__()
        self.addCleanup(serving.__exit__, None, None, None)
        write_private(self.folder / "access", ACCESS)
        return [
            SignerSection(
                id="trust",
                name="Trust of Lindenau",
                url=self.provider.url,
                token_path=self.folder / "access",
                networks=("127.0.0.0/8",),
            )
        ]
