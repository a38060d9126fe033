"""Somebody who makes files of attackers: with what they signed themselves, or what others did.

The attacker may be a signer, with a key and a certificate that are good: what a range or a
certification lacks is then all that there is to be found.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.forgery import increment, objects, page
from tests.support.signing import Office, Person, ms, with_boxes
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Proofs, prepare_closing, prepare_signature
from veche.documents.pdf.structure import revisions
from veche.documents.pdf.values import PdfError
from veche.documents.pki.cms import Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

HONEST: Final = "Pay 100 EUR to Bob"
"""What people sign."""
SPAN: Final = re.compile(rb"/ByteRange \[[^\]]*\]")
_HOLE: Final = re.compile(rb"/\w+ <([0-9A-Fa-f]{4000,})>")


@functools.cache
def office() -> Office:
    """Whose certificates all of these have."""
    return Office()


def closed(pdf: bytes) -> bytes:
    """The same with its closing stamp, as far as our own writer takes it."""
    try:
        return office().close(pdf)
    except PdfError:
        return pdf


@functools.cache
def signed(document: bytes) -> bytes:
    """What one person signed, with its closing stamp."""
    boxed = with_boxes(document, ["Sig1"])
    return office().close(office().person("Alice", boxed).sign(boxed, "Sig1"))


def _same(data: bytes) -> bytes:
    return data


@attrs.frozen
class Cms:
    """What a signature is made of, each part as the signer likes it.

    Attributes:
        digest: What it says that it covers.
        token: The time stamp in it.
        whole: All of it.
    """

    digest: Callable[[bytes], bytes] = _same
    token: Callable[[bytes], bytes] = _same
    whole: Callable[[bytes], bytes] = _same


def by_signer(
    change: Callable[[bytes], bytes],
    field: str = "Sig1",
    base: bytes = b"",
    name: str = "Signer",
    *,
    cms: Cms | None = None,
) -> bytes:
    """What somebody signed whose program writes the revision as it likes.

    Args:
        change: Of the revision before its range is read and signed; as long as before.
        field: Where they sign.
        base: What they sign; empty: a page with two boxes.
        name: As readers show it without the certificate.
        cms: How the signature is made; None: as it should be.
    """
    original = with_boxes(page(HONEST), ["Sig1", "Sig2"])
    person = office().person("Bob", original)
    before = base or original
    proofs = office().proofs(person.certificate, office().now)
    prepared = prepare_signature(Document(before), field, proofs, name, ms(office().now))
    data = change(prepared.data)
    assert len(data) == len(prepared.data)
    whole = before + data
    return _filled(person, whole, len(before), cms or Cms())


def _filled(person: Person, whole: bytes, at: int, cms: Cms) -> bytes:
    """The file with a signature over its range in the hole after a place; if there is one."""
    if (hole := _HOLE.search(whole, at)) is None:
        return whole
    digest = hashlib.sha256(covered(whole)).digest()
    signer = Signer(person.certificate, [office().issuing.certificate])
    attributes = signer.signed_attributes(cms.digest(digest))
    signature = person.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
    token = cms.token(office().token(hashlib.sha256(signature).digest(), office().now))
    digits = cms.whole(signer.detached(attributes, signature, token)).hex().encode()
    start, end = hole.span(1)
    return whole[:start] + digits.ljust(end - start, b"0") + whole[end:]


def _ranged(pdf: bytes, at: int) -> tuple[bytes, bytes]:
    """The file with the right range for the hole after a place; and what that covers."""
    hole = _HOLE.search(pdf, at)
    span = SPAN.search(pdf, at)
    assert hole is not None
    assert span is not None
    start, end = hole.start(1) - 1, hole.end(1) + 1
    words = b"/ByteRange [0 %d %d %d" % (start, end, len(pdf) - end)
    whole = pdf.replace(span[0], words.ljust(len(span[0]) - 1) + b"]")
    return whole, whole[:start] + whole[end:]


def crowded(count: int) -> bytes:
    """A document with as many values besides its streams."""
    few = sum(
        one.values for one in revisions(Document(page(HONEST, {6: b"[]"})))[0].objects.values()
    )
    return page(HONEST, {6: b"[%b]" % (b"1 " * (count - few))})


Change = Callable[[bytes, dict[int, bytes]], None]
"""What is done with the objects of a revision, by their numbers; the file before it is given."""


def with_objects(change: Change) -> Callable[[], bytes]:
    """The second signature of a file, in whose revision are other objects; signed as it is."""

    def make() -> bytes:
        original = with_boxes(page(HONEST), ["Sig1", "Sig2"])
        before = office().person("Alice", original).sign(original, "Sig1")
        person = office().person("Bob", original)
        proofs = office().proofs(person.certificate, office().now)
        prepared = prepare_signature(Document(before), "Sig2", proofs, "Signer", ms(office().now))
        held = dict(objects(prepared.data))
        change(before, held)
        whole, _ = _ranged(increment(before, held), len(before))
        return closed(_filled(person, whole, len(before), Cms()))

    return make


def with_stamp_objects(change: Change, document: bytes = b"") -> Callable[[], bytes]:
    """The closing stamp of a file, in whose revision are other objects; over it as it is.

    Args:
        change: Makes them others.
        document: That was signed; empty: a page.
    """

    def make() -> bytes:
        before = signed_once(document)
        held = dict(objects(prepare_closing(Document(before), "Seal1", Proofs()).data))
        change(before, held)
        whole, rest = _ranged(increment(before, held), len(before))
        token = office().token(hashlib.sha256(rest).digest(), office().now).hex().encode()
        hole = _HOLE.search(whole, len(before))
        assert hole is not None
        start, end = hole.span(1)
        return whole[:start] + token.ljust(end - start, b"0") + whole[end:]

    return make


def covered(pdf: bytes) -> bytes:
    """What the last signature covers, as far as there is such a thing."""
    spans = SPAN.findall(pdf)
    numbers = [int(one) for one in re.findall(rb"-?\d+", spans[-1] if spans else b"")]
    if len(numbers) % 2 or min(numbers, default=-1) < 0:
        return b""
    return b"".join(
        pdf[at : at + length] for at, length in zip(numbers[::2], numbers[1::2], strict=True)
    )


def with_range(words: Callable[[list[int]], str]) -> Callable[[], bytes]:
    """A signature that is good for another range, made from the numbers of the right one."""

    def change(data: bytes) -> bytes:
        found = SPAN.search(data)
        assert found is not None
        numbers = [int(one) for one in re.findall(rb"\d+", found[0])]
        text = f"/ByteRange [{words(numbers)}".encode()
        return data.replace(found[0], text.ljust(len(found[0]) - 1) + b"]", 1)

    return lambda: closed(by_signer(change))


def with_words(old: bytes, new: bytes) -> Callable[[], bytes]:
    """A signature whose dictionary has other words, before it is signed."""

    def change(data: bytes) -> bytes:
        assert old in data
        assert len(new) == len(old)
        return data.replace(old, new, 1)

    return lambda: closed(by_signer(change))


def with_cms(cms: Cms) -> Callable[[], bytes]:
    """A signature that is made otherwise, over the right bytes."""
    return lambda: closed(by_signer(_same, cms=cms))


def with_contents(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """A signature in whose hole is something else; the rest of the file is honest."""

    def make() -> bytes:
        pdf = closed(by_signer(lambda data: data))
        [(start, end)] = [
            one.span(0) for one in re.finditer(rb"<[0-9A-Fa-f]{8000,}>", pdf)
        ]  # The stamp's is smaller.
        held = change(pdf[start:end])
        assert len(held) <= end - start
        return pdf[:start] + held.ljust(end - start) + pdf[end:]

    return make


def relisted(pdf: bytes, places: Mapping[int, int], ends: str = "n") -> bytes:
    """A revision without objects, whose table says that numbers are elsewhere in the file."""
    previous = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    size = max(map(int, re.findall(rb"/Size (\d+)", pdf)))
    rows = b"".join(
        b"%d 1\n%010d 00000 %b \n" % (number, at, ends.encode()) for number, at in places.items()
    )
    tail = b"trailer\n<</Root 1 0 R/Size %d/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return pdf + b"xref\n" + rows + tail % (size, previous, len(pdf))


@functools.cache
def signed_once(document: bytes = b"") -> bytes:
    """A signature, and nothing after it; of a page, or of another document."""
    boxed = with_boxes(document or page(HONEST), ["Sig1"])
    return office().person("Alice", boxed).sign(boxed, "Sig1")
