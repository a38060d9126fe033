"""The strict verdict: honest files are green, and every file that an attacker makes is not."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import Revoked
from tests.support.forgery import (
    FORGED,
    closed_by_attacker,
    find,
    first_range,
    increment,
    last_contents,
    newest,
    page,
    stream,
)
from tests.support.signing import NOW, YEAR, Office, ms, with_boxes
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Proofs, prepare_signature
from veche.documents.pdf.values import PdfError
from veche.documents.pki.certificates import Level
from veche.documents.pki.cms import Signer
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.documents.signatures.words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.signing.authority.core.issuing import Authority

from tests.support.tables import each_row
from veche.documents.signatures.report import Report

LATER = NOW + dt.timedelta(minutes=5)


@functools.cache
def office() -> Office:
    return Office()


@functools.cache
def document() -> bytes:
    return with_boxes(page("Pay 100 EUR to Bob"), ["Sig1", "Sig2"])


@functools.cache
def open_tail() -> bytes:
    signed = office().person("Alice Adams", document()).sign(document(), "Sig1")
    return office().person("Боб Браун", document()).sign(signed, "Sig2")


@functools.cache
def honest() -> bytes:
    return office().close(open_tail())


def verdict(
    pdf: bytes, now: dt.datetime = LATER, lists: Sequence[bytes] = (), by: Office | None = None
) -> Report:
    return judge(pdf, Trusted([(by or office()).root.certificate], now, lists))


def reasons(report: Report) -> set[Reason]:
    return {finding.reason for finding in report.findings}


def test_an_honest_file_is_sealed_and_names_who_signed() -> None:
    found = verdict(honest())

    assert found.verdict is Verdict.SEALED
    assert not found.findings
    assert [(one.name, one.account, one.level) for one in found.signers] == [
        ("Alice Adams", "@alice.adams:example.org", Level.SUBSTANTIAL),
        ("Боб Браун", "@боб.браун:example.org", Level.SUBSTANTIAL),
    ]
    assert all(one.is_proven and one.at_ms == ms(NOW) for one in found.signers)
    assert found.closed_at_ms == ms(NOW)
    assert found.document_sha256 == hashlib.sha256(document()).digest()


@functools.cache
def with_clause() -> bytes:
    """Alice and Bob are to sign; Alice a clause, too, by itself."""
    return with_boxes(page("Pay 100 EUR to Bob"), ["Sig1", "Sig2", "Sig1:c7"])


def signed_in(*places: tuple[str, str]) -> bytes:
    """The same, closed; each name signs in a place, always with their one certificate."""
    pdf = with_clause()
    people = {name: office().person(name, pdf) for name in {name for name, _ in places}}
    for name, place in places:
        pdf = people[name].sign(pdf, place)
    return office().close(pdf)


def test_a_clause_that_is_signed_by_itself_is_named() -> None:
    found = verdict(signed_in(("Alice", "Sig1"), ("Alice", "Sig1:c7"), ("Bob", "Sig2")))

    assert found.verdict is Verdict.SEALED, found.findings
    assert [(one.name, one.clause) for one in found.signers] == [
        ("Alice", ""),
        ("Alice", "c7"),
        ("Bob", ""),
    ]
    assert "Clause c7 signed by itself by Alice" in words_of(found, "en")


def two_certificates() -> bytes:
    """Alice has two certificates for the document, and takes the other one for the clause."""
    pdf = office().person("Alice", with_clause()).sign(with_clause(), "Sig1")
    return office().close(office().person("Alice", with_clause()).sign(pdf, "Sig1:c7"))


CLAUSES: dict[str, Callable[[], bytes]] = {
    "left out": lambda: signed_in(("Alice", "Sig1"), ("Bob", "Sig2")),
    "signed alone": lambda: signed_in(("Alice", "Sig1:c7"), ("Bob", "Sig2")),
    "by another person": lambda: signed_in(("Alice", "Sig1"), ("Bob", "Sig1:c7")),
    "by another certificate": two_certificates,
}


@each_row("name", CLAUSES)
def test_a_clause_that_its_signer_has_not_signed_keeps_a_file_from_green(name: str) -> None:
    found = verdict(CLAUSES[name]())

    assert found.verdict is Verdict.SIGNED
    assert [(one.reason, one.field) for one in found.findings] == [(Reason.CLAUSE, "Sig1:c7")]


def test_a_box_with_a_point_and_no_signer_of_its_name_is_an_ordinary_one() -> None:
    doc = with_boxes(page("Pay"), ["form.sig"])

    found = verdict(office().close(office().person("Alice", doc).sign(doc, "form.sig")))

    assert found.verdict is Verdict.SEALED
    assert [one.clause for one in found.signers] == [""]


def test_a_file_that_is_not_closed_is_amber() -> None:
    found = verdict(open_tail())

    assert found.verdict is Verdict.SIGNED
    assert reasons(found) == {Reason.OPEN_TAIL}


def test_a_hundred_signers_are_sealed_at_the_cost_of_their_increments() -> None:
    names = [f"Sig{number}" for number in range(100)]
    pdf = original = with_boxes(page("A petition"), names)
    for name in names:
        pdf = office().person(name, original).sign(pdf, name)
    closed = office().close(pdf)

    found = verdict(closed)

    assert found.verdict is Verdict.SEALED
    assert len(found.signers) == 100
    assert len(closed) - len(original) < 2_000_000


def test_a_file_without_a_signature_is_unsigned() -> None:
    assert verdict(document()).verdict is Verdict.UNSIGNED
    assert verdict(page("x")).verdict is Verdict.UNSIGNED


@each_row(
    "data", [b"", b"%PDF-1.7\n", b"PK\x03\x04", b"%PDF-2.0\n", page("x")[:-30], b"x" + page("x")]
)
def test_what_is_no_pdf_of_one_reading_is_unreadable(data: bytes) -> None:
    assert verdict(data).verdict is Verdict.UNREADABLE


def test_an_unknown_authority_proves_nobody() -> None:
    stranger = Office()
    doc = with_boxes(page("Pay"), ["Sig1"])
    pdf = stranger.close(stranger.person("Alice", doc).sign(doc, "Sig1"))

    found = verdict(pdf)

    assert found.verdict is Verdict.UNPROVEN
    assert not any(one.is_proven for one in found.signers)


def test_active_content_keeps_a_file_from_green() -> None:
    script = b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>"
    doc = with_boxes(page("Pay", catalog=script), ["Sig1"])
    pdf = office().close(office().person("Alice", doc).sign(doc, "Sig1"))

    found = verdict(pdf)

    assert found.verdict is Verdict.SIGNED
    assert {one.detail for one in found.findings} == {"/OpenAction", "/JavaScript", "/JS"}


def _drawn_elsewhere(entry: bytes) -> Callable[[], bytes]:
    """A document with a stream that says that something else may be drawn in its place."""
    look = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]" + entry
    return lambda: page("Pay", {6: stream(b"", look)})


ACTING: dict[str, Callable[[], bytes]] = {
    "/Launch": lambda: page("Pay", {6: b"/Launch", 7: b"<</S 6 0 R/F(program)>>"}),
    "/Hide": lambda: page("Pay", {6: b"<</S 7 0 R/T(cover)>>", 7: b"/Hide"}),
    "/F": _drawn_elsewhere(b"/F(picture.bin)"),
    "/Ref": _drawn_elsewhere(b"/Ref<</F(other.pdf)/Page 0>>"),
    "/OPI": _drawn_elsewhere(b"/OPI<</2.0<</F(picture.tif)>>>>"),
    "/Alternates": _drawn_elsewhere(b"/Alternates[<</Image 4 0 R/DefaultForPrinting true>>]"),
}


def acting(name: str) -> bytes:
    doc = with_boxes(ACTING[name](), ["Sig1"])
    return office().close(office().person("Alice", doc).sign(doc, "Sig1"))


@each_row("name", ACTING)
def test_what_acts_or_shows_another_file_by_a_detour_keeps_it_from_green(name: str) -> None:
    found = verdict(acting(name))

    assert found.verdict is Verdict.SIGNED
    assert {(one.reason, one.detail) for one in found.findings} == {(Reason.ACTIVE, name)}


# What is signed is changed.


def _flip(needle: bytes, with_: bytes) -> Callable[[], bytes]:
    def make() -> bytes:
        assert needle in honest()
        return honest().replace(needle, with_, 1)

    return make


def _revision(**changes: object) -> Callable[[], bytes]:
    """A revision that replaces the page's content, with something wrong or nothing wrong in it."""

    def make() -> bytes:
        number, _ = find(honest(), b"Tj ET")
        return increment(honest(), {number: FORGED}, **changes)  # type: ignore[arg-type]

    return make


def _edited(needle: bytes, old: bytes, new: bytes) -> Callable[[], bytes]:
    """A well-formed revision in which an object has something else."""

    def make() -> bytes:
        number, _ = find(honest(), needle)
        body = newest(honest(), number)
        assert old in body
        return increment(honest(), {number: body.replace(old, new)})

    return make


def _annotation() -> bytes:
    number, _ = find(honest(), b"/Type /Page ")
    note = b"<</Type/Annot/Subtype/FreeText/Rect[50 690 500 730]/F 4/DA(/F1 12 Tf)>>"
    body = newest(honest(), number).replace(b"/Annots [", b"/Annots [900 0 R ")
    return increment(honest(), {number: body, 900: note})


def _new_page() -> bytes:
    added = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 901 0 R>>"
    tree = b"<</Type/Pages/Kids[3 0 R 900 0 R]/Count 2>>"
    return increment(honest(), {2: tree, 900: added, 901: FORGED})


def _visible_field() -> bytes:
    form, body = find(honest(), b"/SigFlags")
    body = newest(honest(), form).replace(b"/Fields [", b"/Fields [900 0 R ")
    field = b"<</FT/Tx/T(sum)/V(9999)/Type/Annot/Subtype/Widget/Rect[60 690 500 730]/P 3 0 R>>"
    return increment(honest(), {form: body, 900: field})


def _unreferenced() -> bytes:
    return increment(honest(), {900: stream(b"nobody refers to this")})


def _hidden_in_stream() -> bytes:
    number, _ = find(honest(), b"Tj ET")
    return increment(honest(), {901: stream(b"%d 0 obj\n%b\nendobj" % (number, FORGED))})


def _proofs_taken() -> bytes:
    number, body = find(honest(), b"/Certs [")
    fewer = re.sub(rb"/Certs \[\d+ 0 R ", b"/Certs [", newest(honest(), number))
    assert fewer != body
    return increment(honest(), {number: fewer})


CHANGED: dict[str, Callable[[], bytes]] = {
    "the page is replaced by a well-formed revision": _revision(),
    "… by one that no table lists": _revision(table="empty"),
    "… by one with entries of 19 bytes": _revision(table="short"),
    "… by one whose table points a byte too far": _revision(table="shifted"),
    "… without /Root": _revision(trailer=b"<</Size %SIZE%/Prev %PREV%>>"),
    "… with a /Size too small": _revision(trailer=b"<</Root 1 0 R/Size 2/Prev %PREV%>>"),
    "… with another catalog": _revision(trailer=b"<</Root 3 0 R/Size %SIZE%/Prev %PREV%>>"),
    "… with tables of two kinds": _revision(
        trailer=b"<</Root 1 0 R/Size %SIZE%/Prev %PREV%/XRefStm 9>>"
    ),
    "… with bytes between": _revision(between=b"%% a comment\n"),
    "… with a hidden object between": _revision(between=b"4 0 obj\n<<>>\nendobj\n"),
    "a signer's box is moved over the text": _edited(
        b"/T <FEFF0053006900670032>", b"/Rect [210 40 370 90]", b"/Rect [50 690 500 730]"
    ),
    "a signer's field gets a look": _edited(
        b"/T <FEFF0053006900670032>", b"/F 132", b"/F 132/AP<</N 4 0 R>>"
    ),
    "the page is turned": _edited(b"/Type /Page ", b"/Type /Page ", b"/Type /Page /Rotate 90 "),
    "the catalog has other pages": _edited(b"/Type /Catalog", b"/Pages 2 0 R", b"/Pages 3 0 R"),
    "the catalog gets an action": _edited(
        b"/Type /Catalog", b"/Type /Catalog", b"/Type /Catalog/OpenAction<</S/Launch>>"
    ),
    "the certification is taken away": _edited(b"/Type /Catalog", b"/Perms", b"/Parms"),
    "a note lies over the text": _annotation,
    "a page is added": _new_page,
    "a field that shows something is added": _visible_field,
    "an object that nothing refers to": _unreferenced,
    "an object within a stream": _hidden_in_stream,
    "proofs are taken away": _proofs_taken,
}


@each_row("make", CHANGED.values())
def test_a_change_after_the_signatures_is_red(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict is Verdict.INVALID


@each_row("make", CHANGED.values())
def test_the_same_closed_by_a_real_stamp_is_red(make: Callable[[], bytes]) -> None:
    try:
        closed = office().close(make(), name="Late")
    except PdfError:
        return  # Our own writer refuses to write after it.

    assert verdict(closed).verdict is Verdict.INVALID


@pytest.mark.parametrize("root", [b"", b"/Root 1 0 R"])
def test_a_page_that_no_table_lists_under_the_attackers_own_stamp_is_red(root: bytes) -> None:
    number, _ = find(honest(), b"Tj ET")

    assert verdict(closed_by_attacker(office(), honest(), {number: FORGED}, root=root)).verdict is (
        Verdict.INVALID
    )


def _wider_hole() -> bytes:
    found = first_range(honest())
    span = found[0].replace(found[1], b"%d" % (int(found[1]) - 1), 1)
    return honest().replace(found[0], span, 1)


def _contents(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    def make() -> bytes:
        start, end = last_contents(honest())
        held = honest()[start:end]
        changed = change(held)
        assert len(changed) == len(held)
        return honest()[:start] + changed + honest()[end:]

    return make


BROKEN: dict[str, Callable[[], bytes]] = {
    "a letter of the page": _flip(b"Pay 100", b"Pay 900"),
    "a letter of a signer's name": _flip(b"/Name <FEFF0053", b"/Name <FEFF0054"),
    "the range is missing": _flip(b"/ByteRange", b"/ByteRangf"),
    "the range begins later": _flip(b"/ByteRange [0 ", b"/ByteRange [1 "),
    "the range is not numbers": _flip(b"/ByteRange [0 ", b"/ByteRange [. "),
    "the hole is wider": _wider_hole,
    "the hole is empty": _contents(lambda held: b"0" * len(held)),
    "the hole is no DER": _contents(lambda held: b"F" * len(held)),
    "the hole is not digits": _contents(lambda held: b"G" + held[1:]),
    "a length is indefinite": _contents(lambda held: b"3080" + held[4:]),
    "the signature is cut": _contents(lambda held: held[:600] + b"0" * (len(held) - 600)),
    "something follows the signature": _contents(lambda held: held[:-2] + b"01"),
    "the kind is unknown": _flip(b"/ETSI.CAdES.detached", b"/adbe.pkcs7.detached"),
    "the certification allows everything": _flip(b"/P 2", b"/P 3"),
    "a proof": _flip(b"Lindenau Persons", b"Lindenau Porsens"),
    "bytes before the header": lambda: b"%!PS\n" + honest(),
    "bytes after the end": lambda: honest() + b"more",
    "a second end": lambda: honest() + b"%%EOF\n",
}


@each_row("make", BROKEN.values())
def test_a_broken_file_is_never_believed(make: Callable[[], bytes]) -> None:
    found = verdict(make()).verdict

    assert found in {Verdict.INVALID, Verdict.UNREADABLE}


@given(st.data())
def test_no_changed_byte_is_ever_green(data: st.DataObject) -> None:
    pdf = bytearray(honest())
    at = data.draw(st.integers(0, len(pdf) - 1))
    pdf[at] ^= data.draw(st.integers(1, 255))

    found = verdict(bytes(pdf))

    # In the hole are digits of either case, and the zeros at its end that nothing reads.
    assert found.verdict is not Verdict.SEALED or _says_the_same(bytes(pdf))


def _says_the_same(pdf: bytes) -> bool:
    """Whether only letters of hexadecimal digits in a hole, or the last line's end, differ."""
    if pdf[:-1] == honest()[:-1]:
        return True
    pattern = re.compile(rb"/Contents <[0-9A-Fa-f]{200,}>")
    return pattern.sub(b"", pdf) == pattern.sub(b"", honest()) and [
        bytes.fromhex(one[11:-1].decode()) for one in pattern.findall(pdf)
    ] == [bytes.fromhex(one[11:-1].decode()) for one in pattern.findall(honest())]


# Certificates.


def _signed_with(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    chain: Sequence[x509.Certificate] = (),
) -> bytes:
    doc = with_boxes(page("Pay"), ["Sig1"])
    proofs = Proofs([], [])
    prepared = prepare_signature(Document(doc), "Sig1", proofs, "x", ms(NOW))
    signer = Signer(certificate, chain)
    attributes = signer.signed_attributes(prepared.digest)
    signature = key.sign(attributes, ec.ECDSA(hashes.SHA256()))
    token = office().token(hashlib.sha256(signature).digest(), NOW)
    filled = prepared.filled(signer.detached(attributes, signature, token))
    return office().close(doc + filled, proofs=office().proofs(certificate, NOW))


_STRANGE: Final = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\0")
_BOUND: Final = x509.NameConstraints([x509.DNSName("example.org")], None)


def reissued(
    one: x509.Certificate, by: Authority, more: x509.ExtensionType, *, is_critical: bool
) -> x509.Certificate:
    """A certificate with one more extension."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(one.subject)
        .issuer_name(one.issuer)
        .public_key(one.public_key())
        .serial_number(one.serial_number)
        .not_valid_before(one.not_valid_before_utc)
        .not_valid_after(one.not_valid_after_utc)
        .add_extension(more, is_critical)
    )
    for held in one.extensions:
        builder = builder.add_extension(held.value, held.critical)
    return builder.sign(by.key, hashes.SHA256())


def signed_with_more(*, is_critical: bool) -> bytes:
    """By a certificate with an extension that nobody knows."""
    alice = office().person("Alice", with_boxes(page("Pay"), ["Sig1"]))
    made = reissued(alice.certificate, office().issuing, _STRANGE, is_critical=is_critical)
    return _signed_with(made, alice.key)


def signed_out_of_bounds(*, is_critical: bool) -> bytes:
    """Below an authority that may issue for the names of some computers alone."""
    bound = Office()
    bound.__dict__["root"] = office().root
    made = reissued(bound.issuing.certificate, office().root, _BOUND, is_critical=is_critical)
    bound.__dict__["issuing"] = attrs.evolve(bound.issuing, certificate=made)
    alice = bound.person("Alice", with_boxes(page("Pay"), ["Sig1"]))
    return _signed_with(alice.certificate, alice.key, [made])


@pytest.mark.parametrize("make", [signed_with_more, signed_out_of_bounds])
def test_what_must_be_understood_of_a_certificate_and_is_not_proves_nobody(make: Any) -> None:
    found = verdict(make(is_critical=True))
    other = verdict(make(is_critical=False))

    assert (found.verdict, reasons(found)) == (Verdict.UNPROVEN, {Reason.UNKNOWN_SIGNER})
    assert Reason.UNKNOWN_SIGNER not in reasons(other)


def test_a_certificate_for_another_document_is_red() -> None:
    other = office().person("Alice", b"another document")

    found = verdict(_signed_with(other.certificate, other.key))

    assert found.verdict is Verdict.INVALID
    assert reasons(found) >= {Reason.OTHER_DOCUMENT}


def test_the_right_name_with_another_key_is_red() -> None:
    doc = with_boxes(page("Pay"), ["Sig1"])
    alice, mallory = office().person("Alice", doc), office().person("Mallory", doc)

    found = verdict(_signed_with(alice.certificate, mallory.key))

    assert found.verdict is Verdict.INVALID
    assert reasons(found) >= {Reason.BROKEN}


def test_an_authority_and_a_stamper_sign_no_documents() -> None:
    for who in (office().issuing, office().stamping):
        found = verdict(_signed_with(who.certificate, who.key))

        assert found.verdict is Verdict.INVALID
        assert reasons(found) >= {Reason.NOT_FOR_SIGNING}


def test_a_person_is_no_authority() -> None:
    doc = with_boxes(page("Pay"), ["Sig1"])
    alice = office().person("Alice", doc)
    as_authority = attrs.evolve(office().issuing, certificate=alice.certificate, key=alice.key)
    fake = Office()
    fake.__dict__["root"], fake.__dict__["issuing"] = office().root, as_authority
    mallory = fake.person("Bob", doc)

    found = verdict(_signed_with(mallory.certificate, mallory.key, [alice.certificate]))

    assert found.verdict is Verdict.UNPROVEN
    assert reasons(found) >= {Reason.UNKNOWN_SIGNER}


def test_a_stamp_by_a_signer_proves_no_time() -> None:
    alice = office().person("Alice", document())
    as_stamper = attrs.evolve(office().stamping, certificate=alice.certificate, key=alice.key)

    found = verdict(office().close(open_tail(), stamping=as_stamper))

    assert found.verdict is Verdict.INVALID
    assert reasons(found) == {Reason.NOT_FOR_SIGNING}


def test_a_stamp_over_something_else_is_red() -> None:
    other = office().close(open_tail())
    start, end = last_contents(other)
    token = office().token(b"\0" * 32, NOW).hex().encode()
    forged = other[:start] + token.ljust(end - start, b"0") + other[end:]

    assert verdict(forged).verdict is Verdict.INVALID


def test_a_stamp_of_the_future_proves_no_time() -> None:
    found = verdict(office().close(open_tail(), NOW + dt.timedelta(hours=1)))

    assert found.verdict is Verdict.UNPROVEN
    assert Reason.TIME in reasons(found)


def test_a_signature_that_is_later_than_the_stamp_over_it_is_not_proven() -> None:
    doc = with_boxes(page("Pay"), ["Sig1"])
    pdf = office().person("Alice", doc).sign(doc, "Sig1", NOW + dt.timedelta(minutes=2))

    found = verdict(office().close(pdf, NOW), LATER)

    assert found.verdict is Verdict.UNPROVEN


def out_of_order(earlier: dt.timedelta) -> bytes:
    """A file that Bob signs after Alice, as his stamp says so much before her."""
    doc = with_boxes(page("Pay"), ["Sig1", "Sig2"])
    at = NOW + dt.timedelta(minutes=2)
    first = office().person("Alice", doc).sign(doc, "Sig1", at)
    second = office().person("Bob", doc).sign(first, "Sig2", at - earlier)
    return office().close(second, at + dt.timedelta(minutes=1))


def test_a_stamp_that_is_older_than_one_that_it_covers_proves_no_time() -> None:
    found = verdict(out_of_order(dt.timedelta(minutes=1)), LATER)

    assert found.verdict is Verdict.UNPROVEN
    assert [one.field for one in found.findings if one.reason is Reason.TIME] == ["Sig1"]
    assert [one.is_proven for one in found.signers] == [False, True]


@pytest.mark.parametrize(("s", "expected"), [(2, Verdict.SEALED), (3, Verdict.UNPROVEN)])
def test_two_clocks_may_be_two_seconds_apart(s: int, expected: Verdict) -> None:
    assert verdict(out_of_order(dt.timedelta(seconds=s)), LATER).verdict is expected


def test_a_revoked_certificate_is_red_if_it_was_so_before_the_signature() -> None:
    doc = with_boxes(page("Pay"), ["Sig1"])
    alice = office().person("Alice", doc)
    pdf = office().close(alice.sign(doc, "Sig1"))

    def listed(since: dt.datetime) -> bytes:
        why = Revoked(since, x509.ReasonFlags.key_compromise)
        made = issuing.revocation_list(office().issuing, alice.certificate, LATER, why)
        return made.public_bytes(Encoding.DER)

    before = verdict(pdf, lists=[listed(NOW - dt.timedelta(minutes=1))])
    after = verdict(pdf, lists=[listed(NOW + dt.timedelta(minutes=1))])

    assert before.verdict is Verdict.INVALID
    assert reasons(before) == {Reason.REVOKED}
    assert after.verdict is Verdict.SEALED


def test_a_list_by_somebody_else_says_nothing() -> None:
    doc = with_boxes(page("Pay"), ["Sig1"])
    alice = office().person("Alice", doc)
    pdf = office().close(alice.sign(doc, "Sig1"))
    forger = attrs.evolve(office().issuing, key=office().stamping.key)
    why = Revoked(NOW - YEAR, x509.ReasonFlags.key_compromise)
    forged = issuing.revocation_list(forger, alice.certificate, LATER, why)

    found = verdict(pdf, lists=[forged.public_bytes(Encoding.DER)])

    assert found.verdict is Verdict.SEALED


# Time: three signers over twenty days, closed on the 25th, judged for 24 years.


@functools.cache
def long_lived() -> tuple[Office, bytes, bytes, tuple[x509.Certificate, ...]]:
    """The office; the file as it was closed, and renewed after 14 years; who has lists."""
    town = Office(NOW - dt.timedelta(days=30))
    pdf = original = with_boxes(page("Pay"), ["Sig1", "Sig2", "Sig3"])
    for at in range(3):
        when = town.now + dt.timedelta(days=10 * at)
        pdf = town.person(f"Signer {at}", original, when).sign(pdf, f"Sig{at + 1}", when)
    closed = town.close(pdf, town.now + dt.timedelta(days=25))
    renewed_at = NOW + 14 * YEAR
    second = town.new_stamping(renewed_at)
    authorities = (town.issuing.certificate, town.stamping.certificate, second.certificate)
    proofs = Proofs(
        [second.certificate.public_bytes(Encoding.DER)],
        [town.list_of(one, renewed_at) for one in authorities],
    )
    renewed = town.close(closed, renewed_at, proofs, "Seal2", second)
    return town, closed, renewed, authorities


@each_row(
    ("years", "is_renewed", "offline", "online"),
    [
        (-3 / 365, False, Verdict.SEALED, Verdict.SEALED),  # two days after it was closed
        (0, False, Verdict.SEALED, Verdict.SEALED),
        (0.8, False, Verdict.SEALED, Verdict.SEALED),
        (3, False, Verdict.SIGNED, Verdict.SEALED),
        (12, False, Verdict.SIGNED, Verdict.SEALED),
        (16, False, Verdict.UNPROVEN, Verdict.UNPROVEN),
        (14.1, True, Verdict.SEALED, Verdict.SEALED),
        (16, True, Verdict.SIGNED, Verdict.SEALED),
        (24, True, Verdict.SIGNED, Verdict.SEALED),
        (26, True, Verdict.UNPROVEN, Verdict.UNPROVEN),
    ],
)
def test_a_file_outlives_its_certificates(
    years: float, is_renewed: bool, offline: Verdict, online: Verdict
) -> None:
    town, closed, renewed, authorities = long_lived()
    now = NOW + years * YEAR
    alive = [one for one in authorities if one.not_valid_after_utc > now]
    lists = [town.list_of(one, now) for one in alive]
    pdf = renewed if is_renewed else closed

    assert verdict(pdf, now, by=town).verdict is offline
    assert verdict(pdf, now, lists, by=town).verdict is online
