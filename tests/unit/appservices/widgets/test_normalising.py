"""What a browser makes of an upload is what the service makes of it, or it says the same no."""

from __future__ import annotations

import base64
import functools
import hashlib
import subprocess
import zlib
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pikepdf
import pytest

from appservices.signing.papers.core.uploads import (
    PAGES_MAX,
    UPLOAD_BYTES_MAX,
    EmptyError,
    EmptyFileError,
    EncryptedError,
    NotPdfError,
    SignedAlreadyError,
    Upload,
    UploadError,
    UploadTooLargeError,
    XfaError,
)
from appservices.signing.papers.service.uploads import normalised
from tests.support import uploads
from tests.support.forgery import increment, page, stream
from tests.support.node import why_no_node
from tests.support.programs import program
from tests.support.signing import Office, with_boxes
from tests.unit.appservices.widgets.test_signing_twins import by_page
from veche.documents.pdf.document import Document
from veche.documents.pdf.grammar import active_names
from veche.documents.pdf.pages import page_count
from veche.documents.pdf.signing import form_fields
from veche.documents.pdf.structure import revisions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

REASONS: Final[Mapping[type, str]] = {
    UploadError: "unreadable",
    NotPdfError: "not_pdf",
    EncryptedError: "encrypted",
    XfaError: "xfa",
    SignedAlreadyError: "signed",
    EmptyError: "empty",
    EmptyFileError: "empty_file",
    UploadTooLargeError: "too_large",
}
SALT: Final = hashlib.sha256(b"chance").digest()
_NORMALISE: Final = """
    const { normalise } = await at("pdf/normalising.js");
    const { openFile } = await at("pdf/signing.js");
    const { pageCount } = await at("pdf/tree.js");
    const found = [];
    for (const one of given.files) {
        try {
            const made = await normalise(bytes(one), bytes(given.salt));
            const pages = pageCount(openFile(made.pdf).document);
            found.push({ ...made, pdf: base64(made.pdf), counted: pages });
        } catch (error) {
            found.push(error.reason ?? String(error.stack));
        }
    }
    answer(found);
"""


def by_browser(files: Sequence[bytes]) -> list[Any]:
    """What the page makes of each: a mapping, or the reason of a refusal."""
    given = {"files": [_b64(one) for one in files], "salt": _b64(SALT)}
    found: list[Any] = by_page(_NORMALISE, given)
    for one in found:
        if isinstance(one, dict):
            one["pdf"] = base64.b64decode(one["pdf"])
    return found


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def said_by(pdf: bytes, folder: Path) -> str:
    """The text of a file as poppler finds it."""
    file = folder / "file.pdf"
    file.write_bytes(pdf)
    command = [program("pdftotext"), "-layout", str(file), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def assert_sealed(pdf: bytes, pages: int) -> None:
    document = Document(pdf)
    objects = [one for part in revisions(document) for one in part.objects.values()]
    assert not active_names(objects)
    assert not form_fields(document)
    assert page_count(document) == pages
    assert b"/VecheSalt <%b>" % SALT.hex().encode() in pdf


def _structured(document: pikepdf.Pdf) -> None:
    action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    document.Root.StructTreeRoot = pikepdf.Dictionary(
        Type=pikepdf.Name.StructTreeRoot,
        K=pikepdf.Dictionary(Type=pikepdf.Name.OBJR, Obj=pikepdf.Dictionary(A=action)),
    )


def _blank(document: pikepdf.Pdf) -> None:
    """A page whose packed content is no byte at all, as many programs write one."""
    document.add_blank_page()


@functools.cache
def _honest() -> dict[str, bytes]:
    changes = (
        uploads.nothing,
        uploads.script,
        uploads.text_field,
        uploads.comment,
        uploads.layers,
        uploads.other_on_paper,
        uploads.attachment,
        _structured,
    )
    modes = {
        "packed": pikepdf.ObjectStreamMode.generate,
        "plain": pikepdf.ObjectStreamMode.disable,
    }
    made = {
        f"{change.__name__} {name}": uploads.changed(change, object_stream_mode=mode)
        for change in changes
        for name, mode in modes.items()
    }
    linear = uploads.changed(uploads.text_field, uploads.plain(pages=3), linearize=True)
    return {
        **made,
        "typst": uploads.plain(),
        "links": uploads.plain('#link("https://example.org")[terms]'),
        "many": uploads.changed(uploads.script, uploads.plain(pages=PAGES_MAX)),
        "linear": linear,
        "again": uploads.changed(uploads.comment, linear),
        "bare": page("Pay 100 EUR"),
        "blank": uploads.changed(_blank, compress_streams=True),
        "range": uploads.changed(
            uploads.script, page("the key /ByteRange of a signature"), compress_streams=False
        ),
        "later": page("Pay 100") + _later(),
        "before": b"\n\n" + uploads.changed(uploads.script),
    }


def _later() -> bytes:
    """A second revision that changes the page, as other programs append it."""
    base = page("Pay 100")
    return increment(base, {4: stream(b"BT /F1 24 Tf 72 700 Td (Pay 200) Tj ET")})[len(base) :]


@functools.cache
def _made() -> tuple[dict[str, bytes], dict[str, Any]]:
    files = _honest()
    return files, dict(zip(files, by_browser(list(files.values())), strict=True))


@pytest.mark.parametrize("name", list(_honest()))
def test_the_browser_takes_what_the_service_takes_with_the_same_remarks(
    name: str, tmp_path: Path
) -> None:
    files, made = _made()
    ours, theirs = normalised(files[name]), made[name]

    assert isinstance(ours, Upload), ours
    assert isinstance(theirs, dict), theirs
    assert_sealed(theirs["pdf"], ours.pages)
    assert theirs["notes"] == [note.value for note in ours.notes]
    assert (theirs["pages"], theirs["counted"]) == (ours.pages, ours.pages)
    assert theirs["isKept"] == ours.is_kept
    assert said_by(theirs["pdf"], tmp_path) == said_by(ours.pdf, tmp_path)


def _locked(user: str) -> bytes:
    return uploads.changed(uploads.nothing, encryption=pikepdf.Encryption(owner="o", user=user))


def _bomb(document: pikepdf.Pdf) -> None:
    packed = zlib.compress(bytes(2**29), 1)
    document.pages[0].Contents = pikepdf.Stream(document, packed, Filter=pikepdf.Name.FlateDecode)


def _elsewhere(document: pikepdf.Pdf) -> None:
    document.pages[0].Contents = pikepdf.Stream(document, b"", F="/etc/passwd")


def _russian(document: pikepdf.Pdf) -> None:
    uploads.text_field(document, "Заполнила Алиса")


def _signed() -> bytes:
    office = Office()
    document = with_boxes(page("Pay 100 EUR to Bob"), ["Sig1"])
    return office.person("Alice Adams", document).sign(document, "Sig1")


def _hostile() -> dict[str, tuple[bytes, type]]:
    signed, plain = _signed(), uploads.plain()
    swollen = uploads.changed(
        _bomb, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none
    )
    more = uploads.plain(pages=PAGES_MAX + 1)
    return {
        "empty": (b"", EmptyFileError),
        "zip": (b"PK\x03\x04 lease.pdf", NotPdfError),
        "words": (b"%PDF-1.7\nhello", UploadError),
        "half": (plain[: len(plain) // 2], UploadError),
        "cut": (plain[:-200], UploadError),
        "cut packed": (uploads.changed(uploads.nothing)[:-200], UploadError),
        "no pages": (uploads.changed(uploads.no_pages), EmptyError),
        "none": (
            page("x").replace(b"/Kids[3 0 R]/Count 1", b"/Kids[     ]/Count 0"),
            EmptyError,
        ),
        "xfa": (uploads.changed(uploads.xfa), XfaError),
        "locked": (_locked("u"), EncryptedError),
        "half locked": (_locked(""), EncryptedError),
        "signed": (signed, SignedAlreadyError),
        "signed packed": (uploads.changed(uploads.nothing, signed), SignedAlreadyError),
        "signed hidden": (signed.replace(b"/Perms", b"/Prems"), SignedAlreadyError),
        "long": (more, UploadTooLargeError),
        "long packed": (uploads.changed(uploads.script, more), UploadTooLargeError),
        "large": (b"%PDF-1.7\n" + bytes(UPLOAD_BYTES_MAX), UploadTooLargeError),
        "swollen": (swollen, UploadTooLargeError),
        "elsewhere": (uploads.changed(_elsewhere), UploadError),
        # The service draws such answers; a browser has no letters for them, and says what helps.
        "russian": (uploads.changed(_russian), XfaError),
    }


@functools.cache
def _refused() -> dict[str, tuple[str, str]]:
    hostile = _hostile()
    found = by_browser([content for content, _ in hostile.values()])
    wanted = [REASONS[refusal] for _, refusal in hostile.values()]
    return dict(zip(hostile, zip(found, wanted, strict=True), strict=True))


def test_each_kind_of_bad_file_is_refused_by_the_name_that_the_service_has() -> None:
    found = _refused()

    assert {name: one for name, (one, _) in found.items()} == {
        name: wanted for name, (_, wanted) in found.items()
    }


def test_bytes_that_only_some_readers_find_do_not_survive() -> None:
    hidden = [
        increment(page("Pay 100"), {4: stream(b"BT (Pay 999) Tj ET")}, table=table)
        for table in ("empty", "shifted")
    ]

    for one in by_browser(hidden):
        assert not isinstance(one, dict) or b"Pay 999" not in one["pdf"]


def test_no_mutated_file_gets_out_of_the_profile() -> None:
    random = Random(7)  # noqa: S311 -- test data
    bases = [page("Pay 100"), uploads.changed(uploads.text_field), uploads.changed(uploads.comment)]
    files = []
    for number in range(150):
        content = bytearray(bases[number % len(bases)])
        for _ in range(random.randint(1, 6)):
            content[random.randrange(len(content))] = random.randrange(256)
        files.append(bytes(content))

    made = by_browser(files)

    assert any(isinstance(one, dict) for one in made)
    for one in made:
        if isinstance(one, dict):
            assert_sealed(one["pdf"], one["pages"])
        else:
            assert one in REASONS.values(), one
