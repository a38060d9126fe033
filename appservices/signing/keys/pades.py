"""Signing a PDF by a key, wherever it is: the revision is made here, the key gets a digest.

Source: PAdES B-B, B-T and B-LTA (ETSI EN 319 142-1 §6.3).
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from veche.documents.pdf import Document, PdfError
from veche.documents.pdf.signing import (
    SIGNATURE_BYTES_MAX,
    Box,
    NewField,
    Proofs,
    can_be_shown,
    form_fields,
    is_signed,
    lay_boxes,
    prepare_closing,
    prepare_signature,
)
from veche.documents.pki.cms import Signer, der_of, read_signed_data
from veche.documents.pki.stamps import read_token
from veche.documents.pki.stated import may_stamp, read_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.x509 import Certificate

    from appservices.signing.keys.core.provider import SignatureProvider
    from appservices.signing.keys.pool import SigningPool
    from appservices.signing.keys.revocation import Fetch
    from veche.documents.pdf import Look
    from veche.documents.pdf.signing import Prepared

FIELD: Final = "Signature"
CLOSING: Final = "Closed"
STAMP_BYTES_MAX: Final = 15_000
"""Room for a time stamp of others, with the certificates of theirs."""
_SIGNATURE_BYTES: Final = 1_500
"""Of a signature besides its certificates and its time stamp; RSA with 4096 bits has 512."""


class Stamper(Protocol):
    """An authority for time stamps."""

    async def stamp(self, imprint: bytes) -> bytes:
        """A token over a SHA-256.

        Raises:
            UnavailableError: It does not answer as it should.
        """


async def sign_pdf(
    pool: SigningPool,
    provider: SignatureProvider,
    pdf: bytes,
    now_ms: int,
    stamper: Stamper | None = None,
    field: str | None = None,
    fetch: Fetch | None = None,
) -> bytes:
    """The file with one more signature; what was there before is not touched.

    Args:
        pool: Threads for the work on the file.
        provider: The key.
        pdf: In the sealed profile.
        now_ms: The time that readers show besides that of a stamp, UTC.
        stamper: Says when; with one, the file is closed by a stamp too. None: nothing says when.
        field: Where to sign; None: in the only empty field, else in one that is not seen.
        fetch: Gets the proofs about the signer's and the stamper's certificates that are put in;
            None: none are.

    Raises:
        PdfError: The file is outside the profile, or has no such field.
        RefusedError: Whoever holds the key refuses.
        UnavailableError: Whoever holds the key, or stamps, does not answer.
    """
    credential = provider.credential
    above = credential.chain
    lists = await _lists([credential.certificate, *above], fetch)
    proofs = Proofs([der_of(one) for one in above], lists)
    base, name = await pool.run(_with_field, pdf, field)
    added = await sign_revision(pool, provider, base, Place(name, proofs), now_ms, stamper)
    signed = base + added.data
    if stamper is None:
        return signed
    token = read_signed_data(added.cms).token or b""
    sent = read_token(token).signed.certificates
    held = [one for one in map(read_certificate, sent) if one is not None]
    stampers = sorted(held, key=may_stamp, reverse=True)  # Their order in a token is any.
    about = Proofs(sent, await _lists(stampers, fetch, above))
    return await _closed(pool, signed, stamper, about)


@attrs.frozen
class Place:
    """Where somebody signs, and what goes with it.

    Attributes:
        field: To sign in.
        proofs: That are put in beside the signature.
        look: What the box shows, if it can; None: nothing.
    """

    field: str | NewField
    proofs: Proofs
    look: Look | None = None


@attrs.frozen
class Added:
    """A revision with a signature.

    Attributes:
        data: What is appended to the file.
        cms: The signature in it, DER.
        digest: SHA-256 of all that it covers.
    """

    data: bytes = attrs.field(repr=False)
    cms: bytes = attrs.field(repr=False)
    digest: bytes


async def sign_revision(
    pool: SigningPool,
    provider: SignatureProvider,
    pdf: bytes,
    place: Place,
    now_ms: int,
    stamper: Stamper | None,
) -> Added:
    """The revision with one signature in a field, and no more.

    Args:
        pool: Threads for the work on the file.
        provider: The key.
        pdf: In the sealed profile.
        place: Where to sign.
        now_ms: The time that readers show besides that of a stamp, UTC.
        stamper: Says when; None: nothing does.

    Raises:
        PdfError: The file is outside the profile, or has no such field.
        RefusedError: Whoever holds the key refuses.
        UnavailableError: Whoever holds the key, or stamps, does not answer.
    """
    credential = provider.credential
    chain = [credential.certificate, *credential.chain]
    size = sum(len(der_of(one)) for one in chain) + _SIGNATURE_BYTES
    room = max(SIGNATURE_BYTES_MAX, size + (STAMP_BYTES_MAX if stamper else 0))
    prepared = await pool.run(_prepared, pdf, place, credential.name, now_ms, room)
    signer = Signer(chain[0], chain[1:])
    attributes = signer.signed_attributes(prepared.digest)
    signature = await provider.sign(hashlib.sha256(attributes).digest())
    token = b""
    if stamper is not None:
        token = await stamper.stamp(hashlib.sha256(signature).digest())
    cms = signer.detached(attributes, signature, token)
    return Added(prepared.filled(cms), cms, prepared.digest)


async def _lists(
    certificates: Sequence[Certificate], fetch: Fetch | None, known: Sequence[Certificate] = ()
) -> Sequence[bytes]:
    """Collect proofs about certificates, below those that have some already."""
    return () if fetch is None else (await fetch(certificates, known)).proofs


async def _closed(pool: SigningPool, pdf: bytes, stamper: Stamper, proofs: Proofs) -> bytes:
    closing = await pool.run(_prepared_closing, pdf, proofs)
    return pdf + closing.filled(await stamper.stamp(closing.digest))


def _with_field(pdf: bytes, wanted: str | None) -> tuple[bytes, str]:
    """The file with a field to sign in, and its name."""
    document = Document(pdf)
    fields = form_fields(document)
    if wanted is not None:
        return pdf, wanted
    empty = [name for name, number in fields if _is_empty(document, number)]
    if len(empty) == 1:
        return pdf, empty[0]
    if empty:
        raise PdfError(f"say which field is yours: {', '.join(empty)}")
    if is_signed(document):
        raise PdfError("it is signed, and no field is left empty for you")
    name = _free_name(FIELD, (name for name, _ in fields))
    return pdf + lay_boxes(document, [Box(name, 0, (0, 0, 0, 0))]), name


def _is_empty(document: Document, number: int) -> bool:
    held = document.dictionary(number, "a field")
    return held.get(b"/FT") == b"/Sig" and b"/V" not in held


def _prepared(pdf: bytes, place: Place, name: str, now_ms: int, room: int) -> Prepared:
    document, field, look = Document(pdf), place.field, place.look
    if look is not None:
        is_new = isinstance(field, NewField)
        words = (name, look.role, look.level)
        look = None if is_new or not can_be_shown(document, str(field), words) else look
    return prepare_signature(document, field, place.proofs, name, now_ms, look=look, bytes_max=room)


def _prepared_closing(pdf: bytes, proofs: Proofs) -> Prepared:
    document = Document(pdf)
    name = _free_name(CLOSING, (name for name, _ in form_fields(document)))
    return prepare_closing(document, name, proofs, bytes_max=STAMP_BYTES_MAX)


def _free_name(begins: str, taken: Iterable[str]) -> str:
    known = set(taken)
    names = itertools.chain([begins], (f"{begins}{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in known)
