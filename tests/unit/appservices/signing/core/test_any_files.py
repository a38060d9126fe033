"""Names and kinds of files that are no PDF: neither may mislead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.papers.core.any_files import (
    ANY,
    FILENAME_CHARACTERS_MAX,
    ContainerUploadError,
    any_file,
    container_name,
    kind_of,
    safe_name,
    shortened,
)
from appservices.signing.papers.core.growing import begun
from appservices.signing.papers.core.uploads import (
    UPLOAD_BYTES_MAX,
    EmptyFileError,
    NotPdfError,
    UploadTooLargeError,
)
from tests.support.containers import odt
from tests.support.tables import each_row
from veche.documents.asic.container import DataFile, is_container, new_container
from veche.protocol.approval import showable

ZIP = b"PK\x03\x04"
PNG = b"\x89PNG\r\n\x1a\n"


@each_row(
    ("name", "safe"),
    [
        ("lease.docx", "lease.docx"),
        ("Договор №5.txt", "Договор №5.txt"),
        ('a/b\\c:d*e?f"g<h>i|j.txt', "a-b-c-d-e-f-g-h-i-j.txt"),
        ("../../etc/passwd", "..-..-etc-passwd"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("two\nlines\t.txt", "two lines.txt"),
        ("end. . .", "end"),
        ("...", "document"),
        ("", "document"),
        ("mimetype", "document-mimetype"),
        ("META-INF", "document-META-INF"),
        ("Meta-Inf", "document-Meta-Inf"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        (".docx", ".docx"),
        ("x" * 300 + ".docx", "x" * 95 + ".docx"),
        ("x." + "y" * 300, "x." + "y" * 98),
    ],
)
def test_a_name_is_the_same_file_to_every_system(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=300))
def test_any_name_becomes_one_that_a_container_takes(name: str) -> None:
    safe = safe_name(name)

    assert begun(DataFile(safe, ANY, b"1"))
    assert 0 < len(safe) <= FILENAME_CHARACTERS_MAX
    assert showable(safe) == safe
    assert safe_name(safe) == safe


@each_row(
    ("name", "data", "kind"),
    [
        ("photo.png", PNG, "image/png"),
        ("photo.txt", PNG, "image/png"),  # it is what it is
        ("photo.png", b"no picture", ANY),
        ("photo.PNG", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("lease.txt", "Привет".encode(), "text/plain"),
        ("lease.txt", "Привет".encode("utf-16"), ANY),
        ("lease.txt", b"a\0b", ANY),
        ("data.zip", ZIP, "application/zip"),
        ("data.zip", b"no archive", ANY),
        ("a.docx", ZIP, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.docx", b"no archive", ANY),
        ("run.exe", b"MZ", ANY),
        ("noending", b"text", ANY),
        ("page.html", b"<p>", "text/html"),
    ],
)
def test_a_kind_is_by_the_content_where_that_can_be_told(name: str, data: bytes, kind: str) -> None:
    assert kind_of(name, data) == kind


def test_what_is_not_signed_so_is_refused() -> None:
    container = new_container([DataFile("a.txt", "text/plain", b"1")])
    for data, name, error in (
        (b"", "a.txt", EmptyFileError),
        (b"text", "contract.PDF", NotPdfError),
        (container, "a.zip", ContainerUploadError),
        (b"\r\n" + container, "a.txt", ContainerUploadError),
        (bytes(UPLOAD_BYTES_MAX + 1), "a.bin", UploadTooLargeError),
    ):
        with pytest.raises(error):
            any_file(data, name)
    assert len(any_file(bytes(UPLOAD_BYTES_MAX), "a.bin").data) == UPLOAD_BYTES_MAX


def test_the_ending_of_a_long_name_stays() -> None:
    assert shortened("x" * 20 + ".docx", 10) == "xxxxx.docx"
    assert shortened("short.txt", 10) == "short.txt"
    assert shortened("x" * 20, 10) == "x" * 10


def test_a_container_is_called_by_its_file() -> None:
    assert container_name("lease.docx") == "lease-signed.asice"
    assert container_name("lease") == "lease-signed.asice"
    assert container_name(".docx") == ".docx-signed.asice"


def test_a_document_of_an_office_is_no_container_though_it_begins_as_one() -> None:
    letter = odt()
    assert letter[30:38] == b"mimetype"

    assert not is_container(letter)
    assert any_file(letter, "letter.odt").kind == "application/vnd.oasis.opendocument.text"
    assert is_container(new_container([DataFile("a.txt", "text/plain", b"1")]))
