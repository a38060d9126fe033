"""What a signature looks like is what it says, and nothing else can be shown with it."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import pikepdf
import pytest
import typst
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.support import letters as made_letters
from tests.support.golden import check_golden
from tests.support.programs import program
from tests.support.signing import NOW, Office, ms, with_boxes
from tests.support.tables import each_row
from veche.documents.pdf import letters as font
from veche.documents.pdf.appearance import (
    CHARACTERS_MAX,
    HEIGHT_MAX,
    HEIGHT_MIN,
    WIDTH_MAX,
    WIDTH_MIN,
    Look,
    lines_of,
    pdf_date,
    picture,
    size_of,
    turn_of,
)
from veche.documents.pdf.document import Document
from veche.documents.pdf.letters import MissingLetterError, signature_font
from veche.documents.pdf.signing import Box, Proofs, can_be_shown, lay_boxes, prepare_signature
from veche.documents.pdf.values import PdfError, text
from veche.documents.pki.cms import Signer
from veche.documents.signatures.report import Reason, Verdict
from veche.documents.signatures.verdict import Trusted, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.documents.pdf.values import Value
    from veche.documents.signatures.report import Report

LOOK: Final = Look("Landlady", "advanced signature")
LINES: Final = ("Alice Adams", "Landlady", "advanced signature", "2026-11-26 12:00 UTC")
SIZE: Final = (160_00, 50_00)


@functools.cache
def office() -> Office:
    return Office()


@functools.cache
def document() -> bytes:
    return with_boxes(
        typst.compile(b"Lease. Rent: 900 EUR.", timestamp=0), ["Sig1", "Sig2"], with_letters=True
    )


def verdict(pdf: bytes) -> Report:
    return judge(pdf, Trusted([office().root.certificate], NOW))


def forged(
    change: Callable[[bytes], bytes], doc: bytes | None = None, name: str = "Alice Adams"
) -> Report:
    """The verdict on ``forged_file``."""
    return verdict(forged_file(change, doc, name))


def forged_file(
    change: Callable[[bytes], bytes], doc: bytes | None = None, name: str = "Alice Adams"
) -> bytes:
    """A closed file whose signer changed the revision, in its length, and then signed it.

    Args:
        change: Of the revision.
        doc: What is signed.
        name: Whom the picture names.
    """
    base = doc if doc is not None else document()
    alice = office().person("Alice Adams", base)
    proofs = office().proofs(alice.certificate, NOW)
    prepared = prepare_signature(Document(base), "Sig1", proofs, name, ms(NOW), look=LOOK)
    data, (start, end) = change(prepared.data), prepared.hole
    assert len(data) == len(prepared.data)
    covered = base + data[: start - 1] + data[end + 1 :]
    prepared = attrs.evolve(prepared, data=data, digest=hashlib.sha256(covered).digest())
    signer = Signer(alice.certificate, [office().issuing.certificate])
    attributes = signer.signed_attributes(prepared.digest)
    signature = alice.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
    token = office().token(hashlib.sha256(signature).digest(), NOW)
    return office().close(base + prepared.filled(signer.detached(attributes, signature, token)))


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    assert len(old) == len(new)

    def change(data: bytes) -> bytes:
        assert data.count(old) == 1, data.count(old)
        return data.replace(old, new)

    return change


def test_two_signers_are_shown_and_the_file_is_sealed() -> None:
    pdf = office().person("Alice Adams", document()).sign(document(), "Sig1", look=LOOK)
    pdf = office().person("Боб Браун", document()).sign(pdf, "Sig2", look=Look("Свидетель", "X"))

    assert verdict(office().close(pdf)).verdict is Verdict.SEALED


def test_the_picture_of_the_tests_below_is_fine_unless_changed() -> None:
    assert forged(lambda data: data).verdict is Verdict.SEALED


@each_row(
    "change",
    [
        pytest.param(replaced(b"/BBox [0 0 160 50]", b"/BBox [0 0 960 50]"), id="wider"),
        pytest.param(replaced(b"/BBox [0 0 160 50]", b"/BBox [9 0 160 50]"), id="moved"),
        pytest.param(replaced(b"/Type /XObject", b"/Matrix   [9 ]"), id="matrix"),
        pytest.param(replaced(b"/Type /XObject", b"/Ref /XObject "), id="other file"),
        pytest.param(replaced(b"/Subtype /Form /BBox", b"/Subtype /Imag /BBox"), id="image"),
        pytest.param(
            replaced(b"0.25 0.25 159.5 49.5 re\nS", b"0.25 0.25 159.5 49.5 re\nf"), id="f"
        ),
        pytest.param(replaced(b"159.5 49.5 re", b"159.5 -999 re"), id="outside"),
        pytest.param(replaced(b"ET\nQ\n", b"Q\nET\n"), id="order"),
        pytest.param(
            lambda data: re.sub(rb"(/VecheLetters) 7.9 Tf", rb"\1 9.9 Tf", data), id="larger"
        ),
        pytest.param(
            lambda data: data.replace(
                signature_font().encoded("advanced signature"),
                signature_font().encoded("qualified unsigned"),
                1,
            ),
            id="other level",
        ),
        pytest.param(
            lambda data: data.replace(
                signature_font().encoded("Alice Adams"), signature_font().encoded("Alice Adamo"), 1
            ),
            id="other name",
        ),
        pytest.param(
            lambda data: data.replace(text("Alice Adams"), text("Alice Adamo"), 1),
            id="name of the dictionary",
        ),
        pytest.param(
            lambda data: data.replace(b"(D:20261126120000Z)", b"(D:20251126120000Z)", 1),
            id="other time",
        ),
        pytest.param(
            lambda data: re.sub(rb"/AP <</N (\d+) 0 R>>", rb"/AP <</D \1 0 R>>", data),
            id="only when pressed",
        ),
        pytest.param(
            lambda data: re.sub(rb"/AP <</N (\d+) 0 R>>", rb"/MK <</N \1 0 R>>", data), id="no /AP"
        ),
        pytest.param(
            lambda data: re.sub(
                rb"/Font <</VecheLetters (\d+)", rb"/Font <</VecheLetterz \1", data
            ),
            id="other font",
        ),
    ],
)
def test_a_picture_that_is_not_the_one_we_would_draw_is_red(
    change: Callable[[bytes], bytes],
) -> None:
    found = forged(change)

    assert found.verdict is Verdict.INVALID
    assert Reason.CHANGED in {one.reason for one in found.findings} or {
        one.reason for one in found.findings
    } <= {Reason.HIDDEN, Reason.BROKEN}


@functools.cache
def turned_document() -> bytes:
    made = typst.compile(b"Lease. Rent: 900 EUR.", timestamp=0)
    box = Box("Sig1", 0, (40, 40, 90, 200), 90)
    return made + lay_boxes(Document(made), [box], with_letters=True)


def test_a_signature_on_a_turned_page_is_upright_and_sealed() -> None:
    pdf = forged_file(lambda data: data, turned_document())

    assert b"/BBox [0 0 160 50] /Matrix [0 1 -1 0 50 0]" in pdf
    assert verdict(pdf).verdict is Verdict.SEALED


@each_row(
    "change",
    [
        pytest.param(replaced(b"/Matrix [0 1 -1 0 50 0]", b"/Matrix [0 -1 1 0 50 0]"), id="back"),
        pytest.param(replaced(b"/Matrix [0 1 -1 0 50 0]", b"/Matrix [0 0 00 0 50 0]"), id="flat"),
        pytest.param(replaced(b"/Matrix [0 1 -1 0 50 0]", b"/Matrik [0 1 -1 0 50 0]"), id="none"),
        pytest.param(replaced(b"/MK <</R 90>>", b"/MK <</R 00>>"), id="turned by the signer"),
    ],
)
def test_a_picture_that_is_turned_otherwise_is_red(change: Callable[[bytes], bytes]) -> None:
    assert forged(change, turned_document()).verdict is Verdict.INVALID


def test_a_picture_that_names_somebody_else_is_red() -> None:
    found = forged(lambda data: data, name="Mallory")

    assert found.verdict is Verdict.INVALID
    assert [one.reason for one in found.findings] == [Reason.BROKEN]


def test_a_picture_may_have_the_account_in_place_of_a_name() -> None:
    found = forged(lambda data: data, name="@alice.adams:example.org")

    assert found.verdict is Verdict.SEALED


@each_row(
    "change",
    [
        lambda doc: _flip(doc, doc.rindex(b"/CIDFontType0C") + 300),
        lambda doc: doc.replace(b"/W [1 [250 ", b"/W [1 [150 ", 1),
        lambda doc: doc.replace(b"/VecheGlyphs <00200021", b"/VecheGlyphs <00210020", 1),
        lambda doc: doc.replace(b"<0001> <0020>", b"<0001> <0039>", 1),
        lambda doc: doc.replace(b"/Encoding /Identity-H", b"/Encoding /Identity-V", 1),
    ],
)
def test_letters_of_another_font_are_red(change: Callable[[bytes], bytes]) -> None:
    doc = change(document())
    assert doc != document()

    found = forged(lambda data: data, doc)

    assert found.verdict is Verdict.INVALID
    assert [one.reason for one in found.findings] == [Reason.CHANGED]
    assert "font" in found.findings[0].detail


def _flip(doc: bytes, at: int) -> bytes:
    return doc[:at] + bytes((doc[at] ^ 1,)) + doc[at + 1 :]


def test_a_box_that_shows_something_already_gets_no_picture() -> None:
    doc = document()
    box = doc.replace(b"/F 132 /Rect [40 40", b"/AP /X /Rect [40 40", 1)
    assert len(box) == len(doc)
    assert box != doc

    with pytest.raises(PdfError, match="shows something already"):
        prepare_signature(Document(box), "Sig1", Proofs(), "Alice Adams", ms(NOW), look=LOOK)


def test_a_file_without_the_font_shows_no_signature() -> None:
    doc = with_boxes(typst.compile(b"Lease"), ["Sig1"])

    with pytest.raises(PdfError, match="font of signatures"):
        office().person("Alice Adams", doc).sign(doc, "Sig1", look=LOOK)


def test_whether_a_box_can_show_words_is_known_before() -> None:
    plain = Document(with_boxes(typst.compile(b"Lease"), ["Sig1"]))
    small = typst.compile(b"Lease")
    small += lay_boxes(Document(small), [Box("Sig1", 0, (0, 0, 9, 9))], with_letters=True)
    words = ("Alice Adams", "Landlady", "AdES")

    assert can_be_shown(Document(document()), "Sig1", words)
    assert not can_be_shown(plain, "Sig1", words)
    assert not can_be_shown(Document(small), "Sig1", words)
    for bad in ("王", "", "x" * (CHARACTERS_MAX + 1)):
        assert not can_be_shown(Document(document()), "Sig1", (bad, "b", "c"))
    with pytest.raises(PdfError, match="no field"):
        can_be_shown(Document(document()), "Sig9", words)


def test_the_font_is_laid_once() -> None:
    with pytest.raises(PdfError, match="already"):
        lay_boxes(Document(document()), [Box("S", 0, (0, 0, 99, 99))], with_letters=True)


@each_row(
    ("width", "height", "is_fine"),
    [
        (WIDTH_MIN, HEIGHT_MIN, True),
        (WIDTH_MAX, HEIGHT_MAX, True),
        (WIDTH_MIN - 1, HEIGHT_MIN, False),
        (WIDTH_MIN, HEIGHT_MIN - 1, False),
        (WIDTH_MAX + 1, HEIGHT_MAX, False),
        (WIDTH_MAX, HEIGHT_MAX + 1, False),
        (-WIDTH_MIN, HEIGHT_MIN, False),
        (0, 0, False),
    ],
)
def test_signatures_are_shown_in_boxes_of_a_sensible_size(
    width: int, height: int, is_fine: bool
) -> None:
    corners = [b"10", b"10", b"%.2f" % (10 + width / 100), b"%.2f" % (10 + height / 100)]

    if is_fine:
        assert size_of([*corners]) == (width, height)
    else:
        with pytest.raises(PdfError):
            size_of([*corners])


def test_a_page_may_begin_below_zero() -> None:
    assert size_of([b"-100.005", b"-60", b"-0.5", b"0"]) == (99_50, 60_00)


def test_a_turned_box_is_as_wide_as_it_is_seen() -> None:
    tall = [b"0", b"0", b"60", b"200"]

    assert [size_of([*tall], turn) for turn in (90, 270)] == [(200_00, 60_00)] * 2
    with pytest.raises(PdfError):
        size_of([*tall], 180)


@each_row(
    ("entry", "turn"),
    [
        ({b"/R": b"90"}, 90),
        ({b"/R": b"180"}, 180),
        ({b"/R": b"270", b"/CA": b"(x)"}, 270),
        ({b"/R": b"0"}, 0),
        ({b"/R": b"45"}, 0),
        ({b"/R": b"-90"}, 0),
        ({b"/R": b"90.0"}, 0),
        ({b"/R": [b"90"]}, 0),
        ({}, 0),
        (b"7 0 R", 0),
    ],
)
def test_a_box_is_turned_only_as_it_is_said_plainly(entry: Value, turn: int) -> None:
    assert turn_of({b"/MK": entry}) == turn
    assert turn_of({}) == 0


def test_a_box_of_three_corners_shows_nothing() -> None:
    with pytest.raises(PdfError):
        size_of([b"10", b"10", b"100"])


@each_row(
    "entries",
    [
        {b"/Reason": text("no level")},
        {b"/Reason": text("Signer · ")},
        {b"/Reason": text(" · level")},
        {b"/Reason": text("x" * (CHARACTERS_MAX + 1) + " · level")},
        {b"/Name": text("")},
        {b"/Name": text("x" * (CHARACTERS_MAX + 1))},
        {b"/M": b"(D:2026)"},
        {b"/M": b"(D:20261126120000+01'00')"},
    ],
)
def test_a_signature_that_lacks_a_line_is_not_shown(entries: dict[bytes, bytes]) -> None:
    whole = {
        b"/Name": text("Alice"),
        b"/Reason": text("a · b · c"),
        b"/M": pdf_date(ms(NOW)),
    }
    assert lines_of({**whole}) == ["Alice", "a · b", "c", "2026-11-26 12:00 UTC"]

    with pytest.raises(PdfError):
        lines_of({**whole, **entries})


@given(
    st.lists(
        st.text(
            st.sampled_from(sorted(signature_font().glyphs)), min_size=1, max_size=CHARACTERS_MAX
        ),
        min_size=4,
        max_size=4,
    ),
    st.integers(WIDTH_MIN, WIDTH_MAX),
    st.integers(HEIGHT_MIN, HEIGHT_MAX),
)
def test_every_line_stays_in_its_box(lines: list[str], width: int, height: int) -> None:
    drawn = picture((width, height), lines, signature_font())

    at = 0.0
    sizes = re.findall(rb" ([\d.]+) Tf\n([\d.-]+) ([\d.-]+) Td", drawn)
    assert len(sizes) == 4
    for line, (size, _, move) in zip(lines, sizes, strict=True):
        at += float(move)
        assert 0 < float(size) * signature_font().width(line) / 1000 <= width / 100 - 8
        assert 0 < at < height / 100 - float(size) * 0.6


def test_a_character_without_a_picture_is_named() -> None:
    assert not signature_font().can_show("王")
    with pytest.raises(MissingLetterError, match="王"):
        picture(SIZE, ["王", "a", "b", "c"], signature_font())


def test_the_font_has_the_letters_of_our_languages() -> None:
    for words in (
        "The quick brown fox 0123456789 .,:;!?()«»“”„–—’'\"/@#%&*+=-_№€§",
        "ÄÖÜäöüß Falsches Üben",
        "Съешь же ещё этих мягких французских булок, да выпей чаю ЁЪЫЭ",
        "Ґанок, їжак, єнот, індик; ҐЄІЇ",
        "Łódź Žižkov Şişli Győr Čeština Ăâîșț",
        "@alice.adams:example.org",
    ):
        assert signature_font().can_show(words)


def test_the_font_is_the_one_that_typst_brings() -> None:
    made = made_letters.make()

    assert made == font._known()


def test_pictures_are_drawn_as_ever() -> None:
    cases = {
        "plain": (SIZE, LINES),
        "small": ((WIDTH_MIN, HEIGHT_MIN), LINES),
        "large": ((WIDTH_MAX, HEIGHT_MAX), ("Боб", "Свидетель", "усиленная", LINES[3])),
        "long": ((123_45, 67_89), ("Ж" * CHARACTERS_MAX, "a", "b", LINES[3])),
    }

    check_golden(
        Path(__file__).with_name("pictures.json"),
        {
            "digest": font.DIGEST,
            **{
                name: {
                    "size": size,
                    "lines": lines,
                    "picture": picture(size, lines, signature_font()).decode(),
                }
                for name, (size, lines) in cases.items()
            },
        },
    )


def _rendered(pdf: bytes, folder: Path) -> bytes:
    (folder / "file.pdf").write_bytes(pdf)
    command = [program("pdftoppm"), "-r", "72", "-gray", "file.pdf", "page"]
    subprocess.run(command, cwd=folder, check=True)
    return (folder / "page-1.pgm").read_bytes()


def test_a_signature_is_seen_in_its_box_and_nowhere_else(tmp_path: Path) -> None:
    before = _rendered(document(), tmp_path)
    signed = office().person("Alice Adams", document()).sign(document(), "Sig1", look=LOOK)
    after = _rendered(office().close(signed), tmp_path)

    wide, high = (int(one) for one in before.split(b"\n")[1].split())
    pixels = len(before) - wide * high
    changed = [at for at in range(wide * high) if before[pixels + at] != after[pixels + at]]
    assert len(changed) > 300
    for at in changed:
        x, y = at % wide, high - at // wide
        assert 39 <= x <= 201
        assert 38 <= y <= 92


def test_its_words_can_be_found_and_copied(tmp_path: Path) -> None:
    signed = office().person("Боб Браун", document()).sign(document(), "Sig1", look=LOOK)
    (tmp_path / "file.pdf").write_bytes(signed)

    command = [program("pdftotext"), str(tmp_path / "file.pdf"), "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "Боб Браун" in said
    assert "advanced signature" in said
    assert "2026-11-26 12:00 UTC" in said


def test_qpdf_finds_nothing_wrong_with_a_shown_signature() -> None:
    signed = office().person("Alice Adams", document()).sign(document(), "Sig1", look=LOOK)

    with pikepdf.open(io.BytesIO(office().close(signed)), attempt_recovery=False) as opened:
        assert opened.check_pdf_syntax() == []
