"""The revisions that signing adds to a file: boxes, a signature with its proofs, a closing stamp.

A signer's revision holds the validation data (certificates, lists) *and* the signature, which so
covers its own proofs. A document time stamp, the last thing in the file, covers every byte: the
tail is closed. What is made here is prepared with a hole; the hole is filled once somebody has
signed the digest, so the key can be on a device that this code never sees.

Source: ISO 32000-1 §12.8, ETSI EN 319 142-1 §5.3 and §5.4 (PAdES-B-T, B-LTA).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pdf.appearance import (
    CHARACTERS_MAX,
    lines_of,
    pdf_date,
    picture,
    picture_entries,
    size_of,
    turn_of,
)
from veche.documents.pdf.increment import Increment, references
from veche.documents.pdf.letters import RESOURCE, laid_letters, lay_letters, signature_font
from veche.documents.pdf.pages import page_number
from veche.documents.pdf.values import (
    PdfError,
    array,
    dictionary,
    is_reference,
    reference,
    referred,
    string_text,
    text,
)
from veche.documents.pki.digests import SHA256
from veche.documents.pki.revocation import is_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from veche.documents.pdf.appearance import Look
    from veche.documents.pdf.document import Document
    from veche.documents.pdf.values import Dictionary, Value
    from veche.documents.pki.digests import Hash

FIELDS_MAX: Final = 1000
SIGNATURE_BYTES_MAX: Final = 5000
"""Room for a signature with its time stamp and two certificates: 2.2 to 3.5 kB of them are used."""
STAMP_BYTES_MAX: Final = 2500
_BARE_STAMP_BYTES: Final = 2000
"""Of a time stamp besides the certificates that travel with it; RSA with 4096 bits has 512."""

SIGNATURE: Final = b"/ETSI.CAdES.detached"
STAMP: Final = b"/ETSI.RFC3161"
_BYTE_RANGE: Final = b"[0 %-10d %-10d %-10d]"
_PRINTED_AND_LOCKED: Final = b"132"
_APPEND_ONLY: Final = b"3"
_FORMS_ONLY: Final = b"2"


@attrs.frozen
class Box:
    """Where a signer's field is.

    Attributes:
        field: Its name, unique in the file.
        page: From 0.
        corners: Left, bottom, right, top, in points of the page's own coordinates.
        turn: By how many degrees its page is shown turned: what the box shows is turned back.
    """

    field: str
    page: int
    corners: tuple[float, float, float, float]
    turn: int = 0


@attrs.frozen
class NewField:
    """A field that is made in the revision that signs in it, and shows nothing.

    In a file that others have signed before, boxes cannot be laid any more.

    Attributes:
        name: Of the field, which is not in the file yet.
    """

    name: str


@attrs.frozen
class Proofs:
    """Validation data, DER each; what the file has already is not added again.

    Attributes:
        certificates: The chains up to the roots, with the roots.
        lists: Of revoked certificates, and answers of OCSP responders.
    """

    certificates: Sequence[bytes] = ()
    lists: Sequence[bytes] = ()


@attrs.frozen
class Prepared:
    """A revision with a hole for the signature.

    Attributes:
        data: What is appended to the file; zeros are in the hole.
        digest: SHA-256 of the file with the revision, without the hole: what is signed or stamped.
        hole: Where the hexadecimal digits begin and end in ``data``.
    """

    data: bytes
    digest: bytes
    hole: tuple[int, int]

    def filled(self, signature: bytes) -> bytes:
        """The revision with the signature in its place.

        Args:
            signature: CMS, or a time stamp; DER.

        Raises:
            ValueError: It is larger than the hole.
        """
        start, end = self.hole
        digits = signature.hex().encode()
        if len(digits) > end - start:
            raise ValueError(f"the signature has {len(signature)} bytes, and room is for less")
        return b"".join((self.data[:start], digits.ljust(end - start, b"0"), self.data[end:]))


def lay_boxes(document: Document, boxes: Sequence[Box], *, with_letters: bool = False) -> bytes:
    """The revision with an empty field for each signer, before anybody signs.

    Args:
        document: Nobody has signed it.
        boxes: At least one.
        with_letters: Lay the font too in which signatures can be shown (33 kB).

    Raises:
        PdfError: A page is not there, a field's name is taken, or there are too many.
    """
    increment = Increment(document)
    form_number, form = _form(document, increment)
    fields = array(document.resolve(form.get(b"/Fields", [])), "/Fields")
    taken = {name for name, _ in _fields(document, fields)}
    if len(fields) + len(boxes) > FIELDS_MAX:
        raise PdfError(f"more than {FIELDS_MAX} fields")
    laid: dict[int, list[int]] = {}
    for box in boxes:
        if box.field in taken:
            raise PdfError(f"the file has a field {box.field} already")
        taken.add(box.field)
        page = page_number(document, box.page)
        laid.setdefault(page, []).append(increment.add(_field(box, page)))
    for page, numbers in laid.items():
        _annotate(document, increment, page, numbers)
    added = [number for numbers in laid.values() for number in numbers]
    form = {**form, b"/Fields": [*fields, *references(added)], b"/SigFlags": _APPEND_ONLY}
    if with_letters:
        form = _with_letters(document, increment, form)
    increment.put(form_number, form)
    return increment.write().data


def _with_letters(document: Document, increment: Increment, form: Dictionary) -> Dictionary:
    """The form with the font of signatures among its resources."""
    if laid_letters(form, document.resolve) is not None:
        raise PdfError("the file has the font of signatures already")
    held = document.resolve(form.get(b"/DR", {}))
    known = dictionary(held, "/DR")
    fonts = dictionary(document.resolve(known.get(b"/Font", {})), "/Font")
    font = reference(lay_letters(increment))
    return {**form, b"/DR": {**known, b"/Font": {**fonts, RESOURCE: font}}}


def prepare_signature(
    document: Document,
    field: str | NewField,
    proofs: Proofs,
    signer: str,
    now_ms: int,
    *,
    look: Look | None = None,
    bytes_max: int = SIGNATURE_BYTES_MAX,
) -> Prepared:
    """The revision in which somebody signs in an empty field. The first one certifies the file.

    Args:
        document: With the field, if it is not to be made.
        field: Its name.
        proofs: Of the signer's certificate, the authorities', and the time stamp's.
        signer: Name for readers that show it without the certificate.
        now_ms: The time that readers show besides that of the stamp, UTC.
        look: What is shown in the box with the signer and the time; None shows nothing. Then the
            signer has to be called as in the certificate.
        bytes_max: Room for the signature with its certificates and its time stamp.

    Raises:
        PdfError: There is no such field, it is signed already, or it cannot show a signature; or
            one that is to be made is there.
        MissingLetterError: The font cannot show the signer, the role or the level.
    """
    increment = Increment(document)
    signature = increment.reserve()
    number = 0 if isinstance(field, NewField) else _empty_field(document, field)
    value: Dictionary = {b"/Type": b"/Sig", b"/Name": text(signer), b"/M": pdf_date(now_ms)}
    if look is not None:
        value[b"/Reason"] = text(look.reason)
    if not is_signed(document):
        _set_in_catalog(document, increment, b"/Perms", {b"/DocMDP": reference(signature)})
        value[b"/Reference"] = [_CERTIFIES]
    if isinstance(field, NewField):
        _add_invisible(document, increment, field.name, signature)
    _put_store(document, increment, proofs)
    if isinstance(field, NewField):
        return _with_hole(document, increment, signature, (value, SIGNATURE, bytes_max))
    held = document.dictionary(number, "a field")
    signed = {**held, b"/V": reference(signature)}
    if look is not None:
        if b"/AP" in held:
            raise PdfError(f"the field {field} shows something already")
        drawn = _draw(document, increment, held, value)
        signed[b"/AP"] = {b"/N": reference(drawn)}
    increment.put(number, signed)
    return _with_hole(document, increment, signature, (value, SIGNATURE, bytes_max))


def can_be_shown(document: Document, field: str, texts: Sequence[str]) -> bool:
    """Return whether the box of an empty field can show a signature with these words.

    Args:
        document: With the field.
        field: Its name.
        texts: Name, role, level.

    Raises:
        PdfError: There is no such field, or it is signed already.
    """
    held = document.dictionary(_empty_field(document, field), "a field")
    try:
        size_of(held.get(b"/Rect"), turn_of(held))
        catalog = document.dictionary(document.root, "the catalog")
        form = dictionary(document.resolve(catalog.get(b"/AcroForm")), "/AcroForm")
        has_font = laid_letters(form, document.resolve) is not None
    except PdfError:
        return False
    fit = all(0 < len(one) <= CHARACTERS_MAX and signature_font().can_show(one) for one in texts)
    return has_font and fit and b"/AP" not in held


def _draw(document: Document, increment: Increment, box: Dictionary, signature: Dictionary) -> int:
    """Add the picture of a signature; its number."""
    catalog = document.dictionary(document.root, "the catalog")
    form = dictionary(document.resolve(catalog.get(b"/AcroForm")), "/AcroForm")
    font = referred(laid_letters(form, document.resolve), "the font of signatures in /DR")
    turn = turn_of(box)
    size = size_of(box.get(b"/Rect"), turn)
    content = picture(size, lines_of(signature), signature_font())
    return increment.add_stream(content, picture_entries(size, font, turn))


def room_for_stamp(certificates: Sequence[bytes]) -> int:
    """Room for a time stamp of an authority with these certificates, and those above it, DER."""
    return max(STAMP_BYTES_MAX, sum(map(len, certificates)) + _BARE_STAMP_BYTES)


def room_for_signature(certificates: Sequence[bytes]) -> int:
    """Room for a signature with such a stamp, all of whose certificates are among these, DER."""
    stamp = sum(map(len, certificates)) + _BARE_STAMP_BYTES
    return max(SIGNATURE_BYTES_MAX, SIGNATURE_BYTES_MAX - STAMP_BYTES_MAX + stamp)


def prepare_closing(
    document: Document,
    field: str,
    proofs: Proofs,
    *,
    bytes_max: int = STAMP_BYTES_MAX,
    by: Hash = SHA256,
) -> Prepared:
    """The revision with a document time stamp: closes the tail, and later renews it.

    Args:
        document: What is closed.
        field: Name for the stamp's field, not in the file yet.
        proofs: That were not known when the signers signed.
        bytes_max: Room for the stamp with its certificates.
        by: The hash of what is stamped.

    Raises:
        PdfError: The field's name is taken.
    """
    increment = Increment(document)
    stamp = increment.reserve()
    _add_invisible(document, increment, field, stamp)
    if proofs.certificates or proofs.lists:
        _put_store(document, increment, proofs)
    value: Dictionary = {b"/Type": b"/DocTimeStamp"}
    return _with_hole(document, increment, stamp, (value, STAMP, bytes_max), by)


def _add_invisible(document: Document, increment: Increment, field: str, value: int) -> None:
    """Add a field that shows nothing, with the signature that it has."""
    form_number, form = _form(document, increment)
    fields = array(document.resolve(form.get(b"/Fields", [])), "/Fields")
    if any(name == field for name, _ in _fields(document, fields)):
        raise PdfError(f"the file has a field {field} already")
    page = page_number(document, 0)
    widget: Dictionary = {**_field(Box(field, 0, (0, 0, 0, 0)), page), b"/V": reference(value)}
    number = increment.add(widget)
    _annotate(document, increment, page, [number])
    form = {**form, b"/Fields": [*fields, reference(number)], b"/SigFlags": _APPEND_ONLY}
    increment.put(form_number, form)


def form_fields(document: Document) -> list[tuple[str, int]]:
    """Names and object numbers of the fields at the top of the form, in its order.

    Raises:
        PdfError: The form is none that we read.
    """
    catalog = document.dictionary(document.root, "the catalog")
    form = document.resolve(catalog.get(b"/AcroForm"))
    if form is None:
        return []
    fields = dictionary(form, "/AcroForm").get(b"/Fields", [])
    return list(_fields(document, array(document.resolve(fields), "/Fields")))


def is_signed(document: Document) -> bool:
    """Return whether a field of the form has a signature."""
    return any(
        b"/V" in (held := document.dictionary(number, "a field")) and held.get(b"/FT") == b"/Sig"
        for _, number in form_fields(document)
    )


def _fields(document: Document, fields: list[Value]) -> Iterator[tuple[str, int]]:
    for one in fields:
        number = referred(one, "a field")
        held = document.dictionary(number, "a field")
        yield string_text(held.get(b"/T"), "the name of a field"), number


def _form(document: Document, increment: Increment) -> tuple[int, Dictionary]:
    """The form and the number of its object, which is made if there is none of its own."""
    catalog = document.dictionary(document.root, "the catalog")
    held = catalog.get(b"/AcroForm")
    if is_reference(held):
        number = referred(held, "/AcroForm")
        return number, document.dictionary(number, "/AcroForm")
    number = increment.reserve()
    _set_in_catalog(document, increment, b"/AcroForm", reference(number))
    return number, dictionary(held, "/AcroForm") if held is not None else {}


def _field(box: Box, page: int) -> Dictionary:
    turned: Dictionary = {b"/MK": {b"/R": b"%d" % box.turn}} if box.turn else {}
    return {
        b"/Type": b"/Annot",
        b"/Subtype": b"/Widget",
        b"/FT": b"/Sig",
        b"/T": text(box.field),
        b"/F": _PRINTED_AND_LOCKED,
        b"/Rect": [_real(one) for one in box.corners],
        **turned,
        b"/P": reference(page),
    }


def _real(number: float) -> bytes:
    return f"{number:.2f}".rstrip("0").rstrip(".").encode()


def _annotate(document: Document, increment: Increment, page: int, numbers: list[int]) -> None:
    held = document.dictionary(page, "a page")
    notes = held.get(b"/Annots", [])
    if is_reference(notes):
        number = referred(notes, "/Annots")
        there = array(document.object(number).value, "/Annots")
        increment.put(number, [*there, *references(numbers)])
    else:
        increment.put(page, {**held, b"/Annots": [*array(notes, "/Annots"), *references(numbers)]})


def _empty_field(document: Document, name: str) -> int:
    for field, number in form_fields(document):
        if field == name:
            held = document.dictionary(number, "a field")
            if held.get(b"/FT") != b"/Sig":
                raise PdfError(f"the field {name} is none for a signature")
            if b"/V" in held:
                raise PdfError(f"the field {name} is signed already")
            return number
    raise PdfError(f"there is no field {name}")


def _set_in_catalog(document: Document, increment: Increment, key: bytes, value: Value) -> None:
    catalog = increment.dictionary(document.root, "the catalog")
    if catalog.get(key) != value:
        increment.put(document.root, {**catalog, key: value})


def _put_store(document: Document, increment: Increment, proofs: Proofs) -> None:
    """Add the proofs to the document security store."""
    held = document.dictionary(document.root, "the catalog").get(b"/DSS")
    number = referred(held, "/DSS") if held is not None else increment.reserve()
    store = dict(document.dictionary(number, "/DSS")) if held is not None else {}
    answers = [one for one in proofs.lists if is_answer(one)]
    lists = [one for one in proofs.lists if not is_answer(one)]
    keys = ((b"/Certs", proofs.certificates), (b"/CRLs", lists), (b"/OCSPs", answers))
    for key, wanted in keys if answers else keys[:2]:
        there = array(document.resolve(store.get(key, [])), key.decode())
        known = set(stored(document, key))
        new = [one for one in dict.fromkeys(wanted) if one not in known]
        store[key] = [*there, *references([increment.add_stream(one) for one in new])]
    increment.put(number, store)
    _set_in_catalog(document, increment, b"/DSS", reference(number))


def stored(document: Document, key: bytes) -> Iterator[bytes]:
    """List the contents of the document security store.

    Args:
        document: The file.
        key: ``/Certs``, ``/CRLs`` or ``/OCSPs``.

    Raises:
        PdfError: It is not of the form that we read; streams in it are not compressed.
    """
    catalog = document.dictionary(document.root, "the catalog")
    if b"/DSS" not in catalog:
        return
    store = dictionary(document.resolve(catalog[b"/DSS"]), "/DSS")
    for one in array(document.resolve(store.get(key, [])), key.decode()):
        held = document.object(referred(one, "what the security store has"))
        if held.data is None or b"/Filter" in dictionary(held.value, "a stream"):
            raise PdfError("the security store has what is no plain stream")
        yield document.pdf[slice(*held.data)]


_CERTIFIES: Final[Dictionary] = {
    b"/Type": b"/SigRef",
    b"/TransformMethod": b"/DocMDP",
    b"/TransformParams": {b"/Type": b"/TransformParams", b"/P": _FORMS_ONLY, b"/V": b"/1.2"},
}


def _with_hole(
    document: Document,
    increment: Increment,
    number: int,
    signature: tuple[Dictionary, bytes, int],
    by: Hash = SHA256,
) -> Prepared:
    """Finish the revision: the hole is where ``/Contents`` is, the range is all but the hole."""
    entries, kind, size = signature
    hole = b"<%b>" % (b"0" * (2 * size))
    unknown = _BYTE_RANGE % (0, 0, 0)
    increment.put(
        number,
        {
            **entries,
            b"/Filter": b"/Adobe.PPKLite",
            b"/SubFilter": kind,
            b"/ByteRange": unknown,
            b"/Contents": hole,
        },
    )
    written = increment.write()
    start = written.data.index(hole, written.places[number])
    end = start + len(hole)
    base = len(document.pdf)
    known = _BYTE_RANGE % (base + start, base + end, len(written.data) - end)
    at = written.data.index(unknown, written.places[number])
    head = written.data[:at] + known + written.data[at + len(known) : start]
    digest = by.digest(document.pdf, head, memoryview(written.data)[end:])
    return Prepared(head + written.data[start:], digest, (start + 1, end - 1))
