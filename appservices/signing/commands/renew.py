"""`veche renew`: another time stamp on signed files, before the last one ends to prove anything.

Whoever has a copy can do it, at any authority for time stamps that those who check will trust. A
file that is not proven is not renewed: a stamp makes nothing true that was not.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from appservices.signing.keys.core.foreign_stamps import token_of_anybody
from appservices.signing.renewal.core import Stamper
from appservices.signing.renewal.sandboxed import Known, renew_file
from veche.documents.pki.asking import questions_about
from veche.documents.pki.cms import CMS_BYTES_MAX, CmsError
from veche.documents.pki.digests import HASHES, SHA256, hash_named
from veche.documents.pki.stamps import StampRequest, read_token
from veche.documents.pki.stated import addresses_of, read_certificate
from veche.documents.signed_file import FILE_BYTES_MAX, file_questions, lasting_addresses
from veche.protocol.addresses import split_address
from veche.protocol.errors import ConfigError, UnavailableError, VecheError
from veche.runtime.files.sandbox import SandboxError, in_sandbox
from veche.runtime.files.signed_files import (
    TIMEOUT_S,
    fetch_answers,
    fetch_lists,
    read_file,
    read_roots,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from veche.documents.pki.digests import Hash

NONCE_BITS: Final = 64
_RETRY_AFTER_MS: Final = 5_000


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche renew` to the commands of `veche`."""
    parser = commands.add_parser(
        "renew",
        help="put another time stamp on signed files, for years to come",
        description="Put another time stamp on signed files, for years to come. The files are"
        " changed where they are: each gets newer proofs and a time stamp at its end. Exit code 0:"
        " all are renewed; 1: one is not, and as it was.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="PDF or container")
    parser.add_argument(
        "--tsa",
        required=True,
        metavar="URL",
        help="authority for time stamps, such as https://…/_veche/signing/v1/tsa",
    )
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        required=True,
        type=Path,
        metavar="FILE",
        help="certificate of an authority that you believe; may be repeated",
    )
    parser.add_argument(
        "--hash",
        choices=[one.name for one in HASHES],
        default=SHA256.name,
        help="of the stamp; with sha512 files stay proven when SHA-256 is believed no more, if the"
        " authority stamps so (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run `veche renew`: 0 if all files are renewed."""
    roots = [one.public_bytes(Encoding.DER) for one in read_roots(arguments.root)]
    stamper = remote_stamper(arguments.tsa, hash_named(arguments.hash))
    failures = 0
    for path in arguments.files:
        try:
            until = _renew(path, roots, stamper)
        except (VecheError, SandboxError, OSError) as e:
            sys.stderr.write(f"{path}: {e}\n")
            failures += 1
        else:
            sys.stdout.write(f"{path}: renewed, provable until {until:%Y-%m-%d}\n")
    return 1 if failures else 0


def remote_stamper(url: str, by: Hash = SHA256) -> Stamper:
    """An authority for time stamps; it is asked at once for its certificate.

    Args:
        url: Where it is asked.
        by: The hash of what it stamps.

    Raises:
        ConfigError: It is no address of HTTP.
        UnavailableError: It does not answer, or with no time stamp of our form.
    """
    if split_address(url).scheme not in ("http", "https"):
        raise ConfigError(f"{url} should be as https://services.example.org/_veche/signing/v1/tsa")

    def token(imprint: bytes) -> bytes:
        return _asked(url, StampRequest(imprint, secrets.randbits(NONCE_BITS), by))

    try:
        certificates = read_token(token(by.digest())).signed.certificates
    except CmsError as e:
        raise UnavailableError(f"{url}: {e}", retry_after_ms=_RETRY_AFTER_MS) from e
    return Stamper(certificates, token, by)


def _asked(url: str, request: StampRequest) -> bytes:
    head = {"Content-Type": "application/timestamp-query"}
    asked = urllib.request.Request(url, request.encoded(), head)  # noqa: S310 -- checked before
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
            return token_of_anybody(answer.read(CMS_BYTES_MAX), request)
    except (OSError, ValueError) as e:
        raise UnavailableError(f"{url}: {e}", retry_after_ms=_RETRY_AFTER_MS) from e


def _renew(path: Path, roots: Sequence[bytes], stamper: Stamper) -> dt.datetime:
    """Renew a file where it is; until when it is provable then."""
    data = read_file(path, FILE_BYTES_MAX)
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 -- the clock of a command
    known = [one for one in map(read_certificate, stamper.certificates) if one is not None]
    own = [address for one in known for address in addresses_of(one)]
    lists = fetch_lists([*own, *in_sandbox(lasting_addresses, data)])
    above = [*known, *filter(None, map(read_certificate, roots))]
    questions = [
        *questions_about(known, above),
        *in_sandbox(file_questions, data, roots, is_lasting=True),
    ]
    lists += fetch_answers(list(dict.fromkeys(questions)))
    renewed, report = renew_file(data, Known(roots, int(now.timestamp() * 1000), lists), stamper)
    _replace(path, renewed)
    return dt.datetime.fromtimestamp((report.proven_until_ms or 0) / 1000, dt.UTC)


def _replace(path: Path, data: bytes) -> None:
    """The new file in the place of the old one, which stays whole until then."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            beside.chmod(path.stat().st_mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
