"""Containers: honest ones are green, and none that an attacker makes is."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import io
import pickle
import struct
import subprocess
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import Revoked
from tests.support.containers import (
    FILES,
    LEASE,
    bound_to,
    closed,
    contents,
    made,
    signed,
    zipped,
)
from tests.support.programs import program
from tests.support.responders import Answering
from tests.support.signing import NOW, YEAR, Office, ms
from tests.support.tables import each_row
from veche.documents.asic.archive import ArchiveError, HiddenError, read_archive, write_archive
from veche.documents.asic.container import DataFile, new_container, prepare, prepare_closing
from veche.documents.asic.verdict import certificates_of, judge_container
from veche.documents.pdf.signing import Proofs
from veche.documents.pki.certificates import Level
from veche.documents.signatures.judging import Trusted
from veche.documents.signatures.report import Reason, Report, Verdict
from veche.documents.signatures.words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LATER = NOW + dt.timedelta(minutes=5)
BOMB_MIB = 101
BAD = {Verdict.INVALID, Verdict.UNREADABLE}


@functools.cache
def office() -> Office:
    return Office()


@functools.cache
def open_tail() -> bytes:
    return made(office(), FILES, ["Alice Adams", "Боб Браун"])


@functools.cache
def honest() -> bytes:
    return closed(office(), open_tail())


def verdict(
    data: bytes, now: dt.datetime = LATER, lists: Sequence[bytes] = (), by: Office | None = None
) -> Report:
    return judge_container(data, Trusted([(by or office()).root.certificate], now, lists))


def reasons(report: Report) -> set[Reason]:
    return {finding.reason for finding in report.findings}


def test_an_honest_container_is_sealed_and_names_who_signed() -> None:
    found = verdict(honest())

    assert found.verdict is Verdict.SEALED
    assert [(one.field, one.name, one.level, one.at_ms) for one in found.signers] == [
        ("signature001", "Alice Adams", Level.SUBSTANTIAL, ms(NOW)),
        ("signature002", "Боб Браун", Level.SUBSTANTIAL, ms(NOW)),
    ]
    assert all(one.is_proven for one in found.signers)
    assert found.files == tuple(one.name for one in FILES)
    assert "Files: lease.txt, plans/Квартира 12.svg" in words_of(found, "en")
    assert found.closed_at_ms == ms(NOW)
    assert found.proven_until_ms == ms(office().stamping.certificate.not_valid_after_utc)


def test_one_file_is_the_document() -> None:
    found = verdict(closed(office(), made(office(), [LEASE])))

    assert found.verdict is Verdict.SEALED
    assert found.document_sha256 == hashlib.sha256(LEASE.data).digest()


def test_a_container_that_is_not_closed_is_amber_and_one_without_signatures_unsigned() -> None:
    assert verdict(open_tail()).verdict is Verdict.SIGNED
    assert reasons(verdict(open_tail())) == {Reason.OPEN_TAIL}
    assert verdict(new_container(FILES)).verdict is Verdict.UNSIGNED


def test_a_signature_after_the_closing_leaves_the_tail_open() -> None:
    more = signed(honest(), bound_to(office(), "Carol", honest()))

    assert reasons(verdict(more)) == {Reason.OPEN_TAIL}
    assert verdict(closed(office(), more)).verdict is Verdict.SEALED


def test_an_unknown_authority_proves_nobody() -> None:
    found = verdict(honest(), by=Office())

    assert found.verdict is Verdict.UNPROVEN
    assert not any(one.is_proven for one in found.signers)


def test_equal_files_make_equal_containers_that_other_programs_read() -> None:
    assert new_container(FILES) == new_container(FILES)
    with zipfile.ZipFile(io.BytesIO(honest())) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[:3] == ["mimetype", *(one.name for one in FILES)]
        assert archive.read(LEASE.name) == LEASE.data
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED


def _answered() -> tuple[Office, bytes]:
    """Its proofs are answers of responders; those about the first stamp came with the second."""
    one = Answering(NOW)
    once = closed(one, made(one, names=["Ann", "Bob"]))
    about = Proofs([], [one.answer_of(one.stamping.certificate, NOW)])
    return one, closed(one, once, proofs=about)


@pytest.mark.parametrize(
    "make", [lambda: (office(), honest()), _answered], ids=["lists", "answers"]
)
def test_openssl_verifies_each_signature_over_its_manifest(
    tmp_path: Path, make: Callable[[], tuple[Office, bytes]]
) -> None:
    who, container = make()
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        archive.extractall(tmp_path)
    root = who.root.certificate.public_bytes(Encoding.PEM)
    (tmp_path / "root.pem").write_bytes(root)
    openssl, folder = program("openssl"), "META-INF"
    for number in (1, 2):
        command = [openssl, "cms", "-verify", "-cades", "-binary", "-inform", "DER"]
        command += ["-in", f"{folder}/signature00{number}.p7s", "-CAfile", "root.pem"]
        command += ["-content", f"{folder}/ASiCManifest00{number}.xml", "-purpose", "any"]
        done = subprocess.run(
            [*command, "-out", "out"], cwd=tmp_path, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        manifest = (tmp_path / folder / f"ASiCManifest00{number}.xml").read_bytes()
        assert (tmp_path / "out").read_bytes() == manifest
    command = [openssl, "ts", "-verify", "-token_in", "-in", f"{folder}/timestamp001.tst"]
    command += ["-data", f"{folder}/ASiCArchiveManifest001.xml", "-CAfile", "root.pem"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


# What is signed is changed.


def _changed(
    change: Callable[[list[tuple[str, bytes]]], Sequence[tuple[str, bytes]]], **fields: int
) -> Callable[[], bytes]:
    return lambda: zipped(change(contents(honest())), **fields)


def _with(at: int, name: str, data: bytes = b"Pay 9999 EUR") -> Callable[[], bytes]:
    return _changed(lambda all_: [*all_[:at], (name, data), *all_[at:]])


def _replaced(name: str, data: bytes) -> Callable[[], bytes]:
    return _changed(lambda all_: [(one, data if one == name else held) for one, held in all_])


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: change(honest())


@functools.cache
def _packed() -> bytes:
    """Zeros above what an archive may hold."""
    packing = zlib.compressobj(1, zlib.DEFLATED, -15)
    return b"".join(packing.compress(bytes(1 << 20)) for _ in range(BOMB_MIB)) + packing.flush()


def _bomb() -> bytes:
    return zipped([("mimetype", _packed())], method=8, size=BOMB_MIB << 20)


def _lying_bomb() -> bytes:
    return zipped([("mimetype", _packed())], method=8, size=20)


MANIFEST = "META-INF/ASiCManifest001.xml"
ATTACKS: dict[str, Callable[[], bytes]] = {
    "a file is another": _replaced(LEASE.name, b"Pay 9999 EUR"),
    "a file is missing": _changed(lambda all_: [*all_[:1], *all_[2:]]),
    "files have changed places": _changed(lambda all_: [all_[0], all_[2], all_[1], *all_[3:]]),
    "a file outside the manifest": _with(3, "annex.txt"),
    "… between the signatures": _with(5, "annex.txt"),
    "… at the end": _with(99, "annex.txt"),
    "… among the signatures": _with(99, "META-INF/annex.txt"),
    "another form of signature beside": _with(99, "META-INF/signatures.xml"),
    "an entry is there twice": _with(2, LEASE.name),
    "… with the same content": _with(2, LEASE.name, LEASE.data),
    "a twin in capitals": _with(2, LEASE.name.upper()),
    "a twin in other letters of the same look": _with(2, "ｌease.txt"),
    "a path upwards": _with(3, "../lease.txt"),
    "a path from the root": _with(3, "/lease.txt"),
    "a path of Windows": _with(3, "..\\lease.txt"),
    "a drive": _with(3, "C:lease.txt"),
    "a name that turns": _with(3, "lease\u202etxt.exe"),
    "a name with a line's end": _with(3, "lease\n.txt"),
    "a name that ends in a dot": _with(3, "lease.txt."),
    "a folder": _with(3, "folder/"),
    "a second mimetype": _with(3, "mimetype"),
    "… in capitals": _with(3, "MIMETYPE"),
    "mimetype is not first": _changed(lambda all_: [all_[1], all_[0], *all_[2:]]),
    "another mimetype": _replaced("mimetype", b"application/zip"),
    "encrypted": _changed(list, flags=1),
    "described after itself": _changed(list, flags=8),
    "a link": _changed(list, attributes=0o120777 << 16),
    "a method that is not known": _changed(list, method=12),
    "says to be larger": _changed(list, size=1 << 20),
    "a bomb": _bomb,
    "a bomb that says to be small": _lying_bomb,
    "data after the end": _bytes(lambda data: data + b"more"),
    "a second archive after the end": _bytes(lambda data: data + zipped([("a", b"b")])),
    "data before the beginning": _bytes(lambda data: b"#!/bin/sh\n" + data),
    "a comment": _bytes(lambda data: data[:-2] + b"\4\0more"),
    "data before the directory": _bytes(lambda data: data.replace(b"PK\1\2", b"morePK\1\2", 1)),
    "a manifest of other digests": _replaced(
        MANIFEST, prepare(new_container([LEASE])).embed(b"")[-900:]
    ),
    "a manifest without a row": _changed(
        lambda all_: [
            (one, data.replace(_row_of(data), b"") if one == MANIFEST else data)
            for one, data in all_
        ]
    ),
    "a manifest with a comment": _changed(
        lambda all_: [
            (one, data.replace(b"</asic:A", b"<!----></asic:A") if one == MANIFEST else data)
            for one, data in all_
        ]
    ),
    "a signature is empty": _replaced("META-INF/signature001.p7s", b""),
    "a signature is another's": _changed(
        lambda all_: [
            (one, dict(all_)["META-INF/signature002.p7s"] if one.endswith("001.p7s") else data)
            for one, data in all_
        ]
    ),
    "the stamp is over something else": lambda: zipped(
        [
            (one, office().token(bytes(32), NOW) if one.endswith(".tst") else data)
            for one, data in contents(honest())
        ]
    ),
    "a signature was taken out under the stamp": _changed(
        lambda all_: [one for one in all_ if "002" not in one[0]]
    ),
    "cut": _bytes(lambda data: data[:-30]),
    "empty": lambda: b"",
    "not an archive": lambda: b"PK\3\4 hello",
}


def _row_of(manifest: bytes) -> bytes:
    start = manifest.index(b"<asic:DataObjectReference")
    end = b"</asic:DataObjectReference>"
    return manifest[start : manifest.index(end) + len(end)]


@each_row("make", ATTACKS.values())
def test_no_container_of_an_attacker_is_believed(make: Callable[[], bytes]) -> None:
    assert verdict(make()).verdict in BAD


@each_row("make", ATTACKS.values())
def test_nor_is_one_that_they_close_by_a_real_stamp(make: Callable[[], bytes]) -> None:
    try:
        again = closed(office(), make())
    except ArchiveError:
        return  # Our own writer refuses to write after it.

    assert verdict(again).verdict in BAD


@pytest.mark.parametrize("more", [1, 20_000, 40_000])
def test_nothing_hides_behind_what_is_packed(more: int) -> None:
    content = b"Pay 100 EUR"
    packing = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packing.compress(content) + packing.flush()

    def archive(body: bytes) -> bytes:
        made = zipped([("lease", body)], method=8, size=len(content))
        said, true = (struct.pack("<L", zlib.crc32(one)) for one in (body, content))
        return made.replace(said, true)

    assert read_archive(archive(packed))[0].data == content
    with pytest.raises(HiddenError):
        read_archive(archive(packed + bytes(more)))


def test_the_same_entries_by_hand_are_green() -> None:
    assert verdict(zipped(contents(honest()))).verdict is Verdict.SEALED


@given(st.data())
def test_no_changed_byte_is_ever_green(data: st.DataObject) -> None:
    held = bytearray(honest())
    at = data.draw(st.integers(0, len(held) - 1))
    held[at] ^= data.draw(st.integers(1, 255))

    if verdict(bytes(held)).verdict is Verdict.SEALED:
        # Bits between the blocks of a deflated entry, which say nothing.
        assert contents(bytes(held)) == contents(honest())


def test_an_honest_archive_of_others_is_not_called_false() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.etsi.asic-e+zip", zipfile.ZIP_STORED)
        archive.writestr("a.txt", "a")
        archive.writestr("META-INF/signatures0.xml", "<x/>")

    found = verdict(out.getvalue())

    assert found.verdict is Verdict.UNREADABLE


@each_row(
    "names",
    [
        [],
        ["../a"],
        ["a", "A"],
        ["mimetype"],
        ["META-INF/a"],
        ["Meta-Inf/a"],
        ["a" * 201],
        ["a/b", "a/B"],
        ["é", "e\u0301"],
        [f"{number}" for number in range(501)],
    ],
)
def test_files_that_could_hide_are_not_put_in(names: list[str]) -> None:
    with pytest.raises(ArchiveError):
        new_container([DataFile(name, "text/plain", b"x") for name in names])


def test_what_is_no_media_type_is_refused() -> None:
    with pytest.raises(ArchiveError):
        prepare(new_container([LEASE]), ['text/plain"/>'])


def test_nothing_is_closed_that_nobody_signed() -> None:
    with pytest.raises(ArchiveError, match="nobody has signed"):
        prepare_closing(new_container(FILES))


def test_a_hidden_entry_is_told_from_another_form() -> None:
    with pytest.raises(HiddenError):
        read_archive(honest() + b"x")
    with pytest.raises(ArchiveError) as caught:
        read_archive(b"hello")
    assert not isinstance(caught.value, HiddenError)


# Certificates and time.


def test_a_certificate_for_another_document_is_red() -> None:
    container = new_container(FILES)
    other = office().person("Alice", b"another document")

    found = verdict(closed(office(), signed(container, other)))

    assert found.verdict is Verdict.INVALID
    assert reasons(found) >= {Reason.OTHER_DOCUMENT}


def test_a_revoked_certificate_is_red_if_it_was_so_before_the_signature() -> None:
    container = new_container(FILES)
    alice = bound_to(office(), "Alice", container)
    data = closed(office(), signed(container, alice))

    def listed(since: dt.datetime) -> bytes:
        why = Revoked(since, x509.ReasonFlags.key_compromise)
        made = issuing.revocation_list(office().issuing, alice.certificate, LATER, why)
        return made.public_bytes(Encoding.DER)

    before = verdict(data, lists=[listed(NOW - dt.timedelta(minutes=1))])
    after = verdict(data, lists=[listed(NOW + dt.timedelta(minutes=1))])

    assert (before.verdict, reasons(before)) == (Verdict.INVALID, {Reason.REVOKED})
    assert after.verdict is Verdict.SEALED


def test_the_certificates_of_all_are_found() -> None:
    assert len(certificates_of(honest())) == 5  # Two persons, who issues, who stamps, the root.
    assert certificates_of(b"hello") == []


@functools.cache
def long_lived() -> tuple[bytes, bytes, tuple[x509.Certificate, ...]]:
    """A container as it was closed, and renewed after 14 years; who has lists."""
    town, at = office(), NOW + 14 * YEAR
    second = town.new_stamping(at)
    authorities = (town.issuing.certificate, town.stamping.certificate, second.certificate)
    proofs = Proofs(
        [second.certificate.public_bytes(Encoding.DER)],
        [town.list_of(one, at) for one in authorities],
    )
    return honest(), closed(town, honest(), at, proofs, second), authorities


@each_row(
    ("years", "is_renewed", "offline", "online"),
    [
        (0.8, False, Verdict.SEALED, Verdict.SEALED),
        (3, False, Verdict.SIGNED, Verdict.SEALED),
        (16, False, Verdict.UNPROVEN, Verdict.UNPROVEN),
        (14.1, True, Verdict.SEALED, Verdict.SEALED),
        (24, True, Verdict.SIGNED, Verdict.SEALED),
    ],
)
def test_a_container_outlives_its_certificates(
    years: float, is_renewed: bool, offline: Verdict, online: Verdict
) -> None:
    as_closed, renewed, authorities = long_lived()
    now = NOW + years * YEAR
    alive = [one for one in authorities if one.not_valid_after_utc > now]
    lists = [office().list_of(one, now) for one in alive]
    data = renewed if is_renewed else as_closed

    assert verdict(data, now).verdict is offline
    assert verdict(data, now, lists).verdict is online


def test_what_was_read_of_an_archive_goes_to_another_process_and_back() -> None:
    entries = read_archive(honest())

    assert write_archive(pickle.loads(pickle.dumps(entries))) == honest()  # noqa: S301 -- ours
