"""Keys at a provider of remote signatures (CSC API): only hashes go there, by the outbound client.

What the holder has to say, a PIN or a code, is passed on and never kept.
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import attrs
from pydantic import Field
from twisted.internet.task import deferLater

from appservices.signing.keys.core import csc
from appservices.signing.keys.core.csc import ProviderRefusedError, Version, said
from appservices.signing.keys.core.provider import Credential, KeyHome, check_key, checked
from veche.protocol.addresses import split_address
from veche.protocol.errors import ConfigError, MalformedError, UnavailableError
from veche.protocol.json_reader import read_json
from veche.protocol.wire import mapping
from veche.runtime.config.sections import Networks, SecretPath, Section
from veche.runtime.web.outbound import Outbound, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.signing.keys.core.csc import Remote

P = ParamSpec("P")
R = TypeVar("R")

TIMEOUT_S: Final = 30.0
"""Of one request: a provider asks its hardware meanwhile."""
WAIT_S_MAX: Final = 180
"""How long the holder may take to agree in the provider's app."""
POLL_S: Final = 2
_RETRY_AFTER_MS: Final = 5_000
_OK: Final = 200
_WAITING: Final = 202
_NO_CONTENT: Final = 204
_LATER: Final = 429
_THEIR_FAULT: Final = 500
_NOT_SIGNED_IN: Final = 401


class ProviderSection(Section):
    """A provider of remote signatures, by the CSC API."""

    url: str = Field(
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$", examples=["https://provider.example/csc/v2"]
    )
    """Address of its API, with the version: ``…/csc/v1`` or ``…/csc/v2``."""
    token_path: SecretPath | None = None
    """File with the access token that it gave you for the scope ``service``."""
    networks: Networks = ()
    """Networks, beside the public Internet, in which it may be."""


@attrs.frozen
class _Reply:
    status: int
    content: Mapping[str, Any]


@attrs.frozen
class Authorisation:
    """A holder's consent to sign some hashes; good for one use."""

    sad: str = attrs.field(repr=False)


@attrs.frozen
class Waiting:
    """A wait for the holder's consent elsewhere, such as in the provider's app."""

    handle: str = attrs.field(repr=False)


class ProviderClient:
    """Speaks with one provider."""

    def __init__(self, reactor: Any, section: ProviderSection, token: str, **options: Any) -> None:
        """Make it; nothing is sent.

        Args:
            reactor: Clock, names and network.
            section: Which provider.
            token: By which it knows us; empty if it needs none.
            **options: For ``Outbound``.

        Raises:
            ConfigError: Plain HTTP to a place outside of the listed networks.
        """
        parts = split_address(section.url)
        is_tls = parts.scheme == "https"
        if not parts.hostname:
            raise ConfigError(f"{section.url} should be as https://provider.example.org/csc/v2")
        if not is_tls and not section.networks:
            raise ConfigError(f"{section.url} should begin with https://")
        networks = [ipaddress.ip_network(one) for one in section.networks]
        self._reactor = reactor
        host = parts.hostname
        self._place = Place(host, parts.port or (443 if is_tls else 80), parts.netloc, is_tls)
        self._path = parts.path.rstrip("/")
        self._token = token
        self._outbound = Outbound(reactor, allowed=networks, timeout_s=TIMEOUT_S, **options)
        self._version: Version | None = None

    async def credentials(self, user: str = "") -> Sequence[str]:
        """Ids of credentials.

        Args:
            user: Whose, as the provider knows them; empty: whose access token it is.

        Raises:
            ProviderRefusedError: The provider says no.
            UnavailableError: It does not answer as it should.
        """
        answer = await self._call("credentials/list", csc.list_body(user))
        return _read(csc.credentials_of, answer.content)

    async def remote(self, credential: str) -> Remote:
        """Return the provider's facts on a credential.

        Raises:
            ProviderRefusedError: It says no, or the credential cannot be used.
            UnavailableError: It does not answer as it should.
        """
        version = await self.version()
        answer = await self._call("credentials/info", csc.asked_for(version, credential))
        return _read(csc.remote_of, version, credential, answer.content)

    async def version(self) -> Version:
        """Return the version of the API; asked once.

        Raises:
            ProviderRefusedError: It is none that we speak.
            UnavailableError: It does not answer as it should.
        """
        if self._version is None:
            self._version = csc.version_of((await self._call("info", {})).content)
        return self._version

    async def challenge(self, remote: Remote) -> None:
        """Have codes sent to the holder, where the credential needs some.

        Raises:
            ProviderRefusedError: The provider says no.
            UnavailableError: It does not answer as it should.
        """
        version = await self.version()
        for field in remote.fields:
            if field.is_challenge:
                await self._call(*csc.challenge_body(version, remote, field))

    async def sign(
        self, remote: Remote, hashes: Sequence[bytes], secrets: Mapping[str, str]
    ) -> Sequence[bytes]:
        """Have SHA-256 signed, by one authorisation that is bound to them.

        Args:
            remote: The credential.
            hashes: What to sign.
            secrets: What its holder said, by the id of the field.

        Raises:
            ProviderRefusedError: The provider says no.
            KeyUnfitError: What it signed is something else.
            UnavailableError: It does not answer as it should; whether it signed is unknown.
        """
        found = await self.authorise(remote, hashes, secrets)
        until_s = self._reactor.seconds() + WAIT_S_MAX
        while isinstance(found, Waiting):
            if self._reactor.seconds() > until_s:
                raise ProviderRefusedError("nobody has agreed at the provider in time")
            await deferLater(self._reactor, POLL_S)
            found = await self.agreed(found)
        return await self.sign_authorised(remote, hashes, found)

    async def authorise(
        self, remote: Remote, hashes: Sequence[bytes], secrets: Mapping[str, str]
    ) -> Authorisation | Waiting:
        """Have the credential's holder authorise signatures of these SHA-256 and of no other.

        Args:
            remote: The credential.
            hashes: What to sign.
            secrets: What its holder said, by the id of the field.

        Raises:
            ProviderRefusedError: The provider says no.
            UnavailableError: It does not answer as it should; whether it authorised is unknown.
        """
        body = csc.authorise_body(await self.version(), remote, hashes, secrets)
        return _authorised(await self._call("credentials/authorize", body))

    async def agreed(self, waiting: Waiting) -> Authorisation | Waiting:
        """Ask whether the holder has agreed meanwhile; pass the last answer.

        Raises:
            ProviderRefusedError: The provider says no, or the holder does.
            UnavailableError: It does not answer as it should; ask again.
        """
        body = {"handle": waiting.handle}
        return _authorised(await self._call("credentials/authorizeCheck", body))

    async def sign_authorised(
        self, remote: Remote, hashes: Sequence[bytes], authorisation: Authorisation
    ) -> Sequence[bytes]:
        """Have SHA-256 signed that its holder has authorised; raises as ``sign``."""
        version = await self.version()
        body = csc.sign_body(version, remote, hashes, authorisation.sad)
        answer = await self._call("signatures/signHash", body)
        found = _read(csc.signatures_of, answer.content, len(hashes))
        certificate = remote.certificates[0]
        return [
            checked(certificate, digest, signature)
            for digest, signature in zip(hashes, found, strict=True)
        ]

    async def _call(self, path: str, body: Mapping[str, Any]) -> _Reply:
        answer = await self._outbound.post(
            self._place, f"{self._path}/{path}", json.dumps(body).encode(), bearer=self._token
        )
        try:
            content = mapping(read_json(answer.body, where="answer")) if answer.body else {}
        except MalformedError:
            content = {}
        if answer.status in (_OK, _WAITING, _NO_CONTENT):
            return _Reply(answer.status, content)
        raise _refusal(answer.status, content)


class RemoteKey:
    """A credential at a provider, as what signs."""

    def __init__(self, client: ProviderClient, remote: Remote, secrets: Mapping[str, str]) -> None:
        """Make it.

        Args:
            client: Of the provider.
            remote: The credential.
            secrets: What its holder said, by the id of the field: good for one signature.

        Raises:
            KeyUnfitError: Its key is of a kind that we don't take.
        """
        certificate, *chain = remote.certificates
        check_key(certificate)
        self.credential = Credential(certificate, chain, KeyHome.PROVIDER)
        self._client = client
        self._remote = remote
        self._secrets = secrets

    async def sign(self, digest: bytes) -> bytes:
        """Sign a SHA-256; see ``SignatureProvider``."""
        [signature] = await self._client.sign(self._remote, [digest], self._secrets)
        return signature


async def chosen(client: ProviderClient, wanted: str | None) -> Remote:
    """The credential to sign with.

    Args:
        client: Of the provider.
        wanted: Its id; None: the only one.

    Raises:
        ProviderRefusedError: There is none, or there are several and none was named.
        UnavailableError: The provider does not answer as it should.
    """
    if wanted is None:
        ids = await client.credentials()
        if len(ids) != 1:
            there = ", ".join(map(said, ids)) or "none"
            raise ProviderRefusedError(f"say which credential signs; there is: {there}")
        [wanted] = ids
    return await client.remote(wanted)


def _read(read: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return read(*args, **kwargs)
    except MalformedError as e:
        raise UnavailableError(
            f"the provider answers in another way than agreed ({e})",
            retry_after_ms=_RETRY_AFTER_MS,
        ) from e


def _authorised(reply: _Reply) -> Authorisation | Waiting:
    sad = _read(csc.sad_of, reply.content)
    return Authorisation(sad) if sad else Waiting(reply.content["handle"])


def _refusal(status: int, content: Mapping[str, Any]) -> ProviderRefusedError | UnavailableError:
    # Version 1 and 2 say `error`, as OAuth does; some providers write it as below.
    code = content.get("error") or content.get("errorCode") or ""
    words = content.get("error_description") or content.get("errorDescription") or code
    if status == _NOT_SIGNED_IN:
        return ProviderRefusedError("the provider does not take the access token: get a new one")
    text = f": {said(words)}" if words else f" ({status})"
    if status == _LATER or status >= _THEIR_FAULT:
        return UnavailableError(
            f"the provider cannot do it now{text}", retry_after_ms=_RETRY_AFTER_MS
        )
    return ProviderRefusedError(f"the provider refuses{text}")
