"""`veche sign`: a person signs with their own key: a PDF here, or as a party in a session.

The key is in a token (`--pkcs11`), at a provider of remote signatures (`--csc`) or in a file
(`--key`); a file that is signed stays here. With `--session` it is the document of a session, see
``sign_session``.
"""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
import ipaddress
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography import x509
from pydantic import ValidationError

from appservices.signing.commands.sign.session import (
    Held,
    SessionSigning,
    ask_link,
    check_can_sign,
    read_link,
)
from appservices.signing.commands.sign.session_client import SessionClient
from appservices.signing.keys import SigningPool
from appservices.signing.keys.core.provider import KeyHome
from appservices.signing.keys.csc import ProviderClient, ProviderSection, RemoteKey, chosen
from appservices.signing.keys.local import key_in_file, key_in_token
from appservices.signing.keys.pades import sign_pdf
from appservices.signing.keys.places import open_token
from appservices.signing.keys.revocation import fetched_proofs
from appservices.signing.keys.stampers import RemoteStamper
from veche.documents.pdf import FILE_BYTES_MAX, PdfError
from veche.protocol.approval import showable
from veche.protocol.errors import ConfigError, RefusedError
from veche.runtime.config.secret_files import read_secret
from veche.runtime.web.outbound import Outbound

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from appservices.signing.keys.core.csc import Remote
    from appservices.signing.keys.core.provider import Credential, SignatureProvider
    from appservices.signing.keys.revocation import Fetch, Fetched

TIMEOUT_S: Final = 30.0
CERTIFICATES_BYTES_MAX: Final = 64 * 1024
_HOMES: Final = {
    KeyHome.FILE: "a key in a file",
    KeyHome.TOKEN: "a key in a token",
    KeyHome.PROVIDER: "a key at a provider",
}


class NotSignedError(RefusedError):
    """The file cannot be signed: it has another form, or is too large."""

    errcode = "ORG.VECHE.NOT_SIGNED"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche sign` to the commands of `veche`."""
    parser = commands.add_parser(
        "sign",
        help="sign a PDF with a token, a provider or a key of yours",
        description="Sign a PDF with a token, a provider or a key of yours.",
    )
    parser.set_defaults(run=run)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the PDF to sign")
    what.add_argument(
        "--session",
        nargs="?",
        const="",
        metavar="LINK",
        help="sign as a party in a session, by the link on your page (default: it is asked for)",
    )
    parser.add_argument(
        "--code", metavar="DIGITS", help="code of the session's document (default: ask for it)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: FILE-signed.pdf")
    parser.add_argument("--field", metavar="NAME", help="where to sign (default: the empty field)")
    parser.add_argument("--tsa", metavar="URL", help="an authority for time stamps (RFC 3161)")
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="NETWORK",
        help="one beside the public Internet in which others may be asked, such as 10.0.0.0/8",
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pkcs11", type=Path, metavar="MODULE", help="library of the token's maker")
    where.add_argument(
        "--csc", metavar="URL", help="a provider's CSC API, such as https://…/csc/v2"
    )
    where.add_argument("--key", type=Path, metavar="FILE", help="a key, PEM")
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="the key's certificate and those above it, PEM; of a token, the one in it by default",
    )
    parser.add_argument("--token", metavar="LABEL", help="label of the token")
    parser.add_argument("--label", metavar="LABEL", help="label of the key in the token")
    parser.add_argument(
        "--credential", metavar="ID", help="credential at the provider (default: the only one)"
    )
    parser.add_argument(
        "--access-token-path",
        type=Path,
        metavar="FILE",
        help="file with your access token for the provider",
    )
    parser.add_argument(
        "--pin-path",
        type=Path,
        metavar="FILE",
        help="file with the token's PIN or the key's passphrase (default: ask for it)",
    )


async def run(reactor: Any, arguments: argparse.Namespace) -> None:
    """Sign the file, or the document of a session (``sign``, ``sign_in_session``)."""
    work = sign if arguments.session is None else sign_in_session
    await work(reactor, arguments)


async def sign_in_session(reactor: Any, arguments: argparse.Namespace) -> None:
    """Sign the document of a session as one of its parties.

    Args:
        reactor: Clock, network and threads.
        arguments: Of the command.

    Raises:
        ConfigError: An option is missing.
        MalformedError: The link is damaged.
        RefusedError: It is another document, or the service or whoever holds the key says no.
        UnavailableError: Whoever is asked does not answer.
    """
    link = read_link(arguments.session or ask_link())
    pool = SigningPool(reactor)
    client = SessionClient(reactor, link.origin, link.session, link.party, link.token)
    outbound = _outbound(reactor, arguments)
    try:
        fetch = _fetching(reactor, outbound)
        signing = SessionSigning(reactor, link, client, pool, fetch, _say)
        view, paper = await signing.read()
        check_can_sign(view)
        signing.show(view)
        if arguments.out is not None:
            _write(arguments.out, paper.whole)
            _say(f"{'to read':<12} {arguments.out}")
        signing.compare(view, arguments.code)
        held = await _held(reactor, pool, arguments)
        clauses = [one for one in view.clauses if one.field]
        if clauses and held.credential.home is KeyHome.PROVIDER:
            raise NotSignedError(
                "this document has clauses that are signed by themselves; a provider signs once:"
                " use a card"
            )
        await signing.approved(held.credential)
        await signing.sign(held, paper)
    except PdfError as e:
        raise NotSignedError(f"the document cannot be signed: {e}") from e
    finally:
        await client.close()
        await pool.close()
    _say(f"{'signed by':<12} {showable(held.credential.name)}, with {_HOMES[held.credential.home]}")


@attrs.frozen
class _Opened:
    """A key that is ready."""

    provider: SignatureProvider

    @property
    def credential(self) -> Credential:
        """Credential of the key's holder."""
        return self.provider.credential

    async def opened(self) -> SignatureProvider:
        """Itself."""
        return self.provider


@attrs.frozen
class _Remote:
    """A credential at a provider, whose holder is asked once it is time to sign."""

    client: ProviderClient
    remote: Remote

    @property
    def credential(self) -> Credential:
        """Credential of the key's holder."""
        return RemoteKey(self.client, self.remote, {}).credential

    async def opened(self) -> SignatureProvider:
        """The key, for one signature; a code is sent, and asked for, now."""
        await self.client.challenge(self.remote)
        return RemoteKey(self.client, self.remote, _said(self.remote))


async def _held(reactor: Any, pool: SigningPool, arguments: argparse.Namespace) -> Held:
    if arguments.csc is None:
        return _Opened(await _provider(reactor, pool, arguments))
    client = _provider_client(reactor, arguments)
    return _Remote(client, await chosen(client, arguments.credential))


async def sign(reactor: Any, arguments: argparse.Namespace) -> None:
    """Sign the file and write it beside.

    Args:
        reactor: Clock, network and threads.
        arguments: Of the command.

    Raises:
        ConfigError: An option is missing, or a file cannot be read or written.
        RefusedError: The file cannot be signed, or whoever holds the key refuses.
        UnavailableError: Whoever is asked does not answer.
    """
    out = arguments.out or arguments.file.with_name(f"{arguments.file.stem}-signed.pdf")
    if out.exists():
        raise ConfigError(f"there is {out} already")
    pdf = _read(arguments.file, FILE_BYTES_MAX)
    if not pdf:
        raise NotSignedError(f"{arguments.file} is empty: there is nothing in it to be signed")
    outbound = _outbound(reactor, arguments)
    stamper = RemoteStamper(outbound, arguments.tsa) if arguments.tsa else None
    pool = SigningPool(reactor)
    try:
        provider = await _provider(reactor, pool, arguments)
        credential, now_ms = provider.credential, int(reactor.seconds() * 1000)
        fetch = _fetching(reactor, outbound) if stamper is not None else None
        signed = await sign_pdf(pool, provider, pdf, now_ms, stamper, arguments.field, fetch)
    except PdfError as e:
        raise NotSignedError(
            f"{arguments.file} cannot be signed: {e}. If nobody has signed it yet, write it anew:"
            " qpdf --object-streams=disable FILE NEW"
        ) from e
    finally:
        await pool.close()
    _write(out, signed)
    sys.stdout.write(
        f"{out}\n{'signed by':<12} {showable(credential.name)}, with {_HOMES[credential.home]}\n"
        f"{'document':<12} SHA-256 {hashlib.sha256(pdf).hexdigest()}\n"
        f"{'when':<12} {'stamped by ' + arguments.tsa if stamper else 'nothing proves it'}\n"
    )


def _fetching(reactor: Any, outbound: Outbound) -> Fetch:
    """Make the fetcher of current proofs about certificates."""

    async def fetch(
        certificates: Sequence[Certificate], roots: Sequence[Certificate] = ()
    ) -> Fetched:
        now = dt.datetime.fromtimestamp(reactor.seconds(), tz=dt.UTC)
        found = await fetched_proofs(outbound, certificates, now, _tell, roots)
        for name in found.missing:
            _tell(f"nobody says now whether the certificate of {name} was revoked")
        return found

    return fetch


async def _provider(
    reactor: Any, pool: SigningPool, arguments: argparse.Namespace
) -> SignatureProvider:
    if arguments.csc is not None:
        return await _at_provider(reactor, arguments)
    chain = _chain(arguments.certificate)
    if arguments.key is not None:
        if not chain:
            raise ConfigError("--key needs --certificate")
        return key_in_file(pool, arguments.key, _passphrase(arguments), chain)
    if arguments.token is None or arguments.label is None:
        raise ConfigError("--pkcs11 needs --token and --label")
    path, is_typed = arguments.pin_path, arguments.pin_path is None
    pin = getpass.getpass(f"PIN of {arguments.token}: ") if path is None else read_secret(path)
    token = open_token(arguments.pkcs11.absolute(), arguments.token, pin, is_typed=is_typed)
    return await pool.run(key_in_token, pool, token, arguments.label, chain)


async def _at_provider(reactor: Any, arguments: argparse.Namespace) -> SignatureProvider:
    client = _provider_client(reactor, arguments)
    return await _Remote(client, await chosen(client, arguments.credential)).opened()


def _provider_client(reactor: Any, arguments: argparse.Namespace) -> ProviderClient:
    given = {"url": arguments.csc, "networks": tuple(arguments.network)}
    try:
        section = ProviderSection.model_validate(given)
    except ValidationError as e:
        raise ConfigError("--csc should be as https://provider.example.org/csc/v2") from e
    path = arguments.access_token_path
    return ProviderClient(reactor, section, "" if path is None else read_secret(path))


def _outbound(reactor: Any, arguments: argparse.Namespace) -> Outbound:
    networks = [_network(one) for one in arguments.network]
    return Outbound(reactor, allowed=networks, timeout_s=TIMEOUT_S)


def _said(remote: Remote) -> dict[str, str]:
    """Ask the holder of a credential for the values that it needs."""
    elsewhere = [field.label for field in remote.fields if field.is_elsewhere]
    if elsewhere:
        sys.stdout.write(f"Agree at the provider now: {', '.join(elsewhere)}\n")
        sys.stdout.flush()
    asked = [field for field in remote.fields if not field.is_elsewhere]
    return {field.id: getpass.getpass(f"{field.label}: ") for field in asked}


def _passphrase(arguments: argparse.Namespace) -> bytes | None:
    """Read the passphrase of the key's file, if it has one."""
    if arguments.pin_path is not None:
        return read_secret(arguments.pin_path).encode()
    if b"ENCRYPTED" in _read(arguments.key, CERTIFICATES_BYTES_MAX):
        return getpass.getpass(f"Passphrase of {arguments.key}: ").encode()
    return None


def _chain(path: Path | None) -> Sequence[x509.Certificate]:
    if path is None:
        return []
    try:
        return x509.load_pem_x509_certificates(_read(path, CERTIFICATES_BYTES_MAX))
    except ValueError as e:
        raise ConfigError(f"{path} has no certificates that can be read: {e}") from e


def _network(text: str) -> Any:
    try:
        return ipaddress.ip_network(text)
    except ValueError as e:
        raise ConfigError(f"{text!r} is no network such as 10.20.0.0/16") from e


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    if len(data) > bytes_max:
        raise NotSignedError(f"{path} is over {bytes_max} bytes")
    return data


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as e:
        raise ConfigError(f"{path} cannot be written: {e.strerror}") from e


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(f"{showable(line)}\n")
