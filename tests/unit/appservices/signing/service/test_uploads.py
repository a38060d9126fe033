"""What can be signed of what people send, and what they are told of the rest."""

from __future__ import annotations

import hashlib
import io
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appservices.signing.papers.core.uploads import (
    PAGES_MAX,
    UPLOAD_BYTES_MAX,
    EmptyError,
    EmptyFileError,
    EncryptedError,
    Note,
    NotPdfError,
    SignedAlreadyError,
    Upload,
    UploadError,
    UploadTooLargeError,
    XfaError,
    note_texts,
    refusal_text,
)
from appservices.signing.papers.service.uploads import normalised, read_upload
from tests.support import uploads
from tests.support.catalogues import catalogue_problems
from tests.support.forgery import increment, page
from tests.support.long import many
from tests.support.programs import program
from tests.support.signing import Office, with_boxes
from tests.support.tables import each_row
from veche.documents.pdf.document import Document
from veche.documents.pdf.grammar import active_names
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.signing import form_fields
from veche.documents.pdf.structure import revisions
from veche.protocol.texts.catalogue import LANGUAGES, Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def taken(content: bytes) -> Upload:
    found = normalised(content)
    assert isinstance(found, Upload), found
    return found


def assert_sealed_profile(upload: Upload) -> None:
    document = Document(upload.pdf)
    objects = [one for part in revisions(document) for one in part.objects.values()]
    assert not active_names(objects)
    assert not form_fields(document)
    assert page_count(document) == upload.pages


def test_a_file_in_the_profile_is_kept_byte_for_byte() -> None:
    upload = read_upload(uploads.plain())

    assert upload == Upload(uploads.plain(), 1, is_kept=True)


def test_a_file_of_other_programs_is_written_anew_with_the_same_pages() -> None:
    upload = read_upload(uploads.changed(uploads.nothing, uploads.plain(pages=3)))

    assert (upload.pages, upload.is_kept, upload.notes) == (3, False, ())
    assert_sealed_profile(upload)


def test_the_same_file_gives_the_same_bytes() -> None:
    sent = uploads.changed(uploads.text_field)

    assert taken(sent).pdf == taken(sent).pdf
    assert taken(taken(sent).pdf).is_kept


@each_row(
    ("change", "note"),
    [
        (uploads.script, Note.SCRIPTS),
        (uploads.text_field, Note.FORM),
        (uploads.comment, Note.COMMENTS),
        (uploads.layers, Note.LAYERS),
    ],
)
@each_row("mode", list(pikepdf.ObjectStreamMode)[:2])
def test_what_acts_or_switches_is_left_out_and_told(
    change: Callable[[Any], None], note: Note, mode: Any
) -> None:
    upload = taken(uploads.changed(change, object_stream_mode=mode))

    assert note in upload.notes
    assert not upload.is_kept
    assert_sealed_profile(upload)


def test_files_in_a_file_are_left_out_or_signed_too_and_told() -> None:
    with_file = uploads.changed(uploads.attachment)
    plain = pikepdf.ObjectStreamMode.disable

    assert taken(with_file).notes == (Note.ATTACHMENTS,)
    assert b"terms.txt" not in taken(with_file).pdf
    assert taken(uploads.changed(uploads.attachment, object_stream_mode=plain)).notes == (
        Note.CARRIES,
    )


def test_the_answers_of_a_form_are_seen_on_the_page(tmp_path: Path) -> None:
    upload = taken(uploads.changed(uploads.text_field))

    (tmp_path / "file.pdf").write_bytes(upload.pdf)
    command = [program("pdftotext"), str(tmp_path / "file.pdf"), "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Filled by Alice" in said
    assert "Rent: 900 EUR a month." in said


def test_a_program_that_the_structure_refers_to_takes_the_structure_with_it() -> None:
    def change(document: pikepdf.Pdf) -> None:
        action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        document.Root.StructTreeRoot = pikepdf.Dictionary(
            Type=pikepdf.Name.StructTreeRoot,
            K=pikepdf.Dictionary(Type=pikepdf.Name.OBJR, Obj=pikepdf.Dictionary(A=action)),
        )

    upload = taken(uploads.changed(change))

    assert Note.TAGS in upload.notes
    assert_sealed_profile(upload)


def test_a_font_that_the_file_does_not_bring_is_remarked() -> None:
    assert taken(page("Pay 100 EUR")).notes == (Note.FONTS,)


def test_links_alone_do_not_make_a_file_be_written_anew() -> None:
    upload = taken(uploads.plain('#link("https://example.org")[terms]'))

    assert upload.is_kept


@pytest.mark.parametrize("content", [b"PK\x03\x04 lease.pdf", b"<html>lease.pdf</html>"])
def test_what_is_only_called_a_pdf_is_refused(content: bytes) -> None:
    with pytest.raises(NotPdfError):
        read_upload(content)


def test_a_file_with_nothing_in_it_is_called_empty() -> None:
    with pytest.raises(EmptyFileError, match="This file is empty"):
        read_upload(b"")


def test_a_refusal_leaves_the_sandbox_with_its_name() -> None:
    with pytest.raises(XfaError, match="print it as PDF"):
        read_upload(uploads.changed(uploads.xfa))


@each_row(
    ("content", "refusal"),
    [
        (b"%PDF-1.7\nhello", UploadError),
        (uploads.plain()[: len(uploads.plain()) // 2], UploadError),
        (uploads.plain()[:-200], UploadError),
        (uploads.changed(uploads.no_pages), EmptyError),
        (page("x").replace(b"/Kids[3 0 R]/Count 1", b"/Kids[     ]/Count 0"), EmptyError),
        (uploads.changed(uploads.xfa), XfaError),
        (
            uploads.changed(uploads.nothing, encryption=pikepdf.Encryption(owner="o", user="u")),
            EncryptedError,
        ),
        (
            uploads.changed(uploads.nothing, encryption=pikepdf.Encryption(owner="o", user="")),
            EncryptedError,
        ),
    ],
)
def test_each_kind_of_bad_file_is_refused_by_name(content: bytes, refusal: type) -> None:
    assert normalised(content) is refusal


def test_a_signed_file_is_refused_however_it_is_written() -> None:
    office = Office()
    document = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
    signed = office.person("Alice Adams", document).sign(document, "Sig1")

    found = [
        normalised(signed),
        normalised(office.close(signed)),
        normalised(uploads.changed(uploads.nothing, signed)),
        normalised(signed.replace(b"/Perms", b"/Prems")),
    ]

    assert found == [SignedAlreadyError] * 4


def test_a_file_that_speaks_of_signatures_is_not_signed() -> None:
    content = page("the key /ByteRange of a signature")

    assert taken(content).is_kept
    assert taken(uploads.changed(uploads.script, content, compress_streams=False)).pages == 1


def test_files_at_the_limits_are_taken_and_above_them_refused() -> None:
    assert taken(uploads.plain(pages=PAGES_MAX)).pages == PAGES_MAX
    assert taken(uploads.changed(uploads.script, uploads.plain(pages=PAGES_MAX))).pages == PAGES_MAX
    more = uploads.plain(pages=PAGES_MAX + 1)
    assert normalised(uploads.changed(uploads.script, more)) is UploadTooLargeError
    assert normalised(more) is UploadTooLargeError
    with pytest.raises(UploadTooLargeError):
        read_upload(b"%PDF-1.7\n" + bytes(UPLOAD_BYTES_MAX))


def test_a_file_that_swells_is_refused_within_bounds() -> None:
    def change(document: pikepdf.Pdf) -> None:
        bomb = zlib.compress(bytes(2**29), 1)
        document.pages[0].Contents = pikepdf.Stream(document, bomb, Filter=pikepdf.Name.FlateDecode)

    content = uploads.changed(
        change, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none
    )

    with pytest.raises(UploadError):
        read_upload(content)


@pytest.mark.parametrize("mode", list(pikepdf.ObjectStreamMode)[:2])
def test_of_a_picture_that_is_another_one_on_paper_only_what_is_seen_is_left(mode: Any) -> None:
    upload = taken(uploads.changed(uploads.other_on_paper, object_stream_mode=mode))

    assert not upload.is_kept
    assert_sealed_profile(upload)
    assert b"/Alternates" not in upload.pdf
    assert upload.pdf.count(b"/Subtype /Image") == 1


def test_a_stream_in_another_file_is_refused() -> None:
    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].Contents = pikepdf.Stream(document, b"", F="/etc/passwd")

    content = uploads.changed(change)

    assert normalised(content) is UploadError


def test_bytes_that_only_some_readers_find_do_not_survive() -> None:
    hidden = increment(page("Pay 100"), {4: b"(Pay 999)"}, table="empty")

    found = normalised(hidden)

    assert not isinstance(found, Upload) or b"Pay 999" not in found.pdf


@settings(deadline=None, max_examples=many(ordinary=20, long=60))
@given(st.data())
def test_no_mutated_file_gets_out_of_the_profile(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([page("Pay 100"), uploads.changed(uploads.text_field)]))
    content = bytearray(base)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    try:
        found = normalised(bytes(content))
    except (ValueError, TypeError, RuntimeError, AttributeError, KeyError):
        return  # In the sandbox any error is a refusal.

    if isinstance(found, Upload) and not found.is_kept:
        assert_sealed_profile(found)


@settings(deadline=None, max_examples=many(ordinary=8, long=25))
@given(
    st.sets(
        st.sampled_from([uploads.script, uploads.text_field, uploads.layers, uploads.attachment])
    ),
    st.sampled_from(list(pikepdf.ObjectStreamMode)[:2]),
    st.booleans(),
)
def test_all_mixtures_come_into_the_profile(
    changes: set[Callable[[Any], None]], mode: Any, is_linear: bool
) -> None:
    content = uploads.plain(pages=2)
    for change in changes:
        content = uploads.changed(change, content)
    content = uploads.changed(
        uploads.nothing, content, object_stream_mode=mode, linearize=is_linear
    )

    upload = taken(content)

    assert_sealed_profile(upload)
    assert bool(upload.notes) == bool(changes)


def test_every_refusal_and_note_says_in_each_language_what_to_do() -> None:
    catalogue = Catalogue.load("appservices.signing.papers")
    kinds = (
        UploadError,
        NotPdfError,
        EncryptedError,
        XfaError,
        SignedAlreadyError,
        EmptyError,
        EmptyFileError,
    )
    errors: list[UploadError | UploadTooLargeError] = [
        *(kind() for kind in kinds),
        UploadTooLargeError(),
    ]
    upload = Upload(b"", 1, is_kept=False, notes=tuple(Note))

    for language in LANGUAGES:
        said = [refusal_text(catalogue, language, one) for one in errors]
        said += note_texts(catalogue, language, upload.notes)
        assert len(set(said)) == len(errors) + len(Note)
        assert not any("{" in one for one in said)
    assert [str(one) for one in errors] == [refusal_text(catalogue, "en", one) for one in errors]


def test_each_kind_of_refusal_has_its_own_code() -> None:
    kinds = (UploadError, NotPdfError, EncryptedError, XfaError, SignedAlreadyError, EmptyError)

    assert len({one.errcode for one in (*kinds, UploadTooLargeError)}) == len(kinds) + 1


def test_the_catalogues_of_papers_are_whole() -> None:
    assert catalogue_problems("appservices.signing.papers") == []


def test_a_large_file_fits_into_the_bounds() -> None:
    def change(document: pikepdf.Pdf) -> None:
        noise = hashlib.shake_256(b"noise").digest(52_000_000)
        picture = pikepdf.Stream(document, noise)
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Width, picture.Height = 5200, 10_000
        picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        resources = document.pages[0].Resources
        resources.XObject = pikepdf.Dictionary(Im1=picture)
        document.pages[0].contents_add(b"q 100 0 0 100 0 0 cm /Im1 Do Q")

    upload = read_upload(uploads.changed(change, compress_streams=False))

    assert len(upload.pdf) > 52_000_000


def test_a_link_to_a_page_is_kept_as_it_is() -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(uploads.plain())) as document:
        document.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)

    assert taken(out.getvalue()).is_kept
