"""Attacks on signed PDF files that have a name in the literature, each as a file.

Shadow attacks prepare a document before it is signed; incremental saving and wrapping move what
is signed; of a forged signature something is missing that a careless verifier does not miss. Here
the attacker may be a signer too, with a key and a certificate that are good: what a range or a
certification lacks is then all that there is to be found.

Source: Mladenov et al., "1 Trillion Dollar Refund" (CCS 2019) and "Shadow Attacks" (NDSS 2021);
Rohlmann et al., "Breaking the Specification: PDF Certification" (S&P 2021).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from tests.support.additions import ADDED, noted_elsewhere
from tests.support.attackers import (
    HONEST,
    SPAN,
    Cms,
    by_signer,
    closed,
    office,
    relisted,
    signed,
    signed_once,
    with_cms,
    with_contents,
    with_range,
    with_stamp_objects,
    with_words,
)
from tests.support.far_objects import COVER, LOOK, covered, fewer_objects
from tests.support.forgery import FORGED, again, find, increment, newest, page, stream
from tests.support.signing import with_boxes
from veche.documents.pdf.structure import SIZE_MAX
from veche.documents.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable


_HIDDEN_PAGE: Final = {
    6: b"<</Type/Pages/Kids[7 0 R]/Count 1>>",
    7: b"<</Type/Page/Parent 6 0 R/MediaBox[0 0 595 842]/Contents 8 0 R"
    b"/Resources<</Font<</F1 5 0 R>>>>>>",
    8: FORGED,
}
_FIELD: Final = (
    b"<</FT/Tx/T(sum)/V(100)/Type/Annot/Subtype/Widget/F 4/Rect[60 600 200 630]/P 3 0 R"
    b"/AP<</N 7 0 R>>>>"
)


@functools.cache
def _two_pages() -> bytes:
    """A document with a page that nothing refers to."""
    return page(HONEST, _HIDDEN_PAGE)


@functools.cache
def _covered_words() -> bytes:
    """One in which a picture covers what the page says."""
    honest = page("Pay 9999 EUR to Mallory", {6: COVER, 7: stream(b"1 g 0 0 510 60 re f", LOOK)})
    return again(honest, b"/Contents 4 0 R", b"/Annots[6 0 R]/Contents 4 0 R")


@functools.cache
def _with_form() -> bytes:
    """One with a field for a sum, which is filled in."""
    more = {6: _FIELD, 7: stream(b"BT /F1 12 Tf (100) Tj ET", LOOK)}
    catalog = b"/AcroForm<</Fields[6 0 R]/DR<</Font<</F1 5 0 R>>>>/DA(/F1 12 Tf)>>"
    return again(
        page("Pay what is below", more, catalog),
        b"/Contents 4 0 R",
        b"/Annots[6 0 R]/Contents 4 0 R",
    )


DOCUMENTS: Final[dict[str, Callable[[], bytes]]] = {
    "a page": lambda: page(HONEST),
    "a page with numbers that all readers know": lambda: covered(SIZE_MAX - 20),
    "a page, and one that is hidden": _two_pages,
    "words that a picture covers": _covered_words,
    "a form that is filled in": _with_form,
}
"""What is attacked: honest, or prepared by an attacker for others to sign."""


def _changed(
    document: Callable[[], bytes], has: bytes, old: bytes, new: bytes
) -> Callable[[], bytes]:
    """An object of what was signed has something else in a later, well-formed revision."""

    def make() -> bytes:
        number, _ = find(signed(document()), has)
        body = newest(signed(document()), number)
        assert old in body
        return increment(signed(document()), {number: body.replace(old, new)})

    return make


def _put(document: Callable[[], bytes], number: int, body: bytes) -> Callable[[], bytes]:
    return lambda: increment(signed(document()), {number: body})


def _relisted(document: Callable[[], bytes], number: int, other: int) -> Callable[[], bytes]:
    """The table of a later revision says that an object is where another one is."""

    def make() -> bytes:
        pdf = signed(document())
        return relisted(pdf, {number: pdf.index(b"\n%d 0 obj\n" % other) + 1})

    return make


def _freed(document: Callable[[], bytes], number: int) -> Callable[[], bytes]:
    return lambda: relisted(signed(document()), {number: 0}, "f")


def _honest() -> bytes:
    return signed(page(HONEST))


def _tail(words: bytes) -> Callable[[], bytes]:
    """The page is replaced; what follows its new content is not what has to."""

    def make() -> bytes:
        table = int(re.findall(rb"startxref\s+(\d+)", _honest())[-1])
        at = len(_honest())
        told = words.replace(b"%PREV%", b"%d" % table).replace(b"%AT%", b"%010d" % at)
        after = b"4 0 obj\n%b\nendobj\n" % FORGED
        return _honest() + after + told.replace(b"%TABLE%", b"%d" % (at + len(after)))

    return make


_END: Final = b"trailer\n<</Root 1 0 R/Size 99/Prev %PREV%>>\nstartxref\n%TABLE%\n%%EOF\n"
_ROW: Final = b"xref\n4 1\n%AT% 00000 n \n"


def _wrapped(words: bytes, *, is_moved: bool = False) -> Callable[[], bytes]:
    """In the hole, which nobody signed, are more words than the signature.

    Args:
        words: After it; ``%SPAN%`` is a range.
        is_moved: What is signed after the hole is moved on; before it is what the attacker wants.
    """

    def make() -> bytes:
        pdf = signed_once()
        found = SPAN.search(pdf)
        assert found is not None
        _, hole, resume, rest = (int(one) for one in re.findall(rb"\d+", found[0]))
        between = b"4 0 obj\n%b\nendobj\n" % FORGED if is_moved else b""
        span = b"[0 %d %d %d]" % (hole, resume + len(between), rest)
        token = pdf[hole:resume].rstrip(b"0>")
        token += b"0" * (1 + len(token) % 2) + b">"
        filled = (token + words.replace(b"%SPAN%", span)).ljust(resume - hole)
        assert len(filled) == resume - hole
        return closed(pdf[:hole] + filled + between + pdf[resume:])

    return make


AFTER: Final[dict[str, Callable[[], bytes]]] = {
    "shadow, hide: the picture over the words is taken away": _changed(
        _covered_words, b"/Subtype/Stamp", b"/F 4", b"/F 2"
    ),
    "… it is emptied": _put(_covered_words, 7, stream(b"", LOOK)),
    "… it is null": _put(_covered_words, 6, b"null"),
    "… it is freed": _freed(_covered_words, 6),
    "… the page has it no more": _changed(
        _covered_words, b"/Type /Page ", b"/Annots [6 0 R ", b"/Annots ["
    ),
    "… there are no objects with such numbers": fewer_objects,
    "shadow, replace: a field shows another sum": _put(
        _with_form, 7, stream(b"BT /F1 12 Tf (9999) Tj ET", LOOK)
    ),
    "… a font has other letters": _put(
        _with_form, 5, b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"
    ),
    "shadow, hide and replace: the hidden page is shown": _changed(
        _two_pages, b"/Type /Catalog", b"/Pages 2 0 R", b"/Pages 6 0 R"
    ),
    "… by the table alone": _relisted(_two_pages, 4, 8),
    "… the tree has the hidden page too": _put(
        _two_pages, 2, b"<</Type/Pages/Kids[3 0 R 7 0 R]/Count 2>>"
    ),
    "a form: its value is another": _changed(_with_form, b"/FT/Tx", b"/V(100)", b"/V(9999)"),
    "… and what it shows": lambda: increment(
        signed(_with_form()),
        {
            6: _FIELD.replace(b"(100)", b"(9999)"),
            7: stream(b"BT /F1 12 Tf (9999) Tj ET", LOOK),
        },
    ),
    "… it is read only": _changed(_with_form, b"/FT/Tx", b"/F 4", b"/F 4/Ff 1"),
    "incremental saving: no table at all": _tail(b""),
    "… no table, a trailer": _tail(_END),
    "… no trailer": _tail(_ROW + b"startxref\n%TABLE%\n%%EOF\n"),
    "… the place of the table is 0": _tail(_ROW + _END.replace(b"%TABLE%", b"0")),
    "… it is that of the table before": _tail(_ROW + _END.replace(b"%TABLE%", b"%PREV%")),
    "… no place of a table before": _tail(_ROW + _END.replace(b"/Prev %PREV%", b"")),
    "… it leads to itself": _tail(_ROW + _END.replace(b"%PREV%", b"%TABLE%")),
    "… it is beyond the file": _tail(_ROW + _END.replace(b"%PREV%", b"99999999")),
    "… it is below nothing": _tail(_ROW + _END.replace(b"%PREV%", b"-1")),
    "… the table counts more than it has": _tail(_ROW.replace(b"4 1", b"4 9") + _END),
    "… the table lists it twice": _tail(_ROW + _ROW[5:] + _END),
    "… it has a generation": _tail(_ROW.replace(b"00000 n", b"00001 n") + _END),
    "… a broken word": _tail(_ROW.replace(b"xref", b"xreg") + _END),
}
"""Nobody signed anything after it, and it is changed."""

WRAPPED: Final[dict[str, Callable[[], bytes]]] = {
    "the second part is moved": _wrapped(b"/ByteRange %SPAN%", is_moved=True),
    "the range is there twice": _wrapped(b"/ByteRange %SPAN%"),
    "the signature is there twice": _wrapped(b"/Contents <00>"),
    "more is in its dictionary": _wrapped(b"/Note (It is good)"),
    "the rest of the hole is a comment": _wrapped(b"%"),
    "the rest of the hole is space": _wrapped(b""),
    "objects are in the hole": _wrapped(b">>\nendobj\n4 0 obj\n%b\nendobj\n9 0 obj\n<<" % FORGED),
}
"""The signed bytes are there, and a part of the file that nobody signed is not what it was."""

RANGES: Final[dict[str, Callable[[], bytes]]] = {
    "a gap before the hole": with_range(lambda one: f"0 {one[1] - 900} {one[2]} {one[3]}"),
    "a gap after the hole": with_range(lambda one: f"0 {one[1]} {one[2] + 1} {one[3] - 1}"),
    "the gap is the hole and a digit": with_range(lambda one: f"0 {one[1] + 1} {one[2]} {one[3]}"),
    "it begins later": with_range(lambda one: f"9 {one[1] - 9} {one[2]} {one[3]}"),
    "it ends earlier": with_range(lambda one: f"0 {one[1]} {one[2]} {one[3] - 9}"),
    "it is longer than the file": with_range(lambda one: f"0 {one[1]} {one[2]} {one[3] + 9}"),
    "it overlaps": with_range(lambda one: f"0 {one[2]} {one[1]} {one[3] + one[2] - one[1]}"),
    "its second part is nothing": with_range(lambda one: f"0 {one[1]} {one[2] + one[3]} 0"),
    "its first part is nothing": with_range(lambda one: f"0 0 {one[2]} {one[3]}"),
    "it is nothing": with_range(lambda _: "0 0 0 0"),
    "it goes back": with_range(lambda one: f"{one[2]} {one[3]} 0 {one[1]}"),
    "it is below nothing": with_range(lambda one: f"0 -{one[1]} {one[2]} {one[3]}"),
    "it is huge": with_range(lambda one: f"0 {one[1]} {one[2]} 99999999999999"),
    "two numbers": with_range(lambda one: f"0 {one[1]}"),
    "three numbers": with_range(lambda one: f"0 {one[1]} {one[2]}"),
    "six numbers": with_range(lambda one: f"0 9 9 {one[1] - 9} {one[2]} 9"),
    "no numbers": with_range(lambda _: ""),
    "a fraction": with_range(lambda one: f"0.0 {one[1]} {one[2]} {one[3]}"),
    "a sign": with_range(lambda one: f"+0 {one[1]} {one[2]} {one[3]}"),
    "a reference": with_range(lambda one: f"0 {one[1]} {one[2]} 3 0 R"),
    "null in it": with_range(lambda one: f"0 {one[1]} null {one[3]}"),
}
"""Who signed is a signer with a good certificate, over what the range says."""


def _without_range(data: bytes) -> bytes:
    found = SPAN.search(data)
    assert found is not None
    return data.replace(found[0], b"/ByteRange null".ljust(len(found[0])), 1)


def _last_byte(token: bytes) -> bytes:
    """A token ends with its signature."""
    return token[:-1] + bytes((token[-1] ^ 1,))


def _later(token: bytes) -> bytes:
    """The same, a second earlier or later."""
    found = re.search(rb"20\d{12}(?=Z)", token[token.index(_TIME_STAMP) :])
    assert found is not None
    digits = found[0][:-1] + (b"1" if found[0][-1:] == b"0" else b"0")
    return token.replace(found[0], digits)


def _other_algorithm(cms: bytes) -> bytes:
    """ECDSA with SHA-384 in place of SHA-256, after what is signed."""
    at = cms.rindex(_ECDSA + b"\x02", 0, cms.index(_TOKEN))
    return cms[:at] + _ECDSA + b"\x03" + cms[at + len(_ECDSA) + 1 :]


def _unknown_algorithm(token: bytes) -> bytes:
    """ECDSA with a hash that there is not, after what is signed."""
    at = token.rindex(_ECDSA + b"\x02")
    return token[:at] + _ECDSA + b"\x07" + token[at + len(_ECDSA) + 1 :]


def _other_attribute(cms: bytes) -> bytes:
    """Another digest among what is signed than the key has signed."""
    at = cms.index(_MESSAGE_DIGEST) + len(_MESSAGE_DIGEST) + len(_DIGEST_HEAD)
    return cms[:at] + bytes((cms[at] ^ 1,)) + cms[at + 1 :]


def _spaced(pdf: bytes) -> bytes:
    [end] = [one.end() for one in re.finditer(rb"/Contents <[0-9A-Fa-f]{8000,}>", pdf)]
    assert pdf[:end].endswith(b"00>")
    return pdf[: end - 3] + b"  >" + pdf[end:]


def _rewritten(change: Callable[[list[bytes]], None]) -> Callable[[bytes], bytes]:
    """A signature (CMS) with something else in what its key has not signed (RFC 5652 §5.1)."""

    def rewritten(data: bytes) -> bytes:
        kind, wrapped = der.children(der.read_whole(data, der.SEQUENCE))
        parts = [one.encoded for one in der.children(der.read_whole(wrapped.body, der.SEQUENCE))]
        change(parts)
        return der.sequence(kind.encoded, der.tlv(_IN_0, der.sequence(*parts)))

    return rewritten


def _has_content(parts: list[bytes]) -> None:
    parts[2] = der.sequence(der.oid(_DATA), der.tlv(_IN_0, der.octets(b"Pay 900 EUR")))


def _is_over_digests(parts: list[bytes]) -> None:
    parts[2] = der.sequence(der.oid(_DIGESTED))


def _has_list(parts: list[bytes]) -> None:
    listed = office().list_of(office().stamping.certificate, office().now)
    parts.insert(4, der.tlv(_IN_1, listed))


_DATA: Final = "1.2.840.113549.1.7.1"
_DIGESTED: Final = "1.2.840.113549.1.7.5"
_IN_0: Final = 0xA0
_IN_1: Final = 0xA1
_ECDSA: Final = bytes.fromhex("06082a8648ce3d0403")
_MESSAGE_DIGEST: Final = bytes.fromhex("06092a864886f70d010904")
_DIGEST_HEAD: Final = bytes.fromhex("31220420")
"""Begins a set of one digest of 32 bytes."""
_TOKEN: Final = bytes.fromhex("060b2a864886f70d010910020e")
"""Attribute: the time stamp of a signature (RFC 5126 §6.1.1)."""
_TIME_STAMP: Final = bytes.fromhex("060b2a864886f70d0109100104")
"""Content type of time stamps (RFC 3161 §2.4.2)."""
FORGED_ONES: Final[dict[str, Callable[[], bytes]]] = {
    "no range": with_words(b"/ByteRange", b"/ByteRangf"),
    "the range is null": lambda: closed(by_signer(_without_range)),
    "no signature": with_words(b"/Contents <", b"/Contentz <"),
    "… it is null": with_contents(lambda _: b"null"),
    "… it is empty": with_contents(lambda _: b"<>"),
    "… it is a zero": with_contents(lambda _: b"<00>"),
    "… it is only zeros": with_contents(lambda held: b"<%b>" % (b"0" * (len(held) - 2))),
    "… it is no hexadecimal string": with_contents(lambda _: b"()"),
    "… it is a reference": with_contents(lambda _: b"4 0 R"),
    "… it is a number": with_contents(lambda _: b"0"),
    "… it is an array": with_contents(lambda _: b"[]"),
    "… it is a dictionary": with_contents(lambda _: b"<<>>"),
    "… an empty set of signers": with_contents(
        lambda _: (
            b"<3023" + b"06092a864886f70d010702a01630140201013100300b06092a864886f70d0107013100>"
        )
    ),
    "it says that it covers something else": with_cms(Cms(digest=lambda _: bytes(32))),
    "its stamp is signed by another key": with_cms(Cms(token=_last_byte)),
    "its stamp tells another time": with_cms(Cms(token=_later)),
    "its stamp tells an algorithm that there is not": with_cms(Cms(token=_unknown_algorithm)),
    "what it says is not what its key signed": with_cms(Cms(whole=_other_attribute)),
    "it tells another algorithm": with_cms(Cms(whole=_other_algorithm)),
    "it has what it covers within": with_cms(Cms(whole=_rewritten(_has_content))),
    "it is over another kind of content": with_cms(Cms(whole=_rewritten(_is_over_digests))),
    "a list of its own is within": with_cms(Cms(whole=_rewritten(_has_list))),
    "its digits end in spaces": lambda: closed(_spaced(by_signer(lambda data: data))),
    "of a kind that nobody knows": with_words(b"/ETSI.CAdES.detached", b"/ETSI.CAdES.detacheD"),
    "of a kind that is old": with_words(b"/ETSI.CAdES.detached", b"/adbe.pkcs7.sha1    "),
    "it says that it is a stamp": with_words(b"/ETSI.CAdES.detached", b"/ETSI.RFC3161       "),
}
"""Something of a signature is missing, or is nothing."""


def _blank(data: bytes, pattern: bytes) -> bytes:
    """The same with spaces in place of what has a pattern."""
    found = re.search(pattern, data)
    assert found is not None, data
    return data.replace(found[0], b" " * len(found[0]), 1)


def _says_nothing(data: bytes) -> bytes:
    return _blank(data, rb"/Reference \[<<.*?>>\]")


def uncertified() -> bytes:
    """A first signature that says nothing of what may come after it."""
    return closed(by_signer(lambda data: _blank(_says_nothing(data), rb"/Perms <<.*?>>")))


def first_allows(level: int) -> bytes:
    """A file whose first signer allows as much after it."""
    return by_signer(lambda data: data.replace(b"/P 2", b"/P %d" % level, 1))


def _certifies_again() -> bytes:
    """The second signer certifies too."""
    how = b"/Reference [<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</P 2/V/1.2>>>>]"

    def change(data: bytes) -> bytes:
        found = re.search(rb"/Name <[0-9A-F]+>", data)
        assert found is not None
        return data.replace(found[0], how.ljust(len(found[0])), 1)

    return closed(by_signer(change, "Sig2", first_allows(2), "A name that is long enough for it"))


def _allows_twice() -> bytes:
    """The first signer certifies by the transform that is taken, and has another one too."""
    how = b"<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</P 2/V/1.2>>>>"
    both = b"/Reference [%b%b]" % (how, how.replace(b"/P 2", b"/P 3"))

    def change(data: bytes) -> bytes:
        found = re.search(rb"/Name <[0-9A-F]+>", data)
        assert found is not None
        return _says_nothing(data).replace(found[0], both.ljust(len(found[0])), 1)

    return closed(by_signer(change, name="A name that is long enough for two of them"))


CERTIFIED: Final[dict[str, Callable[[], bytes]]] = {
    "nothing may follow (1), and somebody signs": lambda: closed(
        by_signer(lambda data: data, "Sig2", first_allows(1))
    ),
    "notes may follow (3)": lambda: closed(first_allows(3)),
    "a level that is none (0)": lambda: closed(first_allows(0)),
    "a level that is none (4)": lambda: closed(first_allows(4)),
    "two transforms": _allows_twice,
    "another transform": with_words(b"/TransformMethod /DocMDP", b"/TransformMethod /UR3   "),
    "the catalog alone says that it certifies": lambda: closed(by_signer(_says_nothing)),
    "a later signature certifies": _certifies_again,
}
"""Of DocMDP; what is changed where forms may be filled in (2) is in ``AFTER``."""


def _signed_in(*boxes: str) -> bytes:
    """A page that one person signs in all boxes, closed."""
    pdf = with_boxes(page(HONEST), boxes)
    person = office().person("Alice", pdf)
    for box in boxes:
        pdf = person.sign(pdf, box)
    return closed(pdf)


LIKE_ATTACKS: Final[dict[str, Callable[[], bytes]]] = {
    "notes of a page are an object": with_stamp_objects(lambda *_: None, noted_elsewhere()),
    "a box has a colon in its name, and is no clause's": lambda: _signed_in("Sig1", "Sig2: sum"),
    "a field of text is called as a clause's box": lambda: signed(
        page(HONEST, {6: b"<</FT/Tx/T(Sig1:sum)>>"}, b"/AcroForm<</Fields[6 0 R]>>")
    ),
    "its signature is put together once more": with_cms(Cms(whole=_rewritten(lambda _: None))),
    "an entry that names actions names none": lambda: signed(
        page(HONEST, catalog=b"/X[<</S[1]>><</S<</S 1>>>>]")
    ),
}
"""Honest files that a check is not to take for something else."""

ALL: Final[dict[str, Callable[[], bytes]]] = {
    f"{kind}: {name}": make
    for kind, made in {
        "after": AFTER,
        "wrapped": WRAPPED,
        "range": RANGES,
        "forged": FORGED_ONES,
        "certified": CERTIFIED,
        "added": ADDED,
    }.items()
    for name, make in made.items()
}
